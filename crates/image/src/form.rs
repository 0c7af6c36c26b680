//! The form in which an image leaves: how its layers are compressed, in whose words its documents
//! speak, what is noted on them.

use lapstrake_oci::{
    Annotated, Annotations, Compression, Descriptor, Digest, Index, MAX_DOCUMENT_SIZE, Manifest,
    MediaType, Platform,
};

use crate::{Attestation, Error, Images, Packing, ResolvedImage};

/// The form in which an image leaves. By default it is as it is in the store.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// How layers that were built here are compressed.
    pub packing: Packing,
    /// Whether the others, which leave bit for bit as they came, are compressed like that as well.
    pub repack: bool,
    /// Whether the documents have Docker's media types in place of OCI's.
    pub docker_types: bool,
    /// What is noted on the documents.
    pub annotations: Annotations,
    /// What is said about the images, beside them in an index.
    pub attestations: Vec<Attestation>,
}

impl Form {
    /// Whether this layer is packed on its way out; `is_blob` when its bytes are in the store.
    pub(crate) fn packs(&self, layer: &Descriptor, is_blob: bool) -> bool {
        let compression = layer.media_type.compression();
        match is_blob || compression != Some(Compression::None) {
            true => self.repack && compression != Some(self.packing.compression()),
            false => self.packing != Packing::Plain,
        }
    }

    /// Whether layers leave in `other` as they leave in this form.
    pub fn packs_like(&self, other: &Self) -> bool {
        (self.packing, self.repack) == (other.packing, other.repack)
    }

    /// The manifest of `image` with these layers.
    fn manifest(&self, image: &ResolvedImage, layers: Vec<Descriptor>) -> Manifest {
        let mut manifest = Manifest { layers, ..image.manifest.clone() };
        if self.docker_types {
            manifest.media_type = Some(MediaType::DockerManifest);
            manifest.config.media_type = MediaType::DockerConfig;
            for layer in &mut manifest.layers {
                if let Some(compression) = layer.media_type.compression() {
                    layer.media_type = MediaType::DockerLayer(compression);
                }
            }
        }
        let platform = image.config.platform();
        manifest.annotations.extend(self.annotations.on(Annotated::Manifest, Some(&platform)));
        manifest
    }

    /// What an index says of a manifest for `platform`.
    fn entry(&self, manifest: Descriptor, platform: Platform) -> Descriptor {
        let annotations = self.annotations.on(Annotated::ManifestDescriptor, Some(&platform));
        Descriptor { platform: Some(platform), annotations, ..manifest }
    }

    /// An index of these manifests, each with the digest that it has in the store; with what `own`,
    /// which led to them there, notes on itself and on them.
    pub(crate) fn index(
        &self,
        mut entries: Vec<(Digest, Descriptor)>,
        own: Option<&Index>,
    ) -> Result<(Descriptor, Vec<u8>), Error> {
        for (stored, entry) in &mut entries {
            let known = own.into_iter().flat_map(|own| &own.manifests);
            if let Some(known) = known.into_iter().find(|known| known.digest == *stored) {
                let noted = std::mem::take(&mut entry.annotations);
                entry.annotations = known.annotations.clone();
                entry.annotations.extend(noted);
            }
        }
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        let media_type = match self.docker_types {
            true => MediaType::DockerManifestList,
            false => MediaType::OciIndex,
        };
        let mut index = Index::new(media_type.clone(), entries);
        if let Some(own) = own {
            index.annotations.clone_from(&own.annotations);
        }
        index.annotations.extend(self.annotations.on(Annotated::Index, None));
        let bytes = index.to_bytes().map_err(Error::document("the index"))?;
        let mut entry = Descriptor::of(media_type, &bytes);
        entry.annotations = self.annotations.on(Annotated::IndexDescriptor, None);
        Ok((entry, bytes))
    }

    /// Whether there is something to be noted on an index or in it.
    pub(crate) fn marks_index(&self) -> bool {
        self.annotations.0.iter().any(|annotation| annotation.on != Annotated::Manifest)
    }
}

impl Images<'_> {
    /// The manifest of `image` as it leaves with these layers, and what an index says of it. It is
    /// the image's own one when nothing is different.
    pub(crate) fn outgoing_manifest(
        &self,
        image: &ResolvedImage,
        layers: Vec<Descriptor>,
        form: &Form,
    ) -> Result<(Descriptor, Vec<u8>), Error> {
        let manifest = form.manifest(image, layers);
        let media_type = manifest.media_type.clone().unwrap_or(MediaType::OciManifest);
        let bytes = match manifest == image.manifest {
            true => {
                let bytes = self.store.read_blob(&image.digest, MAX_DOCUMENT_SIZE as u64)?;
                bytes.ok_or_else(|| self.blob_missing(image.digest))?
            }
            false => manifest.to_bytes().map_err(Error::document("the manifest"))?,
        };
        let descriptor = Descriptor::of(media_type, &bytes);
        Ok((form.entry(descriptor, image.config.platform()), bytes))
    }
}
