//! `manifest`: lists of images for several platforms, put together from what registries have.
//!
//! A list is an index in the store under its name; none of its images need be here. What it leads to
//! is looked for in the repositories that it was taken from when it is pushed.

use std::io::{self, Read};

use lapstrake_oci::{
    Descriptor, Digest, Document, Index, Manifest, MediaType, Platform, Reference,
};
use lapstrake_registry::{Client, Resolved};

use crate::{Error, Images};

/// What is to be changed of the platform of an entry; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlatformChange {
    /// `linux`.
    pub os: Option<String>,
    /// `arm64`.
    pub architecture: Option<String>,
    /// `v8`.
    pub variant: Option<String>,
    /// `10.0.17763.1`.
    pub os_version: Option<String>,
    /// `win32k`.
    pub os_features: Vec<String>,
}

impl Images<'_> {
    /// What the registry has about the manifest or index that it knows by this name.
    ///
    /// # Errors
    /// When there is none, or the registry does not say.
    pub fn referrers(&self, reference: &Reference) -> Result<Vec<Descriptor>, Error> {
        let subject = match reference.digest() {
            Some(digest) => digest,
            None => self.remote_document(reference)?.digest,
        };
        Ok(self.client()?.referrers(reference, &subject)?)
    }

    /// What a registry has under a name: the manifest or index as it came.
    ///
    /// # Errors
    /// As [`Client::resolve`].
    pub fn remote_document(&self, reference: &Reference) -> Result<Resolved, Error> {
        Ok(self.client()?.resolve(reference)?)
    }

    /// The manifest that an entry of an index in a registry leads to.
    ///
    /// # Errors
    /// As [`Client::manifest`].
    pub fn remote_entry(
        &self,
        reference: &Reference,
        entry: &Descriptor,
    ) -> Result<Resolved, Error> {
        Ok(self.client()?.manifest(reference, entry)?)
    }

    /// Makes a list of images that registries have, or with `amend` adds them to the list that has
    /// the name. The entries of a source that is a list itself are taken one by one. An entry that is
    /// there already is replaced. Returns the list's digest.
    ///
    /// # Errors
    /// [`Error::ListExists`] when something else has the name; when a registry does not have a source.
    pub fn create_list(
        &self,
        name: &Reference,
        sources: &[Reference],
        amend: bool,
    ) -> Result<Digest, Error> {
        let _lease = self.store.lease()?;
        let before = match self.named(&name.to_string())? {
            None => None,
            Some(_) if amend => Some(self.list_called(name)?),
            Some(_) => return Err(Error::ListExists { name: name.familiar() }),
        };
        let mut entries = before.map(|index| index.manifests).unwrap_or_default();
        for source in sources {
            for entry in self.entries(source)? {
                entries.retain(|known| known.digest != entry.digest);
                self.store.put_place(&entry.digest, &source.name())?;
                entries.push(entry);
            }
        }
        let is_docker = |entry: &Descriptor| entry.media_type == MediaType::DockerManifest;
        let media_type = match !entries.is_empty() && entries.iter().all(is_docker) {
            true => MediaType::DockerManifestList,
            false => MediaType::OciIndex,
        };
        self.store_list(name, &Index::new(media_type, entries))
    }

    /// Changes what platform an entry of a list is for. `entry` is the name that it was taken from, or
    /// has its digest.
    ///
    /// # Errors
    /// When there is no such list, or no such entry in it.
    pub fn annotate_list(
        &self,
        name: &Reference,
        entry: &Reference,
        change: &PlatformChange,
    ) -> Result<(), Error> {
        let _lease = self.store.lease()?;
        let mut index = self.list_called(name)?;
        let digest = match entry.digest() {
            Some(digest) => digest,
            None => self.client()?.resolve(entry)?.digest,
        };
        let found = index.manifests.iter_mut().find(|known| known.digest == digest);
        let found = found
            .ok_or_else(|| Error::NoEntry { list: name.familiar(), entry: entry.familiar() })?;
        let before = found.platform.take().unwrap_or_else(|| Platform::new("", "", ""));
        found.platform = Some(changed(before, change));
        self.store_list(name, &index)?;
        Ok(())
    }

    /// Sends a list to the registry of its name, after what it leads to: that is mounted there, or
    /// copied from where it was taken. Returns digest and size.
    ///
    /// # Errors
    /// When there is no such list, something of it is nowhere any more, or a registry refuses.
    pub fn push_list(&self, name: &Reference) -> Result<(Digest, u64), Error> {
        let _lease = self.store.lease()?;
        let index = self.list_called(name)?;
        for entry in &index.manifests {
            self.copy(entry, name)?;
        }
        let media_type = index.media_type.clone().unwrap_or(MediaType::OciIndex);
        let bytes = index.to_bytes().map_err(Error::document("the index"))?;
        let digest = self.client()?.push_document(name, &media_type, &bytes)?;
        Ok((digest, bytes.len() as u64))
    }

    /// The bytes of a list that is here; `None` when nothing, or no list, has the name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stored_list(&self, name: &Reference) -> Result<Option<Index>, Error> {
        match self.named(&name.to_string())? {
            None => Ok(None),
            Some(digest) => match self.stored_document(&digest)? {
                Some(Document::Index(index)) => Ok(Some(*index)),
                _ => Ok(None),
            },
        }
    }

    fn list_called(&self, name: &Reference) -> Result<Index, Error> {
        self.stored_list(name)?.ok_or_else(|| Error::NoList { name: name.familiar() })
    }

    fn store_list(&self, name: &Reference, index: &Index) -> Result<Digest, Error> {
        let bytes = index.to_bytes().map_err(Error::document("the index"))?;
        let digest = self.store.put_blob(&bytes)?;
        self.store.sync()?;
        self.store.set_tag(&name.to_string(), &digest)?;
        Ok(digest)
    }

    /// What a source adds to a list.
    fn entries(&self, source: &Reference) -> Result<Vec<Descriptor>, Error> {
        let client = self.client()?;
        let resolved = client.resolve(source)?;
        let manifest = match &resolved.document {
            Document::Index(index) => return Ok(index.manifests.clone()),
            Document::Manifest(manifest) => manifest,
        };
        let mut entry = resolved.descriptor();
        if manifest.config.media_type.is_config() {
            let (_, config) = client.config(source, manifest)?;
            entry.platform = Some(config.platform());
        }
        Ok(vec![entry])
    }

    /// Sees to it that the repository of `to` has the manifest that an entry leads to, and what that
    /// needs.
    fn copy(&self, entry: &Descriptor, to: &Reference) -> Result<(), Error> {
        let client = self.client()?;
        if client.has_document(to, &entry.digest)? {
            return Ok(());
        }
        let mut failed = self.blob_missing(entry.digest);
        for place in self.store.places(&entry.digest)? {
            let Ok(from) = Reference::parse(&place) else { continue };
            match client.manifest(&from, entry) {
                Ok(resolved) => return copy_manifest(client, &resolved, &from, to),
                Err(error) => failed = error.into(),
            }
        }
        Err(failed)
    }
}

