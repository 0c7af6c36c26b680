//! Lints one file.

use std::sync::Arc;

use lapstrake_linter::{Foreign, Policy, Rule, Wanted};
use lapstrake_parser::{Diagnostic, OtherFile, Severity};

use super::super::input::Input;
use super::around::Around;
use crate::diagnostics::{Finding, Report, Source};
use crate::failure::Failure;

/// A file with what was found in it.
pub(super) struct Linted {
    pub(super) source: Source,
    /// In the order of their places.
    pub(super) faults: Vec<Fault>,
    /// What was found in other files because of it.
    pub(super) elsewhere: Vec<(Arc<OtherFile>, Fault)>,
    /// It is no Dockerfile: it has a fault of syntax.
    pub(super) is_broken: bool,
    /// The least severe finding that counts.
    pub(super) threshold: Option<Severity>,
    /// How much was found that was known before.
    pub(super) left_out: usize,
    /// How much was found on lines that were there before.
    pub(super) on_old_lines: usize,
    /// How many fixes were made.
    pub(super) made: usize,
    /// The store has an image that it starts from.
    pub(super) knows_base: bool,
    /// The files that it copies are there to look at.
    pub(super) knows_context: bool,
}

/// What is wrong with a file.
pub(super) struct Fault {
    pub(super) diagnostic: Diagnostic,
    /// What other tools call it.
    pub(super) aliases: &'static [&'static str],
    /// It is for the parser to say, and no rule of the linter.
    pub(super) is_of_syntax: bool,
}

impl Fault {
    fn of_syntax(diagnostic: Diagnostic) -> Self {
        let aliases = match diagnostic.severity {
            Severity::Error => lapstrake_linter::syntax_aliases(diagnostic.code),
            _ => &[],
        };
        Self { diagnostic, aliases, is_of_syntax: true }
    }

    fn of_rule(found: lapstrake_linter::Finding) -> Self {
        Self { diagnostic: found.diagnostic, aliases: found.rule.aliases, is_of_syntax: false }
    }
}

impl Linted {
    /// The files in which something was found because of these, each once and behind those that were named.
    pub(super) fn others(linted: &mut [Self]) -> Vec<Self> {
        let mut others: Vec<Self> = Vec::new();
        for one in linted {
            for (file, fault) in std::mem::take(&mut one.elsewhere) {
                let known = others.iter_mut().find(|other| other.source.name() == file.name);
                match known {
                    Some(known) => known.add(fault),
                    None => others.push(Self {
                        source: Source::read(&file.name, file.text.as_bytes()).0,
                        faults: vec![fault],
                        elsewhere: Vec::new(),
                        is_broken: false,
                        threshold: one.threshold,
                        left_out: 0,
                        on_old_lines: 0,
                        made: 0,
                        knows_base: false,
                        knows_context: false,
                    }),
                }
            }
        }
        others
    }

    /// Adds what is not there yet: several Dockerfiles may lead to one file.
    fn add(&mut self, fault: Fault) {
        let span = fault.diagnostic.span;
        let first = self.faults.partition_point(|known| known.diagnostic.span < span);
        let behind = self.faults.partition_point(|known| known.diagnostic.span <= span);
        let here = self.faults.get(first..behind).unwrap_or_default();
        if here.iter().all(|known| known.diagnostic != fault.diagnostic) {
            self.faults.insert(behind, fault);
        }
    }

    /// What is wrong, for other tools.
    pub(super) fn report(&self) -> Report<'_> {
        let findings = self.faults.iter().map(|fault| Finding {
            source: &self.source,
            diagnostic: &fault.diagnostic,
            aliases: fault.aliases,
        });
        Report { source: &self.source, findings: findings.collect() }
    }

    /// What is wrong, to be drawn.
    pub(super) fn diagnostics(&self) -> Vec<Diagnostic> {
        self.faults.iter().map(|fault| fault.diagnostic.clone()).collect()
    }
}

/// How a file is looked at.
pub(super) struct Task<'a> {
    pub(super) input: &'a Input,
    pub(super) rules: Vec<&'static Rule>,
    pub(super) policy: &'a Policy,
    /// The least severe finding that counts.
    pub(super) threshold: Option<Severity>,
    /// The rules are a choice of no other tool.
    pub(super) is_own: bool,
    /// What they may know beside the file.
    pub(super) around: Around<'a>,
}

/// Reads a file and lets the rules look at it. A fault of the syntax is a finding; then only those
/// rules look that need not see the whole file.
pub(super) fn lint(task: &Task<'_>) -> Result<Linted, Failure> {
    let (source, undecodable) = read(task)?;
    Ok(look(source, undecodable, task, &[]))
}

/// Reads a file, with what is wrong with its bytes.
pub(super) fn read(task: &Task<'_>) -> Result<(Source, Option<Diagnostic>), Failure> {
    let bytes = task.input.read()?;
    Ok(Source::read(&task.input.name(), &bytes))
}

/// Lets the rules look at a file that has been read. `foreign` is what ShellCheck says of it.
pub(super) fn look(
    source: Source,
    undecodable: Option<Diagnostic>,
    task: &Task<'_>,
    foreign: &[Foreign],
) -> Linted {
    let Task { rules, policy, threshold, is_own, around, .. } = task;
    let parsed = lapstrake_parser::parse(source.text());
    let is_broken = parsed.diagnostics.iter().any(|one| one.severity == Severity::Error);
    let rules = rules.iter().copied().filter(|rule| !is_broken || rule.sees_one_instruction());
    let rules: Vec<_> = rules.collect();
    let checks = lapstrake_linter::checks(&parsed.dockerfile);
    let wanted = Wanted { rules: &rules, checks: &checks, policy, is_own: *is_own };
    let around = Around { facts: around.facts.filter(|_| !is_broken), ..*around };
    let file = (source.text(), &parsed.dockerfile);
    let (found, sight) = around.with(task.input, file, |known| {
        lapstrake_linter::lint_with(source.text(), &parsed.dockerfile, known, &wanted, foreign)
    });
    let (found, elsewhere): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| one.file.is_none());
    let elsewhere =
        elsewhere.into_iter().filter_map(|one| Some((one.file.clone()?, Fault::of_rule(one))));
    let elsewhere = elsewhere.collect();
    let of_syntax = parsed.diagnostics.into_iter().chain(undecodable);
    let of_syntax = of_syntax.map(Fault::of_syntax);
    let mut faults: Vec<Fault> = of_syntax.chain(found.into_iter().map(Fault::of_rule)).collect();
    faults.sort_by_key(|fault| fault.diagnostic.span);
    let threshold = *threshold;
    let (left_out, on_old_lines, made) = (0, 0, 0);
    Linted {
        source,
        faults,
        elsewhere,
        is_broken,
        threshold,
        left_out,
        on_old_lines,
        made,
        knows_base: sight.base,
        knows_context: sight.context,
    }
}
