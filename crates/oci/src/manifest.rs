//! The manifest of one image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::document::Document;
use crate::error::{DocumentKind, Error};
use crate::json::{self, Extra, null_as_default};
use crate::media_type::MediaType;

/// A config and the layers, bottom first (image-spec, manifest.md; Docker's v2 schema 2 alike).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u64,
    /// What it is; OCI allows to leave it out.
    #[serde(rename = "mediaType", default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The type of an artifact that is no image.
    #[serde(rename = "artifactType", default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The config.
    pub config: Descriptor,
    /// The layers, bottom first.
    #[serde(deserialize_with = "null_as_default")]
    pub layers: Vec<Descriptor>,
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

impl Manifest {
    /// A manifest of that type; `layers` bottom first.
    pub fn new(media_type: MediaType, config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
            extra: Extra::new(),
        }
    }

    /// Reads a manifest that nothing is known about but its bytes.
    ///
    /// # Errors
    /// As [`Document::parse`], and when it is an index.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        match Document::parse(bytes, None)? {
            Document::Manifest(manifest) => Ok(*manifest),
            Document::Index(_) => Err(Error::Unexpected {
                expected: DocumentKind::Manifest,
                found: DocumentKind::Index,
            }),
        }
    }

    /// Compact JSON, fields in the order of the specification, empty ones left out.
    ///
    /// # Errors
    /// Never in practice: the fields are texts, numbers and JSON values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::write(DocumentKind::Manifest, self)
    }
}
