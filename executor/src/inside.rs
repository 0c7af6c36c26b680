//! Look-ups that do not leave a directory.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Look-ups of one path, at most. More in vain are no chance.
const ATTEMPTS: u32 = 1000;

/// openat2(2) of what exists. While something is renamed or mounted elsewhere the kernel cannot be sure that a
/// `..` stays inside, and says EAGAIN: then again.
pub(crate) fn open(
    directory: impl AsFd,
    path: &[u8],
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    for _ in 1..ATTEMPTS {
        match rustix::fs::openat2(&directory, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => std::thread::yield_now(),
            result => return result,
        }
    }
    rustix::fs::openat2(&directory, path, flags, Mode::empty(), resolve)
}
