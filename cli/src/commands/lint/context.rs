//! The folders that Dockerfiles copy from: found, listed when a rule asks, and shared by all files that have the
//! same one.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lapstrake_linter::{Context, Files, HEAD, IgnoreText};
use lapstrake_parser::Dockerfile;
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_rootfs::context::{ContextList, list};
use lapstrake_rootfs::read::open_file;
use lapstrake_rootfs::{TreePath, View};

use super::super::build;
use super::super::input::{Input, is_dockerfile};
use super::usage;
use crate::failure::Failure;

/// The most paths of a folder that nobody has named: it may be anything, a home directory as well.
const MOST_GUESSED: usize = 100_000;

/// The most paths of any context.
const MOST: usize = 4_000_000;

/// The contexts of all files that are looked at.
#[derive(Default)]
pub(super) struct Contexts {
    /// `--context`.
    named: Option<PathBuf>,
    folders: Mutex<BTreeMap<(PathBuf, Option<PathBuf>), Found>>,
}

/// A context, or why it is none.
type Found = Result<Arc<Folder>, Failure>;

/// A context.
pub(super) struct Folder {
    directory: OwnedFd,
    /// What stands in front of the paths in it.
    name: String,
    /// The ignore file that counts: its path and its text.
    ignore: Option<(String, String)>,
    patterns: IgnoreFile,
    /// An ignore file that does not.
    instead_of: Option<String>,
    is_named: bool,
    list: OnceLock<Result<Option<ContextList>, Failure>>,
    /// What secrets are in files that somebody asked for.
    secrets: Mutex<HashMap<TreePath, Option<&'static str>>>,
}

impl Contexts {
    /// # Errors
    /// `named` is no folder.
    pub(super) fn new(named: Option<&Path>) -> Result<Self, Failure> {
        if let Some(path) = named.filter(|path| !path.is_dir()) {
            let failure = Failure::new(format!("the context {} is no folder", path.display()));
            return Err(usage(failure.help("name the folder that COPY takes files from")));
        }
        Ok(Self { named: named.map(Path::to_owned), folders: Mutex::default() })
    }

    /// The context of a file: the one that is named, else the one that it is built from, else the folder of a file that a
    /// build would find by its name. Nothing if it cannot be used.
    pub(super) fn of(&self, input: &Input, called: Option<&Path>) -> Option<Arc<Folder>> {
        let (path, file) = match (self.named.as_deref().or(called), input) {
            (Some(named), Input::File(file)) => (named.to_owned(), Some(file)),
            (Some(named), Input::Stdin) => (named.to_owned(), None),
            (None, Input::File(file)) if is_dockerfile(file) => (input.folder(), Some(file)),
            (None, _) => return None,
        };
        let own = file.map(|file| build::own_ignore(file)).filter(|own| own.exists());
        let is_named = self.named.is_some();
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let found = folders.entry((path, own)).or_insert_with_key(|(path, own)| {
            Folder::open(path, own.as_deref(), is_named).map(Arc::new)
        });
        found.as_ref().ok().map(Arc::clone)
    }

    /// What kept a context from being looked at, if one is named.
    pub(super) fn failures(&self) -> Vec<Failure> {
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = folders.values().filter_map(|found| match found {
            Ok(folder) => folder.list.get()?.as_ref().err(),
            Err(failure) => Some(failure),
        });
        failed.filter(|_| self.named.is_some()).cloned().collect()
    }
}

impl Folder {
    fn open(path: &Path, own: Option<&Path>, is_named: bool) -> Result<Self, Failure> {
        let cannot = |error: &std::io::Error| {
            Failure::new(format!("cannot use the context {}", path.display())).because(error)
        };
        let directory = File::open(path).map_err(|error| cannot(&error))?.into();
        let common = path.strip_prefix(".").unwrap_or(path).join(".dockerignore");
        let patterns = match own {
            Some(own) => build::ignore_at(own)?,
            None => build::common_ignore(path)?,
        };
        let counting = own.unwrap_or(&common);
        let bytes = fs::read(counting).ok();
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let name = |path: &Path| path.display().to_string();
        let mut prefix = name(path.strip_prefix(".").unwrap_or(path));
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        Ok(Self {
            directory,
            name: prefix,
            ignore: text.map(|text| (name(counting), text)),
            patterns,
            instead_of: own.filter(|_| common.exists()).map(|_| name(&common)),
            is_named,
            list: OnceLock::new(),
            secrets: Mutex::default(),
        })
    }

    /// What its ignore file leaves out.
    pub(super) const fn patterns(&self) -> &IgnoreFile {
        &self.patterns
    }

    /// What is in it; nothing if that is too much, or cannot be read.
    fn list(&self) -> Option<&ContextList> {
        let most = if self.is_named { MOST } else { MOST_GUESSED };
        let look = || {
            list(self.directory.as_fd(), &self.patterns, most).map_err(|error| {
                let failure = Failure::new("cannot look through the context").because(&error);
                match error.hint() {
                    Some(hint) => failure.help(hint),
                    None => failure,
                }
            })
        };
        self.list.get_or_init(look).as_ref().ok()?.as_ref()
    }

    fn head(&self, path: &TreePath) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = open_file(self.directory.as_fd(), path).ok()?;
        file.take(HEAD as u64).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn secret(&self, path: &TreePath) -> Option<&'static str> {
        let secrets = || self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = secrets().get(path) {
            return *known;
        }
        let found = self.head(path).and_then(|head| lapstrake_linter::secret_in(&head));
        secrets().insert(path.clone(), found);
        found
    }
}

/// A context as one Dockerfile has it.
pub(super) struct Sight<'a> {
    folder: &'a Folder,
    dockerfile: &'a Dockerfile,
    is_own: OnceLock<bool>,
}

impl<'a> Sight<'a> {
    pub(super) const fn new(folder: &'a Folder, dockerfile: &'a Dockerfile) -> Self {
        Self { folder, dockerfile, is_own: OnceLock::new() }
    }

    /// What is in the folder, unless it is not this Dockerfile's.
    fn list(&self) -> Option<&'a ContextList> {
        let list = self.folder.list()?;
        let fits = || lapstrake_linter::fits(self.dockerfile, &list.view, &list.hidden);
        (self.folder.is_named || *self.is_own.get_or_init(fits)).then_some(list)
    }

    /// True unless a rule has asked for the files, and the folder was not the right one.
    pub(super) fn was_right(&self) -> bool {
        match self.folder.list.get() {
            Some(Ok(Some(_))) => self.is_own.get() != Some(&false),
            Some(_) => false,
            None => true,
        }
    }

    /// Does something with what the rules may know.
    pub(super) fn with<T>(&self, then: impl FnOnce(Context<'_>) -> T) -> T {
        let tree = || self.list().map(|list| View::clone(&list.view));
        let head = |path: &TreePath| self.folder.head(path);
        let hidden = || self.list().map(|list| Arc::clone(&list.hidden)).unwrap_or_default();
        let ignore = self.folder.ignore.as_ref().map(|(name, text)| IgnoreText {
            name,
            text,
            patterns: &self.folder.patterns,
            instead_of: self.folder.instead_of.as_deref(),
        });
        let files = Files { tree: &tree, head: &head };
        let secret = |path: &TreePath| self.folder.secret(path);
        then(Context { name: &self.folder.name, files, secret: &secret, hidden: &hidden, ignore })
    }
}
