//! The tars we write, read by others.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::super::{Checkpoints, Earlier, PackError, diff_id, digest, write};
use super::*;
use crate::testing::{self, assert_same, open_path};
use crate::{Entry, Kind, LayerWriter, Meta, Timestamp, TreePath, Xattr};

fn packed(scratch: &Scratch, layer: &str, manifest: &LayerManifest, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let layer = open_path(&scratch.path().join(layer));
    write(layer.as_fd(), manifest, &mut bytes).unwrap();
    scratch.file(name, &bytes);
    bytes
}

/// What a tar can keep of a manifest: times in whole seconds, the root only when it is unusual.
fn kept(manifest: &LayerManifest) -> LayerManifest {
    let mut entries = manifest.entries().to_vec();
    for entry in &mut entries {
        entry.mtime.nanoseconds = 0;
        let usual = (entry.mode, entry.uid, entry.gid) == (0o755, 0, 0);
        if entry.path.is_root() && usual && entry.xattrs.is_empty() {
            entry.mtime = Timestamp::default();
        }
    }
    LayerManifest::new(entries)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A packed layer unpacks as the same layer, and packs as the same bytes again.
    #[test]
    fn pack_and_apply(ops in prop::collection::vec(testing::op(), 0..40)) {
        let scratch = Scratch::new();
        let manifest = scratch.layer("l", &View::default(), |writer| {
            ops.into_iter().for_each(|op| op.apply(writer));
        });
        let first = packed(&scratch, "l", &manifest, "a.tar");
        let again = applied(&scratch, "a.tar", "out").unwrap();
        assert_same(&again, &kept(&manifest));
        prop_assert_eq!(again.content_hash(), manifest.content_hash());
        prop_assert!(packed(&scratch, "out", &again, "b.tar") == first);
    }
}

fn sample(writer: &mut LayerWriter) {
    let time = |seconds| Timestamp { seconds, nanoseconds: 999 };
    let meta = |mode, uid, seconds| Meta::of_root(mode, time(seconds)).owned_by(uid, uid);
    let long = "l".repeat(101);
    let path = |text: &str| TreePath::from(text);
    writer.directory(&path("d"), &meta(0o1777, 5, 1_000_000_000)).unwrap();
    writer.file(&path("d/f"), &meta(0o4755, 2_097_152, 1 << 33), &mut &b"content"[..]).unwrap();
    writer.hard_link(&path("d/hard"), &path("d/f"), None).unwrap();
    writer.symlink(&path("d/link"), &meta(0, u32::MAX - 1, -5), b"/some/where").unwrap();
    writer.symlink(&path("d/long"), &meta(0, 0, 0), long.as_bytes()).unwrap();
    writer.file(&path(&long), &meta(0o600, 0, 1), &mut std::io::empty()).unwrap();
    writer.file(&path("é"), &meta(0o600, 0, 1), &mut std::io::empty()).unwrap();
    writer.char_device(&path("null"), &meta(0o666, 0, 1), 1, 3).unwrap();
    writer.block_device(&path("disk"), &meta(0o660, 6, 1), 8, 17).unwrap();
    writer.fifo(&path("pipe"), &meta(0o644, 0, 1)).unwrap();
    let split = path(&format!("{}/{}", "p".repeat(120), "n".repeat(98)));
    writer.make_parents(&split, &meta(0o755, 0, 1)).unwrap();
    writer.file(&split, &meta(0o644, 0, 1), &mut &[0_u8; 1025][..]).unwrap();
    let mut attributed = meta(0o755, 0, 1);
    attributed.xattrs = vec![Xattr { name: b"user.a".into(), value: b"\x00\xff\n=".into() }];
    writer.file(&path("x"), &attributed, &mut std::io::empty()).unwrap();
}

