//! # go installs named versions
//!
//! What `@latest` is, or no version at all, changes from build to build.
//!
//! ```dockerfile
//! FROM golang:1.23
//! RUN go install example.com/x/y@latest
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM golang:1.23
//! RUN go install example.com/x/y@v1.2.3
//! ```
//!
//! **Fix**: unsafe, where the last build is in the store with the cache of modules: the versions that it fetched are named. Else none: which
//! ones there are is not known here.

use lapstrake_parser::{Safety, Severity, Span};

use crate::finding::{Draft, Findings};
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::ShellWord;

pub(super) static RULE: Rule =
    Rule::hadolint("unpinned-go-module", &["DL3062"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["go"]) {
        let mut operands = command
            .operands(&["o", "ldflags", "tags", "mod", "C", "p", "gcflags", "asmflags"])
            .into_iter();
        let Some(subcommand) = operands.next() else { continue };
        let mut packages: Vec<_> = match subcommand.text.as_str() {
            "install" | "get" => operands.collect(),
            "run" => operands.take(1).collect(),
            _ => continue,
        };
        packages.retain(|word| !is_pinned(&word.text));
        if let Some(draft) = package::report_unpinned(findings, &packages, "example.com/x/y@v1.2.3")
        {
            pin(draft, run, &packages);
        }
    }
}

/// Adds the fix that names what the last build fetched: the module that a package is in has its name, or the beginning of it.
fn pin(draft: Draft<'_>, run: &Run<'_>, packages: &[&ShellWord]) {
    let Some(made) = run.subject.made(run.instruction) else { return };
    let fetched = (made.packages.0)();
    let version = |word: &ShellWord| {
        let is_plain = run.subject.source.get(word.span.range()) == Some(word.text.as_str());
        let (path, _) = word.text.split_once('@').unwrap_or((&word.text, ""));
        let is_in = |module: &str| {
            path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let modules = fetched.iter().filter(|one| one.kind == "golang" && is_in(&one.name));
        let module = modules.max_by_key(|one| one.name.len()).filter(|_| is_plain)?;
        let behind = Span::new(word.span.start + path.len(), word.span.end);
        Some((behind, format!("@{}", module.version)))
    };
    let edits: Vec<_> = packages.iter().filter_map(|word| version(word)).collect();
    if let Some((_, first)) = edits.first() {
        let what = format!("the last build fetched `{}`", first.trim_start_matches('@'));
        draft
            .help(format!("{what}: `--fix --unsafe` names what it fetched"))
            .fix_all(Safety::Unsafe, edits);
    }
}

fn is_pinned(package: &str) -> bool {
    let is_moving = package.ends_with("@latest") || package.ends_with("@none");
    package.starts_with(['.', '/']) || (package.contains('@') && !is_moving)
}
