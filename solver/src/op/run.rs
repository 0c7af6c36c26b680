//! A command on a root file system.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::SystemTime;

use lapstrake_cache::{ActionKey, Beginning, Room, Staging};
use lapstrake_executor::{self as executor, Bytes, Ended, Mount, Resource, SandboxSpec};
use lapstrake_rootfs::ContentHash;
use lapstrake_rootfs::scan::scan;

use super::leak::{Leak, Search};
use super::miss::Action;
use super::mount::{OpenCache, Outfit, Reading};
use super::secret::Mask;
use super::start::not_begun;
use super::{Begin, Failure, Made, Rootfs, Value, Workshop, own, remains, rootfs};
use crate::error::is_lack;
use crate::event::Outcome;
use crate::graph::{MountKind, Network, RunOp, Security, Vertex, VertexId};
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
        begin: Begin<'_>,
    ) -> Result<(Value, Outcome), Failure> {
        let below = rootfs(inputs);
        let sources = self.sources(vertex, op, inputs, &Reading::Layers)?;
        let secrets = self.counted(id, op)?;
        let quick = key::run(op, &sources, &secrets, &below.layers);
        if sources.iter().all(Option::is_none) {
            let own = || own::run(op, Vec::new(), &secrets);
            let action = Action { key: quick, own: Some(&own) };
            return self.recorded(id, vertex, &below, &action, begin, || {
                self.execute_run((id, vertex), op, quick, inputs)
            });
        }
        if let Some(found) = self.cached(id, vertex, &below, &quick)? {
            return Ok(found);
        }
        let sources = self.sources(vertex, op, inputs, &Reading::Content)?;
        let key = key::run(op, &sources, &secrets, &below.layers);
        let own = || own::run(op, self.mounted(vertex, op, inputs, &sources), &secrets);
        let action = Action { key, own: Some(&own) };
        let result = self.recorded(id, vertex, &below, &action, begin, || {
            self.execute_run((id, vertex), op, key, inputs)
        })?;
        if let Some(record) = self.store.record(&key)? {
            self.store.put_record(&quick, &record)?;
        }
        Ok(result)
    }

    /// The secrets that the command reads and that count, by their ids, with what stands for their
    /// values. Its key means nothing elsewhere then.
    fn counted<'o>(
        &self,
        id: VertexId,
        op: &'o RunOp,
    ) -> Result<Vec<(&'o str, ContentHash)>, Failure> {
        let mounted = op.mounts.iter().filter_map(|mount| match &mount.kind {
            MountKind::Secret(secret) => Some(secret.id.as_str()),
            _ => None,
        });
        let ids: BTreeSet<&str> =
            mounted.chain(op.secrets.iter().map(|secret| secret.id.as_str())).collect();
        let mut counted = Vec::new();
        for name in ids {
            if let Some(value) = self.secrets.counted(name) {
                counted.push((name, self.store.fingerprint(value)?));
            }
        }
        if !counted.is_empty() {
            self.journal.keep_here(id);
        }
        Ok(counted)
    }

    /// Runs the command and makes a layer of what it wrote.
    fn execute_run(
        &self,
        (id, vertex): (VertexId, &Vertex),
        op: &RunOp,
        key: ActionKey,
        inputs: &[Value],
    ) -> Result<Made, Failure> {
        let staging = self.store.stage_layer()?;
        let mut outfit = self.outfit((id, vertex), op, inputs)?;
        let mask = Mask::new(outfit.secrets.iter().map(|(_, value)| value.as_slice()));
        let spec = self.sandbox(op, &rootfs(inputs), &staging, &mut outfit)?;
        let begun = SystemTime::now();
        let (outcome, tail) = self.ran(id, &spec, mask);
        let ended = outcome.map_err(|error| self.not_begun(vertex, op, inputs, error))?;
        let secrets = std::mem::take(&mut outfit.secrets);
        let search = Search::new(&secrets)?;
        self.search_caches(vertex, &search, &outfit.open_caches, begun);
        drop(outfit);
        if !ended.status.success() {
            // What it wrote is still there.
            let room = self.store.room().filter(|room| room.is_full() || is_lack(&tail.0));
            let beginning = beginning(op, key, &rootfs(inputs));
            return Err(failed(vertex, ended, tail, (beginning, room)));
        }
        let folder = File::open(staging.fs())?;
        let manifest = scan(folder.as_fd())?;
        let leak = search.first(folder.as_fd(), &manifest)?;
        let is_clean = leak.is_none();
        match leak {
            Some(leak) if !self.bounds.secrets_in_layers => Err(leaked(vertex, leak)),
            _ => Ok(Made { staging, manifest: manifest.into(), step: None, is_recorded: is_clean }),
        }
    }

    /// How the command ended, and the end of what it wrote; all of that is told.
    fn ran(
        &self,
        id: VertexId,
        spec: &SandboxSpec,
        mut mask: Mask,
    ) -> (Result<Ended, executor::Error>, Tail) {
        let mut tail = Tail::default();
        let mut show = |bytes: Vec<u8>| {
            tail.push(&bytes);
            (self.events)(Event::Output { vertex: id, bytes });
        };
        let outcome = self.executor.run(spec, self.cancel, &mut |bytes| show(mask.push(bytes)));
        show(mask.finish());
        if !outcome.as_ref().is_ok_and(|ended| ended.status.success()) {
            let (begin, over) = (|| self.begin_looking(id), || self.end_looking(id));
            self.executor.look_into(spec, &outcome, &tail.0, self.cancel, &begin, &over);
        }
        (outcome, tail)
    }

    /// Warns of secrets in what the command wrote to its caches.
    fn search_caches(
        &self,
        vertex: &Vertex,
        search: &Search<'_>,
        caches: &[OpenCache],
        since: SystemTime,
    ) {
        if search.is_empty() || self.bounds.secrets_in_layers {
            return;
        }
        for cache in caches {
            let Some(Leak { path, id, form }) = remains::find(search, cache, since) else {
                continue;
            };
            let (name, target) = (vertex.name.clone().unwrap_or_default(), &cache.target);
            let place = if path.is_root() { "in".to_owned() } else { format!("as {path} in") };
            let message = format!(
                "{name} left the secret {id} {form} {place} the cache mount {target}, from where later \
                 steps can take it into an image; lap cache mounts rm removes it"
            );
            (self.events)(Event::Warning { message });
        }
    }

    fn sandbox(
        &self,
        op: &RunOp,
        below: &Rootfs,
        staging: &Staging,
        outfit: &mut Outfit,
    ) -> Result<SandboxSpec, Failure> {
        let rootfs = executor::Rootfs {
            lower: self.lower(below)?,
            upper: staging.fs(),
            work: staging.work(),
            volatile: true,
        };
        let network = match op.network {
            Network::Default => (self.network)().map_err(Failure::Cause)?,
            Network::Host => executor::Network::Host,
            Network::None => executor::Network::None,
        };
        let text = |text: &String| executor::Bytes::from(text.as_str());
        let files = op.files.iter().map(|file| Mount::File {
            target: text(&file.path),
            content: text(&file.content),
            mode: file.mode,
            uid: 0,
            gid: 0,
            read_only: true,
        });
        let hosts = op.hosts.iter().map(|(name, address)| Ok((name.clone(), address.parse()?)));
        let files: Vec<Mount> = files.collect();
        Ok(SandboxSpec {
            env: environment(op, &outfit.variables),
            cwd: text(&op.cwd),
            user: op.user.clone(),
            create_cwd: true,
            hostname: op.hostname.clone(),
            hosts: hosts.collect::<Result<_, std::net::AddrParseError>>()?,
            resolv_conf: executor::resolv_conf(self.resolv_conf, self.resolved_conf, &network)
                .into(),
            network,
            security: match op.security {
                Security::Sandbox => executor::Security::Sandbox,
                Security::Insecure => executor::Security::Insecure,
            },
            limits: limits(op)?,
            group: self.bounds.group.clone(),
            timeout: self.bounds.timeout,
            max_output: self.bounds.max_output,
            mounts: files.into_iter().chain(std::mem::take(&mut outfit.mounts)).collect(),
            ..SandboxSpec::new(rootfs, op.argv.iter().map(text).collect())
        })
    }

    fn not_begun(
        &self,
        vertex: &Vertex,
        op: &RunOp,
        inputs: &[Value],
        error: executor::Error,
    ) -> Failure {
        let below = self.layers.stack(&rootfs(inputs).layers).ok();
        not_begun(vertex, op, error, below.as_ref().map(|stack| &stack.view))
    }

    /// The directories that overlayfs stacks, lowest first.
    fn lower(&self, below: &Rootfs) -> Result<Vec<PathBuf>, Failure> {
        self.layers.provide(&below.layers).map_err(Failure::Build)?;
        let mut lower = vec![self.store.step_stubs()];
        for id in &below.layers {
            lower.push(self.layers.directory(id)?);
        }
        Ok(lower)
    }
}

