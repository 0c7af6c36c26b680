//! The descriptors that a stage hands out, on the parent's side: of a terminal, of file systems in memory, of a network.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
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
    // The kernel drops it without a word where no more files may be open.
    let lost = || Error::system(Operation::Receive, what)(Errno::MFILE);
    receive_if_any(socket, what)?.ok_or_else(lost)
}

/// The same; `None` where the stage could not send it, or this process can have no more files open.
pub(crate) fn receive_if_any(socket: BorrowedFd<'_>, what: &str) -> Result<Option<OwnedFd>, Error> {
    let mut byte = [0; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let message = &mut [IoSliceMut::new(&mut byte)];
    let received = rustix::net::recvmsg(socket, message, &mut ancillary, flags)
        .map_err(Error::system(Operation::Receive, what))?;
    if received.bytes == 0 {
        let (operation, subject) = (Operation::Receive, what.to_owned());
        return Err(Error::Protocol { operation, subject, reason: "its sender ended".to_owned() });
    }
    Ok(ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::lacks_files;
    use rustix::net::{SendFlags, send};
    use std::os::fd::AsFd as _;

    /// The kernel drops a descriptor that cannot be had and passes the byte on: recvmsg(2), MSG_CTRUNC.
    #[test]
    fn a_descriptor_that_is_lost_is_no_end() {
        let (socket, end) = socket_pair().unwrap();
        send(&end, b"d", SendFlags::empty()).unwrap();
        assert!(receive_if_any(socket.as_fd(), "x").unwrap().is_none());
        send(&end, b"d", SendFlags::empty()).unwrap();
        assert!(lacks_files(&receive(socket.as_fd(), "x").unwrap_err()));
        drop(end);
        let error = receive(socket.as_fd(), "x").unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    }
}
