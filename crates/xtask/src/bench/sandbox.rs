//! A fresh sandbox from start to exit: `true` in `lap run` with all its defaults but the network, beside programs
//! that make sandboxes of a root file system and a description that are there already, all on the host's network. `bwrap` comes twice: as it is used
//! for one program, and with the mounts and capabilities that a container of Docker has.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Bench;
use super::measure::{Pair, medians, time};
use super::table::Row;
use crate::failure::{Failure, Outcome, Subject, wrong};
use crate::process;

const RUNS: usize = 41;

/// What it takes for a sandbox at all.
const BARE: &str = "bwrap --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup \
    --die-with-parent --bind rootfs / --proc /proc --dev /dev";

const SYSTEM: &str = "--ro-bind /sys /sys --ro-bind /sys/fs/cgroup /sys/fs/cgroup \
    --mqueue /dev/mqueue --tmpfs /dev/shm --hostname lapstrake --cap-drop ALL";

/// Docker's, all 14.
const CAPABILITIES: &str = "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP \
    SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE";

/// Where the second hierarchy of control groups is on machines with both versions, which crun refuses.
const HYBRID: &str = "/sys/fs/cgroup/unified";

pub(super) fn sandbox(bench: &Bench) -> Outcome<Vec<Row>> {
    let bundle = bench.disk.path("bundle");
    prepare(bench, &bundle)?;
    let peers = [
        ("bwrap with Docker's mounts", [words(BARE), dockers_mounts(), words("true")].concat()),
        ("bwrap, bare", [words(BARE), words("true")].concat()),
        ("crun", words("crun --cgroup-manager=disabled run lapstrake-bench-crun")),
        ("runc", words("runc run lapstrake-bench-runc")),
    ];
    let mut rows = Vec::new();
    for (peer, command) in peers {
        let theirs = || {
            let mut words = command.iter();
            let mut command = Command::new(words.next().map_or("", String::as_str));
            command.args(words).current_dir(&bundle);
            command
        };
        rows.push(row(bench, peer, &theirs)?);
    }
    if let Some(docker) = &bench.docker {
        process::quiet(&mut docker.tool.command(&["pull", "-q", "busybox"]))?;
        let run = ["run", "--rm", "--network", "host", "busybox", "true"];
        rows.push(row(bench, "docker run", &|| docker.tool.command(&run))?);
    }
    Ok(rows)
}

fn row(bench: &Bench, peer: &'static str, theirs: &dyn Fn() -> Command) -> Outcome<Row> {
    time(theirs())?;
    let mut pairs = Vec::new();
    for _ in 0..RUNS {
        pairs.push(Pair { ours: time(ours(bench))?, theirs: time(theirs())? });
    }
    Ok(Row::of("`true` in a fresh sandbox", medians(&pairs), "≥ 1×").beside(peer))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// What a sandbox of ours has and `bwrap` makes when it is told: the mounts that moby's
/// `daemon/pkg/oci/defaults.go` names, those of what this machine has, and its capabilities. There is no
/// overlay in this version, and a filter of system calls would have to be compiled for it.
fn dockers_mounts() -> Vec<String> {
    const HIDDEN: &str = "/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys \
        /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats \
        /sys/devices/virtual/powercap /sys/firmware";
    const READ_ONLY: &str = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger";
    let here =
        |paths: &'static str| paths.split_whitespace().filter(|path| Path::new(path).exists());
    let hidden = here(HIDDEN).map(|path| match Path::new(path).is_dir() {
        true => format!("--tmpfs {path}"),
        false => format!("--ro-bind /dev/null {path}"),
    });
    let read_only = here(READ_ONLY).map(|path| format!("--ro-bind {path} {path}"));
    let files = ["hosts", "hostname", "resolv.conf"];
    let files = files.map(|name| format!("--ro-bind /etc/{name} /etc/{name}"));
    let capabilities = CAPABILITIES.split(' ').map(|name| format!("--cap-add CAP_{name}"));
    let options = [SYSTEM.to_owned()].into_iter().chain(hidden).chain(read_only).chain(files);
    options.chain(capabilities).flat_map(|option| words(&option)).collect()
}

fn ours(bench: &Bench) -> Command {
    bench.ours.command(&["run", "--rm", "--network", "host", "busybox", "true"])
}

/// The base image in our store and as a folder, and beside that what `runc spec` makes of nothing but the
/// command: on the host's network, as ours is told to be, and without a terminal.
fn prepare(bench: &Bench, bundle: &Path) -> Outcome<()> {
    fs::create_dir_all(bundle).on("create", bundle)?;
    let dockerfile = bundle.join("Dockerfile");
    fs::write(&dockerfile, "FROM busybox\n").on("write", &dockerfile)?;
    let place = bundle.display().to_string();
    let output = bundle.join("rootfs").display().to_string();
    process::quiet(&mut bench.ours.command(&["pull", "-q", "busybox"]))?;
    process::quiet(&mut bench.ours.command(&["build", "-q", "-o", &output, &place]))?;
    process::quiet(Command::new("runc").arg("spec").current_dir(bundle))?;
    let path = bundle.join("config.json");
    let text = fs::read_to_string(&path).on("read", &path)?;
    let fault = |error: serde_json::Error| wrong(path.display().to_string(), error.to_string());
    let mut spec: Value = serde_json::from_str(&text).map_err(fault)?;
    if let Some(process) = spec.get_mut("process") {
        *process.get_mut("terminal").unwrap_or(&mut Value::Null) = json!(false);
        *process.get_mut("args").unwrap_or(&mut Value::Null) = json!(["true"]);
    }
    if let Some(Value::Array(namespaces)) = spec.pointer_mut("/linux/namespaces") {
        namespaces.retain(|namespace| namespace.get("type") != Some(&json!("network")));
    }
    fs::write(&path, spec.to_string()).on("write", &path)
}

/// Runs the benchmark once more where the second hierarchy is not mounted, if it is here; whether it did.
pub(super) fn without_hybrid(arguments: &[String]) -> Outcome<bool> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if !mounts.lines().any(|line| line.split(' ').nth(1) == Some(HYBRID)) {
        return Ok(false);
    }
    let own = std::env::current_exe()
        .map_err(|source| Failure::Start { program: "xtask".into(), source })?;
    let script = format!("umount {HYBRID}; exec \"$@\"");
    let mut again = Command::new("unshare");
    again.args(["-m", "sh", "-euc", &script, "sh"]).arg(own).arg("bench").args(arguments);
    process::run(&mut again).map(|()| true)
}
