mod property;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::ContentHash;
use crate::copy::Part;

/// Every file counts as settled: what the tests write is never older than two seconds.
const ALWAYS: Timestamp = Timestamp { seconds: i64::MAX, nanoseconds: 0 };

fn ignoring(text: &str) -> IgnoreFile {
    IgnoreFile::parse(text.as_bytes()).expect(text)
}

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("parents");
    fs::write(path, content).expect(content);
}

/// A context with these files, each containing its own path.
fn context(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for path in files {
        write(folder.path(), path, path);
    }
    folder
}

fn descriptor(folder: &Path) -> OwnedFd {
    OwnedFd::from(File::open(folder).expect("the folder"))
}

fn scan_with(
    folder: &Path,
    wanted: &[Wanted],
    ignore: &str,
    known: &StatIndex,
) -> (ContextTree, Option<StatIndex>) {
    scan_at(descriptor(folder), wanted, &ignoring(ignore), known, ALWAYS).expect("a scan")
}

fn entries(tree: &ContextTree) -> &[Entry] {
    tree.view.layers().first().expect("one layer").entries()
}

/// The paths of a scan, without the root.
fn paths(folder: &Path, wanted: &[Wanted], ignore: &str) -> Vec<String> {
    let (tree, _) = scan_with(folder, wanted, ignore, &StatIndex::default());
    let mut paths: Vec<String> = entries(&tree).iter().map(|e| e.path.to_string()).collect();
    assert_eq!(paths.remove(0), "/", "the root is always there");
    paths
}

fn source(raw: &str) -> Wanted {
    Wanted::source(raw.as_bytes())
}

fn content_of(tree: &ContextTree, path: &str) -> ContentHash {
    match tree.view.entry(&TreePath::from(path)).map(|shown| &shown.entry.kind) {
        Some(Kind::File { content, .. }) => *content,
        other => panic!("{path} is {other:?}"),
    }
}

#[test]
fn owners_and_attributes_do_not_count_but_modes_and_times_do() {
    let folder = context(&["run.sh"]);
    let path = folder.path().join("run.sh");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).expect("chmod");
    let attribute = rustix::fs::setxattr(&path, "user.note", b"x", rustix::fs::XattrFlags::empty());
    let _unsupported_on_some_file_systems = attribute;
    let (tree, _) = scan_with(folder.path(), &[Wanted::everything()], "", &StatIndex::default());
    let entry = tree.view.entry(&TreePath::from("run.sh")).expect("the file").entry;
    assert_eq!((entry.mode, entry.uid, entry.gid, entry.xattrs.len()), (0o4755, 0, 0, 0));
    let modified = fs::metadata(&path).expect("stat").modified().expect("a time");
    let since = modified.duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    assert_eq!(entry.mtime.seconds, since.as_secs() as i64);
    assert_eq!(entry.mtime.nanoseconds, since.subsec_nanos());
    assert_eq!(content_of(&tree, "run.sh"), ContentHash::of(b"run.sh"));
}

#[test]
fn only_what_is_wanted_is_walked_with_its_parents() {
    let folder = context(&["a/b/c.txt", "a/b/d/e.txt", "a/x.txt", "b.txt", "z/y.txt"]);
    for (wanted, expected) in [
        (vec![source("a/b")], vec!["/a", "/a/b", "/a/b/c.txt", "/a/b/d", "/a/b/d/e.txt"]),
        (vec![source("/b.txt"), source("../a/x.txt")], vec!["/a", "/a/x.txt", "/b.txt"]),
        (
            vec![source("a/b/*.txt"), source("z")],
            vec!["/a", "/a/b", "/a/b/c.txt", "/z", "/z/y.txt"],
        ),
        // A folder that only leads to what is not there is not there, as in BuildKit.
        (vec![source("nope"), source("b.txt/x"), source("a/nope/x")], vec!["/b.txt"]),
        (vec![source("a/b/*.nope"), source("a/*/x"), source("*/nope")], vec![]),
        (vec![], vec![]),
    ] {
        assert_eq!(paths(folder.path(), &wanted, ""), expected, "{wanted:?}");
    }
}

