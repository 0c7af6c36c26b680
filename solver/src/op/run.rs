//! A command on a root file system.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use lapstrake_cache::Staging;
use lapstrake_executor::{self as executor, Mount, SandboxSpec, Status};
use lapstrake_rootfs::scan::scan;

use super::{Failure, Made, Rootfs, Value, Workshop, rootfs};
use crate::event::Outcome;
use crate::graph::{Network, RunOp, Vertex, VertexId};
use crate::{Error, Event, key};

/// How much of a command's output an error shows, at most.
const LOG_TAIL: usize = 16 * 1024;

impl Workshop<'_> {
    pub(super) fn run(
        &self,
        id: VertexId,
        vertex: &Vertex,
        op: &RunOp,
        inputs: &[Value],
    ) -> Result<(Value, Outcome), Failure> {
        let below = rootfs(inputs);
        let key = key::run(op, &below.layers);
        self.recorded(id, vertex, &below, &key, || {
            let staging = self.store.stage_layer()?;
            let spec = self.sandbox(op, &below, &staging)?;
            let mut tail = Tail::default();
            let status = self.executor.run(&spec, self.cancel, &mut |bytes| {
                tail.push(bytes);
                (self.events)(Event::Output { vertex: id, bytes: bytes.to_vec() });
            })?;
            if !status.success() {
                return Err(failed(vertex, status, tail));
            }
            let folder = File::open(staging.fs())?;
            let manifest = scan(folder.as_fd())?;
            Ok(Made { staging, manifest, step: None })
        })
    }

    fn sandbox(
        &self,
        op: &RunOp,
        below: &Rootfs,
        staging: &Staging,
    ) -> Result<SandboxSpec, Failure> {
        let rootfs = executor::Rootfs {
            lower: self.lower(below)?,
            upper: staging.fs(),
            work: staging.work(),
            volatile: true,
        };
        let network = match op.network {
            Network::Default | Network::Host => executor::Network::Host,
            Network::None => executor::Network::None,
        };
        let text = |text: &String| executor::Bytes::from(text.as_str());
        let env = op.proxy.iter().chain(&op.env);
        let files = op.files.iter().map(|file| Mount::File {
            target: text(&file.path),
            content: text(&file.content),
            mode: file.mode,
            uid: 0,
            gid: 0,
            read_only: true,
        });
        let hosts = op.hosts.iter().map(|(name, address)| Ok((name.clone(), address.parse()?)));
        Ok(SandboxSpec {
            env: env.map(|(name, value)| (text(name), text(value))).collect(),
            cwd: text(&op.cwd),
            user: op.user.clone(),
            hostname: op.hostname.clone(),
            hosts: hosts.collect::<Result<_, std::net::AddrParseError>>()?,
            resolv_conf: executor::resolv_conf(self.resolv_conf, self.resolved_conf, network)
                .into(),
            network,
            mounts: files.collect(),
            ..SandboxSpec::new(rootfs, op.argv.iter().map(text).collect())
        })
    }

    /// The directories that overlayfs stacks, lowest first.
    fn lower(&self, below: &Rootfs) -> Result<Vec<PathBuf>, Failure> {
        let mut lower = vec![self.store.stubs()];
        for id in &below.layers {
            lower.push(self.layers.directory(id)?);
        }
        Ok(lower)
    }
}

fn failed(vertex: &Vertex, status: Status, tail: Tail) -> Failure {
    Failure::Build(Error::Command {
        name: vertex.name.clone().unwrap_or_default(),
        span: vertex.span,
        status,
        log: tail.0,
    })
}

/// The end of a stream.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * LOG_TAIL {
            self.0.drain(..self.0.len() - LOG_TAIL);
        }
    }
}
