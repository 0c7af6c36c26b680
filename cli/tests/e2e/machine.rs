//! A machine of a test's own, and what it shows of itself.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::text;

/// Set for the test that is alone.
const ALONE: &str = "LAPSTRAKE_TEST_ALONE";

/// Process 1 waits for whoever has lost its parent, as that of a machine does.
const MACHINE: &str =
    "mount --bind \"$1\" /tmp; mount -t tmpfs shm /dev/shm; shift; \"$@\"; exit $?";

/// Whether this test is alone on its machine and may go on; else it has been run there, and has passed.
///
/// The machine is one in all that [`Machine`] shows: it has namespaces for processes, mounts and IPC, and
/// empty folders for temporary files and shared memory.
pub(crate) fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mode = fs::Permissions::from_mode(0o1777);
    fs::set_permissions(folder.path(), mode).expect("let others in");
    let mut machine = Command::new("unshare");
    machine.args(["--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]);
    machine.args(["sh", "-euc", MACHINE, "sh", &text(folder.path())]);
    machine.arg(std::env::current_exe().expect("this program"));
    let status = machine.args(["--exact", test, "--nocapture"]).env(ALONE, "1").status();
    assert!(status.expect("run unshare").success(), "{test} fails on a machine of its own");
    false
}

/// Everything on the machine that outlives who made it.
#[derive(Debug, PartialEq)]
pub(crate) struct Machine {
    /// Also those that nobody has waited for.
    processes: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    mounts: BTreeSet<String>,
    network: BTreeSet<String>,
    loops: BTreeSet<String>,
    shared_memory: BTreeSet<String>,
    temporary: BTreeSet<String>,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let processes: Vec<String> =
            names("/proc").into_iter().filter(|name| is_number(name)).collect();
        let all = |file: &str| -> Vec<String> {
            processes.iter().map(|id| read(&format!("/proc/{id}/{file}"))).collect()
        };
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let namespaces = processes.iter().flat_map(|id| {
            let folder = format!("/proc/{id}/ns");
            let kinds = names(&folder).into_iter();
            kinds.filter_map(move |kind| {
                Some(text(&fs::read_link(format!("{folder}/{kind}")).ok()?))
            })
        });
        let network = lines(&read("/proc/net/dev"));
        let network =
            network.iter().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
        let loops = names("/sys/block").into_iter();
        let loops = loops.map(|name| read(&format!("/sys/block/{name}/loop/backing_file")));
        let ipc = ["msg", "sem", "shm"].map(|kind| read(&format!("/proc/sysvipc/{kind}")));
        Self {
            processes: processes
                .iter()
                .cloned()
                .zip(all("comm"))
                .map(|(id, name)| id + " " + &name)
                .collect(),
            namespaces: namespaces.collect(),
            mounts: all("mountinfo").iter().flat_map(|mounts| lines(mounts)).collect(),
            network: network.collect(),
            loops: loops.filter(|file| !file.is_empty()).collect(),
            shared_memory: names("/dev/shm").into_iter().chain(ipc).collect(),
            temporary: names("/tmp").into_iter().collect(),
        }
    }

    /// The machine has to be like that again, once the kernel has taken apart what is left by nobody.
    pub(crate) fn is_back(&self, after: &str) {
        let begin = Instant::now();
        while Self::look() != *self && begin.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(Self::look(), *self, "what {after} leaves on the machine");
    }
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(folder)).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// What is gone meanwhile is empty.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// It sees what it is to see.
#[test]
fn everything_that_is_left_is_seen() {
    if !is_alone("machine::everything_that_is_left_is_seen") {
        return;
    }
    let before = Machine::look();
    assert_eq!(before, Machine::look());
    let mut other =
        Command::new("unshare").args(["-mn", "sleep", "60"]).spawn().expect("a process");
    let is_other = || read(&format!("/proc/{}/comm", other.id())) == "sleep\n";
    crate::support::wait_for("the process", || is_other().then_some(()));
    fs::write("/tmp/left", "x").expect("write");
    fs::write("/dev/shm/left", "x").expect("write");
    let after = Machine::look();
    assert_eq!(after.processes.len(), before.processes.len() + 1);
    assert_eq!(after.namespaces.len(), before.namespaces.len() + 2);
    assert!(after.mounts.len() > before.mounts.len());
    assert_eq!(after.temporary.len(), 1);
    assert_ne!(after.shared_memory, before.shared_memory);
    other.kill().expect("kill it");
    assert_eq!(
        Machine::look().processes.len(),
        before.processes.len() + 1,
        "nobody has waited for it"
    );
    other.wait().expect("wait for it");
    fs::remove_file("/tmp/left").expect("remove");
    fs::remove_file("/dev/shm/left").expect("remove");
    before.is_back("nothing");
}
