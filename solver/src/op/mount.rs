//! What a command is given beside its root file system.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lapstrake_cache::{CacheFolder, CacheRequest, Temporary};
use lapstrake_executor::{self as executor, Source};
use lapstrake_ids::explained;
use lapstrake_parser::{Diagnostic, suggest};
use lapstrake_rootfs::copy::{self, Origin, Subtree};
use lapstrake_rootfs::writer::LayerWriter;
use lapstrake_rootfs::{ContentHash, LayerId, TreePath};

use super::agent::Forwarding;
use super::layers::Stack;
use super::subtree::fault;
use super::{Failure, Value, Workshop};
use crate::event::Wait;
use crate::graph::{
    Bind, CacheMount, Mount, MountKind, MountSource, Ownership, RunOp, Vertex, VertexId,
};
use crate::{Error, key};

/// Mounts and variables of a command, and what has to be there while it runs.
#[derive(Default)]
pub(super) struct Outfit {
    pub(super) mounts: Vec<executor::Mount>,
    /// Secrets in the environment.
    pub(super) variables: Vec<(String, Vec<u8>)>,
    /// Every secret that the command can read, with its id.
    pub(super) secrets: Vec<(String, Vec<u8>)>,
    folders: Vec<Temporary>,
    caches: BTreeMap<ContentHash, CacheFolder>,
    /// Those of the caches that the command can write to.
    pub(super) open_caches: Vec<OpenCache>,
    agents: Vec<Forwarding>,
}

/// A cache that a command can write to.
pub(super) struct OpenCache {
    /// Where it is for the command.
    pub(super) target: String,
    /// Where it is: a directory or a file.
    pub(super) data: PathBuf,
}

/// How the sources of mounts stand for what is in them.
pub(super) enum Reading {
    /// By the layers that they are in, which reads nothing.
    Layers,
    /// By their content.
    Content,
}

/// The layers of an input that mounts show.
pub(super) fn layers_of<'i>(inputs: &'i [Value], source: &MountSource) -> &'i [LayerId] {
    match inputs.get(source.input.saturating_add(1)) {
        Some(Value::Rootfs(rootfs)) => &rootfs.layers,
        // Lowering gives no mount a tree that is no root file system.
        Some(Value::Tree(_)) | None => &[],
    }
}

/// What a mount shows or starts from.
pub(super) fn source_of(mount: &Mount) -> Option<&MountSource> {
    match &mount.kind {
        MountKind::Bind(bind) => Some(&bind.source),
        MountKind::Cache(cache) => cache.seed.as_ref(),
        MountKind::Tmpfs(_) | MountKind::Secret(_) | MountKind::Agent(_) => None,
    }
}

