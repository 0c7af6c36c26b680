//! # Passwords are not set by the build
//!
//! A password that a RUN sets is the same in each container of the image, and stands in its history for everybody who can
//! pull it. Looks at `chpasswd` with a password that is written down, at `passwd --stdin`, `passwd -d`
//! (which leaves none at all) and at the hash in `useradd -p`. A password that comes from a file, such as a secret that is
//! mounted, is fine.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN echo "admin:letmein" | chpasswd
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN --mount=type=secret,id=login chpasswd < /run/secrets/login
//! ```
//!
//! **Fix**: none: who needs the password is not known.

use lapstrake_parser::{Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::tree::Pipeline;
use crate::shell::{Command, Node, NodeKind, ShellWord};

pub(super) static RULE: Rule =
    Rule::own("password-set", Severity::Warning, Check::Script(check)).strict();

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    let is_about = |command: &Command| {
        matches!(command.base_name(), "chpasswd" | "passwd" | "useradd" | "usermod" | "sudo")
    };
    if !run.script.commands.iter().any(is_about) {
        return;
    }
    for pipeline in run.pipelines() {
        look(run, pipeline, findings);
    }
}

fn look(run: &Run<'_>, pipeline: &Pipeline, findings: &mut Findings<'_>) {
    let mut before = None;
    for node in &pipeline.nodes {
        let NodeKind::Simple(number) = node.kind else { continue };
        let Some(command) = run.script.commands.get(number) else { continue };
        if let Some((place, what)) = fault(command, node, before) {
            let help = "leave it to who starts the container, or mount a secret: `RUN --mount=type=secret`";
            findings.add(place, what).help(help);
        }
        before = Some(command);
    }
}

/// What a command sets, `before` giving it its input.
fn fault(command: &Command, node: &Node, before: Option<&Command>) -> Option<(Span, &'static str)> {
    const WRITTEN: &str = "this password is in the history of the image";
    let (name, arguments) = program(command);
    let reads = match name {
        "chpasswd" => true,
        "passwd" => arguments.contains(&"--stdin") || before.is_some(),
        _ => false,
    };
    if reads {
        let said = before.filter(|before| matches!(before.base_name(), "echo" | "printf"));
        let said =
            said.map(Command::arguments).filter(|said| said.iter().all(|one| one.is_literal));
        let here = node.redirections.iter().filter(|one| one.operator == "<<<");
        let here = here.map(|one| &one.target).filter(|target| target.is_literal);
        let is_written = |word: &&ShellWord| name == "passwd" || word.text.contains(':');
        let text = said.into_iter().flatten().chain(here).find(is_written)?;
        return Some((text.span, WRITTEN));
    }
    match name {
        "passwd" if arguments.iter().any(|one| matches!(*one, "-d" | "--delete")) => {
            Some((command.span(), "this user gets in without a password"))
        }
        "useradd" | "usermod" => {
            let hash = command.flag_value(&["p", "password"]).filter(|hash| hash.is_literal)?;
            let text = hash.text.split_once('=').map_or(hash.text.as_str(), |(_, hash)| hash);
            // `!`, `*` and `x` are the hashes of no password.
            let is_hash = !text.is_empty() && !text.starts_with(['!', '*', '-']) && text != "x";
            is_hash.then_some((hash.span, WRITTEN))
        }
        _ => None,
    }
}

/// The program and its arguments, behind `sudo` as well.
fn program(command: &Command) -> (&str, Vec<&str>) {
    let mut arguments = command.arguments().iter().map(|word| word.text.as_str());
    let name = match command.base_name() {
        "sudo" => {
            let path = arguments.find(|word| !word.starts_with('-')).unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default()
        }
        name => name,
    };
    (name, arguments.collect())
}
