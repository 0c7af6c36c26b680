//! System calls as Docker's profile has them, seen from a program.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a failed test")]

mod ground;

use std::collections::BTreeMap;

use ground::{Ground, succeed};

/// Calls each number of its arguments with arguments that do nothing, and prints the error number.
const PROBE: &str = r#"
    for (@ARGV) {
        my ($n, @a) = split /,/;
        $! = 0;
        my $r = syscall($n, map { $_ + 0 } @a);
        print "$_ ", ($r == -1 ? $! + 0 : 0), "\n";
    }
"#;

const EPERM: i32 = 1;
const ENOSYS: i32 = 38;

fn probe(ground: &Ground, calls: &[&str]) -> BTreeMap<String, i32> {
    let argv = [&["perl", "-e", PROBE], calls].concat();
    let output = succeed(&ground.command(&argv));
    output
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(call, errno)| (call.to_owned(), errno.parse().unwrap()))
        .collect()
}

#[test]
fn what_the_profile_refuses_fails_with_eperm() {
    let ground = Ground::debian();
    // Number and arguments; each would fail otherwise too, but with another error.
    let calls = [
        ("add_key", "248,0,0,0,0,0"),
        ("request_key", "249,0,0,0,0"),
        ("keyctl", "250,0,0,0,0,0"),
        ("bpf", "321,0,0,0"),
        ("perf_event_open", "298,0,0,0,0,0"),
        ("mount", "165,0,0,0,0,0"),
        ("umount2", "166,0,0"),
        ("pivot_root", "155,0,0"),
        ("fsopen", "430,0,0"),
        ("fsmount", "432,0,0,0"),
        ("move_mount", "429,0,0,0,0,0"),
        ("open_tree", "428,0,0,0"),
        ("mount_setattr", "442,0,0,0,0,0"),
        ("unshare", "272,0"),
        ("setns", "308,0,0"),
        ("clone with a new user namespace", "56,268435456,0,0,0,0"),
        ("io_uring_setup", "425,0,0"),
        ("userfaultfd", "323,0"),
        ("open_by_handle_at", "304,0,0,0"),
        ("fanotify_init", "300,0,0"),
        ("init_module", "175,0,0,0"),
        ("delete_module", "176,0,0"),
        ("kexec_load", "246,0,0,0,0"),
        ("reboot", "169,0,0,0,0"),
        ("swapoff", "168,0"),
        ("acct", "163,1"),
        ("quotactl", "179,0,0,0,0"),
        ("iopl", "172,0"),
        ("settimeofday", "164,1,1"),
        ("clock_settime", "227,0,0"),
        ("sethostname", "170,0,0"),
        ("syslog", "103,3,0,0"),
        ("lookup_dcookie", "212,0,0,0"),
        ("mbind", "237,0,0,0,0,0,0"),
        ("set_mempolicy", "238,9,0,0"),
        ("migrate_pages", "256,0,0,0,0"),
        ("move_pages", "279,0,0,0,0,0,0"),
        ("kcmp", "312,0,0,0,0,0"),
        ("pidfd_getfd", "438,9,9,0"),
        ("process_madvise", "440,0,0,0,0,0"),
        ("uselib", "134,0"),
        ("ustat", "136,0,0"),
        ("sysfs", "139,3"),
        ("personality of another system", "135,4"),
        ("socket AF_ALG", "41,38,5,0"),
        ("socket AF_VSOCK", "41,40,1,0"),
    ];
    let found = probe(&ground, &calls.map(|(_, call)| call));
    for (name, call) in calls {
        assert_eq!(found[call], EPERM, "{name}");
    }
}

#[test]
fn what_the_profile_does_not_know_fails_with_enosys() {
    let ground = Ground::debian();
    let calls = ["435,0,0", "467,0,0,0,0,0", "468,0,0,0,0,0", "600", "4000"];
    let found = probe(&ground, &calls);
    for call in calls {
        assert_eq!(found[call], ENOSYS, "{call}");
    }
}

#[test]
fn what_the_profile_allows_works() {
    let ground = Ground::debian();
    let calls = [
        ("getpid", "39"),
        ("personality", "135,4294967295"),
        ("socket AF_UNIX", "41,1,1,0"),
        ("socket AF_INET", "41,2,1,0"),
        ("memfd_create", "319,0,0"),
        ("ptrace of nobody", "101,0,0,0,0"),
        ("chroot", "161,0"),
        ("landlock_create_ruleset", "444,0,0,1"),
        ("statmount", "457,0,0,0,0"),
        ("openat2", "437,0,0,0,0"),
        ("splice", "275,9,0,9,0,0,0"),
    ];
    let found = probe(&ground, &calls.map(|(_, call)| call));
    for (name, call) in calls {
        assert!(![EPERM, ENOSYS].contains(&found[call]), "{name}: {}", found[call]);
    }
}

#[test]
fn programs_without_the_c_library_of_the_host_run() {
    let ground = Ground::debian();
    let script = "apt-get --version >/dev/null && dpkg --version >/dev/null && su -c id && \
                  perl -e 'fork; wait' && ls / | wc -l >/dev/null";
    assert_eq!(ground.output(script), "uid=0(root) gid=0(root) groups=0(root)\n");
}
