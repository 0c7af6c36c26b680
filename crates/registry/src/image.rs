//! From a name to a manifest and a config.

use std::io::Read;

use lapstrake_oci::{
    Descriptor, Digest, Document, ImageConfig, MAX_DOCUMENT_SIZE, MAX_INDEX_DEPTH, Manifest,
    MediaType, Platform, Reference,
};

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::session::Question;
use crate::transport::Answer;

/// A manifest or an index as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The digest of `bytes`.
    pub digest: Digest,
    /// What it is.
    pub media_type: MediaType,
    /// The document itself.
    pub bytes: Vec<u8>,
    /// What `bytes` say.
    pub document: Document,
    /// Who sent it: scheme, host and port.
    pub endpoint: String,
}

impl Resolved {
    /// A descriptor of it, without platform and annotations.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest, self.bytes.len() as u64)
    }
}

/// The image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Its manifest as it came.
    pub resolved: Resolved,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Client {
    /// What a name stands for now: a manifest or an index. With a digest in the name, exactly that.
    ///
    /// # Errors
    /// When no endpoint has it ([`Error::NotFound`]), lets us have it ([`Error::Denied`]) or sends a
    /// document that is whole, unambiguous and the one asked for.
    pub fn resolve(&self, reference: &Reference) -> Result<Resolved, Error> {
        let wanted = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => {
                Wanted { name: digest.to_string(), digest: Some(digest), served_as: None }
            }
            (None, tag) => {
                Wanted { name: tag.unwrap_or("latest").to_owned(), digest: None, served_as: None }
            }
        };
        self.document(reference, &reference.to_string(), &wanted)
    }

    /// The manifest or index that `descriptor`, found in an index of the same repository, links to.
    ///
    /// # Errors
    /// As [`Client::resolve`], and when size or media type are not those of the descriptor.
    pub fn manifest(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
    ) -> Result<Resolved, Error> {
        let wanted = Wanted {
            name: descriptor.digest.to_string(),
            digest: Some(descriptor.digest),
            served_as: Some(descriptor),
        };
        let what = reference.with_digest(descriptor.digest).to_string();
        self.document(reference, &what, &wanted)
    }

    /// The image for `platform`: `resolved` itself when it is a manifest, else the best entry of the
    /// index (see [`lapstrake_oci::Index::matching`]), fetched.
    ///
    /// A lone manifest is taken whatever its platform is: only its config tells.
    ///
    /// # Errors
    /// When the index has nothing for the platform ([`Error::NoPlatform`]), or as [`Client::manifest`].
    pub fn select(
        &self,
        reference: &Reference,
        resolved: Resolved,
        platform: &Platform,
    ) -> Result<Selected, Error> {
        let mut resolved = resolved;
        for _ in 0..=MAX_INDEX_DEPTH {
            let index = match &resolved.document {
                Document::Manifest(manifest) => {
                    let manifest = Manifest::clone(manifest);
                    return Ok(Selected { resolved, manifest });
                }
                Document::Index(index) => index,
            };
            let matching = index.matching(platform);
            let best = matching.first().ok_or_else(|| Error::NoPlatform {
                what: reference.to_string(),
                wanted: Box::new(platform.clone()),
                offered: index.platforms(),
            })?;
            resolved = self.manifest(reference, best)?;
        }
        Err(Error::IndexDepth { what: reference.to_string(), limit: MAX_INDEX_DEPTH })
    }

    /// The config of an image: its bytes and what they say.
    ///
    /// # Errors
    /// When it cannot be had, or is not what the manifest says.
    pub fn config(
        &self,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<(Vec<u8>, ImageConfig), Error> {
        let what = format!("the config of {reference}");
        let size = manifest.config.size;
        let mut blob = match usize::try_from(size) {
            Ok(size) if size <= MAX_DOCUMENT_SIZE => self.blob(reference, &manifest.config)?,
            _ => return Err(too_large(what, reference.registry().to_owned())),
        };
        let mut bytes = Vec::new();
        blob.read_to_end(&mut bytes).map_err(|source| blob.error(source))?;
        let config = ImageConfig::parse(&bytes).map_err(|source| Error::Document {
            what,
            endpoint: blob.endpoint(),
            source,
        })?;
        Ok((bytes, config))
    }

    fn document(
        &self,
        reference: &Reference,
        what: &str,
        wanted: &Wanted<'_>,
    ) -> Result<Resolved, Error> {
        let rest = format!("manifests/{}", wanted.name);
        let accept = accepted();
        let question = Question {
            what,
            repository: reference.repository(),
            rest: &rest,
            accept: &accept,
            offset: 0,
        };
        self.inner.first(reference.registry(), what, |endpoint, attempts| {
            let answer = self.inner.session.ask(endpoint, question, attempts)?;
            self.read_document(endpoint, what, wanted, answer)
        })
    }

    fn read_document(
        &self,
        endpoint: &Endpoint,
        what: &str,
        wanted: &Wanted<'_>,
        answer: Answer,
    ) -> Result<Resolved, Error> {
        let endpoint = endpoint.origin.to_string();
        let stated = answer.header("docker-content-digest").unwrap_or_default().to_owned();
        let content_type = content_type(&answer);
        let bytes = self.inner.session.transport.read(answer, what, MAX_DOCUMENT_SIZE)?;
        let digest = Digest::of(&bytes);
        for expected in [wanted.digest, stated.parse().ok()].into_iter().flatten() {
            if digest != expected {
                let what = what.to_owned();
                return Err(Error::Digest { what, endpoint, expected, found: digest });
            }
        }
        check_size(wanted, what, &endpoint, bytes.len() as u64)?;
        let unusable =
            |source| Error::Document { what: what.to_owned(), endpoint: endpoint.clone(), source };
        let document = Document::parse(&bytes, content_type.as_ref()).map_err(unusable)?;
        if let Some(descriptor) = wanted.served_as {
            Document::parse(&bytes, Some(&descriptor.media_type)).map_err(unusable)?;
        }
        let media_type = content_type.filter(|stated| !stated.is_generic());
        let media_type = media_type.unwrap_or_else(|| document.media_type());
        Ok(Resolved { digest, media_type, bytes, document, endpoint })
    }
}

/// Which document.
struct Wanted<'a> {
    /// Tag or digest.
    name: String,
    digest: Option<Digest>,
    served_as: Option<&'a Descriptor>,
}

fn check_size(wanted: &Wanted<'_>, what: &str, endpoint: &str, found: u64) -> Result<(), Error> {
    match wanted.served_as {
        Some(descriptor) if descriptor.size != found => Err(Error::Size {
            what: what.to_owned(),
            endpoint: endpoint.to_owned(),
            expected: descriptor.size,
            found,
        }),
        _ => Ok(()),
    }
}

/// All kinds of documents that are understood.
pub(crate) fn accepted() -> String {
    let kinds = [
        MediaType::OciIndex,
        MediaType::OciManifest,
        MediaType::DockerManifestList,
        MediaType::DockerManifest,
    ];
    kinds.map(|kind| kind.to_string()).join(", ")
}

/// Without its parameters.
fn content_type(answer: &Answer) -> Option<MediaType> {
    let field = answer.header("content-type")?;
    let essence = field.split(';').next().unwrap_or_default().trim();
    Some(MediaType::from(essence))
}

fn too_large(what: String, endpoint: String) -> Error {
    Error::TooLarge { what, endpoint, limit: MAX_DOCUMENT_SIZE as u64 }
}