/// Proxies, the command's own variables, and secrets, each over one of the same name before it.
fn environment(op: &RunOp, secrets: &[(String, Vec<u8>)]) -> Vec<(Bytes, Bytes)> {
    let is_secret = |name: &String| secrets.iter().any(|(secret, _)| secret == name);
    let plain = op.proxy.iter().chain(&op.env).filter(|(name, _)| !is_secret(name));
    let plain = plain.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    let secrets = secrets.iter();
    let secrets = secrets.map(|(name, value)| (name.as_str().into(), value.as_slice().into()));
    plain.chain(secrets).collect()
}

fn limits(op: &RunOp) -> Result<Vec<executor::Limit>, UnknownLimit> {
    let limits = op.limits.iter().map(|limit| {
        let resource = Resource::ALL.into_iter().find(|one| one.name() == limit.name);
        let resource = resource.ok_or_else(|| UnknownLimit { name: limit.name.clone() })?;
        Ok(executor::Limit { resource, soft: limit.soft, hard: limit.hard })
    });
    limits.collect()
}

/// A limit on something that the kernel does not limit.
#[derive(Debug, thiserror::Error)]
#[error("there is no limit on {name}")]
struct UnknownLimit {
    name: String,
}

fn leaked(vertex: &Vertex, leak: Leak) -> Failure {
    Failure::Build(Error::Leak {
        name: vertex.name.clone().unwrap_or_default(),
        span: vertex.span,
        path: leak.path.to_string(),
        id: leak.id,
        form: leak.form,
    })
}

fn beginning(op: &RunOp, key: ActionKey, below: &Rootfs) -> Beginning {
    Beginning {
        key,
        layers: below.layers.clone(),
        env: op.env.clone(),
        cwd: op.cwd.clone(),
        user: op.user.clone(),
    }
}

fn failed(
    vertex: &Vertex,
    ended: Ended,
    tail: Tail,
    (beginning, room): (Beginning, Option<Room>),
) -> Failure {
    Failure::Build(Error::Command {
        name: vertex.name.clone().unwrap_or_default(),
        span: vertex.span,
        status: ended.status,
        exceeded: ended.exceeded,
        log: tail.0,
        beginning: Box::new(beginning),
        room: room.map(Box::new),
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
