//! Networks of sandboxes' own: a network namespace that a program without privileges connects with the
//! outside, as the machine's users and not as the machine.
//!
//! The program has a TAP device in the namespace and turns what goes through it into sockets of its own.
//! It is told to reach nothing that is the host's alone: neither its loopback interface nor, as the
//! namespace is another one, its abstract sockets. It is started when a command first makes a socket (`demand`).

mod connection;
mod demand;
mod namespace;
mod netlink;
mod pool;
mod program;
mod proof;
mod relocation;

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lapstrake_ids::IdMap;
use serde::{Deserialize, Serialize};

use crate::bytes::{self, Bytes};
use crate::cancel::Cancel;
use crate::error::Error;
use crate::stage_file;
use crate::wire::descriptor;

use connection::Connection;

pub(crate) use namespace::{new_namespace, raise_loopback};
pub(crate) use pool::{Lease, clear};

/// The device that a program needs to connect a network.
pub const TUN: &str = "/dev/net/tun";

/// Where pasta answers name queries, by asking the host's first resolver of this IP version.
const PASTA_RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// The namespace in the eyes of the program, which has it as its standard input. Newer versions of pasta
/// keep no other descriptors than the first three.
const NAMESPACE: &str = "/proc/self/fd/0";

/// A program that connects network namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// Where it is, absolute.
    #[serde(with = "bytes::path")]
    pub program: PathBuf,
    /// How it is told what to do.
    pub kind: ConnectorKind,
}

/// The programs that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectorKind {
    /// pasta(1) of passt: the namespace has the host's addresses, version 4 and 6.
    Pasta,
    /// slirp4netns(1): address translation, version 4 only.
    Slirp4netns,
}

impl ConnectorKind {
    /// In the order of preference.
    pub const ALL: [Self; 2] = [Self::Pasta, Self::Slirp4netns];

    /// The program's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pasta => "pasta",
            Self::Slirp4netns => "slirp4netns",
        }
    }

    /// The package that has it.
    pub const fn package(self) -> &'static str {
        match self {
            Self::Pasta => "passt",
            Self::Slirp4netns => "slirp4netns",
        }
    }
}

impl Connector {
    /// Those in the folders of a search path, in the order of preference. What is not absolute in it is
    /// passed over.
    pub fn installed(search: &OsStr) -> Vec<Self> {
        let find = |kind: ConnectorKind| {
            let folders = std::env::split_paths(search).filter(|folder| folder.is_absolute());
            let program = folders.map(|folder| folder.join(kind.name()));
            Some(Self { program: program.into_iter().find(|path| is_program(path))?, kind })
        };
        ConnectorKind::ALL.into_iter().filter_map(find).collect()
    }

    /// Sees to it that the program works: makes a network for the next sandbox, and connects it unless
    /// `proof` says that the program did so before. That file is written when it has, and removed when the program
    /// fails later. `spare` is as for [`crate::Begun::new`]. `cancel` ends the wait for the program.
    ///
    /// # Errors
    /// [`Error::System`] when `/dev/net/tun` cannot be used, [`Error::NotConnected`] when the program
    /// fails.
    pub fn prepare(
        &self,
        spare: &Path,
        proof: &Path,
        cancel: Option<&Cancel>,
    ) -> Result<(), Error> {
        let connection = Connection::new(self)?;
        if !demand::is_possible() || !proof::is_there(proof, &self.program) {
            // Else what begins as a sandbox would be a copy, also for all sandboxes.
            stage_file::prepare(spare, IdMap::own().is_namespace());
            connection.connect(cancel.map(AsFd::as_fd))?;
            proof::keep(proof, &self.program);
        }
        pool::give(connection);
        Ok(())
    }

    /// The resolver inside that asks the host's, where the program has one that leads nowhere else.
    /// slirp4netns passes every port of its resolver's address on to the host's loopback interface.
    pub(crate) fn resolver(&self) -> Option<Ipv4Addr> {
        match self.kind {
            ConnectorKind::Pasta => Some(PASTA_RESOLVER),
            ConnectorKind::Slirp4netns => None,
        }
    }

    /// Its command line. Nothing of the host's loopback interface is to be reached, by whatever address,
    /// and no port of the namespace is to appear on the host.
    fn command(&self) -> Vec<Bytes> {
        let resolver = PASTA_RESOLVER.to_string();
        let ready = format!("--ready-fd={}", descriptor::REPORT);
        let arguments: &[&str] = match self.kind {
            // As root it would become a user who may not enter the namespace.
            ConnectorKind::Pasta => &[
                "--foreground",
                "--quiet",
                "--runas",
                "0",
                "--config-net",
                "--no-map-gw",
                "--tcp-ports",
                "none",
                "--udp-ports",
                "none",
                "--tcp-ns",
                "none",
                "--udp-ns",
                "none",
                "--dns-forward",
                &resolver,
                "--pid",
                "/proc/self/fd/1",
                "--netns-only",
                "--netns",
                NAMESPACE,
            ],
            ConnectorKind::Slirp4netns => &[
                "--configure",
                "--mtu=65520",
                "--disable-host-loopback",
                "--disable-dns",
                "--enable-sandbox",
                "--enable-seccomp",
                &ready,
                "--netns-type=path",
                NAMESPACE,
                "tap0",
            ],
        };
        let program = Bytes::from(self.program.as_os_str().as_bytes());
        let arguments = arguments.iter().map(|&argument| Bytes::from(argument));
        [program].into_iter().chain(arguments).collect()
    }
}

fn is_program(path: &Path) -> bool {
    let is_executable = |file: std::fs::Metadata| file.permissions().mode() & 0o111 != 0;
    path.is_file() && path.metadata().is_ok_and(is_executable)
}
