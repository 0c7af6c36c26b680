//! What is asked for, and what has to be written into which file for it: pure.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bytes::{self, Bytes};
use crate::error::Errno;

/// A control group of a sandbox's own, made before its command and removed after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlGroup {
    /// What it keeps the command to.
    pub limits: GroupLimits,
    /// The group that it is made in, and that is made where it is missing: from the root of the
    /// hierarchy when absolute, else from this process's own group. `None` is the own group, or the
    /// nearest one around it that may have groups inside.
    pub parent: Option<String>,
    /// A folder, made where it is missing, in which groups are noted while they are there, see
    /// [`crate::remove_stale_groups`].
    #[serde(with = "bytes::path")]
    pub register: PathBuf,
}

/// What a control group keeps its processes to; those that are not named stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of memory and swap together. Without it, twice the memory where swap is counted at all
    /// (Docker's rule).
    pub memory_and_swap: Option<Swap>,
    /// Share of processor time among those who want it, 2 to 262144; 1024 is the default.
    pub cpu_shares: Option<u64>,
    /// Microseconds of processor time in each period.
    pub cpu_quota: Option<u64>,
    /// The period in microseconds; 100000 is the default.
    pub cpu_period: Option<u64>,
    /// Processors to run on, such as `0-2,4`.
    pub cpus: Option<String>,
    /// Memory nodes to use, such as `0`.
    pub memory_nodes: Option<String>,
    /// How many processes and threads there may be.
    pub processes: Option<u64>,
}

/// How much memory and swap together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Swap {
    /// This many bytes, at least as many as of memory.
    Total(u64),
    /// Swap without a limit.
    Unlimited,
}

/// A limit that a command came up against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// The kernel killed a process for want of memory.
    Memory {
        /// Bytes.
        limit: u64,
    },
    /// A process could not be started.
    Processes {
        /// How many there may be.
        limit: u64,
    },
    /// It was killed as it took too long.
    Time {
        /// How long it may take.
        limit: Duration,
    },
    /// It was killed as it wrote too much.
    Output {
        /// Bytes.
        limit: u64,
    },
    /// It failed while a file system in memory had no room left.
    MemoryMount {
        /// Where in the sandbox.
        target: Bytes,
        /// How many bytes it holds.
        limit: u64,
    },
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { limit } => {
                write!(f, "it ran out of memory, of which it may have {}", size(*limit))
            }
            Self::Processes { limit } => {
                write!(f, "it may not have more than {limit} processes and threads")
            }
            Self::Time { limit } => write!(f, "it took longer than {limit:?}"),
            Self::Output { limit } => write!(f, "it wrote more than {} of output", size(*limit)),
            Self::MemoryMount { target, limit } if **target == *b"/dev/shm" => {
                let limit = size(*limit);
                write!(f, "/dev/shm is full, which holds {limit}, and more with --shm-size")
            }
            Self::MemoryMount { target, limit } => {
                write!(f, "{} is full, which holds {}", target.display(), size(*limit))
            }
        }
    }
}

fn size(bytes: u64) -> String {
    if bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{bytes} bytes")
    }
}

/// Why a limit cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Unenforceable {
    /// The kernel was built or started without it, or nobody mounted it.
    #[error("this machine has no control groups for it")]
    NoController,
    /// No group can be made, or used.
    #[error("cannot use the control group {}", path.display())]
    Group {
        /// Its folder.
        path: bytes::Bytes,
        /// What the kernel said.
        source: Errno,
    },
    /// The kernel counts something not at all.
    #[error("this machine's kernel has no {file}")]
    NoFile {
        /// The file of a control group.
        file: String,
    },
    /// The kernel does not take the value.
    #[error("the kernel takes no {value:?} for {file}")]
    Value {
        /// The file of a control group.
        file: String,
        /// What was written there.
        value: String,
        /// What the kernel said.
        source: Option<Errno>,
    },
}

/// A part of the kernel that keeps limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Controller {
    Memory,
    Cpu,
    Cpuset,
    Pids,
}

impl Controller {
    pub(super) const ALL: [Self; 4] = [Self::Memory, Self::Cpu, Self::Cpuset, Self::Pids];

    /// As the kernel calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Cpuset => "cpuset",
            Self::Pids => "pids",
        }
    }

    /// What it limits.
    pub(super) const fn subject(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "processor time",
            Self::Cpuset => "processors and memory nodes",
            Self::Pids => "processes",
        }
    }
}

/// Which interface of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// What is written where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) file: &'static str,
    pub(super) value: String,
    /// Nobody asked for it: it is left out where the kernel has no such file.
    pub(super) is_implied: bool,
}

fn set(file: &'static str, value: impl ToString) -> Setting {
    Setting { file, value: value.to_string(), is_implied: false }
}

