//! # A base image is kept up to date by its makers
//!
//! A RUN that upgrades all packages is cached: it brings what was new when it ran first. Each of the files that it
//! replaces is in the image twice, and two builds of one file have different versions. A newer base image has the same packages.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get upgrade -y
//! ```
//!
//! Better, with `--pull` now and then:
//!
//! ```dockerfile
//! FROM debian:12
//! ```
//!
//! **Fix**: none: a base image that nobody makes anew may need it.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::own("upgrade-in-build", Severity::Info, Check::Script(check)).strict();

/// Programs, and their commands that upgrade all when no package is named.
const UPGRADES: [(&[&str], &[&str]); 5] = [
    (&["apt-get", "apt", "aptitude"], &["upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"]),
    (&["apk"], &["upgrade"]),
    (&["yum", "dnf", "microdnf", "tdnf"], &["update", "upgrade"]),
    (&["zypper"], &["update", "up", "dist-upgrade", "dup"]),
    (&["pacman"], &["-Syu", "-Su", "-Syyu"]),
];

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in &run.script.commands {
        let name = command.name();
        let Some((_, words)) = UPGRADES.iter().find(|(programs, _)| programs.contains(&name))
        else {
            continue;
        };
        let Some(word) =
            command.arguments().iter().find(|word| words.contains(&word.text.as_str()))
        else {
            continue;
        };
        let mut names =
            command.operands(&["t", "target-release", "o", "c", "X", "repository"]).into_iter();
        let names_some =
            names.any(|operand| operand.text != word.text && operand.span.start > word.span.start);
        if !names_some {
            let draft = findings.add(
                command.name_span().cover(word.span),
                "all packages of the base image are replaced",
            );
            draft.help("build on a newer base image, or name the packages that it is about");
        }
    }
}
