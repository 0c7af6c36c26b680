//! Searching registries.

use clap::Args;

/// `lap search`.
#[derive(Args, Debug)]
pub(crate) struct Search {
    /// Only repositories with is-official=BOOL, is-automated=BOOL, stars=NUMBER at least
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
    /// table, json, a template of Go for each repository, or table and one
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) format: String,
    /// How many are asked for
    #[arg(long, value_name = "NUMBER", default_value_t = 25,
          value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) limit: u16,
    /// Print descriptions in full
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// What is looked for, in Docker Hub or in REGISTRY
    #[arg(value_name = "[REGISTRY/]TERM")]
    pub(crate) term: String,
}
