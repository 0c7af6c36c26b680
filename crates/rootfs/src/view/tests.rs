use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::testing::{self, Op, Scratch};
use crate::{ContentHash, Meta, Timestamp};

fn layer(paths: &[(&str, Kind)]) -> Arc<LayerManifest> {
    let entry = |(path, kind): &(&str, Kind)| Entry {
        kind: kind.clone(),
        ..Entry::directory(TreePath::from(*path), Timestamp::default())
    };
    let mut entries: Vec<Entry> = paths.iter().map(entry).collect();
    entries.push(Entry::directory(TreePath::root(), Timestamp::default()));
    Arc::new(LayerManifest::new(entries))
}

fn directory() -> Kind {
    Kind::Directory { opaque: false }
}

fn link(target: &str) -> Kind {
    Kind::Symlink { target: target.into() }
}

fn file() -> Kind {
    Kind::File { size: 0, content: ContentHash::of(b"") }
}

#[test]
fn links_resolve_inside_the_root_as_linux_does() {
    let view = View::new(vec![layer(&[
        ("bin", link("usr/bin")),
        ("usr", directory()),
        ("usr/bin", directory()),
        ("usr/bin/sh", link("/bin/dash")),
        ("usr/bin/dash", file()),
        ("up", link("../../../../etc")),
        ("etc", directory()),
        ("loop", link("loop2")),
        ("loop2", link("/loop")),
        ("dangling", link("/not/there")),
        ("self", link(".")),
        ("file", file()),
        ("root", link("/")),
        ("root2", link("root/../..")),
    ])]);
    let resolve = |path: &str, follow| match view.resolve(&TreePath::from(path), follow) {
        Ok(path) => path.to_string(),
        Err(ResolveError::Loop { .. }) => "loop".to_owned(),
        Err(ResolveError::NotDirectory { path }) => format!("not a directory: {path}"),
    };
    for (path, followed, kept) in [
        ("bin/sh", "/usr/bin/dash", "/usr/bin/sh"),
        ("bin", "/usr/bin", "/bin"),
        ("up/passwd", "/etc/passwd", "/etc/passwd"),
        ("up", "/etc", "/up"),
        ("loop", "loop", "/loop"),
        ("loop/x", "loop", "loop"),
        ("dangling", "/not/there", "/dangling"),
        ("dangling/x/y", "/not/there/x/y", "/not/there/x/y"),
        ("self/self/self/file", "/file", "/file"),
        ("file/x", "not a directory: /file", "not a directory: /file"),
        ("root/root/etc", "/etc", "/etc"),
        ("root2/etc", "/etc", "/etc"),
        ("nothing/at/all", "/nothing/at/all", "/nothing/at/all"),
        ("", "/", "/"),
    ] {
        assert_eq!(resolve(path, true), followed, "{path} followed");
        assert_eq!(resolve(path, false), kept, "{path} kept");
    }
    let chain: Vec<(String, Kind)> =
        (0..41).map(|at| (format!("l{at}"), link(&format!("l{}", at + 1)))).collect();
    let chain: Vec<(&str, Kind)> =
        chain.iter().map(|(path, kind)| (path.as_str(), kind.clone())).collect();
    let view = View::new(vec![layer(&chain)]);
    assert_eq!(view.resolve(&TreePath::from("l1"), true), Ok(TreePath::from("l41")));
    assert!(view.resolve(&TreePath::from("l0"), true).is_err(), "Linux follows 40 links");
}

/// What one path of a mounted tree is, read with nothing of this crate.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    path: TreePath,
    what: String,
}

