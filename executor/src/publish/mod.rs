//! Ports of a sandbox that can be reached on the host.
//!
//! The engine listens on the host and passes on what comes, as Docker's user-space proxy does: the programs
//! that connect networks can do so as well, but not for every address, and each says in its own way, or not
//! at all, that a port is in use. A command sees connections come from its own address.
//!
//! Modules in reading order: `bind` (on the host, before there is a sandbox), `stream` (TCP), `datagram` (UDP).

mod bind;
mod datagram;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};
use rustix::io::Errno;

use crate::error::{Error, Operation};
use crate::sandbox::pipe;

pub use bind::{Listeners, Published};

use bind::Listener;

/// Enough for the few frames that pass bytes on.
const STACK_SIZE: usize = 256 << 10;

/// A port of a sandbox, and where on the host it is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The address of the host to listen on; `None` for all, of version 4 and, where there is one, 6.
    pub address: Option<IpAddr>,
    /// The first and the last port of the host; the first that is free is taken. A 0 is any free port.
    pub outside: (u16, u16),
    /// The port of the sandbox; not 0.
    pub inside: u16,
    /// Of both.
    pub protocol: Protocol,
}

/// What a port belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// Ports that are passed on. Dropping it ends that: what a command has sent before its end still reaches
/// who reads it within a second.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Closed, it tells the threads to end.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Passes on what comes to the listeners, into the network namespace.
    pub(crate) fn start(listeners: Listeners, namespace: &OwnedFd) -> Result<Self, Error> {
        fn fail<E: Into<crate::error::Errno>>() -> impl FnOnce(E) -> Error {
            Error::system(Operation::Create, "a thread for published ports")
        }
        let namespace = namespace.try_clone().map_err(fail())?;
        let (stopped, stop) = pipe()?;
        let (started, start) = channel();
        let relay = move || relay(&listeners.all, &namespace, &stopped, &started);
        let thread = std::thread::Builder::new().stack_size(STACK_SIZE).spawn(relay);
        let relay = Self { stop: Some(stop), thread: Some(thread.map_err(fail())?) };
        start.recv().unwrap_or_else(|_| Err(fail()(Errno::CANCELED)))?;
        Ok(relay)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Nobody is left to tell.
            let _ = thread.join();
        }
    }
}

/// In the namespace, where the threads that this one starts are as well.
fn relay(
    listeners: &[Listener],
    namespace: &OwnedFd,
    stopped: &OwnedFd,
    started: &Sender<Result<(), Error>>,
) {
    let joined = setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)
        .map_err(Error::system(Operation::JoinNetwork, "the sandbox's network"));
    let is_joined = joined.is_ok();
    // Nobody is left to tell.
    let _ = started.send(joined);
    if !is_joined {
        return;
    }
    let targets = own_addresses();
    let open = &AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for listener in listeners {
            let to = || targets.iter().map(|&address| SocketAddr::new(address, listener.inside()));
            let to: Vec<SocketAddr> = to().collect();
            let serve = move || match listener {
                Listener::Stream { socket, .. } => stream::serve(socket, &to, stopped, open),
                Listener::Datagram { socket, .. } => datagram::serve(socket, &to, stopped),
            };
            // Without a thread its connections wait until the end: there is no room for anything.
            let _ = std::thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, serve);
        }
    });
}

/// Those of this thread's network namespace, version 4 first: servers that know one only know that.
fn own_addresses() -> Vec<IpAddr> {
    // Nothing is sent: connecting chooses the address to send from.
    let toward = |any: IpAddr, far: IpAddr| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((far, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let four = toward(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let documentation = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let six = toward(Ipv6Addr::UNSPECIFIED.into(), documentation.into());
    let found: Vec<IpAddr> = four.into_iter().chain(six).collect();
    match found.is_empty() {
        true => vec![Ipv4Addr::LOCALHOST.into()],
        false => found,
    }
}
