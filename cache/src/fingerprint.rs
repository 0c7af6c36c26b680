//! What stands for a secret in a key: a hash that nobody can make who does not have this store.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use lapstrake_rootfs::{ContentHash, ContentHasher};

use crate::lock::lock_file;
use crate::{Error, Store};

/// Bytes of the store's own secret.
const SALT: usize = 32;

impl Store {
    /// Stands for `value` in keys of this store: equal for equal values, and of no use to guess the
    /// value with for whoever sees a key, since the store's own random number is hashed before it.
    ///
    /// # Errors
    /// When that number cannot be read, or made where there is none yet.
    pub fn fingerprint(&self, value: &[u8]) -> Result<ContentHash, Error> {
        let mut hasher = ContentHasher::new("lapstrake fingerprint 1");
        hasher.field(&salt(self)?).field(value);
        Ok(hasher.finish())
    }
}

/// The number. Of several processes that make it at once, all take that of the first.
fn salt(store: &Store) -> Result<[u8; SALT], Error> {
    let path = store.root().join("salt");
    if let Some(salt) = read(&path)? {
        return Ok(salt);
    }
    let folder = store.temporary()?;
    let fresh = folder.path().join("salt");
    let mut file = File::options();
    file.write(true).create_new(true).mode(0o600);
    let written = file.open(&fresh).and_then(|mut file| file.write_all(&random()?));
    written.map_err(Error::io("write", &fresh))?;
    // Whoever finds a damaged one removes it, and must not meet one that was just made.
    let path_of_lock = store.root().join("locks/salt");
    let lock = lock_file(&path_of_lock)?;
    lock.lock().map_err(Error::io("lock", path_of_lock))?;
    if read(&path)?.is_none() {
        remove_damaged(&path)?;
    }
    match fs::hard_link(&fresh, &path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Error::io("write", path)(error));
        }
        _ => store.mark_dirty(),
    }
    let cut = || Error::io("read", &path)(io::ErrorKind::UnexpectedEof.into());
    read(&path)?.ok_or_else(cut)
}

/// `None` when there is none, or one that a power cut left without its bytes.
fn read(path: &Path) -> Result<Option<[u8; SALT]>, Error> {
    match fs::read(path) {
        Ok(bytes) => match <[u8; SALT]>::try_from(bytes) {
            Ok(salt) if salt != [0; SALT] => Ok(Some(salt)),
            _ => Ok(None),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn remove_damaged(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn random() -> io::Result<[u8; SALT]> {
    let mut bytes = [0; SALT];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_equal_in_one_store_alone() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let stores = folders.each_ref().map(|folder| Store::open(folder.path()).unwrap());
        let mark = |store: usize, value: &[u8]| stores[store].fingerprint(value).unwrap();
        assert_eq!(mark(0, b"a"), mark(0, b"a"));
        assert_eq!(
            mark(0, b"a"),
            Store::open(folders[0].path()).unwrap().fingerprint(b"a").unwrap()
        );
        assert_ne!(mark(0, b"a"), mark(0, b"b"));
        assert_ne!(mark(0, b"a"), mark(1, b"a"));
        assert_ne!(mark(0, b""), mark(1, b""));
    }

    #[test]
    fn all_who_begin_at_once_have_the_same() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let one = || Store::open(folder.path()).unwrap().fingerprint(b"a").unwrap();
        let all: Vec<ContentHash> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|mark| *mark == all[0]), "{all:?}");
    }

    #[test]
    fn a_number_without_its_bytes_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let path = folder.path().join("salt");
        let before = store.fingerprint(b"a").unwrap();
        for cut in [&[][..], &[0; SALT], &[7; 5]] {
            fs::write(&path, cut).unwrap();
            assert_ne!(store.fingerprint(b"a").unwrap(), before);
        }
    }
}
