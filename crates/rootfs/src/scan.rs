//! From a directory in overlayfs' form to its manifest: what a sandbox wrote becomes a layer.
//!
//! The directory is taken as overlayfs left it. A directory that was copied up only because
//! something below it changed is kept, as Docker does. Every level of the tree is read by several
//! threads at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rayon::prelude::*;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, Stat, Timespec, Timestamps, fstat, futimens, major,
    minor, openat, readlinkat, statat, unlinkat,
};

use crate::attribute::{self, Attributes, Place};
use crate::writer::whiteout_entry;
use crate::{ContentHash, Entry, Kind, LayerManifest, Timestamp, TreePath, beneath, read};

/// Bytes read at once; files up to this size are hashed in one go.
const CHUNK: usize = 64 * 1024;

/// Files from this size on are hashed by all threads together, in pieces of [`LARGE_CHUNK`].
const LARGE: u64 = 4 << 20;

/// See [`LARGE`].
const LARGE_CHUNK: usize = 1 << 20;

/// Names that one thread looks at in a row.
const BATCH: usize = 64;

/// Why a directory could not be taken as a layer.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file system refused.
    #[error("cannot {operation} {path} in the layer")]
    Io {
        /// What was done, as a verb.
        operation: &'static str,
        /// The path inside the image.
        path: TreePath,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// overlayfs wrote something that only makes sense with the layers below.
    #[error("{path} has the attribute {attribute}: overlayfs must be mounted without that feature")]
    Unsupported {
        /// The path inside the image.
        path: TreePath,
        /// `trusted.overlay.redirect` or `.metacopy`.
        attribute: String,
    },
}

/// An inode's device and number.
type Inode = (u64, u64);

/// An entry, and for a file with several names the inode, its content not being hashed yet.
struct Found {
    entry: Entry,
    several: Option<Inode>,
}

/// Lists and hashes everything in `dir`.
///
/// Whiteouts (character device 0:0) and opaque directories are recognised, overlayfs' own
/// attributes are left out, the first name of a hard-linked file in path order has its content.
/// Sockets are no part of an image: they are removed from the directory, whose time stays.
/// Nothing else is changed. `dir` should belong to the caller alone; a file that changes meanwhile
/// has an undefined hash.
///
/// # Errors
/// When something cannot be read, or overlayfs used `redirect_dir` or `metacopy`.
pub fn scan(dir: BorrowedFd<'_>) -> Result<LayerManifest, ScanError> {
    let mut found = Vec::new();
    let mut level = vec![TreePath::root()];
    while !level.is_empty() {
        let mut next = Vec::new();
        for listed in scan_level(dir, &level) {
            let mut listed = listed?;
            found.append(&mut listed.found);
            next.append(&mut listed.directories);
        }
        level = next;
    }
    found.sort_unstable_by(|a, b| a.entry.path.cmp(&b.entry.path));
    hash_linked(dir, &mut found)?;
    Ok(LayerManifest::new(found.into_iter().map(|found| found.entry).collect()))
}

fn scan_level(dir: BorrowedFd<'_>, level: &[TreePath]) -> Vec<Result<Listed, ScanError>> {
    match level {
        [only] => vec![scan_directory(dir, only)],
        many => many.par_iter().map(|path| scan_directory(dir, path)).collect(),
    }
}

/// One directory: its entry, those in it that are no directories, and the paths of those that are.
struct Listed {
    found: Vec<Found>,
    directories: Vec<TreePath>,
}

