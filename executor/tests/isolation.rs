//! What a command sees and may do, compared with Docker's defaults (spec/security.md §2).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a failed test")]

mod ground;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use ground::{Ground, run, succeed};
use lapstrake_executor::{Bytes, Error, EtcFiles, Limit, Network, Refusal, Resource, Security};

/// `name: value` lines of `/proc/self/status`.
fn status_of(ground: &Ground, user: &str) -> BTreeMap<String, String> {
    let mut spec = ground.command(&["cat", "/proc/self/status"]);
    spec.user = user.to_owned();
    let text = succeed(&spec);
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

#[test]
fn capabilities_and_filter_are_dockers() {
    let ground = Ground::busybox();
    let root = status_of(&ground, "");
    let dockers = "00000000a80425fb";
    let none = "0000000000000000";
    for (name, value) in [
        ("CapBnd", dockers),
        ("CapPrm", dockers),
        ("CapEff", dockers),
        ("CapInh", none),
        ("CapAmb", none),
        ("Seccomp", "2"),
        ("NoNewPrivs", "0"),
        ("Umask", "0022"),
        ("SigBlk", none),
        ("SigIgn", none),
        ("Pid", "1"),
    ] {
        assert_eq!(root[name], value, "{name}");
    }
    let other = status_of(&ground, "1000");
    for (name, value) in [
        ("CapBnd", dockers),
        ("CapPrm", none),
        ("CapEff", none),
        ("CapInh", none),
        ("CapAmb", none),
        ("Seccomp", "2"),
        ("Uid", "1000\t1000\t1000\t1000"),
        ("Gid", "0\t0\t0\t0"),
    ] {
        assert_eq!(other[name], value, "{name} of a user");
    }
}

#[test]
fn new_privileges_can_be_refused() {
    let ground = Ground::busybox();
    let mut spec = ground.script("grep NoNewPrivs /proc/self/status");
    spec.no_new_privileges = true;
    assert_eq!(succeed(&spec), "NoNewPrivs:\t1\n");
}

#[test]
fn every_namespace_but_user_time_and_the_hosts_network_is_new() {
    let ground = Ground::busybox();
    let script = "for n in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$n; done";
    let is_new = |network: Network| -> Vec<String> {
        let mut spec = ground.script(script);
        spec.network = network;
        let inside = succeed(&spec);
        let is_new = |line: &&str| {
            let name = line.split(':').next().unwrap();
            fs::read_link(format!("/proc/self/ns/{name}")).unwrap().to_str() != Some(*line)
        };
        let name = |line: &str| line.split(':').next().unwrap().to_owned();
        inside.lines().filter(is_new).map(name).collect()
    };
    assert_eq!(is_new(Network::Host), ["cgroup", "ipc", "mnt", "pid", "uts"]);
    assert_eq!(is_new(Network::None), ["cgroup", "ipc", "mnt", "net", "pid", "uts"]);
}

#[test]
fn without_network_there_is_only_loopback_and_it_is_up() {
    let ground = Ground::busybox();
    let mut spec = ground.script("ls /sys/class/net; ifconfig lo | grep -c 'UP LOOPBACK'");
    spec.network = Network::None;
    let output = succeed(&spec);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.first(), Some(&"lo"));
    assert_eq!(lines.last(), Some(&"1"));
    // Tunnel modules put an interface of their own into each network namespace; all are down.
    let down = "for i in /sys/class/net/*; do cat $i/operstate; done | grep -c up";
    let mut spec = ground.script(down);
    spec.network = Network::None;
    assert_eq!(run(&spec).unwrap().output, "0\n");
}

