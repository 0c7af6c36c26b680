//! The box that RUN and `lap run` share: what a process in it may do, sees and leaves behind.
//! Expected values are Docker's defaults.

use std::path::Path;

use crate::support::{Context, Store};

/// chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot
/// mknod audit_write setfcap.
const CAPABILITIES: &str = "00000000a80425fb";

/// A build that runs the script and keeps what it prints, and a container that does the same.
fn both(script: &str) -> [String; 2] {
    let context = Context::new(&format!("FROM busybox\nRUN ({script}) > /printed 2>&1\n"));
    let store = Store::new();
    store.build("boxed", context.path());
    [
        store.prints("boxed", &["cat", "/printed"]),
        store.prints("boxed", &["sh", "-c", &format!("({script}) 2>&1")]),
    ]
}

#[test]
fn capabilities_are_dockers() {
    for status in both("grep ^Cap /proc/self/status") {
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            assert!(status.contains(&format!("{set}:\t{CAPABILITIES}")), "{status}");
        }
        assert!(status.contains("CapInh:\t0000000000000000"), "{status}");
    }
}

#[test]
fn system_calls_are_filtered() {
    for status in both("grep -E ^Seccomp: /proc/self/status") {
        assert_eq!(status, "Seccomp:\t2");
    }
    for refused in both("unshare -U true; mount -t tmpfs none /tmp; echo $?") {
        assert!(refused.contains("not permitted") && refused.ends_with('1'), "{refused}");
    }
}

#[test]
fn only_its_own_processes_are_visible() {
    for listing in both("ls /proc | grep -c '^[0-9]'; echo $$") {
        let count: u32 =
            listing.lines().next().and_then(|line| line.parse().ok()).expect("a number");
        assert!(count <= 5, "{listing}");
    }
}

#[test]
fn kernel_files_are_masked_and_read_only() {
    for answer in both(
        "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; echo 1 > /proc/sys/kernel/panic; echo x > /sys/x; true",
    ) {
        assert_eq!(answer.lines().next(), Some("0"), "{answer}");
        assert_eq!(answer.matches("Read-only").count(), 2, "{answer}");
    }
}

#[test]
fn devices_are_the_few_that_programs_expect() {
    let script = "cd /dev && for d in null zero full random urandom tty; do test -c $d || echo no $d; done; \
                  test -d pts && test -d shm && test -h fd && test -h stdout && ls | sort | tr '\\n' ' '";
    for listing in both(script) {
        assert!(!listing.contains("no "), "{listing}");
        for absent in ["sda", "vda", "kmsg", "mem ", "loop"] {
            assert!(!listing.contains(absent), "{listing}");
        }
    }
}

#[test]
fn no_open_file_of_the_builder_is_inherited() {
    for listing in both("ls /proc/self/fd | tr '\\n' ' '") {
        assert!(matches!(listing.trim(), "0 1 2 3"), "{listing}");
    }
}

#[test]
fn name_service_files_are_given_and_leave_no_trace() {
    let context = Context::new(
        "FROM scratch AS empty\nFROM busybox\nRUN cat /etc/hosts /etc/resolv.conf > /seen && test -s /etc/resolv.conf\n\
         FROM empty\nCOPY --from=1 / /\n",
    );
    let store = Store::new();
    store.build("traceless", context.path());
    let seen = store.prints("traceless", &["cat", "/seen"]);
    assert!(seen.contains("localhost"), "{seen}");
    let layout = store.layout("traceless");
    let mut names = String::new();
    for blob in std::fs::read_dir(layout.join("blobs/sha256")).expect("list the blobs") {
        let blob = crate::support::text(&blob.expect("a blob").path());
        let listed =
            std::process::Command::new("tar").args(["-tf", &blob]).output().expect("start tar");
        names += &String::from_utf8_lossy(&listed.stdout);
    }
    assert!(names.contains("etc/passwd"), "{names}");
    for given in ["etc/hosts", "etc/resolv.conf", "etc/hostname"] {
        assert!(!names.contains(given), "{given} is in the image");
    }
}

/// BuildKit mounts hosts and resolv.conf into a step (`executor/oci/spec.go`), and nothing else.
#[test]
fn a_step_writes_the_host_name_of_its_image() {
    let context = Context::new(
        "FROM busybox\nRUN test ! -e /etc/hostname && echo mine > /etc/hostname\n\
         FROM scratch\nCOPY --from=0 /etc/hostname /\n",
    );
    let store = Store::new();
    let output = context.path().join("out");
    store.ok(&[
        "build",
        "-q",
        "-o",
        &crate::support::text(&output),
        &crate::support::text(context.path()),
    ]);
    assert_eq!(std::fs::read_to_string(output.join("hostname")).expect("read it"), "mine\n");
}

#[test]
fn a_container_writes_to_its_files_of_etc() {
    let store = Store::new();
    let context = Context::new("FROM busybox\n");
    store.build("plain", context.path());
    let script = "echo 192.0.2.1 added >> /etc/hosts; echo other > /etc/hostname; grep -c added /etc/hosts; cat /etc/hostname";
    assert_eq!(store.prints("plain", &["sh", "-c", script]), "1\nother");
}

#[test]
fn the_root_is_pivoted_and_mounts_of_the_host_are_gone() {
    for mounts in both("cut -d' ' -f5 /proc/self/mountinfo | sort") {
        for point in mounts.lines().filter(|point| *point != "/") {
            let known = ["/proc", "/dev", "/sys", "/etc"]
                .iter()
                .any(|folder| Path::new(point).starts_with(folder));
            assert!(known, "{point} is mounted\n{mounts}");
        }
        assert_eq!(mounts.lines().filter(|point| *point == "/").count(), 1, "{mounts}");
    }
}

#[test]
fn limits_and_mask_are_sane() {
    for answer in both("umask; pwd; echo $HOME") {
        let lines: Vec<&str> = answer.lines().collect();
        assert_eq!(lines, ["0022", "/", "/root"]);
    }
}
