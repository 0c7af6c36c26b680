use std::fs;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::mode::Mode;
use tempfile::TempDir;

use super::image::{Image, busybox};
use crate::context::{ContextTree, StatIndex, Wanted, scan};
use crate::copy::{CopyError, CopySpec, Origin, Previous, Source, make_directory, select, write};
use crate::{Entry, Kind, LayerWriter, Meta, Timestamp, TreePath, WriteError, Xattr};

const MADE: Timestamp = Timestamp { seconds: 1_700_000_000, nanoseconds: 5 };
const OLD: Timestamp = Timestamp { seconds: 1_300_000_000, nanoseconds: 7 };

fn spec(sources: &[&str], destination: &str) -> CopySpec {
    CopySpec {
        sources: sources.iter().map(|path| Source::Path(path.as_bytes().to_vec())).collect(),
        destination: destination.as_bytes().to_vec(),
        made: MADE,
        ..CopySpec::default()
    }
}

fn wrote<T>(result: Result<T, WriteError>) -> Result<T, CopyError> {
    result.map_err(|source| CopyError::Write { index: None, source })
}

fn meta(mode: u32, uid: u32, gid: u32) -> Meta {
    Meta::of_root(mode, OLD).owned_by(uid, gid)
}

fn file(writer: &mut LayerWriter, path: &str, meta: &Meta, text: &str) -> Result<(), CopyError> {
    let path = TreePath::from(path);
    wrote(writer.make_parents(&path, &Meta::of_root(0o755, OLD)))?;
    wrote(writer.file(&path, meta, &mut text.as_bytes())).map(|_| ())
}

/// `COPY --from` with hard links where they can be.
fn copy(image: &mut Image, stage: &Image, spec: &CopySpec) -> Result<(), CopyError> {
    let spec = CopySpec { keep_owner: true, ..spec.clone() };
    let selection = select(&stage.view, &spec)?;
    stage.with_origin(true, |origin| image.step(|writer| write(&selection, &spec, origin, writer)))
}

/// Path, mode and owner of everything that is new over busybox.
fn listing(image: &Image) -> Vec<String> {
    let base = busybox();
    let shown = image.view.subtree(&TreePath::root());
    let entries = shown.iter().map(|shown| shown.entry);
    let new = entries.filter(|e| base.view.entry(&e.path).map(|old| old.entry) != Some(e));
    new.filter(|entry| !entry.path.is_root())
        .map(|e| format!("{} {:o} {}:{}", e.path, e.mode, e.uid, e.gid))
        .collect()
}

/// From the conformance case heredoc-copy-flags.
#[test]
fn here_documents_are_files_of_root_unless_asked_otherwise() {
    let inline =
        |name: &str, content: &str| Source::Inline { name: name.into(), content: content.into() };
    let nothing = Origin::copying(|_, _| Err(std::io::ErrorKind::NotFound.into()));
    let mut image = busybox();
    for spec in [
        CopySpec {
            sources: vec![inline("run.sh", "#!/bin/sh\n")],
            mode: Some(Mode::Octal(0o755)),
            owner: Some((11, 22)),
            ..spec(&[], "/dest/")
        },
        CopySpec {
            sources: vec![inline("cfg", "x=1\n")],
            mode: Some(Mode::Octal(0o600)),
            unpack: true,
            ..spec(&[], "/etc/app.cfg")
        },
        CopySpec { sources: vec![inline("EOF", ""), inline("b", "b")], ..spec(&[], "/tmp") },
    ] {
        let selection = select(&image.view, &spec).map(|selection| selection.items.len());
        assert_eq!(selection.expect("a selection"), spec.sources.len());
        let view = crate::View::default();
        let selection = select(&view, &spec).expect("a selection");
        image.step(|writer| write(&selection, &spec, &nothing, writer)).expect("a layer");
    }
    let expected = [
        "/dest 755 11:22",
        "/dest/run.sh 755 11:22",
        "/etc/app.cfg 600 0:0",
        "/tmp/EOF 644 0:0",
        "/tmp/b 644 0:0",
    ];
    assert_eq!(listing(&image), expected);
    assert_eq!(image.read(&TreePath::from("etc/app.cfg")), b"x=1\n");
    assert_eq!(image.entry("dest").map(|entry| entry.mtime), Some(MADE));
}

