//! The digest of a layer's canonical tar. Small files take longer to open than to hash, so several
//! threads read and one hashes.

use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::available_parallelism;

use lapstrake_oci::{Digest, DigestHasher};

use super::BLOCK;
use super::checkpoint::Checkpoints;
use super::write::{CHUNK, Output, Pack, PackError};
use crate::{Entry, Kind, LayerManifest, TreePath};

/// Pieces that a thread reads ahead of the hashing one.
const AHEAD: usize = 4;

/// More threads would wait for the hashing one.
const READERS: usize = 4;

/// What hashing a layer's canonical tar gives.
#[derive(Debug)]
pub struct Digested {
    /// The digest: the layer's diff id.
    pub diff_id: Digest,
    /// The tar's length in bytes.
    pub size: u64,
    /// From where the digest of a layer that begins with the same entries can go on.
    pub checkpoints: Checkpoints,
}

/// Whether to stop; asked at least once for each mebibyte.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// A layer whose tar was hashed before.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// What it holds.
    pub manifest: &'a LayerManifest,
    /// Where the hashing stood.
    pub checkpoints: &'a Checkpoints,
}

/// The layer's diff id, which is the digest of its canonical tar, and that tar's length in bytes.
///
/// # Errors
/// As [`write()`](super::write()).
pub fn diff_id(dir: BorrowedFd<'_>, manifest: &LayerManifest) -> Result<(Digest, u64), PackError> {
    let Digested { diff_id, size, .. } = digest(manifest, None, |_| dir, &|| false)?;
    Ok((diff_id, size))
}

/// [`diff_id`] of a layer whose files lie, each under its own path, in the directories that `place`
/// tells. What an earlier layer begins with as well is not hashed again.
///
/// # Errors
/// As [`write()`](super::write()); [`PackError::Stopped`] when `stop` says so.
pub fn digest<'d>(
    manifest: &LayerManifest,
    earlier: Option<Earlier<'_>>,
    place: impl Fn(&TreePath) -> BorrowedFd<'d> + Sync,
    stop: Stop<'_>,
) -> Result<Digested, PackError> {
    let mut out = earlier.map_or_else(Hashing::default, |one| Hashing::after(&one, manifest));
    let runs = runs(manifest.entries().get(out.entries..).unwrap_or_default());
    match runs.as_slice() {
        [] => {}
        [only] => {
            let mut pack = Pack::to(Output::Writer(Stoppable { out: &mut out, stop }));
            append(&mut pack, only, &place).map_err(|error| stopped(error, stop))?;
        }
        many => read_and_hash(many, &place, (&mut out, stop))?,
    }
    out.add(&[0; 2 * BLOCK]);
    Ok(Digested { diff_id: out.hasher.finish(), size: out.size, checkpoints: out.checkpoints })
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
    (out, stop): (&mut Hashing, Stop<'_>),
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
            let is_whole = lanes.get(reader)?.hash_run(out, stop);
            out.pass(runs.get(run).map_or(0, |entries| entries.len()));
            (!is_whole).then_some(reader)
        });
        // Whoever still reads has nobody to read for.
        drop(lanes);
        let results = threads.into_iter().map(|thread| thread.join());
        let results =
            results.map(|one| one.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let results: Vec<Result<(), PackError>> = results.collect();
        match failed {
            Some(_) if stop() => Err(PackError::Stopped),
            Some(reader) => results.into_iter().nth(reader).unwrap_or(Ok(())),
            None => Ok(()),
        }
    })
}

impl Lane {
    /// Whether a run came to its end.
    fn hash_run(&self, out: &mut Hashing, stop: Stop<'_>) -> bool {
        loop {
            match self.full.recv() {
                Ok(Some(_)) if stop() => return false,
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

/// What ended the hashing: whoever stops it has no other reason.
fn stopped(error: PackError, stop: Stop<'_>) -> PackError {
    if stop() { PackError::Stopped } else { error }
}

/// Hashes and counts.
#[derive(Default)]
struct Hashing {
    hasher: DigestHasher,
    size: u64,
    /// Entries that are hashed.
    entries: usize,
    checkpoints: Checkpoints,
}

impl Hashing {
    /// Where the hashing of an earlier layer stood when it had seen no other entries than `manifest`
    /// begins with.
    fn after(earlier: &Earlier<'_>, manifest: &LayerManifest) -> Self {
        let pairs = earlier.manifest.entries().iter().zip(manifest.entries());
        let same = pairs.take_while(|(one, other)| one == other).count();
        let checkpoints = earlier.checkpoints.within(same);
        let last = checkpoints.last().and_then(|last| Some((last, last.hasher()?)));
        match last.map(|(last, hasher)| (hasher, last.size, last.entries)) {
            Some((hasher, size, entries)) => Self { hasher, size, entries, checkpoints },
            None => Self::default(),
        }
    }

    /// Notes that so many entries more are hashed.
    fn pass(&mut self, entries: usize) {
        self.entries += entries;
        self.checkpoints.note(self.entries, self.size, &self.hasher);
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
    }
}

/// Hashes until it is told to stop.
struct Stoppable<'a> {
    out: &'a mut Hashing,
    stop: Stop<'a>,
}

impl std::io::Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if (self.stop)() {
            return Err(std::io::Error::other("stopped"));
        }
        self.out.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
