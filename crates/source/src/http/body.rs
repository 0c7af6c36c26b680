//! The bytes of an answer: bounded in number and time, hashed as they come.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use lapstrake_oci::{Digest, DigestHasher};
use lapstrake_rootfs::decompress;

use crate::Error;

/// What is taken of an answer at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes, decompressed.
    pub(crate) bytes: u64,
    /// From the first byte to the last.
    pub(crate) time: Duration,
    /// From one byte to the next.
    pub(crate) idle: Duration,
}

/// Whether to stop.
pub(crate) type Cancelled<'a> = &'a (dyn Fn() -> bool + Sync);

/// What an answer brings.
pub(crate) struct Body<'a> {
    url: String,
    reader: Box<dyn Read + Send + 'a>,
    limits: Limits,
    hasher: DigestHasher,
    size: u64,
    /// Why reading ended early: an [`io::Error`] cannot say it.
    stopped: Option<Error>,
}

/// The connection's own bytes.
struct Wire<'a, R> {
    inner: R,
    begin: Instant,
    time: Duration,
    cancelled: Cancelled<'a>,
}

/// What [`Wire`] ends with, to be told apart from what the connection says.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("cancelled")]
    Cancelled,
    #[error("it takes too long")]
    Late,
}

impl<'a> Body<'a> {
    /// `gzip` when the server says that it has compressed the file for the way.
    pub(crate) fn new(
        url: String,
        reader: impl Read + Send + 'a,
        gzip: bool,
        limits: Limits,
        cancelled: Cancelled<'a>,
    ) -> Result<Self, Error> {
        let wire = Wire { inner: reader, begin: Instant::now(), time: limits.time, cancelled };
        let mut body = Self {
            url,
            reader: Box::new(io::empty()),
            limits,
            hasher: DigestHasher::new(),
            size: 0,
            stopped: None,
        };
        body.reader = match gzip {
            false => Box::new(wire),
            true => decompress::reader(wire).map_err(|error| body.error(error))?.1,
        };
        Ok(body)
    }

    /// The digest of all that was read. When reading failed, the reason that it had; when something
    /// else did, that.
    pub(crate) fn finish<T, E>(
        self,
        done: Result<T, E>,
        other: impl FnOnce(E) -> Error,
    ) -> Result<(T, Digest), Error> {
        match (done, self.stopped) {
            (Ok(value), _) => Ok((value, self.hasher.finish())),
            (Err(_), Some(stopped)) => Err(stopped),
            (Err(error), None) => Err(other(error)),
        }
    }

    /// What a failed read means.
    fn error(&self, source: io::Error) -> Error {
        let url = self.url.clone();
        let inner = source.get_ref();
        if let Some(stop) = inner.and_then(|inner| inner.downcast_ref::<Stop>()) {
            return match stop {
                Stop::Cancelled => Error::Cancelled,
                Stop::Late => Error::Timeout { url, awaited: "end", limit: self.limits.time },
            };
        }
        match inner.and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
            Some(ureq::Error::Timeout(_)) => {
                Error::Timeout { url, awaited: "data", limit: self.limits.idle }
            }
            _ => Error::Interrupted { url, source },
        }
    }

    fn stop(&mut self, error: Error) -> io::Error {
        self.stopped = Some(error);
        io::ErrorKind::Other.into()
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.reader.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let error = self.error(error);
                return Err(self.stop(error));
            }
        };
        self.size = self.size.saturating_add(count as u64);
        if self.size > self.limits.bytes {
            let error = Error::TooLarge { url: self.url.clone(), limit: self.limits.bytes };
            return Err(self.stop(error));
        }
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<R: Read> Read for Wire<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.cancelled)() {
            return Err(io::Error::other(Stop::Cancelled));
        }
        if self.begin.elapsed() > self.time {
            return Err(io::Error::other(Stop::Late));
        }
        self.inner.read(buffer)
    }
}
