//! # Stages and arguments are there for something
//!
//! An argument that nothing reads is a promise that is not kept: who gives it with `--build-arg` changes nothing. A stage
//! without a name that no other one takes anything from is never built. Looks at arguments above the first FROM that
//! neither FROM nor a stage uses, at those of a stage that has no RUN behind them (a RUN may read one without naming it)
//! and where nothing names them, and at stages without a name. Of compose files, bake files, workflows of GitHub and pipelines of
//! GitLab that build the file it looks at the arguments and targets: those that are not there are told of in these files.
//!
//! ```dockerfile
//! ARG DEBIAN=12
//! FROM debian:13
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! ARG DEBIAN=12
//! FROM debian:$DEBIAN
//! ```
//!
//! **Fix**: none: what was meant is not known.

use std::collections::{BTreeMap, BTreeSet};

use lapstrake_parser::{
    ArgDeclaration, Instruction, InstructionKind, Severity, Span, Stage, suggest,
};

use crate::finding::Findings;
use crate::from::{may_be_stage, needed};
use crate::given::{self, is_for_builder};
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("dead-stage-or-arg", Severity::Warning, Check::Stage(check));

/// Where variables are named, by their names; in file order.
type Uses<'a> = BTreeMap<&'a str, Vec<usize>>;

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    // All at once, at the turn of the first.
    if stage.index != 0 {
        return;
    }
    let has_arguments = declared(&subject.dockerfile.instructions).next().is_some();
    let uses = if has_arguments { uses(subject.source) } else { Uses::new() };
    globals(subject, &uses, findings);
    // What a variable names may be any of them.
    let is_any = subject.stages.iter().any(|stage| may_be_stage(stage.from.image.as_str()));
    let bases = subject.stages.iter().filter_map(|stage| subject.base_of(stage));
    let bases: BTreeSet<usize> = bases.map(|base| base.index).collect();
    for stage in &subject.stages {
        let may_be_base = is_any && stage.from.name.is_some() || bases.contains(&stage.index);
        if !may_be_base || subject.is_target(stage) {
            arguments(stage, &uses, findings);
        }
    }
    stages(subject, findings);
    callers(subject, findings);
}

/// What is given to a build that does not take it.
fn callers(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let taken = given::taken(subject);
    let stages: Vec<String> = subject.stages.iter().filter_map(Stage::name).collect();
    // What one place says may be asked for by several builds.
    let mut told: BTreeSet<(&str, Span)> = BTreeSet::new();
    for caller in subject.known.callers {
        findings.looks_into(&caller.file);
        for argument in &caller.arguments {
            let name = argument.value.as_str();
            if given::is_taken(subject, &taken, name)
                || !told.insert((&caller.file.name, argument.span))
            {
                continue;
            }
            let draft = findings
                .add(argument.span, format!("no ARG takes `{name}`: it is given for nothing"));
            match suggest(name, taken.iter().map(String::as_str)) {
                Some(near) => draft.help(format!("did you mean `{near}`?")),
                None => draft.help(format!("declare it in the Dockerfile: `ARG {name}`")),
            };
        }
        if let Some(target) = &caller.target {
            let name = target.value.as_str();
            let number = name.parse::<usize>().is_ok_and(|number| number < subject.stages.len());
            if !number
                && subject.stage_named(name, subject.stages.len()).is_none()
                && told.insert((&caller.file.name, target.span))
            {
                let draft = findings.add(target.span, format!("there is no stage `{name}`"));
                if let Some(near) = suggest(name, stages.iter().map(String::as_str)) {
                    draft.help(format!("did you mean `{near}`?"));
                }
            }
        }
    }
}

/// Everything behind a `$` that can be a name.
fn uses(source: &str) -> Uses<'_> {
    let mut uses = Uses::new();
    for at in memchr::memchr_iter(b'$', source.as_bytes()) {
        let rest = source.get(at + 1..).unwrap_or_default();
        let name = rest.strip_prefix('{').unwrap_or(rest);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
        if !name.is_empty() {
            uses.entry(name).or_default().push(at);
        }
    }
    uses
}

/// True if the name is used between those places.
fn is_used(uses: &Uses<'_>, name: &str, start: usize, end: usize) -> bool {
    let places = uses.get(name).map(Vec::as_slice).unwrap_or_default();
    places.get(places.partition_point(|at| *at < start)).is_some_and(|at| *at < end)
}

fn declared(instructions: &[Instruction]) -> impl Iterator<Item = &ArgDeclaration> {
    instructions.iter().flat_map(|one| match &one.kind {
        InstructionKind::Arg(arguments) => arguments.as_slice(),
        _ => &[],
    })
}

fn globals(subject: &Subject<'_>, uses: &Uses<'_>, findings: &mut Findings<'_>) {
    let of_stages = subject.stages.iter().flat_map(|stage| declared(stage.instructions));
    let again: BTreeSet<&str> = of_stages.map(|one| one.name.as_str()).collect();
    for argument in declared(subject.dockerfile.global_instructions()) {
        let name = argument.name.as_str();
        let start = argument.name.span().end;
        if !again.contains(name) && !is_used(uses, name, start, usize::MAX) && !is_for_builder(name)
        {
            let message = format!("neither FROM nor a stage uses the argument `{name}`");
            let help =
                format!("leave it out, or declare it in the stage that is to use it: `ARG {name}`");
            findings.add(argument.name.span(), message).help(help);
        }
    }
}

/// Looks at a stage that no other is built on.
fn arguments(stage: &Stage<'_>, uses: &Uses<'_>, findings: &mut Findings<'_>) {
    let runs = |one: &&Instruction| matches!(one.kind, InstructionKind::Run(_));
    let last_run = stage.instructions.iter().rev().find(runs).map_or(0, |run| run.span.start);
    let end = stage.instructions.last().map_or(0, |last| last.span.end);
    for argument in declared(stage.instructions) {
        let (name, start) = (argument.name.as_str(), argument.name.span().end);
        if start > last_run && !is_used(uses, name, start, end) && !is_for_builder(name) {
            let message = format!("nothing behind it uses the argument `{name}`");
            let help = match is_used(uses, name, end, usize::MAX) {
                true => {
                    "a stage sees its own arguments, and FROM those above the first FROM: declare it there"
                }
                false => "leave it out, or move it up to what is to use it",
            };
            findings.add(argument.name.span(), message).help(help);
        }
    }
}

/// Stages that no other one is made of, and that cannot be named as a target.
fn stages(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let can_be_built = |stage: &Stage<'_>| subject.is_target(stage) || stage.from.name.is_some();
    let needed = needed(subject, can_be_built);
    for stage in &subject.stages {
        if !can_be_built(stage) && !needed.contains(&stage.index) {
            let what = "no other stage takes anything from this one";
            let help = "leave it out, or give it a name by which it can be built: `AS …`";
            findings.add(stage.from.image.span(), what).help(help);
        }
    }
}
