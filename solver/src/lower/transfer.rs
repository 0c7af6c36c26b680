//! COPY and ADD.

use lapstrake_parser::{Diagnostic, Heredoc, Instruction, InstructionKind, Transfer, Word, glob};
use lapstrake_rootfs::TreePath;

use super::fault::{fault, with_help};
use super::reach::{self, Origin};
use super::stage::{Build, Shown, Stage};
use super::{directory, flag, word};
use crate::graph::{CopyOp, CopySource, ImageOp, Op, Vertex, VertexId};

pub(super) fn copy(
    build: &mut Build<'_>,
    stage: &mut Stage,
    instruction: &Instruction,
    transfer: &Transfer,
    is_trigger: bool,
) -> Result<(), Diagnostic> {
    let origin = reach::origin(build.headers, stage.number, instruction)?;
    let words = Words::of(build, stage, instruction, transfer)?;
    for (source, place) in words.sources.iter().zip(&transfer.sources) {
        if is_remote(source) {
            let help = "use ADD for what has to be fetched";
            let message = "COPY takes files of the build context, a stage or an image";
            return Err(with_help(fault("copy-remote", place.span(), message), help));
        }
    }
    let keep_owner = origin.is_some();
    let source = match origin {
        Some(origin) => Some(tree(build, &origin)),
        None if words.sources.is_empty() => None,
        None => Some(build.context()),
    };
    words.push(
        build,
        stage,
        instruction,
        is_trigger,
        Kind {
            source,
            keep_owner,
            unpack: false,
        },
    );
    Ok(())
}

pub(super) fn add(
    build: &mut Build<'_>,
    stage: &mut Stage,
    instruction: &Instruction,
    transfer: &Transfer,
    is_trigger: bool,
) -> Result<(), Diagnostic> {
    let words = Words::of(build, stage, instruction, transfer)?;
    for (source, place) in words.sources.iter().zip(&transfer.sources) {
        if is_remote(source) {
            let message = "ADD of a URL or a git repository is not supported yet";
            let help = "fetch it in a RUN step for now";
            return Err(with_help(
                fault("unsupported-source", place.span(), message),
                help,
            ));
        }
    }
    let source = (!words.sources.is_empty()).then(|| build.context());
    let kind = Kind {
        source,
        keep_owner: false,
        unpack: true,
    };
    words.push(build, stage, instruction, is_trigger, kind);
    Ok(())
}

/// How COPY, COPY --from and ADD differ.
struct Kind {
    source: Option<VertexId>,
    keep_owner: bool,
    unpack: bool,
}

/// What an instruction says, expanded.
struct Words {
    sources: Vec<String>,
    inline: Vec<CopySource>,
    written_destination: String,
    destination: String,
    owner: Option<String>,
    chmod: Option<String>,
    mode: Option<u32>,
    spans: Vec<lapstrake_parser::Span>,
}

impl Words {
    fn of(
        build: &Build<'_>,
        stage: &Stage,
        instruction: &Instruction,
        transfer: &Transfer,
    ) -> Result<Self, Diagnostic> {
        let escape = build.scope.escape;
        let expand = |word: &Word| word::expand(word, &stage.environment, escape);
        let written = expand(&transfer.destination)?;
        let (chmod, mode) = match flag::word(instruction, "chmod") {
            Some(word) => {
                let text = expand(&word)?;
                let mode = mode(&text, &word)?;
                (Some(text), Some(mode))
            }
            None => (None, None),
        };
        let owner = flag::word(instruction, "chown")
            .map(|word| expand(&word))
            .transpose()?;
        let heredocs = instruction.heredocs.iter();
        Ok(Self {
            sources: transfer
                .sources
                .iter()
                .map(expand)
                .collect::<Result<_, _>>()?,
            inline: heredocs
                .map(|doc| inline(doc, stage))
                .collect::<Result<_, _>>()?,
            destination: directory::destination(stage.working_directory(), &written),
            written_destination: written,
            owner: owner.filter(|owner| !owner.is_empty()),
            chmod,
            mode,
            spans: transfer.sources.iter().map(Word::span).collect(),
        })
    }

