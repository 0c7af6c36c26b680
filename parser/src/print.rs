//! The tree as text again: [`print()`].
//!
//! What is printed parses to the same tree, but for places: an instruction stands on one line, with
//! single blanks between its parts and its comments right above. Comments inside of instructions
//! and behind the last one are not in the tree.

mod fold;

use crate::buffer::Buffer;
use crate::directive::{Directive, name_and_value};
use crate::dockerfile::{Dockerfile, Instruction};
use crate::flag::Flag;
use crate::fragment::{Fragment, Line};
use crate::heredoc::Heredoc;
use crate::instruction::{
    ArgDeclaration, CommandForm, FromInstruction, InstructionKind, KeyValue, Source, Transfer,
};
use crate::json::{self, JsonArray};
use crate::span::Spanned;
use crate::word::Word;
use std::sync::Arc;

/// Between words that a blank would make a JSON array: a blank to the builder, but not to JSON.
const NO_JSON_BLANK: &str = "\u{b}";

/// The text of a Dockerfile, given a tree that parsed without errors.
///
/// Of a tree with errors, which lacks what was not understood, it is the text of the rest.
pub fn print(dockerfile: &Dockerfile) -> String {
    let mut text = String::new();
    for directive in &dockerfile.directives {
        text.push_str(&format!("# {}={}\n", directive.name.value, directive.value.value));
    }
    let comments = dockerfile.instructions.first().map(Instruction::comments).unwrap_or_default();
    if comments.first().is_some_and(is_like_directive) {
        text.push('\n');
    }
    for instruction in &dockerfile.instructions {
        push_instruction(&mut text, instruction, dockerfile.escape);
    }
    text
}

/// Whether the comment is one only because a line above it is no directive.
fn is_like_directive(comment: &Spanned<&str>) -> bool {
    name_and_value(comment.value).is_some_and(|(name, _)| Directive::is_name(name))
}

fn push_instruction(text: &mut String, instruction: &Instruction, escape: char) {
    for comment in instruction.comments() {
        text.push_str(&format!("# {}\n", comment.value));
    }
    let line = line(instruction, escape);
    fold::push(text, &line, escape);
    if fold::goes_on(&line, escape) {
        // Nothing can stand behind it: what went on in the file was its end.
        text.extend([' ', escape]);
    }
    text.push('\n');
    if !matches!(instruction.kind, InstructionKind::Onbuild(_)) {
        instruction.heredocs.iter().for_each(|heredoc| push_body(text, heredoc));
    }
}

fn push_body(text: &mut String, heredoc: &Heredoc) {
    text.push_str(&format!("{}{}\n", heredoc.content, heredoc.name));
}

/// The instruction without its comments and heredocs. That of ONBUILD has its own.
fn line(instruction: &Instruction, escape: char) -> String {
    if has_cut_name(instruction) {
        return instruction.original().to_owned();
    }
    let arguments = arguments(instruction);
    let flags = instruction.flags.iter().map(|flag| self::flag(flag, escape));
    let mut parts: Vec<String> =
        std::iter::once(instruction.keyword().value.to_owned()).chain(flags).collect();
    if arguments.starts_with("--") {
        parts.push("--".to_owned());
    }
    if !arguments.is_empty() {
        parts.push(arguments);
    }
    parts.join(" ")
}

/// Whether a heredoc has a name with blanks. COPY and ADD cut it into words, and only the line as it
/// was written still has all of it.
fn has_cut_name(instruction: &Instruction) -> bool {
    let is_cut = matches!(instruction.kind, InstructionKind::Copy(_) | InstructionKind::Add(_));
    let mut names = instruction.heredocs.iter().map(|heredoc| &heredoc.name);
    is_cut && names.any(|name| name.contains(char::is_whitespace))
}

fn flag(flag: &Flag, escape: char) -> String {
    let text = match &flag.value {
        Some(value) => format!("{}={}", flag.name.value, value.text),
        None => flag.name.value.to_string(),
    };
    let is_special = |c: char| matches!(c, '"' | '\'') || c == escape;
    if !text.contains(|c: char| is_special(c) || c.is_whitespace()) {
        return format!("--{text}");
    }
    let mut quoted = String::from("--\"");
    for c in text.chars() {
        quoted.extend((c == '"' || c == escape).then_some(escape));
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn arguments(instruction: &Instruction) -> String {
    match &instruction.kind {
        InstructionKind::From(from) => base(from),
        InstructionKind::Run(form)
        | InstructionKind::Cmd(form)
        | InstructionKind::Entrypoint(form) => command(form),
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => paths(transfer),
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
            joined(pairs.iter().map(pair))
        }
        InstructionKind::Arg(names) => joined(names.iter().map(declaration)),
        InstructionKind::Workdir(word)
        | InstructionKind::User(word)
        | InstructionKind::Stopsignal(word)
        | InstructionKind::Maintainer(word) => word.text.to_string(),
        InstructionKind::Expose(words) => joined(words.iter().map(text)),
        InstructionKind::Shell(words) => array(words.iter()),
        InstructionKind::Volume(volume) if volume.json => array(volume.paths.iter()),
        InstructionKind::Volume(volume) => no_array(volume.paths.iter()),
        InstructionKind::Healthcheck(check) => {
            let command = check.command.as_ref().map(command);
            joined(std::iter::once(check.word.text.to_string()).chain(command))
        }
        InstructionKind::Onbuild(onbuild) => onbuild.text.clone(),
    }
}

fn base(from: &FromInstruction) -> String {
    let rest = [&from.separator, &from.name];
    let rest = rest.into_iter().flatten().map(|word| word.value.to_string());
    joined(std::iter::once(from.image.text.to_string()).chain(rest))
}

fn command(form: &CommandForm) -> String {
    match form {
        CommandForm::Shell(word) => word.text.to_string(),
        CommandForm::Exec(words) => array(words.iter()),
    }
}

fn paths(transfer: &Transfer) -> String {
    let words = transfer.sources.iter().map(Source::word).chain([&transfer.destination]);
    if transfer.json { array(words) } else { no_array(words) }
}

fn pair(pair: &KeyValue) -> String {
    let between = if pair.legacy { ' ' } else { '=' };
    format!("{}{between}{}", pair.key.text, pair.value.text)
}

fn declaration(one: &ArgDeclaration) -> String {
    match &one.value {
        Some(value) => format!("{}={}", one.name.text, value.text),
        None => one.name.text.to_string(),
    }
}

fn text(word: &Word) -> String {
    word.text.to_string()
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

/// A JSON array of the words.
fn array<'w>(words: impl Iterator<Item = &'w Word>) -> String {
    let words: Vec<String> = words.map(|word| string(&word.text)).collect();
    format!("[{}]", words.join(", "))
}

/// A JSON string.
fn string(text: &str) -> String {
    let mut string = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            c if c < ' ' => string.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => string.push(c),
        }
    }
    string.push('"');
    string
}

/// Words that are no JSON array, whatever they look like.
fn no_array<'w>(words: impl Iterator<Item = &'w Word>) -> String {
    let words: Vec<&str> = words.map(Word::as_str).collect();
    let text = words.join(" ");
    match is_json(&text) {
        true => words.join(NO_JSON_BLANK),
        false => text,
    }
}

fn is_json(text: &str) -> bool {
    if !text.starts_with('[') {
        return false;
    }
    let buffer = Arc::new(Buffer::of_file(text.into()));
    let line = Line { buffer: &buffer, segments: &[] };
    !matches!(json::array(Fragment::whole(&line, 0..text.len())), JsonArray::NotJson)
}
