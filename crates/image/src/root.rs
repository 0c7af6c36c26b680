//! What a name stands for: a manifest, or an index that leads to the images of several platforms.

use std::collections::{BTreeMap, BTreeSet};

use lapstrake_cache::Tag;
use lapstrake_oci::{
    Descriptor, Digest, Document, MAX_DOCUMENT_SIZE, MAX_INDEX_DEPTH, Platform, Reference,
};

use crate::list::Names;
use crate::{Error, Images, ResolvedImage};

/// A document that a name stands for, with all that it leads to.
#[derive(Debug, Default)]
pub(crate) struct Root {
    /// The indexes, itself first when it is one.
    pub(crate) indexes: Vec<Digest>,
    /// The images that are here, in the order of the indexes.
    pub(crate) images: Vec<ResolvedImage>,
    /// Whether nothing that it leads to is missing.
    pub(crate) is_whole: bool,
}

impl Images<'_> {
    /// That a blob is not here, with the names of what has it.
    pub(crate) fn blob_missing(&self, digest: Digest) -> Error {
        let has = |image: &ResolvedImage| {
            let is_layer =
                |(blob, diff_id): (&Descriptor, Digest)| blob.digest == digest || diff_id == digest;
            image.digest == digest || image.id() == digest || image.layers().any(is_layer)
        };
        let leads_there = |tag: &Tag| {
            tag.manifest == digest
                || self.root(&tag.manifest).is_ok_and(|root| root.images.iter().any(has))
        };
        // What cannot be read has no name to tell.
        let tags = self.store.tags().unwrap_or_default();
        let names = tags.iter().filter(|tag| leads_there(tag));
        let names = names.filter_map(|tag| Reference::parse(&tag.name).ok());
        let names: Vec<String> = names.map(|name| name.familiar()).collect();
        let images = if names.is_empty() { "its image".to_owned() } else { names.join(" or ") };
        Error::BlobMissing { digest, images }
    }

    /// What the manifest or index `digest` leads to. Nothing when it is not here.
    ///
    /// # Errors
    /// When something on the way is damaged.
    pub(crate) fn root(&self, digest: &Digest) -> Result<Root, Error> {
        let mut root = Root { is_whole: true, ..Root::default() };
        let mut seen = BTreeSet::new();
        let mut level = vec![*digest];
        for _ in 0..=MAX_INDEX_DEPTH {
            let mut next = Vec::new();
            for digest in level {
                if seen.insert(digest) {
                    self.follow(digest, &mut root, &mut next)?;
                }
            }
            if next.is_empty() {
                return Ok(root);
            }
            level = next;
        }
        Err(Error::IndexDepth { what: digest.to_string(), limit: MAX_INDEX_DEPTH })
    }

    /// Adds one document to `root`, and what it leads to further to `next`.
    fn follow(&self, digest: Digest, root: &mut Root, next: &mut Vec<Digest>) -> Result<(), Error> {
        match self.stored_document(&digest)? {
            Some(Document::Index(index)) => {
                next.extend(index.manifests.iter().map(|entry| entry.digest));
                root.indexes.push(digest);
            }
            Some(Document::Manifest(_)) => match self.image(&digest) {
                Ok(Some(image)) => root.images.push(image),
                // Attestations are manifests, and no images; they are not kept.
                Ok(None) | Err(Error::NotImage { .. }) => root.is_whole = false,
                Err(error) => return Err(error),
            },
            None => root.is_whole = false,
        }
        Ok(())
    }

    /// The image of `root` that is meant where no platform is: this machine's, else the first one.
    pub(crate) fn usual(&self, root: &Digest) -> Result<Option<ResolvedImage>, Error> {
        match self.select_stored(root, &Platform::host()) {
            Ok(Some(image)) => Ok(Some(image)),
            Ok(None) | Err(Error::NoPlatform { .. }) => {
                Ok(self.root(root)?.images.into_iter().next())
            }
            Err(error) => Err(error),
        }
    }

    /// The names of every image that has one.
    pub(crate) fn names_by_manifest(&self) -> Result<BTreeMap<Digest, Names>, Error> {
        let mut roots: BTreeMap<Digest, Vec<Tag>> = BTreeMap::new();
        for tag in self.store.tags()? {
            roots.entry(tag.manifest).or_default().push(tag);
        }
        let mut names: BTreeMap<Digest, Names> = BTreeMap::new();
        for (root, tags) in roots {
            // What a damaged document leads to cannot be known.
            let images = self.root(&root).map(|root| root.images).unwrap_or_default();
            for image in images {
                names.entry(image.digest).or_default().add(&tags);
            }
        }
        for names in names.values_mut() {
            names.sort();
        }
        Ok(names)
    }

    /// Every index in the store, in order of their digests.
    pub(crate) fn indexes(&self) -> Result<Vec<Digest>, Error> {
        let mut blobs = self.store.blobs()?;
        blobs.retain(|(_, size)| *size <= MAX_DOCUMENT_SIZE as u64);
        blobs.sort_unstable();
        let is_index = |digest: &Digest| {
            let is_json = self.could_be_json(digest);
            is_json && matches!(self.stored_document(digest), Ok(Some(Document::Index(_))))
        };
        Ok(blobs.into_iter().map(|(digest, _)| digest).filter(is_index).collect())
    }
}

impl Names {
    fn add(&mut self, tags: &[Tag]) {
        for tag in tags {
            let Ok(reference) = Reference::parse(&tag.name) else { continue };
            self.updated = self.updated.max(tag.updated);
            match reference.digest() {
                Some(_) => self.digests.push(reference),
                None => self.tags.push(reference),
            }
        }
    }

    fn sort(&mut self) {
        self.tags.sort_by_cached_key(ToString::to_string);
        self.digests.sort_by_cached_key(ToString::to_string);
    }
}
