//! A way to an HTTP server on which things go wrong.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What goes wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never comes.
    Silence,
    /// It breaks off in the middle of its body.
    Truncated,
    /// It breaks off, and nothing more comes on a connection that stays.
    Stalled,
    /// A byte of its body is another one.
    Tampered,
    /// It is this status in its place.
    Status(u16),
}

/// Which answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Manifests.
    Manifests,
    /// The first blob that is asked for: the config of a cache.
    Config,
    /// All further blobs.
    Layers,
}

/// A server on a port of its own that asks another one, until the test ends.
pub(crate) struct Faulty {
    pub(crate) address: String,
}

struct Way {
    to: String,
    fault: Fault,
    part: Part,
    /// The path of the first blob.
    config: Mutex<Option<String>>,
}

impl Faulty {
    /// Passes requests on to `to` (`HOST:PORT`).
    pub(crate) fn new(to: &str, fault: Fault, part: Part) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its number").to_string();
        let way = Arc::new(Way { to: to.to_owned(), fault, part, config: Mutex::default() });
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let way = way.clone();
                thread::spawn(move || way.pass(client));
            }
        });
        Self { address }
    }
}

impl Way {
    /// One request on one connection.
    fn pass(&self, mut client: TcpStream) {
        let Some(head) = head(&mut client) else { return };
        // A signature is another one each time.
        let path = head.split([' ', '?']).nth(1).unwrap_or_default();
        let is_hit = match self.part {
            Part::Manifests => path.contains("/manifests/"),
            part if path.contains("/blobs/") => {
                let mut config = self.config.lock().expect("no panic");
                (config.get_or_insert_with(|| path.to_owned()) == path) == (part == Part::Config)
            }
            _ => false,
        };
        match self.fault {
            Fault::Silence if is_hit => thread::sleep(Duration::from_secs(3600)),
            Fault::Status(status) if is_hit => {
                let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
                let _ = client.write_all(answer.as_bytes());
            }
            fault => {
                let mut answer = self.asked(&head);
                let body =
                    answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
                let middle = body + (answer.len() - body) / 2;
                match fault {
                    Fault::Tampered if is_hit => answer[middle] ^= 0x55,
                    Fault::Truncated | Fault::Stalled if is_hit => answer.truncate(middle),
                    _ => {}
                }
                let _ = client.write_all(&answer);
                if fault == Fault::Stalled && is_hit {
                    thread::sleep(Duration::from_secs(3600));
                }
            }
        }
    }

    /// All of the other server's answer.
    fn asked(&self, head: &str) -> Vec<u8> {
        let mut server = TcpStream::connect(&self.to).expect("the server");
        let head = head.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        server.write_all(head.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).expect("an answer");
        answer
    }
}

/// The head of a request without a body.
fn head(client: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    String::from_utf8(head).ok()
}
