//! What can go wrong with images.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lapstrake_cache as cache;
use lapstrake_oci::{self as oci, Digest, MediaType, Platform};
use lapstrake_registry as registry;
use lapstrake_rootfs::files::FilesError;
use lapstrake_rootfs::scan::ScanError;
use lapstrake_rootfs::tar::{ApplyError, PackError};

/// A failed operation on an image, with its subject and cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] cache::Error),
    /// A registry does not give what was asked for.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// Nothing in the store is called so.
    #[error("No such image: {name}")]
    NoSuchImage {
        /// The name or id.
        name: String,
    },
    /// No list of images is called so.
    #[error("there is no list of images called {name}, make one with manifest create")]
    NoList {
        /// The name.
        name: String,
    },
    /// A list is to get a name that something has.
    #[error("{name} is there already, add to a list with --amend or remove it first")]
    ListExists {
        /// The name.
        name: String,
    },
    /// A list has no such entry.
    #[error("{entry} is not in the list {list}")]
    NoEntry {
        /// The list's name.
        list: String,
        /// What was looked for.
        entry: String,
    },
    /// An id prefix that begins several ids.
    #[error("the id {prefix} is not unique: it begins {count} images, write more of it")]
    AmbiguousId {
        /// What was given.
        prefix: String,
        /// How many it begins.
        count: usize,
    },
    /// A manifest, index or config cannot be understood.
    #[error("cannot use {what}")]
    Document {
        /// Which document of which image.
        what: String,
        /// What is wrong with it.
        #[source]
        source: oci::Error,
    },
    /// An index without an image for the platform.
    #[error("{what} has no image for {wanted}, only for {}", list(.offered))]
    NoPlatform {
        /// The image.
        what: String,
        /// What was asked for.
        wanted: Box<Platform>,
        /// What there is.
        offered: Vec<Platform>,
    },
    /// A docker archive cannot hold an index.
    #[error(
        "{name} is several images, for {}, and a docker archive holds one: write an OCI archive, or \
         name one image by its id", list(.platforms)
    )]
    SeveralPlatforms {
        /// What should go into the archive.
        name: String,
        /// What its images are for.
        platforms: Vec<Platform>,
    },
    /// Indexes in indexes without end.
    #[error("{what} consists of indexes that are nested more than {limit} deep")]
    IndexDepth {
        /// The image.
        what: String,
        /// How deep they may be nested.
        limit: usize,
    },
    /// A manifest whose config is none of an image.
    #[error("{what} is no image but an artifact of type {kind}")]
    NotImage {
        /// What was asked for.
        what: String,
        /// The media type of its config.
        kind: MediaType,
    },
    /// Manifest and config speak of different layers.
    #[error("{what} is damaged: its manifest has {layers} layers, its config {diff_ids}")]
    LayerCount {
        /// The image.
        what: String,
        /// In the manifest.
        layers: usize,
        /// In the config.
        diff_ids: usize,
    },
    /// A layer cannot be taken into the store.
    #[error("cannot take layer {digest}")]
    Layer {
        /// The blob.
        digest: Digest,
        /// Why not.
        #[source]
        source: Box<LayerFault>,
    },
    /// A layer cannot be sent.
    #[error("cannot write layer {digest}")]
    Pack {
        /// The blob.
        digest: Digest,
        /// Why not.
        #[source]
        source: PackError,
    },
    /// Files that go beside an image's cannot be read.
    #[error("cannot read what goes beside the files of the image")]
    Scan {
        /// Why not.
        #[source]
        source: ScanError,
    },
    /// An image cannot be written as files.
    #[error("cannot write the files of the image")]
    Files {
        /// Why not.
        #[source]
        source: FilesError,
    },
    /// An image cannot be written as one archive of files.
    #[error("cannot write the files of the image")]
    Tar {
        /// Why not.
        #[source]
        source: PackError,
    },
    /// What leaves the store is not what it should be.
    #[error(
        "the stored content of {expected} is damaged (it gave {found}); remove the image and pull or build it again"
    )]
    Damaged {
        /// The blob.
        expected: Digest,
        /// The digest of what there is.
        found: Digest,
    },
    /// A blob is neither here nor can it be made from a layer.
    #[error("the content of {digest} is not in the store; pull or load {images} again")]
    BlobMissing {
        /// The blob.
        digest: Digest,
        /// What has it, in words.
        images: String,
    },
    /// A user's file or stream cannot be read or written.
    #[error("cannot {operation}")]
    Io {
        /// What was tried, as an infinitive with its object.
        operation: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A pipe, device, socket or directory in the place of a file of an image layout.
    #[error("{} is not a regular file", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Somebody changes an image layout, and does not come to an end.
    #[error(
        "{} has been locked by another process for {} s; end that process, or name another folder",
        path.display(),
        waited.as_secs()
    )]
    Locked {
        /// What is locked.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The user stopped it.
    #[error("cancelled")]
    Cancelled,
    /// An archive has something that no image archive has.
    #[error("cannot load the archive: {reason}")]
    Archive {
        /// What is wrong.
        reason: String,
    },
    /// A JSON file of an archive cannot be read.
    #[error("cannot load the archive: {name} is damaged")]
    ArchiveJson {
        /// Its name in the archive.
        name: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// An image has more names than the one it should be removed by.
    #[error(
        "cannot remove {id}: it has names in several repositories ({names}); force it or remove them by name"
    )]
    Conflict {
        /// The id as given.
        id: String,
        /// Its names.
        names: String,
    },
    /// Other names lead to what is to be removed.
    #[error("cannot remove the image for {platform}: {names} have it as well; force it")]
    Shared {
        /// What it is for.
        platform: Platform,
        /// Those names.
        names: String,
    },
    /// Whoever removes must not use the store.
    #[error("nothing is removed while this process uses the store")]
    Busy,
    /// A name with a digest, where a tag is needed.
    #[error("{name} cannot be set: a tag has no digest")]
    DigestAsTag {
        /// What was given.
        name: String,
    },
    /// JSON could not be written.
    #[error("cannot write {what}")]
    Encode {
        /// Which document.
        what: &'static str,
        /// What the JSON writer said.
        #[source]
        source: serde_json::Error,
    },
}

