//! Of commands and what is mounted for them.

use std::time::Duration;

use lapstrake_solver::graph::Limit;
use lapstrake_solver::lower::Entitlement;

use super::{Part, check, on_base, text};
use crate::support::Bench;

/// A command with these flags.
fn flagged(flags: &str) -> String {
    on_base(&format!("RUN {flags} x"))
}

/// A command that reads the secret `a`, which counts.
fn counted(bench: &mut Bench, value: &str, mount: &str) -> String {
    bench.secrets.insert("a".to_owned(), value.as_bytes().to_vec());
    bench.secrets.count("a".to_owned());
    flagged(&format!("--mount=type=secret,id=a,{mount}"))
}

const IN_THE_KEY_OF_A_COMMAND: &[Part] = &[
    Part {
        what: "arguments",
        one: |_| flagged(""),
        other: |_| on_base("RUN y"),
        why: Some("the command changed: x → y"),
    },
    Part {
        what: "environment",
        one: |_| on_base("ENV A=1\nRUN x"),
        other: |_| on_base("ENV A=2\nRUN x"),
        why: Some("A changed: 1 → 2"),
    },
    Part {
        what: "shell",
        one: |_| flagged(""),
        other: |_| on_base("SHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN x"),
        why: Some("the shell changed: /bin/sh -c → /bin/bash -eo pipefail -c"),
    },
    Part {
        what: "whether a shell runs it",
        one: |_| flagged(""),
        other: |_| on_base("RUN [\"x\"]"),
        why: Some("the shell changed: /bin/sh -c → nothing"),
    },
    Part {
        what: "order of the environment",
        one: |_| on_base("ENV A=1\nENV B=2\nRUN x"),
        other: |_| on_base("ENV B=2\nENV A=1\nRUN x"),
        why: Some("the order of B and A changed"),
    },
    Part {
        what: "order of arguments",
        one: |_| on_base("ARG A=1\nARG B=2\nRUN x"),
        other: |_| on_base("ARG B=2\nARG A=1\nRUN x"),
        why: Some("the order of B and A changed"),
    },
    Part {
        what: "working directory",
        one: |_| on_base("WORKDIR /w\nWORKDIR /v\nRUN x"),
        other: |_| on_base("WORKDIR /w\nWORKDIR /v\nWORKDIR /w\nRUN x"),
        why: Some("the working directory changed: /v → /w"),
    },
    Part {
        what: "user",
        one: |_| flagged(""),
        other: |_| on_base("USER 1\nRUN x"),
        why: Some("the user changed: nothing → 1"),
    },
    Part {
        what: "network",
        one: |_| flagged(""),
        other: |_| flagged("--network=none"),
        why: Some("the network changed: default → none"),
    },
    Part {
        what: "security",
        one: |_| flagged(""),
        other: |bench| {
            bench.run.allowed = vec![Entitlement::SecurityInsecure];
            flagged("--security=insecure")
        },
        why: Some("the security changed: sandbox → insecure"),
    },
    Part {
        what: "limits",
        one: |bench| {
            bench.run.limits.clear();
            flagged("")
        },
        other: |bench| {
            let name = "nofile".to_owned();
            bench.run.limits = vec![Limit { name, soft: Some(1), hard: Some(2) }];
            flagged("")
        },
        why: Some("the limit nofile is new: 1:2"),
    },
    Part {
        what: "size of /dev/shm, from one to another",
        one: |bench| {
            bench.run.shm_size = Some(64 << 20);
            flagged("")
        },
        other: |bench| {
            bench.run.shm_size = Some(1 << 30);
            flagged("")
        },
        why: Some("--shm-size changed: 64m → 1g"),
    },
    Part {
        what: "size of /dev/shm",
        one: |bench| {
            bench.run.shm_size = None;
            flagged("")
        },
        other: |bench| {
            bench.run.shm_size = Some(4096);
            flagged("")
        },
        why: Some("--shm-size is new: 4k"),
    },
    Part {
        what: "host name",
        one: |bench| {
            bench.arguments.clear();
            flagged("")
        },
        other: |bench| {
            bench.arguments = vec![("BUILDKIT_SANDBOX_HOSTNAME", "h")];
            flagged("")
        },
        why: Some("the host name changed: buildkitsandbox → h"),
    },
    Part {
        what: "names of extra hosts",
        one: |bench| {
            bench.hosts.clear();
            flagged("")
        },
        other: |bench| {
            bench.hosts = vec![("db".to_owned(), "10.0.0.1".to_owned())];
            flagged("")
        },
        why: Some("the extra hosts changed: nothing → db"),
    },
    Part {
        what: "inline files with an interpreter",
        one: text!("FROM base\nRUN <<E\n#!/bin/x\none\nE\n"),
        other: text!("FROM base\nRUN <<E\n#!/bin/x\ntwo\nE\n"),
        why: Some("the file /dev/pipes/E changed: #!/bin/x one → #!/bin/x two"),
    },
    Part {
        what: "inline files",
        one: text!("FROM base\nRUN cat <<E\n1\nE\n"),
        other: text!("FROM base\nRUN cat <<E\n2\nE\n"),
        why: Some("the command changed: cat <<E 1 E → cat <<E 2 E"),
    },
    Part {
        what: "platform",
        one: |bench| {
            bench.platforms = vec!["linux/amd64"];
            flagged("")
        },
        other: |bench| {
            bench.platforms = vec!["linux/arm64"];
            flagged("")
        },
        why: Some("the platform changed: linux/amd64 → linux/arm64"),
    },
    Part {
        what: "the rootfs below",
        one: |_| on_base("WORKDIR /v\nRUN x"),
        other: |_| on_base("WORKDIR /u\nWORKDIR /v\nRUN x"),
        why: Some("a step before it is new: [2/4] WORKDIR /u"),
    },
];