fn scan_directory(dir: BorrowedFd<'_>, path: &TreePath) -> Result<Listed, ScanError> {
    let fd = beneath::open_directory(dir, path).map_err(failed("open", path))?;
    let stat = fstat(&fd).map_err(failed("look at", path))?;
    let own = directory_entry(&fd, &stat, path)?;
    let mut names = names(&fd).map_err(failed("list", path))?;
    let sockets = remove_sockets(&fd, &stat, &mut names);
    sockets.map_err(failed("remove a socket from", path))?;
    let (directories, others): (Vec<Name>, Vec<Name>) =
        names.into_iter().partition(|name| name.kind == FileType::Directory);
    let batch = |names: &[Name]| scan_names(fd.as_fd(), path, names);
    let batches: Vec<Result<Vec<Found>, ScanError>> = match others.len() {
        0 => Vec::new(),
        1..=BATCH => vec![batch(&others)],
        _ => others.par_chunks(BATCH).map(batch).collect(),
    };
    let mut found = vec![Found { entry: own, several: None }];
    for batch in batches {
        found.append(&mut batch?);
    }
    let directories = directories.iter().map(|name| path.join(&name.bytes)).collect();
    Ok(Listed { found, directories })
}

fn directory_entry(fd: &OwnedFd, stat: &Stat, path: &TreePath) -> Result<Entry, ScanError> {
    let attributes = attributes(Place::Open(fd.as_fd()), path)?;
    let kind = Kind::Directory { opaque: attributes.opaque };
    Ok(entry(path.clone(), kind, stat, attributes))
}

/// A name in a directory, with the kind that the directory gives.
struct Name {
    bytes: Vec<u8>,
    kind: FileType,
}

fn names(directory: &OwnedFd) -> rustix::io::Result<Vec<Name>> {
    let mut found = Vec::new();
    let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let bytes = entry.file_name().to_bytes();
        if bytes == b"." || bytes == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = statat(directory, bytes, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            known => known,
        };
        found.push(Name { bytes: bytes.to_vec(), kind });
    }
    Ok(found)
}

fn remove_sockets(
    directory: &OwnedFd,
    before: &Stat,
    names: &mut Vec<Name>,
) -> rustix::io::Result<()> {
    let is_socket = |name: &Name| name.kind == FileType::Socket;
    if !names.iter().any(is_socket) {
        return Ok(());
    }
    for socket in names.iter().filter(|name| is_socket(name)) {
        unlinkat(directory, socket.bytes.as_slice(), AtFlags::empty())?;
    }
    names.retain(|name| !is_socket(name));
    let Timestamp { seconds, nanoseconds } = mtime(before);
    let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanoseconds) };
    futimens(directory, &Timestamps { last_access: time, last_modification: time })
}

fn scan_names(
    parent: BorrowedFd<'_>,
    path: &TreePath,
    names: &[Name],
) -> Result<Vec<Found>, ScanError> {
    let mut buffer = vec![0; CHUNK];
    let scan = |name: &Name| scan_name(parent, name, path.join(&name.bytes), &mut buffer);
    names.iter().map(scan).collect()
}

fn scan_name(
    parent: BorrowedFd<'_>,
    name: &Name,
    path: TreePath,
    buffer: &mut [u8],
) -> Result<Found, ScanError> {
    if name.kind == FileType::RegularFile {
        return scan_file(parent, name, path, buffer);
    }
    let name = name.bytes.as_slice();
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
    let stat = stat.map_err(failed("look at", &path))?;
    let (major, minor) = (major(stat.st_rdev), minor(stat.st_rdev));
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => {
            let target = readlinkat(parent, name, Vec::new()).map_err(failed("read", &path))?;
            Kind::Symlink { target: target.into_bytes() }
        }
        FileType::CharacterDevice if (major, minor) == (0, 0) => {
            return Ok(Found { entry: whiteout_entry(&path), several: None });
        }
        FileType::CharacterDevice => Kind::CharDevice { major, minor },
        FileType::BlockDevice => Kind::BlockDevice { major, minor },
        FileType::Fifo => Kind::Fifo,
        _ => return Err(failed("look at", &path)(io::Error::other("its kind changed"))),
    };
    let attributes = attributes(Place::Named { parent, name }, &path)?;
    Ok(Found { entry: entry(path, kind, &stat, attributes), several: None })
}

