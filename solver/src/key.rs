//! Action keys: what an op is looked up by.
//!
//! | op | in the key | not in the key |
//! |---|---|---|
//! | image | nothing: its layers are its content | tag, digest, time |
//! | local | nothing: what a copy takes is in the copy's key | everything else in the context |
//! | http | in [`lapstrake_source`]: name; checksum or validated body | URL, credentials, time |
//! | git | in [`lapstrake_source`]: commit, and what of it; where it comes from when the repository is kept | credentials |
//! | copy | destination, owner, mode, flags, inline files; content of the selected paths; root file system below | folder that the source lies in, times, owners of context files |
//! | run | platform, argv, env in its order, cwd, user, network, security, limits, hostname, inline files, names of extra hosts; of each mount its target, kind, access, mode, owner and size, the ids of secrets and agents, and the content of what a bind shows or a cache starts from; secrets that count; root file system below | proxy variables, addresses of extra hosts, clock, host paths, values of other secrets, agents, the order of limits, secrets and mounts, name, sharing and content of caches, where in its source a mount's content lies |
//! | subtree | content of what is at the path, its own mode and owner included | the path, times |
//! | mkdir | path, owner; root file system below | |
//! | restamp | layer, epoch, whether later times are cut down | |
//! | merge | nothing: its layers are its content | |
//!
//! A root file system is known by its layers: an image's layer by diff id, a built one by its
//! content. Lists are hashed with their lengths, so no two different keys have the same bytes.

use lapstrake_cache::{ActionKey, StepId};
use lapstrake_rootfs::restamp::Restamp;
use lapstrake_rootfs::{ContentHash, ContentHasher, LayerId};
use serde::Serialize;

use crate::graph::{CacheMount, CopyOp, MkdirOp, Mount, MountKind, MountSource, RunOp, SubtreeOp};

/// The key of a copy whose sources were selected: `selections` are the content of just those, in
/// the order in which they are copied, each with whether its archives are unpacked.
pub fn copy(op: &CopyOp, selections: &[(ContentHash, bool)], rootfs: &[LayerId]) -> ActionKey {
    let mut hasher = ContentHasher::new("lapstrake action copy 1");
    hasher.field(op.destination.as_bytes());
    hasher.field(&encoded(&(&op.owner, &op.mode, op.keep_owner, selections)));
    add_rootfs(&mut hasher, rootfs);
    ActionKey(hasher.finish())
}

/// The key of a copy from root file systems by the whole of them: found without reading what is in
/// them. A miss says nothing; [`copy`] decides.
pub fn copy_from_whole(op: &CopyOp, trees: &[&[LayerId]], rootfs: &[LayerId]) -> ActionKey {
    let mut hasher = ContentHasher::new("lapstrake action copy whole 1");
    hasher.field(&encoded(op));
    for tree in trees {
        add_rootfs(&mut hasher, tree);
    }
    add_rootfs(&mut hasher, rootfs);
    ActionKey(hasher.finish())
}

/// The key of a command. `sources` has what each of its mounts shows or starts from, in their order:
/// the content, or [`whole_source`]; nothing for mounts without a source. `secrets` are the ids of those
/// that count, in order, each with what stands for its value.
pub fn run(
    op: &RunOp,
    sources: &[Option<ContentHash>],
    secrets: &[(&str, ContentHash)],
    rootfs: &[LayerId],
) -> ActionKey {
    // Each domain has lists of its own, so that keys without secrets are what they were before there were any.
    let domain = match secrets.is_empty() {
        true => "lapstrake action run 2",
        false => "lapstrake action run 3",
    };
    let mut hasher = ContentHasher::new(domain);
    let hosts: Vec<&str> = op.hosts.iter().map(|(name, _)| name.as_str()).collect();
    hasher.field(&encoded(&(&op.platform, &op.argv, &op.env, &op.cwd, &op.user, op.network)));
    hasher.field(&encoded(&(&op.files, &op.hostname, hosts)));
    hasher.field(&encoded(&(op.security, &op.limits, &op.secrets)));
    hasher.number(op.mounts.len() as u64);
    let sources = sources.iter().chain(std::iter::repeat(&None));
    for (mount, source) in op.mounts.iter().zip(sources) {
        hasher.field(mount.target.as_bytes());
        hasher.field(&mount_kind(mount));
        hasher.field(source.as_ref().map_or(&[], |content| content.as_bytes()));
    }
    if !secrets.is_empty() {
        hasher.number(secrets.len() as u64);
    }
    for (id, value) in secrets {
        hasher.field(id.as_bytes()).field(value.as_bytes());
    }
    add_rootfs(&mut hasher, rootfs);
    ActionKey(hasher.finish())
}

