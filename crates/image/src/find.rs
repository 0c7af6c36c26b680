//! Finding an image by what a user types: a name, an id, or the beginning of one. And naming it.

use std::collections::{BTreeMap, BTreeSet};

use lapstrake_oci::{Digest, Platform, Reference};

use crate::{Error, Images, ResolvedImage};

impl Images<'_> {
    /// The image that `name` is a name, the id, or a beginning of the id of. Names win. An id may
    /// be written with or without `sha256:`, and the digest of a manifest or index will do as well.
    /// Of several images with one name, this machine's, else the first one.
    ///
    /// # Errors
    /// [`Error::NoSuchImage`], [`Error::AmbiguousId`], or when the store cannot be read.
    pub fn find(&self, name: &str) -> Result<ResolvedImage, Error> {
        let image = self.usual(&self.look_up(name)?.root)?;
        image.ok_or_else(|| Error::NoSuchImage { name: name.to_owned() })
    }

    /// As [`Images::find`], of several images with one name that for `platform`. An image that is
    /// alone is taken whatever its platform is.
    ///
    /// # Errors
    /// As [`Images::find`]; [`Error::NoPlatform`] when there are others only.
    pub fn find_for(&self, name: &str, platform: &Platform) -> Result<ResolvedImage, Error> {
        let image = self.select_stored(&self.look_up(name)?.root, platform)?;
        image.ok_or_else(|| Error::NoSuchImage { name: name.to_owned() })
    }

    /// As [`Images::find`], but with a platform only an image that is really for it.
    ///
    /// # Errors
    /// As [`Images::find_for`].
    pub fn chosen(&self, name: &str, platform: Option<&Platform>) -> Result<ResolvedImage, Error> {
        let Some(platform) = platform else { return self.find(name) };
        let image = self.find_for(name, platform)?;
        let is = image.config.platform();
        if platform.accepts(&is) {
            return Ok(image);
        }
        let (what, wanted) = (name.to_owned(), Box::new(platform.clone()));
        Err(Error::NoPlatform { what, wanted, offered: vec![is] })
    }

    /// What `name` stands for, as in [`Images::find`].
    pub(crate) fn look_up(&self, name: &str) -> Result<Found, Error> {
        if let Some(root) = self.named(name)? {
            return Ok(Found { root, is_name: true });
        }
        let root = self.by_id(name)?.ok_or_else(|| Error::NoSuchImage { name: name.to_owned() })?;
        Ok(Found { root, is_name: false })
    }

    /// The manifest or index with this very name.
    pub(crate) fn named(&self, name: &str) -> Result<Option<Digest>, Error> {
        let Ok(reference) = Reference::parse(name) else {
            return Ok(None);
        };
        let lookup = match reference.digest() {
            Some(digest) => reference.with_digest(digest).to_string(),
            None => reference.to_string(),
        };
        let is_here = |digest: &Digest| Ok(self.stored_document(digest)?.map(|_| *digest));
        match reference.digest() {
            Some(digest) if self.store.tag(&lookup)?.is_none() => {
                match self.has_repository(&reference)? {
                    true => is_here(&digest),
                    false => Ok(None),
                }
            }
            _ => self.through_name(&lookup, &is_here),
        }
    }

    /// What `look` finds of that which a stored name stands for. Where it is gone and the name stands for another
    /// image by now, a build moved the name and somebody removed what had it before: then that other one counts.
    pub(crate) fn through_name<T>(
        &self,
        name: &str,
        look: &dyn Fn(&Digest) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let mut before = None;
        loop {
            let manifest = self.store.tag(name)?.map(|tag| tag.manifest);
            let Some(manifest) = manifest.filter(|digest| before != Some(*digest)) else {
                return Ok(None);
            };
            match look(&manifest)? {
                None => before = Some(manifest),
                found => return Ok(found),
            }
        }
    }

    /// Whether something in the store has a name of this repository.
    fn has_repository(&self, reference: &Reference) -> Result<bool, Error> {
        let repository = reference.name();
        let tags = self.store.tags()?;
        Ok(tags.iter().any(|tag| repository_of(&tag.name).is_some_and(|name| name == repository)))
    }

    fn by_id(&self, name: &str) -> Result<Option<Digest>, Error> {
        let prefix = name.strip_prefix("sha256:").unwrap_or(name);
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(is_hex) {
            return Ok(None);
        }
        let named: BTreeSet<Digest> =
            self.store.tags()?.into_iter().map(|tag| tag.manifest).collect();
        // By id, the manifest or index.
        let mut found: BTreeMap<Digest, Digest> = BTreeMap::new();
        for image in self.all()? {
            let is_manifest = prefix.len() == 64 && image.digest.hex() == prefix;
            let is_meant = is_manifest || image.id().hex().starts_with(prefix);
            // The same config may have come with layers compressed in two ways.
            let is_better = is_manifest || named.contains(&image.digest);
            if is_meant && (is_better || !found.contains_key(&image.id())) {
                found.insert(image.id(), image.digest);
            }
        }
        let indexes = self.indexes()?.into_iter().filter(|digest| digest.hex().starts_with(prefix));
        found.extend(indexes.map(|digest| (digest, digest)));
        match found.len() {
            0 | 1 => Ok(found.into_values().next()),
            count => Err(Error::AmbiguousId { prefix: prefix.to_owned(), count }),
        }
    }

    /// Gives the image that `source` names (as in [`Images::find`]) one more name. A name that
    /// stood for another image moves. Atomic and idempotent.
    ///
    /// # Errors
    /// As [`Images::find`]; when `target` has a digest.
    pub fn tag(&self, source: &str, target: &Reference) -> Result<(), Error> {
        if target.digest().is_some() {
            return Err(Error::DigestAsTag { name: target.familiar() });
        }
        let _lease = self.store.lease()?;
        let root = self.look_up(source)?.root;
        // Looked up, its layers stay until it has the name, though nothing else may lead to them.
        for image in self.root(&root)?.images {
            self.has_layers(&image)?;
        }
        self.store.set_tag(&target.to_string(), &root)?;
        Ok(())
    }
}

/// What a user's name or id leads to.
pub(crate) struct Found {
    /// A manifest or an index that is here.
    pub(crate) root: Digest,
    /// Whether it was a name, not an id.
    pub(crate) is_name: bool,
}

/// Registry and repository of a stored name.
pub(crate) fn repository_of(name: &str) -> Option<String> {
    Reference::parse(name).ok().map(|reference| reference.name())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::cell::Cell;

    use lapstrake_cache::Store;
    use lapstrake_registry::ClientConfig;

    use super::*;

    #[test]
    fn a_name_that_moves_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let images = Images::new(&store, ClientConfig::default());
        let [old, new] = [&b"old"[..], b"new"].map(Digest::of);
        store.set_tag("name", &old).unwrap();
        // A build moves the name after it was read, and what had it is removed.
        let moved = |digest: &Digest| {
            store.set_tag("name", &new)?;
            Ok((*digest == new).then_some(*digest))
        };
        assert_eq!(images.through_name("name", &moved).unwrap(), Some(new));
        let looks = Cell::new(0);
        let gone = |_: &Digest| {
            looks.set(looks.get() + 1);
            Ok(None::<()>)
        };
        assert_eq!((images.through_name("name", &gone).unwrap(), looks.get()), (None, 1));
        assert_eq!(images.through_name("no name", &gone).unwrap(), None);
    }
}
