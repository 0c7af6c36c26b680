//! COPY and ADD.

use lapstrake_parser::glob::has_wildcard;
use lapstrake_parser::ignore_file::{IgnoreError, IgnoreFile};
use lapstrake_parser::mode::Mode;
use lapstrake_parser::{Diagnostic, Heredoc, Instruction, Keyword, Source, Span, Transfer, Word};
use lapstrake_rootfs::TreePath;
use lapstrake_source::redacted;

use super::fault::{Faults, fault, with_help};
use super::origin::{Origin, Tree};
use super::remote::{self, Checksum};
use super::stage::{Build, Shown, Stage, Written};
use super::{directory, flag, heredoc, reach, word};
use crate::graph::{CopyOp, CopySource, Op, VertexId, Want};
use crate::owner::name;

pub(super) fn copy(
    build: &mut Build<'_>,
    stage: &mut Stage,
    from: Written<'_>,
    transfer: &Transfer,
) -> Result<(), Faults> {
    let mut faults = Faults::default();
    let origin = reach::origin(build.headers, stage.number, from.instruction, build.scope);
    let origin = faults.sort_out(origin);
    let words = faults.sort_out(Words::of(build, stage, from.instruction, transfer));
    let (Some(origin), Some(mut words)) = (origin, words) else { return Err(faults) };
    if let Some(span) = words.remote(transfer)? {
        let help = "use ADD for what has to be fetched";
        let message = "COPY takes files of the build context, a stage or an image";
        return Err(with_help(fault("copy-remote", span, message), help).into());
    }
    if from.instruction.switch("parents").unwrap_or(false) {
        words.keep_parents()?;
    }
    let origin = origin.unwrap_or(Origin::MAIN);
    let tree = words.source(build, &origin);
    let has_owners = origin == Origin::MAIN && build.options.context_has_owners;
    let keep_owner = tree.as_ref().is_some_and(|tree| !tree.is_context || has_owners);
    let trees = tree.iter().map(|tree| tree.vertex).collect();
    words.push(build, stage, from, Kind { trees, keep_owner });
    Ok(())
}

pub(super) fn add(
    build: &mut Build<'_>,
    stage: &mut Stage,
    from: Written<'_>,
    transfer: &Transfer,
) -> Result<(), Faults> {
    let mut words = Words::of(build, stage, from.instruction, transfer)?;
    let checksum = remote::checksum(from.instruction, &stage.environment, build.scope.escape)?;
    let trees = words.fetch(build, from.instruction, transfer, checksum.as_ref())?;
    // What is fetched belongs to root.
    let keep_owner = build.options.context_has_owners;
    words.push(build, stage, from, Kind { trees, keep_owner });
    Ok(())
}

/// How COPY, COPY --from and ADD differ.
struct Kind {
    /// Where the sources are.
    trees: Vec<VertexId>,
    keep_owner: bool,
}

/// What an instruction says, expanded.
struct Words {
    sources: Vec<CopySource>,
    spans: Vec<Span>,
    /// Flags, sources and destination as the history shows them.
    written: Vec<String>,
    destination: String,
    owner: Option<String>,
    mode: Option<String>,
    exclude: Vec<String>,
    /// Whether the layer is made without what is below. As in BuildKit `--chmod` undoes that.
    is_link: bool,
}

impl Words {
    fn of(
        build: &Build<'_>,
        stage: &Stage,
        instruction: &Instruction,
        transfer: &Transfer,
    ) -> Result<Self, Faults> {
        let expand = |word: &Word| word::expand(word, &stage.environment, build.scope.escape);
        let mut faults = Faults::default();
        let mode = faults.sort_out(mode(instruction, expand));
        let has_mode = mode != Some(None);
        let is_link = !has_mode && instruction.switch("link").unwrap_or(false);
        let owner = faults.sort_out(owner(build, stage, instruction, is_link));
        let written = faults.sort_out(expand(&transfer.destination));
        let sources = ordered(&transfer.sources).map(|source| match source {
            Source::Path(word) => {
                Ok(CopySource::Path { tree: 0, path: expand(word)?, unpack: false })
            }
            Source::Heredoc { index, .. } => inline(instruction.heredocs.get(*index), stage),
        });
        let sources = faults.sort_out_all(sources);
        let exclude = faults.sort_out_all(exclude(instruction));
        let (Some(mode), Some(owner), Some(written), Some(sources), Some(exclude)) =
            (mode, owner, written, sources, exclude)
        else {
            return Err(faults);
        };
        let parents = instruction.switch("parents").unwrap_or(false);
        let flags = [
            parents.then(|| "--parents".to_owned()),
            owner.as_ref().map(|owner| format!("--chown={owner}")),
            mode.as_ref().map(|mode| format!("--chmod={mode}")),
        ];
        let mut texts: Vec<String> = flags.into_iter().flatten().collect();
        let shown = ordered(&transfer.sources).zip(&sources);
        texts.extend(shown.map(|(written, source)| match written {
            Source::Heredoc { index, .. } => shown_heredoc(instruction.heredocs.get(*index)),
            Source::Path(_) => text(source),
        }));
        texts.push(written.clone());
        Ok(Self {
            sources,
            spans: ordered(&transfer.sources).map(|source| source.word().span()).collect(),
            written: texts,
            destination: directory::destination(&stage.working_directory(), &written),
            owner,
            mode,
            exclude,
            is_link,
        })
    }