/// A11.3: what exists at the top stays as it is, what is nested takes the source's.
#[test]
fn existing_directories_keep_their_own_only_at_the_top() {
    let mut stage = Image::default();
    let made = stage.step(|writer| {
        file(writer, "d/sub/f", &meta(0o640, 1, 2), "new")?;
        wrote(writer.directory(&TreePath::from("d"), &meta(0o700, 3, 3)))?;
        wrote(writer.directory(&TreePath::from("d/sub"), &meta(0o2770, 4, 5)))
    });
    made.expect("a stage");
    let mut image = busybox();
    let made = image.step(|writer| {
        file(writer, "x/sub/f", &meta(0o600, 0, 0), "old")?;
        wrote(writer.directory(&TreePath::from("x"), &meta(0o711, 8, 9)))
    });
    made.expect("a base");
    copy(&mut image, &stage, &spec(&["d"], "/x")).expect("a copy");
    copy(&mut image, &stage, &spec(&["d"], "/new/y/")).expect("a copy");
    let expected = [
        "/new 755 0:0",
        "/new/y 755 0:0",
        "/new/y/sub 2770 4:5",
        "/new/y/sub/f 640 1:2",
        "/x 711 8:9",
        "/x/sub 2770 4:5",
        "/x/sub/f 640 1:2",
    ];
    assert_eq!(listing(&image), expected);
    let time = |path: &str| image.entry(path).expect(path).mtime;
    assert_eq!((time("x"), time("new"), time("new/y")), (OLD, MADE, OLD));
    assert_eq!((time("x/sub"), time("x/sub/f")), (OLD, OLD));
    assert_eq!(image.read(&TreePath::from("x/sub/f")), b"new");
}

