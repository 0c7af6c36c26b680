//! Package managers: what commands install, and what is said of it.

use lapstrake_parser::{Safety, Span};

use crate::finding::{Draft, Findings};
use crate::run::Run;
use crate::shell::{Command, ShellWord};

/// Reports packages without a version, all of a command at once.
pub(crate) fn report_unpinned<'f>(
    findings: &'f mut Findings<'_>,
    packages: &[&ShellWord],
    example: &str,
) -> Option<Draft<'f>> {
    let (first, others) = packages.split_first()?;
    let (name, with) = (
        &first.text,
        match others.len() {
            0 => String::new(),
            1 => " and 1 more".to_owned(),
            more => format!(" and {more} more"),
        },
    );
    let message = format!("no version for `{name}`{with}: each build may install another one");
    let draft = findings.add(first.span, message);
    Some(draft.help(format!("name the version, like `{example}`")))
}

/// Adds the fix that names the versions which the last build installed, as far as they are known. `kind` is what
/// [`crate::Package`] has, `sign` what stands between name and version.
pub(crate) fn pin(
    draft: Draft<'_>,
    run: &Run<'_>,
    packages: &[&ShellWord],
    (kind, sign): (&str, &str),
) {
    let Some(made) = run.subject.made(run.instruction) else { return };
    let installed = (made.packages.0)();
    let plain = |name: &str| match kind {
        "pypi" => name.to_lowercase().replace(['_', '.'], "-"),
        _ => name.to_owned(),
    };
    let version = |word: &ShellWord| {
        let is_plain = run.subject.source.get(word.span.range()) == Some(word.text.as_str());
        let name = word.text.split('[').next().filter(|_| is_plain && word.is_literal)?;
        let mut all = installed.iter().filter(|one| one.kind == kind);
        let found = all.find(|one| plain(&one.name) == plain(name))?;
        let behind = Span::new(word.span.end, word.span.end);
        Some((behind, format!("{sign}{}", found.version)))
    };
    let edits: Vec<_> = packages.iter().filter_map(|word| version(word)).collect();
    if let Some((_, first)) = edits.first() {
        let what = format!("the last build installed `{}`", first.trim_start_matches(sign));
        draft
            .help(format!("{what}: `--fix --unsafe` names what it installed"))
            .fix_all(Safety::Unsafe, edits);
    }
}

/// True for a package of `yum` or `dnf` with a version: `name-1.2-3`.
///
/// A variable that the file sets may hold one.
pub(crate) fn has_rpm_version(run: &Run<'_>, package: &str) -> bool {
    if package.ends_with(".rpm") {
        return true;
    }
    let package = filled_in(run, package);
    let is_version = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || ".~^_:+".contains(c))
    };
    let Some((_, behind)) = package.split_once('-') else { return false };
    let starts_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    behind.split('-').all(is_version) && behind.split('-').any(starts_with_digit)
}

/// The text with `1` for each variable that an ARG or ENV sets.
fn filled_in(run: &Run<'_>, text: &str) -> String {
    let mut parts = text.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((name, behind)) if run.subject.sets(name) => {
                filled.push('1');
                filled.push_str(behind);
            }
            _ => filled.push_str(part),
        }
    }
    filled
}

/// True if a command behind number `at` of the script cleans up, as `is_clean` says, or removes what
/// lies in `/var/cache`.
pub(crate) fn is_cleaned(run: &Run<'_>, at: usize, is_clean: impl Fn(&Command) -> bool) -> bool {
    let behind = run.script.commands.get(at..).unwrap_or_default();
    behind.iter().any(|command| is_clean(command) || removes(command, "/var/cache"))
}

/// True for an `rm` of something at this path.
pub(crate) fn removes(command: &Command, path: &str) -> bool {
    command.name() == "rm" && command.arguments().iter().any(|word| word.text.contains(path))
}

/// Reports a command that asks before it does something; `flag` keeps it from asking.
pub(crate) fn report_asking<'f>(
    findings: &'f mut Findings<'_>,
    command: &Command,
    subcommand: &str,
    flag: &str,
) -> Draft<'f> {
    let word = command.arguments().iter().find(|word| word.text == subcommand);
    let span = word.map_or(command.name_span(), |word| word.span);
    let message = format!("`{} {subcommand}` asks, and nobody answers", command.name());
    let draft = findings.add(command.name_span().cover(span), message);
    let draft = draft.help(format!("write `{} {subcommand} {flag}`", command.name()));
    draft.fix(lapstrake_parser::Safety::Safe, [(Span::point(span.end), format!(" {flag}"))])
}

/// True for `pip install`, also as `python -m pip install`.
pub(crate) fn is_pip_install(command: &Command) -> bool {
    let name = command.name();
    let is_pip =
        name.starts_with("pip") && !name.starts_with("pipenv") && !name.starts_with("pipx");
    let is_module = || {
        let is =
            |three: &[ShellWord]| three.iter().map(|word| &word.text).eq(["-m", "pip", "install"]);
        command.arguments().windows(3).any(is)
    };
    (is_pip && command.has_argument("install")) || (name.starts_with("python") && is_module())
}
