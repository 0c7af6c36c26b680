//! Listening on the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::{Protocol, Publication};
use crate::error::Error;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// How often another free port is tried where one is not free on both versions' addresses.
const ATTEMPTS: u32 = 16;

/// Sockets of the host for the ports of one sandbox. Connections to them wait for
/// [`crate::Sandbox::publish`].
#[derive(Debug, Default)]
pub struct Listeners {
    pub(super) all: Vec<Listener>,
    published: Vec<Published>,
}

/// What became of a [`Publication`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where on the host.
    pub outside: Vec<SocketAddr>,
    /// The port of the sandbox.
    pub inside: u16,
    /// Of both.
    pub protocol: Protocol,
    /// Whether the port of the host was chosen among several.
    pub is_chosen: bool,
}

#[derive(Debug)]
pub(super) enum Listener {
    Stream { socket: TcpListener, inside: u16 },
    Datagram { socket: UdpSocket, inside: u16 },
}

impl Listener {
    pub(super) fn inside(&self) -> u16 {
        match self {
            Self::Stream { inside, .. } | Self::Datagram { inside, .. } => *inside,
        }
    }

    fn address(&self) -> std::io::Result<SocketAddr> {
        match self {
            Self::Stream { socket, .. } => socket.local_addr(),
            Self::Datagram { socket, .. } => socket.local_addr(),
        }
    }
}

impl Listeners {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`Error::Port`] for the first port that cannot be had; then none is.
    pub fn bind(publications: &[Publication]) -> Result<Self, Error> {
        let mut listeners = Self::default();
        for publication in publications {
            let bound = bind(publication)?;
            let outside: Result<_, _> = bound.iter().map(Listener::address).collect();
            listeners.published.push(Published {
                outside: outside.map_err(failure(publication, publication.outside.0))?,
                inside: publication.inside,
                protocol: publication.protocol,
                is_chosen: publication.outside.0 != publication.outside.1
                    || publication.outside.0 == 0,
            });
            listeners.all.extend(bound);
        }
        Ok(listeners)
    }

    /// What became of each, in order.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// Whether nothing is published.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// One port on each address.
fn bind(publication: &Publication) -> Result<Vec<Listener>, Error> {
    let (first, last) = publication.outside;
    let ports: Box<dyn Iterator<Item = u16>> = match (first, last) {
        (0, 0) => Box::new((0..ATTEMPTS).map(|_| 0)),
        (first, last) => Box::new(first..=last),
    };
    let mut result = Err(Errno::INVAL);
    for port in ports {
        result = bind_port(publication, port);
        // What else there is holds for all ports.
        if !matches!(result, Err(Errno::ADDRINUSE | Errno::ACCESS)) {
            break;
        }
    }
    result.map_err(failure(publication, first))
}

fn failure<E: Into<crate::error::Errno>>(
    publication: &Publication,
    first: u16,
) -> impl FnOnce(E) -> Error {
    let address = publication.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let (last, protocol) = (publication.outside.1, publication.protocol);
    let range = if first == last { String::new() } else { format!("-{last}") };
    let port = format!("{}{range}/{protocol}", SocketAddr::new(address, first));
    move |source| Error::Port { port, source: source.into() }
}

fn bind_port(publication: &Publication, port: u16) -> Result<Vec<Listener>, Errno> {
    let listen = |address, port| listener(publication, SocketAddr::new(address, port));
    if let Some(address) = publication.address {
        return Ok(vec![listen(address, port)?]);
    }
    let four = listen(Ipv4Addr::UNSPECIFIED.into(), port)?;
    let chosen = four.address().map_err(|error| errno(&error))?.port();
    match listen(Ipv6Addr::UNSPECIFIED.into(), chosen) {
        Ok(six) => Ok(vec![four, six]),
        // The machine has no addresses of version 6.
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => Ok(vec![four]),
        Err(error) => Err(error),
    }
}

fn listener(publication: &Publication, address: SocketAddr) -> Result<Listener, Errno> {
    let inside = publication.inside;
    Ok(match publication.protocol {
        Protocol::Tcp => {
            let socket = socket(SocketType::STREAM, address.ip())?;
            // Else a port could not be had for a minute after its connections have ended.
            sockopt::set_socket_reuseaddr(&socket, true)?;
            rustix::net::bind(&socket, &address)?;
            rustix::net::listen(&socket, BACKLOG)?;
            Listener::Stream { socket: socket.into(), inside }
        }
        Protocol::Udp => {
            let socket = socket(SocketType::DGRAM, address.ip())?;
            rustix::net::bind(&socket, &address)?;
            Listener::Datagram { socket: socket.into(), inside }
        }
    })
}

/// One that does not wait.
pub(super) fn socket(kind: SocketType, address: IpAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    if address.is_ipv6() {
        // Version 4 has a socket of its own.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

    fn publication(outside: (u16, u16), protocol: Protocol) -> Publication {
        Publication { address: LOOPBACK, outside, inside: 80, protocol }
    }

    fn bound(publication: Publication) -> (Listeners, Published, u16) {
        let listeners = Listeners::bind(&[publication]).unwrap();
        let published = listeners.published().first().unwrap().clone();
        let port = published.outside.first().unwrap().port();
        (listeners, published, port)
    }

    #[test]
    fn a_free_port_is_the_same_on_all_addresses() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let every = Publication { address: None, ..publication((0, 0), protocol) };
            let (_listeners, published, port) = bound(every);
            assert!(published.is_chosen && port != 0);
            let mut outside = published.outside.iter();
            assert!(outside.all(|address| address.port() == port && address.ip().is_unspecified()));
        }
    }

    #[test]
    fn a_range_gives_the_first_that_is_free() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let (_taken, _, port) = bound(publication((0, 0), protocol));
            // Neighbours that are free now may be taken by another test: any later one will do.
            let (_next, published, next) =
                bound(publication((port, port.saturating_add(50)), protocol));
            assert!(next > port && published.is_chosen);
        }
    }

    #[test]
    fn a_port_in_use_is_named() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let (_taken, _, port) = bound(publication((0, 0), protocol));
            let error = Listeners::bind(&[publication((port, port), protocol)]).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot publish 127.0.0.1:{port}/{protocol}"));
            let Error::Port { source, .. } = error else { panic!("{error:?}") };
            assert_eq!(source.raw(), libc::EADDRINUSE);
        }
    }
}
