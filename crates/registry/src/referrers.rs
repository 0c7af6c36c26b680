//! What a registry has about a manifest: signatures, lists of packages, and whatever else names it as
//! its subject (distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema").

use lapstrake_oci::{Descriptor, Digest, Document, Index, MAX_DOCUMENT_SIZE, MediaType, Reference};

use crate::client::{Client, summary};
use crate::endpoint::Endpoint;
use crate::error::{Error, Failure};
use crate::session::Question;
use crate::tags::next_page;

const MAX_PAGES: usize = 50;
/// Entries that are read at most.
const MAX_REFERRERS: usize = 10_000;

impl Client {
    /// What the registry has about the manifest `subject` of the repository of `reference`: their
    /// descriptors, in its order, at most 10,000. Of a registry without the referrers API that is
    /// what the subject's tag lists. Nothing when nothing is about it. Mirrors are not asked: they
    /// have what was pulled.
    ///
    /// # Errors
    /// When the registry does not let us see it, or answers with something else.
    pub fn referrers(
        &self,
        reference: &Reference,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let what = format!("what is about {}", reference.with_digest(*subject));
        let endpoint = self.inner.itself(reference.registry())?;
        let found = match self.pages(&endpoint, reference, subject, &what) {
            Err(Error::Status { status: 404, .. }) => {
                self.tagged(&endpoint, reference, subject, &what)
            }
            other => other,
        };
        found.map_err(|error| {
            summary(&what, vec![Failure { endpoint: endpoint.origin.to_string(), error }])
        })
    }

    fn pages(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        subject: &Digest,
        what: &str,
    ) -> Result<Vec<Descriptor>, Error> {
        let mut found = Vec::new();
        let mut rest = format!("referrers/{subject}");
        for _ in 0..MAX_PAGES {
            let (index, next) = self.index(endpoint, reference, &rest, what)?;
            found.extend(index.manifests);
            match next {
                Some(next) if found.len() < MAX_REFERRERS => rest = next,
                _ => break,
            }
        }
        found.truncate(MAX_REFERRERS);
        Ok(found)
    }

    /// What the tag says that stands in for the API.
    fn tagged(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        subject: &Digest,
        what: &str,
    ) -> Result<Vec<Descriptor>, Error> {
        let rest = format!("manifests/{}", tag(subject));
        match self.index(endpoint, reference, &rest, what) {
            Ok((index, _)) => Ok(index.manifests.into_iter().take(MAX_REFERRERS).collect()),
            Err(Error::Status { status: 404, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn index(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        rest: &str,
        what: &str,
    ) -> Result<(Index, Option<String>), Error> {
        let (session, repository) = (&self.inner.session, reference.repository());
        let accept = MediaType::OciIndex.to_string();
        let question = Question { what, repository, rest, accept: &accept, offset: 0 };
        let answer = session.ask(endpoint, question, session.retry.attempts)?;
        let next = next_page(&answer, &endpoint.url(repository, ""));
        let bytes = session.transport.read(answer, what, MAX_DOCUMENT_SIZE)?;
        let index = Index::parse(&bytes).map_err(|source| Error::Document {
            what: what.to_owned(),
            endpoint: endpoint.origin.to_string(),
            source,
        })?;
        Ok((index, next))
    }

    /// Lists a manifest that was just pushed under its subject's tag, for who looks for it in a
    /// registry without the referrers API. Of two that do so at the same time one may be lost.
    pub(crate) fn list_referrer(
        &self,
        reference: &Reference,
        media_type: &MediaType,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let Some((subject, entry)) = referrer(media_type, bytes) else { return Ok(()) };
        let endpoint = self.inner.itself(reference.registry())?;
        let what = format!("what is about {}", reference.with_digest(subject));
        let mut listed = self.tagged(&endpoint, reference, &subject, &what)?;
        if listed.iter().any(|known| known.digest == entry.digest) {
            return Ok(());
        }
        listed.push(entry);
        let failed = |source| Error::Document {
            what: what.clone(),
            endpoint: endpoint.origin.to_string(),
            source,
        };
        let index = Index::new(MediaType::OciIndex, listed).to_bytes().map_err(failed)?;
        let list = reference.with_tag(&tag(&subject)).map_err(failed)?;
        // The list itself is about nothing, so this ends here.
        self.push_document(&list, &MediaType::OciIndex, &index).map(drop)
    }
}

/// The tag that lists what is about a manifest where the registry has no API for it.
fn tag(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// The subject of a manifest or index, and the entry that it gets in the subject's list: with its
/// annotations, and with what kind of artifact it is.
fn referrer(media_type: &MediaType, bytes: &[u8]) -> Option<(Digest, Descriptor)> {
    let (subject, kind, annotations) = match Document::parse(bytes, Some(media_type)).ok()? {
        Document::Manifest(manifest) => {
            let config = manifest.config.media_type.to_string();
            (manifest.subject?, manifest.artifact_type.or(Some(config)), manifest.annotations)
        }
        Document::Index(index) => (index.subject?, index.artifact_type, index.annotations),
    };
    let entry = Descriptor::of(media_type.clone(), bytes);
    Some((subject.digest, Descriptor { artifact_type: kind, annotations, ..entry }))
}
