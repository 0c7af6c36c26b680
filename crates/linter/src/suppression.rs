//! What a file does not want to hear, and what it asks for: in the words of BuildKit (A2.5, A2.6) and of
//! hadolint.
//!
//! | comment | holds for |
//! |---|---|
//! | `# check=skip=RULE,…` at the top | the file |
//! | `# check=skip=RULE,…` above an instruction | the instruction |
//! | `# hadolint ignore=RULE,…` on the line above an instruction | the instruction |
//! | `# hadolint global ignore=RULE,…` anywhere | the file |
//! | `# hadolint stage ignore=RULE,…` on the line above a FROM | its stage |
//!
//! hadolint's comments hold for rules that hadolint has, by any of their names.

use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::{Diagnostic, Dockerfile, Instruction, Span};

use crate::finding::Owned;
use crate::policy::Wanted;
use crate::rule::Rule;

/// The options of the `check` directive; those of a file without it are the defaults.
pub fn checks(dockerfile: &Dockerfile) -> CheckOptions {
    let directives = dockerfile.directives.iter();
    let checks = directives.filter_map(|directive| match &directive.kind {
        lapstrake_parser::DirectiveKind::Check(options) => Some(options.clone()),
        _ => None,
    });
    checks.take(1).next().unwrap_or_default()
}

/// The options that the build argument `BUILDKIT_DOCKERFILE_CHECK` puts in place of the directive.
///
/// # Errors
/// What is not understood. Spans count from the start of `text`.
pub fn checks_from_argument(text: &str) -> Result<CheckOptions, Vec<Diagnostic>> {
    let (options, faults) = CheckOptions::parse(text.trim(), 0);
    if faults.is_empty() { Ok(options) } else { Err(faults) }
}

/// What the comments of hadolint silence.
pub(crate) struct Ignored<'s> {
    /// Names for the whole file.
    everywhere: Vec<&'s str>,
    /// Places and names: findings that begin in the place.
    inside: Vec<(std::ops::Range<usize>, Vec<&'s str>)>,
}

impl<'s> Ignored<'s> {
    /// No comment is read.
    pub(crate) const fn nothing() -> Self {
        Self { everywhere: Vec::new(), inside: Vec::new() }
    }

    /// Reads the comments of a file.
    pub(crate) fn read(source: &'s str, dockerfile: &Dockerfile) -> Self {
        let mut ignored = Self::nothing();
        if !source.contains("hadolint") {
            return ignored;
        }
        for (line, scope, names) in pragmas(source, dockerfile) {
            let below = dockerfile.instructions.iter().find(|one| {
                let line_start = source.get(..one.span.start).and_then(|text| text.rfind('\n'));
                line_start.map_or(0, |at| at + 1) == line.end
            });
            match (scope, below) {
                (Scope::File, _) => ignored.everywhere.extend(names),
                (Scope::Instruction, Some(one)) => {
                    ignored.inside.push((one.span.start..one.span.end + 1, names));
                }
                (Scope::Stage, Some(one)) => {
                    let stages = dockerfile.stages();
                    let later = stages.iter().map(|stage| stage.instruction.span.start);
                    let next = later.filter(|at| *at > one.span.start).min();
                    let end = next.unwrap_or(source.len() + 1);
                    ignored.inside.push((one.span.start..end, names));
                }
                (_, None) => {}
            }
        }
        ignored
    }

    /// True if the comments silence the finding.
    fn silences(&self, found: &Owned<'_>) -> bool {
        let rule = found.finding.rule;
        let names_it =
            |names: &[&str]| rule.is_hadolints() && names.iter().any(|name| rule.is_named(name));
        let at = found.finding.diagnostic.span.start;
        let here = self.inside.iter().filter(|(place, _)| place.contains(&at));
        names_it(&self.everywhere) || here.into_iter().any(|(_, names)| names_it(names))
    }
}

/// What a comment holds for.
enum Scope {
    File,
    Stage,
    Instruction,
}

/// The lines, with their ends, in which a comment of hadolint stands that holds for an instruction.
pub(crate) fn comments_for_instructions(source: &str, dockerfile: &Dockerfile) -> Vec<Span> {
    let of_instructions = pragmas(source, dockerfile)
        .into_iter()
        .filter(|(_, scope, _)| matches!(scope, Scope::Instruction));
    of_instructions.map(|(line, _, _)| line).collect()
}

/// hadolint's comments: the line with its end, what it holds for, and the names. What looks like one
/// in the text of a heredoc is none.
fn pragmas<'s>(source: &'s str, dockerfile: &Dockerfile) -> Vec<(Span, Scope, Vec<&'s str>)> {
    let heredocs = dockerfile.instructions.iter().flat_map(|one| &one.heredocs);
    let bodies: Vec<Span> = heredocs.map(|heredoc| heredoc.body).collect();
    let mut start = 0;
    let mut found = Vec::new();
    for text in source.split_inclusive('\n') {
        let line = Span::new(start, start + text.len());
        start = line.end;
        let Some((scope, names)) = pragma(text) else { continue };
        if !bodies.iter().any(|body| body.range().contains(&line.start)) {
            found.push((line, scope, names));
        }
    }
    found
}

/// `# hadolint [global|stage] ignore=A,B # why`.
fn pragma(line: &str) -> Option<(Scope, Vec<&str>)> {
    let rest = line.trim().strip_prefix('#')?.trim_start().strip_prefix("hadolint")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (scope, rest) = match rest.split_once([' ', '\t']) {
        Some(("global", rest)) => (Scope::File, rest),
        Some(("stage", rest)) => (Scope::Stage, rest),
        _ => (Scope::Instruction, rest),
    };
    let list = rest.trim_start().strip_prefix("ignore")?.trim_start().strip_prefix('=')?;
    let list = list.split('#').next().unwrap_or_default();
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    Some((scope, names.collect()))
}

/// True if the finding is to be reported.
pub(crate) fn wants(found: &Owned<'_>, wanted: &Wanted<'_>, ignored: &Ignored<'_>) -> bool {
    let rule = found.finding.rule;
    if wanted.policy.ignores(rule) || ignored.silences(found) {
        return false;
    }
    let above = found.owner.and_then(comment_options);
    let options = || std::iter::once(wanted.checks).chain(&above);
    let is_asked_for =
        |options: &CheckOptions| names(rule).any(|name| options.experimental.contains(name));
    match rule.experimental {
        true => wanted.policy.severity(rule).is_some() || options().any(is_asked_for),
        false => !options().any(|options| contains(options, rule)),
    }
}

/// True if the options skip the rule, by any of its names.
fn contains(options: &CheckOptions, rule: &Rule) -> bool {
    names(rule).any(|name| options.skip.contains(name))
}

/// The rule's name and its aliases.
fn names(rule: &Rule) -> impl Iterator<Item = &'static str> {
    std::iter::once(rule.name).chain(rule.aliases.iter().copied())
}

/// The options of the comments above an instruction. Only the first such comment counts, and none if
/// that one is not understood: so does BuildKit.
fn comment_options(instruction: &Instruction) -> Option<CheckOptions> {
    let (options, faults) =
        instruction.comments().into_iter().find_map(CheckOptions::from_comment)?;
    faults.is_empty().then_some(options)
}
