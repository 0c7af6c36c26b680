//! An image on its way into a registry.
//!
//! Layers go at the same time. One that came as a blob leaves as that blob; one that was built here
//! is packed and compressed while it is sent, and what that gave is remembered, so that the next
//! push only asks whether it is there. The manifest comes last.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lapstrake_oci::{Descriptor, Digest, Document, Platform, Reference};
use lapstrake_registry::{Client, Uploaded};

use crate::attestation::{self, Attested};
use crate::images::{LayerState, Report};
use crate::packing::{self, PackReader, Packable, Packed, Packing};
use crate::root::Root;
use crate::sending::{Counted, Sending};
use crate::{Error, Form, Images, Progress, ResolvedImage, parallel};

/// Layers that are sent at the same time.
const WORKERS: usize = 4;

/// What a push came to.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Digest of the manifest or index in the registry.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Of each layer, bottom first: the digest of the blob, and how it came there.
    pub layers: Vec<(Digest, Uploaded)>,
}

impl Images<'_> {
    /// Sends the image that is called `reference` in the store to the registry of that name; of an
    /// index, all images that are here, and then the index. The tag is set there last, when
    /// everything is there. Idempotent.
    ///
    /// # Errors
    /// When there is no such image here, something of it is missing, or the registry refuses.
    pub fn push(
        &self,
        reference: &Reference,
        form: &Form,
        report: Report<'_>,
    ) -> Result<Pushed, Error> {
        self.push_for(reference, None, form, report)
    }

    /// As [`Images::push`]; of an index, with a platform only the image for that, as itself.
    ///
    /// # Errors
    /// As [`Images::push`], and when there is none for the platform.
    pub fn push_for(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        form: &Form,
        report: Report<'_>,
    ) -> Result<Pushed, Error> {
        let _lease = self.store.lease()?;
        let missing = || Error::NoSuchImage { name: reference.familiar() };
        let mut document = self.named(&reference.to_string())?.ok_or_else(missing)?;
        if platform.is_some() {
            document = self.chosen(&reference.to_string(), platform)?.digest;
        }
        let Root { indexes, images, is_whole } = self.root(&document)?;
        let layers = images.iter().flat_map(|image| &image.manifest.layers);
        let push = Push {
            images: self,
            client: self.client()?,
            reference,
            form,
            report,
            sent: AtomicU64::new(0),
            total: layers.map(|layer| layer.size).sum(),
            sending: Sending::default(),
        };
        let pushed = match (&images[..], &indexes[..]) {
            ([], _) => return Err(missing()),
            (_, [index]) if is_whole => push.index(&images, Some(index))?,
            _ if !form.attestations.is_empty() => push.index(&images, None)?,
            ([only], []) => push.image(only, reference)?.0,
            ([only], _) if !is_whole => push.image(only, reference)?.0,
            _ => push.index(&images, None)?,
        };
        report(Progress::Ready { digest: pushed.digest });
        Ok(pushed)
    }
}

/// One push.
struct Push<'a> {
    images: &'a Images<'a>,
    client: &'a Client,
    reference: &'a Reference,
    form: &'a Form,
    report: Report<'a>,
    /// Bytes of layers that are done, as the store has them.
    sent: AtomicU64,
    total: u64,
    sending: Sending,
}

type Layer = (Descriptor, Uploaded);

