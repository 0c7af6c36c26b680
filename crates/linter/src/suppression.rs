//! What a file does not want to hear, and what it asks for: in the words of BuildKit (A2.5, A2.6), of
//! hadolint, and in our own.
//!
//! | comment | holds for |
//! |---|---|
//! | `# check=skip=RULE,…` at the top | the file |
//! | `# check=skip=RULE,…` above an instruction | the instruction |
//! | `# hadolint ignore=RULE,…` on the line above an instruction | the instruction |
//! | `# hadolint global ignore=RULE,…` anywhere | the file |
//! | `# hadolint stage ignore=RULE,…` on the line above a FROM | its stage |
//! | `# lap: ignore=RULE,… [until=YYYY-MM-DD] REASON` above an instruction, or inside of one | the instruction |
//! | the same in front of the first instruction, with a blank line below | the file |
//!
//! hadolint's comments hold for rules that hadolint has, by any of their names. Ours hold up to and with
//! the day that they name. [`buildkit`], [`hadolint`] and [`own`] read one dialect each.

mod buildkit;
mod hadolint;
mod own;

use std::cell::Cell;
use std::iter;
use std::ops::Range;

use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::{Instruction, Span, Spanned};
use memchr::{memchr, memrchr};

use crate::day::Day;
use crate::finding::Owned;
use crate::policy::Wanted;
use crate::rule::Rule;
use crate::subject::Subject;

pub use self::buildkit::{checks, checks_from_argument};
pub(crate) use self::hadolint::{comments_for_instructions, shells};

/// What the comments of a file silence.
pub(crate) struct Suppressions<'a> {
    /// The text of the file.
    pub(crate) source: &'a str,
    /// Where the first instruction starts.
    pub(crate) first: usize,
    /// In the order of the dialects, then of the file.
    pub(crate) all: Vec<Suppression<'a>>,
    /// Comments that begin as ours do and are not understood, with what is wrong.
    pub(crate) faults: Vec<(Span, String)>,
}

/// A comment that silences rules.
pub(crate) struct Suppression<'a> {
    pub(crate) dialect: Dialect,
    /// The comment without blanks around.
    pub(crate) comment: Span,
    pub(crate) names: Names,
    /// Rules need not be named.
    is_for_all: bool,
    pub(crate) place: Place<'a>,
}

/// Each rule that is named, and whether something of it was silenced.
type Names = Vec<(Spanned<String>, Cell<bool>)>;

/// Whose words a comment is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    BuildKit,
    Hadolint,
    Lapstrake,
}

/// What a comment holds for.
pub(crate) enum Place<'a> {
    /// The file.
    File,
    /// Findings that begin in this part of it.
    Inside(Range<usize>),
    /// What is found when this instruction is looked at.
    Instruction(&'a Instruction),
    /// Nothing: it stands where none of its kind counts.
    Nothing,
    /// Nothing since this day.
    Ended(Day),
}

impl<'a> Suppressions<'a> {
    /// Reads the comments of a file, unless they are not wanted.
    pub(crate) fn read(subject: &Subject<'a>, wanted: &Wanted<'_>) -> Self {
        let (source, dockerfile) = (subject.source, subject.dockerfile);
        let first = dockerfile.instructions.first().map_or(source.len(), |one| one.span.start);
        let mut all = Vec::new();
        let mut faults = Vec::new();
        buildkit::read(source, dockerfile, wanted.checks, &mut all);
        if !wanted.policy.ignores_comments {
            hadolint::read(source, dockerfile, &mut all);
            own::read(subject, &mut all, &mut faults);
        }
        Self { source, first, all, faults }
    }