fn scan_file(
    parent: BorrowedFd<'_>,
    name: &Name,
    path: TreePath,
    buffer: &mut [u8],
) -> Result<Found, ScanError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = openat(parent, name.bytes.as_slice(), flags, Mode::empty());
    let mut file = fd.map(File::from).map_err(failed("open", &path))?;
    let stat = fstat(&file).map_err(failed("look at", &path))?;
    let attributes = attributes(Place::Open(file.as_fd()), &path)?;
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let several = (stat.st_nlink > 1).then_some((stat.st_dev, stat.st_ino));
    let content = match several {
        Some(_) => ContentHash::from_bytes([0; 32]),
        None => hash(&mut file, size, buffer).map_err(failed("read", &path))?,
    };
    let entry = entry(path, Kind::File { size, content }, &stat, attributes);
    Ok(Found { entry, several })
}

/// Hashes the files with several names once each, under their first names.
fn hash_linked(dir: BorrowedFd<'_>, found: &mut [Found]) -> Result<(), ScanError> {
    let mut first: BTreeMap<Inode, TreePath> = BTreeMap::new();
    let mut hashes = Vec::new();
    for Found { entry, several } in found.iter_mut() {
        let (Some(inode), Kind::File { .. }) = (*several, &entry.kind) else { continue };
        match first.get(&inode) {
            Some(target) => entry.kind = Kind::HardLink { target: target.clone() },
            None => {
                first.insert(inode, entry.path.clone());
                hashes.push(entry);
            }
        }
    }
    if hashes.is_empty() {
        return Ok(()); // waking the threads would take longer than all the rest of an empty scan
    }
    hashes.into_par_iter().try_for_each(|entry| hash_entry(dir, entry))
}

fn hash_entry(dir: BorrowedFd<'_>, entry: &mut Entry) -> Result<(), ScanError> {
    let Entry { path, kind: Kind::File { size, content }, .. } = entry else { return Ok(()) };
    let hashed =
        read::open_file(dir, path).and_then(|mut file| hash(&mut file, *size, &mut vec![0; CHUNK]));
    *content = hashed.map_err(failed("read", path))?;
    Ok(())
}

/// Bounded by `size`, so that no second read has to find the end.
fn hash(file: &mut File, size: u64, buffer: &mut [u8]) -> io::Result<ContentHash> {
    let mut file = file.take(size);
    let mut hasher = blake3::Hasher::new();
    if size >= LARGE {
        let mut large = vec![0; LARGE_CHUNK];
        while let length @ 1.. = read_some(&mut file, &mut large)? {
            hasher.update_rayon(large.get(..length).unwrap_or_default());
        }
    } else {
        while let length @ 1.. = read_some(&mut file, buffer)? {
            hasher.update(buffer.get(..length).unwrap_or_default());
        }
    }
    Ok(ContentHash::from_bytes(*hasher.finalize().as_bytes()))
}

