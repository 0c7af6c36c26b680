//! The commands on the folders behind `RUN --mount=type=cache`.

use clap::{Args, Subcommand};

use super::cache::Age;

/// `lap cache mounts`.
#[derive(Debug, Subcommand)]
pub(crate) enum MountsCommand {
    /// List them: what they are called in Dockerfiles, what they hold, who used them last
    #[command(alias = "list")]
    Ls(MountsLs),
    /// Remove them, and say how many bytes that freed; what a running build uses stays
    #[command(alias = "remove")]
    Rm(MountsRm),
}

/// `lap cache mounts ls`.
#[derive(Args, Debug)]
pub(crate) struct MountsLs {
    /// Print only ids
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print ids and steps in full
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// table, json (sizes in bytes), a template of Go for each mount, or table and one
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) format: String,
}

/// `lap cache mounts rm`.
#[derive(Args, Debug)]
pub(crate) struct MountsRm {
    /// Remove all that no running build uses
    #[arg(short, long, conflicts_with = "mounts")]
    pub(crate) all: bool,
    /// Remove what was not used since, such as 90m, 24h or 7d
    #[arg(long, value_name = "DURATION", conflicts_with = "mounts")]
    pub(crate) older_than: Option<Age>,
    /// What lap cache mounts ls shows: names, or beginnings of ids
    #[arg(value_name = "MOUNT", required_unless_present_any = ["all", "older_than"])]
    pub(crate) mounts: Vec<String>,
}
