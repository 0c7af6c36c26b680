//! Cache folders as their owner sees them: which there are, and their removal.
//!
//! A folder is removed while its lock is held alone, by a rename into `tmp/`: whoever waits for it
//! meanwhile sees that the lock is no longer the folder's, and makes a new one.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use lapstrake_rootfs::ContentHash;

use crate::lock::{is_current, lock_file, take_patiently};
use crate::prune::nanoseconds;
use crate::walk::walk;
use crate::{Error, Sharing, Store};

/// A cache folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheMount {
    /// The name of its folder: key, dot, number.
    pub id: String,
    /// What it is looked up by.
    pub key: ContentHash,
    /// 0, or that of a further folder for a private use.
    pub number: u32,
    /// What the key stands for, as whoever made it says.
    pub name: String,
    /// Bytes on disk.
    pub size: u64,
    /// What is in it that is no directory.
    pub files: u64,
    /// When it was used last: nanoseconds since 1970.
    pub used: i64,
    /// Whether a running process uses it.
    pub is_used: bool,
    /// How the last one used it, if that is known.
    pub sharing: Option<Sharing>,
    /// The step that used it last; empty when it is not known.
    pub step: String,
}

/// A folder that was to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Its id.
    pub id: String,
    /// Bytes that are free now; `None` when the folder is used, and stayed.
    pub bytes: Option<u64>,
}

impl CacheMount {
    /// What it is called in a Dockerfile: `id=`, else its target; behind `BUILDKIT_CACHE_MOUNT_NS` and a slash,
    /// where that was given.
    pub fn title(&self) -> &str {
        title(&self.name)
    }
}

/// As [`CacheMount::title`], of a name with a slash between namespace and id in any case.
pub(crate) fn title(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

impl Store {
    /// All cache folders that hold something to be seen, what was used last first. Those that go
    /// meanwhile are left out.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub fn cache_mounts(&self) -> Result<Vec<CacheMount>, Error> {
        let folder = self.root().join("cache");
        let mut mounts = Vec::new();
        for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
            let entry = entry.map_err(Error::io("list", &folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((key, number)) = parse(&name) else { continue };
            let path = entry.path();
            if fs::symlink_metadata(path.join("data")).is_err() {
                continue;
            }
            mounts.push(mount(name, (key, number), &path)?);
        }
        mounts.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.id.cmp(&b.id)));
        Ok(mounts)
    }

    /// The cache folders in which no file lies, as who used them last left them: what each key stands for, and that step.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub fn idle_cache_mounts(&self) -> Result<Vec<(String, String)>, Error> {
        let folder = self.root().join("cache");
        let mut idle = Vec::new();
        for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
            let path = entry.map_err(Error::io("list", &folder))?.path();
            if !is_without_files(&path.join("data")) {
                continue;
            }
            let about = fs::read_to_string(path.join("about")).unwrap_or_default();
            let user = fs::read_to_string(path.join("user")).unwrap_or_default();
            let (name, step) = (about.lines().next(), user.lines().nth(1));
            if let (Some(name), Some(step)) = (name, step) {
                idle.push((name.to_owned(), step.to_owned()));
            }
        }
        Ok(idle)
    }

    /// Removes the folders of these ids; those that are used stay, those that are gone freed
    /// nothing. Each goes as a whole or not at all; interrupted, the rest of what went is removed by
    /// whoever opens the store next.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn remove_cache_mounts(&self, ids: &[String]) -> Result<Vec<Freed>, Error> {
        let aside = self.temporary()?;
        let mut freed = Vec::new();
        for id in ids.iter().filter(|id| parse(id).is_some()) {
            let bytes = self.move_away(id, aside.path())?;
            freed.push(Freed { id: id.clone(), bytes });
        }
        fs::remove_dir_all(aside.path()).map_err(Error::io("remove", aside.path()))?;
        Ok(freed)
    }

    /// Returns the bytes on disk of what is in `aside` now.
    fn move_away(&self, id: &str, aside: &Path) -> Result<Option<u64>, Error> {
        let folder = self.root().join("cache").join(id);
        let path = folder.join("lock");
        let lock = match lock_file(&path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(0));
            }
            lock => lock?,
        };
        // Whoever lists mounts has each of them for a moment.
        if !take_patiently(&lock) || !is_current(&lock, &path) {
            return Ok(None);
        }
        let (bytes, _) = measure(&folder)?;
        fs::rename(&folder, aside.join(id)).map_err(Error::io("remove", folder))?;
        Ok(Some(bytes))
    }
}

fn mount(id: String, (key, number): (ContentHash, u32), path: &Path) -> Result<CacheMount, Error> {
    let lock = File::open(path.join("lock"));
    let touched = lock.as_ref().ok().and_then(|lock| lock.metadata().ok()?.modified().ok());
    let about = fs::read_to_string(path.join("about")).unwrap_or_default();
    let user = fs::read_to_string(path.join("user")).unwrap_or_default();
    let mut user = user.lines();
    let (size, files) = measure(path)?;
    Ok(CacheMount {
        id,
        key,
        number,
        name: about.lines().next().unwrap_or_default().to_owned(),
        size,
        files,
        used: touched.map_or(0, nanoseconds),
        is_used: lock.is_ok_and(|lock| lock.try_lock().is_err()),
        sharing: user.next().and_then(Sharing::from_word),
        step: user.next().unwrap_or_default().to_owned(),
    })
}

/// Bytes on disk of a cache folder, and what its `data` has that is no directory.
fn measure(folder: &Path) -> Result<(u64, u64), Error> {
    let mut sizes: HashMap<(u64, u64), u64> = HashMap::new();
    let mut files: u64 = 0;
    walk(folder, &mut |seen| {
        files += u64::from(!seen.is_directory);
        sizes.insert(seen.inode, seen.size);
    })?;
    let beside = ["lock", "about", "user"].map(|name| folder.join(name));
    let beside = beside.iter().filter(|path| path.exists()).count() as u64;
    Ok((sizes.values().sum(), files.saturating_sub(beside)))
}

/// As many folders are looked into before something counts as kept.
const MOST_FOLDERS: usize = 1_000;

/// True for a folder with nothing in it but folders.
fn is_without_files(path: &Path) -> bool {
    let mut left = vec![path.to_owned()];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        let Ok(entries) = fs::read_dir(&path) else { return false };
        seen += 1;
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok((path, kind)) if kind.is_dir() && seen < MOST_FOLDERS => left.push(path),
                _ => return false,
            }
        }
    }
    true
}

/// Key and number of a folder's name.
fn parse(name: &str) -> Option<(ContentHash, u32)> {
    let (key, number) = name.split_once('.')?;
    Some((key.parse().ok()?, number.parse().ok()?))
}