fn without(raw: &str, exclude: &[&str]) -> Wanted {
    let exclude = IgnoreFile::from_patterns(exclude.iter().copied()).expect("patterns");
    source(raw).part(Part::without(exclude))
}

fn below(base: &str, pattern: &str) -> Wanted {
    source(base).part(Part::default().only(pattern).expect("a pattern"))
}

#[test]
fn of_a_folder_only_the_wanted_part_is_walked() {
    let folder = context(&["a/b/c.txt", "a/b/d/e.txt", "a/x.txt", "b.txt", "z/y.txt"]);
    symlink("b", folder.path().join("a/l")).expect("a link");
    for (wanted, ignore, expected) in [
        (vec![without(".", &["a"])], "", vec!["/b.txt", "/z", "/z/y.txt"]),
        (vec![without("a", &["b/d", "x*"])], "", vec!["/a", "/a/b", "/a/b/c.txt", "/a/l"]),
        (
            vec![without(".", &["a", "!a/b/d"])],
            "",
            vec!["/a", "/a/b", "/a/b/d", "/a/b/d/e.txt", "/b.txt", "/z", "/z/y.txt"],
        ),
        (vec![without(".", &["*", "!none"])], "", vec![]),
        // What one leaves out another may take, inside or around it.
        (
            vec![without(".", &["a", "z"]), source("a/b/d")],
            "",
            vec!["/a", "/a/b", "/a/b/d", "/a/b/d/e.txt", "/b.txt"],
        ),
        (vec![without("a", &["*"]), source("a/x.txt")], "", vec!["/a", "/a/x.txt"]),
        (
            vec![without("a", &["b"]), without("a", &["x.txt", "l"])],
            "b.txt\na/b/d",
            vec!["/a", "/a/b", "/a/b/c.txt", "/a/l", "/a/x.txt"],
        ),
        (vec![below("/", "**/e.txt")], "", vec!["/a", "/a/b", "/a/b/d", "/a/b/d/e.txt"]),
        (vec![below("a", "b/*.txt"), below("z", "y*")], "a/b/c*", vec!["/a", "/z", "/z/y.txt"]),
        (vec![below("a/l", "c.txt")], "", vec!["/a", "/a/b", "/a/b/c.txt", "/a/l"]),
        // The link that a pattern names leads to a folder of which the same part is wanted.
        (vec![without("a/l*", &["d"])], "", vec!["/a", "/a/b", "/a/b/c.txt", "/a/l"]),
    ] {
        assert_eq!(paths(folder.path(), &wanted, ignore), expected, "{wanted:?}");
    }
}

#[test]
fn a_partial_walk_remembers_what_it_read_and_forgets_nothing_else() {
    let folder = context(&["a/b", "a/c", "a/d/e", "f", "g"]);
    let all = [Wanted::everything()];
    let index = scan_with(folder.path(), &all, "", &StatIndex::default()).1.expect("an index");
    let some = [without(".", &["a/b", "f"]), source("f")];
    assert_eq!(scan_with(folder.path(), &some, "", &index).1, None);
    let (_, part) = scan_with(folder.path(), &some, "", &StatIndex::default());
    let part = part.expect("an index");
    assert_eq!((part.records(b"").count(), part.records(b"a").count()), (2, 1));
    assert_eq!(scan_with(folder.path(), &some, "", &part).1, None, "all of it is known");
    write(folder.path(), "a/c", "changed");
    let new = scan_with(folder.path(), &some, "", &index).1.expect("a new index");
    assert_eq!(scan_with(folder.path(), &all, "", &new).1, None, "a/b is known still");
}

