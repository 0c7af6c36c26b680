//! What every sandbox has: Docker's mounts, devices, masks and files.

use crate::bytes::Bytes;
use crate::facts::{CgroupLayout, HostFacts};
use crate::spec::{EtcFiles, Network, SandboxSpec, Security, Source};

use super::step::Attribute::{self, NoDev, NoExec, NoSuid, ReadOnly, StrictAtime};
use super::step::{NewMount, Place, Step};

/// Files are hidden behind `/dev/null`, directories behind an empty one (moby
/// `daemon/pkg/oci/defaults.go`).
const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Same source.
const READ_ONLY: &[&str] =
    &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Name, major, minor (runc `specconv.AllowedDevices`).
const DEVICES: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// The host's devices of an insecure sandbox: name, major, minor (BuildKit `WithInsecureSpec`).
const HOST_DEVICES: &[(&str, u32, u32)] = &[
    ("kmsg", 1, 11),
    ("cuse", 10, 203),
    ("fuse", 10, 229),
    ("kvm", 10, 232),
    ("net/tun", 10, 200),
    ("loop-control", 10, 237),
];

const LOOP_MAJOR: u32 = 7;

/// How many loop devices there are beyond those of the host, for it to make more.
const SPARE_LOOP_DEVICES: u32 = 8;

/// More are of no use, and the host may have any number.
const MAX_LOOP_DEVICES: u32 = 256;

/// Name and target (runc `setupDevSymlinks`, and `ptmx`).
const LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
    ("ptmx", "pts/ptmx"),
];

/// 64 MiB, as `mount` reads it.
const SIZE: &str = "65536k";

/// `/proc`, `/dev` and what is below it, `/sys` and the control groups.
///
/// `/dev` is mounted `nodev`, unlike Docker's, and each device bound into it: the command has
/// `CAP_MKNOD`, and here no device control group keeps it from the disks. An insecure sandbox may
/// use the disks, and write to `/sys`.
pub(super) fn system_mounts(facts: &HostFacts, spec: &SandboxSpec) -> Vec<Step> {
    let locked = [NoSuid, NoExec, NoDev];
    let (kernel, dev_attributes): (&[_], &[_]) = match spec.security {
        Security::Sandbox => (&[ReadOnly, NoSuid, NoExec, NoDev], &[NoSuid, NoDev, StrictAtime]),
        Security::Insecure => (&locked, &[NoSuid, StrictAtime]),
    };
    // The terminals' group; left out where there is no such id.
    let terminal_group = facts.id_map.check_group(5).is_ok().then_some(("gid", "5"));
    let pts: Vec<_> =
        [("ptmxmode", "0666"), ("mode", "0620")].into_iter().chain(terminal_group).collect();
    let cgroup = match (facts.cgroup, &spec.group) {
        (CgroupLayout::Unified, _) => filesystem("cgroup2", &[], kernel, "/sys/fs/cgroup"),
        (CgroupLayout::Other, Some(_)) => Step::ShowGroups { attributes: kernel.to_vec() },
        (CgroupLayout::Other, None) => {
            filesystem("tmpfs", &[("mode", "755")], kernel, "/sys/fs/cgroup")
        }
    };
    let dev = [("mode", "755"), ("size", SIZE)];
    // A file system of the network's facts can only be made by whom the network belongs to.
    let is_lent = facts.id_map.is_namespace() && spec.network == Network::Host;
    let sys = if is_lent { bind("/sys", kernel) } else { filesystem("sysfs", &[], kernel, "/sys") };
    vec![
        filesystem("proc", &[], &locked, "/proc"),
        filesystem("tmpfs", &dev, dev_attributes, "/dev"),
        filesystem("devpts", &pts, &[NoSuid, NoExec], "/dev/pts"),
        shared_memory(&locked),
        filesystem("mqueue", &[], &locked, "/dev/mqueue"),
        sys,
        cgroup,
    ]
}

/// The devices and links of `/dev`.
pub(super) fn devices(facts: &HostFacts, security: Security) -> Vec<Step> {
    let of_host = match security {
        Security::Sandbox => Vec::new(),
        Security::Insecure => host_devices(facts),
    };
    let devices = DEVICES.iter().map(|device| match facts.id_map.is_namespace() {
        true => Step::BindDevice { name: device.0.to_owned(), required: true },
        false => character_device(device),
    });
    let links =
        LINKS.iter().map(|&(name, to)| Step::MakeLink { name: name.to_owned(), to: to.to_owned() });
    devices.chain(of_host).chain(links).collect()
}