fn walk(top: &Path, folder: &Path, seen: &mut Vec<Seen>) {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    for name in names {
        let path = name.path();
        let meta = match fs::symlink_metadata(&path) {
            // A whiteout of a bottom layer that hides nothing: overlayfs lists the name in a
            // directory that it does not merge, but nothing is there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            meta => meta.unwrap(),
        };
        let kind = meta.file_type();
        let what = if kind.is_dir() {
            "directory".to_owned()
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            format!("link {}", target.into_os_string().into_vec().escape_ascii())
        } else if kind.is_file() {
            format!("file {}", ContentHash::of(&fs::read(&path).unwrap()))
        } else if kind.is_fifo() {
            "pipe".to_owned()
        } else {
            format!("device {}", meta.rdev())
        };
        let relative = path.strip_prefix(top).unwrap().as_os_str().as_bytes();
        let common =
            common(meta.mode() & 0o7777, meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec());
        seen.push(Seen { path: TreePath::clean(relative), what: format!("{what} {common}") });
        if kind.is_dir() {
            walk(top, &path, seen);
        }
    }
}

fn common(mode: u32, uid: u32, gid: u32, seconds: i64, nanoseconds: i64) -> String {
    format!("{mode:o} {uid}:{gid} {seconds}.{nanoseconds}")
}

fn shown(view: &View, shown: Shown<'_>) -> Seen {
    let Entry { path, kind, mode, uid, gid, mtime, .. } = shown.entry;
    let what = match kind {
        Kind::Directory { .. } => "directory".to_owned(),
        Kind::Symlink { target } => format!("link {}", target.escape_ascii()),
        Kind::File { content, .. } => format!("file {content}"),
        Kind::HardLink { target } => match view.layers()[shown.layer].entry(target).unwrap().kind {
            Kind::File { content, .. } => format!("file {content}"),
            _ => panic!("{path} is a link to something else than a file"),
        },
        Kind::Fifo => "pipe".to_owned(),
        Kind::CharDevice { major, minor } => {
            format!("device {}", rustix::fs::makedev(*major, *minor))
        }
        other => panic!("{path} shows as {other:?}"),
    };
    let common = common(*mode, *uid, *gid, mtime.seconds, i64::from(mtime.nanoseconds));
    Seen { path: path.clone(), what: format!("{what} {common}") }
}

/// Mounts the layers `0..count` of `scratch`, lowest first, in this thread's own namespace.
fn mounted(scratch: &Scratch, from: usize, count: usize) -> Vec<Seen> {
    let top = scratch.path().join("merged");
    fs::create_dir_all(&top).unwrap();
    fs::create_dir_all(scratch.path().join("empty")).unwrap();
    let mut lower: Vec<String> = (from..count).rev().map(|at| format!("{at}")).collect();
    // overlayfs wants two lower layers at least; an empty one at the bottom shows nothing.
    lower.push("empty".to_owned());
    let lower: Vec<String> =
        lower.iter().map(|name| scratch.path().join(name).to_str().unwrap().to_owned()).collect();
    let options = format!("lowerdir={},redirect_dir=off,metacopy=off,index=off", lower.join(":"));
    mount(Some("overlay"), &top, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .unwrap();
    let mut seen = Vec::new();
    walk(&top, &top, &mut seen);
    // Detached: a child that another test is just starting may still hold one of our directories.
    umount2(&top, MntFlags::MNT_DETACH).unwrap();
    seen.sort_by(|a, b| a.path.cmp(&b.path));
    seen
}

fn in_own_mounts<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).expect("needs root");
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
            test()
        });
        thread.join().unwrap()
    })
}

/// The heart of the crate: what manifests say is what the kernel shows.
#[test]
fn a_view_is_what_overlayfs_shows() {
    in_own_mounts(|| {
        let layers = prop::collection::vec(prop::collection::vec(testing::op(), 0..25), 1..5);
        let config =
            ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
        let run = TestRunner::new(config).run(&layers, |layers| {
            stack_matches(layers);
            Ok(())
        });
        run.unwrap();
    });
}

