//! Asking and telling the kernel about a network namespace, as rtnetlink(7) says. What messages look like is
//! the business of `netlink-packet-route`.

use std::os::fd::OwnedFd;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// More than the kernel puts into one answer.
const BUFFER: usize = 64 << 10;

/// A way to the network namespace of the thread that made it.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
}

impl Netlink {
    pub(super) fn new() -> Result<Self, Errno> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        // NETLINK_ROUTE is protocol 0.
        let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket })
    }

    /// All that a request for a list finds.
    pub(super) fn list(
        &self,
        request: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, Errno> {
        self.send(request, NLM_F_DUMP)?;
        let mut found = Vec::new();
        while self.receive(&mut found)? {}
        Ok(found)
    }

    /// Makes or changes one thing. That it is there is no error.
    pub(super) fn put(&self, message: RouteNetlinkMessage) -> Result<(), Errno> {
        self.send(message, NLM_F_ACK | NLM_F_CREATE)?;
        match self.receive(&mut Vec::new()) {
            Ok(_) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn send(&self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Errno> {
        let mut header = NetlinkHeader::default();
        header.flags = flags | NLM_F_REQUEST;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        rustix::io::retry_on_intr(|| {
            rustix::net::send(&self.socket, &bytes, SendFlags::empty()).map(|_| ())
        })
    }

    /// Takes one answer; false when it was the last.
    fn receive(&self, found: &mut Vec<RouteNetlinkMessage>) -> Result<bool, Errno> {
        let mut buffer = vec![0; BUFFER];
        let received = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::empty())
        });
        let (length, _) = received?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest);
            let (header, payload) = message.map_err(|_| Errno::BADMSG)?.into_parts();
            match payload {
                NetlinkPayload::Done(_) => return Ok(false),
                NetlinkPayload::Error(error) => {
                    return match error.code {
                        None => Ok(false),
                        Some(code) => Err(Errno::from_raw_os_error(code.get().saturating_neg())),
                    };
                }
                NetlinkPayload::InnerMessage(message) => found.push(message),
                _ => {}
            }
            let length = usize::try_from(header.length).unwrap_or(usize::MAX);
            rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        }
        Ok(true)
    }
}

/// `NLMSG_ALIGNTO`.
const ALIGNMENT: usize = 4;
