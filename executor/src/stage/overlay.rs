//! Overlays, as this and older kernels mount them.
//!
//! Directories are handed over as descriptors: a string option holds at most 255 bytes, and no path has
//! to be free of colons and commas. Linux 6.13 takes them as they are, 6.5 as paths below `/proc/self/fd`, one
//! at a time. What is older takes all options in one text of a page, with mount(2).

use std::collections::HashSet;
use std::ffi::CString;
use std::fmt::Write as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags};

use crate::error::{Error, Operation, Refusal};

use super::rootfs::{attach, open_directory};

/// What mount(2) takes as options, with the NUL byte behind them.
const PAGE: usize = 4096;

/// One lower directory.
pub(crate) enum Layer<'a> {
    Path(&'a PathBuf),
    Open(BorrowedFd<'a>),
}

impl Layer<'_> {
    /// The directories as layers. overlayfs takes none twice: of equal ones only the topmost
    /// counts, for it shows and hides all that the others do.
    pub(crate) fn stack(lower: &[PathBuf]) -> Vec<Layer<'_>> {
        let mut known = HashSet::new();
        let mut layers: Vec<Layer<'_>> =
            lower.iter().rev().filter(|path| known.insert(*path)).map(Layer::Path).collect();
        layers.reverse();
        layers
    }
}

/// An overlay to be mounted.
pub(crate) struct Overlay<'a> {
    /// Bottom to top.
    pub(crate) layers: &'a [Layer<'a>],
    /// Upper and work directory.
    pub(crate) writable: Option<(&'a Path, &'a Path)>,
    pub(crate) volatile: bool,
    pub(crate) user_attributes: bool,
}

/// Its directories, open.
struct Directories<'a> {
    /// Top to bottom.
    lower: Vec<Opened<'a>>,
    /// Upper and work directory.
    writable: Option<[(&'static str, OwnedFd, &'a Path); 2]>,
}

/// A lower directory, open.
enum Opened<'a> {
    Own(OwnedFd, &'a Path),
    Given(BorrowedFd<'a>),
}

impl AsFd for Opened<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(directory, _) => directory.as_fd(),
            Self::Given(directory) => *directory,
        }
    }
}

impl Opened<'_> {
    /// What it is called in an error.
    fn name(&self) -> &[u8] {
        match self {
            Self::Own(_, path) => path.as_os_str().as_bytes(),
            Self::Given(_) => b"layer",
        }
    }
}

impl<'a> Overlay<'a> {
    /// A mount that is not attached anywhere. Before Linux 6.5 there is none.
    pub(crate) fn detached(&self, attributes: MountAttrFlags) -> Result<OwnedFd, Error> {
        let unsupported = || Error::system(Operation::Mount, "overlay")(Errno::OPNOTSUPP);
        self.configured(&self.open()?, attributes)?.ok_or_else(unsupported)
    }

    /// Mounts it on a directory, which is known by a descriptor and by a path from another one; in a
    /// mount namespace that is this process's own.
    pub(super) fn mount_on(
        &self,
        directory: BorrowedFd<'_>,
        (at, path): (BorrowedFd<'_>, &Path),
        attributes: MountAttrFlags,
    ) -> Result<OwnedFd, Error> {
        let directories = self.open()?;
        if let Some(mount) = self.configured(&directories, attributes)? {
            attach(mount.as_fd(), directory)
                .map_err(Error::system(Operation::MountOn, path.as_os_str().as_bytes()))?;
            return Ok(mount);
        }
        let options = self.text(&directories)?;
        let mut flags = MountFlags::empty();
        flags.set(MountFlags::NODEV, attributes.contains(MountAttrFlags::MOUNT_ATTR_NODEV));
        flags.set(MountFlags::RDONLY, attributes.contains(MountAttrFlags::MOUNT_ATTR_RDONLY));
        let target = match at.as_raw_fd() == CWD.as_raw_fd() {
            true => path.to_owned(),
            false => Path::new(&by_descriptor(at)).join(path),
        };
        rustix::mount::mount("overlay", &target, "overlay", flags, Some(options.as_c_str()))
            .map_err(Error::system(Operation::Mount, "overlay"))?;
        open_directory(at, path)
    }

    fn open(&self) -> Result<Directories<'a>, Error> {
        let lower = self.layers.iter().rev().map(|layer| match layer {
            Layer::Path(path) => Ok(Opened::Own(open_directory(CWD, path)?, path)),
            Layer::Open(directory) => Ok(Opened::Given(*directory)),
        });
        let writable = self.writable.map(|(upper, work)| {
            let own = |name, path| Ok((name, open_directory(CWD, path)?, path));
            Ok([own("upperdir", upper)?, own("workdir", work)?])
        });
        Ok(Directories { lower: lower.collect::<Result<_, _>>()?, writable: writable.transpose()? })
    }