#[test]
fn mounts_are_dockers() {
    let ground = Ground::busybox();
    let output = ground.output("cat /proc/self/mounts");
    let mounts: BTreeMap<&str, (&str, &str)> = output
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[1], (words[2], words[3]))
        })
        .collect();
    for (target, kind, options) in [
        ("/", "overlay", "rw,nodev,relatime"),
        ("/proc", "proc", "rw,nosuid,nodev,noexec,relatime"),
        ("/dev", "tmpfs", "rw,nosuid,nodev,size=65536k,mode=755"),
        ("/dev/pts", "devpts", "rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666"),
        ("/dev/shm", "tmpfs", "rw,nosuid,nodev,noexec,relatime,size=65536k"),
        ("/dev/mqueue", "mqueue", "rw,nosuid,nodev,noexec,relatime"),
        ("/sys", "sysfs", "ro,nosuid,nodev,noexec,relatime"),
        ("/sys/fs/cgroup", "", "ro,nosuid,nodev,noexec,relatime"),
        ("/etc/hosts", "tmpfs", "ro,nosuid,nodev,noexec,relatime"),
        ("/etc/resolv.conf", "tmpfs", "ro,nosuid,nodev,noexec,relatime"),
        ("/proc/sys", "proc", "ro,nosuid,nodev,noexec,relatime"),
        ("/proc/bus", "proc", "ro,nosuid,nodev,noexec,relatime"),
        ("/proc/fs", "proc", "ro,nosuid,nodev,noexec,relatime"),
        ("/proc/irq", "proc", "ro,nosuid,nodev,noexec,relatime"),
    ] {
        let (found, found_options) = mounts[target];
        assert!(kind.is_empty() || found == kind, "{target}: {found}");
        assert!(found_options.starts_with(options), "{target}: {found_options}");
    }
    assert!(!mounts.contains_key("/run"));
    assert!(!mounts.contains_key("/etc/hostname"), "it is the image's in a step");
}

#[test]
fn masked_paths_are_empty_and_cannot_be_written() {
    let ground = Ground::busybox();
    let script = r#"
        for f in acpi asound interrupts kcore keys latency_stats sched_debug scsi timer_list \
                 timer_stats; do
            p=/proc/$f
            [ -e $p ] || continue
            if [ -d $p ]; then [ -z "$(ls -A $p)" ] || echo $p is not empty
            else [ -z "$(head -c 1 $p)" ] || echo $p is not empty; fi
        done
        for p in /sys/firmware /sys/devices/virtual/powercap \
                 /sys/devices/system/cpu/cpu*/thermal_throttle; do
            [ -d $p ] || continue
            [ -z "$(ls -A $p)" ] || echo $p is not empty
            touch $p/x 2>/dev/null && echo $p is writable
        done
        for p in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/irq/0/smp_affinity; do
            [ -e $p ] || continue
            (echo x > $p) 2>/dev/null && echo $p is writable
        done
        touch /sys/fs/cgroup/x 2>/dev/null && echo cgroup is writable
        touch /sys/x 2>/dev/null && echo sys is writable
        sed 's/.*://' /proc/self/cgroup | sort -u
        exit 0
    "#;
    assert_eq!(ground.output(script), "/\n");
}

#[test]
fn devices_are_dockers() {
    let ground = Ground::busybox();
    let script = "cd /dev; ls; stat -c '%n %F %t:%T %a' null zero full random urandom tty; \
                  for l in fd stdin stdout stderr core ptmx; do readlink $l; done; stat -c %a pts shm mqueue pts/ptmx; \
                  echo x > null; head -c 2 zero | wc -c; echo x > full && echo written; exit 0";
    let outcome = run(&ground.script(script)).unwrap();
    let lines: Vec<&str> = outcome.output.lines().collect();
    let expected = [
        "core",
        "fd",
        "full",
        "mqueue",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
        "zero",
        "null character special file 1:3 666",
        "zero character special file 1:5 666",
        "full character special file 1:7 666",
        "random character special file 1:8 666",
        "urandom character special file 1:9 666",
        "tty character special file 5:0 666",
        "/proc/self/fd",
        "/proc/self/fd/0",
        "/proc/self/fd/1",
        "/proc/self/fd/2",
        "/proc/kcore",
        "pts/ptmx",
        "755",
        "1777",
        "1777",
        "666",
        "2",
    ];
    assert_eq!(lines[..expected.len()], expected);
    assert!(!outcome.output.contains("written"), "{}", outcome.output);
}

