//! # What is inherited is what is meant
//!
//! An ENTRYPOINT clears the CMD of the base image, since that was made for another entry point: a container
//! then starts it without arguments. A CMD is given to the entry point of the base image, so one that names
//! that program again starts it with its own name as an argument; and an entry point in shell form passes
//! nothing on. Looks at the stage that is built, if its base image is in the store.
//!
//! ```dockerfile
//! FROM nginx
//! ENTRYPOINT ["/wait-for-database"]
//! ```
//!
//! Say again what is to be kept:
//!
//! ```dockerfile
//! FROM nginx
//! ENTRYPOINT ["/wait-for-database"]
//! CMD ["nginx", "-g", "daemon off;"]
//! ```
//!
//! **Fix**: none: which command is meant is for the author to say.

use lapstrake_oci::Config;
use lapstrake_parser::{CommandForm, InstructionKind, Keyword, Severity, Span, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("inherited-surprise", Severity::Warning, Check::Stage(check))
        .confident(Confidence::Medium);

/// Programs that base images start when nothing is said, and that nobody misses.
const IDLE: [&str; 16] = [
    "bash", "sh", "ash", "zsh", "python", "python2", "python3", "node", "irb", "php", "perl",
    "jshell", "iex", "erl", "ghci", "julia",
];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    let (ground, known) = subject.ground(stage);
    let Some(base) = known.base.map(|image| &image.config) else { return };
    let image = ground.from.image.span();
    let entrypoint = subject.last(stage, Keyword::Entrypoint);
    let cmd = subject.last(stage, Keyword::Cmd);
    match (entrypoint.map(|one| &one.kind), cmd.map(|one| &one.kind)) {
        (Some(InstructionKind::Entrypoint(form)), None) => cleared(form, base, image, findings),
        (None, Some(InstructionKind::Cmd(form))) => appended(form, base, image, findings),
        _ => {}
    }
}

/// A command of the base image is gone.
fn cleared(form: &CommandForm, base: &Config, image: Span, findings: &mut Findings<'_>) {
    let [program, arguments @ ..] = base.cmd.as_slice() else { return };
    // Without an entry point it was the program itself, in whose place another one is named.
    let is_whole = base.entrypoint.is_empty();
    let is_idle = IDLE.contains(&base_name(program)) && arguments.len() < 2;
    if is_whole || is_idle || is_named(form, base_name(program)) {
        return;
    }
    let was = quoted(&base.cmd);
    let Some(place) = place(form) else { return };
    let draft = findings.add(place, format!("ENTRYPOINT clears the inherited CMD {was}"));
    draft
        .help(format!("if it is still wanted, write `CMD {was}` below"))
        .label(image, format!("has ENTRYPOINT {} and CMD {was}", quoted(&base.entrypoint)));
}

/// A command is for the entry point of the base image.
fn appended(form: &CommandForm, base: &Config, image: Span, findings: &mut Findings<'_>) {
    let [program, arguments @ ..] = base.entrypoint.as_slice() else { return };
    let Some(place) = place(form) else { return };
    let is = quoted(&base.entrypoint);
    let label = format!("has ENTRYPOINT {is}");
    if IDLE.contains(&base_name(program))
        && arguments.len() == 2
        && arguments.first().is_some_and(|flag| flag == "-c")
    {
        let draft =
            findings.add(place, "the inherited ENTRYPOINT is in shell form and ignores CMD");
        draft.help("write it as ENTRYPOINT").label(image, label);
        return;
    }
    let CommandForm::Exec(words) = form else { return };
    let first = words.first().map(|word| base_name(word.as_str())).unwrap_or_default();
    // Of an entry point that is a wrapper, `["tini", "--", "server"]`, the program is the last word.
    let last = base.entrypoint.last().map(|word| base_name(word)).unwrap_or_default();
    if !first.is_empty() && (first == base_name(program) || first == last) {
        let what = format!(
            "`{first}` is in the inherited ENTRYPOINT already: it starts as an argument of itself"
        );
        let draft = findings.add(place, what);
        draft.help(format!("leave `{first}` out, or set ENTRYPOINT as well")).label(image, label);
    }
}

/// True if a word of the command is that program.
fn is_named(form: &CommandForm, program: &str) -> bool {
    match form {
        CommandForm::Exec(words) => words.iter().any(|word| base_name(word.as_str()) == program),
        CommandForm::Shell(text) => {
            text.as_str().split_whitespace().any(|word| base_name(word) == program)
        }
    }
}

fn place(form: &CommandForm) -> Option<Span> {
    match form {
        // An empty one clears both, and is written to do so.
        CommandForm::Exec(words) => {
            let (first, last) = (words.first()?.span(), words.last()?.span());
            Some(Span::new(first.start, last.end))
        }
        CommandForm::Shell(text) => Some(text.span()),
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// As CMD has it in exec form.
fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(", "))
}