    /// Options with a value. Whatever the kernel was built with: these would put into `upper` what is
    /// no layer.
    fn values(&self) -> [(&'static str, &'static str); 3] {
        let redirect = if self.user_attributes { "nofollow" } else { "off" };
        [("redirect_dir", redirect), ("metacopy", "off"), ("index", "off")]
    }

    /// Options without one.
    fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [("userxattr", self.user_attributes), ("volatile", self.volatile)];
        flags.into_iter().filter_map(|(name, is_set)| is_set.then_some(name))
    }

    /// A mount that is not attached anywhere; `None` where options are one text.
    fn configured(
        &self,
        directories: &Directories<'_>,
        attributes: MountAttrFlags,
    ) -> Result<Option<OwnedFd>, Error> {
        let fail = || Error::system(Operation::Mount, "overlay");
        let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC);
        let context = context.map_err(fail())?;
        rustix::mount::fsconfig_set_string(&context, "source", "overlay").map_err(fail())?;
        for layer in &directories.lower {
            match set_open(&context, "lowerdir+", layer.as_fd()) {
                Err(Errno::OPNOTSUPP) => return Ok(None),
                set => set.map_err(Error::system(Operation::Configure, layer.name()))?,
            }
        }
        for (option, directory, path) in directories.writable.iter().flatten() {
            let subject = path.as_os_str().as_bytes();
            match set_open(&context, option, directory.as_fd()) {
                // Nothing else is wrong with a directory that was opened.
                Err(Errno::INVAL) => {
                    let refusal = Refusal::NotForOverlay;
                    return Err(Error::refused(Operation::Configure, subject, refusal));
                }
                set => set.map_err(Error::system(Operation::Configure, subject))?,
            }
        }
        for (option, value) in self.values() {
            rustix::mount::fsconfig_set_string(&context, option, value)
                .map_err(Error::system(Operation::Configure, option))?;
        }
        for option in self.flags() {
            rustix::mount::fsconfig_set_flag(&context, option)
                .map_err(Error::system(Operation::Configure, option))?;
        }
        rustix::mount::fsconfig_create(&context).map_err(fail())?;
        let mount = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes);
        mount.map(Some).map_err(fail())
    }

    /// All options as mount(2) takes them.
    fn text(&self, directories: &Directories<'_>) -> Result<CString, Error> {
        let lower = directories.lower.iter().map(|layer| by_descriptor(layer.as_fd()));
        let mut text = format!("lowerdir={}", lower.collect::<Vec<_>>().join(":"));
        for (option, directory, _) in directories.writable.iter().flatten() {
            // Writing into a String cannot fail.
            let _ = write!(text, ",{option}={}", by_descriptor(directory.as_fd()));
        }
        for (option, value) in self.values() {
            let _ = write!(text, ",{option}={value}");
        }
        for option in self.flags() {
            let _ = write!(text, ",{option}");
        }
        let refused = |refusal| Error::refused(Operation::Mount, "the layers", refusal);
        match text.len() < PAGE {
            true => CString::new(text).map_err(|_| refused(Refusal::NulByte)),
            false => Err(refused(Refusal::TooManyForKernel)),
        }
    }
}

fn by_descriptor(directory: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", directory.as_raw_fd())
}

fn set_open(context: &OwnedFd, option: &str, directory: BorrowedFd<'_>) -> Result<(), Errno> {
    match rustix::mount::fsconfig_set_fd(context, option, directory) {
        Err(Errno::INVAL | Errno::BADF) => {
            rustix::mount::fsconfig_set_string(context, option, by_descriptor(directory).as_str())
        }
        result => result,
    }
}