#[test]
fn links_on_the_way_bring_their_targets_and_never_leave_the_context() {
    let outside = context(&["secret"]);
    let folder = context(&["d/one", "d/s/three", "b.txt", "etc/passwd"]);
    let link = |target: &str, name: &str| symlink(target, folder.path().join(name)).expect(name);
    link("d", "dlink");
    link("/b.txt", "abs");
    link("abs", "chain");
    link("../../../etc/passwd", "up");
    link(outside.path().to_str().expect("UTF-8"), "out");
    link("loop2", "loop1");
    link("loop1", "loop2");
    for (wanted, expected) in [
        ("dlink/one", vec!["/d", "/d/one", "/dlink"]),
        ("dlink", vec!["/d", "/d/one", "/d/s", "/d/s/three", "/dlink"]),
        ("chain", vec!["/abs", "/b.txt", "/chain"]),
        ("up", vec!["/etc", "/etc/passwd", "/up"]),
        ("out/secret", vec!["/out"]),
        ("loop1", vec!["/loop1", "/loop2"]),
    ] {
        assert_eq!(paths(folder.path(), &[source(wanted)], ""), expected, "{wanted}");
    }
    let (tree, _) = scan_with(folder.path(), &[Wanted::everything()], "", &StatIndex::default());
    assert!(tree.open(&TreePath::from("out/secret")).is_err());
    assert!(tree.open(&TreePath::from("up")).is_err(), "links are not followed by open");
}

#[test]
fn links_that_a_pattern_names_bring_their_targets_too() {
    let folder = context(&["links/plain", "data/a/x", "data/b", "other"]);
    let link = |target: &str, name: &str| symlink(target, folder.path().join(name)).expect(name);
    link("../data/a", "links/l1");
    link("../other", "links/z");
    let expected = ["/data", "/data/a", "/data/a/x", "/links", "/links/l1"];
    assert_eq!(paths(folder.path(), &[source("links/l*")], ""), expected);
    let expected = ["/links", "/links/l1", "/links/plain", "/links/z"];
    assert_eq!(paths(folder.path(), &[source("links")], ""), expected, "links inside are kept");
}

/// From the conformance cases ignore-*, recorded from BuildKit.
#[test]
fn ignore_files_decide_as_buildkit_recorded() {
    let folder = context(&[
        ".dockerignore",
        "Dockerfile",
        "a.md",
        "b.txt",
        "d/a.md",
        "d/b.txt",
        "d/e/a.md",
        "d/e/c.go",
        "keep/me",
        "keep/not",
        "node/x/keep",
        "node/x/y",
    ]);
    for (ignore, wanted, expected) in [
        (
            "*.md\nnode\n/keep/not\nDockerfile\n.dockerignore\n",
            ".",
            vec![
                "/b.txt",
                "/d",
                "/d/a.md",
                "/d/b.txt",
                "/d/e",
                "/d/e/a.md",
                "/d/e/c.go",
                "/keep",
                "/keep/me",
            ],
        ),
        (
            "node\nd\nkeep/\n!node/x/keep\n",
            ".",
            vec![
                "/.dockerignore",
                "/Dockerfile",
                "/a.md",
                "/b.txt",
                "/node",
                "/node/x",
                "/node/x/keep",
            ],
        ),
        ("node\nd\nkeep/\n!node/x/keep\n", "node", vec!["/node", "/node/x", "/node/x/keep"]),
        ("node\n", "node/x/keep", vec![]),
        (
            "*\n!d\nd/e\n!d/e/c.go\n!*.txt\n!keep/me\n**/b.txt\n!b.txt\n",
            ".",
            vec!["/b.txt", "/d", "/d/a.md", "/d/e", "/d/e/c.go", "/keep", "/keep/me"],
        ),
    ] {
        assert_eq!(paths(folder.path(), &[source(wanted)], ignore), expected, "{ignore} {wanted}");
    }
}

#[test]
fn pipes_and_sockets_are_taken_without_waiting() {
    let folder = context(&["file"]);
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o640);
    rustix::fs::mknodat(rustix::fs::CWD, pipe, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a pipe");
    let _socket =
        std::os::unix::net::UnixListener::bind(folder.path().join("socket")).expect("a socket");
    let (sender, receiver) = std::sync::mpsc::channel();
    let path = folder.path().to_owned();
    std::thread::spawn(move || {
        let wanted = [source("."), source("pipe")];
        let (tree, _) = scan_with(&path, &wanted, "", &StatIndex::default());
        sender.send(tree).expect("a receiver");
    });
    let tree = receiver.recv_timeout(Duration::from_secs(10)).expect("no hang");
    let kinds: Vec<&Kind> = entries(&tree).iter().skip(1).map(|entry| &entry.kind).collect();
    let [Kind::File { size: 4, .. }, Kind::Fifo, socket] = kinds[..] else { panic!("{kinds:?}") };
    assert_eq!(*socket, Kind::File { size: 0, content: ContentHash::of(b"") });
    for name in ["pipe", "socket"] {
        assert!(tree.open(&TreePath::from(name)).is_err(), "opening a {name} as a file");
    }
}

