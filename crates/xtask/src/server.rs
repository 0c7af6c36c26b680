//! A program that serves HTTP on a port of the loopback interface.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome, wrong};
use crate::process;

/// Between two questions whether it answers.
const REST: Duration = Duration::from_millis(20);

/// How it is seen that a server is there.
pub(crate) struct Ready<'a> {
    /// A path that it answers with 200.
    pub(crate) path: &'a str,
    /// How long that may take.
    pub(crate) limit: Duration,
    /// What it writes, to be shown when it does not come.
    pub(crate) log: &'a Path,
}

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts what serves on `port`, and waits until it answers.
    pub(crate) fn start(mut command: Command, port: u16, ready: &Ready<'_>) -> Outcome<Self> {
        let child = command.stdin(Stdio::null()).spawn();
        let child =
            child.map_err(|source| Failure::Start { program: process::shown(&command), source })?;
        let mut server = Self { child, port };
        let start = Instant::now();
        while !answers(port, ready.path) {
            let ended = server.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || start.elapsed() > ready.limit {
                let log = fs::read_to_string(ready.log).unwrap_or_default();
                return Err(wrong(process::shown(&command), format!("did not start\n{log}")));
            }
            std::thread::sleep(REST);
        }
        Ok(server)
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| wrong("127.0.0.1", error.to_string()))
}

fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.contains(" 200 "))
    };
    ask().unwrap_or(false)
}
