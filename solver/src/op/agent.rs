//! ssh agents: a socket of our own for each command, which passes on what it may ask.
//!
//! The agent's own socket is not mounted: its owner is this machine's, and over it a command could
//! add and remove keys. What it may do is list keys and have something signed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use lapstrake_cache::{Store, Temporary};

use super::Failure;
use super::mount::give;
use crate::graph::Ownership;

/// `SSH_AGENTC_REQUEST_IDENTITIES` and `SSH_AGENTC_SIGN_REQUEST`.
const ALLOWED: [u8; 2] = [11, 13];
/// A message that is `SSH_AGENT_FAILURE`.
const REFUSAL: [u8; 5] = [0, 0, 0, 1, 5];
/// The longest message, OpenSSH's limit.
const LONGEST: u32 = 256 << 10;
/// How many connections of a command are served at a time.
const MOST: usize = 64;
/// The socket's name in its folder.
const NAME: &str = "agent";

/// The sockets of ssh agents by their id.
#[derive(Clone, Debug, Default)]
pub struct Agents(BTreeMap<String, PathBuf>);

impl Agents {
    /// Adds an agent, or gives one another socket.
    pub fn insert(&mut self, id: String, socket: PathBuf) {
        self.0.insert(id, socket);
    }

    /// The socket of an agent.
    pub fn socket(&self, id: &str) -> Option<&Path> {
        self.0.get(id).map(PathBuf::as_path)
    }
}

/// A socket that is served while this value lives.
pub(super) struct Forwarding {
    folder: Temporary,
    open: File,
    stops: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Forwarding {
    /// Serves a new socket that belongs to `owner` with what the agent at `agent` answers.
    pub(super) fn start(store: &Store, agent: &Path, owner: Ownership) -> Result<Self, Failure> {
        let folder = store.temporary()?;
        let open = File::open(folder.path())?;
        let listener = UnixListener::bind(within(&open).join(NAME))?;
        let socket = folder.path().join(NAME);
        give(&socket, (owner.uid, owner.gid), "the socket of the ssh agent")?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(owner.mode & 0o777))?;
        let stops = Arc::new(AtomicBool::new(false));
        let (agent, stop) = (agent.to_owned(), stops.clone());
        let server = std::thread::spawn(move || serve(&listener, &agent, &stop));
        Ok(Self { folder, open, stops, server: Some(server) })
    }

    /// Where the socket is on this machine.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join(NAME)
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::Release);
        // It waits for a connection; when there can be none, it has ended already.
        let woken = UnixStream::connect(within(&self.open).join(NAME)).is_ok();
        if let (Some(server), true) = (self.server.take(), woken) {
            drop(server.join());
        }
    }
}

/// The path of an open folder in a form that leaves room for a socket's name: the kernel takes no
/// more than 108 bytes.
fn within(folder: &File) -> PathBuf {
    format!("/proc/self/fd/{}", folder.as_raw_fd()).into()
}

/// A command's connection, and its own to the agent.
struct Connection {
    ends: [UnixStream; 2],
    server: JoinHandle<()>,
}

fn serve(listener: &UnixListener, agent: &Path, stops: &AtomicBool) {
    let mut connections: Vec<Connection> = Vec::new();
    for client in listener.incoming() {
        if stops.load(Ordering::Acquire) {
            break;
        }
        connections.retain(|connection| !connection.server.is_finished());
        // A connection that fails ends; the command sees that.
        if let (Ok(client), true) = (client, connections.len() < MOST) {
            connections.extend(connect(client, agent).ok());
        }
    }
    for connection in connections {
        for end in connection.ends {
            drop(end.shutdown(std::net::Shutdown::Both));
        }
        drop(connection.server.join());
    }
}

fn connect(mut client: UnixStream, agent: &Path) -> io::Result<Connection> {
    let folder = File::open(agent.parent().unwrap_or(Path::new("/")))?;
    let name = agent.file_name().unwrap_or_default();
    let mut agent = UnixStream::connect(within(&folder).join(name))?;
    let ends = [client.try_clone()?, agent.try_clone()?];
    let server = std::thread::spawn(move || {
        // However it ends, both sides see it.
        drop(converse(&mut client, &mut agent));
        drop(client.shutdown(std::net::Shutdown::Both));
    });
    Ok(Connection { ends, server })
}

/// Answers one request after the other until the client goes.
fn converse(client: &mut (impl Read + Write), agent: &mut (impl Read + Write)) -> io::Result<()> {
    loop {
        let request = receive(client)?;
        let is_allowed = request.get(4).is_some_and(|kind| ALLOWED.contains(kind));
        if is_allowed {
            agent.write_all(&request)?;
            client.write_all(&receive(agent)?)?;
        } else {
            client.write_all(&REFUSAL)?;
        }
    }
}

/// One message with its length in front.
fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let size = u32::from_be_bytes(length);
    if size > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = length.to_vec();
    from.take(size.into()).read_to_end(&mut message)?;
    match message.len() as u64 == u64::from(size) + 4 {
        true => Ok(message),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &str) -> Vec<u8> {
        let length = u32::try_from(body.len() + 1).unwrap();
        [&length.to_be_bytes()[..], &[kind], body.as_bytes()].concat()
    }

    /// An agent that answers each request with its own bytes.
    fn echo(folder: &Path) -> PathBuf {
        let path = folder.join("echo");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            while let Ok((mut client, _)) = listener.accept() {
                while let Ok(message) = receive(&mut client) {
                    client.write_all(&message).unwrap();
                }
            }
        });
        path
    }

    #[test]
    fn keys_are_listed_and_used_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let owner = Ownership { mode: 0o640, uid: 0, gid: 0 };
        let Ok(forwarding) = Forwarding::start(&store, &echo(folder.path()), owner) else {
            panic!("no socket");
        };
        let mode = fs::metadata(forwarding.socket()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
        let mut client = UnixStream::connect(forwarding.socket()).unwrap();
        // List, sign; remove all keys, add one, extension, nothing at all.
        for (request, answer) in [
            (message(11, ""), message(11, "")),
            (message(13, "data"), message(13, "data")),
            (message(19, ""), REFUSAL.to_vec()),
            (message(17, "key"), REFUSAL.to_vec()),
            (message(27, "session-bind@openssh.com"), REFUSAL.to_vec()),
            (vec![0, 0, 0, 0], REFUSAL.to_vec()),
            (message(11, "x"), message(11, "x")),
        ] {
            client.write_all(&request).unwrap();
            assert_eq!(receive(&mut client).unwrap(), answer, "{request:?}");
        }
        client.write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert!(receive(&mut client).is_err(), "too long");
        let idle = UnixStream::connect(forwarding.socket()).unwrap();
        let path = forwarding.socket();
        drop(forwarding);
        assert!(!path.exists());
        drop(idle);
    }
}