#[test]
fn in_the_key_of_a_command() {
    check("RUN", IN_THE_KEY_OF_A_COMMAND);
}

fn mounted(options: &str) -> String {
    flagged(&format!("--mount={options}"))
}
fn shown(bench: &Bench, content: &str) -> String {
    bench.file("src/a", content);
    mounted("type=bind,source=src,target=/t")
}
fn seeded(content: &str) -> String {
    format!("FROM base AS s\nCOPY <<a /seed/\n{content}\na\n")
        + &mounted("type=cache,from=s,source=seed,target=/t")
}

const IN_THE_KEY_OF_A_MOUNT: &[Part] = &[
    Part {
        what: "target",
        one: |_| mounted("type=tmpfs,target=/t"),
        other: |_| mounted("type=tmpfs,target=/u"),
        why: Some("the mount at /t is gone, it was type=tmpfs,rw"),
    },
    Part {
        what: "kind",
        one: |_| mounted("type=tmpfs,target=/t"),
        other: |_| mounted("type=cache,target=/t"),
        why: Some("the mount at /t changed: type=tmpfs → type=cache"),
    },
    Part {
        what: "size",
        one: |_| mounted("type=tmpfs,target=/t"),
        other: |_| mounted("type=tmpfs,target=/t,size=4096"),
        why: Some("the mount at /t changed: nothing → size=4k"),
    },
    Part {
        what: "access",
        one: |bench| shown(bench, "1"),
        other: |_| mounted("type=bind,source=src,target=/t,rw"),
        why: Some("the mount at /t changed: ro → rw"),
    },
    Part {
        what: "owner",
        one: |_| mounted("type=cache,target=/t"),
        other: |_| mounted("type=cache,target=/t,uid=5"),
        why: Some("the mount at /t changed: uid=0 → uid=5"),
    },
    Part {
        what: "mode",
        one: |_| mounted("type=cache,target=/t"),
        other: |_| mounted("type=cache,target=/t,mode=0700"),
        why: Some("the mount at /t changed: mode=0755 → mode=0700"),
    },
    Part {
        what: "id of a secret",
        one: |_| mounted("type=secret,id=a,target=/t"),
        other: |_| mounted("type=secret,id=b,target=/t"),
        why: Some("the mount at /t changed: id=a → id=b"),
    },
    Part {
        what: "access of a memory file system",
        one: |_| mounted("type=tmpfs,target=/t"),
        other: |_| mounted("type=tmpfs,target=/t,ro"),
        why: Some("the mount at /t changed: rw → ro"),
    },
    Part {
        what: "access of a cache",
        one: |_| mounted("type=cache,target=/t"),
        other: |_| mounted("type=cache,target=/t,ro"),
        why: Some("the mount at /t changed: rw → ro"),
    },
    Part {
        what: "part of a cache",
        one: |_| mounted("type=cache,target=/t"),
        other: |_| mounted("type=cache,target=/t,source=part"),
        why: Some("the mount at /t changed: nothing → source=/part"),
    },
    Part {
        what: "group of a cache",
        one: |_| mounted("type=cache,target=/t,gid=5"),
        other: |_| mounted("type=cache,target=/t,gid=6"),
        why: Some("the mount at /t changed: gid=5 → gid=6"),
    },
    Part {
        what: "mode of a secret",
        one: |_| mounted("type=secret,id=a,target=/t"),
        other: |_| mounted("type=secret,id=a,target=/t,mode=0440"),
        why: Some("the mount at /t changed: mode=0400 → mode=0440"),
    },
    Part {
        what: "owner of an agent",
        one: |_| mounted("type=ssh,target=/t"),
        other: |_| mounted("type=ssh,target=/t,uid=5"),
        why: Some("the mount at /t changed: uid=0 → uid=5"),
    },
    Part {
        what: "an agent",
        one: |_| flagged(""),
        other: |_| flagged("--mount=type=ssh,target=/t"),
        why: Some("the mount at /t is new: type=ssh,id=default,mode=0600,uid=0,gid=0"),
    },
    Part {
        what: "one of two at a place",
        one: |_| flagged("--mount=type=tmpfs,target=/t,size=1k --mount=type=tmpfs,target=/t"),
        other: |_| flagged("--mount=type=tmpfs,target=/t,size=2k --mount=type=tmpfs,target=/t"),
        why: Some("the mount at /t changed: size=1k → size=2k"),
    },
    Part {
        what: "id of a secret in the environment",
        one: |_| mounted("type=secret,id=a,env=V"),
        other: |_| mounted("type=secret,id=b,env=V"),
        why: Some("the secret variable V changed: id=a → id=b"),
    },
    Part {
        what: "id of an agent",
        one: |_| mounted("type=ssh,id=a,target=/t"),
        other: |_| mounted("type=ssh,id=b,target=/t"),
        why: Some("the mount at /t changed: id=a → id=b"),
    },
    Part {
        what: "value of a secret that counts",
        one: |bench| counted(bench, "first-value", "target=/t"),
        other: |bench| counted(bench, "other-value", "target=/t"),
        why: Some("the value of the secret a changed"),
    },
    Part {
        what: "value of a secret that counts, in the environment",
        one: |bench| counted(bench, "first-value", "env=V"),
        other: |bench| counted(bench, "other-value", "env=V"),
        why: Some("the value of the secret a changed"),
    },
    Part {
        what: "whether a secret counts",
        one: |bench| {
            bench.secrets.insert("a".to_owned(), b"value".to_vec());
            flagged("--mount=type=secret,id=a,target=/t")
        },
        other: |bench| counted(bench, "value", "target=/t"),
        why: Some("the value of the secret a counts now (cache=digest)"),
    },
    Part {
        what: "content of a bind",
        one: |bench| shown(bench, "1"),
        other: |bench| shown(bench, "2"),
        why: Some("src/a changed"),
    },
    Part {
        what: "content that a cache starts from",
        one: |_| seeded("1"),
        other: |_| seeded("2"),
        why: Some("/seed/a changed"),
    },
];

