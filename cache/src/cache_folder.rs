//! Cache folders: what a build step keeps for the next one, such as downloads. Never part of an
//! image, and no key speaks of what is in them.
//!
//! ```text
//! cache/KEY.N/lock     locked while the folder is used; its time is that of the last use
//! cache/KEY.N/about    what KEY stands for, for people to read
//! cache/KEY.N/user     who used it last: the sharing, and on the next line the step
//! cache/KEY.N/data     what the step sees
//! ```
//! `N` is 0 but for private uses at the same time, each of which has a folder of its own. `data`
//! appears as a whole, with what the folder starts from.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lapstrake_rootfs::ContentHash;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::Serialize;

use crate::lock::{is_current, lock_file};
use crate::temporary::replace_file;
use crate::{Error, Store};

/// How long a waiter sleeps between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Who may use a cache folder at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Sharing {
    /// Any number of users who all ask for this; they wait for any other.
    Shared,
    /// One; while another one has it, each further one gets a folder of its own.
    Private,
    /// One; all others wait.
    Locked,
}

impl Sharing {
    const ALL: [Self; 3] = [Self::Shared, Self::Private, Self::Locked];

    /// The word for it in a Dockerfile.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Private => "private",
            Self::Locked => "locked",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sharing| sharing.word() == word)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct CacheRequest<'a> {
    /// Which folder.
    pub key: &'a ContentHash,
    /// Who else may use it meanwhile.
    pub sharing: Sharing,
    /// What the key stands for; noted where the folder is made.
    pub about: &'a str,
    /// The step that asks.
    pub step: &'a str,
}

/// A cache folder that may be used while this value lives. Released with the process, too.
#[derive(Debug)]
pub struct CacheFolder {
    root: PathBuf,
    folder: PathBuf,
    lock: File,
}

impl CacheFolder {
    /// What the step sees: a directory, or a file where it started from one.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Puts `data` of the folder `staging` in the place of what the step sees; what was there is in
    /// `staging` then. `about` is noted where there was nothing. To be called by who holds the folder
    /// alone. Atomic, also in a power cut: what is put there is flushed before.
    ///
    /// # Errors
    /// When the file system refuses; then all is as before.
    pub fn replace(&self, staging: &Path, about: &str) -> Result<(), Error> {
        let (from, data) = (staging.join("data"), self.data());
        let is_new = !exists(&data)?;
        if is_new {
            replace_file(&self.root, &self.folder.join("about"), about.as_bytes())?;
        }
        let opened = File::open(&self.folder).map_err(Error::io("open", &self.folder))?;
        rustix::fs::syncfs(&opened)
            .map_err(|errno| Error::io("flush", &self.folder)(errno.into()))?;
        let flags = if is_new { RenameFlags::NOREPLACE } else { RenameFlags::EXCHANGE };
        renameat_with(CWD, &from, CWD, &data, flags)
            .map_err(|errno| Error::io("replace", &data)(errno.into()))?;
        self.lock.set_modified(SystemTime::now()).map_err(Error::io("touch", &self.folder))
    }
}

impl Store {
    /// Waits for the right to use a cache folder. When there is none yet, `fill` makes what it starts
    /// from: `data` in the empty folder that it is given, on the same file system.
    ///
    /// Whoever needs several takes them in the order of their keys: two who meet would else wait
    /// for each other.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when `cancelled` says so while waiting; I/O errors; those of `fill`, and
    /// then there is no folder.
    pub fn cache_folder<E: From<Error>>(
        &self,
        request: &CacheRequest<'_>,
        cancelled: &dyn Fn() -> bool,
        fill: impl Fn(&Path) -> Result<(), E>,
    ) -> Result<CacheFolder, E> {
        let CacheRequest { key, sharing, about, step } = *request;
        loop {
            if let Some((folder, lock)) = self.try_cache_folder(key, sharing)? {
                let is_new = !exists(&folder.join("data"))?;
                if is_new {
                    self.fill(&folder, about, &fill)?;
                }
                // It was locked to be filled, and is to be shared from now on.
                if is_new && sharing == Sharing::Shared {
                    continue;
                }
                note_about(self.root(), &folder, about)?;
                let user = format!("{}\n{}\n", sharing.word(), step.replace('\n', " "));
                replace_file(self.root(), &folder.join("user"), user.as_bytes())?;
                lock.set_modified(SystemTime::now()).map_err(Error::io("touch", &folder))?;
                return Ok(CacheFolder { root: self.root().into(), folder, lock });
            }
            if cancelled() {
                return Err(Error::Cancelled.into());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until nobody else uses the cache folder of `key` with this number, and holds it alone.
    /// Where there is none it is made, without `data`.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when `cancelled` says so while waiting; I/O errors.
    pub fn cache_folder_alone(
        &self,
        key: &ContentHash,
        number: u32,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<CacheFolder, Error> {
        loop {
            let folder = self.root().join("cache").join(format!("{key}.{number}"));
            if let Some((folder, lock)) = lock(folder, File::try_lock)? {
                return Ok(CacheFolder { root: self.root().into(), folder, lock });
            }
            if cancelled() {
                return Err(Error::Cancelled);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// A folder that is free for this use, locked; `None` when it has to be waited for.
    fn try_cache_folder(
        &self,
        key: &ContentHash,
        sharing: Sharing,
    ) -> Result<Option<(PathBuf, File)>, Error> {
        let path = |number: u32| self.root().join("cache").join(format!("{key}.{number}"));
        match sharing {
            Sharing::Shared => {
                let first = path(0);
                let is_new = !exists(&first.join("data"))?;
                lock(first, if is_new { File::try_lock } else { File::try_lock_shared })
            }
            Sharing::Locked => lock(path(0), File::try_lock),
            Sharing::Private => {
                for folder in (0..=u32::MAX).map(path) {
                    if let Some(found) = lock(folder, File::try_lock)? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
        }
    }

    fn fill<E: From<Error>>(
        &self,
        folder: &Path,
        about: &str,
        fill: impl Fn(&Path) -> Result<(), E>,
    ) -> Result<(), E> {
        let staging = self.temporary()?;
        fill(staging.path())?;
        let (about_file, data) = (folder.join("about"), folder.join("data"));
        replace_file(self.root(), &about_file, about.as_bytes())?;
        fs::rename(staging.path().join("data"), &data).map_err(Error::io("make", data))?;
        Ok(())
    }
}

/// What an import that was only told the key could not say.
fn note_about(root: &Path, folder: &Path, about: &str) -> Result<(), Error> {
    let path = folder.join("about");
    match fs::read_to_string(&path) {
        Ok(noted) if noted == about => Ok(()),
        _ => replace_file(root, &path, about.as_bytes()),
    }
}

/// The folder, made when it is not there, with its lock; `None` when another one has that.
fn lock(
    folder: PathBuf,
    take: fn(&File) -> Result<(), fs::TryLockError>,
) -> Result<Option<(PathBuf, File)>, Error> {
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Error::io("create", folder)(error));
        }
        _ => {}
    }
    let path = folder.join("lock");
    let file = match lock_file(&path) {
        // It was removed just now.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        file => file?,
    };
    let free = take(&file).is_ok() && is_current(&file, &path);
    Ok(free.then_some((folder, file)))
}

fn exists(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("examine", path)(error)),
    }
}
