//! `lap lsp`.

use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "docs/lsp.md says how to set up an editor")]
pub(crate) struct Lsp {
    /// Standard input and output, which is all there is: some editors add the flag
    #[arg(long)]
    stdio: bool,
    /// The editor's process, which some editors name: the server ends with its input all the same
    #[arg(long = "clientProcessId", value_name = "ID", hide = true)]
    client_process_id: Option<u32>,
}
