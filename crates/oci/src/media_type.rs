//! Media types of documents and layers, in Docker's and in OCI's spelling.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a blob is said to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MediaType {
    /// OCI image manifest.
    OciManifest,
    /// OCI image index.
    OciIndex,
    /// OCI image config.
    OciConfig,
    /// The two bytes `{}`, where a descriptor is needed but nothing is meant.
    OciEmpty,
    /// OCI layer.
    OciLayer(Compression),
    /// OCI layer that is not to be pushed (deprecated).
    OciForeignLayer(Compression),
    /// Docker image manifest, version 2 schema 2.
    DockerManifest,
    /// Docker manifest list.
    DockerManifestList,
    /// Docker image config.
    DockerConfig,
    /// Docker layer.
    DockerLayer(Compression),
    /// Docker layer that is had from its `urls`.
    DockerForeignLayer(Compression),
    /// Anything else, as it is spelled.
    Other(String),
}

/// How a layer's tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// A plain tar.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

const ALL_COMPRESSIONS: [Compression; 3] =
    [Compression::None, Compression::Gzip, Compression::Zstd];

impl MediaType {
    /// Its spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
            Self::OciConfig => "application/vnd.oci.image.config.v1+json",
            Self::OciEmpty => "application/vnd.oci.empty.v1+json",
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Self::DockerManifestList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Self::DockerConfig => "application/vnd.docker.container.image.v1+json",
            Self::OciLayer(compression) => oci_layer(*compression),
            Self::OciForeignLayer(compression) => oci_foreign_layer(*compression),
            Self::DockerLayer(compression) => docker_layer(*compression),
            Self::DockerForeignLayer(compression) => docker_foreign_layer(*compression),
            Self::Other(text) => text,
        }
    }

    /// A manifest of one image.
    pub fn is_manifest(&self) -> bool {
        matches!(self, Self::OciManifest | Self::DockerManifest)
    }

    /// An index of manifests.
    pub fn is_index(&self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerManifestList)
    }

    /// An image config.
    pub fn is_config(&self) -> bool {
        matches!(self, Self::OciConfig | Self::DockerConfig)
    }

    /// A layer, also a foreign one.
    pub fn is_layer(&self) -> bool {
        self.compression().is_some()
    }

    /// A layer that registries need not have: it may have to be fetched from its `urls`.
    pub fn is_foreign_layer(&self) -> bool {
        matches!(self, Self::OciForeignLayer(_) | Self::DockerForeignLayer(_))
    }

    /// How a layer is compressed; `None` for what is not known as a layer.
    pub fn compression(&self) -> Option<Compression> {
        match self {
            Self::OciLayer(compression)
            | Self::OciForeignLayer(compression)
            | Self::DockerLayer(compression)
            | Self::DockerForeignLayer(compression) => Some(*compression),
            _ => None,
        }
    }

    /// Says nothing of what the bytes are. Registries serve manifests as these at times.
    pub fn is_generic(&self) -> bool {
        let Self::Other(text) = self else {
            return false;
        };
        matches!(text.as_str(), "" | "application/json" | "application/octet-stream" | "text/plain")
    }

    fn known() -> impl Iterator<Item = Self> {
        let documents = [
            Self::OciManifest,
            Self::OciIndex,
            Self::OciConfig,
            Self::OciEmpty,
            Self::DockerManifest,
            Self::DockerManifestList,
            Self::DockerConfig,
        ];
        let layers = ALL_COMPRESSIONS.into_iter().flat_map(|compression| {
            [
                Self::OciLayer(compression),
                Self::OciForeignLayer(compression),
                Self::DockerLayer(compression),
                Self::DockerForeignLayer(compression),
            ]
        });
        documents.into_iter().chain(layers)
    }
}

fn oci_layer(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "application/vnd.oci.image.layer.v1.tar",
        Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
    }
}

fn oci_foreign_layer(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "application/vnd.oci.image.layer.nondistributable.v1.tar",
        Compression::Gzip => "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        Compression::Zstd => "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    }
}

fn docker_layer(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "application/vnd.docker.image.rootfs.diff.tar",
        Compression::Gzip => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        Compression::Zstd => "application/vnd.docker.image.rootfs.diff.tar.zstd",
    }
}

fn docker_foreign_layer(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "application/vnd.docker.image.rootfs.foreign.diff.tar",
        Compression::Gzip => "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        Compression::Zstd => "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd",
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self::known()
            .find(|known| known.as_str() == text)
            .unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

impl FromStr for MediaType {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(Cow::<str>::deserialize(deserializer)?.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_are_found_by_their_spelling() {
        assert_eq!(MediaType::known().count(), 19);
        for known in MediaType::known() {
            assert_eq!(MediaType::from(known.as_str()), known);
        }
        let other = MediaType::from("application/vnd.in-toto+json");
        assert_eq!(other, MediaType::Other("application/vnd.in-toto+json".to_owned()));
        assert_eq!(other.compression(), None);
    }

    /// The oracle's spellings.
    #[test]
    fn spelled_as_oci_spec_does() {
        use oci_spec::image::MediaType as Theirs;
        let pairs = [
            (MediaType::OciManifest, Theirs::ImageManifest),
            (MediaType::OciIndex, Theirs::ImageIndex),
            (MediaType::OciConfig, Theirs::ImageConfig),
            (MediaType::OciEmpty, Theirs::EmptyJSON),
            (MediaType::OciLayer(Compression::None), Theirs::ImageLayer),
            (MediaType::OciLayer(Compression::Gzip), Theirs::ImageLayerGzip),
            (MediaType::OciLayer(Compression::Zstd), Theirs::ImageLayerZstd),
            (MediaType::OciForeignLayer(Compression::Gzip), Theirs::ImageLayerNonDistributableGzip),
        ];
        for (ours, theirs) in pairs {
            assert_eq!(ours.as_str(), theirs.to_string());
        }
    }
}
