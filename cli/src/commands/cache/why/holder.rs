//! What holds a layer, and what would let it go.

use std::collections::BTreeSet;

use lapstrake_cache::{Origin, Store};
use lapstrake_image::Holder;
use lapstrake_rootfs::LayerId;
use serde_json::{Value, json};

use super::short_layer;
use crate::failure::Failure;
use crate::text::one_line;
use crate::{human, images};

/// Of more images and steps so many are named.
pub(super) const SHOWN: usize = 3;

/// Everything in the store that may hold something.
pub(super) struct Holders<'a> {
    pub(super) store: &'a Store,
    /// How commands on the store begin.
    pub(super) command: String,
    pub(super) origins: Vec<Origin>,
    images: Vec<Holder>,
    leased: BTreeSet<String>,
}

/// What holds one layer.
pub(super) struct Held {
    /// Images by name, or by id where they have none.
    pub(super) images: Vec<String>,
    /// Records of steps that stand on it, by the step's name.
    pub(super) steps: Vec<String>,
    pub(super) is_leased: bool,
}

impl<'a> Holders<'a> {
    pub(super) fn new(store: &'a Store, command: String) -> Result<Self, Failure> {
        let images = images::local(store).holders()?;
        Ok(Self { store, command, origins: store.origins()?, images, leased: store.leased()? })
    }

    /// The names of all images.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.images.iter().flat_map(|image| image.names.iter().map(String::as_str))
    }

    /// The records that lead to a layer.
    pub(super) fn records(&self, layer: &LayerId) -> impl Iterator<Item = &Origin> {
        self.origins.iter().filter(move |origin| origin.record.layer == *layer)
    }

    /// What holds the layer that is stored as `layer`, and that images may call otherwise.
    pub(super) fn of(&self, layer: &LayerId) -> Result<Held, Failure> {
        let diff_id = match layer {
            LayerId::Image(_) => Some(*layer),
            LayerId::Built(_) => {
                self.store.diff_id(layer)?.map(|(diff_id, _)| LayerId::Image(diff_id))
            }
        };
        let is_it = |id: &LayerId| id == layer || Some(*id) == diff_id;
        // Names first, then the ids of those without.
        let mut images = BTreeSet::new();
        for image in self.images.iter().filter(|image| image.needed.layers.iter().any(is_it)) {
            match image.names.is_empty() {
                true => drop(images.insert((true, human::short_id(&image.id)))),
                false => images.extend(image.names.iter().map(|name| (false, name.clone()))),
            }
        }
        let above = self.origins.iter().filter(|origin| origin.below.is_some_and(|id| is_it(&id)));
        let steps: BTreeSet<String> =
            above.filter_map(|origin| origin.name.as_deref().map(one_line)).collect();
        let is_leased = self.leased.contains(&layer.to_string());
        Ok(Held {
            images: images.into_iter().map(|(_, name)| name).collect(),
            steps: steps.into_iter().collect(),
            is_leased,
        })
    }
}

impl Held {
    /// What holds it, in words.
    pub(super) fn by(&self) -> String {
        let mut words = Vec::new();
        match &self.images[..] {
            [] => {}
            [image] => words.push(format!("the image {image}")),
            images => words.push(format!("the images {}{}", few(images), others(images, "image"))),
        }
        match &self.steps[..] {
            [] => {}
            [step] => words.push(format!("{step}, which stands on it")),
            steps => {
                let others = others(steps, "step");
                words.push(format!("{}{others}, which stand on it", few(steps)));
            }
        }
        if self.is_leased {
            words.push("a running build or container".to_owned());
        }
        if words.is_empty() { "nothing but its record".to_owned() } else { words.join("; ") }
    }

    /// The steps that stand on it, in words.
    pub(super) fn above(&self) -> String {
        format!("{}{}", few(&self.steps), others(&self.steps, "step"))
    }

    /// What would free it, in words.
    pub(super) fn freed_by(&self) -> String {
        let mut words = Vec::new();
        if self.is_leased {
            words.push("the end of what runs".to_owned());
        }
        match self.images.len() {
            0 => {}
            1..=SHOWN => words.push(format!("lap rmi {}", self.images.join(" "))),
            count => words.push(format!("lap rmi of these {count} images")),
        }
        words.push("lap cache prune".to_owned());
        words.join(", then ")
    }

    pub(super) fn json(&self) -> Value {
        json!({"Images": self.images, "Steps": self.steps, "InUse": self.is_leased})
    }
}

/// The first names.
pub(super) fn few(names: &[String]) -> String {
    names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// How many are not named.
pub(super) fn others(names: &[String], what: &str) -> String {
    match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        count => format!(" and {}", human::count(count as u64, &format!("more {what}"))),
    }
}

/// The layer, how large its files are, and whether it is here.
pub(super) fn described(store: &Store, layer: &LayerId) -> Result<String, Failure> {
    let name = short_layer(&layer.to_string());
    Ok(match store.layer_size(layer)? {
        Some(size) => format!("{name}, {}", human::size(size)),
        None => format!("{name}, which is not in the store"),
    })
}
