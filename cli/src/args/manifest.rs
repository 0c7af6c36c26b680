//! Lists of images for several platforms.

use clap::{Args, Subcommand};

/// `lap manifest`.
#[derive(Debug, Subcommand)]
pub(crate) enum ManifestCommand {
    /// Show the manifest that a registry has under a name
    Inspect(ManifestInspect),
    /// Make a list of images that registries have
    Create(ManifestCreate),
    /// Change what platform an image of a list is for
    Annotate(ManifestAnnotate),
    /// Send a list to its registry, with the images that are missing there
    Push(ManifestPush),
    /// Forget lists
    Rm(ManifestRm),
}

/// `lap manifest inspect`.
#[derive(Args, Debug)]
pub(crate) struct ManifestInspect {
    /// Speak to the registry without TLS, or without checking its certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Show names, digests and platforms too, and the manifests of a list
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Show what the registry has about it instead: signatures, lists of packages and the like
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) referrers: bool,
    /// A list that is here or in a registry, or an image in a registry; with two names the second is
    /// in the list that the first one names
    #[arg(required = true, num_args = 1..=2, value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// `lap manifest create`.
#[derive(Args, Debug)]
pub(crate) struct ManifestCreate {
    /// Add to a list that there is
    #[arg(short, long)]
    pub(crate) amend: bool,
    /// Speak to the registries without TLS, or without checking their certificates
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Name of the list
    #[arg(value_name = "LIST")]
    pub(crate) list: String,
    /// Images, or other lists, in registries
    #[arg(required = true, value_name = "MANIFEST")]
    pub(crate) manifests: Vec<String>,
}

/// `lap manifest annotate`.
#[derive(Args, Debug)]
pub(crate) struct ManifestAnnotate {
    /// Operating system
    #[arg(long, value_name = "OS")]
    pub(crate) os: Option<String>,
    /// Architecture
    #[arg(long, value_name = "ARCH")]
    pub(crate) arch: Option<String>,
    /// Variant of the architecture
    #[arg(long, value_name = "VARIANT")]
    pub(crate) variant: Option<String>,
    /// Version of the operating system
    #[arg(long, value_name = "VERSION")]
    pub(crate) os_version: Option<String>,
    /// Feature of the operating system
    #[arg(long, value_name = "FEATURE")]
    pub(crate) os_features: Vec<String>,
    /// Name of the list
    #[arg(value_name = "LIST")]
    pub(crate) list: String,
    /// Image in it
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: String,
}

/// `lap manifest push`.
#[derive(Args, Debug)]
pub(crate) struct ManifestPush {
    /// Speak to the registry without TLS, or without checking its certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Forget the list afterwards
    #[arg(short, long)]
    pub(crate) purge: bool,
    /// Name of the list
    #[arg(value_name = "LIST")]
    pub(crate) list: String,
}

/// `lap manifest rm`.
#[derive(Args, Debug)]
pub(crate) struct ManifestRm {
    /// Names of lists
    #[arg(required = true, value_name = "LIST")]
    pub(crate) lists: Vec<String>,
}
