//! What mounts show, when they count for a key, and what of them is never kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lapstrake_executor::{Mount, Network, SandboxSpec, Security, Source};
use lapstrake_solver::Error;
use lapstrake_solver::event::Outcome::{self, Cached, Executed};
use lapstrake_solver::graph::Limit;
use lapstrake_solver::lower::Entitlement;

use super::support::Bench;

/// How a RUN with these flags ends.
fn run(bench: &Bench, flags: &str) -> Outcome {
    bench.build(&format!("FROM base\nRUN {flags} write f 1\n")).outcome("RUN")
}

/// What the last command was given.
fn spec(bench: &Bench) -> SandboxSpec {
    bench.executor.spec.lock().unwrap().take().expect("a command")
}

fn secret(bench: &mut Bench, id: &str, value: &str) {
    bench.secrets.insert(id.to_owned(), value.as_bytes().to_vec());
}

/// A fault's message, and the text that it underlines.
fn fault(bench: &Bench, dockerfile: &str) -> (String, String) {
    match bench.build(dockerfile).result {
        Err(Error::Faults(faults)) => {
            (faults[0].message.clone(), dockerfile[faults[0].span.range()].to_owned())
        }
        other => panic!("{other:?}"),
    }
}

/// Files below `folder` that hold the text.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(holding(&entry.path(), text));
        } else if fs::read(entry.path())
            .unwrap_or_default()
            .windows(text.len())
            .any(|part| part == text.as_bytes())
        {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn of_the_context_only_what_is_shown_counts() {
    let bench = Bench::new();
    bench.file("d/a", "one");
    bench.file("other", "x");
    let mount = |source: &str| format!("--mount=source={source},target=/m");
    assert_eq!(run(&bench, &mount("d")), Executed);
    bench.file("other", "y");
    bench.file("d/a", "one");
    assert_eq!(run(&bench, &mount("d")), Cached, "a neighbour, and a new time");
    fs::rename(bench.context().join("d"), bench.context().join("e")).unwrap();
    assert_eq!(run(&bench, &mount("e")), Cached, "where it lies");
    assert_eq!(run(&bench, &mount("/e/../e")), Cached, "how it is written");
    bench.file("e/a", "two");
    assert_eq!(run(&bench, &mount("e")), Executed, "content");
    fs::set_permissions(bench.context().join("e"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(run(&bench, &mount("e")), Executed, "mode of the folder itself");
    assert_eq!(run(&bench, "--mount=source=e,target=/n"), Executed, "target");
    assert_eq!(run(&bench, "--mount=source=e,target=/n,rw"), Executed, "access");
    assert_eq!(run(&bench, "--mount=target=/n"), Executed, "the whole context");
    bench.file("other", "z");
    assert_eq!(run(&bench, "--mount=target=/n"), Executed, "everything counts");
    assert_eq!(run(&bench, "--mount=target=/n"), Cached);
}

#[test]
fn the_context_is_shown_as_a_layer_without_what_is_ignored() {
    let mut bench = Bench::new();
    bench.file("d/a[1]", "a");
    bench.file("d/no", "ignored");
    bench.ignore = "d/no\n";
    assert_eq!(run(&bench, "--mount=source=d,target=/m"), Executed);
    let spec = spec(&bench);
    let [
        Mount::Bind {
            source: Source::Layers { lower, scratch: None, path }, read_only: true, ..
        },
    ] = &spec.mounts[..]
    else {
        panic!("{:?}", spec.mounts);
    };
    let [layer] = &lower[..] else { panic!("{lower:?}") };
    assert!(layer.starts_with(bench.store.root().join("layers")));
    let shown = layer.join(String::from_utf8_lossy(path).trim_start_matches('/'));
    let names: Vec<_> =
        fs::read_dir(&shown).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a[1]"]);
    assert_eq!(run(&bench, "--mount=source=d/a[1],target=/m"), Executed, "no wildcard");
}

#[test]
fn of_a_stage_only_what_is_shown_counts() {
    let bench = Bench::new();
    let build = |noise: &str, content: &str, mount: &str| {
        let dockerfile = format!(
            "FROM base AS b\nRUN write noise {noise}\nRUN write out {content}\n\
             FROM base\nRUN --mount=from=b,{mount},target=/m write last 1\n"
        );
        bench.build(&dockerfile).outcome("last")
    };
    assert_eq!(build("x", "1", "source=out"), Executed);
    assert_eq!(build("y", "1", "source=out"), Cached, "what is not shown");
    assert_eq!(build("y", "2", "source=out"), Executed, "content");
    assert_eq!(build("y", "2", "source=/"), Executed);
    assert_eq!(build("x", "2", "source=/"), Executed, "everything is shown");
    assert_eq!(build("x", "2", "source=out,rw"), Executed);
    let spec = spec(&bench);
    let [
        Mount::Bind {
            source: Source::Layers { scratch: Some(scratch), .. }, read_only: false, ..
        },
    ] = &spec.mounts[..]
    else {
        panic!("{:?}", spec.mounts);
    };
    assert!(!scratch.upper.exists(), "what was written is gone");
    assert_eq!(build("y", "2", "source=out,rw"), Cached, "what is not shown");
}

#[test]
fn a_source_that_is_not_there_is_underlined() {
    let bench = Bench::new();
    bench.file("sub/f", "");
    for (flags, underlined) in [
        ("target=/m,source=sup", "sup"),
        ("target=/m,src=sub/g", "sub/g"),
        ("target=/m,source=nope,from=base", "nope"),
        ("type=cache,target=/m,source=nope,from=base", "nope"),
    ] {
        let (message, text) = fault(&bench, &format!("FROM base\nRUN --mount={flags} write f 1\n"));
        assert_eq!(text, underlined, "{message}");
        assert!(message.contains(underlined), "{message}");
    }
}

#[test]
fn an_image_that_cannot_be_had_may_be_a_stage() {
    let bench = Bench::new();
    for (instruction, name, meant) in [
        ("RUN --mount=from=stagge,target=/m write f 1", "stagge", Some("stage")),
        ("RUN --mount=from=other/x,target=/m write f 1", "other/x", None),
        ("COPY --link --from=stagge /f /", "stagge", Some("stage")),
    ] {
        let dockerfile = format!("FROM base AS stage\nFROM base\n{instruction}\n");
        match bench.build(&dockerfile).result {
            Err(Error::Image { near, span, .. }) => {
                assert_eq!(&dockerfile[span.range()], name);
                let near = near.map(|near| dockerfile[near.span.range()].to_owned());
                assert_eq!(near.as_deref(), meant);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn all_images_that_cannot_be_had_are_told_at_once() {
    let bench = Bench::new();
    let dockerfile = "FROM other/a\nCOPY --from=other/b /f /\n";
    match bench.build(dockerfile).result {
        Err(Error::Faults(faults)) => {
            let shown: Vec<_> =
                faults.iter().map(|one| (one.code, &dockerfile[one.span.range()])).collect();
            let code = "image-unavailable";
            assert_eq!(shown, [(code, "other/a"), (code, "other/b")]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_a_cache_neither_name_nor_sharing_nor_content_counts() {
    let mut bench = Bench::new();
    let mount = |options: &str| format!("--mount=type=cache,{options}");
    assert_eq!(run(&bench, &mount("target=/c")), Executed);
    let first = cache(&spec(&bench));
    fs::write(first.join("kept"), "x").unwrap();
    for same in ["target=/c", "target=/c,id=a", "target=/c,sharing=locked", "dst=/c/"] {
        assert_eq!(run(&bench, &mount(same)), Cached, "{same}");
    }
    for other in ["target=/d", "target=/c,ro", "target=/c,uid=5", "target=/c,source=s"] {
        assert_eq!(run(&bench, &mount(other)), Executed, "{other}");
    }
    bench.no_cache = true;
    let used = |options: &str| {
        assert_eq!(run(&bench, &mount(options)), Executed);
        cache(&spec(&bench))
    };
    assert_eq!(used("target=/c"), first);
    assert!(first.join("kept").exists());
    assert_eq!(used("id=/c,target=/elsewhere,sharing=locked"), first);
    for (index, other) in
        ["target=/d", "target=c", "id=c2,target=/c", "target=/c,mode=0755"].into_iter().enumerate()
    {
        assert_ne!(used(other), first, "{index}: {other}");
    }
    bench.arguments = vec![("BUILDKIT_CACHE_MOUNT_NS", "ns")];
    assert_eq!(run(&bench, &mount("target=/c")), Executed);
    assert_ne!(cache(&spec(&bench)), first, "another name space");
}

/// The folder of the only cache.
fn cache(spec: &SandboxSpec) -> std::path::PathBuf {
    match &spec.mounts[..] {
        [
            Mount::Bind {
                source: Source::Host(path) | Source::Within { directory: path, .. }, ..
            },
        ] => path.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cache_starts_from_its_seed_which_counts() {
    let bench = Bench::new();
    let build = |content: &str| {
        let dockerfile = format!(
            "FROM base AS s\nRUN write seed {content}\nFROM base\n\
             RUN --mount=type=cache,from=s,target=/c,mode=0701,uid=7,gid=8 write f 1\n"
        );
        let outcome = bench.build(&dockerfile).outcome("write f");
        (outcome, bench.executor.spec.lock().unwrap().take().map(|spec| cache(&spec)))
    };
    let (Executed, Some(first)) = build("1") else { panic!("no cache") };
    assert_eq!(fs::read(first.join("seed")).unwrap(), b"1");
    let found = fs::metadata(&first).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!((found.mode() & 0o7777, found.uid(), found.gid()), (0o701, 7, 8));
    // It can be written to, and the layer that it comes from stays as it is.
    fs::write(first.join("seed"), "changed").unwrap();
    assert_eq!(build("1"), (Cached, None));
    let (Executed, Some(second)) = build("2") else { panic!("no cache") };
    assert_ne!(second, first);
    assert_eq!(fs::read(second.join("seed")).unwrap(), b"2");
}

#[test]
fn a_secret_is_given_and_never_kept_or_shown() {
    const MARKER: &str = "m4rk3r-that-is-nowhere-else-0123";
    let mut bench = Bench::new();
    secret(&mut bench, "tok", &format!("{MARKER}\n"));
    let dockerfile =
        "FROM base\nRUN --mount=type=secret,id=tok --mount=type=secret,id=tok,env=T print T\n";
    let outcomes = bench.build(dockerfile);
    outcomes.built();
    assert_eq!(outcomes.output, "****\n");
    let spec = spec(&bench);
    let [Mount::File { target, content, mode: 0o400, uid: 0, gid: 0, read_only: true }] =
        &spec.mounts[..]
    else {
        panic!("{:?}", spec.mounts.len());
    };
    assert_eq!(&**target, b"/run/secrets/tok");
    assert_eq!(&**content, format!("{MARKER}\n").as_bytes());
    assert_eq!(holding(bench.store.root(), MARKER), [""; 0]);
    secret(&mut bench, "tok", "another value");
    assert_eq!(bench.build(dockerfile).outcome("RUN"), Cached, "the value does not count");
    let failing =
        bench.build("FROM base\nRUN --mount=type=secret,id=tok,env=T print T\nRUN fail 3\n");
    assert!(matches!(failing.result, Err(Error::Command { .. })));
}

#[test]
fn a_failed_commands_log_has_no_secret() {
    let mut bench = Bench::new();
    secret(&mut bench, "word", "went");
    let outcomes = bench.build("FROM base\nRUN --mount=type=secret,id=word fail 3\n");
    match outcomes.result {
        Err(Error::Command { log, .. }) => assert_eq!(log, b"it **** wrong\n"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn secrets_may_be_missing_unless_they_are_required() {
    let mut bench = Bench::new();
    bench.arguments = vec![("T", "from the argument")];
    let dockerfile = "FROM base\nARG T\nRUN --mount=type=secret,id=none,env=T,target=/s print T\n";
    let outcomes = bench.build(dockerfile);
    // As in BuildKit, the variable is there and empty.
    assert_eq!(outcomes.output, "");
    assert_eq!(spec(&bench).mounts, []);
    secret(&mut bench, "token", "x");
    for (mount, underlined) in [
        ("type=secret,required,id=tokem", "tokem"),
        ("type=secret,required,target=/run/tokem", "type=secret,required,target=/run/tokem"),
        ("type=secret,id=tokem,env=A,required=true", "tokem"),
        ("type=ssh,id=git,required", "git"),
        ("type=ssh,required", "type=ssh,required"),
    ] {
        let (message, text) = fault(&bench, &format!("FROM base\nRUN --mount={mount} write f 1\n"));
        assert_eq!(text, underlined, "{message}");
    }
    assert_eq!(run(&bench, "--mount=type=ssh"), Executed, "none has to be there");
    let spec = spec(&bench);
    assert_eq!(spec.mounts, []);
    let socket = spec.env.iter().find(|(name, _)| **name == *b"SSH_AUTH_SOCK").unwrap();
    assert_eq!(&*socket.1, b"/run/buildkit/ssh_agent.0");
}

#[test]
fn mounts_are_ordered_and_of_two_at_one_place_the_later_counts() {
    let mut bench = Bench::new();
    bench.file("f", "");
    secret(&mut bench, "s", "x");
    bench.build(
        "FROM base\nWORKDIR /w\nRUN --mount=type=tmpfs,target=/a/b --mount=type=tmpfs,target=/a \\\n\
         --mount=type=secret,id=s,target=/x --mount=source=f,target=/x \\\n\
         --mount=type=tmpfs,target=d --mount=type=tmpfs,size=4096,target=/w/d/ \\\n\
         --mount=type=secret,id=none,target=/a write f 1\n",
    ).built();
    let shown: Vec<String> = spec(&bench)
        .mounts
        .iter()
        .map(|mount| match mount {
            Mount::Tmpfs { target, size, .. } => {
                format!("{} {}", target.display(), size.unwrap_or(0))
            }
            Mount::File { target, .. } => format!("{} secret", target.display()),
            Mount::Bind { target, .. } => format!("{} bind", target.display()),
        })
        .collect();
    assert_eq!(shown, ["/a 0", "/a/b 0", "/w/d 4096", "/x secret"]);
}

/// To find it may start a program, which a build does not do that executes nothing.
#[test]
fn the_network_is_wanted_when_a_command_is_executed() {
    let bench = Bench::new();
    bench.file("a", "1");
    let dockerfile = |flags: &str| format!("FROM base\nCOPY a /\nRUN {flags} write f 1\n");
    for (flags, wanted) in [("", true), ("--network=none", false)] {
        let build = || bench.build(&dockerfile(flags)).outcome("RUN");
        assert_eq!((build(), bench.wanted_network()), (Executed, wanted), "{flags}");
        assert_eq!((build(), bench.wanted_network()), (Cached, false), "{flags}");
    }
}

#[test]
fn what_a_command_may_do_counts() {
    let mut bench = Bench::new();
    bench.run.allowed = vec![Entitlement::NetworkHost, Entitlement::SecurityInsecure];
    assert_eq!(run(&bench, ""), Executed);
    for same in ["--network=default", "--security=sandbox", "--device=vendor/none"] {
        assert_eq!(run(&bench, same), Cached, "{same}");
    }
    assert_eq!(run(&bench, "--network=host"), Executed);
    assert_eq!(spec(&bench).network, Network::Host);
    assert_eq!(run(&bench, "--network=none"), Executed);
    assert_eq!(spec(&bench).network, Network::None);
    assert_eq!(run(&bench, "--security=insecure"), Executed);
    assert_eq!(spec(&bench).security, Security::Insecure);
    bench.run.limits = vec![Limit { name: "nofile".into(), soft: Some(1), hard: None }];
    assert_eq!(run(&bench, ""), Executed);
    assert_eq!(spec(&bench).limits.len(), 1);
    bench.run.limits.clear();
    bench.run.shm_size = Some(4096);
    assert_eq!(run(&bench, ""), Executed);
    assert!(matches!(&spec(&bench).mounts[..], [Mount::Tmpfs { size: Some(4096), .. }]));
    assert_eq!(run(&bench, "--mount=type=tmpfs,target=/dev/shm,size=8192"), Executed);
    assert!(matches!(&spec(&bench).mounts[..], [Mount::Tmpfs { size: Some(8192), .. }]));
    bench.run.shm_size = None;
    bench.arguments = vec![("BUILDKIT_SANDBOX_HOSTNAME", "other")];
    assert_eq!(run(&bench, ""), Executed);
    assert_eq!(spec(&bench).hostname, "other");
}

#[test]
fn a_device_of_this_machine_is_refused_by_name() {
    let mut bench = Bench::new();
    bench.run.has_devices = true;
    let (message, text) = fault(&bench, "FROM base\nRUN --device=vendor/gpu=all write f 1\n");
    assert_eq!(text, "vendor/gpu=all");
    assert!(message.contains("vendor/gpu=all"), "{message}");
}
