//! What a registry has of an image before anything is sent.

use lapstrake_oci::{Descriptor, Digest, Reference};

use crate::{Error, Form, Images, parallel};

/// Blobs that are asked for at the same time.
const WORKERS: usize = 4;

impl Images<'_> {
    /// Whether a push of these layers to all `names` in this form would send none of their bytes: of
    /// each layer, whether it leaves as it is, and every repository has it or takes it from another one
    /// of its registry, which it then has done. An answer that cannot be had is a no.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn delivered(
        &self,
        names: &[Reference],
        form: &Form,
        layers: &[Descriptor],
    ) -> Result<Vec<bool>, Error> {
        parallel::each(layers, WORKERS, |layer| {
            if form.packs(layer, false) {
                return Ok(false);
            }
            for name in names {
                if !self.is_there(name, &layer.digest)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn is_there(&self, name: &Reference, digest: &Digest) -> Result<bool, Error> {
        let Ok(client) = self.client() else { return Ok(false) };
        // A push says what is wrong with the registry.
        if client.has_blob(name, digest).unwrap_or(false) {
            return Ok(true);
        }
        Ok(match self.neighbour(name, digest)? {
            Some(other) => client.mount_blob(name, digest, &other).unwrap_or(false),
            None => false,
        })
    }

    /// Another repository of the same registry that had the blob when it was last heard of.
    pub(crate) fn neighbour(
        &self,
        name: &Reference,
        digest: &Digest,
    ) -> Result<Option<String>, Error> {
        let places = self.store.places(digest)?;
        let places = places.iter().filter_map(|place| Reference::parse(place).ok());
        let mut neighbours = places.filter(|place| {
            place.registry() == name.registry() && place.repository() != name.repository()
        });
        Ok(neighbours.next().map(|place| place.repository().to_owned()))
    }
}
