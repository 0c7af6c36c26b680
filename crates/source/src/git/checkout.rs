//! A commit with its submodules, written as a layer.
//!
//! `git` brings objects and lists trees; every file is written by [`LayerWriter`], which follows no
//! link. So nothing that a repository holds runs, and nothing leads out of the layer.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use lapstrake_rootfs::{LayerWriter, Meta, Timestamp, TreePath, WriteError};

use super::program::Git;
use super::repository::Repository;
use super::resolve::Resolved;
use super::submodule::{self, Submodule};
use super::tree::{self, Entry, Kind};
use super::{Remote, content};
use crate::{Error, Secrets};

/// How deep submodules may lie in each other, and how many there may be.
const MOST_DEPTH: usize = 16;
const MOST_SUBMODULES: usize = 1000;
/// Files up to this size are read into memory and written by several threads.
const SMALL: u64 = 256 << 10;
/// The longest target of a link.
const MOST_TARGET: u64 = 64 << 10;

/// What is wanted of a commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// A directory, cleaned, without a slash in front; all of it when there is none.
    pub(super) subdirectory: Option<&'a str>,
    pub(super) submodules: bool,
    /// The time of everything that is written.
    pub(super) time: Timestamp,
    /// The most bytes that all files may have.
    pub(super) most_bytes: u64,
}

/// A commit with its submodules, fetched and listed.
pub(super) struct Checkout<'a> {
    git: &'a Git<'a>,
    secrets: &'a Secrets,
    wanted: Wanted<'a>,
    /// The repository itself comes first.
    parts: Vec<Part<'a>>,
}

/// One repository of it.
struct Part<'a> {
    repository: Repository<'a>,
    commit: String,
    /// Where its work tree lies, with a slash behind; empty for the first one.
    prefix: Vec<u8>,
    entries: Vec<Entry>,
}

impl<'a> Checkout<'a> {
    /// Fetches a commit, and its submodules if they are wanted.
    pub(super) fn fetch(
        git: &'a Git<'a>,
        secrets: &'a Secrets,
        remote: &Remote,
        resolved: &Resolved,
        wanted: Wanted<'a>,
    ) -> Result<Self, Error> {
        let mut checkout = Self { git, secrets, wanted, parts: Vec::new() };
        let folder = git.folder().join("repository");
        let repository =
            Repository::new(git, remote.clone(), folder, &resolved.object, (true, secrets))?;
        checkout.add(repository, resolved, Vec::new(), 0)?;
        checkout.check_subdirectory()?;
        Ok(checkout)
    }

    /// The commit's own time, in seconds since 1970.
    pub(super) fn time(&self) -> Result<i64, Error> {
        self.parts.first().map_or(Ok(0), |part| part.repository.time(&part.commit))
    }

    /// Sets the time of everything that is written.
    pub(super) fn set_time(&mut self, time: Timestamp) {
        self.wanted.time = time;
    }

    fn add(
        &mut self,
        repository: Repository<'a>,
        resolved: &Resolved,
        prefix: Vec<u8>,
        depth: usize,
    ) -> Result<(), Error> {
        repository.fetch(resolved)?;
        let commit = repository.commit(&resolved.object)?;
        let entries = tree::entries(&repository, &commit)?;
        let is_module = |entry: &&Entry| {
            let path = [&prefix, entry.path.as_slice()].concat();
            self.wanted.submodules && entry.kind == Kind::Submodule && self.is_relevant(&path)
        };
        let modules: Vec<Entry> = entries.iter().filter(is_module).cloned().collect();
        let listed = match modules.is_empty() {
            true => Vec::new(),
            false => submodule::list(&repository, &commit, &entries)?,
        };
        let (parent, folder) = (repository.remote.clone(), repository.folder().to_owned());
        self.parts.push(Part { repository, commit, prefix: prefix.clone(), entries });
        for entry in modules {
            let Some(module) = Submodule::of(&entry, &listed, &parent)? else { continue };
            self.add_submodule(module, &entry, (&parent, &folder), &prefix, depth)?;
        }
        Ok(())
    }

