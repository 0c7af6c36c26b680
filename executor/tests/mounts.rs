//! What is mounted, on what, and what of that stays.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a failed test")]

mod ground;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use ground::{Ground, listing, run, succeed};
use lapstrake_executor::{Bytes, Error, EtcFiles, Mount, Refusal, SandboxSpec, Scratch, Source};

fn bind(source: impl Into<Source>, target: &str, read_only: bool) -> Mount {
    Mount::Bind { source: source.into(), target: target.into(), read_only, recursive: true }
}

fn file(target: &str, content: &str) -> Mount {
    Mount::File {
        target: target.into(),
        content: Bytes::from(content),
        mode: 0o400,
        uid: 0,
        gid: 0,
        read_only: true,
    }
}

#[test]
fn a_usual_run_leaves_the_upper_directory_empty() {
    let ground = Ground::busybox();
    let spec = ground.script("cat /etc/hosts > /dev/null");
    succeed(&spec);
    assert_eq!(listing(&spec.rootfs.upper), [""; 0]);
}

#[test]
fn missing_mount_points_leave_no_trace() {
    let ground = Ground::busybox();
    fs::create_dir(ground.base().join("run")).unwrap();
    let mut spec = ground.script("cat /run/secrets/deep/one /two/file; ls /three; mount | wc -l");
    spec.mounts = vec![
        file("/run/secrets/deep/one", "secret\n"),
        file("/two/file", "2\n"),
        Mount::Tmpfs {
            target: "/three".into(),
            size: Some(1 << 20),
            mode: Some(0o1777),
            read_only: false,
            executable: true,
        },
        file("/etc/new", "x"),
    ];
    let root = fs::metadata(&spec.rootfs.upper).unwrap().mtime_nsec();
    assert!(succeed(&spec).starts_with("secret\n2\n"));
    assert_eq!(listing(&spec.rootfs.upper), [""; 0]);
    assert_eq!(fs::metadata(&spec.rootfs.upper).unwrap().mtime_nsec(), root);
}

#[test]
fn a_file_system_in_memory_has_the_mode_of_what_it_covers() {
    let ground = Ground::busybox();
    let have = ground.base().join("have");
    fs::create_dir(&have).unwrap();
    fs::set_permissions(&have, fs::Permissions::from_mode(0o750)).unwrap();
    let mut spec = ground.script("stat -c '%n %a' /have /new /given; touch /read/x || echo read");
    let tmpfs = |target: &str, mode, read_only| Mount::Tmpfs {
        target: target.into(),
        size: None,
        mode,
        read_only,
        executable: true,
    };
    spec.mounts = vec![
        tmpfs("/have", None, false),
        tmpfs("/new", None, false),
        tmpfs("/given", Some(0o700), false),
        tmpfs("/read", None, true),
    ];
    let output = succeed(&spec);
    assert!(output.starts_with("/have 750\n/new 1777\n/given 700\n"), "{output}");
    assert!(output.ends_with("read\n"), "{output}");
    assert_eq!(listing(&spec.rootfs.upper), [""; 0]);
}

#[test]
fn what_the_command_did_beside_a_stub_stays() {
    let ground = Ground::busybox();
    fs::create_dir(ground.base().join("run")).unwrap();
    let mut spec = ground.script("touch /run/mine; chmod 700 /made; sleep 0.05");
    spec.mounts = vec![file("/run/secret", "x"), file("/made/file", "x")];
    succeed(&spec);
    let upper = &spec.rootfs.upper;
    assert_eq!(listing(upper), ["made", "run", "run/mine"]);
    let run = fs::metadata(upper.join("run")).unwrap();
    let mine = fs::metadata(upper.join("run/mine")).unwrap();
    let distance =
        (run.mtime() - mine.mtime()) * 1_000_000_000 + run.mtime_nsec() - mine.mtime_nsec();
    assert!(distance.abs() < 20_000_000, "the time of the command's own change: {distance}");
}

