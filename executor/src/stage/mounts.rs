//! Everything that is mounted below the root directory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags};

use crate::error::{Error, Operation, Refusal};
use crate::inside;
use crate::plan::{Attribute, NewMount, Place};
use crate::spec::{Scratch, Source};
use crate::sys;

use super::overlay::{Layer, Overlay};
use super::place::{self, Kind};
use super::rootfs::{Outside, attach, open_directory};

/// Names in the scratch file system.
const EMPTY: &str = "empty";
const NULL: &str = "null";

/// The only files below `/proc` that may be replaced (runc `checkProcMount`): what lxcfs serves.
const REPLACEABLE: &[&[u8]] = &[
    b"/proc/cpuinfo",
    b"/proc/diskstats",
    b"/proc/loadavg",
    b"/proc/meminfo",
    b"/proc/slabinfo",
    b"/proc/stat",
    b"/proc/swaps",
    b"/proc/uptime",
];

/// Devices that a bind mount may bring in: they give nothing away.
const HARMLESS: &[(u32, u32)] = &[(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0)];

impl Outside {
    pub(super) fn mount_scratch(&mut self, on: &Path, size: Option<u64>) -> Result<(), Error> {
        let place = open_directory(rustix::fs::CWD, on)?;
        let size = size.map(|size| ("size".into(), size.to_string()));
        let options: Vec<_> = [("mode".into(), "700".into())].into_iter().chain(size).collect();
        let scratch = new_filesystem("tmpfs", &options, &[])?;
        attach(scratch.as_fd(), place.as_fd())
            .and_then(|()| rustix::fs::mkdirat(&scratch, EMPTY, Mode::from_raw_mode(0o755)))
            .map_err(Error::system(Operation::Mount, "scratch"))?;
        self.scratch = Some(scratch);
        Ok(())
    }

    /// Returns the root of what was mounted.
    pub(super) fn mount_on(
        &mut self,
        mount: &NewMount,
        target: &[u8],
        place: Place,
    ) -> Result<OwnedFd, Error> {
        let (new, kind) = self.new_mount(mount, target)?;
        let place = match place {
            Place::System => self.tree.system_directory(target)?,
            Place::Stub => self.stub(target, kind)?,
        };
        attach(new.as_fd(), place.as_fd()).map_err(Error::system(Operation::MountOn, target))?;
        Ok(new)
    }

    fn stub(&mut self, target: &[u8], kind: Kind) -> Result<OwnedFd, Error> {
        let inside_proc = || Error::refused(Operation::MountOn, target, Refusal::InsideProc);
        if target.starts_with(b"/proc/") && !REPLACEABLE.contains(&target) {
            return Err(inside_proc());
        }
        let place = self.tree.open_or_create(target, kind)?;
        let stat = rustix::fs::fstat(&place).map_err(Error::system(Operation::Stat, target))?;
        // The kernel's word for it is that an argument is invalid.
        match (FileType::from_raw_mode(stat.st_mode).is_dir(), kind) {
            (true, Kind::File) => {
                return Err(Error::refused(Operation::MountOn, target, Refusal::IsDirectory));
            }
            (false, Kind::Directory) => {
                return Err(Error::refused(Operation::MountOn, target, Refusal::NotDirectory));
            }
            (true, Kind::Directory) | (false, Kind::File) => {}
        }
        let in_proc = place::is_in_proc(place.as_fd());
        let in_proc = in_proc.map_err(Error::system(Operation::Stat, target))?;
        if in_proc && !REPLACEABLE.contains(&target) {
            return Err(inside_proc());
        }
        Ok(place)
    }

