//! The index of an image that exists for several platforms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::document::Document;
use crate::error::{DocumentKind, Error};
use crate::json::{self, Extra, null_as_default};
use crate::media_type::MediaType;
use crate::platform::Platform;

/// Manifests and what they run on (image-spec, image-index.md; Docker's manifest list alike).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u64,
    /// What it is; OCI allows to leave it out.
    #[serde(rename = "mediaType", default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The type of an artifact that is no image.
    #[serde(rename = "artifactType", default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The manifests, or indexes again.
    #[serde(deserialize_with = "null_as_default")]
    pub manifests: Vec<Descriptor>,
    /// What this is about, when it is about another manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes on it.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Fields not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Index {
    /// An index of that type.
    pub fn new(media_type: MediaType, manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
            extra: Extra::new(),
        }
    }

    /// Reads an index that nothing is known about but its bytes.
    ///
    /// # Errors
    /// As [`Document::parse`], and when it is a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        match Document::parse(bytes, None)? {
            Document::Index(index) => Ok(*index),
            Document::Manifest(_) => Err(Error::Unexpected {
                expected: DocumentKind::Index,
                found: DocumentKind::Manifest,
            }),
        }
    }

    /// What runs on `wanted`, best first: the order of [`Platform::rank`], then the order of the
    /// index. Entries without a platform come last; attestations and unknown media types never.
    pub fn matching(&self, wanted: &Platform) -> Vec<&Descriptor> {
        let mut found: Vec<(usize, &Descriptor)> = self
            .manifests
            .iter()
            .filter(|entry| entry.media_type.is_manifest() || entry.media_type.is_index())
            .filter(|entry| !entry.is_attestation())
            .filter_map(|entry| Some((rank(entry, wanted)?, entry)))
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The platforms that there are images for, in the order of the index.
    pub fn platforms(&self) -> Vec<Platform> {
        let images = self.manifests.iter().filter(|entry| !entry.is_attestation());
        images.filter_map(|entry| entry.platform.as_ref().map(Platform::normalized)).collect()
    }

    /// Compact JSON, fields in the order of the specification, empty ones left out.
    ///
    /// # Errors
    /// Never in practice: the fields are texts, numbers and JSON values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::write(DocumentKind::Index, self)
    }
}

fn rank(entry: &Descriptor, wanted: &Platform) -> Option<usize> {
    match &entry.platform {
        Some(platform) => wanted.rank(platform),
        None => Some(usize::MAX),
    }
}
