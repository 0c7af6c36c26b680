//! Sources of ADD that have to be fetched: URLs and repositories.

use lapstrake_oci::Digest;
use lapstrake_parser::{Diagnostic, Instruction, Word};
use lapstrake_source::{GitReference, HttpSource, HttpUrl};

use super::fault::{fault, with_help};
use super::stage::{Build, Stage};
use super::{flag, word};
use crate::graph::{Op, Vertex, VertexId};

/// A source that is no path.
pub(super) enum Remote {
    /// A file behind a URL.
    Http(HttpUrl),
    /// A repository.
    Git,
}

/// A checksum that was asked for.
pub(super) struct Checksum<'a> {
    word: &'a Word,
    text: String,
}

/// What `text`, the expanded `word`, names; `None` for a path.
pub(super) fn remote(text: &str, word: &Word) -> Result<Option<Remote>, Diagnostic> {
    if GitReference::parse(text).is_some() {
        return Ok(Some(Remote::Git));
    }
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Ok(None);
    }
    let url = HttpUrl::parse(text)
        .map_err(|error| fault("url", word.span, format!("this is no URL: {error}")))?;
    Ok(Some(Remote::Http(url)))
}

/// The value of `--checksum`; a blank one is none.
pub(super) fn checksum<'a>(
    build: &Build<'_>,
    stage: &Stage,
    instruction: &'a Instruction,
) -> Result<Option<Checksum<'a>>, Diagnostic> {
    let Some(word) = flag::value(instruction, "checksum") else { return Ok(None) };
    let text = word::expand(word, &stage.environment, build.scope.escape)?;
    Ok(Some(Checksum { word, text }).filter(|checksum| !checksum.text.is_empty()))
}

impl Checksum<'_> {
    /// The fault of one checksum for several sources, or for none.
    pub(super) fn needs_one_source(&self) -> Diagnostic {
        self.refused("--checksum is for a single source", "write an ADD of its own for each source")
    }

    /// The fault of a checksum for a path.
    pub(super) fn needs_remote_source(&self) -> Diagnostic {
        let message = "--checksum is for URLs and git repositories, not for files of the context";
        self.refused(message, "leave the flag out")
    }

    fn refused(&self, message: &str, help: &str) -> Diagnostic {
        with_help(fault("checksum", self.word.span, message), help)
    }

    /// As a URL's file has it.
    fn digest(&self) -> Result<Digest, Diagnostic> {
        let help = "write `sha256:` and the 64 digits that sha256sum prints";
        let (algorithm, _) = self.text.split_once(':').unwrap_or(("", ""));
        if !matches!(algorithm, "" | "sha256") {
            let message = format!("{algorithm} is no checksum that can be checked: sha256 is");
            return Err(self.refused(&message, help));
        }
        self.text
            .parse()
            .map_err(|error: lapstrake_oci::Error| self.refused(&error.to_string(), help))
    }
}

impl Remote {
    /// The vertex that fetches it; `path` becomes what is copied from there.
    pub(super) fn vertex(
        self,
        build: &mut Build<'_>,
        word: &Word,
        checksum: Option<&Checksum<'_>>,
        path: &mut String,
    ) -> Result<VertexId, Diagnostic> {
        match self {
            Self::Http(url) => {
                let name = url.file_name();
                *path = literal(&name);
                let digest = checksum.map(Checksum::digest).transpose()?;
                let shown = format!("fetch {url}");
                let op = Op::Http(HttpSource { url, name, checksum: digest });
                Ok(push(build, op, shown, word, checksum))
            }
            Self::Git => {
                let message = "ADD of a git repository is not supported yet";
                let help = "fetch it in a RUN step for now";
                Err(with_help(fault("unsupported-source", word.span, message), help))
            }
        }
    }
}

fn push(
    build: &mut Build<'_>,
    op: Op,
    name: String,
    word: &Word,
    checksum: Option<&Checksum<'_>>,
) -> VertexId {
    let words = std::iter::once(word.span).chain(checksum.map(|checksum| checksum.word.span));
    build.graph.add(Vertex {
        op,
        inputs: Vec::new(),
        name: Some(name),
        span: Some(word.span),
        words: words.collect(),
        cache: true,
    })
}

/// A name as the source of a copy that means just that. Without wildcards a source is taken as it
/// is, backslashes and all; with some it is a pattern.
fn literal(name: &str) -> String {
    if !name.contains(['*', '?', '[']) {
        return name.to_owned();
    }
    let mut pattern = String::with_capacity(name.len().saturating_mul(2));
    for letter in name.chars() {
        match letter {
            '*' | '?' | '[' => pattern.extend(['[', letter, ']']),
            '\\' => pattern.push_str("\\\\"),
            _ => pattern.push(letter),
        }
    }
    pattern
}