impl GroupLimits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What this controller has to be told, in this order; nothing when it is not needed.
    pub(super) fn settings(&self, controller: Controller, version: Version) -> Vec<Setting> {
        match controller {
            Controller::Memory => self.memory_settings(version),
            Controller::Cpu => self.cpu_settings(version),
            Controller::Cpuset => {
                let cpus = self.cpus.iter().map(|cpus| set("cpuset.cpus", cpus));
                cpus.chain(self.memory_nodes.iter().map(|nodes| set("cpuset.mems", nodes)))
                    .collect()
            }
            Controller::Pids => {
                self.processes.iter().map(|processes| set("pids.max", processes)).collect()
            }
        }
    }

    /// Version 1 counts memory and swap together, version 2 swap alone.
    fn memory_settings(&self, version: Version) -> Vec<Setting> {
        let Some(memory) = self.memory else { return Vec::new() };
        let (total, is_implied) = match self.memory_and_swap {
            Some(Swap::Unlimited) => (None, false),
            Some(Swap::Total(total)) => (Some(total), false),
            None => (Some(memory.saturating_mul(2)), true),
        };
        let (memory_file, swap_file) = match version {
            Version::One => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
            Version::Two => ("memory.max", "memory.swap.max"),
        };
        let swap = match (version, total) {
            (Version::One, None) => "-1".to_owned(),
            (Version::One, Some(total)) => total.to_string(),
            (Version::Two, None) => "max".to_owned(),
            (Version::Two, Some(total)) => total.saturating_sub(memory).to_string(),
        };
        vec![set(memory_file, memory), Setting { file: swap_file, value: swap, is_implied }]
    }

    fn cpu_settings(&self, version: Version) -> Vec<Setting> {
        let shares = self.cpu_shares.iter();
        match version {
            Version::One => shares
                .map(|shares| set("cpu.shares", shares))
                .chain(self.cpu_period.iter().map(|period| set("cpu.cfs_period_us", period)))
                .chain(self.cpu_quota.iter().map(|quota| set("cpu.cfs_quota_us", quota)))
                .collect(),
            Version::Two => {
                let bandwidth = match (self.cpu_quota, self.cpu_period) {
                    (None, None) => None,
                    (Some(quota), None) => Some(quota.to_string()),
                    (None, Some(period)) => Some(format!("max {period}")),
                    (Some(quota), Some(period)) => Some(format!("{quota} {period}")),
                };
                shares
                    .map(|shares| set("cpu.weight", weight(*shares)))
                    .chain(bandwidth.map(|bandwidth| set("cpu.max", bandwidth)))
                    .collect()
            }
        }
    }
}

/// Shares, 2 to 262144, on the scale of version 2, 1 to 10000 (crun and runc convert like this).
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limits: &GroupLimits, controller: Controller, version: Version) -> Vec<String> {
        let settings = limits.settings(controller, version).into_iter();
        settings
            .map(|set| {
                let mark = if set.is_implied { "?" } else { "" };
                format!("{}{mark}={}", set.file, set.value)
            })
            .collect()
    }

    /// The files and values of the kernel's Documentation/admin-guide, cgroup-v1 and cgroup-v2.rst.
    #[test]
    fn memory() {
        let limits = |swap| GroupLimits {
            memory: Some(64 << 20),
            memory_and_swap: swap,
            ..GroupLimits::default()
        };
        for (swap, one, two) in [
            (None, "memory.memsw.limit_in_bytes?=134217728", "memory.swap.max?=67108864"),
            (
                Some(Swap::Total(64 << 20)),
                "memory.memsw.limit_in_bytes=67108864",
                "memory.swap.max=0",
            ),
            (Some(Swap::Unlimited), "memory.memsw.limit_in_bytes=-1", "memory.swap.max=max"),
        ] {
            let written = |version| written(&limits(swap), Controller::Memory, version);
            assert_eq!(written(Version::One), ["memory.limit_in_bytes=67108864", one]);
            assert_eq!(written(Version::Two), ["memory.max=67108864", two]);
        }
    }

    #[test]
    fn processors() {
        let limits = GroupLimits {
            cpu_shares: Some(1024),
            cpu_quota: Some(150_000),
            cpu_period: Some(100_000),
            cpus: Some("0-1".into()),
            memory_nodes: Some("0".into()),
            processes: Some(20),
            ..GroupLimits::default()
        };
        let one = ["cpu.shares=1024", "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=150000"];
        assert_eq!(written(&limits, Controller::Cpu, Version::One), one);
        let two = ["cpu.weight=39", "cpu.max=150000 100000"];
        assert_eq!(written(&limits, Controller::Cpu, Version::Two), two);
        for version in [Version::One, Version::Two] {
            let set = written(&limits, Controller::Cpuset, version);
            assert_eq!(set, ["cpuset.cpus=0-1", "cpuset.mems=0"]);
            assert_eq!(written(&limits, Controller::Pids, version), ["pids.max=20"]);
            assert!(written(&limits, Controller::Memory, version).is_empty());
        }
        let period = GroupLimits { cpu_period: Some(50_000), ..GroupLimits::default() };
        assert_eq!(written(&period, Controller::Cpu, Version::Two), ["cpu.max=max 50000"]);
    }

    #[test]
    fn the_ends_of_the_scale_meet() {
        assert_eq!([weight(0), weight(2), weight(262_144)], [1, 1, 10_000]);
    }
}
