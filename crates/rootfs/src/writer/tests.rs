use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::testing::{self, Scratch, assert_same, open_path, scanned};

const NOW: Timestamp = Timestamp { seconds: 1_700_000_000, nanoseconds: 5 };

fn plain() -> Meta {
    Meta::of_root(0o644, NOW)
}

fn path(text: &str) -> TreePath {
    TreePath::from(text)
}

fn kinds(manifest: &LayerManifest) -> Vec<String> {
    testing::listing(manifest.entries())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done, in whatever order: the manifest is what an independent walk finds.
    #[test]
    fn the_manifest_is_what_scan_finds(
        below in prop::collection::vec(testing::op(), 0..12),
        ops in prop::collection::vec(testing::op(), 0..40),
    ) {
        let scratch = Scratch::new();
        let lower = scratch.layer("lower", &View::default(), |writer| {
            below.into_iter().for_each(|op| op.apply(writer));
        });
        assert_same(&lower, &scanned(open_path(&scratch.path().join("lower"))));
        let view = View::new(vec![lower.into()]);
        let manifest = scratch.layer("upper", &view, |writer| {
            ops.into_iter().for_each(|op| op.apply(writer));
        });
        assert_same(&manifest, &scanned(open_path(&scratch.path().join("upper"))));
        let encoded = manifest.encode().unwrap();
        prop_assert_eq!(LayerManifest::decode(&encoded).unwrap(), manifest);
    }

    /// The merged look-up of a writer is that of a view of the layer it becomes.
    #[test]
    fn entries_are_those_of_the_view_afterwards(
        below in prop::collection::vec(testing::op(), 0..20),
        ops in prop::collection::vec(testing::op(), 0..30),
    ) {
        let scratch = Scratch::new();
        let lower = scratch.layer("lower", &View::default(), |writer| {
            below.into_iter().for_each(|op| op.apply(writer));
        });
        let view = View::new(vec![lower.into()]);
        let mut writer = LayerWriter::new(scratch.directory("upper"), view.clone()).unwrap();
        ops.into_iter().for_each(|op| op.apply(&mut writer));
        writer.flush().unwrap();
        let mut seen = Vec::new();
        for shown in view.subtree(&TreePath::root()) {
            seen.push((shown.entry.path.clone(), writer.entry(&shown.entry.path).cloned()));
        }
        for own in writer.entries.keys() {
            seen.push((own.clone(), writer.entry(own).cloned()));
        }
        let view = view.with(writer.finish().unwrap().into());
        for (path, entry) in seen {
            let shown = view.entry(&path).map(|shown| shown.entry);
            let kind = |entry: Option<&Entry>| entry.map(|entry| match &entry.kind {
                Kind::HardLink { .. } => Kind::File { size: 0, content: ContentHash::of(b"") },
                Kind::File { .. } => Kind::File { size: 0, content: ContentHash::of(b"") },
                other => other.clone(),
            });
            prop_assert_eq!(kind(shown), kind(entry.as_ref()), "{}", path);
        }
    }
}

#[test]
fn a_file_over_a_lower_directory_and_back_is_opaque() {
    let scratch = Scratch::new();
    let lower = scratch.layer("lower", &View::default(), |writer| {
        writer.directory(&path("a"), &plain()).unwrap();
        writer.file(&path("a/old"), &plain(), &mut io::empty()).unwrap();
    });
    let view = View::new(vec![lower.into()]);
    let upper = scratch.layer("upper", &view, |writer| {
        writer.file(&path("a"), &plain(), &mut io::empty()).unwrap();
        assert!(writer.entry(&path("a/old")).is_none());
        writer.directory(&path("a"), &plain()).unwrap();
        assert!(writer.entry(&path("a/old")).is_none());
    });
    assert_eq!(upper.entry(&path("a")).unwrap().kind, Kind::Directory { opaque: true });
}

#[test]
fn copied_up_directories_keep_their_metadata() {
    let scratch = Scratch::new();
    let lower = scratch.layer("lower", &View::default(), |writer| {
        writer.directory(&path(""), &Meta::of_root(0o700, NOW)).unwrap();
        writer.directory(&path("tmp"), &Meta::of_root(0o1777, NOW).owned_by(3, 4)).unwrap();
    });
    let view = View::new(vec![lower.into()]);
    let upper = scratch.layer("upper", &view, |writer| {
        writer.make_parents(&path("tmp/x/y"), &Meta::of_root(0o711, NOW)).unwrap();
        writer.file(&path("tmp/x/y"), &plain(), &mut io::empty()).unwrap();
    });
    let shown = kinds(&upper);
    assert_eq!(shown.len(), 4);
    assert_eq!(shown[0], "/ Directory { opaque: false } 700 0:0");
    assert_eq!(shown[1], "/tmp Directory { opaque: false } 1777 3:4");
    assert_eq!(shown[2], "/tmp/x Directory { opaque: false } 711 0:0");
}