#[test]
fn an_image_without_etc_gets_its_files() {
    let ground = Ground::empty();
    fs::create_dir(ground.base().join("bin")).unwrap();
    fs::copy("/bin/busybox", ground.base().join("bin/sh")).unwrap();
    let mut spec = ground.script("echo $(while read -r l; do echo $l; done < /etc/hostname)");
    spec.etc = EtcFiles::Container;
    assert_eq!(succeed(&spec), "buildkitsandbox\n");
    assert_eq!(listing(&spec.rootfs.upper), ["dev", "proc", "sys"]);
    let mode = fs::metadata(spec.rootfs.upper.join("proc")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn without_the_stub_layer_the_files_are_made_and_removed_again() {
    let ground = Ground::busybox();
    let mut spec = ground.script("cat /etc/hostname");
    spec.etc = EtcFiles::Container;
    spec.rootfs.lower.remove(0);
    let before = fs::metadata(ground.base().join("etc")).unwrap().mtime();
    assert_eq!(succeed(&spec), "buildkitsandbox\n");
    assert_eq!(listing(&spec.rootfs.upper), [""; 0]);
    let mut spec = ground.script("stat -c %Y /etc; touch /etc/x");
    spec.rootfs.lower.remove(0);
    assert_eq!(succeed(&spec), format!("{before}\n"), "the time of a directory with stubs");
    assert_eq!(listing(&spec.rootfs.upper), ["etc", "etc/x"]);
}

#[test]
fn a_failed_start_leaves_no_trace_either() {
    let ground = Ground::busybox();
    for (argv, cwd) in [("none", "/"), ("true", "/none")] {
        let mut spec = ground.command(&[argv]);
        spec.cwd = cwd.into();
        spec.mounts = vec![file("/a/b/c", "x")];
        run(&spec).unwrap_err();
        assert_eq!(listing(&spec.rootfs.upper), [""; 0]);
    }
}

#[test]
fn links_in_place_of_system_directories_are_refused() {
    for name in ["proc", "sys", "dev"] {
        for target in ["/tmp", "/", "../../..", "/no/where"] {
            let ground = Ground::busybox();
            fs::remove_dir(ground.base().join(name)).unwrap();
            symlink(target, ground.base().join(name)).unwrap();
            match run(&ground.script("true")).unwrap_err() {
                Error::Refused { reason: Refusal::IsSymlink, .. } => {}
                other => panic!("{name} -> {target}: {other:?}"),
            }
        }
        let ground = Ground::busybox();
        fs::remove_dir(ground.base().join(name)).unwrap();
        fs::write(ground.base().join(name), "").unwrap();
        let error = run(&ground.script("true")).unwrap_err();
        let expected = Refusal::NotDirectory;
        assert!(matches!(error, Error::Refused { reason, .. } if reason == expected), "{error:?}");
    }
}

#[test]
fn links_of_an_image_stay_inside() {
    let ground = Ground::busybox();
    let victim = ground.folder.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let etc = ground.base().join("etc");
    let far = "../".repeat(30);
    symlink(format!("/proc/1/root{}", victim.display()), etc.join("resolv.conf")).unwrap();
    symlink(format!("{far}{}", victim.display()), etc.join("hosts")).unwrap();
    symlink("/run/deep/hostname", etc.join("hostname")).unwrap();
    symlink("/", ground.base().join("run")).unwrap();
    let mut spec = ground.script("cat /etc/hostname; touch /run/x; find / -xdev -name victim");
    spec.etc = EtcFiles::Container;
    let error = run(&spec).unwrap_err();
    assert!(matches!(error, Error::System { .. } | Error::Refused { .. }), "{error:?}");
    fs::remove_file(etc.join("resolv.conf")).unwrap();
    spec = ground.script("cat /etc/hostname; find / -xdev -name victim");
    spec.etc = EtcFiles::Container;
    let output = succeed(&spec);
    assert!(output.starts_with("buildkitsandbox\n/"), "made inside: {output}");
    assert_eq!(listing(&spec.rootfs.upper), [""; 0]);
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");
}

#[test]
fn a_loop_of_links_is_an_error() {
    let ground = Ground::busybox();
    symlink("loop", ground.base().join("etc/loop")).unwrap();
    fs::create_dir(ground.base().join("a")).unwrap();
    symlink("/a/y/z", ground.base().join("a/x")).unwrap();
    symlink("/a/x/z", ground.base().join("a/y")).unwrap();
    for target in ["/etc/loop", "/a/x"] {
        let mut spec = ground.script("true");
        spec.mounts = vec![file(target, "x")];
        run(&spec).unwrap_err();
    }
}

#[test]
fn binds_take_files_and_directories() {
    let ground = Ground::busybox();
    let source = ground.folder.path().join("source");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("sub/file"), "content\n").unwrap();
    let within = |path: &str| Source::Within { directory: source.clone(), path: path.into() };
    let mut spec = ground.script(
        "cat /a/sub/file /b /c/file; touch /a/x 2>/dev/null && echo no; touch /c/new && echo yes",
    );
    spec.mounts = vec![
        bind(source.clone(), "/a", true),
        bind(within("sub/file"), "/b", true),
        bind(within("/sub"), "/c", false),
    ];
    assert_eq!(succeed(&spec), "content\ncontent\ncontent\nyes\n");
    assert_eq!(listing(&spec.rootfs.upper), [""; 0]);
    assert!(source.join("sub/new").exists());
    spec = ground.script("true");
    spec.mounts = vec![bind(within("none"), "/a", true)];
    assert!(matches!(run(&spec), Err(Error::System { .. })));
}

#[test]
fn a_source_cannot_escape_its_directory() {
    let ground = Ground::busybox();
    let source = ground.folder.path().join("source");
    fs::create_dir(&source).unwrap();
    symlink("/", source.join("root")).unwrap();
    symlink("../../../../etc", source.join("up")).unwrap();
    symlink("/proc/self/root", source.join("magic")).unwrap();
    let list = |path: &str| {
        let mut spec = ground.script("ls -A /m");
        let source = Source::Within { directory: source.clone(), path: path.into() };
        spec.mounts = vec![bind(source, "/m", true)];
        run(&spec).map(|outcome| outcome.output)
    };
    assert_eq!(list("root").unwrap(), "magic\nroot\nup\n");
    assert!(list("up").is_err());
    assert!(list("magic").is_err());
    assert_eq!(list("../..").unwrap(), "magic\nroot\nup\n");
}

#[test]
fn layers_can_be_mounted_read_only_or_with_scratch() {
    let ground = Ground::busybox();
    let layer = |name: &str, content: &str| {
        let path = ground.folder.path().join(name);
        fs::create_dir_all(path.join("d")).unwrap();
        fs::write(path.join("d").join(name), content).unwrap();
        path
    };
    let lower = vec![layer("one", "1\n"), layer("two", "2\n")];
    let layers = |lower: &[std::path::PathBuf], scratch, path: &str| Source::Layers {
        lower: lower.to_vec(),
        scratch,
        path: path.into(),
    };
    let mut spec = ground.script("cat /m/d/one /m/d/two /n; touch /m/x 2>/dev/null; ls /o; ls /m");
    spec.mounts = vec![
        bind(layers(&lower, None, ""), "/m", true),
        bind(layers(&lower, None, "d/two"), "/n", true),
        bind(layers(&lower[..1], None, "/d"), "/o", true),
    ];
    assert_eq!(succeed(&spec), "1\n2\n2\none\nd\n");
    let (upper, work) = (ground.folder.path().join("su"), ground.folder.path().join("sw"));
    fs::create_dir(&upper).unwrap();
    fs::create_dir(&work).unwrap();
    let scratch = Some(Scratch { upper: upper.clone(), work });
    let mut spec = ground.script("touch /m/x; rm /m/one; ls /m");
    spec.mounts = vec![bind(layers(&lower, scratch, "d"), "/m", false)];
    assert_eq!(succeed(&spec), "two\nx\n");
    assert!(lower[0].join("d/one").exists() && upper.join("d/x").exists());
}

/// Two steps that write the same give the same layer twice.
#[test]
fn a_layer_may_occur_twice_in_a_stack() {
    let ground = Ground::busybox();
    let layer = |name: &str, content: &str| {
        let path = ground.folder.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), content).unwrap();
        path
    };
    let (one, two) = (layer("one", "1\n"), layer("two", "2\n"));
    let mut spec = ground.script("cat /file");
    spec.rootfs.lower.extend([one.clone(), two, one]);
    assert_eq!(succeed(&spec), "1\n");
}

