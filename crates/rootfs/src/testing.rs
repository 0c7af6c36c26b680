//! What the tests share: scratch directories, and random changes to a layer.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::{
    Entry, LayerManifest, LayerWriter, Meta, Timestamp, TreePath, View, WriteError, Xattr,
};

/// A directory that vanishes with the value.
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes and opens an empty directory in it.
    pub(crate) fn directory(&self, name: &str) -> OwnedFd {
        let path = self.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        open_path(&path)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    }

    /// Writes a layer with `write` into the directory `name`.
    pub(crate) fn layer(
        &self,
        name: &str,
        lower: &View,
        write: impl FnOnce(&mut LayerWriter),
    ) -> LayerManifest {
        let mut writer = LayerWriter::new(self.directory(name), lower.clone()).unwrap();
        write(&mut writer);
        writer.finish().unwrap()
    }

    /// Runs a command in it that must succeed, and returns what it prints.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.path())
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        output.stdout
    }

    pub(crate) fn shell(&self, script: &str) -> String {
        String::from_utf8_lossy(&self.run("sh", &["-euc", script])).into_owned()
    }

    pub(crate) fn python(&self, script: &str) -> String {
        String::from_utf8_lossy(&self.run("python3", &["-c", script])).into_owned()
    }
}

pub(crate) fn open_path(path: &Path) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).unwrap()
}

/// Fails with the first entry that differs, not with two walls of text.
#[track_caller]
pub(crate) fn assert_same(left: &LayerManifest, right: &LayerManifest) {
    for (left, right) in left.entries().iter().zip(right.entries()) {
        assert_eq!(left, right);
    }
    let paths = |manifest: &LayerManifest| -> Vec<TreePath> {
        manifest.entries().iter().map(|entry| entry.path.clone()).collect()
    };
    assert_eq!(paths(left), paths(right));
}

/// `path  kind mode uid:gid …` of every entry, one in a line.
pub(crate) fn listing<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<String> {
    let line = |entry: &Entry| {
        let Entry { path, kind, mode, uid, gid, .. } = entry;
        format!("{path} {kind:?} {mode:o} {uid}:{gid}")
    };
    entries.into_iter().map(line).collect()
}

/// A file's bytes, of which only the number is worth printing.
#[derive(Clone)]
pub(crate) struct Content(Vec<u8>);

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// One change to a layer.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Parents(TreePath, Meta),
    Directory(TreePath, Meta),
    TouchUp(TreePath),
    File(TreePath, Meta, Content),
    BytesLater(TreePath, Meta, Content),
    FileLater(TreePath, Meta, Content),
    Symlink(TreePath, Meta, Vec<u8>),
    HardLink(TreePath, TreePath, Option<Meta>),
    Device(TreePath, Meta),
    Fifo(TreePath, Meta),
    Whiteout(TreePath),
    Opaque(TreePath),
    Remove(TreePath),
    Flush,
}

