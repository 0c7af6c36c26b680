//! What of a mount is in a key, in the words of a Dockerfile.

use crate::graph::{CacheMount, Mount, MountKind, Ownership, SecretVariable, Tmpfs};
use crate::reason::Subject;

/// Where the file system for shared memory is.
const SHARED_MEMORY: &str = "/dev/shm";

/// Mode, user and group of a cache that is given none.
const OF_CACHE: Ownership = Ownership { mode: 0o755, uid: 0, gid: 0 };

/// What a mount is called, and its options.
pub(super) fn mount(mount: &Mount) -> (Subject, String) {
    let options = match &mount.kind {
        MountKind::Bind(bind) => format!("type=bind,{}", access(bind.read_only)),
        MountKind::Cache(mount) => cache(mount),
        MountKind::Tmpfs(tmpfs) if mount.target == SHARED_MEMORY && !tmpfs.executable => {
            let size = tmpfs.size.map(size).unwrap_or_default();
            return (Subject::Setting("--shm-size".to_owned()), size);
        }
        MountKind::Tmpfs(mount) => memory(mount),
        MountKind::Secret(secret) => {
            let owner = owner(&secret.owner);
            format!("type=secret,id={},{owner}{}", secret.id, required(secret.required))
        }
        MountKind::Agent(agent) => {
            let owner = owner(&agent.owner);
            format!("type=ssh,id={},{owner}{}", agent.id, required(agent.required))
        }
    };
    (Subject::mount(&mount.target), options)
}

/// The options of a secret that is a variable.
pub(super) fn secret_variable(secret: &SecretVariable) -> String {
    format!("id={}{}", secret.id, required(secret.required))
}

fn cache(cache: &CacheMount) -> String {
    let mut options = vec!["type=cache".to_owned()];
    if !cache.path.is_empty() {
        options.push(format!("source={}", cache.path));
    }
    match (&cache.owner, &cache.seed) {
        (Some(given), _) => options.push(owner(given)),
        (None, None) => options.push(owner(&OF_CACHE)),
        // It has those of what it starts from.
        (None, Some(_)) => {}
    }
    options.push(access(cache.read_only).to_owned());
    options.join(",")
}

fn memory(tmpfs: &Tmpfs) -> String {
    let limit = tmpfs.size.map(|bytes| format!("size={},", size(bytes))).unwrap_or_default();
    format!("type=tmpfs,{limit}{}", access(tmpfs.read_only))
}

fn owner(owner: &Ownership) -> String {
    format!("mode={:04o},uid={},gid={}", owner.mode, owner.uid, owner.gid)
}

fn access(read_only: bool) -> &'static str {
    if read_only { "ro" } else { "rw" }
}

fn required(required: bool) -> &'static str {
    if required { ",required" } else { "" }
}

/// In the largest unit that divides it.
fn size(bytes: u64) -> String {
    let units = [(30, "g"), (20, "m"), (10, "k")];
    let unit = units.iter().find(|(bits, _)| bytes > 0 && bytes.is_multiple_of(1 << bits));
    match unit {
        Some((bits, unit)) => format!("{}{unit}", bytes >> bits),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_they_are_written() {
        assert_eq!(
            [0, 1, 1023, 4096, 64 << 20, 3 << 30, (1 << 20) + 1].map(size),
            ["0", "1", "1023", "4k", "64m", "3g", "1048577"]
        );
    }

    #[test]
    fn shared_memory_is_what_the_command_line_calls_it() {
        let told = |executable| {
            let tmpfs = Tmpfs { size: Some(4096), read_only: false, executable };
            let kind = MountKind::Tmpfs(tmpfs);
            let (subject, text) = mount(&Mount { target: SHARED_MEMORY.to_owned(), kind });
            format!("{subject}: {text}")
        };
        assert_eq!(told(false), "--shm-size: 4k");
        assert_eq!(told(true), "the mount at /dev/shm: type=tmpfs,size=4k,rw");
    }
}