/// Why a layer cannot be taken into the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerFault {
    /// Registries need not have it, and other places are not asked.
    #[error(
        "it is a foreign layer, which has to be fetched from elsewhere; these are not supported"
    )]
    Foreign,
    /// Not a kind of layer that is known.
    #[error("its media type {media_type} is not that of a layer")]
    MediaType {
        /// What it is.
        media_type: MediaType,
    },
    /// A compression that OCI layers cannot have.
    #[error("it is compressed with {format}, which layers of images cannot be")]
    Compression {
        /// Which.
        format: &'static str,
    },
    /// Neither store nor source has it.
    #[error("it is not there; pull or load the image again")]
    Missing,
    /// Other bytes came than those that the manifest names.
    #[error("got {found} ({size} bytes) instead of {expected_size} bytes with its digest")]
    Content {
        /// Digest of what came.
        found: Digest,
        /// How much came, at least.
        size: u64,
        /// How much was expected.
        expected_size: u64,
    },
    /// The bytes are right, but not what the config says they hold.
    #[error("it holds {found} where the image's config says {expected}")]
    DiffId {
        /// The config's diff id.
        expected: Digest,
        /// The sha256 of the uncompressed layer.
        found: Digest,
    },
    /// It could not be read.
    #[error("it cannot be read")]
    Read {
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A registry broke off or sent something else.
    #[error(transparent)]
    Registry(Box<registry::Error>),
    /// Its archive cannot be unpacked.
    #[error(transparent)]
    Unpack(ApplyError),
    /// A directory of it could not be given its metadata.
    #[error("cannot set the metadata of {path}")]
    Metadata {
        /// The path inside the image.
        path: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The store refused.
    #[error(transparent)]
    Store(cache::Error),
    /// Another layer of the image failed first.
    #[error("another layer failed")]
    Stopped,
}

impl LayerFault {
    /// For `map_err`: the fault of the layer `digest`.
    pub(crate) fn of(self, digest: Digest) -> Error {
        Error::Layer { digest, source: Box::new(self) }
    }
}

impl Error {
    /// For `map_err`: an [`Error::Io`].
    pub(crate) fn io(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, source }
    }

    /// For `map_err`: an [`Error::Document`] about `what`.
    pub(crate) fn document(what: impl Into<String>) -> impl FnOnce(oci::Error) -> Self {
        move |source| Self::Document { what: what.into(), source }
    }
}

fn list(platforms: &[Platform]) -> String {
    let shown: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    if shown.is_empty() { "unnamed platforms".to_owned() } else { shown.join(", ") }
}
