//! Names of images, as Docker reads them.

mod grammar;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, InvalidDigest};
use crate::error::{Error, excerpt};

/// The registry that names without one mean.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Its old name.
const LEGACY_REGISTRY: &str = "index.docker.io";
/// Where Docker Hub keeps names without a user.
const OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";

/// The full name of an image: registry, repository, and a tag, a digest or both.
///
/// Written in full (`docker.io/library/busybox:latest`) by `Display` and serde, short
/// (`busybox:latest`) by [`Reference::familiar`]. Grammar and defaults are those of
/// distribution/reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no name of an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// Longer than any valid one.
    #[error("it is too long")]
    Long,
    /// 64 hexadecimal digits, which could be meant as the id of an image.
    #[error("64 hexadecimal digits are an image id, not a name")]
    Id,
    /// `https://…`
    #[error("a name has no scheme, leave \"{0}://\" out")]
    Scheme(String),
    /// Upper case in the repository.
    #[error("the repository {0:?} must be lower case")]
    Uppercase(String),
    /// A repository that is none.
    #[error(
        "the repository {0:?} must consist of lower-case letters and digits, with '.', '_', '-' or '/' between them"
    )]
    Repository(String),
    /// More than 255 characters.
    #[error("the repository is longer than 255 characters")]
    RepositoryLength,
    /// A registry that is none.
    #[error("the registry {0:?} is not a host or host:port")]
    Registry(String),
    /// A tag that is none.
    #[error(
        "the tag {0:?} must be up to 128 letters, digits, '_', '.' and '-', and begin with neither of the last two"
    )]
    Tag(String),
    /// What follows the `@` is no digest.
    #[error("the digest {text:?} is invalid: {reason}")]
    Digest {
        /// What follows the `@`.
        text: String,
        /// What is wrong with it.
        reason: InvalidDigest,
    },
}

impl Reference {
    /// Reads the name of an image as a user writes it: `busybox`, `user/app:1`,
    /// `localhost:5000/app@sha256:…`. Without tag and digest the tag is `latest`.
    ///
    /// # Errors
    /// When it does not follow the grammar; the error says where.
    pub fn parse(text: &str) -> Result<Self, Error> {
        grammar::parse(text).map_err(|reason| Error::Reference { text: excerpt(text), reason })
    }

    /// The host, with its port if one was given: `docker.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path below the registry: `library/busybox`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag. There is none when only a digest was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, which counts more than the tag.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Registry and repository.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Registry and repository, without what Docker leaves out: `busybox`.
    pub fn familiar_name(&self) -> String {
        let full = self.name();
        let Some(short) = full.strip_prefix("docker.io/") else {
            return full;
        };
        let short = match short.strip_prefix(OFFICIAL) {
            Some(official) if !official.contains('/') => official,
            _ => short,
        };
        let is_same = grammar::split_registry(short)
            == (Cow::Borrowed(DEFAULT_REGISTRY), Cow::Borrowed(self.repository.as_str()));
        if is_same { short.to_owned() } else { full }
    }

    /// The short form that Docker shows: `busybox:latest`, `quay.io/x/y@sha256:…`.
    pub fn familiar(&self) -> String {
        self.familiar_name() + &self.suffix()
    }

    /// The same image by its digest only.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository with another tag and no digest.
    ///
    /// # Errors
    /// When it is not a tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, Error> {
        let tag = grammar::check_tag(tag)
            .map_err(|reason| Error::Reference { text: excerpt(tag), reason })?;
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}"));
        let digest = self.digest.map(|digest| format!("@{digest}"));
        tag.unwrap_or_default() + &digest.unwrap_or_default()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&(self.name() + &self.suffix()))
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