impl Workshop<'_> {
    /// What stands for the source of each mount in a key.
    pub(super) fn sources(
        &self,
        vertex: &Vertex,
        op: &RunOp,
        inputs: &[Value],
        reading: &Reading,
    ) -> Result<Vec<Option<ContentHash>>, Failure> {
        let mounts = op.mounts.iter().enumerate();
        mounts
            .map(|(index, mount)| {
                let Some(source) = source_of(mount) else { return Ok(None) };
                let layers = layers_of(inputs, source);
                match reading {
                    Reading::Layers => Ok(Some(key::whole_source(source, layers))),
                    Reading::Content => self.content(vertex, index, source, layers).map(Some),
                }
            })
            .collect()
    }

    /// The content that the mount of this number shows.
    fn content(
        &self,
        vertex: &Vertex,
        index: usize,
        source: &MountSource,
        layers: &[LayerId],
    ) -> Result<ContentHash, Failure> {
        let stack = self.layers.stack(layers)?;
        Ok(find(vertex, index, source, &stack)?.content_hash())
    }

    /// Prepares everything that `op` is given. Waits for caches that others use.
    pub(super) fn outfit(
        &self,
        (id, vertex): (VertexId, &Vertex),
        op: &RunOp,
        inputs: &[Value],
    ) -> Result<Outfit, Failure> {
        let mut outfit = Outfit::default();
        self.add_variables(vertex, op, &mut outfit)?;
        let present = self.present(vertex, op)?;
        self.lock_caches((id, vertex), &present, inputs, &mut outfit)?;
        for (index, mount) in present {
            let target = executor::Bytes::from(mount.target.as_str());
            let mounted = match &mount.kind {
                MountKind::Bind(bind) => self.bind(bind, target, inputs, &mut outfit)?,
                MountKind::Cache(cache) => {
                    let key = self.cache_key(vertex, index, cache, inputs)?;
                    let mounted = outfit.cache(&key, cache, target);
                    if let Some(folder) = outfit.caches.get(&key).filter(|_| !cache.read_only) {
                        let (target, data) = (mount.target.clone(), folder.data());
                        outfit.open_caches.push(OpenCache { target, data });
                    }
                    mounted
                }
                MountKind::Tmpfs(tmpfs) => executor::Mount::Tmpfs {
                    target,
                    size: tmpfs.size,
                    mode: None,
                    read_only: tmpfs.read_only,
                    executable: tmpfs.executable,
                },
                MountKind::Secret(secret) => {
                    let value = self.secrets.get(&secret.id).unwrap_or_default();
                    outfit.secrets.push((secret.id.clone(), value.to_vec()));
                    executor::Mount::File {
                        target,
                        content: value.into(),
                        mode: secret.owner.mode & 0o777,
                        uid: secret.owner.uid,
                        gid: secret.owner.gid,
                        read_only: true,
                    }
                }
                MountKind::Agent(agent) => {
                    let socket = self.agents.socket(&agent.id).unwrap_or(Path::new(""));
                    let forwarding = Forwarding::start(self.store, socket, agent.owner)?;
                    let source = Source::Host(forwarding.socket());
                    outfit.agents.push(forwarding);
                    executor::Mount::Bind { source, target, read_only: false, recursive: false }
                }
            };
            outfit.mounts.push(mounted);
        }
        Ok(outfit)
    }

    /// The mounts that there are, with their numbers: not those of secrets and agents that were not
    /// given, and of several at one place the last one.
    fn present<'m>(
        &self,
        vertex: &Vertex,
        op: &'m RunOp,
    ) -> Result<Vec<(usize, &'m Mount)>, Failure> {
        let mut present: Vec<(usize, &Mount)> = Vec::new();
        for (index, mount) in op.mounts.iter().enumerate() {
            let is_here = match &mount.kind {
                MountKind::Secret(secret) => {
                    self.has_secret(vertex, index, &secret.id, secret.required)?
                }
                MountKind::Agent(agent) => {
                    let is_here = self.agents.socket(&agent.id).is_some();
                    if agent.required && !is_here {
                        return Err(missing_agent(vertex, index, &agent.id));
                    }
                    is_here
                }
                MountKind::Bind(_) | MountKind::Cache(_) | MountKind::Tmpfs(_) => true,
            };
            if is_here {
                present.retain(|(_, earlier)| earlier.target != mount.target);
                present.push((index, mount));
            }
        }
        Ok(present)
    }

    fn add_variables(
        &self,
        vertex: &Vertex,
        op: &RunOp,
        outfit: &mut Outfit,
    ) -> Result<(), Failure> {
        for (number, secret) in op.secrets.iter().enumerate() {
            let index = op.mounts.len().saturating_add(number);
            self.has_secret(vertex, index, &secret.id, secret.required)?;
            let value = self.secrets.get(&secret.id).unwrap_or_default();
            outfit.variables.push((secret.name.clone(), value.to_vec()));
            outfit.secrets.push((secret.id.clone(), value.to_vec()));
        }
        Ok(())
    }

    fn has_secret(
        &self,
        vertex: &Vertex,
        index: usize,
        id: &str,
        required: bool,
    ) -> Result<bool, Failure> {
        match self.secrets.get(id) {
            Some(_) => Ok(true),
            None if required => {
                let near = suggest(id, self.secrets.ids());
                let help = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("build with --secret id={id},src=FILE, or env=VARIABLE"),
                };
                let message = format!("the secret {id} is required and was not given");
                Err(at(vertex, index, "missing-secret", message, help))
            }
            None => Ok(false),
        }
    }

    fn bind(
        &self,
        bind: &Bind,
        target: executor::Bytes,
        inputs: &[Value],
        outfit: &mut Outfit,
    ) -> Result<executor::Mount, Failure> {
        let layers = layers_of(inputs, &bind.source);
        let mut lower = layers
            .iter()
            .map(|id| self.layers.directory(id))
            .collect::<Result<Vec<PathBuf>, _>>()?;
        if lower.is_empty() {
            let folder = self.store.temporary()?;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
            lower.push(folder.path().to_owned());
            outfit.folders.push(folder);
        }
        let scratch = match bind.read_only {
            true => None,
            false => Some(self.scratch(outfit)?),
        };
        let path = executor::Bytes::from(bind.source.path.as_str());
        let source = Source::Layers { lower, scratch, path };
        Ok(executor::Mount::Bind { source, target, read_only: bind.read_only, recursive: false })
    }

    /// Takes what is written to a mount until the command has ended.
    fn scratch(&self, outfit: &mut Outfit) -> Result<executor::Scratch, Failure> {
        let folder = self.store.temporary()?;
        let [upper, work] = ["upper", "work"].map(|name| folder.path().join(name));
        for path in [&upper, &work] {
            fs::create_dir(path)?;
        }
        fs::set_permissions(&upper, fs::Permissions::from_mode(0o755))?;
        outfit.folders.push(folder);
        Ok(executor::Scratch { upper, work })
    }

    /// Takes every cache that the mounts need, once each, in the order of their keys.
    fn lock_caches(
        &self,
        (id, vertex): (VertexId, &Vertex),
        present: &[(usize, &Mount)],
        inputs: &[Value],
        outfit: &mut Outfit,
    ) -> Result<(), Failure> {
        let mut wanted: BTreeMap<ContentHash, (usize, &CacheMount)> = BTreeMap::new();
        for (index, mount) in present {
            let MountKind::Cache(cache) = &mount.kind else { continue };
            let key = self.cache_key(vertex, *index, cache, inputs)?;
            let strictest = wanted.entry(key).or_insert((*index, cache));
            if strictest.1.sharing < cache.sharing {
                *strictest = (*index, cache);
            }
        }
        for (key, (index, cache)) in wanted {
            let about = format!("{}\n", cache.name);
            let wait =
                Wait::CacheMount(cache.name.strip_prefix('/').unwrap_or(&cache.name).to_owned());
            let cancelled = self.waiting(id, vertex, wait);
            let fill = |folder: &Path| self.fill(vertex, index, cache, inputs, folder);
            let step = vertex.name.as_deref().unwrap_or_default();
            let request = CacheRequest { key: &key, sharing: cache.sharing, about: &about, step };
            let taken = self.store.cache_folder(&request, &cancelled, fill)?;
            outfit.caches.insert(key, taken);
        }
        Ok(())
    }

    fn cache_key(
        &self,
        vertex: &Vertex,
        index: usize,
        cache: &CacheMount,
        inputs: &[Value],
    ) -> Result<ContentHash, Failure> {
        let seed = cache
            .seed
            .as_ref()
            .map(|source| self.content(vertex, index, source, layers_of(inputs, source)));
        Ok(key::cache_folder(cache, seed.transpose()?.as_ref()))
    }

    /// Makes what a cache starts from. Files are copied: they will be written to.
    fn fill(
        &self,
        vertex: &Vertex,
        index: usize,
        cache: &CacheMount,
        inputs: &[Value],
        folder: &Path,
    ) -> Result<(), Failure> {
        let data = folder.join("data");
        match &cache.seed {
            None => {
                fs::create_dir(&data)?;
                fs::set_permissions(&data, fs::Permissions::from_mode(0o755))?;
            }
            Some(source) => {
                let stack = std::sync::Arc::new(self.layers.stack(layers_of(inputs, source))?);
                let subtree = find(vertex, index, source, &stack)?;
                let files = stack.clone();
                let origin = Origin::copying(move |layer, path| files.open(layer, path));
                let mut writer = LayerWriter::new(File::open(folder)?.into(), Default::default())?;
                subtree.write(&TreePath::from("data"), &origin, &mut writer)?;
                writer.finish()?;
            }
        }
        if let Some(Ownership { mode, uid, gid }) = cache.owner {
            give(&data, (uid, gid), "the cache")?;
            fs::set_permissions(&data, fs::Permissions::from_mode(mode & 0o777))?;
        }
        Ok(())
    }
}