#[test]
fn names_of_one_file_are_hard_links_to_the_first() {
    let folder = context(&["t/d"]);
    write(folder.path(), "t/b", "same");
    for name in ["t/a", "t/s"] {
        fs::hard_link(folder.path().join("t/b"), folder.path().join(name)).expect(name);
    }
    let (tree, _) = scan_with(folder.path(), &[source("t")], "", &StatIndex::default());
    let kind = |path: &str| tree.view.entry(&TreePath::from(path)).expect(path).entry.kind.clone();
    let link = Kind::HardLink { target: TreePath::from("t/a") };
    assert!(matches!(kind("t/a"), Kind::File { size: 4, .. }));
    assert_eq!([kind("t/b"), kind("t/s")], [link.clone(), link]);
}

#[test]
fn a_warm_scan_reads_nothing_and_keeps_the_index() {
    let folder = context(&["a/b", "a/c", "d"]);
    let all = [Wanted::everything()];
    let (cold, index) = scan_with(folder.path(), &all, "", &StatIndex::default());
    let index = StatIndex::decode(index.expect("an index").encode().to_vec());
    let (warm, unchanged) = scan_with(folder.path(), &all, "", &index);
    assert_eq!(entries(&cold), entries(&warm));
    assert_eq!(unchanged, None);
    write(folder.path(), "a/c", "other content");
    let (changed, new) = scan_with(folder.path(), &all, "", &index);
    assert_eq!(content_of(&changed, "a/c"), ContentHash::of(b"other content"));
    let new = new.expect("another index");
    assert_eq!(scan_with(folder.path(), &all, "", &new).1, None);
    fs::remove_dir_all(folder.path().join("a")).expect("removed");
    let (_, new) = scan_with(folder.path(), &all, "", &new);
    assert_eq!(new.expect("a smaller index").records(b"a").count(), 0);
}

#[test]
fn a_partial_scan_keeps_what_the_index_knows_of_the_rest() {
    let folder = context(&["a/b", "a/c/d", "e", "f"]);
    let index = scan_with(folder.path(), &[Wanted::everything()], "", &StatIndex::default()).1;
    let index = index.expect("an index");
    for wanted in ["a", "e", "a/c", "a/b"] {
        let (_, new) = scan_with(folder.path(), &[source(wanted)], "", &index);
        assert_eq!(new, None, "{wanted}");
    }
    write(folder.path(), "e", "changed");
    let (_, new) = scan_with(folder.path(), &[source("e")], "", &index);
    let new = new.expect("a new index");
    assert_eq!(new.records(b"").count(), 2);
    assert_eq!(scan_with(folder.path(), &[Wanted::everything()], "", &new).1, None);
}

/// Git's "racily clean" problem: the same size and time, other bytes, written right after.
#[test]
fn a_file_written_just_now_is_not_remembered() {
    let folder = context(&[]);
    write(folder.path(), "f", "one");
    let path = folder.path().join("f");
    let modified = fs::metadata(&path).expect("stat").modified().expect("a time");
    let all = [Wanted::everything()];
    let open = || descriptor(folder.path());
    let nothing = IgnoreFile::default();
    let (_, index) = scan(open(), &all, &nothing, &StatIndex::default()).expect("a scan");
    assert_eq!(index, None, "nothing is old enough to be remembered");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("the file");
    std::os::unix::fs::FileExt::write_all_at(&file, b"two", 0).expect("written");
    file.set_modified(modified).expect("the old time");
    let known = index.unwrap_or_default();
    let (tree, _) = scan(open(), &all, &nothing, &known).expect("a scan");
    assert_eq!(content_of(&tree, "f"), ContentHash::of(b"two"));
}

