//! The parent's side of what a stage sends: the outer end of a terminal, or a network namespace.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
};

use crate::error::{Error, Operation};

/// What the stage sends a descriptor through: our end, its end.
pub(crate) fn socket_pair() -> Result<(OwnedFd, OwnedFd), Error> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)
        .map_err(Error::system(Operation::Create, "terminal socket"))
}

/// The outer end of the terminal; does not wait for it, as it is sent before the command is executed.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> Result<OwnedFd, Error> {
    receive_descriptor(socket, "terminal", RecvFlags::DONTWAIT)
}

/// What the stage sends, or an error when it has ended.
pub(crate) fn receive_descriptor(
    socket: BorrowedFd<'_>,
    what: &str,
    flags: RecvFlags,
) -> Result<OwnedFd, Error> {
    let mut byte = [0; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | flags;
    rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, flags)
        .map_err(Error::system(Operation::Receive, what))?;
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    descriptor.ok_or_else(|| Error::Protocol {
        operation: Operation::Receive,
        subject: what.to_owned(),
        reason: "no descriptor was sent".to_owned(),
    })
}
