//! Blobs and documents on their way into a registry (distribution-spec 1.1, "Push").
//!
//! Mirrors are for reading: what is pushed goes to the registry itself.

use std::io::{self, Read};
use std::thread;

use lapstrake_http::Url;
use lapstrake_oci::{Descriptor, Digest, MediaType, Reference};
use ureq::SendBody;
use ureq::http::Method;

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::retry;
use crate::session::{Access, Order, Session, next};
use crate::transport::Answer;
use crate::turn::Way;

/// A blob up to this size goes in one request and is sent anew when that fails.
const SMALL: u64 = 256 * 1024;
const ACTIONS: &str = "pull,push";
const BYTES: &str = "application/octet-stream";

/// Gives the bytes of a blob from an offset on. It is asked again, from a later offset, when a
/// connection was cut: the bytes must then be the same.
pub type Content<'a> = &'a (dyn Fn(u64) -> io::Result<Box<dyn Read + Send>> + Sync);

/// How a blob came to be in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploaded {
    /// It was there.
    Existed,
    /// The registry took it from another repository of its own.
    Mounted,
    /// Its bytes were sent.
    Sent,
}

impl Client {
    /// Whether the repository of `reference` has the blob.
    ///
    /// # Errors
    /// When the registry cannot be reached or does not let us look.
    pub fn has_blob(&self, reference: &Reference, digest: &Digest) -> Result<bool, Error> {
        let what = format!("blob {digest} of {}", reference.name());
        self.exists(reference, &what, &format!("blobs/{digest}"))
    }

    /// Whether the repository of `reference` has the manifest or index with this digest.
    ///
    /// # Errors
    /// As [`Client::has_blob`].
    pub fn has_document(&self, reference: &Reference, digest: &Digest) -> Result<bool, Error> {
        let what = reference.with_digest(*digest).to_string();
        self.exists(reference, &what, &format!("manifests/{digest}"))
    }

    /// Sees to it that the repository of `reference` has the blob: looks for it, has it mounted from
    /// `other`, a repository of the same registry, or sends it. Idempotent; the registry checks the
    /// digest. Waits while many others are sent to that registry.
    ///
    /// # Errors
    /// When the registry does not take it, or `content` cannot be read.
    pub fn push_blob(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        other: Option<&str>,
        content: Content<'_>,
    ) -> Result<Uploaded, Error> {
        let what = format!("blob {} of {}", descriptor.digest, reference.name());
        if self.has_blob(reference, &descriptor.digest)? {
            return Ok(Uploaded::Existed);
        }
        let endpoint = self.inner.itself(reference.registry())?;
        let _turn = self.inner.turns.take(reference.registry(), Way::Out);
        let upload = self.upload(reference, &endpoint, &what, content);
        let begun = match other {
            Some(other) => upload.mount(&descriptor.digest, other)?,
            None => Begun::At(upload.begin()?),
        };
        match begun {
            Begun::Done => return Ok(Uploaded::Mounted),
            Begun::At(url) if descriptor.size <= SMALL => upload.whole(url, descriptor)?,
            Begun::At(url) => upload.all(url, descriptor)?,
        }
        Ok(Uploaded::Sent)
    }

    /// Has the registry take a blob from its repository `other`. Returns whether it did; an upload
    /// that it began instead is left to it.
    ///
    /// # Errors
    /// When the registry cannot be reached or lets us write nothing.
    pub fn mount_blob(
        &self,
        reference: &Reference,
        digest: &Digest,
        other: &str,
    ) -> Result<bool, Error> {
        let what = format!("blob {digest} of {}", reference.name());
        let endpoint = self.inner.itself(reference.registry())?;
        let none = |_| -> io::Result<Box<dyn Read + Send>> { Ok(Box::new(io::empty())) };
        let upload = self.upload(reference, &endpoint, &what, &none);
        Ok(matches!(upload.mount(digest, other)?, Begun::Done))
    }

    /// Sends a blob whose digest is known only when its last byte was read: then `digest` is asked.
    ///
    /// # Errors
    /// As [`Client::push_blob`].
    pub fn push_stream(
        &self,
        reference: &Reference,
        what: &str,
        content: Content<'_>,
        digest: &dyn Fn() -> Digest,
    ) -> Result<(), Error> {
        let endpoint = self.inner.itself(reference.registry())?;
        let _turn = self.inner.turns.take(reference.registry(), Way::Out);
        let upload = self.upload(reference, &endpoint, what, content);
        let url = upload.parts((upload.begin()?, 0), None)?;
        upload.finish(&url, &digest())
    }