#[test]
fn files_have_their_mode_and_owner() {
    let ground = Ground::busybox();
    let mut spec = ground.script("stat -c '%a %u %g' /dev/pipes/EOF; /dev/pipes/EOF");
    spec.mounts = vec![Mount::File {
        target: "/dev/pipes/EOF".into(),
        content: "#!/bin/sh\necho ran\n".into(),
        mode: 0o755,
        uid: 7,
        gid: 8,
        read_only: true,
    }];
    assert_eq!(succeed(&spec), "755 7 8\nran\n");
    assert_eq!(listing(&spec.rootfs.upper), [""; 0]);
}

#[test]
fn a_later_mount_hides_an_earlier_one() {
    let ground = Ground::busybox();
    let mut spec = ground.script("cat /f; df -k /t | tail -1 | awk '{print $2}'");
    spec.mounts = vec![
        file("/f", "first\n"),
        file("/f", "second\n"),
        Mount::Tmpfs {
            target: "/t".into(),
            size: None,
            mode: Some(0o755),
            read_only: false,
            executable: true,
        },
        Mount::Tmpfs {
            target: "/t".into(),
            size: Some(64 << 10),
            mode: Some(0o755),
            read_only: false,
            executable: true,
        },
    ];
    assert_eq!(succeed(&spec), "second\n64\n");
}