fn host_devices(facts: &HostFacts) -> Vec<Step> {
    let count = facts.loop_devices.saturating_add(SPARE_LOOP_DEVICES).min(MAX_LOOP_DEVICES);
    let loops = (0..count).map(|minor| Step::MakeDevice {
        name: format!("loop{minor}"),
        block: true,
        major: LOOP_MAJOR,
        minor,
    });
    let devices = HOST_DEVICES.iter().map(character_device).chain(loops);
    match facts.id_map.is_namespace() {
        false => devices.collect(),
        true => devices.map(borrowed).collect(),
    }
}

/// The host's own device, if it has it.
fn borrowed(step: Step) -> Step {
    match step {
        Step::MakeDevice { name, .. } => Step::BindDevice { name, required: false },
        step => step,
    }
}

fn character_device(&(name, major, minor): &(&str, u32, u32)) -> Step {
    Step::MakeDevice { name: name.to_owned(), block: false, major, minor }
}

/// What is hidden and what is read-only: nothing in an insecure sandbox.
pub(super) fn masks(facts: &HostFacts, security: Security) -> Vec<Step> {
    match security {
        Security::Sandbox => {}
        Security::Insecure => return Vec::new(),
    }
    let masked = MASKED.iter().map(|&path| path.to_owned());
    let masked = masked.chain(facts.thermal_throttle.iter().cloned());
    let read_only = READ_ONLY.iter().map(|&path| Step::MakeReadOnly { path: path.to_owned() });
    masked.map(|path| Step::Mask { path }).chain(read_only).collect()
}

/// What a command can write to files of `/etc` is held in memory.
pub(super) fn scratch_size(etc: EtcFiles) -> Option<u64> {
    match etc {
        EtcFiles::Step => None,
        EtcFiles::Container => Some(16 << 20),
    }
}

/// `/etc/hosts` and its like.
pub(super) fn etc_files(spec: &SandboxSpec) -> Vec<Step> {
    let hostname = || ("/etc/hostname", Bytes::from(format!("{}\n", spec.hostname)));
    let (hostname, read_only) = match spec.etc {
        EtcFiles::Step => (None, Some(ReadOnly)),
        EtcFiles::Container => (Some(hostname()), None),
    };
    let files = [("/etc/hosts", hosts(spec)), ("/etc/resolv.conf", spec.resolv_conf.clone())];
    let mount = |(target, content)| Step::Mount {
        mount: NewMount::File {
            content,
            mode: 0o644,
            uid: 0,
            gid: 0,
            attributes: read_only.into_iter().chain([NoSuid, NoExec, NoDev]).collect(),
        },
        target: Bytes::from(target),
        place: Place::Stub,
    };
    files.into_iter().chain(hostname).map(mount).collect()
}

fn hosts(spec: &SandboxSpec) -> Bytes {
    let mut text = format!(
        "127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
        spec.hostname
    );
    for (name, address) in &spec.hosts {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    Bytes::from(text)
}

/// A part of the host at the same place.
fn bind(path: &str, attributes: &[Attribute]) -> Step {
    let (source, attributes) = (Source::Host(path.into()), attributes.to_vec());
    Step::Mount {
        mount: NewMount::Bind { source, recursive: true, attributes },
        target: Bytes::from(path),
        place: Place::System,
    }
}

/// Docker's: as [`SIZE`] says, for everybody.
fn shared_memory(attributes: &[Attribute]) -> Step {
    let (size, mode) = (Some(64 << 20), Some(0o1777));
    let mount = NewMount::Tmpfs { size, mode, attributes: attributes.to_vec() };
    Step::Mount { mount, target: Bytes::from("/dev/shm"), place: Place::System }
}

fn filesystem(
    kind: &str,
    options: &[(&str, &str)],
    attributes: &[Attribute],
    target: &str,
) -> Step {
    let options = options.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
    Step::Mount {
        mount: NewMount::Filesystem {
            kind: kind.to_owned(),
            options: options.collect(),
            attributes: attributes.to_vec(),
        },
        target: Bytes::from(target),
        place: Place::System,
    }
}
