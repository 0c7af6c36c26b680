//! Connections, passed on in both directions.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{SocketType, sockopt};

use super::{STACK_SIZE, bind};

/// Connections of a sandbox at a time; more wait. Each takes two descriptors, of which a process mostly may
/// have 1,024.
const MAX_CONNECTIONS: usize = 256;

const BUFFER: usize = 64 << 10;

/// How long nothing may move of what a command has left behind for its reader.
const DRAIN: Duration = Duration::from_secs(1);

/// How long all of it may take.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

/// How long to wait when there is no room for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until stopped. What those hold that are open then still reaches their readers. `open`
/// counts those of all ports.
pub(super) fn serve(
    listener: &TcpListener,
    targets: &[SocketAddr],
    stopped: &OwnedFd,
    open: &AtomicUsize,
) {
    std::thread::scope(|scope| {
        loop {
            let is_full = open.load(Ordering::Relaxed) >= MAX_CONNECTIONS;
            let mut polled = vec![PollFd::new(stopped, PollFlags::IN)];
            if !is_full {
                polled.push(PollFd::new(listener, PollFlags::IN));
            }
            wait(&mut polled, is_full.then_some(PAUSE));
            if is_ready(polled.first()) {
                return;
            }
            if is_full {
                continue;
            }
            let client = match listener.accept() {
                Ok((client, _)) => client,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => {
                    // No descriptor is left, or the client has gone.
                    wait(&mut [PollFd::new(stopped, PollFlags::IN)], Some(PAUSE));
                    continue;
                }
            };
            open.fetch_add(1, Ordering::Relaxed);
            let relay = move || {
                connection(&client, targets, stopped);
                open.fetch_sub(1, Ordering::Relaxed);
            };
            let thread = std::thread::Builder::new().stack_size(STACK_SIZE);
            if thread.spawn_scoped(scope, relay).is_err() {
                open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    });
}

/// One connection from its beginning to its end. A client that is refused inside is reset.
fn connection(client: &TcpStream, targets: &[SocketAddr], stopped: &OwnedFd) {
    let server = targets.iter().find_map(|target| connected(target, stopped));
    let outcome = match &server {
        Some(server) => relay(client, server, stopped),
        None => Err(io::ErrorKind::ConnectionRefused.into()),
    };
    if outcome.is_err() {
        for socket in [Some(client), server.as_ref()].into_iter().flatten() {
            // Closing it then resets the connection, which tells an end from a failure.
            let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
        }
    }
}

/// A connection inside. One that is not accepted is waited for, but not beyond the end.
fn connected(target: &SocketAddr, stopped: &OwnedFd) -> Option<TcpStream> {
    let socket = bind::socket(SocketType::STREAM, target.ip()).ok()?;
    match rustix::net::connect(&socket, target) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(_) => return None,
    }
    let mut polled = [PollFd::new(&socket, PollFlags::OUT), PollFd::new(stopped, PollFlags::IN)];
    while !polled.iter().any(|one| is_ready(Some(one))) {
        wait(&mut polled, None);
    }
    let is_there = is_ready(polled.first());
    (is_there && sockopt::socket_error(&socket) == Ok(Ok(()))).then(|| socket.into())
}

/// Bytes on their way.
struct Flow<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    buffer: Vec<u8>,
    /// What of the buffer is still to be written.
    rest: std::ops::Range<usize>,
    has_ended: bool,
    is_done: bool,
}

impl<'a> Flow<'a> {
    fn new(from: &'a TcpStream, to: &'a TcpStream) -> Self {
        let buffer = vec![0; BUFFER];
        Self { from, to, buffer, rest: 0..0, has_ended: false, is_done: false }
    }

    /// What it waits for: to read, to write.
    fn wants(&self) -> (bool, bool) {
        let has_rest = !self.rest.is_empty();
        (!has_rest && !self.has_ended, has_rest)
    }

    /// Reads and writes what can be without waiting. Returns whether anything moved.
    fn advance(&mut self) -> io::Result<bool> {
        let mut has_moved = false;
        if self.wants().0 {
            match unblocked(self.from.read(&mut self.buffer))? {
                Some(0) => self.has_ended = true,
                Some(count) => self.rest = 0..count,
                None => return Ok(has_moved),
            }
            has_moved = true;
        }
        while !self.rest.is_empty() {
            let rest = self.buffer.get(self.rest.clone()).unwrap_or_default();
            match unblocked(self.to.write(rest))? {
                Some(count) => self.rest.start += count,
                None => return Ok(has_moved),
            }
            has_moved = true;
        }
        if self.has_ended && !self.is_done {
            self.is_done = true;
            // The other side may have closed all of it.
            let _ = self.to.shutdown(Shutdown::Write);
        }
        Ok(has_moved)
    }
}

fn relay(client: &TcpStream, server: &TcpStream, stopped: &OwnedFd) -> io::Result<()> {
    for socket in [client, server] {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
    }
    let (mut up, mut down) = (Flow::new(client, server), Flow::new(server, client));
    let mut drain: Option<Drain> = None;
    loop {
        // A command that has ended reads nothing more.
        if down.is_done && (up.is_done || drain.is_some()) {
            return Ok(());
        }
        let left = drain.as_ref().map(Drain::left);
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let upward = if drain.is_some() { (false, false) } else { up.wants() };
        let downward = down.wants();
        let mut polled = Vec::with_capacity(3);
        for (socket, read, write) in
            [(client, upward.0, downward.1), (server, downward.0, upward.1)]
        {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, read);
            flags.set(PollFlags::OUT, write);
            // One that has failed is always told, so one that nothing is wanted of is not asked for.
            if !flags.is_empty() {
                polled.push(PollFd::new(socket, flags));
            }
        }
        if drain.is_none() {
            polled.push(PollFd::new(stopped, PollFlags::IN));
        }
        wait(&mut polled, left);
        if drain.is_none() && is_ready(polled.last()) {
            drain = Some(Drain::begin());
        }
        if drain.is_none() {
            up.advance()?;
        }
        if down.advance()? {
            drain.iter_mut().for_each(Drain::has_moved);
        }
    }
}

/// The command has ended, and its reader is still to get what it left behind.
struct Drain {
    began: Instant,
    moved: Instant,
}

impl Drain {
    fn begin() -> Self {
        let now = Instant::now();
        Self { began: now, moved: now }
    }

    fn has_moved(&mut self) {
        self.moved = Instant::now();
    }

    /// How long it is still waited for.
    fn left(&self) -> Duration {
        let end = (self.moved + DRAIN).min(self.began + LONGEST_DRAIN);
        end.saturating_duration_since(Instant::now())
    }
}

fn unblocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns early when a signal comes.
pub(super) fn wait(polled: &mut [PollFd<'_>], limit: Option<Duration>) {
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    // A failure is one of memory; what is ready is then found by trying.
    let _ = rustix::event::poll(polled, limit.as_ref());
}

pub(super) fn is_ready(polled: Option<&PollFd<'_>>) -> bool {
    polled.is_some_and(|polled| !polled.revents().is_empty())
}