    /// Has the path to each source kept: all of it, or what is behind the first `/./` (A11.8).
    fn keep_parents(&mut self) -> Result<(), Diagnostic> {
        for (source, span) in self.sources.iter_mut().zip(&self.spans) {
            let CopySource::Path { tree, path, .. } = source else { continue };
            let (base, below) = path.split_once("/./").unwrap_or(("/", path));
            let below = TreePath::clean(below.as_bytes());
            if below.is_root() && !has_wildcard(base.as_bytes()) {
                let message = format!("`{path}` leaves no path for --parents to keep");
                let help = "name what is to be copied, or leave --parents out";
                return Err(with_help(fault("copy-parents", *span, message), help));
            }
            let pattern = below.to_string().trim_start_matches('/').to_owned();
            if let Err(error) = IgnoreFile::from_patterns([pattern.as_str()]) {
                return Err(bad_pattern(&error, *span));
            }
            *source = CopySource::Below { tree: *tree, base: base.to_owned(), pattern };
        }
        Ok(())
    }

    /// The vertices that the sources of an ADD are in: each source learns which of them is its own,
    /// and whether it is unpacked.
    fn fetch(
        &mut self,
        build: &mut Build<'_>,
        instruction: &Instruction,
        transfer: &Transfer,
        checksum: Option<&Checksum<'_>>,
    ) -> Result<Vec<VertexId>, Diagnostic> {
        let is_path = |source: &&CopySource| matches!(source, CopySource::Path { .. });
        if self.sources.iter().filter(is_path).count() != 1 {
            checksum.map_or(Ok(()), |checksum| Err(checksum.needs_one_source()))?;
        }
        let wanted = instruction.switch("unpack");
        let mut trees: Vec<VertexId> = Vec::new();
        for (source, written) in self.sources.iter_mut().zip(ordered(&transfer.sources)) {
            let CopySource::Path { tree, path, unpack } = source else { continue };
            let found = remote::remote(path, written.word())?;
            *unpack = wanted.unwrap_or(found.is_none())
                && !found.as_ref().is_some_and(remote::Remote::is_git);
            let vertex = match found {
                Some(remote) => {
                    remote.vertex(build, (instruction, written.word()), checksum, path)?
                }
                None => {
                    checksum.map_or(Ok(()), |checksum| Err(checksum.needs_remote_source()))?;
                    let context = build.tree(&Origin::MAIN).vertex;
                    let want = Want {
                        path: path.clone(),
                        exclude: self.exclude.clone(),
                        ..Want::default()
                    };
                    build.graph.want_part(context, want);
                    context
                }
            };
            let known = trees.iter().position(|known| *known == vertex);
            *tree = known.unwrap_or_else(|| {
                trees.push(vertex);
                trees.len() - 1
            });
        }
        Ok(trees)
    }

    /// The tree of `origin`, which learns what is read of it; `None` when nothing is.
    fn source(&self, build: &mut Build<'_>, origin: &Origin) -> Option<Tree> {
        let mut tree = None;
        for source in &self.sources {
            let (path, only) = match source {
                CopySource::Path { path, .. } => (path.clone(), None),
                CopySource::Below { base, pattern, .. } => (base.clone(), Some(pattern.clone())),
                CopySource::Inline { .. } => continue,
            };
            let tree: &mut Tree = tree.get_or_insert_with(|| build.tree(origin));
            let exclude = self.exclude.clone();
            let want = Want { path, only, exclude, is_literal: false };
            build.graph.want_part(tree.vertex, want);
        }
        tree
    }