#[test]
fn in_the_key_of_a_mount() {
    check("RUN", IN_THE_KEY_OF_A_MOUNT);
}

fn limited(bench: &mut Bench, names: [&str; 2]) -> String {
    let limit = |name: &str| Limit { name: name.to_owned(), soft: Some(1), hard: Some(2) };
    bench.run.limits = names.map(limit).into();
    flagged("")
}

const NOT_IN_THE_KEY_OF_A_COMMAND: &[Part] = &[
    Part {
        what: "order of limits",
        one: |bench| limited(bench, ["nofile", "core"]),
        other: |bench| limited(bench, ["core", "nofile"]),
        why: None,
    },
    Part {
        what: "order of secret variables",
        one: |_| flagged("--mount=type=secret,id=a,env=A --mount=type=secret,id=b,env=B"),
        other: |_| flagged("--mount=type=secret,id=b,env=B --mount=type=secret,id=a,env=A"),
        why: None,
    },
    Part {
        what: "order of mounts",
        one: |_| flagged("--mount=type=tmpfs,target=/a --mount=type=tmpfs,target=/b"),
        other: |_| flagged("--mount=type=tmpfs,target=/b --mount=type=tmpfs,target=/a"),
        why: None,
    },
    Part {
        what: "proxies",
        one: |bench| {
            bench.arguments.clear();
            flagged("")
        },
        other: |bench| {
            bench.arguments = vec![("HTTPS_PROXY", "http://127.0.0.1:1"), ("no_proxy", "x")];
            flagged("")
        },
        why: None,
    },
    Part {
        what: "addresses of extra hosts",
        one: |bench| {
            bench.hosts = vec![("db".to_owned(), "10.0.0.1".to_owned())];
            flagged("")
        },
        other: |bench| {
            bench.hosts = vec![("db".to_owned(), "10.0.0.2".to_owned())];
            flagged("")
        },
        why: None,
    },
    Part {
        what: "resolv.conf",
        one: |bench| {
            bench.resolv_conf = b"nameserver 10.0.0.1\n".to_vec();
            flagged("")
        },
        other: |bench| {
            bench.resolv_conf = b"nameserver 10.0.0.2\n".to_vec();
            flagged("")
        },
        why: None,
    },
    Part {
        what: "how long it may take",
        one: |_| flagged(""),
        other: |bench| {
            bench.bounds.timeout = Some(Duration::from_secs(60));
            flagged("")
        },
        why: None,
    },
    Part {
        what: "value of a secret",
        one: |bench| {
            bench.secrets.insert("a".to_owned(), b"first-value".to_vec());
            flagged("--mount=type=secret,id=a,target=/t")
        },
        other: |bench| {
            bench.secrets.insert("a".to_owned(), b"other-value".to_vec());
            flagged("--mount=type=secret,id=a,target=/t")
        },
        why: None,
    },
    Part {
        what: "value of a secret that counts and is for others",
        one: |bench| {
            counted(bench, "first-value", "target=/t");
            flagged("--mount=type=secret,id=b,target=/t")
        },
        other: |bench| {
            counted(bench, "other-value", "target=/t");
            flagged("--mount=type=secret,id=b,target=/t")
        },
        why: None,
    },
    Part {
        what: "name and sharing of a cache",
        one: |_| flagged("--mount=type=cache,target=/t,id=a"),
        other: |_| flagged("--mount=type=cache,target=/t,id=b,sharing=locked"),
        why: None,
    },
    Part {
        what: "where in its source a mount's content lies, and what else is there",
        one: |bench| {
            bench.file("src/a", "1");
            flagged("--mount=type=bind,source=src,target=/t")
        },
        other: |bench| {
            bench.file("elsewhere/src/a", "1");
            bench.file("elsewhere/neighbour", "1");
            flagged("--mount=type=bind,source=elsewhere/src,target=/t")
        },
        why: None,
    },
    Part {
        what: "metadata that no process sees",
        one: |_| on_base("LABEL a=1\nRUN x"),
        other: |_| on_base("LABEL a=2\nEXPOSE 80\nCMD y\nRUN x"),
        why: None,
    },
];

#[test]
fn not_in_the_key_of_a_command() {
    check("RUN", NOT_IN_THE_KEY_OF_A_COMMAND);
}
