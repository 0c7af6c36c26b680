//! Documents that names lead to: without them an image is there no more, though nothing says so.

use std::collections::BTreeMap;

use lapstrake_oci::{Digest, Document, MAX_DOCUMENT_SIZE};

use super::{Damage, Fault};
use crate::{Error, Store};

/// The names that lead to manifests, indexes and configs. What an index leads to need not be here.
pub(super) struct Named(BTreeMap<Digest, Vec<String>>);

impl Named {
    pub(super) fn of(store: &Store) -> Result<Self, Error> {
        let mut named: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
        for tag in store.tags()? {
            let bytes = store.read_blob(&tag.manifest, MAX_DOCUMENT_SIZE as u64).ok().flatten();
            let document = bytes.and_then(|bytes| Document::parse(&bytes, None).ok());
            if let Some(Document::Manifest(manifest)) = document {
                named.entry(manifest.config.digest).or_default().push(tag.name.clone());
            }
            named.entry(tag.manifest).or_default().push(tag.name);
        }
        Ok(Self(named))
    }

    /// Those that are not there.
    pub(super) fn missing(&self, store: &Store) -> Vec<Damage> {
        let missing = self.0.keys().filter(|digest| !store.blob_path(digest).exists());
        missing.map(|digest| Damage::new(digest.to_string(), Fault::Missing)).collect()
    }

    /// The names that lead to `damage`.
    pub(super) fn names(&self, damage: &Damage) -> &[String] {
        let names = damage.id.parse().ok().and_then(|digest| self.0.get(&digest));
        names.map(Vec::as_slice).unwrap_or_default()
    }
}