    fn new_mount(&mut self, mount: &NewMount, target: &[u8]) -> Result<(OwnedFd, Kind), Error> {
        match mount {
            NewMount::Filesystem { kind, options, attributes } => {
                Ok((new_filesystem(kind, options, attributes)?, Kind::Directory))
            }
            NewMount::Tmpfs { size, mode, attributes } => {
                let mode = mode.or_else(|| self.tree.directory_mode(target)).unwrap_or(0o1777);
                let mut options = vec![("mode".to_owned(), format!("{mode:o}"))];
                options.extend(size.map(|size| ("size".to_owned(), size.to_string())));
                Ok((new_filesystem("tmpfs", &options, attributes)?, Kind::Directory))
            }
            NewMount::Bind { source, recursive, attributes } => {
                self.new_bind(source, *recursive, attributes)
            }
            NewMount::File { content, mode, uid, gid, attributes } => {
                let owner = (Uid::from_raw(*uid), Gid::from_raw(*gid));
                let file = self.write_file(content, Mode::from_raw_mode(*mode), owner);
                let file = file.map_err(Error::system(Operation::Write, "inline file"))?;
                set_attributes(file.as_fd(), attributes, false)
                    .map_err(Error::system(Operation::Mount, "inline file"))?;
                Ok((file, Kind::File))
            }
        }
    }

    fn new_bind(
        &mut self,
        source: &Source,
        recursive: bool,
        attributes: &[Attribute],
    ) -> Result<(OwnedFd, Kind), Error> {
        let (open, name) = self.open_source(source)?;
        let fail = || Error::system(Operation::Mount, name.as_slice());
        let stat = rustix::fs::fstat(&open).map_err(fail())?;
        let mount = clone_tree(open.as_fd(), "", recursive).map_err(fail())?;
        let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        let file_type = FileType::from_raw_mode(stat.st_mode);
        let harmless = file_type == FileType::CharacterDevice && HARMLESS.contains(&device);
        let attributes: Vec<Attribute> = attributes
            .iter()
            .copied()
            .filter(|attribute| !(harmless && *attribute == Attribute::NoDev))
            .collect();
        set_attributes(mount.as_fd(), &attributes, recursive)
            .map_err(Error::system(Operation::Mount, name.as_slice()))?;
        let kind = if file_type.is_dir() { Kind::Directory } else { Kind::File };
        Ok((mount, kind))
    }

    /// Opens what is to be bound, and how to call it in an error.
    fn open_source(&mut self, source: &Source) -> Result<(OwnedFd, Vec<u8>), Error> {
        use std::os::unix::ffi::OsStrExt;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match source {
            Source::Host(path) => {
                let name = path.as_os_str().as_bytes();
                let open = rustix::fs::open(path, flags, Mode::empty());
                Ok((open.map_err(Error::system(Operation::Open, name))?, name.to_vec()))
            }
            Source::Within { directory, path } => {
                let directory = open_directory(rustix::fs::CWD, directory)?;
                Ok((open_inside(directory.as_fd(), path)?, path.to_vec()))
            }
            Source::Layers { lower, scratch, path } => {
                let layers = self.mount_layers(lower, scratch.as_ref())?;
                Ok((open_inside(layers.as_fd(), path)?, path.to_vec()))
            }
        }
    }

    /// An overlay of its own, attached in the scratch file system so that parts can be bound.
    fn mount_layers(
        &mut self,
        lower: &[std::path::PathBuf],
        scratch: Option<&Scratch>,
    ) -> Result<OwnedFd, Error> {
        let fail = || Error::system(Operation::Mount, "layers");
        let name = self.next_name();
        let memory = self.scratch()?;
        rustix::fs::mkdirat(memory, name.as_str(), Mode::from_raw_mode(0o755)).map_err(fail())?;
        let place = open_directory(memory, Path::new(&name))?;
        // An overlay without an upper directory needs two lower ones.
        let empty = open_directory(memory, Path::new(EMPTY))?;
        let layers = Layer::stack(lower);
        let padding = (scratch.is_none() && layers.len() < 2).then_some(Layer::Open(empty.as_fd()));
        let layers: Vec<_> = padding.into_iter().chain(layers).collect();
        let writable = scratch.map(|scratch| (scratch.upper.as_path(), scratch.work.as_path()));
        let (volatile, user_attributes) = (writable.is_some(), self.user_attributes);
        let overlay = Overlay { layers: &layers, writable, volatile, user_attributes };
        let path = (memory, Path::new(&name));
        overlay.mount_on(place.as_fd(), path, MountAttrFlags::MOUNT_ATTR_NODEV)
    }

