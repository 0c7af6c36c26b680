//! The overlay: mounting it, entering it, and the working directory in it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags};

use crate::error::{Error, Operation, Refusal};
use crate::spec::Rootfs;
use crate::stubs::Trace;

use super::overlay::{Layer, Overlay};
use super::place::{Kind, Tree};

/// The mounts of the sandbox before its root directory is entered.
pub(super) struct Outside {
    pub(super) tree: Tree,
    /// A file system in memory, on a directory of the host.
    pub(super) scratch: Option<OwnedFd>,
    /// How many files and mounts `scratch` holds.
    pub(super) used: usize,
    /// Whether overlays write their attributes as ordinary users may.
    pub(super) user_attributes: bool,
    /// The host's null device, where none can be made.
    pub(super) null: Option<OwnedFd>,
    /// `/dev` of the sandbox.
    pub(super) dev: Option<OwnedFd>,
}

/// What is left to know once it has been.
#[derive(Default)]
pub(super) struct Inside {
    pub(super) traces: Vec<Trace>,
    tree: Option<Tree>,
}

/// Cuts the propagation of mounts between this namespace and the host's, in both directions.
pub(super) fn make_mounts_private() -> Result<(), Error> {
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", flags)
        .map_err(Error::system(Operation::Configure, "mount propagation"))
}

impl Outside {
    /// Mounts the overlay over its own upper directory: the one place that is ours for sure.
    pub(super) fn mount(
        rootfs: &Rootfs,
        devices: bool,
        user_attributes: bool,
    ) -> Result<Self, Error> {
        let upper = open_directory(CWD, &rootfs.upper)?;
        let layers = Layer::stack(&rootfs.lower);
        let overlay = Overlay {
            layers: &layers,
            writable: Some((&rootfs.upper, &rootfs.work)),
            volatile: rootfs.volatile,
            user_attributes,
        };
        let attributes = match devices {
            true => MountAttrFlags::empty(),
            false => MountAttrFlags::MOUNT_ATTR_NODEV,
        };
        let root = overlay.mount_on(upper.as_fd(), (CWD, &rootfs.upper), attributes)?;
        let tree = Tree::new(root, upper).map_err(Error::system(Operation::Stat, "/"))?;
        Ok(Self { tree, scratch: None, used: 0, user_attributes, null: None, dev: None })
    }

    pub(super) fn traces(&self) -> Vec<Trace> {
        self.tree.traces()
    }

    /// Makes the overlay the root directory and detaches the host's.
    pub(super) fn enter(self) -> Result<Inside, Error> {
        // `upper` is out of reach afterwards.
        let traces = self.traces();
        let root = self.tree.root();
        rustix::process::fchdir(root)
            .and_then(|()| rustix::process::pivot_root(".", "."))
            .map_err(Error::system(Operation::EnterRoot, "the root file system"))?;
        // The host's root directory now lies over ours; taking it off uncovers ours.
        rustix::mount::unmount(".", UnmountFlags::DETACH)
            .and_then(|()| rustix::process::chdir("/"))
            .map_err(Error::system(Operation::DetachOldRoot, "the host's root file system"))?;
        Ok(Inside { traces, tree: Some(self.tree) })
    }
}

impl Inside {
    /// Lets go of every descriptor.
    pub(super) fn close(&mut self) {
        self.tree = None;
    }

    /// Changes to the working directory and makes sure that it is inside (CVE-2024-21626).
    pub(super) fn change_directory(&mut self, path: &[u8], create: bool) -> Result<(), Error> {
        let fail = || Error::system(Operation::ChangeDirectory, path);
        if let (Some(tree), true) = (&mut self.tree, create) {
            tree.open_or_create(path, Kind::Directory)?;
        }
        // The root directory of this process is the overlay, so links lead nowhere else. Magic
        // links of procfs would.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS);
        rustix::process::fchdir(directory.map_err(fail())?).map_err(fail())?;
        let now = rustix::process::getcwd(Vec::new()).map_err(fail())?;
        if !now.as_bytes().starts_with(b"/") {
            return Err(Error::refused(Operation::ChangeDirectory, path, Refusal::OutsideRoot));
        }
        Ok(())
    }
}

/// Opens a directory of the host.
pub(super) fn open_directory(at: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
        .map_err(Error::system(Operation::Open, path.as_os_str().as_bytes()))
}

/// Attaches a mount to an open directory or file.
pub(super) fn attach(mount: BorrowedFd<'_>, place: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(mount, "", place, "", flags)
}