    fn push(
        self,
        build: &mut Build<'_>,
        stage: &mut Stage,
        instruction: &Instruction,
        is_trigger: bool,
        kind: Kind,
    ) {
        let history = self.history(if kind.unpack { "ADD" } else { "COPY" });
        let paths = self.sources.into_iter().map(CopySource::Path);
        let op = Op::Copy(CopyOp {
            sources: paths.chain(self.inline).collect(),
            destination: self.destination,
            owner: self.owner,
            mode: self.mode,
            keep_owner: kind.keep_owner,
            unpack: kind.unpack,
        });
        let shown = Shown {
            op,
            source: kind.source,
            words: self.spans,
            history,
        };
        build.push(stage, instruction, is_trigger, shown);
    }

    fn history(&self, keyword: &str) -> String {
        let mut text = keyword.to_owned();
        for (flag, value) in [("chown", &self.owner), ("chmod", &self.chmod)] {
            if let Some(value) = value {
                text.push_str(&format!(" --{flag}={value}"));
            }
        }
        for source in &self.sources {
            text.push_str(&format!(" {source}"));
        }
        for source in &self.inline {
            if let CopySource::Inline { name, .. } = source {
                text.push_str(&format!(" <<{name}"));
            }
        }
        format!("{text} {} # lap", self.written_destination)
    }
}

fn inline(heredoc: &Heredoc, stage: &Stage) -> Result<CopySource, Diagnostic> {
    let content = word::expand_heredoc(heredoc, &stage.environment)?;
    Ok(CopySource::Inline {
        name: heredoc.name.clone(),
        content,
    })
}

fn mode(text: &str, word: &Word) -> Result<u32, Diagnostic> {
    let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if is_octal && mode <= 0o7777 => Ok(mode),
        _ => {
            let message = format!("{text} is not a mode");
            let help = "write an octal number from 0 to 7777; symbolic modes are not supported yet";
            Err(with_help(fault("chmod", word.span(), message), help))
        }
    }
}

/// The vertex of a stage's or image's root file system.
fn tree(build: &mut Build<'_>, origin: &Origin) -> VertexId {
    let layers = match origin {
        Origin::Stage(stage) => match build.earlier(*stage) {
            Some(stage) => return stage.rootfs,
            // The stage has faults of its own, and so there will be no plan.
            None => Vec::new(),
        },
        Origin::Image(reference) => match build.image(reference) {
            Some(image) => image.config.rootfs.diff_ids.clone(),
            None => Vec::new(),
        },
    };
    let op = Op::Image(ImageOp { layers });
    let (inputs, words) = (Vec::new(), Vec::new());
    build.graph.add(Vertex {
        op,
        inputs,
        name: None,
        span: None,
        words,
        cache: true,
    })
}

fn is_remote(source: &str) -> bool {
    let schemes = ["http://", "https://", "git://", "ssh://", "git@"];
    schemes.iter().any(|scheme| source.starts_with(scheme))
}

/// What the needed stages may read of the build context: each source up to its first wildcard or
/// variable, with nothing that lies below another one.
pub(super) fn wanted(build: &Build<'_>) -> Vec<TreePath> {
    let mut wanted: Vec<TreePath> = build
        .needed_instructions()
        .filter(|instruction| flag::value(instruction, "from").is_none())
        .filter_map(|instruction| match &instruction.kind {
            InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => Some(transfer),
            _ => None,
        })
        .flat_map(|transfer| transfer.sources.iter().map(literal_prefix))
        .collect();
    wanted.sort();
    wanted.dedup_by(|path, above| path.starts_with(above));
    wanted
}

fn literal_prefix(source: &Word) -> TreePath {
    let text = source.text();
    let special = |c: char| c == '$' || c == '"' || c == '\'' || c == '\\' || c == '`';
    let literal: Vec<&str> = text
        .split('/')
        .take_while(|part| !part.contains(special) && !glob::has_meta(part.as_bytes()))
        .collect();
    TreePath::clean(literal.join("/").as_bytes())
}
