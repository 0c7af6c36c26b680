//! Sources that are fetched, each as a root file system of one layer.

use std::error::Error as _;
use std::fs::File;
use std::os::fd::AsFd as _;

use lapstrake_cache::Store;
use lapstrake_parser::{Diagnostic, Span};
use lapstrake_rootfs::decompress::newest_file;
use lapstrake_rootfs::read::open_file;
use lapstrake_rootfs::tar::Limits;
use lapstrake_rootfs::{LayerId, TreePath};
use lapstrake_source::{Error as SourceError, Fetched, Fetcher, GitReference, HttpSource};

use super::{Failure, Rootfs, Value, Workshop};
use crate::Error;
use crate::error::caused;
use crate::event::{Event, Outcome};
use crate::graph::{Op, Vertex, VertexId};
use crate::lower::TimeSource;

impl Workshop<'_> {
    /// The file behind a URL.
    pub(super) fn http(
        &self,
        id: VertexId,
        vertex: &Vertex,
        source: &HttpSource,
    ) -> Result<(Value, Outcome), Failure> {
        self.fetched(id, vertex, || self.fetcher.http(source))
    }

    /// The files of a commit.
    pub(super) fn git(
        &self,
        id: VertexId,
        vertex: &Vertex,
        reference: &GitReference,
    ) -> Result<(Value, Outcome), Failure> {
        self.fetched(id, vertex, || self.fetcher.git(reference))
    }

    fn fetched(
        &self,
        id: VertexId,
        vertex: &Vertex,
        fetch: impl FnOnce() -> Result<Fetched, SourceError>,
    ) -> Result<(Value, Outcome), Failure> {
        (self.events)(Event::Started { vertex: id });
        let fetched = fetch().map_err(|error| failure(&vertex.words, error))?;
        if let Some(version) = &fetched.version {
            self.explain_fetch(id, vertex, version)?;
        }
        Ok(value(&fetched))
    }
}

/// The time that a source has itself: that of its commit, or what the server says of its file, or
/// else that of the newest file in the archive that it is. In seconds since 1970.
///
/// # Errors
/// When the source cannot be fetched.
pub fn source_time(
    source: &TimeSource,
    store: &Store,
    fetcher: &Fetcher<'_>,
) -> Result<Option<i64>, Error> {
    let failed = |error| match failure(&source.words, error) {
        Failure::Build(error) => error,
        Failure::Cause(source) => {
            Error::Step { name: "SOURCE_DATE_EPOCH".into(), span: None, source }
        }
    };
    match &source.op {
        Op::Git(reference) => {
            fetcher.git(reference).map(|fetched| fetched.modified).map_err(failed)
        }
        Op::Http(http) => {
            let fetched = fetcher.http(http).map_err(failed)?;
            match fetched.modified {
                Some(modified) => Ok(Some(modified)),
                None => newest(store, &fetched.layer, &http.name),
            }
        }
        _ => Ok(None),
    }
}

/// The time of the newest file in the archive `name` of a layer, if it is one.
fn newest(store: &Store, layer: &LayerId, name: &str) -> Result<Option<i64>, Error> {
    let Some(layer) = store.layer(layer).map_err(Error::Store)? else { return Ok(None) };
    let Ok(directory) = File::open(&layer.path) else { return Ok(None) };
    let path = TreePath::clean(name.as_bytes());
    let Ok(file) = open_file(directory.as_fd(), &path) else { return Ok(None) };
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    Ok(newest_file(file, Limits::for_compressed(size)))
}

fn value(fetched: &Fetched) -> (Value, Outcome) {
    let outcome = if fetched.is_new { Outcome::Executed } else { Outcome::Cached };
    (Value::Rootfs(Rootfs { layers: vec![fetched.layer], created: None }), outcome)
}

/// What cannot be fetched is a fault of the Dockerfile, at the source or at its checksum: `words` in
/// this order.
fn failure(words: &[Span], error: SourceError) -> Failure {
    if matches!(error, SourceError::Cancelled) {
        return Failure::Build(Error::Cancelled);
    }
    let checksum = words.get(1).filter(|_| error.is_checksum());
    let Some(span) = checksum.or(words.first()) else {
        return Failure::Cause(Box::new(error));
    };
    let code = if error.is_checksum() { "checksum" } else { "fetch" };
    let mut fault = caused(Diagnostic::error(code, *span, error.to_string()), error.source());
    fault.help = error.hint();
    Failure::Build(Error::Faults(vec![fault]))
}
