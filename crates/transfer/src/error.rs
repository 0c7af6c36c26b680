//! What can go wrong with a shared cache.

use std::io;
use std::path::PathBuf;

use lapstrake_causes::causes;
use lapstrake_oci::Digest;
use lapstrake_rootfs::WriteError;
use lapstrake_rootfs::copy::CopyError;
use lapstrake_rootfs::manifest::DecodeError;
use lapstrake_rootfs::scan::ScanError;
use lapstrake_rootfs::tar::{ApplyError, PackError};

use crate::BucketError;

/// Why a cache, or something of it, cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds no cache of this name.
    #[error("there is no cache called {tag} in {}", folder.display())]
    NotThere {
        /// The folder.
        folder: PathBuf,
        /// The name.
        tag: String,
    },
    /// A layer manifest has far more bytes than its compressed form lets expect.
    #[error(
        "the layer manifest {digest} of {size} bytes has more than {limit} when it is unpacked"
    )]
    Bomb {
        /// Its blob.
        digest: Digest,
        /// The length of that in bytes.
        size: u64,
        /// What is read of it.
        limit: u64,
    },
    /// The folder is not there.
    #[error("there is no folder {}", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder is there, and nothing was ever written there.
    #[error("the folder {} holds no build cache: it has no index.json", folder.display())]
    NoIndex {
        /// The folder.
        folder: PathBuf,
    },
    /// What lies there is something else.
    #[error("{place} is no build cache of lapstrake, but {found}")]
    NoCache {
        /// Where.
        place: String,
        /// The media type of its config, or what else it is.
        found: String,
    },
    /// A document of a layout or registry cannot be read.
    #[error("cannot read {what}")]
    Document {
        /// Which.
        what: String,
        /// What is wrong with it.
        #[source]
        source: lapstrake_oci::Error,
    },
    /// The config cannot be read or written.
    #[error("the config of the cache cannot be understood")]
    Config {
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// What keys were made of cannot be read or written.
    #[error("what the cache tells of its keys cannot be understood")]
    Accounts {
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another program's config.
    #[error("the cache has version {found}, and this program knows version 1")]
    Version {
        /// What it says.
        found: u32,
    },
    /// Its records speak of layers that it does not list.
    #[error("the config of the cache names a layer that it does not list")]
    NoSuchLayer,
    /// A blob is too large for what it is.
    #[error("the blob {digest} has {size} bytes, more than the {limit} that are allowed here")]
    TooLarge {
        /// Which.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A blob cannot be read to its end.
    #[error("cannot read the blob {digest}")]
    Read {
        /// Which.
        digest: Digest,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A blob has other bytes than its name says.
    #[error("the blob {expected} {}", other_bytes(*expected_size, *size))]
    Blob {
        /// Which.
        expected: Digest,
        /// Size that it should have.
        expected_size: u64,
        /// Size that it has, as far as it was read.
        size: u64,
    },
    /// A layer's tar is another one.
    #[error("a layer has the diff id {found} instead of {expected}")]
    DiffId {
        /// What the cache says.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// A layer's tar holds other files than its manifest, or neither is what the cache says.
    #[error("a layer holds other files than the cache says")]
    OtherFiles,
    /// A layer is compressed in a way that layers are not.
    #[error("a layer is compressed neither with gzip nor with zstd")]
    Compression,
    /// A layer's tar cannot be unpacked.
    #[error("cannot unpack a layer")]
    Unpack {
        /// Why not.
        #[source]
        source: ApplyError,
    },
    /// A layer cannot be packed.
    #[error("cannot pack a layer")]
    Pack {
        /// Why not.
        #[source]
        source: PackError,
    },
    /// A layer's manifest cannot be decoded.
    #[error("cannot read the manifest of a layer")]
    LayerManifest {
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A layer's manifest cannot be encoded.
    #[error("cannot write the manifest of the layer {layer}")]
    Encode {
        /// Which.
        layer: lapstrake_rootfs::LayerId,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// More layers than a manifest may list.
    #[error("the cache would have {count} layers, more than the {limit} that a manifest takes")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// There is no such cache mount any more.
    #[error("the cache mount is gone")]
    NoMount,
    /// A cache mount that started from a file.
    #[error("the cache mount is a single file, and only folders are archived")]
    FileMount,
    /// A cache mount cannot be listed.
    #[error("cannot read the cache mount")]
    ScanMount {
        /// Why not.
        #[source]
        source: ScanError,
    },
    /// A cache mount cannot be packed.
    #[error("cannot archive the cache mount")]
    PackMount {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A cache mount cannot be written.
    #[error("cannot write the cache mount")]
    WriteMount {
        /// Why not.
        #[source]
        source: WriteError,
    },
    /// What a cache mount holds cannot be copied.
    #[error("cannot copy what the cache mount holds")]
    CopyMount {
        /// Why not.
        #[source]
        source: CopyError,
    },
    /// Nothing was read where an archive was to be.
    #[error("the archive is empty")]
    EmptyArchive,
    /// The archive of a cache mount cannot be unpacked.
    #[error("cannot unpack the archive")]
    UnpackMount {
        /// Why not.
        #[source]
        source: ApplyError,
    },
    /// A file operation.
    #[error("cannot {operation}")]
    Io {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] lapstrake_cache::Error),
    /// A registry. Large, and rare.
    #[error(transparent)]
    Registry(Box<lapstrake_registry::Error>),
    /// A bucket.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A layer on its way out, or an image layout.
    #[error(transparent)]
    Image(lapstrake_image::Error),
    /// The user stopped it.
    #[error("cancelled")]
    Cancelled,
}

impl From<lapstrake_registry::Error> for Error {
    fn from(error: lapstrake_registry::Error) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl From<lapstrake_image::Error> for Error {
    fn from(error: lapstrake_image::Error) -> Self {
        match error {
            lapstrake_image::Error::Cancelled => Self::Cancelled,
            error => Self::Image(error),
        }
    }
}

impl Error {
    /// Whether a server took a question and said nothing, or no more, for as long as it is waited for.
    pub(crate) fn is_silence(&self) -> bool {
        if let Self::Registry(error) = self {
            return error.is_silence();
        }
        causes(self).any(is_timeout)
    }

    /// In one line, with what caused it.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        text
    }

    /// For `map_err`: an I/O error of `operation`.
    pub(crate) fn io(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, source }
    }
}

fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_bucket = error.downcast_ref::<ureq::Error>();
    let of_bucket = of_bucket.or(error.downcast_ref::<Box<ureq::Error>>().map(AsRef::as_ref));
    let of_registry = error.downcast_ref::<lapstrake_registry::Error>();
    matches!(of_bucket, Some(ureq::Error::Timeout(_)))
        || of_registry.is_some_and(lapstrake_registry::Error::is_silence)
        || error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

fn other_bytes(expected: u64, found: u64) -> String {
    match found == expected {
        true => "has other bytes than its digest says".to_owned(),
        false if found > expected => format!("has more than the {expected} bytes that are due"),
        false => format!("has {found} bytes in place of {expected}"),
    }
}
