//! The process that ends sandboxes whose engine was killed.
//!
//! The kernel kills a sandbox with the thread that started it, as the stage asks for; but a command can
//! take that back, and does by becoming another user. The guard is a process of its own session, beyond
//! what ends the engine and its process group. It has a descriptor of every sandbox, and kills them when
//! its socket closes, which the end of the engine does, however it came about.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::process::{WaitId, WaitIdOptions};

use crate::error::{Error, Operation};
use crate::network;
use crate::sandbox::null;
use crate::spawn::spawn_stage;
use crate::stage_file;
use crate::sys::Child;
use crate::wire::{GUARD_NAME, descriptor};

/// One for the process, from its first sandbox on.
static GUARD: Mutex<Option<Guard>> = Mutex::new(None);

struct Guard {
    socket: OwnedFd,
    child: Child,
}

/// Has a sandbox, or what connects its network, killed when this process ends. When this has returned, that is certain.
pub(crate) fn watch(sandbox: BorrowedFd<'_>) -> Result<(), Error> {
    let mut guard = lock();
    if let Some(running) = &*guard
        && running.send(sandbox).is_ok()
    {
        return Ok(());
    }
    // There is none yet, or somebody killed it.
    let running = guard.insert(Guard::start()?);
    running.send(sandbox).map_err(Error::system(Operation::Send, "the guard's sandbox"))
}

/// Tells the guard that no sandbox of this process runs any more, so that it ends while this process does
/// something else, and takes with it what all of them were executed from; [`dismiss_guard`] waits for it.
pub fn relieve_guard() {
    stage_file::release();
    if let Some(guard) = &*lock() {
        guard.relieve();
    }
}

/// Ends the process that watches over this process's sandboxes and those that connect their networks, and
/// waits for that; sandboxes that still run are killed. Without it the guard ends by itself, a moment
/// after this process.
pub fn dismiss_guard() {
    network::clear();
    drop(lock().take());
}

fn lock() -> MutexGuard<'static, Option<Guard>> {
    GUARD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guard {
    fn start() -> Result<Self, Error> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (socket, end) = rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)
            .map_err(Error::system(Operation::Create, "the guard's socket"))?;
        // It may outlive this process by a moment, and nobody is to wait for its output.
        let null = null(OFlags::RDWR)?;
        let descriptors = [(&end, descriptor::ORDER), (&null, 0), (&null, 1), (&null, 2)];
        Ok(Self { socket, child: spawn_stage(GUARD_NAME, 0, &descriptors)? })
    }

    fn send(&self, sandbox: BorrowedFd<'_>) -> Result<(), Errno> {
        let descriptors = [sandbox];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        let (message, flags) = ([IoSlice::new(b"s")], SendFlags::NOSIGNAL);
        rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(&self.socket, &message, &mut ancillary, flags)
        })?;
        Ok(())
    }
}

impl Guard {
    fn relieve(&self) {
        // It may be gone.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.relieve();
        let wait = || {
            rustix::process::waitid(WaitId::PidFd(self.child.pidfd.as_fd()), WaitIdOptions::EXITED)
        };
        // Nobody is left to tell.
        let _ = rustix::io::retry_on_intr(wait);
    }
}