#[test]
fn python_reads_what_is_written() {
    let scratch = Scratch::new();
    let manifest = scratch.layer("l", &View::default(), sample);
    packed(&scratch, "l", &manifest, "a.tar");
    let listed = scratch.python(
        "import tarfile, hashlib
for m in tarfile.open('a.tar'):
    data = tarfile.open('a.tar').extractfile(m).read() if m.isreg() else b''
    print(m.name, m.type.decode(), oct(m.mode), m.uid, m.gid, m.size, int(m.mtime), m.linkname[:12], m.devmajor, m.devminor, m.uname, m.gname, len(data), sorted(m.pax_headers), sep='|')",
    );
    let long = "l".repeat(101);
    let (prefix, name) = ("p".repeat(120), "n".repeat(98));
    let expected = [
        "d|5|0o1777|5|5|0|1000000000||0|0|||0|[]".to_owned(),
        "d/f|0|0o4755|2097152|2097152|7|8589934592||0|0|||7|['gid', 'mtime', 'uid']".to_owned(),
        "d/hard|1|0o4755|2097152|2097152|0|8589934592|d/f|0|0|||0|['gid', 'mtime', 'uid']"
            .to_owned(),
        "d/link|2|0o777|4294967294|4294967294|0|-5|/some/where|0|0|||0|['gid', 'mtime', 'uid']"
            .to_owned(),
        "d/long|2|0o777|0|0|0|0|llllllllllll|0|0|||0|['linkpath']".to_owned(),
        "disk|4|0o660|6|6|0|1||8|17|||0|[]".to_owned(),
        format!("{long}|0|0o600|0|0|0|1||0|0|||0|['path']"),
        "null|3|0o666|0|0|0|1||1|3|||0|[]".to_owned(),
        "pipe|6|0o644|0|0|0|1||0|0|||0|[]".to_owned(),
        format!("{prefix}|5|0o755|0|0|0|1||0|0|||0|['path']"),
        format!("{prefix}/{name}|0|0o644|0|0|1025|1||0|0|||1025|[]"),
        "x|0|0o755|0|0|0|1||0|0|||0|['SCHILY.xattr.user.a']".to_owned(),
        "é|0|0o600|0|0|0|1||0|0|||0|['path']".to_owned(),
    ];
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn gnu_tar_unpacks_what_is_written() {
    let scratch = Scratch::new();
    let manifest = scratch.layer("l", &View::default(), sample);
    packed(&scratch, "l", &manifest, "a.tar");
    let warnings = scratch.shell("mkdir ref; tar -xpf a.tar --same-owner --numeric-owner --xattrs --xattrs-include='*' -C ref 2>&1");
    let found = testing::scanned(open_path(&scratch.path().join("ref")));
    let files = |manifest: &LayerManifest| -> Vec<Entry> {
        manifest.entries().iter().skip(1).cloned().collect()
    };
    assert_eq!(files(&found), files(&kept(&manifest)), "{warnings}");
    let first = scratch.shell("tar -tvf a.tar --numeric-owner | sed -n 1,3p");
    assert_eq!(
        first,
        "drwxrwxrwt 5/5               0 2001-09-09 01:46 d/\n\
        -rwsr-xr-x 2097152/2097152   7 2242-03-16 12:56 d/f\n\
        hrwsr-xr-x 2097152/2097152   0 2242-03-16 12:56 d/hard link to d/f\n"
    );
}

#[test]
fn diff_ids_are_sha256sums() {
    let scratch = Scratch::new();
    let manifest = scratch.layer("l", &View::default(), |writer| {
        sample(writer);
        let meta = Meta::of_root(0o644, Timestamp::default());
        for at in 0..300_u32 {
            let path = TreePath::from(format!("many/{at}").as_str());
            writer.make_parents(&path, &meta).unwrap();
            writer.bytes_later(&path, &meta, vec![at.to_le_bytes()[0]; 10_000]).unwrap();
        }
        for (name, size) in [("many/17x", 5_000_001), ("many/9x", 1 << 20)] {
            writer.bytes_later(&TreePath::from(name), &meta, vec![7; size]).unwrap();
        }
    });
    let bytes = packed(&scratch, "l", &manifest, "a.tar");
    let sum = scratch.shell("sha256sum < a.tar | cut -d' ' -f1");
    let layer = open_path(&scratch.path().join("l"));
    let (digest, size) = diff_id(layer.as_fd(), &manifest).unwrap();
    assert_eq!((digest.hex(), size), (sum.trim().to_owned(), bytes.len() as u64));
}

/// Of several faults that of the file which comes first in the archive.
#[test]
fn a_file_of_another_size_is_no_layers() {
    let scratch = Scratch::new();
    let meta = Meta::of_root(0o644, Timestamp::default());
    let names: Vec<String> = (100..200).map(|number| format!("f{number}")).collect();
    let manifest = scratch.layer("l", &View::default(), |writer| {
        for name in &names {
            let path = TreePath::from(name.as_str());
            writer.bytes_later(&path, &meta, vec![1; 100_000]).unwrap();
        }
    });
    let folder = scratch.path().join("l");
    for (cut, size) in [("f150", 99_999), ("f121", 100_001), ("f170", 0)] {
        std::fs::File::options().write(true).open(folder.join(cut)).unwrap().set_len(size).unwrap();
        let error = diff_id(open_path(&folder).as_fd(), &manifest).unwrap_err();
        let first = if cut == "f150" { "f150" } else { "f121" };
        assert!(error.to_string().contains(&format!("/{first} is not 100000 bytes")), "{error}");
    }
}

/// A layer of 300 files of 40 kB, one of which has other bytes.
fn many(scratch: &Scratch, name: &str, changed: u32) -> LayerManifest {
    let meta = Meta::of_root(0o644, Timestamp::default());
    scratch.layer(name, &View::default(), |writer| {
        for at in 0..300_u32 {
            let path = TreePath::from(format!("f{at:03}").as_str());
            let byte = if at == changed { 255 } else { at.to_le_bytes()[0] };
            writer.bytes_later(&path, &meta, vec![byte; 40_000]).unwrap();
        }
    })
}

/// The digest is that of the whole tar, and what both layers begin with is not read.
#[test]
fn a_digest_goes_on_where_an_earlier_one_differs() {
    let scratch = Scratch::new();
    let first = many(&scratch, "first", 1000);
    let folder = open_path(&scratch.path().join("first"));
    let digested = digest(&first, None, |_| folder.as_fd(), &|| false).unwrap();
    let kept = Checkpoints::decode(&digested.checkpoints.encode().unwrap()).unwrap();
    assert_eq!(kept, digested.checkpoints);
    for changed in [0, 30, 150, 299] {
        let name = format!("changed-{changed}");
        let manifest = many(&scratch, &name, changed);
        let folder = open_path(&scratch.path().join(&name));
        let whole = digest(&manifest, None, |_| folder.as_fd(), &|| false).unwrap();
        // A megabyte and a few files before what changed, nothing is needed any more.
        for unread in 0..changed.saturating_sub(35) {
            std::fs::remove_file(scratch.path().join(&name).join(format!("f{unread:03}"))).unwrap();
        }
        let earlier = Earlier { manifest: &first, checkpoints: &kept };
        let resumed = digest(&manifest, Some(earlier), |_| folder.as_fd(), &|| false).unwrap();
        assert_eq!((resumed.diff_id, resumed.size), (whole.diff_id, whole.size), "{changed}");
        assert_eq!(resumed.checkpoints, whole.checkpoints, "{changed}");
    }
}

/// Then hashing begins at the beginning.
/// Of one large file, and of many pieces that several threads read.
#[test]
fn hashing_can_be_stopped() {
    let scratch = Scratch::new();
    let meta = Meta::of_root(0o644, Timestamp::default());
    for (name, files) in [("one", 1), ("many", 8)] {
        let manifest = scratch.layer(name, &View::default(), |writer| {
            for number in 0..files {
                let (path, content) = (format!("{number}"), vec![7; (8 << 20) / files]);
                writer.file(&TreePath::from(path.as_str()), &meta, &mut &content[..]).unwrap();
            }
        });
        let folder = open_path(&scratch.path().join(name));
        let asked = AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 3;
        let digested = digest(&manifest, None, |_| folder.as_fd(), &stop);
        assert!(matches!(digested, Err(PackError::Stopped)), "{name}: {digested:?}");
        let asked = asked.into_inner();
        assert!(asked < 8, "{name}: it went on, and asked {asked} times");
        let digested = digest(&manifest, None, |_| folder.as_fd(), &|| false).unwrap();
        let whole = diff_id(folder.as_fd(), &manifest).unwrap();
        assert_eq!((digested.diff_id, digested.size), whole, "{name}");
    }
}

#[test]
fn damaged_checkpoints_are_none() {
    let scratch = Scratch::new();
    let manifest = many(&scratch, "l", 0);
    let folder = open_path(&scratch.path().join("l"));
    let digested = digest(&manifest, None, |_| folder.as_fd(), &|| false).unwrap();
    let bytes = digested.checkpoints.encode().unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(Checkpoints::decode(&damaged), None, "{at}");
        assert_eq!(Checkpoints::decode(&bytes[..at]), None, "{at}");
    }
}