fn stack_matches(layers: Vec<Vec<Op>>) {
    let scratch = Scratch::new();
    let mut view = View::default();
    let count = layers.len();
    for (at, ops) in layers.into_iter().enumerate() {
        let manifest = scratch.layer(&at.to_string(), &view, |writer| {
            ops.into_iter().for_each(|op| op.apply(writer));
        });
        view = view.with(Arc::new(manifest));
    }
    let root = TreePath::root();
    let all = view.subtree(&root);
    let expected: Vec<Seen> = all.iter().skip(1).map(|one| shown(&view, *one)).collect();
    assert_eq!(mounted(&scratch, view.lowest_shown(), count), expected);
    for one in &all {
        assert_eq!(view.entry(&one.entry.path), Some(*one), "entry and subtree");
        let below: Vec<Shown<'_>> = all
            .iter()
            .filter(|other| other.entry.path.starts_with(&one.entry.path))
            .copied()
            .collect();
        assert_eq!(view.subtree(&one.entry.path), below, "subtree of {}", one.entry.path);
        let children: Vec<Shown<'_>> = below
            .iter()
            .filter(|other| other.entry.path.parent().as_ref() == Some(&one.entry.path))
            .copied()
            .collect();
        assert_eq!(view.children(&one.entry.path), children, "children of {}", one.entry.path);
    }
}

/// A layer that overlayfs itself wrote: changes of all kinds in a mounted stack, then scan.
#[test]
fn what_overlayfs_wrote_reads_back_as_it_showed() {
    let scratch = Scratch::new();
    let meta = Meta::of_root(0o755, Timestamp { seconds: 1_600_000_000, nanoseconds: 0 });
    let lower = scratch.layer("0", &View::default(), |writer| {
        for path in ["d", "d/keep", "moved", "gone", "swap", "again"] {
            writer.directory(&TreePath::from(path), &meta).unwrap();
        }
        for path in
            ["d/f", "d/keep/k", "moved/m", "gone/g", "swap/s", "again/a", "file", "link-to-be"]
        {
            writer.file(&TreePath::from(path), &meta, &mut path.as_bytes()).unwrap();
        }
    });
    in_own_mounts(|| {
        scratch.shell(
            "mkdir 1 work m
            mount -t overlay overlay -o lowerdir=0,upperdir=1,workdir=work,redirect_dir=off,metacopy=off,index=off m
            cd m
            echo new > d/new; rm d/f; rm -r gone; rm -r swap; echo file > swap; rm file; mkdir file
            cp -a moved moved2; rm -r moved; rm -r again; mkdir again; echo x > again/b
            rm link-to-be; ln -s d link-to-be; chmod 700 d/keep; ln swap hard; mkfifo pipe
            python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind(\"sock\")'
            rm sock; python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind(\"d/sock\")'
            cd ..; umount m",
        );
        let before = scratch.shell("stat -c %Y 1/d");
        let upper = testing::scanned(testing::open_path(&scratch.path().join("1")));
        assert_eq!(scratch.shell("stat -c %Y 1/d; ls 1/d"), format!("{before}f\nkeep\nnew\n"));
        let view = View::new(vec![Arc::new(lower), Arc::new(upper)]);
        let all = view.subtree(&TreePath::root());
        let expected: Vec<Seen> = all.iter().skip(1).map(|one| shown(&view, *one)).collect();
        assert_eq!(mounted(&scratch, 0, 2), expected);
        let kind =
            |path: &str| view.layers()[1].entry(&TreePath::from(path)).map(|e| e.kind.clone());
        for gone in ["d/f", "gone", "moved"] {
            assert_eq!(kind(gone), Some(Kind::Whiteout), "{gone}");
        }
        assert_eq!(kind("again"), Some(Kind::Directory { opaque: true }));
        assert_eq!(kind("swap"), Some(Kind::HardLink { target: TreePath::from("hard") }));
        assert_eq!(kind("d/sock"), None);
        assert!(view.layers()[1].entries().iter().all(|entry| entry.xattrs.is_empty()));
    });
}
