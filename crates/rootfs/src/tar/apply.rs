//! Unpacking: the members of an archive become entries of a layer.
//!
//! Names and link targets are paths below the directory that is unpacked into: `..` stays inside
//! it, and links on the way to a member's parent are followed as if it were the root. The last
//! component is never followed: a member replaces a link that has its name.

use std::io::{ErrorKind, Read};

use super::member::{Member, MemberKind, Members};
use super::{ApplyError, Limits, OPAQUE, WHITEOUT, WHITEOUT_META};
use crate::view::resolve_links;
use crate::{Entry, Kind, LayerManifest, LayerWriter, Meta, Timestamp, TreePath, WriteError};

/// Files up to this size are read into memory and written by several threads.
const SMALL: u64 = 256 << 10;

/// How [`extract`] differs from what the archive says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extract {
    /// Owner and group of every member, and of the directory that is unpacked into if it is made.
    pub owner: Option<(u32, u32)>,
    /// What is taken at most.
    pub limits: Limits,
    /// Whether the archive stands for the whole directory: what it says of its root counts for that,
    /// and it may have no devices.
    pub whole: bool,
}

/// Unpacks `reader`, the uncompressed tar of an image's layer, with `writer`, which should see no
/// lower layers: a layer of an image is the same whatever it lies on.
///
/// Whiteouts (`.wh.name`, `.wh..wh..opq`) count for lower layers only, wherever they stand among
/// the members, as the image specification says; one that hides nothing in whatever lies below is
/// kept, though overlayfs then lists its name. Directories that are implied by names are
/// root's, mode 0755, of time 0. Attributes of overlayfs and character devices 0:0 do not get in:
/// the former are left out, the latter are an error. Other devices are left out where the process
/// may not make them (in a user namespace). The reader is read to its end.
///
/// # Errors
/// When the archive is damaged, ambiguous or exceeds `limits`, a member cannot be (a hard link to
/// nothing, something below a file, a reserved name), or the file system refuses.
pub fn apply(
    reader: impl Read,
    mut writer: LayerWriter,
    limits: &Limits,
) -> Result<LayerManifest, ApplyError> {
    let mut members = Members::new(reader, *limits);
    let root = TreePath::root();
    let mut unpack = Unpack::new(&mut writer, &root);
    unpack.whiteouts = true;
    unpack.all(&mut members, limits)?;
    members.drain()?;
    writer.finish().map_err(ApplyError::Finish)
}

/// Unpacks `reader`, an uncompressed tar, below the directory `at`, which is made (root's, mode
/// 0755, or of the `owner` asked for) when it is missing; directories that names imply are root's.
/// Existing entries are replaced member by member; directories are merged, and `at` itself stays as
/// it is, unless the archive stands for the `whole` of it.
///
/// # Errors
/// As [`apply`]; when a name looks like a whiteout: in a layer it would be one; when a member
/// lies behind a link that leads nowhere; and when an archive that stands for the `whole` has devices
/// or a root that is no directory.
pub fn extract(
    reader: impl Read,
    writer: &mut LayerWriter,
    at: &TreePath,
    options: Extract,
) -> Result<(), ApplyError> {
    let mut members = Members::new(reader, options.limits);
    let mut unpack = Unpack::new(writer, at);
    (unpack.owner, unpack.whole) = (options.owner, options.whole);
    let (uid, gid) = options.owner.unwrap_or_default();
    let made = implied().owned_by(uid, gid);
    unpack.writer.make_all(at, &made).map_err(ApplyError::Finish)?;
    unpack.all(&mut members, &options.limits)
}

struct Unpack<'a> {
    writer: &'a mut LayerWriter,
    at: &'a TreePath,
    whiteouts: bool,
    owner: Option<(u32, u32)>,
    whole: bool,
    /// A directory's name in the archive and where it led.
    last: Option<(TreePath, TreePath)>,
}

impl<'a> Unpack<'a> {
    fn new(writer: &'a mut LayerWriter, at: &'a TreePath) -> Self {
        Self { writer, at, whiteouts: false, owner: None, whole: false, last: None }
    }

    fn all<R: Read>(
        &mut self,
        members: &mut Members<R>,
        limits: &Limits,
    ) -> Result<(), ApplyError> {
        while let Some(member) = members.next()? {
            let path = TreePath::clean(&member.name);
            if path.components().count() > limits.depth {
                let limit = limits.depth as u64;
                return Err(ApplyError::Limit { what: "components in a path", limit });
            }
            if self.whole {
                fits_folder(&member, &path)?;
            }
            if has_reserved_name(&path) {
                self.reserved(&member, &path)?;
            } else if self.whiteouts || self.whole || !path.is_root() {
                self.place(&member, &path, members).map_err(|error| unpacking(&member, error))?;
            }
        }
        Ok(())
    }

    /// A whiteout, or a name that nothing may have.
    fn reserved(&mut self, member: &Member, path: &TreePath) -> Result<(), ApplyError> {
        let shown = || String::from_utf8_lossy(&member.name).into_owned();
        if !self.whiteouts {
            return Err(ApplyError::Reserved { member: shown() });
        }
        if path.components().any(|name| name != OPAQUE && name.starts_with(WHITEOUT_META)) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or_default();
        let hidden = path.name().strip_prefix(WHITEOUT).unwrap_or_default();
        if has_reserved_name(&parent) || matches!(hidden, b"" | b"." | b"..") {
            return Err(ApplyError::Reserved { member: shown() });
        }
        self.hide(&parent, (path.name() != OPAQUE).then_some(hidden))
            .map_err(|error| unpacking(member, error))
    }