fn copy_manifest(
    client: &Client,
    resolved: &Resolved,
    from: &Reference,
    to: &Reference,
) -> Result<(), Error> {
    if let Document::Manifest(manifest) = &resolved.document {
        copy_blobs(client, manifest, from, to)?;
    }
    let name = to.with_digest(resolved.digest);
    client.push_document(&name, &resolved.media_type, &resolved.bytes)?;
    Ok(())
}

fn copy_blobs(
    client: &Client,
    manifest: &Manifest,
    from: &Reference,
    to: &Reference,
) -> Result<(), Error> {
    let neighbour = (from.registry() == to.registry()).then(|| from.repository());
    let blobs = manifest.layers.iter().chain([&manifest.config]);
    for blob in blobs.filter(|blob| !blob.media_type.is_foreign_layer()) {
        let content = |offset: u64| -> io::Result<Box<dyn Read + Send>> {
            let mut reader = client.blob(from, blob).map_err(io::Error::other)?;
            io::copy(&mut reader.by_ref().take(offset), &mut io::sink())?;
            Ok(Box::new(reader))
        };
        client.push_blob(to, blob, neighbour, &content)?;
    }
    Ok(())
}

fn changed(before: Platform, change: &PlatformChange) -> Platform {
    let or = |change: &Option<String>, before: String| change.clone().unwrap_or(before);
    let features = match change.os_features.is_empty() {
        true => before.os_features,
        false => change.os_features.clone(),
    };
    Platform {
        os: or(&change.os, before.os),
        architecture: or(&change.architecture, before.architecture),
        variant: or(&change.variant, before.variant),
        os_version: or(&change.os_version, before.os_version),
        os_features: features,
        ..before
    }
}