impl Op {
    /// Applies the change. What a layer cannot do is passed over, as long as the writer says so.
    pub(crate) fn apply(self, writer: &mut LayerWriter) {
        let done = match self {
            Self::Parents(path, meta) => writer.make_parents(&path, &meta),
            Self::Directory(path, meta) => writer.directory(&path, &meta),
            Self::TouchUp(path) => writer.touch_up(&path),
            Self::File(path, meta, bytes) => {
                writer.file(&path, &meta, &mut bytes.0.as_slice()).map(drop)
            }
            Self::BytesLater(path, meta, bytes) => writer.bytes_later(&path, &meta, bytes.0),
            Self::FileLater(path, meta, bytes) => {
                let open = move || {
                    let mut file = tempfile::tempfile()?;
                    file.write_all(&bytes.0)?;
                    std::io::Seek::rewind(&mut file)?;
                    Ok(file)
                };
                writer.file_later(&path, &meta, 0, Box::new(open), None)
            }
            Self::Symlink(path, meta, target) => writer.symlink(&path, &meta, &target),
            Self::HardLink(path, target, meta) => writer.hard_link(&path, &target, meta.as_ref()),
            Self::Device(path, meta) => writer.char_device(&path, &meta, 1, 3),
            Self::Fifo(path, meta) => writer.fifo(&path, &meta),
            Self::Whiteout(path) => writer.whiteout(&path),
            Self::Opaque(path) => writer.opaque(&path),
            Self::Remove(path) => writer.remove(&path),
            Self::Flush => writer.flush(),
        };
        match done {
            Ok(())
            | Err(
                WriteError::NotDirectory { .. }
                | WriteError::NoDirectory { .. }
                | WriteError::LinkTarget { .. }
                | WriteError::Root,
            ) => {}
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(b"a".to_vec()),
        4 => Just(b"b".to_vec()),
        2 => Just(b"c".to_vec()),
        1 => Just(b"a-".to_vec()),
        1 => Just(b"\xff\n *".to_vec()),
        1 => Just(vec![b'n'; 255]),
    ]
}

pub(crate) fn path() -> impl Strategy<Value = TreePath> {
    prop::collection::vec(name(), 0..4).prop_map(|names| TreePath::clean(&names.join(&b'/')))
}

fn xattrs() -> impl Strategy<Value = Vec<Xattr>> {
    let capability =
        b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let one = prop_oneof![
        Just((b"user.a".to_vec(), b"1".to_vec())),
        Just((b"user.long".to_vec(), vec![b'x'; 3000])),
        Just((b"trusted.t".to_vec(), Vec::new())),
        Just((b"trusted.overlay.opaque".to_vec(), b"y".to_vec())),
        Just((b"security.capability".to_vec(), capability.to_vec())),
    ];
    let xattr = one.prop_map(|(name, value)| Xattr { name, value });
    prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(xattr, 1..4)]
}

pub(crate) fn meta() -> impl Strategy<Value = Meta> {
    let modes = prop::sample::select(vec![0o755, 0o644, 0, 0o4755, 0o2755, 0o1777, 0o7777, 0o500]);
    let ids = || prop::sample::select(vec![0, 1000, u32::MAX - 1]);
    let times =
        prop::sample::select(vec![(0, 0), (-1, 1), (1_700_000_000, 999_999_999), (1 << 33, 5)]);
    (modes, ids(), ids(), times, xattrs()).prop_map(|(mode, uid, gid, time, xattrs)| {
        let (seconds, nanoseconds) = time;
        Meta { mode, uid, gid, mtime: Timestamp { seconds, nanoseconds }, xattrs }
    })
}

fn bytes() -> impl Strategy<Value = Content> {
    let bytes = prop_oneof![
        5 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(vec![0; 128 * 1024]),
        1 => (0_usize..300_000).prop_map(|length| vec![0; length]),
        1 => Just([vec![0; 256 * 1024], vec![7; 10]].concat()),
    ];
    bytes.prop_map(Content)
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let target = prop::sample::select(vec!["a", "b", "../b", "/a/b", "/", "c/a", "nowhere"]);
    prop_oneof![
        3 => (path(), meta()).prop_map(|(path, meta)| Op::Parents(path, meta)),
        6 => (path(), meta()).prop_map(|(path, meta)| Op::Directory(path, meta)),
        2 => path().prop_map(Op::TouchUp),
        5 => (path(), meta(), bytes()).prop_map(|(path, meta, bytes)| Op::File(path, meta, bytes)),
        3 => (path(), meta(), bytes())
            .prop_map(|(path, meta, bytes)| Op::BytesLater(path, meta, bytes)),
        3 => (path(), meta(), bytes())
            .prop_map(|(path, meta, bytes)| Op::FileLater(path, meta, bytes)),
        3 => (path(), meta(), target)
            .prop_map(|(path, meta, target)| Op::Symlink(path, meta, target.into())),
        5 => (path(), path(), prop::option::of(meta()))
            .prop_map(|(path, target, meta)| Op::HardLink(path, target, meta)),
        1 => (path(), meta()).prop_map(|(path, meta)| Op::Device(path, meta)),
        1 => (path(), meta()).prop_map(|(path, meta)| Op::Fifo(path, meta)),
        3 => path().prop_map(Op::Whiteout),
        2 => path().prop_map(Op::Opaque),
        2 => path().prop_map(Op::Remove),
        1 => Just(Op::Flush),
    ]
}

/// Everything that a layer's directory holds, as [`crate::scan::scan`] sees it.
pub(crate) fn scanned(dir: impl AsFd) -> LayerManifest {
    let dir: BorrowedFd<'_> = dir.as_fd();
    crate::scan::scan(dir).unwrap()
}
