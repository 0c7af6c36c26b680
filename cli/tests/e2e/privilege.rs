//! What a RUN may do: the host's network, an unlocked sandbox, and limits.

use std::fs;

use crate::support::{Context, Store};

#[test]
fn the_hosts_network_has_to_be_allowed() {
    let context = Context::new(
        "FROM busybox\nRUN readlink /proc/self/ns/net > /default\n\
         RUN --network=none readlink /proc/self/ns/net > /none\n\
         RUN --network=host readlink /proc/self/ns/net > /host\n",
    );
    let store = Store::new();
    let refused = store.try_build("net", context.path(), &[]).ends_with(1);
    let refused = refused.says(&["network.host", "--allow", "Dockerfile:4:15"]);
    assert!(!refused.stderr.contains("RUN readlink"), "nothing ran: {}", refused.stderr);
    store.try_build("net", context.path(), &["--allow", "security.insecure"]).ends_with(1);
    store.build_with("net", context.path(), &["--allow", "network.host"]);
    let own = fs::read_link("/proc/self/ns/net").expect("the network namespace");
    let own = own.to_str().expect("text");
    assert_eq!(store.prints("net", &["cat", "/host"]), own);
    assert_ne!(store.prints("net", &["cat", "/none"]), own);
    // Who asks for it on the command line allows it, too.
    store.build_with("net", context.path(), &["--network", "host"]);
    let unknown = store.try_build("net", context.path(), &["--allow", "network.hosts"]);
    assert_ne!(unknown.code, Some(0));
    unknown.says(&["network.host, security.insecure"]);
}

#[test]
fn an_unlocked_sandbox_has_to_be_allowed() {
    let context = Context::new(
        "FROM busybox\nRUN --security=insecure grep CapBnd /proc/self/status > /open && mount -t tmpfs x /tmp\n\
         RUN --security=sandbox grep CapBnd /proc/self/status > /locked && ! mount -t tmpfs x /tmp\n",
    );
    let store = Store::new();
    let refused = store.try_build("caps", context.path(), &[]).ends_with(1);
    refused.says(&["security.insecure", "Dockerfile:2:16"]);
    store.build_with("caps", context.path(), &["--allow", "security.insecure"]);
    let own = fs::read_to_string("/proc/self/status").expect("the status");
    let own = own.lines().find_map(|line| line.strip_prefix("CapPrm:")).expect("capabilities");
    assert_eq!(store.prints("caps", &["cat", "/open"]), format!("CapBnd:{own}"));
    assert_eq!(store.prints("caps", &["cat", "/locked"]), "CapBnd:\t00000000a80425fb");
}

#[test]
fn limits_and_shared_memory() {
    let context = Context::new(
        "FROM busybox\nRUN ulimit -Sn > /soft; ulimit -Hn > /hard; grep /dev/shm /proc/mounts > /shm\n",
    );
    let store = Store::new();
    store.build_with(
        "limits",
        context.path(),
        &["--ulimit", "nofile=100:200", "--shm-size", "128m"],
    );
    assert_eq!(store.prints("limits", &["cat", "/soft", "/hard"]), "100\n200");
    let dockers = "/dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=131072k";
    assert!(store.prints("limits", &["cat", "/shm"]).contains(dockers));
    let container = ["run", "--rm", "--shm-size", "128m", "busybox", "cat", "/proc/mounts"];
    assert!(store.ok(&container).contains(dockers));
    store.try_build("limits", context.path(), &["--ulimit", "files=1"]).says(&["nofile"]);
}

#[test]
fn a_host_name_can_be_asked_for() {
    let context = Context::new("FROM busybox\nRUN hostname > /name; cat /etc/hosts >> /name\n");
    let store = Store::new();
    store.build_with("h", context.path(), &["--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=my.host"]);
    let name = store.prints("h", &["cat", "/name"]);
    assert!(name.starts_with("my.host\n") && name.contains("localhost my.host"), "{name}");
}

#[test]
fn devices_are_left_out_or_refused_by_name() {
    let store = Store::new();
    let flag = "--device=vendor.com/gpu=all,required=false";
    let context = Context::new(&format!(
        "FROM busybox AS unneeded\nRUN --device=other true\nFROM busybox\nRUN {flag} true\nRUN {flag} :\n"
    ));
    let said = store.try_build("none", context.path(), &[]).ends_with(0).stderr;
    let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("warning:")).collect();
    let warning = "warning: there is no device vendor.com/gpu=all on this machine: \
                   RUN --device=vendor.com/gpu=all goes without it";
    assert_eq!(warnings, [warning]);
    let context = Context::new("FROM busybox\nRUN --device=vendor.com/gpu=all,required true\n");
    store.try_build("none", context.path(), &[]).ends_with(1).says(&["vendor.com/gpu=all"]);
}
