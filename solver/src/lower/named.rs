//! Named contexts: what the command line puts in the place of images and stages.

use std::collections::BTreeMap;

use lapstrake_oci::{Error, Platform, Reference};

use super::origin::Origin;
use crate::image::{ImageName, Place};

/// What a named context stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    /// The empty file system: `docker-image://scratch`.
    Scratch,
    /// Files, which [`crate::op::Contexts`] knows by the same name.
    Files,
    /// An image by another name.
    Image(Reference),
    /// An image layout, which the [`crate::image::ImageSource`] knows by the context's name.
    Layout,
}

/// Named contexts by name. One name in all its spellings (`busybox`, `busybox:latest`,
/// `docker.io/library/busybox`) is one context.
#[derive(Clone, Debug, Default)]
pub struct NamedContexts(BTreeMap<String, NamedContext>);

impl NamedContexts {
    /// The one spelling of a context's name: the shortest one of an image without `:latest`.
    ///
    /// # Errors
    /// When the text cannot name an image.
    pub fn name(text: &str) -> Result<String, Error> {
        Ok(shortest(&Reference::parse(text)?))
    }

    /// Adds a context. Of several with one name the last counts.
    pub fn insert(&mut self, name: String, context: NamedContext) {
        self.0.insert(name, context);
    }

    /// The one spelling of a name that some context has.
    pub(super) fn known(&self, name: &str) -> Option<String> {
        Self::name(name).ok().filter(|name| self.0.contains_key(name))
    }

    /// What stands in the place of an image, on `platform`.
    pub(super) fn of_image(&self, reference: &Reference, platform: &Platform) -> Option<Origin> {
        self.origin(shortest(reference), platform)
    }

    /// What stands in the place of a stage, on `platform`.
    pub(super) fn of_stage(&self, name: &str, platform: &Platform) -> Option<Origin> {
        self.origin(Self::name(name).ok()?, platform)
    }

    fn origin(&self, name: String, platform: &Platform) -> Option<Origin> {
        if RESERVED.contains(&name.as_str()) {
            return None;
        }
        let name_of = |place| Box::new(ImageName { place, platform: platform.normalized() });
        let image = |place| Origin::Image(name_of(place));
        Some(match self.0.get(&name)? {
            NamedContext::Scratch => Origin::Scratch,
            NamedContext::Files => Origin::Context(name),
            NamedContext::Image(reference) => image(Place::Registry(reference.clone())),
            NamedContext::Layout => image(Place::Layout(name)),
        })
    }
}

/// Names that keep their own meaning.
pub const RESERVED: [&str; 2] = ["scratch", "context"];

fn shortest(reference: &Reference) -> String {
    let name = reference.familiar();
    name.strip_suffix(":latest").unwrap_or(&name).to_owned()
}
