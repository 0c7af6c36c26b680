//! Where `build` writes what it built: folders, archives of files, image archives, registries.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Background, Context, Store, registry_address, scratch, text, tool};

/// Kind, mode, owner, time and name of everything in `files` after a look with other tools.
fn context() -> Context {
    Context::new(
        "FROM busybox AS base\nRUN mkdir -p /out/d && echo one > /out/d/a && ln /out/d/a /out/b && \
         ln -s d/a /out/l && chmod 750 /out/d && chown -R 7:8 /out && touch -hd @1500000000 \
         /out/b /out/l /out/d\n\
         FROM scratch\nCOPY --from=base /out /\nCOPY c /c\n",
    )
    .file("c", "two\n")
}

fn listed(folder: &Path) -> String {
    tool("find", &[&text(folder), "-mindepth", "1", "-printf", "%y %m %P %l\n"])
        .lines()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

const FILES: &str = "d 750 d\nf 644 b\nf 644 c\nf 644 d/a\nl 777 l d/a\n";

#[test]
fn files_go_into_a_folder() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let folder = out.path().join("new/folder");
    let built = |output: &str| store.build_with("files", context.path(), &["-o", output]);
    built(&text(&folder));
    assert_eq!(listed(&folder), FILES);
    assert_eq!(fs::read_to_string(folder.join("d/a")).expect("read"), "one\n");
    let time = tool("stat", &["-c", "%Y %u", &text(&folder.join("b"))]);
    assert_eq!(time.trim(), "1500000000 0");
    fs::write(folder.join("mine"), "").expect("write");
    built(&format!("type=local,dest={}", text(&folder)));
    assert_eq!(
        listed(&folder),
        format!("{FILES}f 644 mine\n")
            .replace("l 777 l d/a\nf 644 mine\n", "f 644 mine\nl 777 l d/a\n")
    );
}

#[test]
fn files_go_into_an_archive() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let archive = out.path().join("out.tar");
    let flags = ["-o", &format!("type=tar,dest={}", text(&archive))];
    store.build_with("files", context.path(), &flags);
    let list = tool("tar", &["--numeric-owner", "-tvf", &text(&archive)]);
    for line in ["drwxr-x--- 7/8", "hrw-r--r-- 7/8", "lrwxrwxrwx 7/8", "-rw-r--r-- 0/0"] {
        assert!(list.contains(line), "{line} in\n{list}");
    }
    let streamed = store.lap(&["build", "-q", "-o", "-", &text(context.path())]).output();
    assert_eq!(streamed.expect("lap").stdout, fs::read(&archive).expect("read"));
    let unpacked = out.path().join("unpacked");
    fs::create_dir(&unpacked).expect("make");
    tool("tar", &["-C", &text(&unpacked), "-xpf", &text(&archive)]);
    assert_eq!(listed(&unpacked), FILES);
}

#[test]
fn files_of_several_platforms_have_folders_of_their_own() {
    let (store, out) = (Store::new(), scratch());
    let context = Context::new("FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /for\n")
        .file("amd64", "amd64")
        .file("arm64", "arm64");
    let (folder, archive) = (out.path().join("folder"), out.path().join("out.tar"));
    let outputs = [text(&folder), format!("type=tar,dest={}", text(&archive))];
    let both = ["--platform", "linux/amd64,linux/arm64", "-o", &outputs[0], "-o", &outputs[1]];
    store.build_with("both", context.path(), &both);
    assert_eq!(fs::read_to_string(folder.join("linux_arm64/for")).expect("read"), "arm64");
    assert_eq!(fs::read_to_string(folder.join("linux_amd64/for")).expect("read"), "amd64");
    let list = tool("tar", &["-tf", &text(&archive)]);
    assert!(list.contains("linux_amd64/for") && list.contains("linux_arm64/for"), "{list}");
    let one = ["-o", &format!("type=local,dest={},platform-split=true", text(&folder))];
    store.build_with("one", context.path(), &one);
    assert!(folder.join("linux_amd64/for").exists());
}

/// SOURCE_DATE_EPOCH cuts all times down, those of a base included, as BuildKit's exporters do.
#[test]
fn files_are_no_newer_than_the_epoch() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let folder = text(out.path());
    let flags = ["--build-arg", "SOURCE_DATE_EPOCH=1400000000", "-o", &folder];
    store.build_with("files", context.path(), &flags);
    let times = tool("find", &[&folder, "-mindepth", "1", "-printf", "%Ts\n"]);
    assert!(times.lines().all(|time| time == "1400000000"), "{times}");
    assert_eq!(times.lines().count(), 5);
}