    /// True if the finding is to be reported. Remembers which comments had something to silence.
    pub(crate) fn let_through(&self, found: &Owned<'_>, wanted: &Wanted<'_>) -> bool {
        let rule = found.finding.rule;
        if wanted.policy.ignores(rule) || (rule.experimental && !is_asked_for(found, wanted)) {
            return false;
        }
        let mut is_heard = true;
        for one in self.all.iter().filter(|one| one.holds_for(found)) {
            is_heard &= !one.is_for_all;
            for (name, is_used) in &one.names {
                if one.dialect.names(rule, &name.value) {
                    is_used.set(true);
                    is_heard = false;
                }
            }
        }
        is_heard
    }
}

impl Suppression<'_> {
    fn holds_for(&self, found: &Owned<'_>) -> bool {
        if self.dialect == Dialect::BuildKit && found.finding.rule.experimental {
            return false;
        }
        match &self.place {
            Place::File => true,
            Place::Inside(range) => {
                let is_here = found.finding.file.is_none();
                is_here && range.contains(&found.finding.diagnostic.span.start)
            }
            Place::Instruction(one) => found.owner.is_some_and(|owner| std::ptr::eq(owner, *one)),
            Place::Nothing | Place::Ended(_) => false,
        }
    }
}

impl Dialect {
    /// True if the name means the rule.
    pub(crate) fn names(self, rule: &Rule, name: &str) -> bool {
        match self {
            Self::BuildKit => names(rule).any(|own| own == name),
            Self::Hadolint => rule.is_hadolints() && rule.is_named(name),
            Self::Lapstrake => rule.is_named(name),
        }
    }
}

/// False if nothing that the rule can find will be reported, so that it need not look.
pub(crate) fn may_be_heard(rule: &Rule, source: &str, wanted: &Wanted<'_>) -> bool {
    let is_asked_for = || {
        wanted.policy.severity(rule).is_some()
            || names(rule).any(|name| wanted.checks.experimental.contains(name))
            // A comment may ask for it.
            || source.contains("experimental")
    };
    !wanted.policy.ignores(rule) && (!rule.experimental || is_asked_for())
}

/// True if an experimental rule is wanted: by the project, the file, or the comments above the
/// instruction.
fn is_asked_for(found: &Owned<'_>, wanted: &Wanted<'_>) -> bool {
    let rule = found.finding.rule;
    let above = found.owner.and_then(buildkit::comment_options);
    let mut options = [wanted.checks].into_iter().chain(above.as_ref());
    let is_named =
        |options: &CheckOptions| names(rule).any(|name| options.experimental.contains(name));
    wanted.policy.severity(rule).is_some() || options.any(is_named)
}

/// The rule's name and its aliases.
fn names(rule: &Rule) -> impl Iterator<Item = &'static str> {
    std::iter::once(rule.name).chain(rule.aliases.iter().copied())
}

/// The lines that begin with `#`, blanks aside, with their ends.
fn comment_lines(source: &str) -> impl Iterator<Item = (Span, &str)> {
    let bytes = source.as_bytes();
    let mut from = 0;
    let lines = iter::from_fn(move || {
        let sign = from + memchr(b'#', bytes.get(from..)?)?;
        let start = memrchr(b'\n', bytes.get(..sign)?).map_or(0, |at| at + 1);
        let behind = memchr(b'\n', bytes.get(sign..)?);
        from = behind.map_or(bytes.len(), |at| sign + at + 1);
        Some((start, sign, from))
    });
    lines.filter_map(|(start, sign, end)| {
        let is_first = source.get(start..sign)?.trim_start().is_empty();
        is_first.then_some((Span::new(start, end), source.get(start..end)?))
    })
}

/// The names of a list with commas, each with its place. `start` is that of the list.
fn list(text: &str, start: usize) -> Names {
    let mut names = Vec::new();
    let mut at = start;
    for name in text.split(',') {
        let trimmed = name.trim();
        if !trimmed.is_empty() {
            let start = at + name.len() - name.trim_start().len();
            let span = Span::new(start, start + trimmed.len());
            names.push((Spanned::new(trimmed.to_owned(), span), Cell::new(false)));
        }
        at += name.len() + 1;
    }
    names
}
