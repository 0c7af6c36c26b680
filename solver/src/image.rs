//! Base images: what lowering needs to know of one, and where they come from.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;

use lapstrake_oci::{Digest, ImageConfig, Manifest, Platform, Reference};

use crate::event::ImageProgress;

/// An image whose config is known. Its layers are in the store or can be had when asked for.
#[derive(Clone, Debug)]
pub struct BaseImage {
    /// Digest of its manifest.
    pub digest: Digest,
    /// The manifest: descriptors of its layers as they came.
    pub manifest: Manifest,
    /// Config, history and diff ids.
    pub config: ImageConfig,
}

/// Which image, and for which platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageName {
    /// What names it.
    pub place: Place,
    /// What it is to run on, normalized.
    pub platform: Platform,
}

/// What an image is asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A name, in the store or in a registry.
    Registry(Reference),
    /// A named context that is an image layout, by the context's name.
    Layout(String),
}

impl fmt::Display for Place {
    /// As the user knows it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => formatter.pad(&reference.familiar()),
            Self::Layout(context) => write!(formatter, "[context {context}]"),
        }
    }
}

/// Base images that are known.
pub type BaseImages = HashMap<ImageName, BaseImage>;

/// Fetches images. One implementation asks the store and registries, another one serves tests.
pub trait ImageSource: Sync {
    /// The image of that name. Its layers are in the store, or where [`ImageSource::bring`] has them.
    /// One that exists for a single platform is given whatever that is.
    ///
    /// # Errors
    /// When there is none, or it cannot be had. The error names image and cause.
    fn resolve(
        &self,
        name: &ImageName,
        progress: &(dyn Fn(ImageProgress) + Sync),
    ) -> Result<BaseImage, Box<dyn StdError + Send + Sync>>;

    /// Sees to it that the layers of an image that was resolved are in the store. Idempotent.
    ///
    /// # Errors
    /// When they cannot be had. The error names image and cause.
    fn bring(
        &self,
        name: &ImageName,
        progress: &(dyn Fn(ImageProgress) + Sync),
    ) -> Result<(), Box<dyn StdError + Send + Sync>>;
}
