//! Sources that are fetched, each as a root file system of one layer.

use std::error::Error as _;

use lapstrake_parser::Diagnostic;
use lapstrake_source::{Error as SourceError, Fetched, GitReference, HttpSource};

use super::{Failure, Rootfs, Value, Workshop};
use crate::Error;
use crate::error::caused;
use crate::event::{Event, Outcome};
use crate::graph::{Vertex, VertexId};

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
        let fetched = fetch().map_err(|error| failure(vertex, error))?;
        Ok(value(fetched))
    }
}

fn value(fetched: Fetched) -> (Value, Outcome) {
    let outcome = if fetched.is_new { Outcome::Executed } else { Outcome::Cached };
    (Value::Rootfs(Rootfs { layers: vec![fetched.layer], created: None }), outcome)
}

/// What cannot be fetched is a fault of the Dockerfile, at the source or at its checksum: the words
/// of the vertex in this order.
fn failure(vertex: &Vertex, error: SourceError) -> Failure {
    if matches!(error, SourceError::Cancelled) {
        return Failure::Build(Error::Cancelled);
    }
    let checksum = vertex.words.get(1).filter(|_| error.is_checksum());
    let Some(span) = checksum.or(vertex.words.first()) else {
        return Failure::Cause(Box::new(error));
    };
    let code = if error.is_checksum() { "checksum" } else { "fetch" };
    let mut fault = caused(Diagnostic::error(code, *span, error.to_string()), error.source());
    fault.help = error.hint();
    Failure::Build(Error::Faults(vec![fault]))
}