#[test]
fn changed_content_is_noticed() {
    let scratch = Scratch::new();
    let host = scratch.file("host", b"new");
    let mut writer = LayerWriter::new(scratch.directory("l"), View::default()).unwrap();
    let open: Open = Box::new(move || File::open(host));
    let expected = Some(ContentHash::of(b"old"));
    writer.file_later(&path("f"), &plain(), 3, open, expected).unwrap();
    assert!(matches!(writer.finish(), Err(WriteError::Changed { path }) if path == "f".into()));
}

#[test]
fn a_file_of_another_layer_is_linked_and_never_changed() {
    let scratch = Scratch::new();
    let first = scratch.layer("first", &View::default(), |writer| {
        writer.file(&path("f"), &plain(), &mut &b"same"[..]).unwrap();
    });
    let entry = first.entry(&path("f")).unwrap();
    let layer = Arc::new(open_path(&scratch.path().join("first")));
    let never = || -> Open { Box::new(|| Err(io::ErrorKind::Unsupported.into())) };
    let second = scratch.layer("second", &View::default(), |writer| {
        writer.link_later(&path("g"), &layer, entry, never()).unwrap();
        writer.link_later(&path("h"), &layer, entry, never()).unwrap();
        let other = Meta::of_root(0o600, NOW).owned_by(7, 7);
        writer.hard_link(&path("h2"), &path("h"), Some(&other)).unwrap();
        writer.link_later(&path("i"), &layer, entry, never()).unwrap();
        writer.hard_link(&path("i2"), &path("i"), None).unwrap();
        writer.remove(&path("i")).unwrap();
        writer.hard_link(&path("i3"), &path("i2"), Some(&other)).unwrap();
    });
    let inode = |name: &str| {
        let file = scratch.path().join(name);
        std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(file).unwrap())
    };
    assert_eq!(inode("first/f"), inode("second/g"));
    assert_ne!(inode("first/f"), inode("second/h"));
    assert_eq!(inode("second/h"), inode("second/h2"));
    assert_same(&second, &scanned(open_path(&scratch.path().join("second"))));
    assert_same(&first, &scanned(open_path(&scratch.path().join("first"))));
}

#[test]
fn hard_links_survive_the_loss_of_their_first_name() {
    let scratch = Scratch::new();
    let manifest = scratch.layer("l", &View::default(), |writer| {
        writer.file(&path("m"), &plain(), &mut &b"x"[..]).unwrap();
        writer.hard_link(&path("z"), &path("m"), None).unwrap();
        writer.hard_link(&path("a"), &path("z"), None).unwrap();
        writer.remove(&path("m")).unwrap();
    });
    assert!(matches!(manifest.entry(&path("a")).unwrap().kind, Kind::File { size: 1, .. }));
    assert_eq!(manifest.entry(&path("z")).unwrap().kind, Kind::HardLink { target: path("a") });
}

#[test]
fn modes_do_not_depend_on_umask_or_directory() {
    let scratch = Scratch::new();
    scratch.shell("mkdir l; chgrp 1234 l; chmod 2777 l");
    let manifest = scratch.layer("l", &View::default(), |writer| {
        writer.directory(&path("d"), &Meta::of_root(0o2777, NOW).owned_by(0, 55)).unwrap();
        writer.file(&path("d/f"), &Meta::of_root(0o6777, NOW), &mut io::empty()).unwrap();
        writer.fifo(&path("d/p"), &Meta::of_root(0o777, NOW)).unwrap();
    });
    let shown = scratch.shell("cd l; stat -c '%n %a %u:%g' . d d/f d/p");
    assert_eq!(shown, ". 755 0:0\nd 2777 0:55\nd/f 6777 0:0\nd/p 777 0:0\n");
    assert_same(&manifest, &scanned(open_path(&scratch.path().join("l"))));
}

