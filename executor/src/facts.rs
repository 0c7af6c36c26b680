//! What the plan has to know of the machine.

use std::fs::DirEntry;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use lapstrake_ids::IdMap;

/// What the plan has to know of the machine; the same facts and description give the same plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// How control groups are mounted.
    pub cgroup: CgroupLayout,
    /// Directories that leak temperatures (GHSA-6fw5-f8r9-fgfm), as absolute paths.
    pub thermal_throttle: Vec<String>,
    /// How many loop devices there are, counted from `loop0` to the highest number.
    pub loop_devices: u32,
    /// Which ids there are.
    pub id_map: IdMap,
}

/// How control groups are mounted on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CgroupLayout {
    /// Only version 2, at `/sys/fs/cgroup`.
    Unified,
    /// Version 1, version 1 with an extra version 2 hierarchy, or none at all.
    Other,
}

/// Those of this machine, gathered once.
pub(crate) fn facts() -> &'static HostFacts {
    static FACTS: OnceLock<HostFacts> = OnceLock::new();
    FACTS.get_or_init(HostFacts::gather)
}

impl HostFacts {
    /// Looks at this machine; costs some 20 system calls, so do it once. What cannot be read counts as absent.
    pub fn gather() -> Self {
        Self {
            cgroup: cgroup_layout(Path::new("/sys/fs/cgroup")),
            thermal_throttle: thermal_throttle(Path::new("/sys/devices/system/cpu")),
            loop_devices: loop_devices(Path::new("/sys/block")),
            id_map: IdMap::own().clone(),
        }
    }
}

fn cgroup_layout(mount_point: &Path) -> CgroupLayout {
    const CGROUP2_SUPER_MAGIC: i64 = 0x6367_7270;
    match rustix::fs::statfs(mount_point) {
        Ok(stat) if stat.f_type == CGROUP2_SUPER_MAGIC => CgroupLayout::Unified,
        _ => CgroupLayout::Other,
    }
}

fn loop_devices(blocks: &Path) -> u32 {
    let entries = std::fs::read_dir(blocks).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| {
        entry.file_name().to_str()?.strip_prefix("loop")?.parse::<u32>().ok()?.checked_add(1)
    });
    numbers.max().unwrap_or(0)
}

fn thermal_throttle(cpus: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(cpus) else {
        return Vec::new();
    };
    let is_processor = |entry: &DirEntry| {
        let name = entry.file_name();
        name.as_bytes().strip_prefix(b"cpu").is_some_and(|rest| rest.iter().all(u8::is_ascii_digit))
    };
    let mut paths: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(is_processor)
        .map(|entry| entry.path().join("thermal_throttle"))
        .filter(|path| path.is_dir())
        .filter_map(|path| path.to_str().map(str::to_owned))
        .collect();
    paths.sort();
    paths
}
