//! Blobs, checked while they stream.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread;

use lapstrake_http::{Origin, Url};
use lapstrake_oci::{Descriptor, Digest, DigestHasher, Reference};
use ureq::BodyReader;

use crate::client::{Client, Inner, summary};
use crate::endpoint::Endpoint;
use crate::error::{Error, Failure};
use crate::retry::backoff;
use crate::session::Question;
use crate::transport::Answer;
use crate::turn::{Turn, Way};

/// How much has to arrive for a cut connection to count as a new one.
const PROGRESS: u64 = 1024 * 1024;
const MAX_FOREIGN_URLS: usize = 8;

impl Client {
    /// Begins to stream a blob of the repository of `reference`. A foreign layer that the registry
    /// lacks is fetched from its `urls`, without credentials. Waits while many others of that registry
    /// are read.
    ///
    /// # Errors
    /// When no endpoint has it or lets us have it, or says that it has another size.
    pub fn blob(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
    ) -> Result<BlobReader, Error> {
        let turn = self.inner.turns.take(reference.registry(), Way::In);
        let mut blob = BlobReader {
            turn: Some(turn),
            inner: Arc::clone(&self.inner),
            what: format!("blob {} of {}", descriptor.digest, reference.name()),
            repository: reference.repository().to_owned(),
            sources: sources(self.inner.endpoints(reference.registry())?, descriptor),
            current: 0,
            digest: descriptor.digest,
            size: descriptor.size,
            position: 0,
            hasher: DigestHasher::new(),
            failed_in_a_row: 0,
            last_cut: 0,
            state: State::Closed,
        };
        blob.open()?;
        if blob.size == 0 {
            blob.finish()?;
        }
        Ok(blob)
    }
}

/// A blob on its way. Reads exactly the bytes that the descriptor stands for.
///
/// The last bytes are given out only after size and sha256 of the whole were found right; before that
/// a reader must not rely on any of them. A connection that is cut is taken up again where it ended,
/// at the same endpoint and then at the others. Errors are [`Error`]s in an [`io::Error`]
/// ([`BlobReader::error`] takes them out); after one, every further read fails.
pub struct BlobReader {
    /// Until all was read.
    turn: Option<Turn>,
    inner: Arc<Inner>,
    what: String,
    repository: String,
    sources: Vec<Source>,
    /// Which of them is asked.
    current: usize,
    digest: Digest,
    size: u64,
    /// How much was given out.
    position: u64,
    hasher: DigestHasher,
    failed_in_a_row: u32,
    /// Where the connection was cut last.
    last_cut: u64,
    state: State,
}

/// Where a blob may be had.
enum Source {
    Endpoint(Endpoint),
    /// A URL of a foreign layer, and the registry that it is for.
    Foreign(Origin, Url),
}

impl Source {
    fn origin(&self) -> &Origin {
        match self {
            Self::Endpoint(endpoint) => &endpoint.origin,
            Self::Foreign(_, url) => &url.origin,
        }
    }
}

/// The endpoints, then what a foreign layer says itself. URLs that cannot be read are left out.
fn sources(endpoints: Vec<Endpoint>, descriptor: &Descriptor) -> Vec<Source> {
    let registry = endpoints.last().map(|endpoint| endpoint.origin.clone());
    let mut sources: Vec<Source> = endpoints.into_iter().map(Source::Endpoint).collect();
    if let (Some(registry), true) = (registry, descriptor.media_type.is_foreign_layer()) {
        let urls = descriptor.urls.iter().take(MAX_FOREIGN_URLS);
        let urls = urls.filter_map(|text| Url::parse(text).ok());
        sources.extend(urls.map(|url| Source::Foreign(registry.clone(), url)));
    }
    sources
}

enum State {
    Closed,
    Streaming(BodyReader<'static>),
    Complete,
    Failed,
}

impl BlobReader {
    /// The size of the whole in bytes, as its descriptor says.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes were read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Who sends it: scheme, host and port.
    pub fn endpoint(&self) -> String {
        self.sources.get(self.current).map(|source| source.origin().to_string()).unwrap_or_default()
    }

    /// The error behind what `read` returned.
    pub fn error(&self, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => error,
            Err(source) => Error::Interrupted { host: self.endpoint(), source },
        }
    }

    /// Asks the current endpoint, then those after it, for what is missing.
    fn open(&mut self) -> Result<(), Error> {
        let mut failures = Vec::new();
        loop {
            let Some(source) = self.sources.get(self.current) else {
                self.current = self.sources.len().saturating_sub(1);
                return Err(summary(&self.what, failures));
            };
            match self.open_at(source) {
                Ok(body) => {
                    self.state = State::Streaming(body);
                    return Ok(());
                }
                Err(error) => {
                    failures.push(Failure { endpoint: source.origin().to_string(), error });
                    self.current = self.current.saturating_add(1);
                }
            }
        }
    }

