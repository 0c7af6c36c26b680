//! Files in memory that can be written once.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

use crate::error::{Error, Operation};

/// A memory file that its reader already has, and that is still to be written.
#[derive(Debug)]
pub(crate) struct Unwritten(File);

impl Unwritten {
    /// The file, and a descriptor that it can only be read through.
    pub(crate) fn new(name: &str) -> Result<(Self, OwnedFd), Error> {
        let file = create(name, MemfdFlags::NOEXEC_SEAL)?;
        let reader = reader(&file)?;
        Ok((Self(file), reader))
    }

    /// Writes it; from then on nobody can. The reader has to be told that it is complete.
    pub(crate) fn write(self, content: &[u8]) -> Result<(), Error> {
        let Self(mut file) = self;
        file.write_all(content).map_err(Error::system(Operation::Write, "memory file"))?;
        seal(&file)
    }
}

/// A memory file with this content that can only be read.
pub(crate) fn sealed(name: &str, content: &[u8]) -> Result<OwnedFd, Error> {
    let (file, reader) = Unwritten::new(name)?;
    file.write(content)?;
    Ok(reader)
}

/// `kind` says whether it will be executed, which the administrator may have restricted
/// (`vm.memfd_noexec`); kernels before 6.3 do not know the question.
pub(crate) fn create(name: &str, kind: MemfdFlags) -> Result<File, Error> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match rustix::fs::memfd_create(name, flags | kind) {
        Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create(name, flags),
        file => file,
    };
    Ok(file.map_err(Error::system(Operation::Create, name))?.into())
}

/// Lets nobody write it any more.
pub(crate) fn seal(file: &File) -> Result<(), Error> {
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(file, seals).map_err(Error::system(Operation::Seal, "memory file"))
}

/// Opens it once more, for reading, from its beginning.
pub(crate) fn reader(file: &File) -> Result<OwnedFd, Error> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::open(path.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(Error::system(Operation::Open, path))
}