#[test]
fn stages_give_attributes_devices_and_hard_links() {
    let capability = Xattr {
        name: b"security.capability".to_vec(),
        value: [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec(),
    };
    let capable = Meta { xattrs: vec![capability.clone()], ..meta(0o755, 0, 0) };
    let mut stage = Image::default();
    let made = stage.step(|writer| {
        file(writer, "d/cap", &capable, "x")?;
        let path = TreePath::from;
        wrote(writer.hard_link(&path("d/more"), &path("d/cap"), None))?;
        wrote(writer.char_device(&path("d/null"), &meta(0o666, 0, 0), 1, 3))?;
        wrote(writer.fifo(&path("d/pipe"), &meta(0o600, 7, 7)))
    });
    made.expect("a stage");
    for owner in [None, Some((5, 6))] {
        let mut image = busybox();
        copy(&mut image, &stage, &CopySpec { owner, ..spec(&["d"], "/e") }).expect("a copy");
        let entry = |path: &str| image.entry(path).expect(path);
        assert_eq!(entry("e/cap").xattrs, std::slice::from_ref(&capability), "{owner:?}");
        assert_eq!(entry("e/more").kind, Kind::HardLink { target: "e/cap".into() });
        assert_eq!(entry("e/null").kind, Kind::CharDevice { major: 1, minor: 3 });
        assert_eq!(entry("e/pipe").kind, Kind::Fifo);
        assert_eq!((entry("e/pipe").uid, entry("e/pipe").gid), owner.unwrap_or((7, 7)));
    }
}

/// A copy that changes nothing about a file, its path included, costs no bytes: the layers share it.
/// Under another path the file would have two names as soon as both layers lie in one stack.
#[test]
fn files_that_stay_as_they_are_are_shared_with_their_layer() {
    let mut stage = Image::default();
    stage.step(|writer| file(writer, "f", &meta(0o644, 0, 0), "text")).expect("a stage");
    let inode = |image: &Image, path: &str| image.inode(&TreePath::from(path));
    let mut image = busybox();
    let mut copied = |destination: &str, mode: Option<Mode>| {
        let spec = CopySpec { mode, ..spec(&["f"], destination) };
        copy(&mut image, &stage, &spec).expect("a copy");
        let place = destination.trim_start_matches('/');
        assert_eq!(image.read(&TreePath::from(place)), b"text");
        inode(&image, place) == inode(&stage, "f")
    };
    assert!(copied("/f", None));
    assert!(!copied("/moved", None));
    assert!(!copied("/f", Some(Mode::Octal(0o600))));
    assert_eq!(stage.entry("f").map(|entry| entry.mode), Some(0o644));
}

#[test]
fn what_is_in_the_way_is_named_with_the_source() {
    let mut stage = Image::default();
    let made = stage.step(|writer| {
        file(writer, "a", &meta(0o644, 0, 0), "a")?;
        file(writer, "d/b", &meta(0o644, 0, 0), "b")
    });
    made.expect("a stage");
    let mut image = busybox();
    let made = image.step(|writer| {
        let link = |writer: &mut LayerWriter, path: &str, target: &str| {
            wrote(writer.symlink(&TreePath::from(path), &meta(0o777, 0, 0), target.as_bytes()))
        };
        link(writer, "loop", "pool")?;
        link(writer, "pool", "loop")?;
        link(writer, "x", "etc")?;
        file(writer, "full/a/in", &meta(0o644, 0, 0), "")?;
        file(writer, "full/d", &meta(0o644, 0, 0), "")
    });
    made.expect("a base");
    for (sources, destination, index, text) in [
        (["a", "d"], "/etc/passwd", 1, "cannot replace /etc/passwd with a directory"),
        (["a", "d"], "/etc/passwd/", 0, "cannot replace /etc/passwd with a directory"),
        (["d", "a"], "/full", 1, "cannot replace the directory /full/a with a file"),
        (["d/b", "."], "/full", 1, "cannot replace the directory /full/a with a file"),
        (["a", "a"], "/etc/passwd/x", 0, "cannot replace /etc/passwd with a directory"),
        (["a", "a"], "/loop/x", 0, "cannot find the destination /loop"),
    ] {
        let error = copy(&mut image, &stage, &spec(&sources, destination)).expect_err(text);
        assert!(error.to_string().starts_with(text), "{error} is not {text}");
        assert_eq!(error.source_index(), Some(index), "{error}");
    }
    let path = TreePath::from("etc/passwd/x");
    let error = image.step(|writer| make_directory(writer, &path, (0, 0), MADE));
    assert!(matches!(error, Err(CopyError::NotDirectory { index: None, .. })), "{error:?}");
    copy(&mut image, &stage, &spec(&["d"], "/x/in")).expect("links to directories are followed");
    assert!(image.entry("etc/in/b").is_some());
}

/// A symbolic link where a nested directory is to be is in the way, even one to a directory; one
/// where a file is to be is replaced.
#[test]
fn links_below_the_destination_are_not_followed() {
    let mut stage = Image::default();
    stage.step(|writer| file(writer, "d/sub/f", &meta(0o644, 0, 0), "f")).expect("a stage");
    let mut image = busybox();
    let made = image.step(|writer| {
        wrote(writer.make_parents(&TreePath::from("x/sub"), &meta(0o755, 0, 0)))?;
        let (path, linked) = (TreePath::from("x/sub"), meta(0o777, 0, 0));
        wrote(writer.symlink(&path, &linked, b"/etc"))?;
        wrote(writer.symlink(&TreePath::from("x/f"), &linked, b"/etc/passwd"))
    });
    made.expect("a base");
    let error = copy(&mut image, &stage, &spec(&["d"], "/x")).expect_err("a link in the way");
    assert!(matches!(error, CopyError::NotDirectory { .. }), "{error}");
    copy(&mut image, &stage, &spec(&["d/sub"], "/x")).expect("a copy");
    assert!(matches!(image.entry("x/f").map(|e| &e.kind), Some(Kind::File { .. })));
    assert_eq!(image.read(&TreePath::from("etc/passwd")), b"etc/passwd");
}

fn scanned(folder: &TempDir) -> Arc<ContextTree> {
    let folder = OwnedFd::from(fs::File::open(folder.path()).expect("a folder"));
    let all = [Wanted::everything()];
    Arc::new(scan(folder, &all, &IgnoreFile::default(), &StatIndex::default()).expect("a scan").0)
}

/// A name for it, and how the file at a path is changed.
type Change<'a> = (&'a str, &'a dyn Fn(&std::path::Path));

/// S40: what became something else between scan and copy stops the build.
#[test]
fn a_context_that_changed_since_the_scan_is_noticed() {
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("canary"), "canary").expect("a canary");
    let changes: [Change<'_>; 5] = [
        ("content", &|path| fs::write(path, "other!").expect("written")),
        ("link", &|path| {
            fs::remove_file(path).expect("removed");
            std::os::unix::fs::symlink(outside.path().join("canary"), path).expect("a link");
        }),
        ("directory", &|path| {
            fs::remove_file(path).expect("removed");
            fs::create_dir(path).expect("made");
        }),
        ("pipe", &|path| {
            fs::remove_file(path).expect("removed");
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
                .expect("a pipe");
        }),
        ("gone", &|path| fs::remove_file(path).expect("removed")),
    ];
    for (what, change) in changes {
        for unpack in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("f"), "secret").expect("written");
            let tree = scanned(&folder);
            change(&folder.path().join("f"));
            let (view, spec) = (tree.view.clone(), CopySpec { unpack, ..spec(&["f"], "/f") });
            let selection = select(&view, &spec).expect("a selection");
            let origin = Origin::copying(move |_, path| tree.open(path));
            let mut image = busybox();
            let copied = image.step(|writer| write(&selection, &spec, &origin, writer));
            assert!(copied.is_err(), "{what}");
            assert_eq!(image.entry("f"), None::<&Entry>, "{what}");
        }
    }
}

