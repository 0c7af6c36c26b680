//! Which control groups this machine has, and which of them this process is in.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::limits::{Controller, Version};

/// Those of version 1 (cgroups(7)): other options of a mount stand beside them.
const CONTROLLERS: [&str; 13] = [
    "blkio",
    "cpu",
    "cpuacct",
    "cpuset",
    "devices",
    "freezer",
    "hugetlb",
    "memory",
    "net_cls",
    "net_prio",
    "perf_event",
    "pids",
    "rdma",
];

/// A tree of control groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    /// Those that can limit here.
    pub(super) controllers: Vec<String>,
    /// Where it is mounted.
    pub(super) mount: PathBuf,
    /// The group of this process, below `mount` or the same.
    pub(super) own: PathBuf,
}

impl Hierarchy {
    /// Those of this machine. What cannot be read is not there.
    pub(super) fn all() -> Vec<Self> {
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        let mut all = Self::parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        for one in &mut all {
            if one.version == Version::Two {
                one.controllers = words(&one.mount.join("cgroup.controllers"));
            }
        }
        all
    }

    /// From `/proc/self/mountinfo` and `/proc/self/cgroup` (proc_pid_mountinfo(5), cgroups(7)). The
    /// controllers of version 2 are not said there.
    fn parse(mounts: &str, groups: &str) -> Vec<Self> {
        mounts.lines().filter_map(|line| Self::of_mount(line, groups)).collect()
    }

    fn of_mount(line: &str, groups: &str) -> Option<Self> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, target) = (mount.next()?, mount.next()?);
        let mut filesystem = filesystem.split(' ');
        let version = match filesystem.next()? {
            "cgroup" => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        let options = filesystem.nth(1)?.split(',').map(str::to_owned);
        let controllers: Vec<String> = match version {
            Version::One => options.collect(),
            Version::Two => Vec::new(),
        };
        let own = groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let mut names = fields.next()?.split(',');
            let is_this = match version {
                Version::One => names.any(|name| controllers.iter().any(|known| known == name)),
                Version::Two => line.starts_with("0::"),
            };
            is_this.then(|| fields.next())?
        })?;
        let mount = PathBuf::from(target);
        // A group outside of what is mounted cannot be reached; then its root has to do.
        let below = Path::new(own).strip_prefix(root).unwrap_or(Path::new(""));
        let is_plain = |path: &Path| !path.components().any(|part| part.as_os_str() == "..");
        let own = if is_plain(below) { mount.join(below) } else { mount.clone() };
        Some(Self { version, controllers, mount, own })
    }

    /// As which it is mounted by custom: what it is mounted as, and each of its controllers. None in version 2.
    pub(super) fn names(&self) -> Vec<String> {
        if self.version == Version::Two {
            return Vec::new();
        }
        let together = self.mount.file_name().and_then(OsStr::to_str).map(str::to_owned);
        let controllers = self.controllers.iter().filter(|name| CONTROLLERS.contains(&&***name));
        let mut names: Vec<String> = together.into_iter().chain(controllers.cloned()).collect();
        names.sort();
        names.dedup();
        names
    }

    pub(super) fn has(&self, controller: Controller) -> bool {
        self.controllers.iter().any(|name| name == controller.name())
    }
}

/// The words of a file; none when it cannot be read.
pub(super) fn words(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failure here is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn version_1_with_shared_hierarchies() {
        let mounts = "23 1 0:2 / / rw - ext4 /dev/vda rw\n\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
            35 31 0:32 /docker/a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let groups = "9:name=systemd:/s\n4:memory:/docker/a/b\n2:cpu,cpuacct:/x\n0::/u\n";
        let found = Hierarchy::parse(mounts, groups);
        let own: Vec<&str> = found.iter().filter_map(|one| one.own.to_str()).collect();
        assert_eq!(
            own,
            [
                "/sys/fs/cgroup/cpu,cpuacct/x",
                "/sys/fs/cgroup/memory/b",
                "/sys/fs/cgroup/systemd/s",
                "/sys/fs/cgroup/unified/u",
            ]
        );
        assert!(found[0].has(Controller::Cpu) && !found[0].has(Controller::Cpuset));
        assert!(found[1].has(Controller::Memory));
        assert_eq!(found[0].names(), ["cpu", "cpu,cpuacct", "cpuacct"]);
        assert_eq!((found[1].names(), found[3].names()), (vec!["memory".to_owned()], vec![]));
        assert_eq!(found[3].version, Version::Two);
    }

    #[test]
    fn version_2_and_a_group_out_of_reach() {
        let mounts = "25 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = |groups: &str| Hierarchy::parse(mounts, groups)[0].own.clone();
        assert_eq!(own("0::/user.slice/a.scope\n"), Path::new("/sys/fs/cgroup/user.slice/a.scope"));
        assert_eq!(own("0::/../b\n"), Path::new("/sys/fs/cgroup"));
        assert!(Hierarchy::parse("", "0::/\n").is_empty());
    }
}