/// The bytes must never change: digests that users pinned depend on them, and checkpoints that stores have.
#[test]
fn the_bytes_are_golden() {
    let scratch = Scratch::new();
    let manifest = scratch.layer("l", &View::default(), sample);
    let layer = open_path(&scratch.path().join("l"));
    let (digest, size) = diff_id(layer.as_fd(), &manifest).unwrap();
    let golden = "sha256:0d022074530425a37331eb83814eda984664e2f3b714fc76dece9bacd41d58bf";
    assert_eq!((digest.to_string().as_str(), size), (golden, 17_920));
}

#[test]
fn a_file_that_would_read_as_a_whiteout_is_an_error() {
    let scratch = Scratch::new();
    let meta = Meta::of_root(0o644, Timestamp::default());
    let manifest = scratch.layer("l", &View::default(), |writer| {
        writer.file(&TreePath::from(".wh.passwd"), &meta, &mut std::io::empty()).unwrap();
    });
    let layer = open_path(&scratch.path().join("l"));
    let error = write(layer.as_fd(), &manifest, std::io::sink()).unwrap_err();
    assert!(error.to_string().starts_with("/.wh.passwd cannot be kept"), "{error}");
}

#[test]
fn damage_is_noticed_while_packing() {
    let scratch = Scratch::new();
    let meta = Meta::of_root(0o644, Timestamp::default());
    let path = TreePath::from("f");
    let manifest = scratch.layer("l", &View::default(), |writer| {
        writer.file(&path, &meta, &mut &b"12345"[..]).unwrap();
    });
    let layer = open_path(&scratch.path().join("l"));
    for content in ["1234", "123456", ""] {
        std::fs::write(scratch.path().join("l/f"), content).unwrap();
        let result = write(layer.as_fd(), &manifest, std::io::sink());
        assert!(matches!(result, Err(PackError::Size { expected: 5, .. })), "{content}");
    }
    scratch.shell("rm l/f; ln -s /etc/passwd l/f");
    assert!(write(layer.as_fd(), &manifest, std::io::sink()).is_err());
}

