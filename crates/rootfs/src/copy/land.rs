//! Finds and makes the place in the image where something is to land (A11.2).

use lapstrake_parser::mode::Mode;

use super::{CopyError, CopySpec};
use crate::view::ResolveError;
use crate::{LayerWriter, Meta, Timestamp, TreePath};

/// A destination as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// Where it is, links not yet followed.
    pub(super) path: TreePath,
    /// Written as a directory.
    pub(super) is_directory: bool,
}

impl Destination {
    pub(super) fn of(raw: &[u8]) -> Self {
        let path = TreePath::clean(raw);
        let is_directory = path.is_root() || raw.ends_with(b"/") || raw.ends_with(b"/.");
        Self { path, is_directory }
    }
}

/// Makes directories; `index` is the source that they are made for.
pub(super) struct Ground<'a> {
    pub(super) writer: &'a mut LayerWriter,
    pub(super) index: Option<usize>,
}

impl Ground<'_> {
    /// Where `path` leads in the image, its last component followed too; perhaps nothing is there.
    pub(super) fn resolve(&self, path: &TreePath) -> Result<TreePath, CopyError> {
        let index = self.index;
        self.writer.resolve(path, true).map_err(|source| match source {
            ResolveError::NotDirectory { path } => CopyError::NotDirectory { index, path },
            source => CopyError::Destination { index, path: path.clone(), source },
        })
    }

    /// Whether a directory is at `path`, following no link.
    ///
    /// # Errors
    /// When something else is there.
    pub(super) fn has_directory(&self, path: &TreePath) -> Result<bool, CopyError> {
        match self.writer.entry(path) {
            None => Ok(path.is_root()),
            Some(entry) if entry.is_directory() => Ok(true),
            Some(_) => Err(CopyError::NotDirectory { index: self.index, path: path.clone() }),
        }
    }

    /// Sees to it that `path` leads to a directory, and returns where it leads. What exists stays
    /// as it is; what does not is made with `meta`.
    pub(super) fn make_directory(
        &mut self,
        path: &TreePath,
        meta: &Meta,
    ) -> Result<TreePath, CopyError> {
        let place = self.resolve(path)?;
        if !self.has_directory(&place)? {
            self.make_parents(&place, meta)?;
            self.written(|writer| writer.directory(&place, meta))?;
        }
        Ok(place)
    }

    /// Makes the missing directories above the resolved `place`.
    pub(super) fn make_parents(&mut self, place: &TreePath, meta: &Meta) -> Result<(), CopyError> {
        self.written(|writer| writer.make_parents(place, meta))
    }

    /// Does something with the writer.
    pub(super) fn written<T>(
        &mut self,
        write: impl FnOnce(&mut LayerWriter) -> Result<T, crate::WriteError>,
    ) -> Result<T, CopyError> {
        let index = self.index;
        write(self.writer).map_err(|source| match source {
            crate::WriteError::NotDirectory { path } => CopyError::NotDirectory { index, path },
            source => CopyError::Write { index, source },
        })
    }
}

impl CopySpec {
    /// What directories have that are created on the way to the destination.
    pub(super) fn parents(&self) -> Meta {
        self.created(self.directory_mode(), self.made)
    }

    /// What the destination has when it is created for a directory that was changed at `mtime`.
    pub(super) fn destination_directory(&self, mtime: Timestamp) -> Meta {
        self.created(self.directory_mode(), mtime)
    }

    /// What the directory has that is created for an archive: `--chmod` is not for it.
    pub(super) fn archive_root(&self) -> Meta {
        self.created(0o755, self.made)
    }

    /// An octal mode is for directories that are created as well, without its special bits.
    fn directory_mode(&self) -> u32 {
        match self.mode {
            Some(Mode::Octal(octal)) => octal & 0o777,
            _ => 0o755,
        }
    }

    fn created(&self, mode: u32, mtime: Timestamp) -> Meta {
        let (uid, gid) = self.owner.unwrap_or_default();
        Meta::of_root(mode, mtime).owned_by(uid, gid)
    }
}

/// WORKDIR: sees to it that `path` leads to a directory. Links are followed inside the root;
/// directories that are missing are made with mode 0755, `owner` and `mtime`; an existing one
/// stays as it is.
///
/// # Errors
/// When something else than a directory is in the way, links loop, or writing fails.
pub fn make_directory(
    writer: &mut LayerWriter,
    path: &TreePath,
    owner: (u32, u32),
    mtime: Timestamp,
) -> Result<(), CopyError> {
    let meta = Meta::of_root(0o755, mtime).owned_by(owner.0, owner.1);
    Ground { writer, index: None }.make_directory(path, &meta).map(|_| ())
}
