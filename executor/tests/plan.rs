//! The steps of a sandbox, without any privilege.

use lapstrake_executor::{
    Bytes, CgroupLayout, HostFacts, IdMap, Limit, Mount, Network, Resource, Rootfs, SandboxSpec,
    Security, TerminalSize, plan,
};

fn facts(cgroup: CgroupLayout) -> HostFacts {
    let thermal_throttle = vec!["/sys/devices/system/cpu/cpu0/thermal_throttle".to_owned()];
    HostFacts { cgroup, thermal_throttle, loop_devices: 1, id_map: IdMap::Identity }
}

fn spec() -> SandboxSpec {
    let rootfs = Rootfs {
        lower: vec!["/store/stubs".into(), "/store/layers/a/fs".into()],
        upper: "/store/tmp/1/upper".into(),
        work: "/store/tmp/1/work".into(),
        volatile: true,
    };
    let mut spec = SandboxSpec::new(rootfs, vec!["/bin/sh".into(), "-c".into(), "make".into()]);
    spec.env = vec![("PATH".into(), "/bin".into()), ("A".into(), Bytes::from(&b"\xff"[..]))];
    spec
}

/// One line for each step.
fn lines(spec: &SandboxSpec, cgroup: CgroupLayout) -> String {
    let steps = plan(spec, &facts(cgroup)).unwrap_or_default();
    steps.iter().map(|step| format!("{step:?}\n")).collect()
}

#[test]
fn a_plain_step() {
    insta::assert_snapshot!(lines(&spec(), CgroupLayout::Unified));
}

#[test]
fn everything_at_once() {
    let mut spec = spec();
    spec.network = Network::None;
    spec.terminal = Some(TerminalSize { rows: 24, columns: 80 });
    spec.user = "app:users".to_owned();
    spec.cwd = "/work".into();
    spec.create_cwd = true;
    spec.no_new_privileges = true;
    spec.hosts = vec![("db".to_owned(), "192.0.2.1".parse().unwrap())];
    spec.mounts = vec![
        Mount::Tmpfs {
            target: "/t".into(),
            size: Some(4096),
            mode: Some(0o1777),
            read_only: false,
            executable: true,
        },
        Mount::Bind {
            source: std::path::PathBuf::from("/host").into(),
            target: "/b".into(),
            read_only: true,
            recursive: true,
        },
        Mount::File {
            target: "/run/secrets/s".into(),
            content: "x".into(),
            mode: 0o400,
            uid: 1,
            gid: 2,
            read_only: true,
        },
    ];
    insta::assert_snapshot!(lines(&spec, CgroupLayout::Other));
}

/// What differs where this process is root of a user namespace only.
#[test]
fn in_a_user_namespace() {
    let map = "0 1000 1\n1 100000 65536\n";
    let id_map = IdMap::parse(map, map);
    let facts = HostFacts { id_map, ..facts(CgroupLayout::Unified) };
    let roots = lines(&spec(), CgroupLayout::Unified);
    let own = |spec: &SandboxSpec| {
        let steps = plan(spec, &facts).unwrap_or_default();
        let lines = steps.iter().map(|step| format!("{step:?}\n"));
        lines.filter(|line| !roots.contains(line.as_str())).collect::<String>()
    };
    insta::assert_snapshot!(own(&spec()));
    let alone = SandboxSpec { network: Network::None, ..spec() };
    assert!(!own(&alone).contains("/sys"), "its own network brings its own /sys");
}

/// Before a process is started for it.
#[test]
fn a_file_belongs_to_ids_that_there_are() {
    let file = |uid, gid| Mount::File {
        target: "/run/secrets/s".into(),
        content: "x".into(),
        mode: 0o400,
        uid,
        gid,
        read_only: true,
    };
    let map = "0 1000 1\n1 100000 65536\n";
    let facts = HostFacts { id_map: IdMap::parse(map, map), ..facts(CgroupLayout::Unified) };
    let planned = |uid, gid| plan(&SandboxSpec { mounts: vec![file(uid, gid)], ..spec() }, &facts);
    assert!(planned(65536, 65536).is_ok());
    for (uid, gid, id) in [(65537, 0, "user 65537"), (0, 65537, "group 65537")] {
        let error = planned(uid, gid).unwrap_err();
        assert_eq!(error.to_string(), "cannot change the owner of /run/secrets/s");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, format!("{id} is not mapped here: only 0-65536 are"));
    }
}

#[test]
fn insecure() {
    let mut spec = spec();
    spec.security = Security::Insecure;
    spec.limits = vec![Limit { resource: Resource::Nofile, soft: Some(1024), hard: None }];
    spec.mounts = vec![Mount::Bind {
        source: std::path::PathBuf::from("/host").into(),
        target: "/b".into(),
        read_only: true,
        recursive: true,
    }];
    insta::assert_snapshot!(lines(&spec, CgroupLayout::Unified));
}

#[test]
fn a_plan_is_the_same_every_time() {
    let facts = facts(CgroupLayout::Other);
    assert_eq!(plan(&spec(), &facts), plan(&spec(), &facts));
}