    fn open_at(&self, source: &Source) -> Result<BodyReader<'static>, Error> {
        let rest = format!("blobs/{}", self.digest);
        let question = Question {
            what: &self.what,
            repository: &self.repository,
            rest: &rest,
            accept: "",
            offset: self.position,
        };
        let is_last = self.current.saturating_add(1) == self.sources.len();
        let (session, attempts) = (&self.inner.session, self.inner.attempts(is_last));
        let answer = match source {
            Source::Endpoint(endpoint) => session.ask(endpoint, question, attempts),
            Source::Foreign(from, url) => session.ask_elsewhere(from, url, question, attempts),
        }?;
        match answer.status {
            206 => self.check_part(answer),
            _ => self.check_whole(answer),
        }
    }

    /// The whole; what was read before is skipped.
    fn check_whole(&self, answer: Answer) -> Result<BodyReader<'static>, Error> {
        if let Some(found) = answer.content_length().filter(|length| *length != self.size) {
            return Err(self.wrong_size(found));
        }
        let origin = answer.url.origin;
        let mut body = answer.body;
        let skipped = io::copy(&mut (&mut body).take(self.position), &mut io::sink())
            .map_err(|source| self.inner.session.transport.interrupted(&origin, source))?;
        if skipped == self.position { Ok(body) } else { Err(self.wrong_size(skipped)) }
    }

    /// `Content-Range: bytes 5-9/10`
    fn check_part(&self, answer: Answer) -> Result<BodyReader<'static>, Error> {
        let field = answer.header("content-range").unwrap_or_default();
        let range = field.trim().strip_prefix("bytes").unwrap_or_default().trim_start();
        let start = range.split('-').next().and_then(|start| start.parse::<u64>().ok());
        if start != Some(self.position) || self.position == 0 {
            let url = answer.url.to_string();
            return Err(Error::Range { url, offset: self.position });
        }
        let total = range.rsplit('/').next().and_then(|total| total.parse::<u64>().ok());
        match total {
            Some(total) if total != self.size => Err(self.wrong_size(total)),
            _ => Ok(answer.body),
        }
    }

    fn step(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            let body = match &mut self.state {
                State::Streaming(body) => body,
                State::Complete => return Ok(0),
                State::Closed | State::Failed => return Err(self.failed_before()),
            };
            let missing =
                usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let length = buffer.len().min(missing);
            let Some(target) = buffer.get_mut(..length) else { return Ok(0) };
            match body.read(target) {
                Ok(0) => return Err(self.wrong_size(self.position)),
                Ok(count) => return self.take(target.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.resume(error)?,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.hasher.update(bytes);
        self.position = self.position.saturating_add(bytes.len() as u64);
        if self.position >= self.size {
            self.finish()?;
        }
        Ok(bytes.len())
    }

    /// All is there: nothing may follow, and it has to be what was asked for.
    fn finish(&mut self) -> Result<(), Error> {
        if let State::Streaming(body) = &mut self.state {
            // A connection that breaks here has delivered everything.
            if body.read(&mut [0]).unwrap_or(0) > 0 {
                return Err(self.wrong_size(self.size.saturating_add(1)));
            }
        }
        let found = self.hasher.clone().finish();
        if found != self.digest {
            return Err(Error::Digest {
                what: self.what.clone(),
                endpoint: self.endpoint(),
                expected: self.digest,
                found,
            });
        }
        self.state = State::Complete;
        self.turn = None;
        Ok(())
    }

    /// Takes a cut connection up again, unless that was done too often without getting on.
    fn resume(&mut self, error: io::Error) -> Result<(), Error> {
        let retry = self.inner.session.retry;
        if self.position.saturating_sub(self.last_cut) >= PROGRESS {
            self.failed_in_a_row = 0;
        }
        self.last_cut = self.position;
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        self.state = State::Failed;
        let failure = self.interrupted(error);
        let is_unwanted = failure.is_silence() && !retry.after_silence;
        if self.failed_in_a_row >= retry.attempts || is_unwanted {
            return Err(failure);
        }
        thread::sleep(backoff(&retry, self.failed_in_a_row));
        self.open()
    }

    fn interrupted(&self, source: io::Error) -> Error {
        let error = match self.sources.get(self.current) {
            Some(current) => self.inner.session.transport.interrupted(current.origin(), source),
            None => Error::Interrupted { host: String::new(), source },
        };
        let endpoint = self.endpoint();
        Error::Fetch { what: self.what.clone(), endpoint, source: Box::new(error) }
    }

    fn wrong_size(&self, found: u64) -> Error {
        let (what, endpoint) = (self.what.clone(), self.endpoint());
        Error::Size { what, endpoint, expected: self.size, found }
    }

    fn failed_before(&self) -> Error {
        self.interrupted(io::Error::other("an earlier read failed"))
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.step(buffer).map_err(|error| {
            self.state = State::Failed;
            let kind = match &error {
                Error::Digest { .. } | Error::Size { .. } => io::ErrorKind::InvalidData,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, error)
        })
    }
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "BlobReader({} at {}/{})", self.what, self.position, self.size)
    }
}
