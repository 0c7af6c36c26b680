//! The store as a whole: opening and flushing it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use lapstrake_rootfs::LayerId;
use rusqlite::Connection;

use crate::database::Fresh;
use crate::lease::Lease;
use crate::lock::{ActionLock, Use};
use crate::{
    ActionKey, Error, Room, Temporary, database, ids, layout, lease, lock, prune, reserve,
    temporary,
};

/// Everything on disk under one root. May be shared by threads and opened by many processes.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    boot: String,
    database: Mutex<Connection>,
    /// Whether this process wrote a blob since the last flush.
    is_dirty: AtomicBool,
    /// Whether a flush failed.
    has_lost: AtomicBool,
    lease: Mutex<Weak<Lease>>,
    /// Keys that were found since uses were noted last.
    hits: Mutex<Vec<ActionKey>>,
    /// A flush that runs beside.
    flush: Mutex<Option<JoinHandle<Result<(), Error>>>>,
}

impl Store {
    /// Opens the store at `root` (absolute) and makes it where there is none. Sweeps what killed
    /// processes left.
    ///
    /// # Errors
    /// [`Error::Owner`] for another user's store, [`Error::Open`] for one that everybody may write to,
    /// [`Error::Link`] for one that a link is in, [`Error::Ids`] for one whose files belong to others
    /// under this process's map of ids,
    /// [`Error::Version`] for a layout of another version, [`Error::Full`] on a disk without room,
    /// [`Error::ReadOnly`] where nothing may be written; I/O and database errors.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let store = Self::begin(root).map_err(|error| error.explained(root))?;
        reserve::keep(root);
        Ok(store)
    }

    /// As [`Store::open`], for somebody who removes things: on a disk that is full the room that is kept for
    /// that is given up first. Where somebody else took that at once, logs and what is known of contexts go,
    /// which nothing needs.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_to_remove(root: &Path) -> Result<Self, Error> {
        layout::check(root)?;
        reserve::release(root);
        match Self::begin(root).map_err(|error| error.explained(root)) {
            Err(Error::Full { .. }) => {
                reserve::strip(root);
                Self::begin(root).map_err(|error| error.explained(root))
            }
            opened => opened,
        }
    }

    fn begin(root: &Path) -> Result<Self, Error> {
        let lacks_layers = layout::open(root)?;
        let ids = ids::check(root)?;
        temporary::sweep(root);
        lease::sweep(root);
        lock::sweep(root);
        ids.iter().for_each(ids::Map::note);
        let (connection, Fresh(fresh)) = database::open(root)?;
        let store = Self::with(root, connection)?;
        if fresh {
            store.recover()?;
        } else if lacks_layers {
            // What it says of layers is true no more. While others use it, that is found step by step.
            store.renew_database()?;
        }
        prune::finish(&store)?;
        store.restore_index();
        Ok(store)
    }

    /// The store at `root`, for somebody who only looks: nothing is made, locked or swept, and what would
    /// write fails. `None` where there is none, or one of another version.
    ///
    /// # Errors
    /// [`Error::Owner`], [`Error::Open`] and [`Error::Link`] as of [`Store::open`]; when the database cannot be read.
    pub fn look(root: &Path) -> Result<Option<Self>, Error> {
        layout::check(root)?;
        if !layout::is_there(root) {
            return Ok(None);
        }
        let connection = database::look(root).map_err(Error::database("open"))?;
        connection.map(|connection| Self::with(root, connection)).transpose()
    }

    /// Whether there is a store at `root`, of whatever version. Makes nothing.
    pub fn is_there(root: &Path) -> bool {
        fs::symlink_metadata(root.join("version")).is_ok()
    }

    fn with(root: &Path, connection: Connection) -> Result<Self, Error> {
        let boot_id = Path::new("/proc/sys/kernel/random/boot_id");
        let boot = fs::read_to_string(boot_id).map_err(Error::io("read", boot_id))?;
        Ok(Self {
            root: root.into(),
            boot: boot.trim().into(),
            database: Mutex::new(connection),
            is_dirty: AtomicBool::new(false),
            has_lost: AtomicBool::new(false),
            lease: Mutex::default(),
            hits: Mutex::default(),
            flush: Mutex::default(),
        })
    }

    /// Where the store is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How much room the file system of the store has; `None` when it does not tell.
    pub fn room(&self) -> Option<Room> {
        Room::of(&self.root).ok()
    }

    /// The lowest directory of every container: `etc/` with the empty files that a container mounts
    /// its own over.
    pub fn stubs(&self) -> PathBuf {
        self.root.join("stubs")
    }

    /// The lowest directory of every step, which has no `/etc/hostname` of its own.
    pub fn step_stubs(&self) -> PathBuf {
        self.root.join("step-stubs")
    }

    /// Where the control groups of sandboxes that run are noted; made when the first one is.
    pub fn groups(&self) -> PathBuf {
        self.root.join("groups")
    }

    /// A folder for work in progress.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temporary(&self) -> Result<Temporary, Error> {
        Temporary::new(&self.root)
    }

    /// Waits for the right to execute the action of `key`.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when `cancelled` says so while waiting.
    pub fn lock_action(
        &self,
        key: &ActionKey,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<ActionLock, Error> {
        ActionLock::take(&self.root, &key.to_string(), cancelled)
    }

    /// The right to give up for want of room; `None` while another build does so, in this process or another: what
    /// it leaves behind may be room enough.
    ///
    /// # Errors
    /// When the lock cannot be opened.
    pub fn give_up(&self) -> Result<Option<ActionLock>, Error> {
        ActionLock::try_take(&self.root, "give-up")
    }

    /// Waits for the right to make the layer `id`, to fetch it for instance. Whoever needs several
    /// takes them in the order of their ids: two who meet would else wait for each other.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when `cancelled` says so while waiting.
    pub fn lock_layer(
        &self,
        id: &LayerId,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<ActionLock, Error> {
        ActionLock::take(&self.root, &id.to_string(), cancelled)
    }

    /// Keeps everything that this process looks up or makes from being removed while the result
    /// lives.
    ///
    /// # Errors
    /// When the lock cannot be taken.
    pub fn lease(&self) -> Result<Use, Error> {
        let joined = Use::join(&self.root)?;
        Ok(joined.with(self.begin_lease()?))
    }

    /// Begins to flush the file system beside what is done next, so that the next [`Store::sync`] has
    /// less to wait for. Does nothing while an earlier one runs.
    pub fn flush_behind(&self) {
        let mut flush = self.flush();
        if flush.as_ref().is_none_or(JoinHandle::is_finished) {
            let root = self.root.clone();
            // Of an earlier one only its failure counts.
            let earlier = flush.take();
            *flush = Some(std::thread::spawn(move || {
                earlier.map_or(Ok(()), joined).and_then(|()| flush_all(&root))
            }));
        }
    }

    /// Makes everything that was written before this call survive a power cut: one flush of the
    /// file system, then the layers' rows are marked. Does nothing when nothing was written.
    ///
    /// # Errors
    /// When the flush fails, or an earlier one did; then the layers stay marked as not flushed.
    pub fn sync(&self) -> Result<(), Error> {
        let pending = self.unflushed_layers()?;
        if pending.is_empty() && !self.is_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let behind = self.flush().take();
        let flushed = behind.map_or(Ok(()), joined).and_then(|()| flush_all(&self.root));
        // The kernel tells of a failed write once, and what was lost stays lost.
        if flushed.is_err() || self.has_lost.load(Ordering::Acquire) {
            self.has_lost.store(true, Ordering::Release);
            self.mark_dirty();
            let lost =
                || Error::io("flush", &self.root)(io::Error::other("an earlier flush failed"));
            return Err(flushed.err().unwrap_or_else(lost));
        }
        self.mark_flushed(&pending)
    }

    /// Notes that the next [`Store::sync`] has something to do.
    pub(crate) fn mark_dirty(&self) {
        self.is_dirty.store(true, Ordering::Release);
    }

    pub(crate) fn lease_slot(&self) -> MutexGuard<'_, Weak<Lease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hits(&self) -> MutexGuard<'_, Vec<ActionKey>> {
        self.hits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn boot(&self) -> &str {
        &self.boot
    }

    fn flush(&self) -> MutexGuard<'_, Option<JoinHandle<Result<(), Error>>>> {
        self.flush.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection. A thread that panicked with it held left no half statement behind.
    pub(crate) fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn flush_all(root: &Path) -> Result<(), Error> {
    let directory = File::open(root).map_err(Error::io("open", root))?;
    rustix::fs::syncfs(&directory).map_err(|errno| Error::io("flush", root)(errno.into()))
}

/// A panic of the flushing thread goes on in the one that waits for it.
fn joined(flush: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    flush.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
