//! A file behind a URL, as a layer that holds just that.
//!
//! A note keeps what servers said of a URL; whether it still holds is asked each time, unless a
//! checksum says what is wanted. A record leads from name and checksum to a layer with that file,
//! wherever it came from.

use std::io::Read;
use std::time::Duration;

use lapstrake_cache::ActionKey;
use lapstrake_oci::Digest;
use lapstrake_rootfs::{
    ContentHash, ContentHasher, LayerId, LayerManifest, LayerWriter, Meta, Timestamp, TreePath,
    View, WriteError,
};
use ureq::http::HeaderMap;

use super::HttpSource;
use super::body::{Body, Limits};
use super::known::{Fields, Known, MOST};
use super::request::Answer;
use crate::fetcher::Version;
use crate::{Error, Fetched, Fetcher};

/// The mode of a file that was fetched.
const MODE: u32 = 0o600;

impl Fetcher<'_> {
    /// The file of `source` as a layer: mode 0600, owned by root, with the time that the server
    /// gives it or none.
    ///
    /// When the store has a file with the checksum, nobody is asked. What an earlier answer brought
    /// is taken when the server says that it did not change.
    ///
    /// # Errors
    /// When it cannot be had, or is not what the checksum says.
    pub fn http(&self, source: &HttpSource) -> Result<Fetched, Error> {
        // Plain data in memory always encodes.
        let identity = postcard::to_allocvec(source).unwrap_or_default();
        self.once(ContentHash::of(&identity), || self.fetch_file(source))
    }

    fn fetch_file(&self, source: &HttpSource) -> Result<Fetched, Error> {
        if let Some(found) = self.pinned(source)? {
            return Ok(found);
        }
        let _lock = self.store.lock_action(&ActionKey(note_key(source)), &|| (self.cancelled)())?;
        let known = self.known(source)?;
        let (now, version) = match self.client.get(&source.url, &self.secrets, &known)? {
            Answer::Unchanged(same) => (same.clone(), None),
            Answer::Body { headers, reader } => {
                let (now, version) = self.save(source, &headers, reader)?;
                (now, Some(version))
            }
        };
        check(source, &now.digest)?;
        let is_new = version.is_some();
        if is_new {
            self.note(source, &now, known)?;
        }
        Ok(Fetched { layer: now.layer, modified: now.fields.modified, is_new, version })
    }

    /// A layer with the file that the checksum stands for: best what came from the same URL.
    fn pinned(&self, source: &HttpSource) -> Result<Option<Fetched>, Error> {
        let Some(checksum) = &source.checksum else { return Ok(None) };
        let mut known = self.known(source)?.into_iter();
        if let Some(known) = known.find(|known| known.digest == *checksum) {
            let modified = known.fields.modified;
            return Ok(Some(here(known.layer, modified)));
        }
        let Some(layer) = self.recorded(&record_key(source, checksum))? else { return Ok(None) };
        let manifest = self.store.layer(&layer)?.map(|layer| layer.manifest);
        let modified = manifest.and_then(|manifest| time_of(&manifest, source));
        Ok(Some(here(layer, modified)))
    }

    /// Earlier answers whose layers are still here, the latest first.
    fn known(&self, source: &HttpSource) -> Result<Vec<Known>, Error> {
        let note = self.store.note(&note_key(source));
        let known = note.and_then(|bytes| postcard::from_bytes::<Vec<Known>>(&bytes).ok());
        let mut here = Vec::new();
        for known in known.unwrap_or_default().into_iter().take(MOST) {
            if self.store.has_layer(&known.layer)? {
                here.push(known);
            }
        }
        Ok(here)
    }

    fn note(&self, source: &HttpSource, now: &Known, earlier: Vec<Known>) -> Result<(), Error> {
        if !now.fields.is_useful() {
            return Ok(());
        }
        let others = earlier.into_iter().filter(|known| !known.fields.are_of(&now.fields));
        let known: Vec<Known> = std::iter::once(now.clone()).chain(others).take(MOST).collect();
        // Plain data in memory always encodes.
        let bytes = postcard::to_allocvec(&known).unwrap_or_default();
        Ok(self.store.put_note(&note_key(source), &bytes)?)
    }

    /// Writes a body as the layer's only file. One that the checksum does not mean is not kept.
    fn save(
        &self,
        source: &HttpSource,
        headers: &HeaderMap,
        reader: Box<dyn Read + Send>,
    ) -> Result<(Known, Version), Error> {
        let fields = Fields::of(headers);
        let limits = Limits {
            bytes: self.config.most_bytes,
            time: Duration::from_secs(self.config.most_seconds),
            idle: self.config.http.timeouts.idle,
        };
        let gzip = headers.get("content-encoding").is_some_and(|coding| coding == "gzip");
        let url = source.url.to_string();
        let mut body = Body::new(url, reader, gzip, limits, self.cancelled)?;
        let staging = self.store.stage_layer()?;
        let written = LayerWriter::new(staging.open_fs()?, View::default())
            .and_then(|writer| write(writer, &source.name, fields.timestamp(), &mut body));
        let failed = |error| Error::Write { what: source.url.to_string(), source: error };
        let (manifest, digest) = body.finish(written, failed)?;
        check(source, &digest)?;
        let key = record_key(source, &digest);
        let version = self.version(key, &source.name, &digest.to_string())?;
        let layer = self.keep(staging, manifest, &[key])?;
        Ok((Known { fields, digest, layer }, version))
    }
}

fn here(layer: LayerId, modified: Option<i64>) -> Fetched {
    Fetched { layer, modified, is_new: false, version: None }
}

fn write(
    mut writer: LayerWriter,
    name: &str,
    time: Timestamp,
    body: &mut dyn Read,
) -> Result<LayerManifest, WriteError> {
    let path = TreePath::root().join(name.as_bytes());
    writer.file(&path, &Meta::of_root(MODE, time), body)?;
    writer.finish()
}

fn check(source: &HttpSource, found: &Digest) -> Result<(), Error> {
    match &source.checksum {
        Some(expected) if expected != found => {
            Err(Error::Checksum { url: source.url.to_string(), expected: *expected, found: *found })
        }
        _ => Ok(()),
    }
}

/// The time of a layer's file; 0 stands for none.
fn time_of(manifest: &LayerManifest, source: &HttpSource) -> Option<i64> {
    let entry = manifest.entry(&TreePath::root().join(source.name.as_bytes()))?;
    Some(entry.mtime.seconds).filter(|seconds| *seconds != 0)
}

/// Without the login: what a server gives to whom shows in its entity tags.
fn note_key(source: &HttpSource) -> ContentHash {
    let mut hasher = ContentHasher::new("lapstrake note http 1");
    hasher.field(source.url.url.full().as_bytes()).field(source.name.as_bytes());
    hasher.finish()
}

fn record_key(source: &HttpSource, digest: &Digest) -> ActionKey {
    let mut hasher = ContentHasher::new("lapstrake action http 1");
    hasher.field(source.name.as_bytes()).field(digest.to_string().as_bytes());
    ActionKey(hasher.finish())
}