#[test]
fn a_damaged_index_is_empty() {
    let folder = context(&["a/b", "c"]);
    let (_, index) = scan_with(folder.path(), &[Wanted::everything()], "", &StatIndex::default());
    let bytes = index.expect("an index").encode().to_vec();
    assert!(!StatIndex::decode(bytes.clone()).is_empty());
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(StatIndex::decode(damaged).is_empty(), "byte {at}");
        assert!(StatIndex::decode(bytes[..at].to_vec()).is_empty(), "cut at {at}");
    }
    assert!(StatIndex::decode(b"nonsense".to_vec()).is_empty());
}

#[test]
fn deep_and_wide_trees_are_no_trouble() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = vec!["d"; 1500].join("/");
    write(folder.path(), &format!("{deep}/f"), "deep");
    for number in 0..1200 {
        write(folder.path(), &format!("wide/{number}"), "x");
    }
    assert_eq!(paths(folder.path(), &[Wanted::everything()], "").len(), 1500 + 1 + 1 + 1200);
}

/// S40: a file that is a link to a canary every other moment never shows the canary's bytes.
#[test]
fn a_file_swapped_for_a_link_shows_nothing_of_the_host() {
    let outside = context(&["canary"]);
    let folder = context(&["f"]);
    let canary = ContentHash::of(b"canary");
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    write(folder.path(), "file", "inside");
    symlink(outside.path().join("canary"), &link).expect("a link");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let (file, link) = (file.as_path(), link.as_path());
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                let _ = rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    file,
                    rustix::fs::CWD,
                    link,
                    exchange,
                );
            }
        });
        for _ in 0..1000 {
            let all = [Wanted::everything()];
            let scanned = scan(
                descriptor(folder.path()),
                &all,
                &IgnoreFile::default(),
                &StatIndex::default(),
            );
            let Ok((tree, _)) = scanned else { continue };
            let shown = entries(&tree)
                .iter()
                .any(|entry| matches!(entry.kind, Kind::File { content, .. } if content == canary));
            assert!(!shown, "the canary is in the context");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_list_has_what_a_scan_of_everything_has() {
    let folder = context(&["a/b/c", "a/b/d.md", "a/e", "dist/app", "dist/x/y", "README.md", "f"]);
    symlink("a/e", folder.path().join("link")).expect("a link");
    for (text, hidden) in [
        ("", [].as_slice()),
        ("*.md", &["/README.md"]),
        ("**/*.md\ndist\n!dist/app", &["/README.md", "/a/b/d.md", "/dist/x"]),
        ("dist/*\n!dist", &["/dist/app", "/dist/x"]),
        ("a\n!a/none", &["/a/b", "/a/e"]),
        ("*\n!f", &["/README.md", "/a", "/dist", "/link"]),
    ] {
        let ignore = ignoring(text);
        let scanned =
            scan_with(folder.path(), &[Wanted::everything()], text, &StatIndex::default());
        let listed =
            list(descriptor(folder.path()).as_fd(), &ignore, 100).expect(text).expect(text);
        let shape = |entry: &Entry| {
            let size = match &entry.kind {
                Kind::File { size, .. } => *size,
                _ => 0,
            };
            (entry.path.clone(), entry.mode, size, entry.is_directory())
        };
        let of_scan: Vec<_> = entries(&scanned.0).iter().map(shape).collect();
        let layers = listed.view.layers();
        let mut of_list: Vec<_> = layers[0].entries().iter().map(shape).collect();
        // A scan gives the root a mode of its own.
        of_list[0].1 = 0o755;
        assert_eq!(of_list, of_scan, "{text}");
        let paths: Vec<_> = listed.hidden.iter().map(ToString::to_string).collect();
        assert_eq!(paths, hidden, "{text}");
    }
    let all = list(descriptor(folder.path()).as_fd(), &ignoring(""), 5).expect("a list");
    assert!(all.is_none(), "there are more than five paths");
}
