//! `lap explain`.

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// What stands in brackets above the fault; without it, all codes are listed
    pub(crate) code: Option<String>,
}