#[test]
fn devices_of_a_bind_cannot_be_opened_but_null_can() {
    let ground = Ground::busybox();
    let mut spec = ground.script("cat /null; ls -l /d/null >/dev/null; cat /d/null");
    spec.mounts = vec![
        bind(Path::new("/dev/null").to_owned(), "/null", false),
        Mount::Bind {
            source: Path::new("/dev").to_owned().into(),
            target: "/d".into(),
            read_only: false,
            recursive: false,
        },
    ];
    let outcome = run(&spec).unwrap();
    assert!(!outcome.status.success());
    assert!(outcome.output.contains("Permission denied"), "{}", outcome.output);
    assert_eq!(outcome.output.lines().count(), 1);
}

#[test]
fn nothing_is_mounted_into_proc() {
    let ground = Ground::busybox();
    let with = |target: &str| -> SandboxSpec {
        let mut spec = ground.script("cat /proc/uptime");
        spec.mounts = vec![file(target, "1 2\n")];
        spec
    };
    for target in ["/proc/self/attr/exec", "/proc/version", "/tmp/../proc/sys/kernel/hostname"] {
        let error = run(&with(target)).unwrap_err();
        let expected = Refusal::InsideProc;
        assert!(matches!(error, Error::Refused { reason, .. } if reason == expected), "{error:?}");
    }
    assert_eq!(succeed(&with("/proc/uptime")), "1 2\n");
    for target in ["/", "/.", "/..", "relative"] {
        assert!(matches!(run(&with(target)), Err(Error::InvalidSpec { .. })), "{target}");
    }
}

#[test]
fn store_paths_may_hold_anything() {
    let ground = Ground::busybox();
    let mut spec = ground.script("cat /deep");
    let odd = ground.folder.path().join(format!("a,b:c\\ d=\u{fc}{}", "x".repeat(200)));
    let deep = odd.join("y".repeat(200));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("deep"), "found\n").unwrap();
    spec.rootfs.lower.push(deep);
    assert_eq!(succeed(&spec), "found\n");
}

#[test]
fn swapping_a_directory_for_a_link_leads_nowhere() {
    let ground = Ground::busybox();
    let cache = ground.folder.path().join("cache");
    let victim = ground.folder.path().join("victim");
    fs::create_dir_all(cache.join("d")).unwrap();
    fs::create_dir(&victim).unwrap();
    symlink(&victim, cache.join("l")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            let (directory, link) = (cache.join("d"), cache.join("l"));
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                renameat_with(CWD, &directory, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for _ in 0..150 {
            let mut spec = ground.script("true");
            spec.mounts = vec![bind(cache.clone(), "/c", false), file("/c/d/secret/x", "x")];
            // It may fail, as a link to nowhere does; it must not get out.
            let _ = run(&spec);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(listing(&victim), [""; 0]);
}

#[test]
fn a_folder_is_not_mounted_on_a_file_nor_a_file_on_a_folder() {
    let ground = Ground::busybox();
    let refused = |mount: Mount| {
        let mut spec = ground.script("true");
        spec.mounts = vec![mount];
        match run(&spec).unwrap_err() {
            Error::Refused { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    };
    let folder = ground.folder.path().join("extra");
    for target in ["/etc/passwd", "/etc/hosts", "/dev/null"] {
        assert_eq!(refused(bind(folder.clone(), target, false)), Refusal::NotDirectory);
    }
    assert_eq!(refused(file("/etc", "x")), Refusal::IsDirectory);
}
