//! Datagrams, passed on in both directions.
//!
//! There are no connections: an address that sends has a socket inside for its datagrams and the answers to
//! them, until nothing was sent for a while.

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use rustix::event::{PollFd, PollFlags};

use super::stream::{is_ready, wait};

/// Senders at a time; the one that was silent for longest makes room for another.
const MAX_SENDERS: usize = 256;

/// How long a sender may be silent (docker-proxy's).
const SILENCE: Duration = Duration::from_secs(90);

/// No datagram is longer.
const BUFFER: usize = 64 << 10;

/// Of one listener in a row, so that the others get their turn.
const BATCH: usize = 64;

/// Who has sent something.
struct Sender {
    address: SockaddrStorage,
    /// The host's address that it was sent to, and which the answers come from.
    to: Option<IpAddr>,
    socket: UdpSocket,
    last: Instant,
}

/// Passes datagrams on until stopped.
pub(super) fn serve(listener: &UdpSocket, targets: &[SocketAddr], stopped: &OwnedFd) {
    // Without it answers come from whichever address the kernel chooses.
    let _ = setsockopt(listener, sockopt::Ipv4PacketInfo, &true);
    let _ = setsockopt(listener, sockopt::Ipv6RecvPacketInfo, &true);
    let Some(&target) = targets.first() else { return };
    let mut senders: Vec<Sender> = Vec::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let mut polled =
            vec![PollFd::new(stopped, PollFlags::IN), PollFd::new(listener, PollFlags::IN)];
        polled.extend(senders.iter().map(|sender| PollFd::new(&sender.socket, PollFlags::IN)));
        wait(&mut polled, (!senders.is_empty()).then_some(SILENCE));
        let ready: Vec<bool> = polled.iter().map(|polled| is_ready(Some(polled))).collect();
        for (sender, _) in senders.iter().zip(ready.iter().skip(2)).filter(|(_, ready)| **ready) {
            answers(listener, sender, &mut buffer);
        }
        if ready.first() == Some(&true) {
            return;
        }
        senders.retain(|sender| sender.last.elapsed() < SILENCE);
        if ready.get(1) == Some(&true) {
            receive(listener, target, &mut senders, &mut buffer);
        }
    }
}

/// Passes on what has come from outside.
fn receive(listener: &UdpSocket, target: SocketAddr, senders: &mut Vec<Sender>, buffer: &mut [u8]) {
    for _ in 0..BATCH {
        let Some((length, address, to)) = take(listener, buffer) else { return };
        let known = |sender: &Sender| sender.address == address && sender.to == to;
        let at = match senders.iter().position(known) {
            Some(at) => at,
            None => {
                let Some(socket) = connected(target) else { continue };
                make_room(senders);
                senders.push(Sender { address, to, socket, last: Instant::now() });
                senders.len().saturating_sub(1)
            }
        };
        if let (Some(sender), Some(datagram)) = (senders.get_mut(at), buffer.get(..length)) {
            sender.last = Instant::now();
            // A datagram may be lost; nobody may listen inside.
            let _ = sender.socket.send(datagram);
        }
    }
}

fn connected(target: SocketAddr) -> Option<UdpSocket> {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

fn make_room(senders: &mut Vec<Sender>) {
    if senders.len() < MAX_SENDERS {
        return;
    }
    let oldest = (0..senders.len()).min_by_key(|&at| senders.get(at).map(|sender| sender.last));
    if let Some(oldest) = oldest {
        senders.swap_remove(oldest);
    }
}

/// A datagram's length, who sent it, and to which address of the host.
fn take(
    listener: &UdpSocket,
    buffer: &mut [u8],
) -> Option<(usize, SockaddrStorage, Option<IpAddr>)> {
    let mut space = nix::cmsg_space!(libc::in6_pktinfo);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<SockaddrStorage>(listener.as_raw_fd(), &mut slices, Some(&mut space), flags)
            .ok()?;
    let to = message.cmsgs().ok().and_then(|mut all| all.find_map(|message| destination(&message)));
    Some((message.bytes, message.address?, to))
}

fn destination(message: &ControlMessageOwned) -> Option<IpAddr> {
    match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into())
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// Passes on what was answered.
fn answers(listener: &UdpSocket, sender: &Sender, buffer: &mut [u8]) {
    for _ in 0..BATCH {
        let Ok(length) = sender.socket.recv(buffer) else { return };
        let Some(datagram) = buffer.get(..length) else { return };
        let slices = [IoSlice::new(datagram)];
        let four;
        let six;
        let control = match sender.to {
            Some(IpAddr::V4(address)) => {
                let address = libc::in_addr { s_addr: u32::from(address).to_be() };
                let nowhere = libc::in_addr { s_addr: 0 };
                four =
                    libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: nowhere };
                Some(ControlMessage::Ipv4PacketInfo(&four))
            }
            Some(IpAddr::V6(address)) => {
                let address = libc::in6_addr { s6_addr: address.octets() };
                six = libc::in6_pktinfo { ipi6_addr: address, ipi6_ifindex: 0 };
                Some(ControlMessage::Ipv6PacketInfo(&six))
            }
            None => None,
        };
        let (fd, flags) = (listener.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        // A datagram may be lost.
        let _ = sendmsg(fd, &slices, control.as_slice(), flags, Some(&sender.address));
    }
}
