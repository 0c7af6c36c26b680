//! Base images: what lowering needs to know of one, and where they come from.

use std::collections::HashMap;
use std::error::Error as StdError;

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

/// Base images by their full name.
pub type BaseImages = HashMap<String, BaseImage>;

/// Fetches images. One implementation asks the store and registries, another one serves tests.
pub trait ImageSource: Sync {
    /// The image that `reference` stands for on `platform`, with its layers in the store.
    ///
    /// # Errors
    /// When there is none, or it cannot be had. The error names image and cause.
    fn resolve(
        &self,
        reference: &Reference,
        platform: &Platform,
        progress: &(dyn Fn(ImageProgress) + Sync),
    ) -> Result<BaseImage, Box<dyn StdError + Send + Sync>>;
}
