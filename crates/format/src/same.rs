//! Whether two files say the same.

use lapstrake_parser::{
    ArgDeclaration, CommandForm, Dockerfile, Flag, FromInstruction, Heredoc, Instruction,
    InstructionKind, KeyValue, Source, Transfer, Word,
};

use crate::shell;

/// True if both files say the same: places, letter case of names and white space that does not count may
/// differ.
pub(crate) fn same(one: &Dockerfile, other: &Dockerfile) -> bool {
    let directives = |file: &Dockerfile| -> Vec<(String, String)> {
        let all = file.directives.iter();
        all.map(|one| (one.name.value.clone(), one.value.value.clone())).collect()
    };
    one.escape == other.escape
        && directives(one) == directives(other)
        && pairwise(&one.instructions, &other.instructions, |one, other| {
            instruction(one, other) && comments(one) == comments(other)
        })
}

fn pairwise<T>(one: &[T], other: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
}

/// The comments above. That of an indented line has its `#`.
fn comments(instruction: &Instruction) -> Vec<String> {
    let is_front = |c: char| c == '#' || c.is_whitespace();
    let all = instruction.comments().into_iter();
    all.map(|one| one.value.trim_start_matches(is_front).to_owned()).collect()
}

fn instruction(one: &Instruction, other: &Instruction) -> bool {
    pairwise(&one.flags, &other.flags, flag)
        && pairwise(&one.heredocs, &other.heredocs, heredoc)
        && kind(&one.kind, &other.kind)
}

fn flag(one: &Flag, other: &Flag) -> bool {
    let value = |flag: &Flag| flag.value.as_ref().map(|value| value.text.clone());
    one.name.value == other.name.value && value(one) == value(other)
}

fn heredoc(one: &Heredoc, other: &Heredoc) -> bool {
    let attributes = |heredoc: &Heredoc| (heredoc.fd, heredoc.expand, heredoc.chomp);
    one.name == other.name && attributes(one) == attributes(other) && one.content == other.content
}

fn word(one: &Word, other: &Word) -> bool {
    one.text == other.text
}

fn optional(one: Option<&Word>, other: Option<&Word>) -> bool {
    one.map(Word::as_str) == other.map(Word::as_str)
}

fn kind(one: &InstructionKind, other: &InstructionKind) -> bool {
    use InstructionKind as Kind;
    match (one, other) {
        (Kind::From(one), Kind::From(other)) => from(one, other),
        (Kind::Run(one), Kind::Run(other))
        | (Kind::Cmd(one), Kind::Cmd(other))
        | (Kind::Entrypoint(one), Kind::Entrypoint(other)) => command(one, other),
        (Kind::Copy(one), Kind::Copy(other)) | (Kind::Add(one), Kind::Add(other)) => {
            transfer(one, other)
        }
        (Kind::Env(one), Kind::Env(other)) | (Kind::Label(one), Kind::Label(other)) => {
            pairwise(one, other, pair)
        }
        (Kind::Arg(one), Kind::Arg(other)) => pairwise(one, other, declaration),
        (Kind::Workdir(one), Kind::Workdir(other))
        | (Kind::User(one), Kind::User(other))
        | (Kind::Stopsignal(one), Kind::Stopsignal(other))
        | (Kind::Maintainer(one), Kind::Maintainer(other)) => word(one, other),
        (Kind::Expose(one), Kind::Expose(other)) => pairwise(one, other, word),
        (Kind::Shell(one), Kind::Shell(other)) => pairwise(one, other, word),
        (Kind::Volume(one), Kind::Volume(other)) => {
            one.json == other.json && pairwise(&one.paths, &other.paths, word)
        }
        (Kind::Healthcheck(one), Kind::Healthcheck(other)) => {
            one.timing == other.timing
                && match (&one.command, &other.command) {
                    (Some(one), Some(other)) => command(one, other),
                    (one, other) => one.is_none() && other.is_none(),
                }
        }
        (Kind::Onbuild(one), Kind::Onbuild(other)) => {
            match (&one.instruction, &other.instruction) {
                (Some(one), Some(other)) => instruction(one, other),
                _ => one.text == other.text,
            }
        }
        _ => false,
    }
}

fn from(one: &FromInstruction, other: &FromInstruction) -> bool {
    let name = |from: &FromInstruction| from.name.as_ref().map(|name| name.value.clone());
    word(&one.image, &other.image)
        && optional(one.platform.as_ref(), other.platform.as_ref())
        && one.separator.is_some() == other.separator.is_some()
        && name(one) == name(other)
}

fn command(one: &CommandForm, other: &CommandForm) -> bool {
    match (one, other) {
        (CommandForm::Shell(one), CommandForm::Shell(other)) => {
            word(one, other) || shell::normal(&one.text) == shell::normal(&other.text)
        }
        (CommandForm::Exec(one), CommandForm::Exec(other)) => pairwise(one, other, word),
        _ => false,
    }
}

fn transfer(one: &Transfer, other: &Transfer) -> bool {
    let index = |source: &Source| match source {
        Source::Path(_) => None,
        Source::Heredoc { index, .. } => Some(*index),
    };
    let source =
        |one: &Source, other: &Source| word(one.word(), other.word()) && index(one) == index(other);
    one.json == other.json
        && pairwise(&one.sources, &other.sources, source)
        && word(&one.destination, &other.destination)
}

fn pair(one: &KeyValue, other: &KeyValue) -> bool {
    word(&one.key, &other.key) && word(&one.value, &other.value)
}

fn declaration(one: &ArgDeclaration, other: &ArgDeclaration) -> bool {
    word(&one.name, &other.name) && optional(one.value.as_ref(), other.value.as_ref())
}