/// umoci stacks two of our layers, whiteouts and all, into the tree that the view shows.
#[test]
fn umoci_unpacks_a_stack() {
    let scratch = Scratch::new();
    let meta = Meta::of_root(0o755, Timestamp { seconds: 1_500_000_000, nanoseconds: 0 });
    let path = |text: &str| TreePath::from(text);
    let lower = scratch.layer("0", &View::default(), |writer| {
        sample(writer);
        for text in ["gone/a", "opaque/a", "opaque/b/c", "kept/a", "swap/a"] {
            writer.make_parents(&path(text), &meta).unwrap();
            writer.file(&path(text), &meta, &mut text.as_bytes()).unwrap();
        }
    });
    let view = View::new(vec![Arc::new(lower.clone())]);
    let upper = scratch.layer("1", &view, |writer| {
        writer.whiteout(&path("gone")).unwrap();
        writer.whiteout(&path("kept/a")).unwrap();
        writer.opaque(&path("opaque")).unwrap();
        writer.file(&path("opaque/new"), &meta, &mut &b"new"[..]).unwrap();
        writer.file(&path("swap"), &meta, &mut &b"file"[..]).unwrap();
    });
    packed(&scratch, "0", &lower, "0.tar");
    packed(&scratch, "1", &upper, "1.tar");
    scratch.shell(
        "umoci init --layout oci; umoci new --image oci:x
        umoci raw add-layer --image oci:x 0.tar; umoci raw add-layer --image oci:x 1.tar
        umoci raw unpack --image oci:x tree >/dev/null
        skopeo inspect oci:oci:x > /dev/null",
    );
    let found = testing::scanned(open_path(&scratch.path().join("tree")));
    let view = view.with(Arc::new(upper));
    let plain = |entry: &Entry| {
        let kind = match &entry.kind {
            Kind::Directory { .. } => Kind::Directory { opaque: false },
            other => other.clone(),
        };
        let mtime = Timestamp { nanoseconds: 0, ..entry.mtime };
        Entry { kind, mtime, ..entry.clone() }
    };
    let all = view.subtree(&TreePath::root());
    let expected: Vec<Entry> = all.iter().skip(1).map(|shown| plain(shown.entry)).collect();
    let found: Vec<Entry> = found.entries().iter().skip(1).map(plain).collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}
