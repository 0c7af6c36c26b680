//! Sources of ADD that have to be fetched: URLs and repositories.

use lapstrake_oci::Digest;
use lapstrake_parser::{Diagnostic, Instruction, Span, Word};
use lapstrake_source::{GitReference, HttpSource, HttpUrl, InvalidGitReference, QUERY_KEYS};

use super::environment::Environment;
use super::fault::{Faults, fault, suggestion, with_help};
use super::stage::Build;
use super::{flag, word};
use crate::graph::{Op, Vertex, VertexId};

const KEEP_GIT_DIR: &str = "keep-git-dir";

/// A source that is no path.
pub(super) enum Remote {
    /// A file behind a URL.
    Http(HttpUrl),
    /// A commit of a repository.
    Git(Box<GitReference>),
}

/// A checksum that was asked for.
pub(super) struct Checksum<'a> {
    word: &'a Word,
    text: String,
}

/// What `text`, the expanded `word`, names; `None` for a path.
pub(super) fn remote(text: &str, word: &Word) -> Result<Option<Remote>, Diagnostic> {
    if let Some(reference) = GitReference::parse(text) {
        let reference = reference.map_err(|error| at(word, &error))?;
        return Ok(Some(Remote::Git(Box::new(reference))));
    }
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Ok(None);
    }
    let url = HttpUrl::parse(text)
        .map_err(|error| fault("url", word.span(), format!("this is no URL: {error}")))?;
    Ok(Some(Remote::Http(url)))
}

/// The value of `--checksum`; a blank one is none.
pub(super) fn checksum<'a>(
    instruction: &'a Instruction,
    environment: &Environment,
    escape: char,
) -> Result<Option<Checksum<'a>>, Faults> {
    let Some(word) = flag::value(instruction, "checksum") else { return Ok(None) };
    let text = word::expand(word, environment, escape)?;
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
        with_help(fault("checksum", self.word.span(), message), help)
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
    /// Whether it is a repository: nothing in one is unpacked.
    pub(super) fn is_git(&self) -> bool {
        matches!(self, Self::Git(_))
    }

    /// The op that fetches it for `instruction`.
    pub(super) fn op(
        self,
        instruction: &Instruction,
        checksum: Option<&Checksum<'_>>,
    ) -> Result<Op, Diagnostic> {
        match self {
            Self::Http(url) => {
                let name = url.file_name();
                let checksum = checksum.map(Checksum::digest).transpose()?;
                Ok(Op::Http(HttpSource { url, name, checksum }))
            }
            Self::Git(mut reference) => {
                keep_git_dir(&mut reference, instruction)?;
                if let Some(Checksum { word, text }) = checksum {
                    reference.expect(text).map_err(|error| at(word, &error))?;
                }
                Ok(Op::Git(reference))
            }
        }
    }

    /// The vertex that fetches it for `instruction`, which names it by `word`; `path` becomes what
    /// is copied from there.
    pub(super) fn vertex(
        self,
        build: &mut Build<'_>,
        (instruction, word): (&Instruction, &Word),
        checksum: Option<&Checksum<'_>>,
        path: &mut String,
    ) -> Result<VertexId, Diagnostic> {
        let shown = match &self {
            Self::Http(url) => {
                *path = literal(&url.file_name());
                format!("fetch {url}")
            }
            Self::Git(reference) => {
                *path = "/".to_owned();
                format!("fetch {reference}")
            }
        };
        let op = self.op(instruction, checksum)?;
        Ok(build.graph.add(Vertex {
            op,
            inputs: Vec::new(),
            name: Some(shown),
            span: Some(word.span()),
            words: words(word, checksum),
            cache: true,
        }))
    }
}

/// Where a source and its checksum stand.
pub(super) fn words(word: &Word, checksum: Option<&Checksum<'_>>) -> Vec<Span> {
    std::iter::once(word.span()).chain(checksum.map(|checksum| checksum.word.span())).collect()
}

/// Takes over `--keep-git-dir`, which must not say something else than the reference itself.
fn keep_git_dir(reference: &mut GitReference, instruction: &Instruction) -> Result<(), Diagnostic> {
    let flag = instruction.flags.iter().rfind(|flag| flag.name.value == KEEP_GIT_DIR);
    let Some(flag) = flag else { return Ok(()) };
    match reference.keep_git_dir.replace(flag.is_true()) {
        Some(said) if said != flag.is_true() => {
            let message = format!("--{KEEP_GIT_DIR} and the reference's own keep-git-dir disagree");
            Err(with_help(fault("git-reference", flag.span, message), "leave one of them out"))
        }
        _ => Ok(()),
    }
}

/// A faulty reference, at the part of the word that is at fault when that stands there as it is.
fn at(word: &Word, error: &InvalidGitReference) -> Diagnostic {
    let part = error.part().filter(|part| !part.is_empty());
    let start = part.and_then(|part| Some((word.as_str().rfind(part)?, part.len())));
    let span = start.map_or(word.span(), |(start, length)| word.span_of(start..start + length));
    let fault = fault("git-reference", span, error.to_string());
    match error {
        InvalidGitReference::UnknownKey { key } => {
            let help = suggestion(key, QUERY_KEYS);
            fault.with_help(
                help.unwrap_or_else(|| format!("the keys are {}", QUERY_KEYS.join(", "))),
            )
        }
        _ => fault,
    }
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
