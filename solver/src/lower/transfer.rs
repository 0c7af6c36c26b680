//! COPY and ADD.

use lapstrake_parser::mode::Mode;
use lapstrake_parser::{Diagnostic, Heredoc, Instruction, Keyword, Source, Span, Transfer, Word};

use super::fault::{fault, with_help};
use super::origin::{Origin, Tree};
use super::stage::{Build, Shown, Stage, Written};
use super::{directory, flag, reach, word};
use crate::graph::{CopyOp, CopySource, Op};

pub(super) fn copy(
    build: &mut Build<'_>,
    stage: &mut Stage,
    from: Written<'_>,
    transfer: &Transfer,
) -> Result<(), Diagnostic> {
    let origin = reach::origin(build.headers, stage.number, from.instruction, build.options)?;
    let words = Words::of(build, stage, from.instruction, transfer)?;
    if let Some(span) = words.remote() {
        let help = "use ADD for what has to be fetched";
        let message = "COPY takes files of the build context, a stage or an image";
        return Err(with_help(fault("copy-remote", span, message), help));
    }
    let source = words.source(build, &origin.unwrap_or(Origin::MAIN));
    words.push(build, stage, from, source);
    Ok(())
}

pub(super) fn add(
    build: &mut Build<'_>,
    stage: &mut Stage,
    from: Written<'_>,
    transfer: &Transfer,
) -> Result<(), Diagnostic> {
    let mut words = Words::of(build, stage, from.instruction, transfer)?;
    if let Some(span) = words.remote() {
        let message = "ADD of a URL or a git repository is not supported yet";
        let help = "fetch it in a RUN step for now";
        return Err(with_help(fault("unsupported-source", span, message), help));
    }
    words.unpack(from.instruction.switch("unpack").unwrap_or(true));
    let source = words.source(build, &Origin::MAIN);
    words.push(build, stage, from, source);
    Ok(())
}

/// What an instruction says, expanded.
struct Words {
    sources: Vec<CopySource>,
    spans: Vec<Span>,
    written_destination: String,
    destination: String,
    owner: Option<String>,
    mode: Option<String>,
}

impl Words {
    fn of(
        build: &Build<'_>,
        stage: &Stage,
        instruction: &Instruction,
        transfer: &Transfer,
    ) -> Result<Self, Diagnostic> {
        let expand = |word: &Word| word::expand(word, &stage.environment, build.scope.escape);
        let written = expand(&transfer.destination)?;
        let mut mode = None;
        if let Some(word) = flag::value(instruction, "chmod") {
            let text = expand(word)?;
            check_mode(&text, word.span)?;
            mode = Some(text);
        }
        let owner = flag::value(instruction, "chown").map(expand).transpose()?;
        let sources = ordered(&transfer.sources).map(|source| match source {
            Source::Path(word) => {
                Ok(CopySource::Path { tree: 0, path: expand(word)?, unpack: false })
            }
            Source::Heredoc { index, .. } => inline(instruction.heredocs.get(*index), stage),
        });
        Ok(Self {
            sources: sources.collect::<Result<_, _>>()?,
            spans: ordered(&transfer.sources).map(|source| source.word().span).collect(),
            destination: directory::destination(stage.working_directory(), &written),
            written_destination: written,
            owner: owner.filter(|owner| !owner.is_empty()),
            mode,
        })
    }

    /// Has archives unpacked or not.
    fn unpack(&mut self, on: bool) {
        for source in &mut self.sources {
            if let CopySource::Path { unpack, .. } = source {
                *unpack = on;
            }
        }
    }

    /// The tree of `origin`, which learns what is read of it; `None` when nothing is.
    fn source(&self, build: &mut Build<'_>, origin: &Origin) -> Option<Tree> {
        let mut tree = None;
        for source in &self.sources {
            if let CopySource::Path { path, .. } = source {
                let tree: &mut Tree = tree.get_or_insert_with(|| build.tree(origin));
                build.graph.want(tree.vertex, path);
            }
        }
        tree
    }

    /// The first source that is no path.
    fn remote(&self) -> Option<Span> {
        let schemes = ["http://", "https://", "git://", "ssh://", "git@"];
        let mut sources = self.sources.iter().zip(&self.spans);
        let (_, span) = sources.find(|(source, _)| match source {
            CopySource::Path { path, .. } => schemes.iter().any(|scheme| path.starts_with(scheme)),
            CopySource::Inline { .. } => false,
        })?;
        Some(*span)
    }

    fn push(self, build: &mut Build<'_>, stage: &mut Stage, from: Written<'_>, tree: Option<Tree>) {
        let history = self.history(from.instruction.kind.keyword());
        let op = Op::Copy(CopyOp {
            sources: self.sources,
            destination: self.destination,
            owner: self.owner,
            mode: self.mode,
            keep_owner: tree.as_ref().is_some_and(|tree| !tree.is_context),
        });
        let sources = tree.iter().map(|tree| tree.vertex).collect();
        build.push(stage, from, Shown { op, sources, words: self.spans, history });
    }

    fn history(&self, keyword: Keyword) -> String {
        let mut words = vec![keyword.name().to_owned()];
        words.extend(self.owner.as_ref().map(|owner| format!("--chown={owner}")));
        words.extend(self.mode.as_ref().map(|mode| format!("--chmod={mode}")));
        words.extend(self.sources.iter().map(|source| match source {
            CopySource::Path { path, .. } => path.clone(),
            CopySource::Inline { name, .. } => format!("<<{name}"),
        }));
        words.push(self.written_destination.clone());
        format!("{} # lap", words.join(" "))
    }
}

/// Paths first, then here-documents: the order in which BuildKit copies them.
fn ordered(sources: &[Source]) -> impl Iterator<Item = &Source> {
    let is_path = |source: &&Source| matches!(source, Source::Path(_));
    sources.iter().filter(is_path).chain(sources.iter().filter(move |source| !is_path(source)))
}

fn inline(heredoc: Option<&Heredoc>, stage: &Stage) -> Result<CopySource, Diagnostic> {
    match heredoc {
        Some(heredoc) => Ok(CopySource::Inline {
            name: heredoc.name.to_string(),
            content: word::expand_heredoc(heredoc, &stage.environment)?,
        }),
        // The parser reports a marker without a body.
        None => Ok(CopySource::Inline { name: String::new(), content: String::new() }),
    }
}

fn check_mode(text: &str, span: Span) -> Result<(), Diagnostic> {
    Mode::parse(text).map(drop).map_err(|message| {
        let help = "write an octal number from 0 to 7777, or changes such as u=rwX,go=rX";
        with_help(fault("chmod", span, message), help)
    })
}