    /// A detached bind mount of a new file in the scratch file system.
    fn write_file(
        &mut self,
        content: &[u8],
        mode: Mode,
        (uid, gid): (Uid, Gid),
    ) -> Result<OwnedFd, Errno> {
        use std::io::Write;
        let name = self.next_name();
        let scratch = self.scratch.as_ref().ok_or(Errno::BADF)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(scratch, name.as_str(), flags, Mode::from_raw_mode(0o600))?;
        let mut file = std::fs::File::from(file);
        file.write_all(content)
            .map_err(|error| Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO)))?;
        if (uid, gid) != (Uid::ROOT, Gid::ROOT) {
            rustix::fs::fchown(&file, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(&file, mode)?;
        clone_tree(scratch.as_fd(), name.as_str(), false)
    }

    /// Makes a device in the scratch file system and binds it over an empty file in `/dev`.
    pub(super) fn make_device(
        &mut self,
        name: &str,
        block: bool,
        (major, minor): (u32, u32),
    ) -> Result<(), Error> {
        let fail = || Error::system(Operation::Create, format!("/dev/{name}"));
        let node = self.next_name();
        let scratch = self.scratch()?;
        let kind = if block { FileType::BlockDevice } else { FileType::CharacterDevice };
        // The null device goes by its name, for masks.
        let node = if name == NULL { NULL } else { node.as_str() };
        let number = rustix::fs::makedev(major, minor);
        rustix::fs::mknodat(scratch, node, kind, Mode::from_raw_mode(0o666), number)
            .map_err(fail())?;
        let device = clone_tree(scratch, node, false).map_err(fail())?;
        let place = self.device_place(name).map_err(fail())?;
        attach(device.as_fd(), place.as_fd()).map_err(fail())
    }

    /// Binds a device of the host over an empty file in `/dev`.
    pub(super) fn bind_device(&mut self, name: &str, required: bool) -> Result<(), Error> {
        let path = format!("/dev/{name}");
        let fail = || Error::system(Operation::Mount, path.as_str());
        let device = match clone_tree(rustix::fs::CWD, &path, false) {
            Err(Errno::NOENT) if !required => return Ok(()),
            device => device.map_err(fail())?,
        };
        let place = self.device_place(name).map_err(fail())?;
        attach(device.as_fd(), place.as_fd()).map_err(fail())?;
        if name == NULL {
            self.null = Some(device);
        }
        Ok(())
    }

    /// A new, empty file in `/dev` or a folder of it.
    pub(super) fn device_place(&mut self, name: &str) -> Result<OwnedFd, Errno> {
        if let Some((folder, _)) = name.split_once('/') {
            match rustix::fs::mkdirat(self.dev()?, folder, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::openat(self.dev()?, name, flags, Mode::from_raw_mode(0o666))
    }

    pub(super) fn make_link(&mut self, name: &str, to: &str) -> Result<(), Error> {
        self.dev()
            .and_then(|dev| rustix::fs::symlinkat(to, dev, name))
            .map_err(Error::system(Operation::Create, format!("/dev/{name}")))
    }

    /// The sandbox's own `/dev`; call it after that was mounted.
    fn dev(&mut self) -> Result<BorrowedFd<'_>, Errno> {
        if self.dev.is_none() {
            self.dev = Some(self.tree.open_plain(b"/dev", OFlags::DIRECTORY)?);
        }
        self.dev.as_ref().map(AsFd::as_fd).ok_or(Errno::BADF)
    }

    /// Covers a path of a system mount with an empty directory or the null device.
    ///
    /// The sources are our own, in a file system that no image had a hand in (CVE-2025-31133).
    pub(super) fn mask(&self, path: &str) -> Result<(), Error> {
        let fail = || Error::system(Operation::Mask, path);
        let place = match self.tree.open_plain(path.as_bytes(), OFlags::NOFOLLOW) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            found => found.map_err(fail())?,
        };
        let is_directory = place::file_type(place.as_fd()).map_err(fail())?.is_dir();
        let cover = match &self.null {
            Some(null) if !is_directory => clone_tree(null.as_fd(), "", false),
            _ => clone_tree(self.scratch()?, if is_directory { EMPTY } else { NULL }, false),
        };
        let cover = cover.map_err(fail())?;
        if is_directory {
            use Attribute::{NoDev, NoExec, NoSuid, ReadOnly};
            set_attributes(cover.as_fd(), &[ReadOnly, NoSuid, NoDev, NoExec], false)
                .map_err(Error::system(Operation::Mask, path))?;
        }
        attach(cover.as_fd(), place.as_fd()).map_err(fail())
    }

    /// Covers a path with itself, read-only; the mount keeps its other options.
    pub(super) fn make_read_only(&self, path: &str) -> Result<(), Error> {
        let fail = || Error::system(Operation::MakeReadOnly, path);
        let place = match self.tree.open_plain(path.as_bytes(), OFlags::NOFOLLOW) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            found => found.map_err(fail())?,
        };
        let cover = clone_tree(place.as_fd(), "", true).map_err(fail())?;
        set_attributes(cover.as_fd(), &[Attribute::ReadOnly], true)
            .map_err(Error::system(Operation::MakeReadOnly, path))?;
        attach(cover.as_fd(), place.as_fd()).map_err(fail())
    }

    fn scratch(&self) -> Result<BorrowedFd<'_>, Error> {
        let scratch = self.scratch.as_ref().map(AsFd::as_fd);
        scratch.ok_or(Errno::BADF).map_err(Error::system(Operation::Open, "scratch"))
    }

    fn next_name(&mut self) -> String {
        self.used = self.used.saturating_add(1);
        self.used.to_string()
    }
}

