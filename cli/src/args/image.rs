//! The commands on images.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `lap images`.
#[derive(Args, Debug)]
pub(crate) struct Images {
    /// List all images, as always
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Print only ids
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print ids in full
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Show the digest that a registry knows each image by
    #[arg(long)]
    pub(crate) digests: bool,
    /// Show the platforms of each image
    #[arg(long, conflicts_with_all = ["quiet", "digests", "format"])]
    pub(crate) tree: bool,
    /// Only images with dangling=BOOL, label=KEY[=VALUE], reference=PATTERN, before=IMAGE,
    /// since=IMAGE, until=TIME
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
    /// table, json, a template of Go for each image, or table and one
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) format: String,
    /// Only images of this name
    #[arg(value_name = "REPOSITORY[:TAG]")]
    pub(crate) name: Option<String>,
}

/// `lap rmi`.
#[derive(Args, Debug)]
pub(crate) struct Rmi {
    /// Remove all names of an image that is given by its id
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Accepted: parents without a name, which Docker removes as well, do not exist here
    #[arg(long)]
    pub(crate) no_prune: bool,
    /// Of an image for several platforms, only that for this one; its names stay
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Vec<String>,
    /// Names or ids
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
}

/// `lap image prune`.
#[derive(Args, Debug)]
pub(crate) struct ImagePrune {
    /// Remove all images, those with a name too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Only images with until=TIME (made before), label=KEY[=VALUE], or label!=KEY[=VALUE] (without it).
    /// May be given more than once
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(crate) filters: Vec<String>,
}

/// `lap tag`.
#[derive(Args, Debug)]
pub(crate) struct Tag {
    /// Name or id
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Further name
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) name: String,
}

/// `lap inspect`.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// A template of Go for each image, or json
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Of an image for several platforms, that for this one
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// What is looked for
    #[arg(long, value_name = "KIND")]
    pub(crate) r#type: Option<ObjectKind>,
    /// Sizes are always shown
    #[arg(short, long)]
    pub(crate) size: bool,
    /// Names or ids
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
}

/// `--type` of what is inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectKind {
    Image,
}

/// `lap history`.
#[derive(Args, Debug)]
pub(crate) struct History {
    /// Print everything in full
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Print only ids
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print sizes and times for people
    #[arg(short = 'H', long, num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set,
          default_value = "true", default_missing_value = "true", hide_default_value = true,
          hide_possible_values = true, value_name = "BOOL")]
    pub(crate) human: bool,
    /// table, json, a template of Go for each step, or table and one
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) format: String,
    /// Of an image for several platforms, that for this one
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Print what each step added (A), changed (C) and deleted (D), and the bytes later steps waste
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) files: bool,
    /// Name or id
    pub(crate) image: String,
}

/// `lap diff`.
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// Of images for several platforms, those for this one
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Name or id of the image to start from
    pub(crate) before: String,
    /// Name or id of the image to compare with it
    pub(crate) after: String,
}

/// `lap save`.
#[derive(Args, Debug)]
pub(crate) struct Save {
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Form of the archive
    #[arg(long, default_value = "docker")]
    pub(crate) format: ArchiveFormat,
    /// How layers that were built here are compressed; others leave as they came
    #[arg(long, value_name = "KIND", default_value = "uncompressed")]
    pub(crate) compression: LayerCompression,
    /// From 0 (gzip) or 1 (zstd), fast, to 9 (gzip) or 22 (zstd), small
    #[arg(long, value_name = "LEVEL")]
    pub(crate) compression_level: Option<u32>,
    /// Compress layers that came otherwise like that as well
    #[arg(long)]
    pub(crate) force_compression: bool,
    /// Of an image for several platforms, only that for this one
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Names or ids
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
}

/// `--format` of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArchiveFormat {
    /// An OCI image layout.
    Oci,
    /// What `docker load` reads.
    Docker,
}

/// `lap load`.
#[derive(Args, Debug)]
pub(crate) struct Load {
    /// Archive or layout directory to read [default: standard input]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Of an image for several platforms, that for this one [default: this machine's]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Print nothing but the names
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `lap import`.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// Tar of a root file system, compressed or not: a file, a URL, or - for standard input
    pub(crate) file: PathBuf,
    /// Name of the image
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) name: Option<String>,
    /// Instruction that says how to run it, such as CMD or ENV
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub(crate) change: Vec<String>,
    /// Note in the image's history
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// What it is for [default: this machine's, DOCKER_DEFAULT_PLATFORM]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
}

/// `lap export`.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Of an image for several platforms, that for this one
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Name or id
    pub(crate) image: String,
}

/// `lap pull`.
#[derive(Args, Debug)]
pub(crate) struct Pull {
    /// Fetch all tags of the repository
    #[arg(short, long)]
    pub(crate) all_tags: bool,
    /// Print only the image's name
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Platform of the image [default: this machine's, DOCKER_DEFAULT_PLATFORM]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Name, with a tag or a digest
    pub(crate) image: String,
}

/// `lap push`.
#[derive(Args, Debug)]
pub(crate) struct Push {
    /// Send all tags of the repository
    #[arg(short, long)]
    pub(crate) all_tags: bool,
    /// Of an image for several platforms, only that for this one
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Print only the image's name
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// How layers that were built here are compressed; others leave as they came
    #[arg(long, value_name = "KIND", default_value = "gzip")]
    pub(crate) compression: LayerCompression,
    /// From 0 (gzip) or 1 (zstd), fast, to 9 (gzip) or 22 (zstd), small
    #[arg(long, value_name = "LEVEL")]
    pub(crate) compression_level: Option<u32>,
    /// Compress layers that came otherwise like that as well
    #[arg(long)]
    pub(crate) force_compression: bool,
    /// Name of an image, which says where it goes
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) image: String,
}

/// `--compression`, as buildx spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LayerCompression {
    Uncompressed,
    Gzip,
    Zstd,
}
