//! Gives a layer other times, for images that are the same whenever they are built.
//!
//! What a build made up, directories on the way to a destination and here-documents, bears a time
//! that [`Timestamp::made`] gave it; that is how it is told from what was copied with its own time.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crate::{Entry, Kind, LayerManifest, LayerWriter, Meta, Timestamp, WriteError, read};

/// What becomes of a layer's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restamp {
    /// What was made up gets this time: seconds since 1970.
    pub epoch: i64,
    /// Whether everything that is later gets it too.
    pub clamp: bool,
}

impl Restamp {
    /// Whether a layer's tar becomes another one. Tars have whole seconds.
    pub fn changes(self, manifest: &LayerManifest) -> bool {
        manifest.entries().iter().any(|entry| {
            let is_whiteout = entry.kind == Kind::Whiteout;
            !is_whiteout && self.time(entry.mtime).seconds != entry.mtime.seconds
        })
    }

    /// Writes the layer with this `manifest` and `directory` once more into `writer`, which sees
    /// no lower layers. Files that keep their time are linked, others are copied.
    ///
    /// # Errors
    /// As those of [`LayerWriter`].
    pub fn write(
        self,
        manifest: &LayerManifest,
        directory: &Arc<OwnedFd>,
        mut writer: LayerWriter,
    ) -> Result<LayerManifest, WriteError> {
        for entry in manifest.entries() {
            self.write_entry(entry, directory, &mut writer)?;
        }
        writer.finish()
    }

    fn write_entry(
        self,
        entry: &Entry,
        directory: &Arc<OwnedFd>,
        writer: &mut LayerWriter,
    ) -> Result<(), WriteError> {
        let path = &entry.path;
        let meta = Meta { mtime: self.time(entry.mtime), ..Meta::of(entry) };
        match &entry.kind {
            Kind::Directory { opaque } => {
                writer.directory(path, &meta)?;
                if *opaque { writer.opaque(path) } else { Ok(()) }
            }
            Kind::File { size, content } => {
                let (source, from) = (directory.clone(), path.clone());
                let open = Box::new(move || read::open_file(source.as_fd(), &from));
                match meta.mtime == entry.mtime {
                    true => writer.link_later(path, directory, entry, open),
                    false => writer.file_later(path, &meta, *size, open, Some(*content)),
                }
            }
            Kind::HardLink { target } => writer.hard_link(path, target, None),
            Kind::Symlink { target } => writer.symlink(path, &meta, target),
            Kind::CharDevice { major, minor } => writer.char_device(path, &meta, *major, *minor),
            Kind::BlockDevice { major, minor } => writer.block_device(path, &meta, *major, *minor),
            Kind::Fifo => writer.fifo(path, &meta),
            Kind::Whiteout => writer.whiteout(path),
        }
    }

    fn time(self, mtime: Timestamp) -> Timestamp {
        let epoch = Timestamp { seconds: self.epoch, nanoseconds: 0 };
        if mtime.is_made() || self.clamp && mtime > epoch { epoch } else { mtime }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, assert_same, scanned};
    use crate::{TreePath, View};

    const AT: fn(i64) -> Timestamp = |seconds| Timestamp { seconds, nanoseconds: 5 };

    /// A layer with one of each kind, early, late and made up.
    fn layer(scratch: &Scratch) -> LayerManifest {
        let mut writer = LayerWriter::new(scratch.directory("old"), View::default()).unwrap();
        let path = TreePath::from;
        let early = Meta { xattrs: Vec::new(), ..Meta::of_root(0o640, AT(100)) };
        let late = Meta::of_root(0o4755, AT(2_000)).owned_by(3, 4);
        let made = Meta::of_root(0o755, Timestamp::made(1_500));
        writer.directory(&path("made"), &made).unwrap();
        writer.directory(&path("late"), &late).unwrap();
        writer.opaque(&path("late")).unwrap();
        writer.file(&path("early"), &early, &mut b"early".as_slice()).unwrap();
        writer.file(&path("late/f"), &late, &mut b"late".as_slice()).unwrap();
        writer.hard_link(&path("late/g"), &path("late/f"), None).unwrap();
        writer.file(&path("made/f"), &made, &mut b"".as_slice()).unwrap();
        writer.symlink(&path("link"), &late, b"early").unwrap();
        writer.fifo(&path("pipe"), &late).unwrap();
        writer.whiteout(&path("gone")).unwrap();
        writer.finish().unwrap()
    }

    fn restamped(restamp: Restamp) -> (LayerManifest, LayerManifest, LayerManifest) {
        let scratch = Scratch::new();
        let old = layer(&scratch);
        let from = Arc::new(crate::testing::open_path(&scratch.path().join("old")));
        let writer = LayerWriter::new(scratch.directory("new"), View::default()).unwrap();
        let new = restamp.write(&old, &from, writer).unwrap();
        let found = scanned(crate::testing::open_path(&scratch.path().join("new")));
        (old, new, found)
    }

    fn times(manifest: &LayerManifest) -> Vec<(String, i64)> {
        let entries = manifest.entries().iter().skip(1);
        entries.map(|entry| (entry.path.to_string(), entry.mtime.seconds)).collect()
    }

    #[test]
    fn what_was_made_up_gets_the_time_and_nothing_stays_later() {
        let (old, new, found) = restamped(Restamp { epoch: 1_000, clamp: true });
        let expected = [
            ("/early", 100),
            ("/gone", 0),
            ("/late", 1_000),
            ("/late/f", 1_000),
            ("/late/g", 1_000),
            ("/link", 1_000),
            ("/made", 1_000),
            ("/made/f", 1_000),
            ("/pipe", 1_000),
        ];
        assert_eq!(times(&new), expected.map(|(path, time)| (path.to_owned(), time)));
        assert_same(&new, &found);
        assert_eq!(new.content_hash(), old.content_hash(), "nothing but times");
    }

    #[test]
    fn without_a_limit_only_what_was_made_up_changes() {
        let (old, new, found) = restamped(Restamp { epoch: 9_000, clamp: false });
        let changed: Vec<String> = times(&old)
            .into_iter()
            .zip(times(&new))
            .filter_map(|(old, new)| (old != new).then_some(new.0))
            .collect();
        assert_eq!(changed, ["/made", "/made/f"]);
        assert_same(&new, &found);
    }

    #[test]
    fn a_layer_whose_tar_stays_is_left_alone() {
        let scratch = Scratch::new();
        let old = layer(&scratch);
        for (epoch, clamp, changes) in
            [(1_500, false, false), (2_000, true, true), (1_500, true, true), (1_499, false, true)]
        {
            assert_eq!(Restamp { epoch, clamp }.changes(&old), changes, "{epoch} {clamp}");
        }
        let mut writer = LayerWriter::new(scratch.directory("one"), View::default()).unwrap();
        let late = Meta::of_root(0o644, AT(2_000));
        writer.file(&TreePath::from("f"), &late, &mut b"".as_slice()).unwrap();
        let late = writer.finish().unwrap();
        assert!(!Restamp { epoch: 2_000, clamp: true }.changes(&late), "the same second");
        assert!(Restamp { epoch: 1_999, clamp: true }.changes(&late));
    }
}