#[test]
fn no_disk_can_be_opened_though_devices_can_be_made() {
    let ground = Ground::busybox();
    let script = "mount=$(stat -c %d /); \
        for d in / /dev /dev/shm /tmp /etc; do mknod $d/disk b 254 0 && head -c 1 $d/disk; done; \
        mknod /n c 1 3 && cat /n; exit 0";
    let outcome = run(&ground.script(script)).unwrap();
    assert_eq!(outcome.output.matches("Permission denied").count(), 6, "{}", outcome.output);
}

#[test]
fn files_of_etc_are_the_descriptions_and_read_only() {
    let ground = Ground::busybox();
    let mut spec = ground.script(
        "cat /etc/hosts /etc/resolv.conf; hostname; \
         for f in hosts resolv.conf; do (echo x > /etc/$f) 2>/dev/null && echo no; \
         rm /etc/$f 2>/dev/null && echo no; done; stat -c %a:%u:%g /etc/hosts; \
         ls /etc/hostname 2>/dev/null; echo mine > /etc/hostname",
    );
    spec.hostname = "foo".to_owned();
    spec.hosts = vec![
        ("example.test".to_owned(), "192.0.2.7".parse().unwrap()),
        ("six.test".to_owned(), "2001:db8::1".parse().unwrap()),
    ];
    spec.resolv_conf = Bytes::from("nameserver 192.0.2.53\n");
    assert_eq!(
        succeed(&spec),
        "127.0.0.1\tlocalhost foo\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         192.0.2.7\texample.test\n2001:db8::1\tsix.test\nnameserver 192.0.2.53\nfoo\n\
         644:0:0\n"
    );
    assert_eq!(fs::read(spec.rootfs.upper.join("etc/hostname")).unwrap(), b"mine\n");
}

/// moby: `daemon/container_operations_unix.go` mounts them so that they can be written.
#[test]
fn a_container_can_write_to_its_files_of_etc() {
    let ground = Ground::busybox();
    let mut spec = ground.script(
        "cat /etc/hostname; for f in hosts resolv.conf hostname; do echo mine >> /etc/$f; tail -n 1 /etc/$f; done; \
         head -c 64m /dev/zero > /etc/hosts || stat -c %s /etc/hosts; stat -c %a:%u:%g /etc/hostname",
    );
    (spec.etc, spec.hostname) = (EtcFiles::Container, "foo".to_owned());
    let output = succeed(&spec);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[..4], ["foo", "mine", "mine", "mine"], "{output}");
    let full = lines.iter().find_map(|line| line.parse::<u64>().ok()).unwrap();
    assert!(full <= 16 << 20, "{full} bytes of memory");
    assert_eq!(lines.last(), Some(&"644:0:0"), "{output}");
    assert_eq!(fs::read_dir(&spec.rootfs.upper).unwrap().count(), 0);
}

#[test]
fn the_environment_is_the_descriptions_and_home() {
    let ground = Ground::busybox();
    let mut spec = ground.command(&["/bin/env"]);
    spec.env.push(("A".into(), Bytes::from(vec![b'x', 0xff])));
    let output = succeed(&spec);
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";
    assert_eq!(output, format!("{path}A=x\u{fffd}\nHOME=/root\n"));
    let mut spec = ground.command(&["/bin/env"]);
    spec.env = vec![("HOME".into(), "/here".into())];
    assert_eq!(succeed(&spec), "HOME=/here\n");
    let mut spec = ground.command(&["/bin/env"]);
    spec.env.clear();
    spec.user = "4242".to_owned();
    assert_eq!(succeed(&spec), "HOME=/\n");
}