/// Three files copied over a layer that the same step wrote before: one as it was, one of another
/// time, one of other content. Only the first shares its bytes.
#[test]
fn what_the_step_wrote_before_is_linked_when_nothing_of_it_changed() -> Result<(), CopyError> {
    let context = |time: Timestamp, text: &str| {
        let mut image = Image::default();
        image.step(|writer| {
            file(writer, "same", &meta(0o644, 0, 0), "s")?;
            file(writer, "touched", &Meta { mtime: time, ..meta(0o644, 0, 0) }, "t")?;
            file(writer, "changed", &meta(0o644, 0, 0), text)
        })?;
        Ok::<_, CopyError>(image)
    };
    let spec = spec(&["."], "/to/");
    let copied = |context: &Image, before: Option<&Image>| {
        let mut image = busybox();
        let selection = select(&context.view, &spec)?;
        context.with_origin(false, |origin| {
            let top = before.map(Image::top);
            let previous = top.map(|(manifest, directory)| Previous { manifest, directory });
            let origin = Origin { previous, ..origin.clone() };
            image.step(|writer| write(&selection, &spec, &origin, writer))
        })?;
        Ok::<_, CopyError>(image)
    };
    let before = copied(&context(OLD, "old")?, None)?;
    let after = copied(&context(MADE, "new")?, Some(&before))?;
    let shared = |name: &str| {
        let path = TreePath::from(name);
        before.inode(&path) == after.inode(&path)
    };
    assert_eq!(["to/same", "to/touched", "to/changed"].map(shared), [true, false, false]);
    assert_eq!(after.read(&TreePath::from("to/changed")), b"new");
    Ok(())
}
