//! The descriptors that a stage hands out, on the parent's side: of a terminal, of file systems in memory, of a network.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
};

use crate::error::{Error, Operation};

/// What a stage hands descriptors out through: our end, its end.
pub(crate) fn socket_pair() -> Result<(OwnedFd, OwnedFd), Error> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)
        .map_err(Error::system(Operation::Create, "a socket"))
}

/// The next that was sent; does not wait for it.
pub(crate) fn receive(socket: BorrowedFd<'_>, what: &str) -> Result<OwnedFd, Error> {
    let mut byte = [0; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
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
