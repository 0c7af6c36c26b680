//! A tar's files in a temporary folder.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::rc::Rc;

use lapstrake_cache::{Store, Temporary};
use lapstrake_oci::{Digest, DigestHasher};
use lapstrake_rootfs::TreePath;
use tar::EntryType;

use super::{excerpt, refused};
use crate::bounded::Bounded;
use crate::incoming::Keep;
use crate::{Error, LayerFault};

/// The most members that an archive may have: images have up to 4,096 layers.
const MAX_MEMBERS: usize = 65_536;

/// The most bytes that an archive may have, uncompressed.
const MAX_BYTES: u64 = 1 << 40;

/// The most bytes between the content of two members. The reader takes extended headers into
/// memory whatever their size.
const MAX_HEADERS: u64 = 2 << 20;

/// How many links are followed.
const MAX_LINKS: usize = 8;

/// The files of a tar. Dropping it removes them.
pub(crate) struct Spool {
    folder: Temporary,
    members: BTreeMap<TreePath, Member>,
}

enum Member {
    File(Spooled),
    Link(TreePath),
}

/// A file of the archive.
#[derive(Clone, Copy)]
pub(super) struct Spooled {
    /// Its name in the folder.
    number: usize,
    /// In bytes.
    pub(super) size: u64,
    /// Of its bytes.
    pub(super) digest: Digest,
}

impl Spool {
    /// Reads a tar, compressed or not, to its end.
    pub(super) fn new(store: &Store, reader: impl Read + Send) -> Result<Self, Error> {
        let plain = Bounded::new(reader).map_err(Error::io(READ))?;
        let mut spool = Self { folder: store.temporary()?, members: BTreeMap::new() };
        let budget = Rc::new(Cell::new(MAX_HEADERS));
        let guarded = Guarded { reader: plain.take(MAX_BYTES), budget: Rc::clone(&budget) };
        let mut archive = tar::Archive::new(guarded);
        let mut count: usize = 0;
        for member in archive.entries().map_err(Error::io(READ))? {
            if count >= MAX_MEMBERS {
                return Err(refused(format!("it has more than {MAX_MEMBERS} members")));
            }
            budget.set(u64::MAX);
            spool.take(count, member.map_err(Error::io(READ))?)?;
            budget.set(MAX_HEADERS);
            count = count.saturating_add(1);
        }
        if spool.members.is_empty() {
            return Err(refused("it is empty or no tar archive"));
        }
        // What follows the end of a tar is padding; a damaged compression shows only here.
        let mut rest = archive.into_inner().reader;
        io::copy(&mut rest, &mut io::sink()).map_err(Error::io(READ))?;
        Ok(spool)
    }

    fn take<R: Read>(&mut self, number: usize, member: tar::Entry<'_, R>) -> Result<(), Error> {
        let path = checked_name(&member.path_bytes())?;
        let member = match member.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => self.write(number, member, &path)?,
            EntryType::Symlink => {
                let target = member.link_name_bytes().unwrap_or_default();
                link(&path, &path.parent().unwrap_or_default(), &target)?
            }
            EntryType::Link => {
                link(&path, &TreePath::root(), &member.link_name_bytes().unwrap_or_default())?
            }
            EntryType::Directory | EntryType::XGlobalHeader => return Ok(()),
            _ => return Err(refused(format!("its member {path} is no file"))),
        };
        match self.members.insert(path.clone(), member) {
            None => Ok(()),
            Some(_) => Err(refused(format!("it has {path} twice"))),
        }
    }

    fn write<R: Read>(
        &self,
        number: usize,
        mut member: tar::Entry<'_, R>,
        path: &TreePath,
    ) -> Result<Member, Error> {
        const WRITE: &str = "write to the store's temporary folder";
        let mut file = File::create_new(self.file(number)).map_err(Error::io(WRITE))?;
        let mut hasher = DigestHasher::new();
        let mut buffer = vec![0; 128 << 10];
        let mut size: u64 = 0;
        loop {
            let count = match member.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(Error::io(READ))?,
            };
            if count == 0 {
                break;
            }
            let bytes = buffer.get(..count).unwrap_or_default();
            hasher.update(bytes);
            file.write_all(bytes).map_err(Error::io(WRITE))?;
            size = size.saturating_add(count as u64);
        }
        if size != member.size() {
            return Err(refused(format!("it is cut off in {path}")));
        }
        Ok(Member::File(Spooled { number, size, digest: hasher.finish() }))
    }

    /// What a name of the archive leads to.
    pub(super) fn find(&self, path: &TreePath) -> Option<Spooled> {
        let mut path = path;
        for _ in 0..MAX_LINKS {
            match self.members.get(path)? {
                Member::File(file) => return Some(*file),
                Member::Link(target) => path = target,
            }
        }
        None
    }

    /// The bytes of a file when there are at most `limit` of them.
    pub(super) fn read(&self, path: &TreePath, limit: u64) -> io::Result<Vec<u8>> {
        let found = self.find(path).ok_or(io::ErrorKind::NotFound)?;
        if found.size > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        fs::read(self.file(found.number))
    }

    /// The file at `path`, or else the first with the digest: docker archives name layers freely.
    pub(super) fn open_layer(
        &self,
        path: &TreePath,
        digest: &Digest,
    ) -> Result<(Box<dyn Read + Send>, Keep), LayerFault> {
        let by_digest = || {
            self.members.values().find_map(|member| match member {
                Member::File(file) if file.digest == *digest => Some(*file),
                _ => None,
            })
        };
        let found = self.find(path).or_else(by_digest).ok_or(LayerFault::Missing)?;
        let path = self.file(found.number);
        let file = File::open(&path).map_err(|source| LayerFault::Read { source })?;
        Ok((Box::new(file), Keep::Adopt(path, found.digest)))
    }

    /// The first bytes of a file.
    pub(super) fn head(&self, file: Spooled) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        File::open(self.file(file.number))?.take(16).read_to_end(&mut head)?;
        Ok(head)
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.path().join(number.to_string())
    }
}

/// Gives no more than a budget that others fill up.
struct Guarded<R> {
    reader: R,
    budget: Rc<Cell<u64>>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let rest = self.budget.get().checked_sub(count as u64);
        self.budget.set(rest.ok_or_else(|| io::Error::other("a header is too large"))?);
        Ok(count)
    }
}

const READ: &str = "read the archive";

/// A member's name. Those that leave the archive's root are tricks, not images.
fn checked_name(raw: &[u8]) -> Result<TreePath, Error> {
    let leaves = raw.starts_with(b"/") || raw.split(|byte| *byte == b'/').any(|part| part == b"..");
    if leaves {
        let name = excerpt(&String::from_utf8_lossy(raw));
        return Err(refused(format!("the name {name:?} leads out of it")));
    }
    Ok(TreePath::clean(raw))
}

/// A link from `path` to `target`, which is relative to `base`.
fn link(path: &TreePath, base: &TreePath, target: &[u8]) -> Result<Member, Error> {
    let mut depth = base.components().count();
    for part in target.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
    {
        let next = if part == b".." { depth.checked_sub(1) } else { depth.checked_add(1) };
        depth = next.ok_or_else(|| refused(format!("the link {path} leads out of it")))?;
    }
    if target.starts_with(b"/") {
        return Err(refused(format!("the link {path} leads out of it")));
    }
    let joined = [base.as_bytes(), b"/", target].concat();
    Ok(Member::Link(TreePath::clean(&joined)))
}