#[test]
fn paths_beyond_the_kernels_limit() {
    let scratch = Scratch::new();
    let name = vec![b'd'; 255];
    let mut deep = TreePath::root();
    for _ in 0..40 {
        deep = deep.join(&name);
    }
    assert!(deep.as_bytes().len() > 10_000);
    let manifest = scratch.layer("l", &View::default(), |writer| {
        writer.make_parents(&deep, &Meta::of_root(0o755, NOW)).unwrap();
        writer.bytes_later(&deep, &plain(), b"deep".to_vec()).unwrap();
    });
    let layer = open_path(&scratch.path().join("l"));
    assert_same(&manifest, &scanned(&layer));
    assert_eq!(crate::read::read_file(layer.as_fd(), &deep, 10).unwrap(), b"deep");
    let parent = open_path(scratch.path());
    crate::remove::remove_tree(parent.as_fd(), b"l").unwrap();
    assert!(!scratch.path().join("l").exists());
}

#[test]
fn the_highest_id_is_refused_not_ignored() {
    let scratch = Scratch::new();
    let mut writer = LayerWriter::new(scratch.directory("l"), View::default()).unwrap();
    let nobody = plain().owned_by(u32::MAX, 0);
    assert!(writer.file(&path("f"), &nobody, &mut io::empty()).is_err());
}

/// A POSIX access list: u::rw u:1000:rw g::r m::rw o::r, as acl(5) lays it out in Linux.
#[test]
fn access_lists_and_mode_agree() {
    let scratch = Scratch::new();
    let entries =
        [(1, 6, u32::MAX), (2, 6, 1000), (4, 4, u32::MAX), (16, 6, u32::MAX), (32, 4, u32::MAX)];
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend_from_slice(&u16::to_le_bytes(tag));
        value.extend_from_slice(&u16::to_le_bytes(permissions));
        value.extend_from_slice(&u32::to_le_bytes(id));
    }
    let xattrs = vec![crate::Xattr { name: b"system.posix_acl_access".into(), value }];
    let meta = Meta { xattrs, ..Meta::of_root(0o664, NOW).owned_by(5, 6) };
    let manifest = scratch.layer("l", &View::default(), |writer| {
        writer.file(&path("f"), &meta, &mut io::empty()).unwrap();
        writer.directory(&path("d"), &meta).unwrap();
    });
    assert_same(&manifest, &scanned(open_path(&scratch.path().join("l"))));
    assert_eq!(scratch.shell("stat -c %a l/f"), "664\n");
}

/// The digest of what is announced is that of the finished layer: of linked, copied, hidden and opaque
/// entries alike, and with no link made yet.
#[test]
fn an_announced_layer_has_the_digest_of_the_finished_one() {
    let scratch = Scratch::new();
    let below = scratch.layer("below", &View::default(), |writer| {
        writer.directory(&path("d"), &plain()).unwrap();
        writer.file(&path("d/lost"), &plain(), &mut &b"lost"[..]).unwrap();
    });
    let first = scratch.layer("first", &View::default(), |writer| {
        writer.directory(&path("d"), &plain()).unwrap();
        writer.file(&path("d/large"), &plain(), &mut &vec![7; 3 << 20][..]).unwrap();
        writer.file(&path("d/small"), &plain(), &mut &b"same"[..]).unwrap();
    });
    let layer = Arc::new(open_path(&scratch.path().join("first")));
    let mut writer =
        LayerWriter::new(scratch.directory("second"), View::new(vec![below.into()])).unwrap();
    writer.directory(&path("d"), &Meta::of_root(0o700, NOW)).unwrap();
    writer.whiteout(&path("d/lost")).unwrap();
    for name in ["d/large", "d/small"] {
        let never: Open = Box::new(|| Err(io::ErrorKind::Unsupported.into()));
        writer.link_later(&path(name), &layer, first.entry(&path(name)).unwrap(), never).unwrap();
    }
    writer.bytes_later(&path("d/new"), &plain(), b"new".to_vec()).unwrap();
    let mut early = None;
    let manifest = writer.finish_announced(|announced| {
        assert!(!scratch.path().join("second/d/large").exists());
        early = Some(announced.digest(None, &|| false).unwrap());
    });
    let manifest = manifest.unwrap();
    let second = open_path(&scratch.path().join("second"));
    let mut tar = Vec::new();
    crate::tar::write(second.as_fd(), &manifest, &mut tar).unwrap();
    let early = early.map(|early| (early.diff_id, early.size));
    assert_eq!(early, Some((lapstrake_oci::Digest::of(&tar), tar.len() as u64)));
    assert_same(&manifest, &scanned(second));
    assert_same(&first, &scanned(open_path(&scratch.path().join("first"))));
}
