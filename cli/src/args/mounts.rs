//! The commands on the folders behind `RUN --mount=type=cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::cache::Age;
use super::image::LayerCompression;

/// `lap cache mounts`.
#[derive(Debug, Subcommand)]
pub(crate) enum MountsCommand {
    /// List them: what they are called in Dockerfiles, what they hold, who used them last
    #[command(alias = "list")]
    Ls(MountsLs),
    /// Remove them, and say how many bytes that freed; what a running build uses stays
    #[command(alias = "remove")]
    Rm(MountsRm),
    /// Write what a mount holds into a tar, to keep it elsewhere
    Export(MountsExport),
    /// Put what a tar holds into a mount, which is made where there is none
    Import(MountsImport),
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

/// `lap cache mounts export`.
#[derive(Args, Debug)]
pub(crate) struct MountsExport {
    /// File to write, - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(crate) output: PathBuf,
    /// How the tar is compressed [default: as the name of the file says]
    #[arg(long, value_name = "KIND")]
    pub(crate) compression: Option<LayerCompression>,
    /// From 0 (gzip) or 1 (zstd), fast, to 9 (gzip) or 22 (zstd), small
    #[arg(long, value_name = "LEVEL")]
    pub(crate) compression_level: Option<u32>,
    /// What lap cache mounts ls shows: a name, or the beginning of an id
    #[arg(value_name = "MOUNT")]
    pub(crate) mount: String,
}

/// `lap cache mounts import`.
#[derive(Args, Debug)]
pub(crate) struct MountsImport {
    /// Archive to read, compressed or not, - for standard input
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(crate) input: PathBuf,
    /// Keep what is in the mount, but for what the archive has under the same name
    #[arg(long)]
    pub(crate) merge: bool,
    /// A name, or the beginning of an id. What is not there is made: what it is called in Dockerfiles
    /// (id=, else the target), or for one with mode, uid, gid or from its whole id
    #[arg(value_name = "MOUNT")]
    pub(crate) mount: String,
}
