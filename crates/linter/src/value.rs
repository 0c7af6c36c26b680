//! What words come to once variables are in, and which words that is done to.

use std::borrow::Cow;
use std::ops::Range;

use lapstrake_parser::{
    Expander, Heredoc, Instruction, InstructionKind, Reference, Source, Span, Variables, Word,
    mount,
};

/// A word once its variables are in.
#[derive(Clone, Debug)]
pub(crate) struct Value<'w> {
    /// The text, without quotes.
    pub(crate) text: Cow<'w, str>,
    /// The variables that are set.
    pub(crate) used: Vec<Reference>,
    /// The variables that are not.
    pub(crate) undefined: Vec<Reference>,
}

impl Value<'_> {
    /// True if the word names a variable.
    pub(crate) fn is_variable(&self) -> bool {
        !self.used.is_empty() || !self.undefined.is_empty()
    }
}

/// The value of a word; nothing if it cannot be expanded, which lowering reports.
pub(crate) fn value<'w>(
    word: &'w Word,
    variables: &impl Variables,
    escape: char,
) -> Option<Value<'w>> {
    expand(word.as_str(), variables, Expander::new(escape))
}

fn expand<'w>(text: &'w str, variables: &impl Variables, with: Expander) -> Option<Value<'w>> {
    // Most words have nothing to expand.
    if !text.contains(['$', '"', '\'', with.escape, '<']) {
        return Some(Value { text: text.into(), used: Vec::new(), undefined: Vec::new() });
    }
    let expanded = with.expand(text, variables).ok()?;
    let (used, undefined) = (expanded.used, expanded.undefined);
    Some(Value { text: expanded.text.into(), used, undefined })
}

/// A piece of an instruction that the builder expands.
pub(crate) enum Expandable<'a> {
    /// A whole word.
    Word(&'a Word),
    /// A part of one.
    Part(&'a Word, Range<usize>),
    /// The body of a heredoc of COPY or ADD.
    Body(&'a Heredoc),
}

/// A port of EXPOSE.
pub(crate) struct Port {
    /// The text once variables are in.
    pub(crate) text: String,
    /// What it was made from.
    pub(crate) span: Span,
    /// It is written like this: nothing was put in or taken away.
    pub(crate) is_literal: bool,
}

/// The ports of an EXPOSE. A word is several ports if the variable in it is.
pub(crate) fn ports(words: &[Word], variables: &impl Variables, escape: char) -> Vec<Port> {
    let mut ports = Vec::new();
    for word in words {
        let Ok(expanded) = Expander::new(escape).expand_words(word.as_str(), variables) else {
            continue;
        };
        ports.extend(expanded.words.into_iter().map(|part| Port {
            is_literal: word.as_str().get(part.range.clone()) == Some(part.text.as_str()),
            span: word.span_of(part.range),
            text: part.text,
        }));
    }
    ports
}

/// Where the name stands in a reference such as `$name` or `${name:-x}`.
pub(crate) fn name_range(text: &str, reference: &Reference) -> Range<usize> {
    let written = text.get(reference.range.clone()).unwrap_or_default();
    let start = reference.range.start + if written.starts_with("${") { 2 } else { 1 };
    start..start + reference.name.len()
}

impl<'a> Expandable<'a> {
    /// The piece as it is written.
    pub(crate) fn text(&self) -> &'a str {
        match self {
            Self::Word(word) => word.as_str(),
            Self::Part(word, range) => word.as_str().get(range.clone()).unwrap_or_default(),
            Self::Body(heredoc) => &heredoc.content,
        }
    }

    /// What the piece comes to; nothing if it cannot be expanded.
    pub(crate) fn value(&self, variables: &impl Variables, escape: char) -> Option<Value<'a>> {
        let expander = match self {
            Self::Word(_) | Self::Part(..) => Expander::new(escape),
            Self::Body(_) => Expander::heredoc_body(),
        };
        expand(self.text(), variables, expander)
    }

    /// The place of the bytes `range` of the piece.
    pub(crate) fn span_of(&self, range: Range<usize>) -> Span {
        match self {
            Self::Word(word) => word.span_of(range),
            Self::Part(word, part) => {
                word.span_of(part.start + range.start..part.start + range.end)
            }
            Self::Body(heredoc) => {
                let start = heredoc.body.start;
                Span::new(start + range.start, start + range.end)
            }
        }
    }
}

/// The pieces of an instruction that the builder expands with the variables of the stage (A5).
///
/// Not those of FROM, which sees global arguments only, nor the defaults of ARG, each of which
/// sees the arguments in front of it, nor the ports of EXPOSE.
pub(crate) fn expandable(instruction: &Instruction) -> Vec<Expandable<'_>> {
    match &instruction.kind {
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
            pairs.iter().flat_map(|pair| [&pair.key, &pair.value]).map(Expandable::Word).collect()
        }
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => {
            let flags = ["chown", "chmod", "checksum"];
            let flags = flags.iter().filter_map(|name| instruction.flag(name)?.value.as_ref());
            let paths = transfer.sources.iter().filter_map(|source| match source {
                Source::Path(word) => Some(word),
                Source::Heredoc { .. } => None,
            });
            let words = flags.chain(paths).chain([&transfer.destination]);
            let bodies = instruction.heredocs.iter().filter(|heredoc| heredoc.expand);
            words.map(Expandable::Word).chain(bodies.map(Expandable::Body)).collect()
        }
        InstructionKind::Run(_) => {
            let mounts = instruction.flags_named("mount").filter_map(|flag| flag.value.as_ref());
            mounts.flat_map(mount_values).collect()
        }
        InstructionKind::Workdir(word)
        | InstructionKind::User(word)
        | InstructionKind::Stopsignal(word) => vec![Expandable::Word(word)],
        InstructionKind::Volume(volume) => volume.paths.iter().map(Expandable::Word).collect(),
        _ => Vec::new(),
    }
}

fn mount_values(mount: &Word) -> impl Iterator<Item = Expandable<'_>> {
    mount::values(mount.as_str()).into_iter().map(move |range| Expandable::Part(mount, range))
}
