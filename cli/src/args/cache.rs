//! The commands on the store.

use clap::{Args, Subcommand};

/// `lap cache`.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Show what the store holds, its size on disk, and how much of it no image needs
    Du(CacheDu),
}

/// `lap cache du`.
#[derive(Args, Debug)]
pub(crate) struct CacheDu {
    /// table, json (sizes in bytes), a template of Go for each kind, or table and one
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) format: String,
}
