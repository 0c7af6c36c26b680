//! Files that are linked from other layers, beside the planning of what follows them and the digest.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, available_parallelism};

use rustix::fs::{AtFlags, linkat};
use rustix::io::Errno;

use super::queue::{Later, Source};
use super::{Open, WriteError};
use crate::{ContentHash, TreePath, beneath};

/// More threads would wait for each other: links are entered into one journal.
const THREADS: usize = 2;

/// Files of one directory that are handed over in a row.
const BATCH: usize = 128;

/// A name in the new layer for a file of another one.
pub(super) struct Link {
    pub(super) path: TreePath,
    /// The other layer's directory.
    pub(super) layer: Arc<OwnedFd>,
    /// Where the file is in it.
    pub(super) from: TreePath,
    /// Opens the same bytes, where the file system cannot link.
    pub(super) copy: Open,
    pub(super) content: ContentHash,
}

/// Links that wait, and the threads that work on earlier ones; started when there are many.
#[derive(Default)]
pub(super) struct Linker {
    /// All in one directory.
    waiting: Vec<Link>,
    workers: Option<Workers>,
}

struct Workers {
    batches: Sender<Vec<Link>>,
    threads: Vec<JoinHandle<Result<Unlinked, WriteError>>>,
    is_given_up: Arc<AtomicBool>,
}

/// What has to be copied instead.
pub(super) type Unlinked = Vec<(TreePath, Later)>;

impl Linker {
    /// Whether every link is made.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.workers.is_none()
    }

    /// Notes a link below `dir`, where its parent has to be.
    pub(super) fn add(&mut self, link: Link, dir: BorrowedFd<'_>) -> Result<(), WriteError> {
        let last = self.waiting.last();
        let is_other = last.is_some_and(|last| !last.path.is_beside(&link.path));
        if is_other || self.waiting.len() >= BATCH {
            let batch = std::mem::take(&mut self.waiting);
            self.workers(dir)?.hand_over(batch);
        }
        self.waiting.push(link);
        Ok(())
    }

    fn workers(&mut self, dir: BorrowedFd<'_>) -> Result<&mut Workers, WriteError> {
        let workers = match self.workers.take() {
            Some(workers) => workers,
            None => Workers::start(dir)?,
        };
        Ok(self.workers.insert(workers))
    }

    /// Waits for all links.
    pub(super) fn settle(&mut self, dir: BorrowedFd<'_>) -> Result<Unlinked, WriteError> {
        let waiting = std::mem::take(&mut self.waiting);
        match self.workers.take() {
            Some(workers) => {
                workers.hand_over(waiting);
                workers.end()
            }
            None => {
                let mut unlinked = Vec::new();
                LinkOrigin::default().link_all(dir, waiting, &mut unlinked).map(|()| unlinked)
            }
        }
    }
}

/// Nothing is linked any more afterwards: the directory may be removed.
impl Drop for Linker {
    fn drop(&mut self) {
        if let Some(workers) = self.workers.take() {
            workers.is_given_up.store(true, Ordering::Relaxed);
            drop(workers.batches);
            // The layer is given up, whatever became of it.
            workers.threads.into_iter().for_each(|thread| drop(thread.join()));
        }
    }
}

impl std::fmt::Debug for Linker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Linker({} wait)", self.waiting.len())
    }
}

impl Workers {
    fn start(dir: BorrowedFd<'_>) -> Result<Self, WriteError> {
        let (batches, received) = channel();
        let received = Arc::new(Mutex::new(received));
        let is_given_up = Arc::new(AtomicBool::new(false));
        let mut workers = Self { batches, threads: Vec::new(), is_given_up };
        for _ in 0..available_parallelism().map_or(1, usize::from).min(THREADS) {
            let thread = workers.start_one(dir, received.clone());
            let thread = thread.map_err(WriteError::io("begin the links of", &TreePath::root()))?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    fn start_one(
        &self,
        dir: BorrowedFd<'_>,
        batches: Arc<Mutex<Receiver<Vec<Link>>>>,
    ) -> io::Result<JoinHandle<Result<Unlinked, WriteError>>> {
        let dir = dir.try_clone_to_owned()?;
        let is_given_up = self.is_given_up.clone();
        std::thread::Builder::new().spawn(move || {
            let (mut origin, mut unlinked) = (LinkOrigin::default(), Vec::new());
            let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
            while let Some(batch) = next().filter(|_| !is_given_up.load(Ordering::Relaxed)) {
                if let Err(error) = origin.link_all(dir.as_fd(), batch, &mut unlinked) {
                    is_given_up.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
            Ok(unlinked)
        })
    }

    fn hand_over(&self, batch: Vec<Link>) {
        // Threads that failed take no more; they say why in the end.
        let _ = self.batches.send(batch);
    }

    /// What all of them could not link; the first failure.
    fn end(self) -> Result<Unlinked, WriteError> {
        drop(self.batches);
        let ended = self.threads.into_iter().map(JoinHandle::join);
        let ended = ended.map(|one| one.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        // All of them end before anything is said.
        let ended: Vec<Result<Unlinked, WriteError>> = ended.collect();
        let unlinked: Vec<Unlinked> = ended.into_iter().collect::<Result<_, _>>()?;
        Ok(unlinked.into_iter().flatten().collect())
    }
}

/// The directory of another layer that was linked from last: a batch mostly stays in one.
#[derive(Default)]
struct LinkOrigin(Option<(Arc<OwnedFd>, TreePath, OwnedFd)>);

impl LinkOrigin {
    /// Makes the links of one directory; adds those to `unlinked` that the file system cannot make.
    fn link_all(
        &mut self,
        dir: BorrowedFd<'_>,
        batch: Vec<Link>,
        unlinked: &mut Unlinked,
    ) -> Result<(), WriteError> {
        let Some(first) = batch.first() else { return Ok(()) };
        let parent = first.path.parent().unwrap_or_default();
        let parent =
            beneath::open_directory(dir, &parent).map_err(WriteError::io("open", &parent))?;
        for link in batch {
            if !self.link(&link, parent.as_fd())? {
                let expected = Some(link.content);
                unlinked.push((link.path, Later { source: Source::Open(link.copy), expected }));
            }
        }
        Ok(())
    }

    /// `false`, with nothing done, when the file system cannot.
    fn link(&mut self, link: &Link, parent: BorrowedFd<'_>) -> Result<bool, WriteError> {
        let directory = self.directory(&link.layer, &link.from);
        let directory = directory.map_err(WriteError::io("open the origin of", &link.path))?;
        let (from, to) = (link.from.name(), link.path.name());
        match linkat(directory, from, parent, to, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::XDEV | Errno::MLINK | Errno::PERM) => Ok(false),
            Err(error) => Err(WriteError::io("link", &link.path)(error)),
        }
    }

    fn directory(&mut self, layer: &Arc<OwnedFd>, from: &TreePath) -> io::Result<BorrowedFd<'_>> {
        let is_known = |(known, above, _): &(Arc<OwnedFd>, TreePath, OwnedFd)| {
            Arc::ptr_eq(known, layer) && from.is_directly_below(above)
        };
        let known = match self.0.take().filter(is_known) {
            Some(known) => known,
            None => {
                let above = from.parent().unwrap_or_default();
                let directory = beneath::open_directory(layer.as_fd(), &above)?;
                (layer.clone(), above, directory)
            }
        };
        Ok(self.0.insert(known).2.as_fd())
    }
}
