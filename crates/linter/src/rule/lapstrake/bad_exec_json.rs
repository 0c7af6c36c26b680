//! # What looks like a JSON array is one
//!
//! An argument that begins with `[` and is no JSON is text for the shell, which then looks for a program of that name: `[`
//! is there as a rule, and tests something. Single quotes, a comma too many or one that is missing, and `\` in front of letters
//! are what does it.
//!
//! ```dockerfile
//! FROM debian:12
//! CMD ['server', '--port', '80']
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! CMD ["server", "--port", "80"]
//! ```
//!
//! **Fix**: doubtful: double quotes for single ones, where that makes it JSON.

use lapstrake_parser::{
    CommandForm, Instruction, InstructionKind, Keyword, Safety, Severity, Word, parse_trigger,
};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("bad-exec-json", Severity::Error, Check::Instruction(check))
        .instead_of(&["JSONArgsRecommended"]);

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let is_command = instruction.kind.keyword() != Keyword::Run;
    let is_array =
        |word: &&Word| is_meant(word.as_str()) || (is_command && is_bare_list(word.as_str()));
    let Some(word) = text(instruction).filter(is_array) else { return };
    let text = word.as_str().trim_end();
    let draft = findings.add(word.span(), "this is no JSON array, but text for the shell");
    let draft =
        draft.help("write it as `[\"program\", \"argument\"]`: double quotes, and commas between");
    let quoted = text.replace('\'', "\"");
    let (parsed, _) = parse_trigger(&format!("CMD {quoted}"));
    let is_array =
        parsed.is_some_and(|one| matches!(one.kind, InstructionKind::Cmd(CommandForm::Exec(_))));
    if !text.contains('"') && is_array && word.span().len() == word.as_str().len() {
        draft.fix(Safety::Unsafe, [(word.span_of(0..text.len()), quoted)]);
    }
}

fn text(instruction: &Instruction) -> Option<&Word> {
    let form = match &instruction.kind {
        InstructionKind::Run(form)
        | InstructionKind::Cmd(form)
        | InstructionKind::Entrypoint(form) => form,
        InstructionKind::Healthcheck(check) => check.command.as_ref()?,
        InstructionKind::Onbuild(onbuild) => return text(onbuild.instruction.as_deref()?),
        _ => return None,
    };
    match form {
        CommandForm::Shell(word) => Some(word),
        CommandForm::Exec(_) => None,
    }
}

/// True for `[a, b]`: no test of the shell has a comma behind a word.
fn is_bare_list(text: &str) -> bool {
    let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.is_some_and(|inner| {
        inner.contains(',')
            && !inner.contains(['[', ']', ';', '&', '|', '$'])
            && !inner.contains(" = ")
    })
}

/// True for `["` and `['`, also with blanks between, unless it is a test as the shell has them.
fn is_meant(text: &str) -> bool {
    let Some(inner) = text.trim_start().strip_prefix('[') else { return false };
    let is_open = inner.starts_with(['"', '\'', '\u{201c}']);
    let is_list = inner.trim_start().starts_with(['"', '\'']) && text.trim_end().ends_with(']');
    is_open || (is_list && inner.contains(',') && !inner.contains(" = ") && !inner.contains("]]"))
}
