//! The inside of the guard (`crate::guard`).

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::Signal;

use crate::sys;
use crate::wire::descriptor;

/// Takes sandboxes until its socket closes, then kills those that still run. All signals that can be
/// blocked are.
pub(super) fn guard_main() -> i32 {
    let Ok(socket) = sys::take_inherited(descriptor::ORDER) else {
        return super::SETUP_FAILED;
    };
    let own = sys::close_range(descriptor::REPORT, i32::MAX);
    // Out of reach of what is sent to the engine's process group, and of no use to a mount.
    let session = rustix::process::setsid();
    if own.is_err() || session.is_err() || rustix::process::chdir("/").is_err() {
        return super::SETUP_FAILED;
    }
    let mut sandboxes = Vec::new();
    while let Ok(is_open) = next(&socket, &mut sandboxes) {
        if !is_open {
            break;
        }
    }
    for sandbox in &sandboxes {
        let _ = rustix::process::pidfd_send_signal(sandbox, Signal::KILL);
    }
    0
}

/// Waits for one thing to happen: a sandbox comes, or ends, or (`false`) the engine ended.
fn next(socket: &OwnedFd, sandboxes: &mut Vec<OwnedFd>) -> Result<bool, Errno> {
    let mut polled: Vec<_> = [socket].into_iter().chain(&*sandboxes).map(readable).collect();
    rustix::io::retry_on_intr(|| rustix::event::poll(&mut polled, None))?;
    let mut ready =
        polled.iter().map(|one| !one.revents().is_empty()).collect::<Vec<_>>().into_iter();
    let has_message = ready.next().unwrap_or_default();
    // A descriptor of a process is readable when that has ended.
    sandboxes.retain(|_| !ready.next().unwrap_or_default());
    if has_message {
        return receive(socket, sandboxes);
    }
    Ok(true)
}

fn readable(descriptor: &OwnedFd) -> PollFd<'_> {
    PollFd::new(descriptor, PollFlags::IN)
}

fn receive(socket: &OwnedFd, sandboxes: &mut Vec<OwnedFd>) -> Result<bool, Errno> {
    let mut byte = [0; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        let mut message = [IoSliceMut::new(&mut byte)];
        rustix::net::recvmsg(socket, &mut message, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
    })?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            sandboxes.extend(descriptors);
        }
    }
    Ok(received.bytes > 0)
}