#[test]
fn several_outputs_and_what_was_built() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let path = |name: &str| text(&out.path().join(name));
    let name = format!("{}/outputs/app-{}:1", registry_address(), std::process::id());
    let outputs = [
        format!("type=oci,dest={}", path("oci.tar")),
        format!("type=docker,dest={}", path("docker.tar")),
        path("files"),
        "\"name=second:1,third:3\",type=image".to_owned(),
    ];
    let mut flags = vec!["--push", "--metadata-file"];
    let (metadata, id) = (path("metadata.json"), path("id"));
    flags.extend([&metadata, "--iidfile", &id]);
    flags.extend(outputs.iter().flat_map(|output| ["-o", output]));
    store.build_with(&name, context.path(), &flags);
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let metadata = json(&fs::read_to_string(&metadata).expect("metadata"));
    let id = fs::read_to_string(&id).expect("id");
    assert_eq!(metadata["containerimage.config.digest"], id);
    assert_eq!(
        metadata["image.name"],
        format!("{name},docker.io/library/second:1,docker.io/library/third:3")
    );
    let there = tool("skopeo", &["inspect", "--tls-verify=false", &format!("docker://{name}")]);
    assert_eq!(metadata["containerimage.digest"], json(&there)["Digest"]);
    for archive in [
        format!("oci-archive:{}:3", path("oci.tar")),
        format!("docker-archive:{}:second:1", path("docker.tar")),
    ] {
        let config = tool("skopeo", &["inspect", "--config", &archive]);
        assert_eq!(json(&config)["history"].as_array().map(Vec::len), Some(2), "{archive}");
    }
    assert!(out.path().join("files/c").exists());
    let ids = ["second:1", "third:3"].map(|name| store.ok(&["images", "-q", "--no-trunc", name]));
    assert_eq!(ids, [id.clone(), id]);
}

#[test]
fn outputs_that_cannot_be() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let file = text(&out.path().join("file"));
    let to_file = format!("type=oci,dest={file}");
    let to_tar = format!("type=tar,dest={file}");
    for (flags, words) in [
        (vec!["--push"], "-t"),
        (vec!["-o", "type=registry"], "-t"),
        (vec!["-o", &to_file, "-o", &to_tar], "two outputs go to"),
        (vec!["-o", "type=oci,dest=a,rewrite-timestamp=1", "-o", "type=image"], "different times"),
        (vec!["-o", "type=oci,dest=-", "--format", "json"], "standard output"),
        (
            vec!["-o", "type=docker,dest=a", "--platform", "linux/amd64,linux/arm64"],
            "docker archive",
        ),
        (vec!["-t", "a", "-o", "type=registry,compression=gzip,compression-level=12"], "0 to 9"),
        (vec!["-o", "/dev/null/x"], "/dev/null/x"),
    ] {
        let context = text(context.path());
        let answer = store.answer(&[&["build"], &flags[..], &[context.as_str()]].concat());
        answer.ends_with(1).says(&[words]);
    }
    assert!(!Path::new(&file).exists());
}

#[test]
fn a_filter_runs_one_stage_again() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox AS one\nRUN cat /proc/sys/kernel/random/uuid > /id\n\
         FROM busybox AS two\nRUN : two; cat /proc/sys/kernel/random/uuid > /id\n\
         FROM busybox\nCOPY --from=one id /one\nCOPY --from=two id /two\n",
    );
    let built = |flags: &[&str]| {
        store.build_with("ids", context.path(), flags);
        ["/one", "/two"].map(|path| store.prints("ids", &["cat", path]))
    };
    let first = built(&[]);
    assert_eq!(built(&["--no-cache-filter", "none"]), first);
    let second = built(&["--no-cache-filter", "none,TWO"]);
    assert_eq!(second[0], first[0]);
    assert_ne!(second[1], first[1]);
    assert_eq!(built(&[]), second, "what ran last is what counts");
}

/// Whether a process has a file of this folder open that has no name.
fn writes_into(id: i32, folder: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
    let mut open = open.filter_map(|file| fs::read_link(file.path()).ok());
    open.any(|file| file.starts_with(folder) && text(&file).ends_with(" (deleted)"))
}

/// Kills the command while it writes the archive; false when it was faster.
fn is_killed_writing(mut running: Background, archive: &Path) -> bool {
    let folder = archive.parent().expect("a folder");
    while running.is_running() {
        if writes_into(running.id(), folder) {
            running.signal(Signal::SIGKILL);
            return running.answer().code.is_none() && !archive.exists();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// Killed, or ended by a limit of the system, in the middle of writing.
#[test]
fn a_killed_command_leaves_no_part_of_an_archive() {
    let (store, out) = (Store::new(), scratch());
    let context = Context::new("FROM busybox\nRUN dd if=/dev/zero of=/large bs=1M count=100\n");
    store.build("files", context.path());
    let archive = text(&out.path().join("out.tar"));
    let limited = ["sh", "-c", "ulimit -f 100; exec \"$@\"", "sh"];
    let from_build = format!("type=tar,dest={archive}");
    let path = text(context.path());
    let export = ["export", "files", "-o", &archive];
    let save = ["save", "files", "-o", &archive];
    let build = ["build", "-o", &from_build, &path];
    for words in [export, save, build] {
        let mut tries = 0..100;
        while !is_killed_writing(store.background(&words), Path::new(&archive)) {
            assert!(tries.next().is_some(), "{words:?} is always faster");
            fs::remove_file(&archive).expect("remove");
        }
        assert_eq!(listed(out.path()), "", "{words:?}");
    }
    for words in [export, save] {
        let answer = store.answer_behind(&limited, &words).ends_with(1);
        answer.says(&["File too large", "ulimit -f"]);
        assert_eq!(listed(out.path()), "", "{words:?}");
    }
    fs::write(&archive, "old").expect("write");
    store.answer_behind(&limited, &["export", "files", "-o", &archive]);
    assert_eq!(fs::read_to_string(&archive).expect("read"), "old");
    store.ok(&["export", "files", "-o", &archive]);
    assert!(fs::metadata(&archive).expect("there").len() > 1_000_000);
    assert_eq!(listed(out.path()), "f 644 out.tar\n");
}
