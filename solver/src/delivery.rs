//! Where the layers of finished images are: here, or already where the images go.

use std::collections::HashMap;

use lapstrake_oci::{Descriptor, Digest};
use lapstrake_rootfs::LayerId;
use lapstrake_transfer::Offered;

use crate::Error;
use crate::build::Times;
use crate::export;
use crate::lower::Plan;
use crate::op::{Value, Workshop};
use crate::schedule::Results;
use crate::stamp::Clock;

/// Where images go that are not wanted here. A layer that is there need not come here.
pub struct Delivery<'a> {
    /// How layers are packed on their way there, as shared caches write it. A layer that a cache has
    /// otherwise comes here, so that what arrives does not depend on caches.
    pub packing: String,
    /// Of each of these blobs, whether it is there.
    pub has: &'a (dyn Fn(&[Descriptor]) -> Vec<bool> + Sync),
}

/// Layers of images that are not here.
pub type Elsewhere = HashMap<LayerId, Offered>;

/// A graph that was run, with the layers of its images where they are to be.
pub struct Completed {
    /// What the vertices came to.
    pub results: Results<Value>,
    /// What is not here.
    pub elsewhere: Elsewhere,
}

/// Brings here all layers of the images but those that are where `delivery` goes. Built ones of images
/// that are given times are all brought.
///
/// # Errors
/// When a layer of a base cannot be had, or the store fails. A layer that a cache was to have and has
/// not is none.
pub fn settle(
    plan: &Plan,
    results: &Results<Value>,
    workshop: &Workshop<'_>,
    delivery: Option<&Delivery<'_>>,
    times: Times,
) -> Result<Elsewhere, Error> {
    let mut layers = export::added(plan, results);
    let Some(delivery) = delivery else {
        workshop.layers.provide(&layers)?;
        return Ok(Elsewhere::new());
    };
    let mut clocks = plan.images.iter().map(|image| Clock { epoch: image.epoch, times });
    let is_stamped = clocks.any(|clock| clock.restamp().is_some());
    let offers = match is_stamped {
        true => Vec::new(),
        false => offers(&layers, workshop, delivery)?,
    };
    let bases = missing(plan, workshop)?;
    let blobs = offers.iter().map(|(_, offer)| &offer.blob);
    let blobs: Vec<Descriptor> = blobs.chain(bases.iter().map(|(blob, _)| blob)).cloned().collect();
    let there = match blobs.is_empty() {
        true => Vec::new(),
        false => (delivery.has)(&blobs),
    };
    let is_there = |position: usize| there.get(position).copied().unwrap_or(false);
    for (position, (_, diff_id)) in (offers.len()..).zip(&bases) {
        if !is_there(position) {
            workshop.layers.layer(&LayerId::Image(*diff_id))?;
        }
    }
    let left = offers.into_iter().enumerate().filter(|(position, _)| is_there(*position));
    let left: Elsewhere = left.map(|(_, offer)| offer).collect();
    layers.retain(|layer| !left.contains_key(layer));
    workshop.layers.provide(&layers)?;
    Ok(left)
}

/// What caches have of those layers that are not here, as it would be sent.
fn offers(
    layers: &[LayerId],
    workshop: &Workshop<'_>,
    delivery: &Delivery<'_>,
) -> Result<Vec<(LayerId, Offered)>, Error> {
    let mut offers: Vec<(LayerId, Offered)> = Vec::new();
    for layer in layers {
        let is_known = offers.iter().any(|(known, _)| known == layer);
        if is_known || workshop.store.has_layer(layer).map_err(Error::Store)? {
            continue;
        }
        let offer = workshop.imports.offered(layer).map_err(Error::Store)?;
        let offer = offer.filter(|offer| offer.packing == delivery.packing);
        offers.extend(offer.map(|offer| (*layer, offer)));
    }
    Ok(offers)
}

/// Layers of base images that are not here, each with its diff id.
fn missing(plan: &Plan, workshop: &Workshop<'_>) -> Result<Vec<(Descriptor, Digest)>, Error> {
    let mut missing: Vec<(Descriptor, Digest)> = Vec::new();
    for image in &plan.images {
        for (blob, diff_id) in image.base_layers.iter().zip(&image.config.rootfs.diff_ids) {
            let here = workshop.store.locate(&LayerId::Image(*diff_id)).map_err(Error::Store)?;
            if here.is_none() && missing.iter().all(|(known, _)| known.digest != blob.digest) {
                missing.push((blob.clone(), *diff_id));
            }
        }
    }
    Ok(missing)
}
