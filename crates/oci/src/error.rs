//! What can be wrong with what came from outside.

use std::fmt;

use crate::digest::InvalidDigest;
use crate::media_type::MediaType;
use crate::platform::InvalidPlatform;
use crate::reference::InvalidReference;

/// Why something is no valid part of an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a digest.
    #[error("digest {text:?} is invalid: {reason}")]
    Digest {
        /// What was given, shortened when it is long.
        text: String,
        /// What is wrong with it.
        reason: InvalidDigest,
    },
    /// Not the name of an image.
    #[error("image name {text:?} is invalid: {reason}")]
    Reference {
        /// What was given, shortened when it is long.
        text: String,
        /// What is wrong with it.
        reason: InvalidReference,
    },
    /// Not a platform.
    #[error("platform {text:?} is invalid: {reason}")]
    Platform {
        /// What was given, shortened when it is long.
        text: String,
        /// What is wrong with it.
        reason: InvalidPlatform,
    },
    /// A document is larger than any real one.
    #[error("refusing {document} of {size} bytes: the limit is {limit}")]
    TooLarge {
        /// What it should have been.
        document: DocumentKind,
        /// Its size in bytes.
        size: usize,
        /// The largest size that is read.
        limit: usize,
    },
    /// A document has more of something than any real one.
    #[error("refusing {document} with {count} {items}: the limit is {limit}")]
    TooMany {
        /// What it should have been.
        document: DocumentKind,
        /// What there is too much of.
        items: &'static str,
        /// How many there are, at least.
        count: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Not JSON, or fields are missing or of the wrong type.
    #[error("cannot read {document}")]
    Malformed {
        /// What it should have been.
        document: DocumentKind,
        /// What the JSON reader found.
        source: serde_json::Error,
    },
    /// Two readers could understand the document differently.
    #[error("refusing ambiguous {document}: {reason}")]
    Ambiguous {
        /// What it should have been.
        document: DocumentKind,
        /// What is ambiguous.
        reason: Ambiguity,
    },
    /// A schema that is not supported.
    #[error("cannot read {document}: {}", hint_of_schema(*.version))]
    Schema {
        /// What it should have been.
        document: DocumentKind,
        /// Its `schemaVersion`.
        version: u64,
    },
    /// A document of the other kind.
    #[error("expected an {expected}, found an {found}")]
    Unexpected {
        /// What was asked for.
        expected: DocumentKind,
        /// What there is.
        found: DocumentKind,
    },
    /// A root file system that does not consist of layers.
    #[error(
        "cannot read {}: root file system of type {kind:?}, only \"layers\" is known",
        DocumentKind::Config
    )]
    RootFs {
        /// Its `rootfs.type`.
        kind: String,
    },
    /// A document could not be written.
    #[error("cannot write {document}")]
    Encode {
        /// What it is.
        document: DocumentKind,
        /// What the JSON writer said.
        source: serde_json::Error,
    },
}

fn hint_of_schema(version: u64) -> String {
    match version {
        1 => "schema version 1 is obsolete, push the image again with a current tool".to_owned(),
        other => format!("schema version {other} is unknown"),
    }
}

/// Which document of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// An image manifest.
    Manifest,
    /// An image index or manifest list.
    Index,
    /// A manifest or an index, not known which.
    Any,
    /// An image config.
    Config,
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Manifest => "image manifest",
            Self::Index => "image index",
            Self::Any => "image manifest or index",
            Self::Config => "image config",
        })
    }
}

/// How a document could be understood differently by two readers (CVE-2021-41190).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ambiguity {
    /// Fields of different kinds of documents.
    #[error("it has both {first:?} and {second:?}")]
    Fields {
        /// A field of one kind.
        first: &'static str,
        /// A field of another.
        second: &'static str,
    },
    /// A field twice, or twice but for upper and lower case.
    #[error("it has the field {field:?} more than once or in other letter case")]
    Repeated {
        /// The field.
        field: String,
    },
    /// A field without which it is neither.
    #[error("it has neither \"layers\" nor \"manifests\"")]
    Neither,
    /// Its `mediaType` is not what it was served as.
    #[error("it says that it is {stated}, but was served as {served}")]
    ContentType {
        /// What stands in the document.
        stated: MediaType,
        /// What the registry or the descriptor says.
        served: MediaType,
    },
    /// Its media type does not fit its fields.
    #[error("its media type is {stated}, but its fields are those of an {found}")]
    MediaType {
        /// What it is called.
        stated: MediaType,
        /// What it looks like.
        found: DocumentKind,
    },
}

/// At most the first 200 characters, for messages.
pub(crate) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 200;
    let mut characters = text.chars();
    let mut excerpt: String = characters.by_ref().take(LIMIT).collect();
    if characters.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}