impl Push<'_> {
    /// Sends an image; `name` is its tag, or only its repository and the digest that it has here.
    /// Returns also what an index says of it.
    fn image(
        &self,
        image: &ResolvedImage,
        name: &Reference,
    ) -> Result<(Pushed, Descriptor), Error> {
        let layers = self.layers(image)?;
        self.blob(&image.manifest.config, &Arc::default())?;
        let described: Vec<Descriptor> = layers.iter().map(|(layer, _)| layer.clone()).collect();
        let (entry, bytes) = self.images.outgoing_manifest(image, described, self.form)?;
        let name = match name.digest() {
            Some(_) => name.with_digest(entry.digest),
            None => name.clone(),
        };
        let digest = self.client.push_document(&name, &entry.media_type, &bytes)?;
        let layers = layers.into_iter().map(|(layer, how)| (layer.digest, how)).collect();
        Ok((Pushed { digest, size: bytes.len() as u64, layers }, entry))
    }

    /// Sends images by their digests, and then an index of them: `own`, when they are what it
    /// leads to as they are.
    fn index(&self, images: &[ResolvedImage], own: Option<&Digest>) -> Result<Pushed, Error> {
        let (mut layers, mut entries) = (Vec::new(), Vec::new());
        let mut is_own = !self.form.marks_index() && self.form.attestations.is_empty();
        let mut said = Vec::new();
        for image in images {
            let name = self.reference.with_digest(image.digest);
            let (pushed, entry) = self.image(image, &name)?;
            is_own &= pushed.digest == image.digest;
            layers.extend(pushed.layers);
            let names = std::slice::from_ref(self.reference);
            said.extend(attestation::attest(&entry, names, &self.form.attestations)?);
            entries.push((image.digest, entry));
        }
        for said in &said {
            entries.push((said.manifest.0.digest, self.attested(said)?));
        }
        let stored = own.map(|own| self.images.stored_document(own)).transpose()?.flatten();
        let (entry, bytes) = match (own, stored) {
            (Some(own), _) if is_own => self.images.descriptor(own)?,
            (_, Some(Document::Index(index))) => self.form.index(entries, Some(&index))?,
            _ => self.form.index(entries, None)?,
        };
        let digest = self.client.push_document(self.reference, &entry.media_type, &bytes)?;
        Ok(Pushed { digest, size: bytes.len() as u64, layers })
    }

    /// Sends what is said about an image; returns its entry in an index.
    fn attested(&self, said: &Attested) -> Result<Descriptor, Error> {
        for (blob, bytes) in &said.blobs {
            let content = |offset: u64| -> io::Result<Box<dyn Read + Send>> {
                let mut content = io::Cursor::new(bytes.clone());
                content.set_position(offset);
                Ok(Box::new(content))
            };
            self.client.push_blob(self.reference, blob, None, &content)?;
        }
        let (entry, bytes) = &said.manifest;
        let name = self.reference.with_digest(entry.digest);
        self.client.push_document(&name, &entry.media_type, bytes)?;
        Ok(entry.clone())
    }

    /// Sends all layers; returns their descriptors in the registry, bottom first.
    fn layers(&self, image: &ResolvedImage) -> Result<Vec<Layer>, Error> {
        let work: Vec<(&Descriptor, Digest)> = image.layers().collect();
        self.sending.told(self.report, || {
            parallel::each(&work, WORKERS, |(layer, diff_id)| self.layer(layer, *diff_id))
        })
    }

    fn layer(&self, descriptor: &Descriptor, diff_id: Digest) -> Result<Layer, Error> {
        let is_blob = self.images.store.has_blob(&descriptor.digest, descriptor.size);
        let read = self.sending.begin(descriptor);
        let result = match self.form.packs(descriptor, is_blob) {
            true => self.packed(descriptor, diff_id, &read),
            false => self.blob(descriptor, &read).map(|how| (descriptor.clone(), how)),
        };
        self.sending.end(descriptor);
        let result = result?;
        self.tell(descriptor, result.1);
        let sent = self.sent.fetch_add(descriptor.size, Ordering::Relaxed) + descriptor.size;
        (self.report)(Progress::Uploading { done: sent, total: self.total });
        Ok(result)
    }

    fn tell(&self, layer: &Descriptor, how: Uploaded) {
        let state = match how {
            Uploaded::Existed => LayerState::Existed,
            Uploaded::Mounted => LayerState::Mounted,
            Uploaded::Sent => LayerState::Arrived,
        };
        let (digest, total) = (layer.digest, layer.size);
        (self.report)(Progress::Layer { digest, done: total, total, state });
    }

    /// A blob of the store, or a layer as its plain tar, under the digest that it has there. What is
    /// read of it is counted in `read`.
    fn blob(&self, descriptor: &Descriptor, read: &Arc<AtomicU64>) -> Result<Uploaded, Error> {
        let digest = descriptor.digest;
        let stored = |offset: u64| -> io::Result<Box<dyn Read + Send>> {
            read.store(offset, Ordering::Relaxed);
            let read = Arc::clone(read);
            if let Some(mut file) =
                self.images.store.open_blob(&digest).map_err(io::Error::other)?
            {
                file.seek(SeekFrom::Start(offset))?;
                return Ok(Box::new(Counted { reader: file, read }));
            }
            let packable = self.images.packable(descriptor, digest).map_err(io::Error::other)?;
            let reader = pack(packable, Packing::Plain, Packed::default(), offset)?;
            Ok(Box::new(Counted { reader, read }))
        };
        let other = self.images.neighbour(self.reference, &digest)?;
        let how = self.client.push_blob(self.reference, descriptor, other.as_deref(), &stored)?;
        self.images.store.put_place(&digest, &self.reference.name())?;
        Ok(how)
    }

    /// A layer, compressed: what an earlier push made of it when the registry has that, else packed
    /// now.
    fn packed(
        &self,
        descriptor: &Descriptor,
        diff_id: Digest,
        read: &Arc<AtomicU64>,
    ) -> Result<Layer, Error> {
        let (store, packing) = (self.images.store, self.form.packing);
        let (kind, media_type) = (packing.to_string(), packing.media_type());
        if let Some((digest, size)) = store.packed(&diff_id, &kind)? {
            let known = Descriptor::new(media_type.clone(), digest, size);
            if self.client.has_blob(self.reference, &digest)? {
                return Ok((known, Uploaded::Existed));
            }
            if let Some(other) = self.images.neighbour(self.reference, &digest)?
                && self.client.mount_blob(self.reference, &digest, &other)?
            {
                return Ok((known, Uploaded::Mounted));
            }
        }
        let packed = Packed::default();
        let content = |offset| {
            let packable = self.images.packable(descriptor, diff_id).map_err(io::Error::other)?;
            let reader = pack(packable, packing, packed.clone(), offset)?;
            read.store(offset, Ordering::Relaxed);
            Ok::<Box<dyn Read + Send>, io::Error>(Box::new(Counted {
                reader,
                read: Arc::clone(read),
            }))
        };
        let result = || packing::made(&packed).unwrap_or((diff_id, 0));
        let what = format!("the layer {diff_id} of {}", self.reference.name());
        self.client.push_stream(self.reference, &what, &content, &|| result().0)?;
        let (digest, size) = result();
        store.put_packed(&diff_id, &kind, &digest, size)?;
        store.put_place(&digest, &self.reference.name())?;
        Ok((Descriptor::new(media_type, digest, size), Uploaded::Sent))
    }
}

/// A layer as it is packed, from `offset` on.
fn pack(
    layer: Packable,
    packing: Packing,
    packed: Packed,
    offset: u64,
) -> io::Result<Box<dyn Read + Send>> {
    let mut reader = PackReader::new(layer, packing, packed)?;
    io::copy(&mut (&mut reader).take(offset), &mut io::sink())?;
    Ok(Box::new(reader))
}