    fn add_submodule(
        &mut self,
        module: &Submodule,
        entry: &Entry,
        (parent, folder): (&Remote, &Path),
        prefix: &[u8],
        depth: usize,
    ) -> Result<(), Error> {
        if depth >= MOST_DEPTH || self.parts.len() > MOST_SUBMODULES {
            return Err(Error::Hostile {
                remote: parent.to_string(),
                what: "submodules without end",
                name: module.name.clone(),
            });
        }
        let remote = module.remote(parent)?;
        let folder = folder.join("modules").join(&module.name);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let object = entry.object.clone();
        let repository = Repository::new(self.git, remote, folder, &object, (false, self.secrets))?;
        let resolved = Resolved { name: object.clone(), object, commit: None };
        let prefix = [prefix, entry.path.as_slice(), b"/"].concat();
        self.add(repository, &resolved, prefix, depth + 1)
    }

    /// Whether something at `path`, or below it, can be in what is wanted.
    fn is_relevant(&self, path: &[u8]) -> bool {
        let Some(wanted) = self.wanted.subdirectory else { return true };
        lies_in(path, wanted.as_bytes()) || lies_in(wanted.as_bytes(), path)
    }

    /// Every part of the path to the directory has to be a directory, not a link to one.
    fn check_subdirectory(&self) -> Result<(), Error> {
        let Some(wanted) = self.wanted.subdirectory else { return Ok(()) };
        let remote = || self.parts.first().map(|part| part.repository.remote.to_string());
        let mut exists = false;
        for part in &self.parts {
            for entry in &part.entries {
                let path = [&part.prefix, entry.path.as_slice()].concat();
                let is_above = lies_in(wanted.as_bytes(), &path);
                if is_above && entry.kind != Kind::Submodule {
                    let path = String::from_utf8_lossy(&path).into_owned();
                    return Err(Error::NotDirectory { remote: remote().unwrap_or_default(), path });
                }
                exists |= lies_in(&path, wanted.as_bytes());
            }
        }
        match exists {
            true => Ok(()),
            false => Err(Error::NoDirectory {
                remote: remote().unwrap_or_default(),
                path: wanted.to_owned(),
            }),
        }
    }

    /// Writes everything that is wanted.
    pub(super) fn write(&self, writer: &mut LayerWriter) -> Result<(), Error> {
        let mut budget = self.wanted.most_bytes;
        for part in &self.parts {
            let placed = |entry: &&Entry| self.place(part, entry).is_some();
            for entry in part.entries.iter().filter(|entry| entry.kind == Kind::Submodule) {
                if let Some(path) = self.place(part, entry) {
                    self.directory(writer, &path).map_err(part.failed())?;
                }
            }
            let files = part.entries.iter().filter(|entry| entry.kind != Kind::Submodule);
            let files: Vec<&Entry> = files.filter(placed).collect();
            content::read(&part.repository, &part.commit, &files, &mut |entry, size, content| {
                budget = budget.checked_sub(size).ok_or_else(|| Error::TooLarge {
                    url: part.repository.remote.to_string(),
                    limit: self.wanted.most_bytes,
                })?;
                let Some(path) = self.place(part, entry) else { return Ok(()) };
                self.entry(writer, &path, entry.kind, (size, content)).map_err(part.failed())
            })?;
        }
        Ok(())
    }

    /// Where an entry is in the layer; `None` when it is not wanted.
    fn place(&self, part: &Part<'_>, entry: &Entry) -> Option<TreePath> {
        let path = [&part.prefix, entry.path.as_slice()].concat();
        let path = match self.wanted.subdirectory {
            None => path.as_slice(),
            Some(wanted) => path.strip_prefix(wanted.as_bytes())?.strip_prefix(b"/")?,
        };
        Some(TreePath::clean(path))
    }

