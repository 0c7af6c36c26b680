//! What the filter of RUN says to each system call of each ABI, as root and as an ordinary user.
//!
//! Expected is `seccomp/default.json` of github.com/moby/profiles (commit 3c28324) with Docker's default
//! capabilities, written down as what it refuses. Names come with the kernel's headers. Calls that are
//! newer than the profile get ENOSYS, as runc has it (`libcontainer/seccomp/patchbpf`).
#![cfg(target_arch = "x86_64")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::rootless::{RANGES, User};
use crate::support::{Context, Store, testdata, text, tool};

/// An ABI as the probe calls it, its header, and what it calls what looks at its first argument:
/// clone, personality, socket.
type Abi = (&'static str, &'static str, [u32; 3]);

const ABIS: [Abi; 3] = [
    ("native", "unistd_64.h", [56, 135, 41]),
    ("x32", "unistd_x32.h", [56, 135, 41]),
    ("i386", "unistd_32.h", [120, 136, 359]),
];

const REFUSED: &str = "_sysctl acct add_key afs_syscall bdflush bpf break clock_settime \
    clock_settime64 create_module delete_module fanotify_init finit_module fsconfig fsmount fsopen \
    fspick ftime get_kernel_syms get_mempolicy getpmsg gtty idle init_module io_uring_enter \
    io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lock \
    lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind migrate_pages mount \
    mount_setattr move_mount move_pages mpx nfsservctl nice oldfstat oldlstat oldolduname oldstat \
    olduname open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_madvise prof \
    profil putpmsg query_module quotactl quotactl_fd readdir reboot request_key security \
    set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday sgetmask \
    sigaction signal sigpending sigsuspend ssetmask stime stty swapoff swapon sysfs syslog tuxcall \
    ulimit umount umount2 unshare uselib userfaultfd ustat vhangup vm86 vm86old vserver";

/// The last that the profile knows.
const NEWEST: u32 = 466;

/// From 451 on, the same everywhere: Debian's headers may be older.
const NEWER: [&str; 16] = [
    "cachestat",
    "fchmodat2",
    "map_shadow_stack",
    "futex_wake",
    "futex_wait",
    "futex_requeue",
    "statmount",
    "listmount",
    "lsm_get_self_attr",
    "lsm_set_self_attr",
    "lsm_list_modules",
    "mseal",
    "setxattrat",
    "getxattrat",
    "listxattrat",
    "removexattrat",
];

/// Numbers and names of an ABI.
fn names(header: &str) -> BTreeMap<u32, String> {
    let path = Path::new("/usr/include/x86_64-linux-gnu/asm").join(header);
    let header = fs::read_to_string(&path).expect("the header of libc6-dev");
    let defined = header.lines().filter_map(|line| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        let number = number.trim_start_matches("(__X32_SYSCALL_BIT + ").trim_end_matches(')');
        Some((number.parse().ok()?, name.to_owned()))
    });
    (451..).zip(NEWER.map(str::to_owned)).chain(defined).collect()
}

/// What one ABI is to be told.
struct Profile {
    names: BTreeMap<u32, String>,
    clone: u32,
    personality: u32,
    socket: u32,
}

impl Profile {
    fn of((_, header, [clone, personality, socket]): Abi) -> Self {
        let names = names(header);
        for (number, name) in [(clone, "clone"), (personality, "personality"), (socket, "socket")] {
            assert_eq!(names.get(&number).map(String::as_str), Some(name), "{header}");
        }
        Self { names, clone, personality, socket }
    }

    fn verdict(&self, number: u32, first: u32) -> &'static str {
        let is_allowed = match number {
            number if number == self.clone => first & 0x7e02_0000 == 0,
            number if number == self.personality => {
                [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].contains(&first)
            }
            // AF_ALG and AF_VSOCK.
            number if number == self.socket => first != 38 && first != 40,
            number => match self.names.get(&number).map(String::as_str) {
                Some("clone3") => return "ENOSYS",
                // x32 has numbers of its own from 512 on, which are old.
                None if number > NEWEST => return "ENOSYS",
                Some(_) if number > NEWEST && number < 512 => return "ENOSYS",
                None => false,
                Some(name) => !REFUSED.split_whitespace().any(|refused| refused == name),
            },
        };
        if is_allowed { "allow" } else { "EPERM" }
    }
}

/// Calls and verdicts as the probe printed them, by ABI.
fn verdicts(printed: &str) -> BTreeMap<&str, Vec<(u32, u32, &str)>> {
    let mut seen: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for line in printed.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [abi, number, first, verdict] = words[..] else { panic!("{line:?}") };
        let number = number.parse().expect("a number");
        let first = u32::from_str_radix(first, 16).expect("an argument");
        seen.entry(abi).or_default().push((number, first, verdict));
    }
    seen
}

/// `print` gives what the probe wrote in a sandbox with the filter, and in one without.
fn check(print: impl Fn(&str) -> String) {
    let printed = print("/p/default");
    let seen = verdicts(&printed);
    for abi in ABIS {
        let profile = Profile::of(abi);
        let calls = seen.get(abi.0).expect("the ABI");
        assert!(calls.len() > 700, "{}: {}", abi.0, calls.len());
        let is_wrong = |call: &&(u32, u32, &str)| profile.verdict(call.0, call.1) != call.2;
        let wrong: Vec<_> = calls.iter().filter(is_wrong).collect();
        assert!(wrong.is_empty(), "{} is told (number, first argument, verdict) {wrong:?}", abi.0);
    }
    // The probe tells the filter's word and not the kernel's.
    let printed = print("/p/insecure");
    assert!(printed.lines().all(|line| line.ends_with(" allow")), "{printed}");
    assert_eq!(printed.lines().count(), seen.values().map(Vec::len).sum::<usize>());
}

const DOCKERFILE: &str = "FROM busybox\nCOPY probe /\nRUN mkdir -m 777 /p && /probe > /p/default\n\
     RUN --security=insecure /probe > /p/insecure\n";

const ALLOW: [&str; 2] = ["--allow", "security.insecure"];

fn compile(folder: &Path) {
    let source = text(&testdata("syscall").join("probe.c"));
    tool("cc", &["-O2", "-static", "-s", "-o", &text(&folder.join("probe")), &source]);
}

#[test]
fn a_step_of_root_may_call_what_dockers_profile_allows() {
    let context = Context::new(DOCKERFILE);
    compile(context.path());
    let store = Store::new();
    store.build_with("told", context.path(), &ALLOW);
    check(|path| store.prints("told", &["cat", path]));
}

#[test]
fn a_step_of_a_user_may_call_what_dockers_profile_allows() {
    let user = User::new(RANGES);
    let context = user.context(DOCKERFILE);
    compile(Path::new(&context));
    user.ok(&[&["build", "-q", "-t", "told"], &ALLOW[..], &[&context]].concat());
    check(|path| user.ok(&["run", "--rm", "told", "cat", path]));
}
