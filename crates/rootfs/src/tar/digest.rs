//! The digest of a layer's canonical tar. Small files take longer to open than to hash, so several
//! threads read and one hashes.

use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::available_parallelism;

use lapstrake_oci::{Digest, DigestHasher};

use super::BLOCK;
use super::write::{CHUNK, Output, Pack, PackError};
use crate::{Entry, Kind, LayerManifest, TreePath};

/// Pieces that a thread reads ahead of the hashing one.
const AHEAD: usize = 4;

/// More threads would wait for the hashing one.
const READERS: usize = 4;

/// The layer's diff id, which is the digest of its canonical tar, and that tar's length in bytes.
///
/// # Errors
/// As [`write()`](super::write()).
pub fn diff_id(dir: BorrowedFd<'_>, manifest: &LayerManifest) -> Result<(Digest, u64), PackError> {
    diff_id_of(manifest, |_| dir)
}

/// [`diff_id`] of a layer whose files lie, each under its own path, in the directories that `place`
/// tells.
pub(crate) fn diff_id_of<'d>(
    manifest: &LayerManifest,
    place: impl Fn(&TreePath) -> BorrowedFd<'d> + Sync,
) -> Result<(Digest, u64), PackError> {
    let mut out = Hashing::default();
    let runs = runs(manifest.entries());
    match runs.as_slice() {
        [] => {}
        [only] => {
            let mut pack = Pack::to(Output::Writer(&mut out));
            append(&mut pack, only, &place)?;
        }
        many => read_and_hash(many, &place, &mut out)?,
    }
    out.add(&[0; 2 * BLOCK]);
    Ok((out.hasher.finish(), out.size))
}

/// Entries in a row, cut where they come to a piece of the tar. A large file is one of them.
fn runs(entries: &[Entry]) -> Vec<&[Entry]> {
    let (mut runs, mut rest) = (Vec::new(), entries);
    while !rest.is_empty() {
        let mut size = 0;
        let is_over = |entry: &Entry| {
            let over = size >= CHUNK as u64;
            let content = if let Kind::File { size, .. } = entry.kind { size } else { 0 };
            size = size.saturating_add(content).saturating_add(BLOCK as u64);
            over
        };
        let end = rest.iter().position(is_over).unwrap_or(rest.len());
        let (run, next) = rest.split_at(end);
        runs.push(run);
        rest = next;
    }
    runs
}

/// The way from one reading thread to the hashing one, and that of used buffers back.
struct Lane {
    /// `None` ends a run.
    full: Receiver<Option<Vec<u8>>>,
    used: Sender<Vec<u8>>,
}

/// Each thread reads every so many-th run; the runs are hashed in their order.
fn read_and_hash<'d>(
    runs: &[&[Entry]],
    place: &(impl Fn(&TreePath) -> BorrowedFd<'d> + Sync),
    out: &mut Hashing,
) -> Result<(), PackError> {
    let readers = available_parallelism().map_or(1, usize::from).min(READERS);
    std::thread::scope(|scope| {
        let (mut lanes, mut threads) = (Vec::new(), Vec::new());
        for reader in 0..readers {
            let (full, received) = sync_channel(AHEAD);
            let (used, empty) = channel();
            lanes.push(Lane { full: received, used });
            threads.push(scope.spawn(move || {
                let mut pack: Pack<Vec<u8>> = Pack::to(Output::Thread { full, empty });
                let mut own = runs.iter().skip(reader).step_by(readers);
                own.try_for_each(|run| append(&mut pack, run, place))
            }));
        }
        let failed = (0..runs.len()).find_map(|run| {
            let reader = run % readers;
            (!lanes.get(reader)?.hash_run(out)).then_some(reader)
        });
        // Whoever still reads has nobody to read for.
        drop(lanes);
        let results = threads.into_iter().map(|thread| thread.join());
        let results =
            results.map(|one| one.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let results: Vec<Result<(), PackError>> = results.collect();
        match failed {
            Some(reader) => results.into_iter().nth(reader).unwrap_or(Ok(())),
            None => Ok(()),
        }
    })
}

impl Lane {
    /// Whether a run came to its end.
    fn hash_run(&self, out: &mut Hashing) -> bool {
        loop {
            match self.full.recv() {
                Ok(Some(piece)) => {
                    out.add(&piece);
                    // Once all has been read nobody takes it back.
                    let _ = self.used.send(piece);
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

fn append<'d, W: std::io::Write>(
    pack: &mut Pack<W>,
    run: &[Entry],
    place: &impl Fn(&TreePath) -> BorrowedFd<'d>,
) -> Result<(), PackError> {
    for entry in run {
        pack.entry(entry, place(&entry.path), &entry.path)?;
    }
    pack.end_run()
}

/// Hashes and counts what is written to it.
#[derive(Default)]
struct Hashing {
    hasher: DigestHasher,
    size: u64,
}

impl Hashing {
    fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
    }
}

impl std::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