/// Stands for what a mount shows by where it is in which layers: found without reading what is in
/// them. A key that is made of it says nothing when it misses.
pub fn whole_source(source: &MountSource, layers: &[LayerId]) -> ContentHash {
    let mut hasher = ContentHasher::new("lapstrake mount source 1");
    hasher.field(source.path.as_bytes());
    add_rootfs(&mut hasher, layers);
    hasher.finish()
}

/// A letter for the kind, and what of it decides what the command may find.
pub fn mount_kind(mount: &Mount) -> Vec<u8> {
    match &mount.kind {
        MountKind::Bind(bind) => encoded(&('b', bind.read_only)),
        MountKind::Cache(cache) => encoded(&('c', &cache.path, cache.owner, cache.read_only)),
        MountKind::Tmpfs(tmpfs) => encoded(&('t', tmpfs)),
        MountKind::Secret(secret) => encoded(&('s', secret)),
        MountKind::Agent(agent) => encoded(&('a', agent)),
    }
}

/// The key of a part of a tree, by its content.
pub fn subtree(content: &ContentHash) -> ActionKey {
    let mut hasher = ContentHasher::new("lapstrake action subtree 1");
    hasher.field(content.as_bytes());
    ActionKey(hasher.finish())
}

/// As [`copy_step`], of a part of the folder `folder`.
pub fn subtree_step(op: &SubtreeOp, folder: &[u8]) -> StepId {
    let mut hasher = ContentHasher::new("lapstrake step subtree 1");
    hasher.field(op.path.as_bytes());
    hasher.field(folder);
    StepId(hasher.finish())
}

/// What a cache is known by. `seed` has the content that it starts from.
pub fn cache_folder(cache: &CacheMount, seed: Option<&ContentHash>) -> ContentHash {
    let mut hasher = ContentHasher::new("lapstrake cache folder 1");
    hasher.field(cache.name.as_bytes());
    hasher.field(&encoded(&cache.owner));
    hasher.field(seed.map_or(&[], |content| content.as_bytes()));
    hasher.finish()
}

/// The key of a directory.
pub fn mkdir(op: &MkdirOp, rootfs: &[LayerId]) -> ActionKey {
    let mut hasher = ContentHasher::new("lapstrake action mkdir 1");
    hasher.field(&encoded(op));
    add_rootfs(&mut hasher, rootfs);
    ActionKey(hasher.finish())
}

/// What stays the same of a copy from build to build while its files change: where it copies what,
/// and from which folders. No key: it only finds an earlier layer to take files from.
pub fn copy_step(op: &CopyOp, folders: &[Vec<u8>]) -> StepId {
    let mut hasher = ContentHasher::new("lapstrake step copy 1");
    hasher.field(&encoded(op));
    hasher.field(&encoded(&folders));
    StepId(hasher.finish())
}

/// What stays the same of a step of `project` while what it takes changes: its op's kind and
/// `subject`, which says what it does. No key: it finds what an earlier build knew of the step.
pub fn step(project: &str, kind: &str, subject: &str) -> StepId {
    let mut hasher = ContentHasher::new("lapstrake step 1");
    hasher.field(project.as_bytes()).field(kind.as_bytes()).field(subject.as_bytes());
    StepId(hasher.finish())
}

/// The key of a layer that was given other times.
pub fn restamp(layer: &LayerId, restamp: Restamp) -> ActionKey {
    let mut hasher = ContentHasher::new("lapstrake action restamp 1");
    hasher.field(layer.to_string().as_bytes());
    hasher.number(restamp.epoch.cast_unsigned()).number(u64::from(restamp.clamp));
    ActionKey(hasher.finish())
}

fn add_rootfs(hasher: &mut ContentHasher, rootfs: &[LayerId]) {
    hasher.number(rootfs.len() as u64);
    for layer in rootfs {
        hasher.field(layer.to_string().as_bytes());
    }
}

/// Postcard writes every list with its length, so the bytes tell two values apart.
fn encoded(value: &impl Serialize) -> Vec<u8> {
    // Plain data in memory always encodes.
    postcard::to_allocvec(value).unwrap_or_default()
}
