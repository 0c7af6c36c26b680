//! The sealed copy of the running binary that every sandbox begins as.
//!
//! The command could otherwise reach the binary on the host through `/proc/self/exe`
//! (CVE-2019-5736). Made once in a process and reused.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

use crate::error::{Error, Operation};
use crate::wire::descriptor;

/// Set once, then only read; the lock keeps two threads from copying at the same time.
static STAGE: Mutex<Option<&'static OwnedFd>> = Mutex::new(None);

/// The sealed copy, open for reading only, as executing it demands.
pub(crate) fn stage_file() -> Result<BorrowedFd<'static>, Error> {
    let mut stage = lock();
    if let Some(file) = *stage {
        return Ok(file.as_fd());
    }
    let path = Path::new("/proc/self/exe");
    Ok(install(&mut stage, sealed_copy(path)?))
}

/// Uses another binary than the running one; it has to call
/// [`crate::sandbox_main_if_requested`] first.
///
/// For tests and benchmarks, whose own `main` is not theirs to change.
pub fn use_stage_file(path: &Path) -> Result<(), Error> {
    let copy = sealed_copy(path)?;
    install(&mut lock(), copy);
    Ok(())
}

fn lock() -> std::sync::MutexGuard<'static, Option<&'static OwnedFd>> {
    STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Leaks one descriptor for each call, so that it stays valid for whoever uses it right now.
fn install(stage: &mut Option<&'static OwnedFd>, file: OwnedFd) -> BorrowedFd<'static> {
    let file: &'static OwnedFd = Box::leak(Box::new(file));
    *stage = Some(file);
    file.as_fd()
}

fn sealed_copy(path: &Path) -> Result<OwnedFd, Error> {
    let name = || path.to_string_lossy().into_owned();
    let mut binary = File::open(path).map_err(Error::system(Operation::Open, name()))?;
    let mut copy = File::from(memory_file("lap-stage", MemfdFlags::EXEC)?);
    std::io::copy(&mut binary, &mut copy).map_err(Error::system(Operation::Read, name()))?;
    let copy = seal(copy.into())?;
    // Out of the way of the numbers that the stage's descriptors get.
    rustix::io::fcntl_dupfd_cloexec(&copy, descriptor::ABOVE)
        .map_err(Error::system(Operation::Create, name()))
}

/// A memory file with this content that can only be read.
pub(crate) fn sealed(name: &str, content: &[u8]) -> Result<OwnedFd, Error> {
    let mut file = File::from(memory_file(name, MemfdFlags::NOEXEC_SEAL)?);
    std::io::Write::write_all(&mut file, content).map_err(Error::system(Operation::Write, name))?;
    seal(file.into())
}

/// `kind` says whether it will be executed, which the administrator may have restricted
/// (`vm.memfd_noexec`); kernels before 6.3 do not know the question.
fn memory_file(name: &str, kind: MemfdFlags) -> Result<OwnedFd, Error> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(name, flags | kind) {
        Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create(name, flags),
        file => file,
    }
    .map_err(Error::system(Operation::Create, name))
}

/// Seals and opens again for reading: what is open for writing cannot be executed.
fn seal(file: OwnedFd) -> Result<OwnedFd, Error> {
    use std::os::fd::AsRawFd;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&file, seals)
        .map_err(Error::system(Operation::Seal, "memory file"))?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::open(path.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(Error::system(Operation::Open, path))
}
