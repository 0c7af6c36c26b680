//! What the COPYs and ADDs of a file take of its context. What a source names is decided by the code that builds
//! ([`lapstrake_rootfs::copy`]).

use lapstrake_parser::glob::has_wildcard;
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::mode::Mode;
use lapstrake_parser::{
    Dockerfile, Instruction, InstructionKind, Keyword, Source as Written, Span, Stage, Transfer,
    Word,
};
use lapstrake_rootfs::copy::{CopyError, CopySpec, Placed, Selection, Source, select};
use lapstrake_rootfs::{Entry, TreePath, View};

use crate::state::State;
use crate::subject::Subject;
use crate::value::value;

/// A COPY or ADD that takes something of the context.
pub(crate) struct ContextCopy {
    /// The number of its stage.
    pub(crate) stage: usize,
    /// The number of the instruction in the file.
    pub(crate) instruction: usize,
    /// COPY or ADD.
    pub(crate) keyword: Keyword,
    /// Its sources that are paths of the context and whose values are known.
    pub(crate) sources: Vec<Taken>,
    /// Of other sources the values are not known.
    pub(crate) has_unknown: bool,
    /// Where it copies to, once variables are in; nothing if they are not known.
    pub(crate) destination: Option<String>,
    /// The working directory there; nothing if it is not known.
    pub(crate) directory: Option<String>,
    /// `--chmod`, if it is there and can be read.
    pub(crate) mode: Option<Mode>,
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

    /// The file that it brings to a path below the destination; the destination itself is the root.
    pub(crate) fn at<'v>(&self, view: &'v View, below: &TreePath) -> Option<&'v Entry> {
        let is_plain = matches!(self.spec.sources.as_slice(), [Source::Path(_)]);
        if !is_plain || has_wildcard(self.path.as_bytes()) || !self.spec.exclude.is_empty() {
            let found = select(view, &self.spec).ok()?;
            let is_here = |placed: &Placed<'_>| {
                let is_own = placed.is_named && below.is_root();
                is_own || TreePath::clean(placed.name) == *below
            };
            let path = found.placed().find(is_here)?.entry.path.clone();
            return Some(view.entry(&path)?.entry);
        }
        // Most copies name one path, and need not be gone through.
        let named = TreePath::clean(self.path.as_bytes());
        let path = view.resolve(&named, true).ok()?;
        let is_folder = view.entry(&path).is_none_or(|found| found.entry.is_directory());
        let path = match is_folder {
            true => path.join_path(below),
            false if below.is_root() || below.as_bytes() == named.name() => path,
            false => return None,
        };
        Some(view.entry(&path)?.entry).filter(|entry| !entry.is_directory())
    }
}

impl ContextCopy {
    /// Where it copies to, as a path from the root; nothing if that is not known.
    pub(crate) fn target(&self) -> Option<TreePath> {
        let path = absolute(self.directory.as_deref(), self.destination.as_deref()?)?;
        Some(TreePath::clean(path.as_bytes()))
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
    let mut ends: Vec<Option<String>> = Vec::new();
    for stage in &subject.stages {
        let mut state = State::at_start(subject, stage, &finished);
        let mut directory = match subject.base_of(stage) {
            Some(base) => ends.get(base.index).cloned().flatten(),
            None if stage.from.image.as_str() == "scratch" => Some("/".to_owned()),
            None => {
                let base = subject.known.stage(stage.index).base;
                base.and_then(|base| absolute(Some("/"), &base.config.working_dir))
            }
        };
        let is_needed = subject.known.stage(stage.index).needed;
        for instruction in stage.instructions {
            match &instruction.kind {
                InstructionKind::Workdir(word) => {
                    let path = known(subject, &state, word);
                    directory = path.and_then(|path| absolute(directory.as_deref(), &path));
                }
                InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) if is_needed => {
                    let (sources, has_unknown) = taken(subject, &state, instruction, transfer);
                    if !sources.is_empty() || has_unknown {
                        let mode = instruction.flag("chmod").and_then(|flag| flag.value.as_ref());
                        let mode = mode.and_then(|word| known(subject, &state, word));
                        copies.push(ContextCopy {
                            stage: stage.index,
                            instruction: number(subject, instruction),
                            keyword: instruction.kind.keyword(),
                            sources,
                            has_unknown,
                            destination: known(subject, &state, &transfer.destination),
                            directory: directory.clone(),
                            mode: mode.and_then(|mode| Mode::parse(&mode).ok()),
                        });
                    }
                }
                _ => {}
            }
            state.apply(instruction, subject);
        }
        finished.push(state);
        ends.push(directory);
    }
    copies
}

