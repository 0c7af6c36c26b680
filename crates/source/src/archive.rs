//! Archives as layers: build contexts that come in one piece.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;

use lapstrake_cache::ActionKey;
use lapstrake_rootfs::decompress::{self, Format};
use lapstrake_rootfs::tar::{Extract, Limits, extract};
use lapstrake_rootfs::{
    ContentHasher, Kind, LayerId, LayerManifest, LayerWriter, TreePath, View, read,
};

use crate::http::{HttpSource, HttpUrl};
use crate::{Error, Fetched, Fetcher};

/// What a file is called that comes from a URL as a build context, as in BuildKit.
pub const CONTEXT_NAME: &str = "context";

/// How much of a stream is looked at to tell what it is.
const HEAD: usize = 64 << 10;

/// What a URL or a stream brings as a build context.
#[derive(Debug)]
pub enum Brought {
    /// An archive: its members are the context, and have the owners that it gives them.
    Archive(Fetched),
    /// Anything else is taken for a Dockerfile. From a URL it is also the context's only file.
    File(Option<Fetched>),
}

impl Fetcher<'_> {
    /// What is behind a URL: an archive that was unpacked, or a file called [`CONTEXT_NAME`].
    ///
    /// # Errors
    /// When it cannot be had, or is a damaged archive.
    pub fn context(&self, url: &HttpUrl) -> Result<Brought, Error> {
        let name = CONTEXT_NAME.to_owned();
        let source = HttpSource { url: url.clone(), name, checksum: None };
        let file = self.http(&source)?;
        let what = url.to_string();
        if !is_archive(&head(&mut self.open(&file.layer, CONTEXT_NAME)?, &what)?) {
            return Ok(Brought::File(Some(file)));
        }
        let key = unpack_key(&file.layer);
        if let Some(layer) = self.recorded(&key)? {
            return Ok(Brought::Archive(self.newest(Fetched { layer, ..file })?));
        }
        let archive = self.open(&file.layer, CONTEXT_NAME)?;
        let size = archive.metadata().map_or(0, |found| found.len());
        let layer = self.unpack(archive, &what, Limits::for_compressed(size), &[key])?;
        Ok(Brought::Archive(self.newest(Fetched { layer, is_new: true, ..file })?))
    }

    /// What a stream, called `what` in messages, brings. When it is no archive, `text` gets all of
    /// it, at most `most` bytes.
    ///
    /// # Errors
    /// When it cannot be read, or is a damaged archive.
    pub fn stream(
        &self,
        mut stream: impl Read + Send,
        what: &str,
        text: &mut Vec<u8>,
        most: u64,
    ) -> Result<Brought, Error> {
        let head = head(&mut stream, what)?;
        if is_archive(&head) {
            let whole = io::Cursor::new(head).chain(stream);
            let layer = self.unpack(whole, what, Limits::default(), &[])?;
            let fetched = Fetched { layer, modified: None, is_new: true, version: None };
            return Ok(Brought::Archive(self.newest(fetched)?));
        }
        *text = head;
        let rest = stream.take(most.saturating_add(1)).read_to_end(text);
        rest.map_err(|source| Error::Read { what: what.to_owned(), source })?;
        match text.len() as u64 > most {
            true => Err(Error::TooLarge { url: what.to_owned(), limit: most }),
            false => Ok(Brought::File(None)),
        }
    }

    /// Opens a file of a layer, through no link.
    fn open(&self, layer: &LayerId, path: &str) -> Result<File, Error> {
        let lost = || Error::Read { what: path.to_owned(), source: io::ErrorKind::NotFound.into() };
        let layer = self.store.layer(layer)?.ok_or_else(lost)?;
        let folder = File::open(&layer.path).map_err(Error::io("open", &layer.path))?;
        read::open_file(folder.as_fd(), &TreePath::from(path))
            .map_err(|source| Error::Read { what: path.to_owned(), source })
    }

    fn unpack(
        &self,
        archive: impl Read + Send,
        what: &str,
        limits: Limits,
        keys: &[ActionKey],
    ) -> Result<LayerId, Error> {
        let failed = |source| Error::Read { what: what.to_owned(), source };
        let (_, content) = decompress::reader(archive).map_err(failed)?;
        let staging = self.store.stage_layer()?;
        let unwritten = |source| Error::Write { what: what.to_owned(), source };
        let mut writer =
            LayerWriter::new(staging.open_fs()?, View::default()).map_err(unwritten)?;
        let bytes = limits.bytes.min(self.config.most_bytes);
        let limits = Limits { bytes, ..limits };
        let options = Extract { limits, ..Extract::default() };
        let content = Checked { content, cancelled: self.cancelled };
        let unpacked = extract(content, &mut writer, &TreePath::root(), options);
        unpacked.map_err(|source| match (self.cancelled)() {
            true => Error::Cancelled,
            false => Error::Archive { what: what.to_owned(), source },
        })?;
        self.keep(staging, writer.finish().map_err(unwritten)?, keys)
    }

    /// The time of an archive that has none: that of its newest file.
    fn newest(&self, fetched: Fetched) -> Result<Fetched, Error> {
        if fetched.modified.is_some() {
            return Ok(fetched);
        }
        let layer = self.store.layer(&fetched.layer)?;
        let modified = layer.and_then(|layer| newest_file(&layer.manifest));
        Ok(Fetched { modified, ..fetched })
    }
}

/// Stops a long stream when the user wants to.
struct Checked<'a, R> {
    content: R,
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.cancelled)() {
            true => Err(io::Error::other("cancelled")),
            false => self.content.read(buffer),
        }
    }
}

fn newest_file(manifest: &LayerManifest) -> Option<i64> {
    let files = manifest.entries().iter().filter(|entry| matches!(entry.kind, Kind::File { .. }));
    files.map(|entry| entry.mtime.seconds).max()
}

fn head(stream: &mut dyn Read, what: &str) -> Result<Vec<u8>, Error> {
    let mut head = Vec::new();
    stream
        .take(HEAD as u64)
        .read_to_end(&mut head)
        .map_err(|source| Error::Read { what: what.to_owned(), source })?;
    Ok(head)
}

/// What begins like something compressed is an archive: a Dockerfile does not.
fn is_archive(head: &[u8]) -> bool {
    Format::of(head) != Format::Plain || decompress::is_archive(head)
}

fn unpack_key(file: &LayerId) -> ActionKey {
    let mut hasher = ContentHasher::new("lapstrake action unpack 1");
    hasher.field(file.to_string().as_bytes());
    ActionKey(hasher.finish())
}
