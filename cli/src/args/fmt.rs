//! `lap fmt`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 done, 1 --check or --diff found a file that would change, 2 wrong \
                  usage or a file that cannot be read or written, 3 no files, 4 a file that is no \
                  Dockerfile: it stays as it is"
)]
pub(crate) struct Fmt {
    /// Dockerfiles, folders to look for them in, or - for standard input, which goes to standard output
    #[arg(value_name = "FILE|DIR|-", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// Change nothing: name the files that would change
    #[arg(long)]
    pub(crate) check: bool,
    /// Change nothing: show what would change
    #[arg(long)]
    pub(crate) diff: bool,
}