#[test]
fn no_descriptor_is_left_open() {
    let ground = Ground::busybox();
    let leak = fs::File::open(ground.folder.path()).unwrap();
    let kept = rustix_without_cloexec(&leak);
    assert_eq!(ground.output("ls /proc/self/fd; ls /proc/1/fd; true"), "0\n1\n2\n3\n0\n1\n2\n");
    drop(kept);
}

#[test]
fn no_descriptor_is_a_way_out_for_a_scripts_interpreter() {
    let ground = Ground::busybox();
    let leak = fs::File::open(ground.folder.path()).unwrap();
    let kept = rustix_without_cloexec(&leak);
    for number in 3..40 {
        let script = ground.extra().join(format!("script{number}"));
        fs::write(&script, format!("#!/proc/self/fd/{number}/base/bin/busybox\n")).unwrap();
        rustix::fs::chmod(&script, rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
        let error = run(&ground.command(&[&format!("/script{number}")])).unwrap_err();
        assert!(
            matches!(error, Error::NotFound { .. } | Error::NotExecutable { .. }),
            "{number}: {error:?}"
        );
    }
    drop(kept);
}

/// A descriptor that an executed program inherits.
fn rustix_without_cloexec(file: &fs::File) -> std::os::fd::OwnedFd {
    let copy = rustix::io::dup(file).unwrap();
    rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::empty()).unwrap();
    copy
}

#[test]
fn users_groups_are_dockers() {
    let ground = Ground::busybox();
    fs::write(
        ground.base().join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n",
    )
    .unwrap();
    fs::write(
        ground.base().join("etc/group"),
        "root:x:0:\nwheel:x:10:root,app\napp:x:1001:\nextra:x:50:app\n",
    )
    .unwrap();
    for (user, expected) in [
        ("", "0 0 10"),
        ("root", "0 0 10"),
        ("0", "0 0 10"),
        ("app", "1000 1001 10 50"),
        ("1000", "1000 1001 10 50"),
        ("app:wheel", "1000 10"),
        ("app:77", "1000 77"),
        ("5", "5 0"),
        ("5:6", "5 6"),
        ("5:wheel", "5 10"),
        ("1000:", "1000 1001 10 50"),
    ] {
        let mut spec = ground.script("echo $(id -u) $(id -G)");
        spec.user = user.to_owned();
        assert_eq!(succeed(&spec).trim(), expected, "USER {user:?}");
    }
    for user in ["nobody", "4294967296", "-1", "0x0", "99999999999999999999", "app:none"] {
        let mut spec = ground.script("id");
        spec.user = user.to_owned();
        let error = run(&spec).unwrap_err();
        assert!(matches!(error, Error::User { .. }), "USER {user:?}: {error:?}");
    }
}

#[test]
fn passwd_that_is_no_plain_file_is_refused_at_once() {
    let ground = Ground::busybox();
    let passwd = ground.base().join("etc/passwd");
    let refusal = |expected: Refusal| {
        let mut spec = ground.script("id");
        spec.user = "root".to_owned();
        match run(&spec).unwrap_err() {
            Error::Refused { reason, .. } => assert_eq!(reason, expected),
            other => panic!("{other:?}"),
        }
    };
    fs::remove_file(&passwd).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &passwd,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    refusal(Refusal::NotRegularFile);
    fs::remove_file(&passwd).unwrap();
    symlink("/dev/zero", &passwd).unwrap();
    refusal(Refusal::NotRegularFile);
    fs::remove_file(&passwd).unwrap();
    fs::File::create(&passwd).unwrap().set_len(50 << 30).unwrap();
    refusal(Refusal::TooLarge);
    fs::remove_file(&passwd).unwrap();
    symlink("/proc/kmsg", &passwd).unwrap();
    refusal(Refusal::InsideProc);
    fs::remove_file(&passwd).unwrap();
    // An absolute link resolves inside the root.
    symlink("/etc/elsewhere", &passwd).unwrap();
    fs::write(ground.base().join("etc/elsewhere"), "root:x:0:7::/:/bin/sh\n").unwrap();
    assert_eq!(ground.output("id -g"), "7\n");
}

