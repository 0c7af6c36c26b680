//! Ports of this test's own network namespace, passed on into the same.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::net::SocketType;

use super::*;

const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

/// Passes a port of the loopback interface on to this one, and where that is.
fn published(inside: u16, protocol: Protocol) -> (Relay, SocketAddr) {
    let address = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let publication = Publication { address, outside: (0, 0), inside, protocol };
    let listeners = Listeners::bind(&[publication]).unwrap();
    let published = listeners.published().first().unwrap().clone();
    let namespace = std::fs::File::open("/proc/self/ns/net").unwrap();
    let relay = Relay::start(listeners, &namespace.into()).unwrap();
    (relay, *published.outside.first().unwrap())
}

/// A server that gives back what it is sent once that has ended.
fn echo() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let mut told = Vec::new();
                client.read_to_end(&mut told).unwrap();
                let _ = client.write_all(&told);
            });
        }
    });
    port
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(LIMIT).unwrap();
    socket
}

#[test]
fn each_direction_ends_by_itself_and_loses_nothing() {
    let (_relay, address) = published(echo(), Protocol::Tcp);
    let sent: Vec<u8> = (0..8_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut socket = connect(address);
    socket.write_all(&sent).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    socket.read_to_end(&mut received).unwrap();
    assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
}

/// More connections than are served at a time; those that wait get their turn.
#[test]
fn connections_beyond_the_limit_wait() {
    // All three sides are this process.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let (_relay, address) = published(echo(), Protocol::Tcp);
    let mut sockets: Vec<TcpStream> = (0..300).map(|_| connect(address)).collect();
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.write_all(number.to_string().as_bytes()).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
    }
    for (number, mut socket) in sockets.into_iter().enumerate() {
        let mut received = String::new();
        socket.read_to_string(&mut received).unwrap();
        assert_eq!(received, number.to_string());
    }
}

#[test]
fn where_nobody_listens_the_connection_is_reset() {
    let free = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (_relay, address) = published(port, Protocol::Tcp);
    let error = connect(address).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_connection_that_never_ends_does_not_hold_up_the_end() {
    let (relay, address) = published(echo(), Protocol::Tcp);
    let mut open = connect(address);
    open.write_all(b"x").unwrap();
    // So that it has been accepted.
    let mut other = connect(address);
    other.shutdown(Shutdown::Write).unwrap();
    assert_eq!(other.read(&mut [0]).unwrap(), 0);
    let begin = Instant::now();
    drop(relay);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert!(open.read(&mut [0]).is_err());
    assert!(TcpStream::connect(address).is_err());
}

/// A server that takes no more connections.
#[test]
fn a_connection_that_is_not_taken_does_not_hold_up_the_end() {
    let listener = bind::socket(SocketType::STREAM, Ipv4Addr::UNSPECIFIED.into()).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let server = TcpListener::from(listener);
    let (relay, address) = published(server.local_addr().unwrap().port(), Protocol::Tcp);
    let clients: Vec<TcpStream> = (0..8).map(|_| connect(address)).collect();
    // So that they have been accepted; nothing says when.
    thread::sleep(Duration::from_millis(300));
    let begin = Instant::now();
    drop(relay);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    for mut client in clients {
        assert!(client.read(&mut [0]).is_err());
    }
}

/// More senders than are known at a time.
#[test]
fn datagrams_of_many_senders() {
    let server = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = server.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, from)) = server.recv_from(&mut buffer) {
            let _ = server.send_to(buffer.get(..length).unwrap_or_default(), from);
        }
    });
    let (_relay, address) = published(port, Protocol::Udp);
    for number in 0..400_u32 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(LIMIT).unwrap();
        socket.connect(address).unwrap();
        socket.send(&number.to_le_bytes()).unwrap();
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(buffer.get(..length), Some(&number.to_le_bytes()[..]));
    }
}