pub(super) fn new_filesystem(
    kind: &str,
    options: &[(String, String)],
    attributes: &[Attribute],
) -> Result<OwnedFd, Error> {
    let fail = || Error::system(Operation::Mount, kind);
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).map_err(fail())?;
    // What /proc/mounts shows as the device.
    rustix::mount::fsconfig_set_string(&context, "source", kind)
        .map_err(Error::system(Operation::Configure, kind))?;
    for (key, value) in options {
        rustix::mount::fsconfig_set_string(&context, key.as_str(), value.as_str())
            .map_err(Error::system(Operation::Configure, format!("{kind} {key}={value}")))?;
    }
    rustix::mount::fsconfig_create(&context).map_err(fail())?;
    let flags = FsMountFlags::FSMOUNT_CLOEXEC;
    rustix::mount::fsmount(&context, flags, flags_of(attributes)).map_err(fail())
}

/// Opens a path below a directory; links lead nowhere else.
fn open_inside(directory: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let path = if path.is_empty() { b"." } else { path };
    inside::open(directory, path, flags, resolve).map_err(Error::system(Operation::Open, path))
}

/// A detached copy of a part of a mount.
pub(super) fn clone_tree(
    at: BorrowedFd<'_>,
    path: &str,
    recursive: bool,
) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    if path.is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    rustix::mount::open_tree(at, path, flags)
}

pub(super) fn set_attributes(
    mount: BorrowedFd<'_>,
    attributes: &[Attribute],
    recursive: bool,
) -> Result<(), crate::error::Errno> {
    if attributes.is_empty() {
        return Ok(());
    }
    sys::set_mount_attributes(mount, flags_of(attributes).bits().into(), recursive)
}

fn flags_of(attributes: &[Attribute]) -> MountAttrFlags {
    attributes
        .iter()
        .map(|attribute| match attribute {
            Attribute::ReadOnly => MountAttrFlags::MOUNT_ATTR_RDONLY,
            Attribute::NoSuid => MountAttrFlags::MOUNT_ATTR_NOSUID,
            Attribute::NoDev => MountAttrFlags::MOUNT_ATTR_NODEV,
            Attribute::NoExec => MountAttrFlags::MOUNT_ATTR_NOEXEC,
            Attribute::StrictAtime => MountAttrFlags::MOUNT_ATTR_STRICTATIME,
        })
        .fold(MountAttrFlags::empty(), MountAttrFlags::union)
}