#[test]
fn a_user_may_open_its_standard_output_again() {
    let ground = Ground::busybox();
    let mut spec = ground.script("echo hello > /dev/stdout; echo there > /dev/stderr");
    spec.user = "1000:1000".to_owned();
    assert_eq!(succeed(&spec), "hello\nthere\n");
}

#[test]
fn insecure_has_every_capability_and_no_filter_whoever_the_user_is() {
    let ground = Ground::busybox();
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("CapPrm:\t")).unwrap().to_owned();
    for user in ["", "1000:1000"] {
        let mut spec = ground.script("grep -E '^(Cap|Seccomp:)' /proc/self/status");
        spec.security = Security::Insecure;
        spec.user = user.to_owned();
        let expected: String = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
            .map(|name| format!("{name}:\t{own}\n"))
            .concat();
        assert_eq!(succeed(&spec), format!("{expected}Seccomp:\t0\n"), "{user:?}");
    }
}

#[test]
fn insecure_hides_nothing_and_may_use_devices() {
    let ground = Ground::busybox();
    let mut spec = ground.script(
        "for d in kmsg fuse kvm net/tun loop-control; do test -c /dev/$d && echo $d; done
         test -b /dev/loop0 && test -b /dev/loop7 && echo loops
         mount | grep -c -E ' on /proc/|thermal_throttle'
         grep -E ' /(sys|sys/fs/cgroup) ' /proc/mounts | grep -v -c -E ' rw,'
         echo x > /sys/fs/cgroup/probe 2>/dev/null; mknod /zero c 1 5 && head -c 1 /zero | wc -c
         mkdir /m && mount -t tmpfs none /m && echo mounted",
    );
    spec.security = Security::Insecure;
    let expected = "kmsg\nfuse\nkvm\nnet/tun\nloop-control\nloops\n0\n0\n1\nmounted\n";
    assert_eq!(succeed(&spec), expected);
    let mut spec = ground.script("ls /dev; mknod /zero c 1 5 && head -c 1 /zero");
    spec.security = Security::Sandbox;
    let outcome = run(&spec).unwrap();
    assert!(!outcome.status.success() && !outcome.output.contains("fuse"), "{}", outcome.output);
}

#[test]
fn limits_are_set_for_users_too() {
    let ground = Ground::busybox();
    let mut spec = ground.script("ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc");
    spec.user = "1000".to_owned();
    let limit = |resource, soft, hard| Limit { resource, soft, hard };
    spec.limits = vec![
        limit(Resource::Nofile, Some(100), Some(10_000)),
        limit(Resource::Core, Some(0), None),
    ];
    assert_eq!(succeed(&spec), "100\n10000\n0\nunlimited\n");
    // The kernel's own limit on open files cannot be exceeded.
    spec.rootfs = ground.rootfs();
    spec.limits = vec![limit(Resource::Nofile, None, None)];
    let error = run(&spec).unwrap_err();
    assert_eq!(error.to_string(), "cannot limit nofile");
}

#[test]
fn the_binary_cannot_be_reached_through_proc() {
    let ground = Ground::busybox();
    // A script whose interpreter is the program that executes it: the stage, sealed, without order.
    let script = ground.extra().join("tricky");
    fs::write(&script, "#!/proc/self/exe\n").unwrap();
    rustix::fs::chmod(&script, rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
    // Here the stage needs a loader that the image lacks; a static one would run, confined as it is.
    assert!(matches!(run(&ground.command(&["/tricky"])), Err(Error::NotFound { .. })));
    let script = "for e in /proc/[0-9]*/exe; do (: >> $e) 2>/dev/null && echo $e; done; exit 0";
    assert_eq!(ground.output(script), "");
}