fn read_some(file: &mut io::Take<&mut File>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn attributes(place: Place<'_>, path: &TreePath) -> Result<Attributes, ScanError> {
    let attributes = attribute::read(place).map_err(failed("read the attributes of", path))?;
    match attributes.unsupported {
        Some(name) => {
            let attribute = String::from_utf8_lossy(&name).into_owned();
            Err(ScanError::Unsupported { path: path.clone(), attribute })
        }
        None => Ok(attributes),
    }
}

fn entry(path: TreePath, kind: Kind, stat: &Stat, attributes: Attributes) -> Entry {
    Entry {
        path,
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: mtime(stat),
        xattrs: attributes.kept,
    }
}

fn mtime(stat: &Stat) -> Timestamp {
    Timestamp {
        seconds: stat.st_mtime,
        nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
    }
}

fn failed<E: Into<io::Error>>(
    operation: &'static str,
    path: &TreePath,
) -> impl FnOnce(E) -> ScanError {
    move |source| ScanError::Io { operation, path: path.clone(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Xattr;
    use crate::testing::{Scratch, open_path};

    fn scanned(scratch: &Scratch) -> Result<LayerManifest, ScanError> {
        scan(open_path(&scratch.path().join("l")).as_fd())
    }

    #[test]
    fn overlayfs_marks_are_understood_and_left_out() {
        let scratch = Scratch::new();
        scratch.shell("mkdir -p l/a l/b l/c; echo x > l/f; mknod l/gone c 0 0; mknod l/zero c 1 5");
        scratch.python(
            "import os
for path, name, value in [('l/a', 'trusted.overlay.opaque', b'y'), ('l/b', 'user.overlay.opaque', b'y'),
    ('l/c', 'trusted.overlay.opaque', b'x'), ('l/c', 'trusted.overlay.impure', b'y'), ('l/f', 'trusted.overlay.origin', b'handle'),
    ('l/f', 'trusted.mine', b''), ('l/f', 'user.long', b'v' * 3000), ('l/f', 'user.overlay.protattr', b'i')]:
    os.setxattr(path, name, value)
for i in range(60): os.setxattr('l/c', 'user.attribute-number-%d' % i, b'v')",
        );
        let manifest = scanned(&scratch).unwrap();
        let entry = |path: &str| manifest.entry(&TreePath::from(path)).unwrap();
        assert_eq!(entry("a").kind, Kind::Directory { opaque: true });
        assert_eq!(entry("b").kind, Kind::Directory { opaque: true });
        assert_eq!(entry("c").kind, Kind::Directory { opaque: false });
        assert_eq!(entry("gone").kind, Kind::Whiteout);
        assert_eq!(entry("zero").kind, Kind::CharDevice { major: 1, minor: 5 });
        let xattr = |name: &str, value: &[u8]| Xattr { name: name.into(), value: value.to_vec() };
        assert_eq!(
            entry("f").xattrs,
            [xattr("trusted.mine", b""), xattr("user.long", &[b'v'; 3000])]
        );
        assert_eq!((entry("a").xattrs.len(), entry("c").xattrs.len()), (0, 60));
    }

    #[test]
    fn what_needs_the_layers_below_is_an_error() {
        for name in
            ["trusted.overlay.redirect", "trusted.overlay.metacopy", "user.overlay.redirect"]
        {
            let scratch = Scratch::new();
            scratch.shell("mkdir -p l/d");
            scratch.python(&format!("import os; os.setxattr('l/d', '{name}', b'/x')"));
            let error = scanned(&scratch).unwrap_err();
            assert!(
                matches!(&error, ScanError::Unsupported { attribute, path } if attribute == name && *path == "d".into()),
                "{error}"
            );
        }
    }

    #[test]
    fn a_link_with_one_name_here_is_a_file() {
        let scratch = Scratch::new();
        scratch.shell(
            "mkdir -p l/d other; echo x > other/f; ln other/f l/one
            echo y > l/z; ln l/z l/d/y; ln l/z l/x; ln -s x l/s; ln l/s l/t",
        );
        let manifest = scanned(&scratch).unwrap();
        let kind = |path: &str| manifest.entry(&TreePath::from(path)).unwrap().kind.clone();
        let file = |bytes: &[u8]| Kind::File { size: 2, content: ContentHash::of(bytes) };
        assert_eq!(kind("one"), file(b"x\n"));
        assert_eq!(kind("d/y"), file(b"y\n"));
        assert_eq!(kind("x"), Kind::HardLink { target: TreePath::from("d/y") });
        assert_eq!(kind("z"), Kind::HardLink { target: TreePath::from("d/y") });
        assert_eq!(kind("s"), Kind::Symlink { target: b"x".into() });
        assert_eq!(kind("t"), Kind::Symlink { target: b"x".into() });
    }

    /// Expected value: b3sum of the zeros is not at hand, so the other way of hashing is.
    #[test]
    fn large_files_and_holes() {
        let scratch = Scratch::new();
        scratch.shell("mkdir l; truncate -s 20M l/hole; head -c 5000000 /dev/urandom > l/random");
        let manifest = scanned(&scratch).unwrap();
        for name in ["hole", "random"] {
            let bytes = std::fs::read(scratch.path().join("l").join(name)).unwrap();
            let expected =
                Kind::File { size: bytes.len() as u64, content: ContentHash::of(&bytes) };
            assert_eq!(manifest.entry(&TreePath::from(name)).unwrap().kind, expected);
        }
    }
}
