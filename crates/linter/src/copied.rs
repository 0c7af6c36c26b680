//! What the COPYs and ADDs of a file take of its context. What a source names is decided by the code that builds
//! ([`lapstrake_rootfs::copy`]).

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::{
    Dockerfile, Instruction, InstructionKind, Keyword, Source as Written, Span, Transfer, Word,
};
use lapstrake_rootfs::copy::{CopyError, CopySpec, Selection, Source, select};
use lapstrake_rootfs::{TreePath, View};

use crate::state::State;
use crate::subject::Subject;
use crate::value::value;

/// A COPY or ADD that takes something of the context.
pub(crate) struct ContextCopy {
    /// The number of its stage.
    pub(crate) stage: usize,
    /// COPY or ADD.
    pub(crate) keyword: Keyword,
    /// Its sources that are paths of the context and whose values are known.
    pub(crate) sources: Vec<Taken>,
}

/// One source.
pub(crate) struct Taken {
    /// Where it is written.
    pub(crate) span: Span,
    /// Once variables are in.
    pub(crate) path: String,
    spec: CopySpec,
}

impl Taken {
    /// What it takes of a tree.
    pub(crate) fn select<'v>(&'v self, view: &'v View) -> Result<Selection<'v>, CopyError> {
        select(view, &self.spec)
    }
}

/// Every COPY and ADD of the context, stage by stage, in stages that are needed.
pub(crate) fn copies(subject: &Subject<'_>) -> Vec<ContextCopy> {
    let is_transfer =
        |one: &Instruction| matches!(one.kind.keyword(), Keyword::Copy | Keyword::Add);
    if !subject.dockerfile.instructions.iter().any(is_transfer) {
        return Vec::new();
    }
    let mut copies = Vec::new();
    let mut finished: Vec<State> = Vec::with_capacity(subject.stages.len());
    for stage in &subject.stages {
        let mut state = State::at_start(subject, stage, &finished);
        let is_needed = subject.known.stage(stage.index).needed;
        for instruction in stage.instructions {
            match &instruction.kind {
                InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) if is_needed => {
                    let sources = taken(subject, &state, instruction, transfer);
                    if !sources.is_empty() {
                        copies.push(ContextCopy {
                            stage: stage.index,
                            keyword: instruction.kind.keyword(),
                            sources,
                        });
                    }
                }
                _ => {}
            }
            state.apply(instruction, subject);
        }
        finished.push(state);
    }
    copies
}

/// The value of a word all of whose variables are set.
fn known(subject: &Subject<'_>, state: &State, word: &Word) -> Option<String> {
    let value = value(word, &state.environment, subject.dockerfile.escape)?;
    value.undefined.is_empty().then(|| value.text.into_owned())
}

fn taken(
    subject: &Subject<'_>,
    state: &State,
    instruction: &Instruction,
    transfer: &Transfer,
) -> Vec<Taken> {
    if is_from_elsewhere(instruction) {
        return Vec::new();
    }
    let keeps_parents = instruction.switch("parents").unwrap_or(false);
    let exclude = instruction.flags_named("exclude").filter_map(|flag| flag.value.as_ref());
    let exclude = IgnoreFile::from_patterns(exclude.map(Word::as_str)).unwrap_or_default();
    let sources = words(transfer).filter_map(|word| {
        let path = known(subject, state, word)?;
        if is_remote(&path) {
            return None;
        }
        let source = match keeps_parents {
            false => Source::Path(path.clone().into_bytes()),
            // As lowering has it (A11.8).
            true => {
                let (base, below) = path.split_once("/./").unwrap_or(("/", &path));
                let below = TreePath::clean(below.as_bytes()).to_string();
                let pattern = below.trim_start_matches('/').to_owned();
                Source::Below { base: base.as_bytes().to_vec(), pattern }
            }
        };
        let spec =
            CopySpec { sources: vec![source], exclude: exclude.clone(), ..CopySpec::default() };
        Some(Taken { span: word.span(), path, spec })
    });
    sources.collect()
}

fn words(transfer: &Transfer) -> impl Iterator<Item = &Word> {
    transfer.sources.iter().filter_map(|source| match source {
        Written::Path(word) => Some(word),
        Written::Heredoc { .. } => None,
    })
}

/// True if it takes files of a stage, an image or another context.
fn is_from_elsewhere(instruction: &Instruction) -> bool {
    let from = instruction.flag("from").filter(|flag| !flag.text().is_empty());
    instruction.kind.keyword() == Keyword::Copy && from.is_some()
}

/// What ADD fetches.
pub(crate) fn is_remote(source: &str) -> bool {
    let starts = ["http://", "https://", "git://", "ssh://", "git@"];
    starts.iter().any(|start| source.starts_with(start))
}

/// Whether a folder that nobody has named looks like the context of a file: of the paths that the file copies,
/// as far as they have no variables, at least as many are there as are missing. `hidden` are paths that an ignore
/// file leaves out: they are there as well.
pub fn fits(dockerfile: &Dockerfile, view: &View, hidden: &[TreePath]) -> bool {
    let (mut there, mut missing) = (0_usize, 0_usize);
    for instruction in &dockerfile.instructions {
        let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = &instruction.kind
        else {
            continue;
        };
        let sources = words(transfer).filter(|_| !is_from_elsewhere(instruction));
        for word in sources.map(Word::as_str) {
            let path = TreePath::clean(word.as_bytes());
            if word.contains('$') || is_remote(word) || path.is_root() {
                continue;
            }
            let is_hidden = || hidden.iter().any(|hidden| path.starts_with(hidden));
            let spec = CopySpec {
                sources: vec![Source::Path(word.as_bytes().to_vec())],
                ..CopySpec::default()
            };
            let is_there = select(view, &spec).is_ok_and(|found| !found.is_empty()) || is_hidden();
            *(if is_there { &mut there } else { &mut missing }) += 1;
        }
    }
    there >= missing
}