impl Outfit {
    fn cache(
        &self,
        key: &ContentHash,
        cache: &CacheMount,
        target: executor::Bytes,
    ) -> executor::Mount {
        let data = self.caches.get(key).map(CacheFolder::data).unwrap_or_default();
        let source = match cache.path.as_str() {
            "" => Source::Host(data),
            path => Source::Within { directory: data, path: path.into() },
        };
        executor::Mount::Bind { source, target, read_only: cache.read_only, recursive: false }
    }
}

/// What a mount shows cannot have its owner.
#[derive(Debug, thiserror::Error)]
#[error("cannot change the owner of {what}")]
pub(super) struct NotGiven {
    what: &'static str,
    source: io::Error,
}

/// Makes `path`, which is called `what` in errors, one of this user's and group's.
pub(super) fn give(
    path: &Path,
    (uid, gid): (u32, u32),
    what: &'static str,
) -> Result<(), NotGiven> {
    let given = std::os::unix::fs::chown(path, Some(uid), Some(gid));
    given.map_err(|error| NotGiven { what, source: explained(error, uid, gid) })
}

/// An error of the sandbox, at the mount that it is about.
pub(super) fn not_mounted(vertex: &Vertex, op: &RunOp, error: executor::Error) -> Failure {
    let subject = match &error {
        executor::Error::System { subject, .. }
        | executor::Error::Refused { subject, .. }
        | executor::Error::Unmapped { subject, .. } => subject,
        _ => return error.into(),
    };
    let is_source = |mount: &Mount| match &mount.kind {
        MountKind::Cache(cache) => **subject == *cache.path.as_bytes(),
        _ => false,
    };
    let is_target = |mount: &Mount| **subject == *mount.target.as_bytes();
    let targets = op.mounts.len() + op.secrets.len();
    let source = op.mounts.iter().rposition(is_source);
    let target = || op.mounts.iter().rposition(is_target).map(|index| index + targets);
    match source.or_else(target).and_then(|index| vertex.words.get(index)) {
        Some(span) => Failure::Build(Error::Step {
            name: vertex.name.clone().unwrap_or_default(),
            span: Some(*span),
            source: Box::new(error),
        }),
        None => error.into(),
    }
}

/// What a mount's source names.
pub(super) fn find<'s>(
    vertex: &Vertex,
    index: usize,
    source: &MountSource,
    stack: &'s Stack,
) -> Result<Subtree<'s>, Failure> {
    let span = vertex.words.get(index).copied().or(vertex.span);
    copy::subtree(&stack.view, &TreePath::clean(source.path.as_bytes()))
        .map_err(|error| fault(span, &error, None))
}

fn missing_agent(vertex: &Vertex, index: usize, id: &str) -> Failure {
    let message = format!("the ssh agent {id} is required and was not given");
    let help = match id {
        "default" => {
            "build with --ssh default, which forwards the agent of SSH_AUTH_SOCK".to_owned()
        }
        _ => format!("build with --ssh {id}=SOCKET, or {id}=KEYFILE"),
    };
    at(vertex, index, "missing-ssh-agent", message, help)
}

/// A fault at the mount of this number.
fn at(vertex: &Vertex, index: usize, code: &'static str, message: String, help: String) -> Failure {
    let span = vertex.words.get(index).copied().or(vertex.span).unwrap_or_default();
    Failure::Build(Error::Faults(vec![Diagnostic::error(code, span, message).with_help(help)]))
}