    fn meta(&self, mode: u32) -> Meta {
        Meta::of_root(mode, self.wanted.time)
    }

    fn directory(&self, writer: &mut LayerWriter, path: &TreePath) -> Result<(), WriteError> {
        writer.make_all(path, &self.meta(0o755))
    }

    fn entry(
        &self,
        writer: &mut LayerWriter,
        path: &TreePath,
        kind: Kind,
        (size, content): (u64, &mut dyn Read),
    ) -> Result<(), WriteError> {
        writer.make_parents(path, &self.meta(0o755))?;
        let mode = if kind == (Kind::File { is_executable: true }) { 0o755 } else { 0o644 };
        let limit = if kind == Kind::Symlink { MOST_TARGET } else { SMALL };
        if kind != Kind::Symlink && size > SMALL {
            return writer.file(path, &self.meta(mode), content).map(drop);
        }
        let mut bytes = Vec::new();
        let read = content.take(limit).read_to_end(&mut bytes);
        read.map_err(|source| WriteError::Content { path: path.clone(), source })?;
        match kind {
            Kind::Symlink => writer.symlink(path, &self.meta(0o777), &bytes),
            _ => writer.bytes_later(path, &self.meta(mode), bytes),
        }
    }

    /// Writes the repository itself as `.git`, as a clone at this commit has it. Its submodules
    /// find theirs in it.
    pub(super) fn write_repositories(&self, writer: &mut LayerWriter) -> Result<(), Error> {
        let Some(first) = self.parts.first() else { return Ok(()) };
        for part in &self.parts {
            part.repository.settle(&part.commit)?;
        }
        for part in self.parts.iter().skip(1) {
            let inner = part.repository.folder().strip_prefix(first.repository.folder());
            let inner = inner.unwrap_or(Path::new(""));
            let tree = String::from_utf8_lossy(&part.prefix).trim_end_matches('/').to_owned();
            let up = "../".repeat(inner.components().count() + 1);
            part.repository.configure("core.worktree", &format!("{up}{tree}"))?;
            let up = "../".repeat(tree.split('/').count());
            let link = format!("gitdir: {up}.git/{}\n", inner.display());
            let path = TreePath::clean(format!("{tree}/.git").as_bytes());
            let written = writer.make_parents(&path, &self.meta(0o755));
            written
                .and_then(|()| writer.bytes_later(&path, &self.meta(0o644), link.into_bytes()))
                .map_err(part.failed())?;
        }
        let path = TreePath::root().join(b".git");
        self.copy(writer, first, first.repository.folder(), &path)
    }

    /// Copies a folder that `git` has just made, which nobody else writes to.
    fn copy(
        &self,
        writer: &mut LayerWriter,
        part: &Part<'_>,
        folder: &Path,
        place: &TreePath,
    ) -> Result<(), Error> {
        self.directory(writer, place).map_err(part.failed())?;
        for found in fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let found = found.map_err(Error::io("list", folder))?;
            let (path, name) = (found.path(), found.file_name());
            let place = place.join(name.as_encoded_bytes());
            let metadata = found.metadata().map_err(Error::io("look at", &path))?;
            if metadata.is_dir() {
                self.copy(writer, part, &path, &place)?;
            } else if metadata.is_file() {
                // As the usual umask would have it, whatever ours is.
                let own = metadata.permissions().mode() >> 6 & 0o7;
                let meta = self.meta(own << 6 | (own & 0o5) << 3 | own & 0o5);
                let open = Box::new(move || File::open(&path));
                writer
                    .file_later(&place, &meta, metadata.size(), open, None)
                    .map_err(part.failed())?;
            }
        }
        Ok(())
    }
}

impl Part<'_> {
    /// For `map_err`.
    fn failed(&self) -> impl FnOnce(WriteError) -> Error + use<> {
        let what = self.repository.remote.to_string();
        move |source| Error::Write { what, source }
    }
}

/// Whether `path` is `above` or below it.
fn lies_in(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
