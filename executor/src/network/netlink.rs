//! As much of rtnetlink(7) as it takes to move an interface with its addresses and routes.

use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// In front of each message: length, type, flags, number and port.
const HEADER: usize = 16;

/// In front of each attribute: length and type.
const ATTRIBUTE: usize = 4;

/// More than the kernel puts into one answer.
const BUFFER: usize = 64 << 10;

/// A request to the network namespace of the thread that made it.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
}

/// A message behind its header: a body whose size depends on the type, and attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    kind: u16,
    pub(super) body: Vec<u8>,
    pub(super) attributes: Vec<Attribute>,
}

/// The types that are asked for, and the sizes of their bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// `struct ifinfomsg`.
    Link,
    /// `struct ifaddrmsg`.
    Address,
    /// `struct rtmsg`.
    Route,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) kind: u16,
    pub(super) value: Vec<u8>,
}

impl Subject {
    /// `RTM_NEW…`; `RTM_GET…` is two more.
    const fn kind(self) -> u16 {
        match self {
            Self::Link => libc::RTM_NEWLINK,
            Self::Address => libc::RTM_NEWADDR,
            Self::Route => libc::RTM_NEWROUTE,
        }
    }

    const fn body(self) -> usize {
        match self {
            Self::Link => 16,
            Self::Address => 8,
            Self::Route => 12,
        }
    }
}

impl Message {
    /// What makes or changes something.
    pub(super) fn new(subject: Subject, body: Vec<u8>, attributes: Vec<Attribute>) -> Self {
        Self { kind: subject.kind(), body, attributes }
    }

    /// A byte of the body; zero beyond it.
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.body.get(at).copied().unwrap_or_default()
    }

    /// Four bytes of the body.
    pub(super) fn word(&self, at: usize) -> u32 {
        self.body.get(at..).map(word).unwrap_or_default()
    }

    pub(super) fn attribute(&self, kind: u16) -> Option<&[u8]> {
        let found = self.attributes.iter().find(|attribute| attribute.kind == kind)?;
        Some(&found.value)
    }

    fn encode(&self, flags: i32) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(&self.body);
        for Attribute { kind, value } in &self.attributes {
            let length = u16::try_from(ATTRIBUTE + value.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_ne_bytes());
            bytes.extend_from_slice(&kind.to_ne_bytes());
            bytes.extend_from_slice(value);
            bytes.resize(aligned(bytes.len()), 0);
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let flags = u16::try_from(flags | libc::NLM_F_REQUEST).unwrap_or_default();
        let header = [&length.to_ne_bytes()[..], &self.kind.to_ne_bytes(), &flags.to_ne_bytes()];
        for (to, from) in bytes.iter_mut().zip(header.concat()) {
            *to = from;
        }
        bytes
    }
}

impl Netlink {
    pub(super) fn new() -> Result<Self, Errno> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        // NETLINK_ROUTE is protocol 0.
        let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket })
    }

    /// All that there is.
    pub(super) fn list(&self, subject: Subject) -> Result<Vec<Message>, Errno> {
        let kind = subject.kind() + 2;
        let request = Message { kind, body: vec![0; subject.body()], attributes: Vec::new() };
        self.send(&request, libc::NLM_F_DUMP)?;
        let mut found = Vec::new();
        while self.receive(subject, &mut found)? {}
        Ok(found)
    }

    /// Makes or changes one thing. That it is there is no error.
    pub(super) fn put(&self, message: &Message) -> Result<(), Errno> {
        self.send(message, libc::NLM_F_ACK | libc::NLM_F_CREATE)?;
        match self.receive(Subject::Link, &mut Vec::new()) {
            Ok(_) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn send(&self, message: &Message, flags: i32) -> Result<(), Errno> {
        let bytes = message.encode(flags);
        rustix::io::retry_on_intr(|| {
            rustix::net::send(&self.socket, &bytes, SendFlags::empty()).map(|_| ())
        })
    }

    /// Takes one answer; false when it was the last.
    fn receive(&self, subject: Subject, found: &mut Vec<Message>) -> Result<bool, Errno> {
        let mut buffer = vec![0; BUFFER];
        let received = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::empty())
        });
        let (length, _) = received?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while let Some((kind, content)) = message(&mut rest) {
            match i32::from(kind) {
                libc::NLMSG_DONE => return Ok(false),
                libc::NLMSG_ERROR => {
                    return match word(content).cast_signed() {
                        0 => Ok(false),
                        error => Err(Errno::from_raw_os_error(error.saturating_neg())),
                    };
                }
                _ => found.extend(decode(kind, subject, content)),
            }
        }
        Ok(true)
    }

    /// For an attribute that names a namespace.
    pub(super) fn number(namespace: &OwnedFd) -> Vec<u8> {
        namespace.as_raw_fd().to_ne_bytes().to_vec()
    }
}

/// Takes a message off: its type and what is behind its header.
fn message<'b>(rest: &mut &'b [u8]) -> Option<(u16, &'b [u8])> {
    let length = usize::try_from(word(rest)).ok()?;
    let content = rest.get(HEADER..length)?;
    let kind = half(rest.get(4..)?);
    *rest = rest.get(aligned(length)..).unwrap_or_default();
    Some((kind, content))
}

fn decode(kind: u16, subject: Subject, content: &[u8]) -> Option<Message> {
    let (body, mut rest) = content.split_at_checked(subject.body())?;
    let mut attributes = Vec::new();
    while rest.len() >= ATTRIBUTE {
        let length = usize::from(half(rest));
        // The two highest bits say what the value is made of.
        let kind = half(rest.get(2..)?) & 0x3fff;
        let value = rest.get(ATTRIBUTE..length)?.to_vec();
        attributes.push(Attribute { kind, value });
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Some(Message { kind, body: body.to_vec(), attributes })
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)).unwrap_or_default()
}

fn half(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes)).unwrap_or_default()
}