    /// The first source that is no path.
    fn remote(&self, transfer: &Transfer) -> Result<Option<Span>, Diagnostic> {
        for (source, written) in self.sources.iter().zip(ordered(&transfer.sources)) {
            if let CopySource::Path { path, .. } = source
                && remote::remote(path, written.word())?.is_some()
            {
                return Ok(Some(written.word().span()));
            }
        }
        Ok(None)
    }

    fn push(self, build: &mut Build<'_>, stage: &mut Stage, from: Written<'_>, kind: Kind) {
        let history = self.history(from.instruction.kind.keyword());
        let op = Op::Copy(CopyOp {
            sources: self.sources,
            destination: self.destination,
            exclude: self.exclude,
            owner: self.owner,
            mode: self.mode,
            keep_owner: kind.keep_owner,
        });
        let shown = Shown { op, sources: kind.trees, words: self.spans, history };
        match self.is_link {
            true => build.push_apart(stage, from, shown),
            false => build.push(stage, from, shown),
        }
    }

    fn history(&self, keyword: Keyword) -> String {
        format!("{} {} # lap", keyword.name(), self.written.join(" "))
    }
}

/// A source as the history shows it.
fn text(source: &CopySource) -> String {
    match source {
        CopySource::Path { path, .. } => redacted(path).into_owned(),
        CopySource::Below { base, pattern, .. } => format!("{base}/./{pattern}"),
        CopySource::Inline { name, .. } => format!("<<{name}"),
    }
}

/// With `--link` there is no file to look a name up in.
fn check_link_owner(owner: &str, span: Span) -> Result<(), Diagnostic> {
    match name(owner) {
        None => Ok(()),
        Some(name) => {
            let message = format!("--link does not see the image's files, so {name} is unknown");
            let help = "write ids, such as 1000:1000, or leave --link out";
            Err(with_help(fault("link-owner", span, message), help))
        }
    }
}

/// The patterns of `--exclude`, in which no variables are expanded.
fn exclude(instruction: &Instruction) -> impl Iterator<Item = Result<String, Diagnostic>> {
    let flags = instruction.flags.iter().filter(|flag| flag.name.value == "exclude");
    let words = flags.filter_map(|flag| flag.value.as_ref());
    words.map(|word| match IgnoreFile::from_patterns([word.as_str()]) {
        Ok(_) => Ok(word.as_str().to_owned()),
        Err(error) => Err(bad_pattern(&error, word.span())),
    })
}

/// The value of `--chmod`. As with `--chown`, nothing is asked for when a variable was empty.
fn mode(
    instruction: &Instruction,
    expand: impl Fn(&Word) -> Result<String, Faults>,
) -> Result<Option<String>, Faults> {
    let Some(word) = flag::value(instruction, "chmod") else { return Ok(None) };
    let text = expand(word)?;
    if text.is_empty() {
        return Ok(None);
    }
    check_mode(&text, word.span())?;
    Ok(Some(text))
}

/// The value of `--chown`.
fn owner(
    build: &Build<'_>,
    stage: &Stage,
    instruction: &Instruction,
    is_link: bool,
) -> Result<Option<String>, Faults> {
    let Some(word) = flag::value(instruction, "chown") else { return Ok(None) };
    let owner = word::expand(word, &stage.environment, build.scope.escape)?;
    match is_link {
        _ if owner.is_empty() => return Ok(None),
        true => check_link_owner(&owner, word.span())?,
        false => build.check_owner(stage, &owner, word.span())?,
    }
    Ok(Some(owner))
}

fn bad_pattern(error: &IgnoreError, span: Span) -> Diagnostic {
    let message = format!("the pattern `{}` {}", error.pattern, error.reason);
    fault("copy-pattern", span, message)
}

/// Paths first, then here-documents: the order in which BuildKit copies them.
fn ordered(sources: &[Source]) -> impl Iterator<Item = &Source> {
    let is_path = |source: &&Source| matches!(source, Source::Path(_));
    sources.iter().filter(is_path).chain(sources.iter().filter(move |source| !is_path(source)))
}

/// A here-document as the history shows it.
fn shown_heredoc(heredoc: Option<&Heredoc>) -> String {
    heredoc.map(|heredoc| format!("<<{}", heredoc.name)).unwrap_or_default()
}

fn inline(heredoc: Option<&Heredoc>, stage: &Stage) -> Result<CopySource, Faults> {
    match heredoc {
        Some(heredoc) => Ok(CopySource::Inline {
            name: heredoc::file_name(heredoc)?,
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