    /// Stores a manifest or an index under the tag or digest of `reference`. What it names must be
    /// there. Atomic. One that is about another manifest is then listed there, if the registry does
    /// not do so itself.
    ///
    /// # Errors
    /// When the registry does not take it, or says that it has another digest.
    pub fn push_document(
        &self,
        reference: &Reference,
        media_type: &MediaType,
        bytes: &[u8],
    ) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        let name = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or("latest").to_owned(),
        };
        let (what, endpoint) = (reference.to_string(), self.inner.itself(reference.registry())?);
        let url = endpoint.url(reference.repository(), &format!("manifests/{name}"));
        let content_type = media_type.to_string();
        let length = bytes.len().to_string();
        let order = Order {
            what: &what,
            method: Method::PUT,
            url: &url,
            headers: &[("Content-Type", &content_type), ("Content-Length", &length)],
            body: &|| Ok(SendBody::from_owned_reader(io::Cursor::new(bytes.to_vec()))),
        };
        let access = access(&endpoint, reference);
        let answer = self.inner.session.write_repeatedly(access, &order)?;
        let stated = answer.header("docker-content-digest").and_then(|text| text.parse().ok());
        if answer.header("oci-subject").is_none() {
            self.list_referrer(reference, media_type, bytes)?;
        }
        match stated {
            Some(found) if found != digest => Err(Error::Digest {
                what,
                endpoint: endpoint.origin.to_string(),
                expected: digest,
                found,
            }),
            _ => Ok(digest),
        }
    }

    fn upload<'a>(
        &'a self,
        reference: &'a Reference,
        endpoint: &'a Endpoint,
        what: &'a str,
        content: Content<'a>,
    ) -> Upload<'a> {
        let session = &self.inner.session;
        Upload { session, access: access(endpoint, reference), what, content }
    }

    fn exists(&self, reference: &Reference, what: &str, rest: &str) -> Result<bool, Error> {
        let endpoint = self.inner.itself(reference.registry())?;
        let url = endpoint.url(reference.repository(), rest);
        let accept = crate::image::accepted();
        let order = Order {
            what,
            method: Method::HEAD,
            url: &url,
            headers: &[("Accept", &accept)],
            body: &|| Ok(SendBody::none()),
        };
        match self.inner.session.write_repeatedly(access(&endpoint, reference), &order) {
            Ok(_) => Ok(true),
            Err(Error::Status { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn access<'a>(endpoint: &'a Endpoint, reference: &'a Reference) -> Access<'a> {
    Access { endpoint, repository: reference.repository(), actions: ACTIONS }
}

/// What a registry answers to the beginning of an upload.
enum Begun {
    /// It has the blob already.
    Done,
    /// The bytes go here.
    At(Url),
}

/// One blob on its way.
struct Upload<'a> {
    session: &'a Session,
    access: Access<'a>,
    what: &'a str,
    content: Content<'a>,
}

impl Upload<'_> {
    fn begin(&self) -> Result<Url, Error> {
        let url = self.uploads();
        next(&self.order(Method::POST, &url, &EMPTY)?)
    }

    fn mount(&self, digest: &Digest, other: &str) -> Result<Begun, Error> {
        let url = self.uploads().with_query("mount", &digest.to_string()).with_query("from", other);
        match self.order(Method::POST, &url, &EMPTY) {
            Ok(answer) if answer.status == 201 => Ok(Begun::Done),
            Ok(answer) => Ok(Begun::At(next(&answer)?)),
            // One who may not read there may still write here.
            Err(_) => Ok(Begun::At(self.begin()?)),
        }
    }

    fn uploads(&self) -> Url {
        self.access.endpoint.url(self.access.repository, "blobs/uploads/")
    }

    /// Everything in one request.
    fn whole(&self, start: Url, descriptor: &Descriptor) -> Result<(), Error> {
        let (mut url, mut attempt) = (start, 1);
        loop {
            let to = url.clone().with_query("digest", &descriptor.digest.to_string());
            let length = descriptor.size.to_string();
            let headers = [("Content-Type", BYTES), ("Content-Length", length.as_str())];
            match self.send(Method::PUT, &to, &headers, 0) {
                Ok(_) => return Ok(()),
                Err(error) => self.pause(attempt, error)?,
            }
            attempt = attempt.saturating_add(1);
            url = self.begin()?;
        }
    }

    /// Everything, and the end. A registry may still be busy with a request that was cut when it says
    /// how much has arrived, and then find at the end that it is another amount.
    fn all(&self, start: Url, descriptor: &Descriptor) -> Result<(), Error> {
        let (mut from, mut attempt) = ((start, 0), 1);
        loop {
            let url = self.parts(from, Some(descriptor.size))?;
            match self.finish(&url, &descriptor.digest) {
                Err(error) if is_elsewhere(&error) && attempt < self.session.retry.attempts => {}
                other => return other,
            }
            thread::sleep(retry::backoff(&self.session.retry, attempt));
            from = self.status(&url)?;
            attempt = attempt.saturating_add(1);
        }
    }

    /// The bytes in as few requests as the network lets us; one that is cut goes on where the
    /// registry says it ended. Returns where the upload is to be finished.
    fn parts(&self, start: (Url, u64), size: Option<u64>) -> Result<Url, Error> {
        let ((mut url, mut offset), mut attempt) = (start, 1);
        loop {
            if size == Some(offset) && offset > 0 {
                return Ok(url);
            }
            match self.part(&url, offset, size) {
                Ok(answer) => return next(&answer),
                Err(error) if is_elsewhere(&error) && attempt < self.session.retry.attempts => {
                    thread::sleep(retry::backoff(&self.session.retry, attempt));
                }
                Err(error) => self.pause(attempt, error)?,
            }
            let (at, arrived) = self.status(&url)?;
            attempt = if arrived > offset { 1 } else { attempt.saturating_add(1) };
            (url, offset) = (at, arrived);
        }
    }

    fn part(&self, url: &Url, offset: u64, size: Option<u64>) -> Result<Answer, Error> {
        let Some(size) = size else {
            return self.send(Method::PATCH, url, &[("Content-Type", BYTES)], offset);
        };
        let range = format!("{offset}-{}", size.saturating_sub(1));
        let length = size.saturating_sub(offset).to_string();
        let headers =
            [("Content-Type", BYTES), ("Content-Range", &range), ("Content-Length", &length)];
        self.send(Method::PATCH, url, &headers, offset)
    }

    /// How much of the upload has arrived, and where it goes on. An upload that the registry knows
    /// no longer is begun anew.
    fn status(&self, url: &Url) -> Result<(Url, u64), Error> {
        let answer = match self.order(Method::GET, url, &[]) {
            Ok(answer) => answer,
            Err(Error::Status { status: 404, .. }) => return Ok((self.begin()?, 0)),
            Err(error) => return Err(error),
        };
        let last = answer.header("range").and_then(|range| range.rsplit('-').next()?.parse().ok());
        let arrived =
            last.map_or(0, |last: u64| if last == 0 { 0 } else { last.saturating_add(1) });
        let next = next(&answer).unwrap_or_else(|_| url.clone());
        Ok((next, arrived))
    }

    fn finish(&self, url: &Url, digest: &Digest) -> Result<(), Error> {
        let url = url.clone().with_query("digest", &digest.to_string());
        self.order(Method::PUT, &url, &EMPTY).map(drop)
    }

    /// A request without a body.
    fn order(&self, method: Method, url: &Url, headers: &[(&str, &str)]) -> Result<Answer, Error> {
        let body = || Ok(SendBody::none());
        let order = Order { what: self.what, method, url, headers, body: &body };
        self.session.write_repeatedly(self.access, &order)
    }

    /// A request with the blob's bytes from `offset` on, once.
    fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        offset: u64,
    ) -> Result<Answer, Error> {
        let unreadable = |source| Error::Content { what: self.what.to_owned(), source };
        let body = || (self.content)(offset).map(SendBody::from_owned_reader).map_err(unreadable);
        let order = Order { what: self.what, method, url, headers, body: &body };
        self.session.write(self.access, &order)
    }

    /// Waits before the next try, or gives up.
    fn pause(&self, attempt: u32, error: Error) -> Result<(), Error> {
        let retry = &self.session.retry;
        match retry::delay(retry, retry.attempts, attempt, &error) {
            Some(delay) => thread::sleep(delay),
            None => return Err(error),
        }
        Ok(())
    }
}

/// Whether the upload is at another place than we thought; the registry says at which when it is asked.
/// Some call that an unknown upload.
fn is_elsewhere(error: &Error) -> bool {
    matches!(error, Error::Status { status: 404 | 416, .. })
}

const EMPTY: [(&str, &str); 1] = [("Content-Length", "0")];
