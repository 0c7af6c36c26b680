//! What is known about a build beside its Dockerfile: plain data that somebody else has found out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lapstrake_oci::{ImageConfig, Platform};
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::{OtherFile, Spanned};
use lapstrake_rootfs::TreePath;

use crate::day::Day;
use crate::files::{Context, Files, Tree};

/// What is known about a build.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The values of `--build-arg`.
    pub arguments: BTreeMap<String, String>,
    /// The stage that is built, if it is not the last one.
    pub target: Option<String>,
    /// What the image is for.
    pub platform: Platform,
    /// What the building machine is.
    pub build_platform: Platform,
    /// What is known about each stage, in file order. Nothing about those that are missing.
    pub stages: Vec<KnownStage<'a>>,
    /// What the context leaves out; nothing if there is no context.
    pub ignore: Option<&'a IgnoreFile>,
    /// The files that COPY can take, if they are known.
    pub context: Option<Context<'a>>,
    /// Who builds the file, as far as that is known.
    pub callers: &'a [Caller],
    /// What day it is: comments may silence rules until one. If it is not known, they all do.
    pub today: Option<Day>,
}

/// A build of the file that something else of the project asks for: a compose file, a bake file, a pipeline.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The file that asks.
    pub file: Arc<OtherFile>,
    /// The stage that it names.
    pub target: Option<Spanned<String>>,
    /// The names of the build arguments that it gives.
    pub arguments: Vec<Spanned<String>>,
    /// The names of the contexts that it gives beside the main one.
    pub contexts: Vec<String>,
    /// The platforms that it names.
    pub platforms: Vec<String>,
}

/// What is known about a stage.
#[derive(Clone, Copy, Debug)]
pub struct KnownStage<'a> {
    /// False if nothing that is built needs it: what its instructions come to does not matter.
    pub needed: bool,
    /// The config of the image it starts from. Nothing if it starts from another stage, from
    /// `scratch`, or from an image that is not known.
    pub base: Option<&'a ImageConfig>,
    /// The digest that the image's name stood for when it was pulled, as `sha256:…`.
    pub digest: Option<&'a str>,
    /// Of an image that is named by tag and digest: the digest that the tag stood for when it was pulled, if that is
    /// another one.
    pub moved: Option<&'a str>,
    /// The files of that image.
    pub files: Option<Files<'a>>,
    /// The layers that its instructions came to when the file was built last, in file order: as far as
    /// each stands on the one before, and the first on what the stage starts from.
    pub made: &'a [Made<'a>],
}

/// The layer of an instruction.
#[derive(Clone)]
pub struct Made<'a> {
    /// Where the instruction starts, in bytes.
    pub at: usize,
    /// What is in the layer, whiteouts included.
    pub files: Files<'a>,
    /// The sum of the sizes of its files, in bytes.
    pub size: u64,
    /// How long it took, if it was executed here.
    pub took: Option<Duration>,
    /// How long ago that was.
    pub age: Duration,
    /// The variable whose value had it executed again, if one had.
    pub changed: Option<Changed>,
    /// What was in another layer that it came to when it was executed on the same files, if there was one.
    pub other: Tree<'a>,
    /// The packages that the package lists in the layer have.
    pub packages: Packages<'a>,
    /// The digests of its files.
    pub digests: Digests<'a>,
    /// The ids of the cache mounts in which it left no file.
    pub idle_caches: Vec<String>,
}

/// Gives the digest of the whole regular file at a path, as `sha256:…`; nothing if there is none. Reads it: only for who
/// needs it.
#[derive(Clone, Copy)]
pub struct Digests<'a>(pub &'a (dyn Fn(&TreePath) -> Option<String> + Sync + 'a));

/// Gives packages, the same each time. Reads files: only for who needs them.
#[derive(Clone, Copy)]
pub struct Packages<'a>(pub &'a (dyn Fn() -> Vec<Package> + Sync + 'a));

/// A package that was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Of what it is, as package URLs name it: `deb`, `apk`, `pypi`, ….
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// Its version, as its package manager writes it.
    pub version: String,
}

impl fmt::Debug for Made<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made")
            .field("at", &self.at)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Digests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Digests").finish_non_exhaustive()
    }
}

impl fmt::Debug for Packages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Packages").finish_non_exhaustive()
    }
}

/// A variable with its value in two builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// What it was.
    pub before: String,
    /// What it was in the last build.
    pub after: String,
}

impl<'a> KnownStage<'a> {
    /// Of the image at most the config is known.
    pub const fn new(needed: bool, base: Option<&'a ImageConfig>) -> Self {
        Self { needed, base, digest: None, moved: None, files: None, made: &[] }
    }
}

impl Caller {
    /// The architectures that it builds for, if they are several.
    pub(crate) fn architectures(&self) -> Option<BTreeSet<&str>> {
        let parts = self.platforms.iter().filter_map(|platform| platform.split('/').nth(1));
        let all: BTreeSet<&str> = parts.filter(|name| !name.contains('$')).collect();
        (all.len() > 1).then_some(all)
    }
}

impl Known<'_> {
    /// Nothing is known: the file alone, for this machine.
    pub fn nothing() -> Self {
        Self {
            arguments: BTreeMap::new(),
            target: None,
            platform: Platform::host(),
            build_platform: Platform::host(),
            stages: Vec::new(),
            ignore: None,
            context: None,
            callers: &[],
            today: None,
        }
    }

    /// What is known about the stage of that number.
    pub(crate) fn stage(&self, index: usize) -> KnownStage<'_> {
        self.stages.get(index).copied().unwrap_or(KnownStage::new(true, None))
    }
}
