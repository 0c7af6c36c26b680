use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;

use crate::copy::{CopyError, Origin, subtree};
use crate::testing::Scratch;
use crate::{ContentHash, LayerManifest, LayerWriter, Meta, Timestamp, TreePath, View};

const TIME: Timestamp = Timestamp { seconds: 1_300_000_000, nanoseconds: 7 };

/// A layer in the directory `name`.
fn layer(scratch: &Scratch, name: &str, write: impl FnOnce(&mut LayerWriter)) -> View {
    let manifest: LayerManifest = scratch.layer(name, &View::default(), write);
    View::new(vec![Arc::new(manifest)])
}

fn directory(writer: &mut LayerWriter, path: &str, mode: u32, owner: u32) {
    let meta = Meta::of_root(mode, TIME).owned_by(owner, owner);
    writer.directory(&path.into(), &meta).unwrap();
}

fn file(writer: &mut LayerWriter, path: &str, text: &str) {
    writer.file(&path.into(), &Meta::of_root(0o640, TIME), &mut text.as_bytes()).unwrap();
}

fn hash(view: &View, path: &str) -> ContentHash {
    subtree(view, &TreePath::from(path)).unwrap().content_hash()
}

#[test]
fn what_is_seen_counts_and_nothing_else() {
    let scratch = Scratch::new();
    let view = layer(&scratch, "one", |writer| {
        for (path, mode, owner) in
            [("a", 0o755, 0), ("b", 0o755, 0), ("mode", 0o700, 0), ("owner", 0o755, 5)]
        {
            directory(writer, path, mode, owner);
            file(writer, &format!("{path}/f"), "text");
        }
        directory(writer, "empty", 0o755, 0);
        file(writer, "f", "text");
        file(writer, "g", "text");
        file(writer, "other", "other");
        writer.symlink(&"link".into(), &Meta::of_root(0o777, TIME), b"a").unwrap();
    });
    for same in ["/b", "link", "a/../b"] {
        assert_eq!(hash(&view, same), hash(&view, "a"), "{same}");
    }
    for other in ["mode", "owner", "empty", "f", "/"] {
        assert_ne!(hash(&view, other), hash(&view, "a"), "{other}");
    }
    assert_eq!(hash(&view, "f"), hash(&view, "g"));
    assert_eq!(hash(&view, "f"), hash(&view, "a/f"));
    assert_ne!(hash(&view, "f"), hash(&view, "other"));
}

#[test]
fn it_is_written_with_its_own_mode_and_owner() {
    let scratch = Scratch::new();
    let view = layer(&scratch, "source", |writer| {
        directory(writer, "d", 0o710, 7);
        file(writer, "d/f", "text");
        writer.symlink(&"d/out".into(), &Meta::of_root(0o777, TIME), b"/etc").unwrap();
    });
    for (path, name) in [("d", "whole"), ("d/f", "single")] {
        let folder = scratch.path().join("source");
        let origin = Origin::copying(move |_, path: &TreePath| {
            std::fs::File::open(folder.join(path.to_string().trim_start_matches('/')))
        });
        scratch.layer(name, &View::default(), |writer| {
            subtree(&view, &path.into())
                .unwrap()
                .write(&"content".into(), &origin, writer)
                .unwrap();
        });
    }
    let found = |path: &str| std::fs::symlink_metadata(scratch.path().join(path)).unwrap();
    let whole = found("whole/content");
    let summary = (whole.permissions().mode() & 0o7777, whole.uid(), whole.gid(), whole.mtime());
    assert_eq!(summary, (0o710, 7, 7, TIME.seconds));
    assert!(found("whole/content/out").is_symlink());
    assert_eq!(found("single/content").permissions().mode() & 0o7777, 0o640);
    assert_eq!(std::fs::read(scratch.path().join("single/content")).unwrap(), b"text");
}

#[test]
fn wildcards_mean_themselves_and_what_is_missing_is_named() {
    let scratch = Scratch::new();
    let view = layer(&scratch, "one", |writer| {
        file(writer, "a*", "star");
        file(writer, "ab", "other");
    });
    assert_ne!(hash(&view, "a*"), hash(&view, "ab"));
    for missing in ["a?", "none", "ab/below"] {
        let error = subtree(&view, &missing.into()).unwrap_err();
        assert!(matches!(error, CopyError::Missing { index: 0, .. }), "{missing}: {error}");
    }
}
