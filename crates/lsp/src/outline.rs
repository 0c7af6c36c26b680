//! The parts of a document: symbols, and what can be folded.

use lapstrake_parser::{Instruction, InstructionKind, Span, Stage};
use lsp_types::{DocumentSymbol, FoldingRange, FoldingRangeKind, SymbolKind};

use crate::document::Document;

/// The longest text of an instruction that is shown, in characters.
const LONGEST: usize = 60;

/// Stages with their instructions; what stands in front of them by itself.
pub(crate) fn symbols(document: &Document) -> Vec<DocumentSymbol> {
    let dockerfile = &document.parsed.dockerfile;
    let global = dockerfile.global_instructions().iter().map(|one| instruction(document, one));
    let stages = dockerfile.stages();
    global.chain(stages.iter().map(|one| stage(document, one))).collect()
}

fn stage(document: &Document, stage: &Stage<'_>) -> DocumentSymbol {
    let from = stage.instruction;
    let end = stage.instructions.last().map_or(from.span.end, |last| last.span.end);
    let name = stage.from.name.as_ref();
    let children = stage.instructions.iter().map(|one| instruction(document, one));
    DocumentSymbol {
        name: match name {
            Some(name) => name.value.to_string(),
            None => format!("stage {}", stage.index),
        },
        detail: Some(stage.from.image.text.to_string()),
        children: Some(children.collect()),
        ..symbol(
            document,
            SymbolKind::NAMESPACE,
            Span::new(from.span.start, end),
            name.map_or(stage.from.image.span(), |name| name.span),
        )
    }
}

fn instruction(document: &Document, one: &Instruction) -> DocumentSymbol {
    let keyword = one.keyword();
    let (kind, names): (SymbolKind, Vec<&str>) = match &one.kind {
        InstructionKind::Arg(all) => {
            (SymbolKind::VARIABLE, all.iter().map(|one| one.name.as_str()).collect())
        }
        InstructionKind::Env(all) => {
            (SymbolKind::CONSTANT, all.iter().map(|one| one.key.as_str()).collect())
        }
        InstructionKind::Run(_) | InstructionKind::Cmd(_) | InstructionKind::Entrypoint(_) => {
            (SymbolKind::FUNCTION, Vec::new())
        }
        InstructionKind::Copy(_) | InstructionKind::Add(_) => (SymbolKind::FILE, Vec::new()),
        _ => (SymbolKind::PROPERTY, Vec::new()),
    };
    let words = match names.is_empty() {
        true => one.original().split_whitespace().skip(1).collect::<Vec<_>>().join(" "),
        false => names.join(" "),
    };
    let upper = keyword.value.to_ascii_uppercase();
    let name: String = format!("{upper} {words}").chars().take(LONGEST).collect();
    DocumentSymbol { name, ..symbol(document, kind, one.span, keyword.span) }
}

#[allow(deprecated, reason = "the field is a part of the structure all the same")]
fn symbol(document: &Document, kind: SymbolKind, span: Span, name: Span) -> DocumentSymbol {
    DocumentSymbol {
        name: String::new(),
        detail: None,
        kind,
        tags: None,
        deprecated: None,
        range: document.range(span),
        selection_range: document.range(name),
        children: None,
    }
}

/// Stages, instructions of several lines, and comments of several lines.
pub(crate) fn folds(document: &Document) -> Vec<FoldingRange> {
    let dockerfile = &document.parsed.dockerfile;
    let stages = dockerfile.stages();
    let stages = stages.iter().filter_map(|stage| {
        let end = stage.instructions.last()?.lines.1;
        Some((stage.instruction.lines.0, end, FoldingRangeKind::Region))
    });
    let instructions = dockerfile
        .instructions
        .iter()
        .map(|one| (one.lines.0, one.lines.1, FoldingRangeKind::Region));
    let comments = comments(document).into_iter();
    let comments = comments.map(|(start, end)| (start, end, FoldingRangeKind::Comment));
    let all = stages.chain(instructions).chain(comments).filter(|(start, end, _)| start < end);
    let fold = |(start, end, kind): (u32, u32, FoldingRangeKind)| FoldingRange {
        start_line: start.saturating_sub(1),
        end_line: end.saturating_sub(1),
        kind: Some(kind),
        ..FoldingRange::default()
    };
    all.map(fold).collect()
}

/// The first and last line, from 1, of comments that follow each other between instructions.
fn comments(document: &Document) -> Vec<(u32, u32)> {
    let mut found: Vec<(u32, u32)> = Vec::new();
    let mut instructions = document.parsed.dockerfile.instructions.iter().peekable();
    for (number, line) in (1..).zip(document.text.split('\n')) {
        while instructions.next_if(|one| one.lines.1 < number).is_some() {}
        let is_inside = instructions.peek().is_some_and(|one| one.lines.0 <= number);
        if is_inside || !line.trim_start().starts_with('#') {
            continue;
        }
        match found.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => found.push((number, number)),
        }
    }
    found
}