/// The working directory in a stage in front of a place, as far as it can be told without the variables of ENV and
/// ARG.
pub(crate) fn directory_at(
    subject: &Subject<'_>,
    stage: &Stage<'_>,
    place: usize,
) -> Option<String> {
    let mut lineage = subject.lineage(stage);
    let ground = lineage.last().map_or(stage.index, |ground| ground.index);
    lineage.reverse();
    let is_scratch = subject.stages.get(ground)?.from.image.as_str() == "scratch";
    let base = subject.known.stage(ground).base;
    let mut directory = match base {
        Some(base) => absolute(Some("/"), &base.config.working_dir),
        None => is_scratch.then(|| "/".to_owned()),
    };
    let above = lineage.iter().flat_map(|stage| stage.instructions);
    let own = stage.instructions.iter().take_while(|one| one.span.start < place);
    for instruction in above.chain(own) {
        if let InstructionKind::Workdir(word) = &instruction.kind {
            let path = Some(word.as_str()).filter(|path| !path.contains('$'));
            directory = path.and_then(|path| absolute(directory.as_deref(), path));
        }
    }
    directory
}

/// The number of an instruction in the file.
fn number(subject: &Subject<'_>, instruction: &Instruction) -> usize {
    let all = &subject.dockerfile.instructions;
    all.partition_point(|one| one.span.start < instruction.span.start)
}

/// The value of a word all of whose variables are set.
fn known(subject: &Subject<'_>, state: &State, word: &Word) -> Option<String> {
    let value = value(word, &state.environment, subject.dockerfile.escape)?;
    value.undefined.is_empty().then(|| value.text.into_owned())
}

/// A path seen from a directory; nothing if that counts and is not known.
pub(crate) fn absolute(directory: Option<&str>, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    Some(format!("{}/{path}", directory?.trim_end_matches('/')))
}

fn taken(
    subject: &Subject<'_>,
    state: &State,
    instruction: &Instruction,
    transfer: &Transfer,
) -> (Vec<Taken>, bool) {
    if is_from_elsewhere(instruction) {
        return (Vec::new(), false);
    }
    let mut has_unknown = false;
    let keeps_parents = instruction.switch("parents").unwrap_or(false);
    let exclude = instruction.flags_named("exclude").filter_map(|flag| flag.value.as_ref());
    let exclude = IgnoreFile::from_patterns(exclude.map(Word::as_str)).unwrap_or_default();
    let sources = words(transfer).filter_map(|word| {
        let path = known(subject, state, word);
        has_unknown |= path.is_none();
        let path = path?;
        if is_remote(&path) {
            return None;
        }
        let source = match keeps_parents {
            false => Source::Path(path.clone().into_bytes()),
            // As lowering has it (A11.8).
            true => {
                let (base, below) = path.split_once("/./").unwrap_or(("/", &path));
                let below = TreePath::clean(below.as_bytes()).to_string();
                // A path that leaves nothing to keep is for lowering to refuse.
                if below == "/" && !has_wildcard(base.as_bytes()) {
                    return None;
                }
                let pattern = below.trim_start_matches('/').to_owned();
                Source::Below { base: base.as_bytes().to_vec(), pattern }
            }
        };
        let spec =
            CopySpec { sources: vec![source], exclude: exclude.clone(), ..CopySpec::default() };
        Some(Taken { span: word.span(), path, spec })
    });
    let sources = sources.collect();
    (sources, has_unknown)
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

/// True if something is at the path that is left out, or only in folders that are.
pub(crate) fn is_hidden(path: &TreePath, hidden: &[TreePath]) -> bool {
    hidden.iter().any(|hidden| path.starts_with(hidden) || hidden.starts_with(path))
}

/// What lies in the root of a project, and seldom anywhere else.
const MARKS: [&[u8]; 15] = [
    b".dockerignore",
    b".git",
    b"Cargo.toml",
    b"Gemfile",
    b"Makefile",
    b"build.gradle",
    b"build.gradle.kts",
    b"composer.json",
    b"go.mod",
    b"package.json",
    b"pom.xml",
    b"pyproject.toml",
    b"requirements.txt",
    b"setup.py",
    b"src",
];

/// Whether a folder that nobody has named looks like the context of a file: of the paths that the file copies, as far
/// as they have no variables, at least as many are there as are missing, or, where the file copies nothing but the
/// whole context, there is something that lies in the root of projects. `hidden` are paths that an ignore file leaves
/// out: they are there as well.
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
            if word.contains('$') || is_remote(word) || path.is_root() || word == "*" {
                continue;
            }
            let is_there = is_named(view, word.as_bytes()) || is_hidden(&path, hidden);
            *(if is_there { &mut there } else { &mut missing }) += 1;
        }
    }
    // Nobody but the builder reads such a file, and it reads that of the context.
    let ignore = TreePath::clean(b".dockerignore");
    if view.entry(&ignore).is_some() || hidden.binary_search(&ignore).is_ok() {
        return true;
    }
    let is_marked = || {
        MARKS
            .iter()
            .map(|mark| TreePath::clean(mark))
            .any(|mark| view.entry(&mark).is_some() || hidden.binary_search(&mark).is_ok())
    };
    if there + missing == 0 { is_marked() } else { there >= missing }
}

/// True if a source names something.
fn is_named(view: &View, source: &[u8]) -> bool {
    let named = TreePath::clean(source);
    if !has_wildcard(source) {
        return view.find(&named).is_ok_and(|found| found.is_some());
    }
    let spec = CopySpec { sources: vec![Source::Path(source.to_vec())], ..CopySpec::default() };
    select(view, &spec).is_ok_and(|found| !found.is_empty())
}