    /// Hides `name` in `parent`, or everything in it.
    fn hide(&mut self, parent: &TreePath, name: Option<&[u8]>) -> Result<(), WriteError> {
        let parent = self.writer.resolve(parent, true)?;
        self.writer.make_all(&parent, &implied())?;
        match name {
            Some(name) => self.writer.whiteout(&parent.join(name)),
            None => self.writer.opaque(&parent),
        }
    }

    fn place<R: Read>(
        &mut self,
        member: &Member,
        path: &TreePath,
        content: &mut Members<R>,
    ) -> Result<(), WriteError> {
        let path = self.member_destination(path)?;
        let mut meta = Meta {
            mode: member.mode,
            uid: member.uid,
            gid: member.gid,
            mtime: member.mtime,
            xattrs: member.xattrs.clone(),
        };
        if let Some((uid, gid)) = self.owner {
            meta = meta.owned_by(uid, gid);
        }
        self.writer.make_parents(&path, &implied())?;
        match member.kind {
            MemberKind::Directory => self.writer.directory(&path, &meta),
            MemberKind::File => self.file(&path, &meta, member.size, content),
            MemberKind::HardLink => self.hard_link(&path, meta, &member.link),
            MemberKind::Symlink => self.writer.symlink(&path, &meta, &member.link),
            MemberKind::CharDevice { major, minor } => {
                without_privilege(self.writer.char_device(&path, &meta, major, minor))
            }
            MemberKind::BlockDevice { major, minor } => {
                without_privilege(self.writer.block_device(&path, &meta, major, minor))
            }
            MemberKind::Fifo => self.writer.fifo(&path, &meta),
        }
    }

    /// [`Unpack::destination`], remembered for the next member of the same directory: only a
    /// member of another one can change where that leads.
    fn member_destination(&mut self, path: &TreePath) -> Result<TreePath, WriteError> {
        let known = self.last.as_ref().filter(|(parent, _)| path.is_directly_below(parent));
        if let Some((_, parent)) = known {
            return Ok(parent.join(path.name()));
        }
        let destination = self.destination(path)?;
        self.last = path.parent().zip(destination.parent());
        Ok(destination)
    }

    /// Where a name of the archive leads: links above the last component are followed.
    fn destination(&self, path: &TreePath) -> Result<TreePath, WriteError> {
        let Some(parent) = path.parent() else { return Ok(self.at.clone()) };
        let kind = |below: &TreePath| {
            let entry = self.writer.entry(&self.at.join_path(below));
            entry.map(|entry| &entry.kind)
        };
        let resolved = resolve_links(&parent, true, kind)?;
        if !self.whiteouts && kind(&resolved).is_none() {
            self.refuse_dangling(&parent)?;
        }
        Ok(self.at.join_path(&resolved).join(path.name()))
    }

    /// An error when a link on the way to the directory `path` of the archive leads nowhere.
    fn refuse_dangling(&self, path: &TreePath) -> Result<(), WriteError> {
        let kind = |below: &TreePath| {
            let entry = self.writer.entry(&self.at.join_path(below));
            entry.map(|entry| &entry.kind)
        };
        let mut reached = TreePath::root();
        for component in path.components() {
            let next = reached.join(component);
            reached = resolve_links(&next, true, kind)?;
            match (kind(&next), kind(&reached)) {
                (None, _) => break,
                (Some(Kind::Symlink { .. }), None) => {
                    return Err(WriteError::Dangling { path: self.at.join_path(&next) });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn file<R: Read>(
        &mut self,
        path: &TreePath,
        meta: &Meta,
        size: u64,
        content: &mut Members<R>,
    ) -> Result<(), WriteError> {
        if size > SMALL {
            return self.writer.file(path, meta, content).map(drop);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        let read = content.read_to_end(&mut bytes);
        read.map_err(|source| WriteError::Content { path: path.clone(), source })?;
        self.writer.bytes_later(path, meta, bytes)
    }

    /// Mode, owner and time of the link count for the file, as in Docker; attributes only when
    /// there are any.
    fn hard_link(
        &mut self,
        path: &TreePath,
        mut meta: Meta,
        target: &[u8],
    ) -> Result<(), WriteError> {
        let target = self.destination(&TreePath::clean(target))?;
        if let Some(Entry { xattrs, .. }) =
            self.writer.own_entry(&target).filter(|_| meta.xattrs.is_empty())
        {
            meta.xattrs.clone_from(xattrs);
        }
        self.writer.hard_link(path, &target, Some(&meta))
    }
}

/// What directories are that no member stands for.
fn implied() -> Meta {
    Meta::of_root(0o755, Timestamp::default())
}

/// Who may not make devices does without them, as containerd does in a user namespace: nobody could
/// open them there anyway.
fn without_privilege(made: Result<(), WriteError>) -> Result<(), WriteError> {
    match made {
        Err(WriteError::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            Ok(())
        }
        other => other,
    }
}

/// Whether a folder can have the member: nothing is there in place of itself, and no device.
fn fits_folder(member: &Member, path: &TreePath) -> Result<(), ApplyError> {
    let shown = || String::from_utf8_lossy(&member.name).into_owned();
    match member.kind {
        MemberKind::CharDevice { .. } | MemberKind::BlockDevice { .. } => {
            Err(ApplyError::Device { member: shown() })
        }
        kind if path.is_root() && kind != MemberKind::Directory => {
            Err(ApplyError::Malformed { what: "the type", member: shown() })
        }
        _ => Ok(()),
    }
}

fn has_reserved_name(path: &TreePath) -> bool {
    path.components().any(|name| name.starts_with(WHITEOUT))
}

fn unpacking(member: &Member, source: WriteError) -> ApplyError {
    ApplyError::Write { member: String::from_utf8_lossy(&member.name).into_owned(), source }
}
