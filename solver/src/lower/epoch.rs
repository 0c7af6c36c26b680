//! SOURCE_DATE_EPOCH: the time that an image is to be from (A8.13).

use lapstrake_parser::{Diagnostic, Dockerfile, Instruction, InstructionKind, Source, Span, Stage};

use super::environment::Environment;
use super::fault::{Faults, fault, suggestion, with_help};
use super::{Options, remote, word};
use crate::graph::Op;

/// The argument.
pub(super) const NAME: &str = "SOURCE_DATE_EPOCH";

/// Seconds since 1970 that every format of an image can hold: the years 0 to 9999.
pub const SECONDS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// What the argument comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Epoch {
    /// Images are from when they are built.
    Unset,
    /// Seconds since 1970.
    At(i64),
    /// The time of a source that has to be asked for it.
    Of(Box<TimeSource>),
}

/// A source whose own time is wanted: when its file was last changed, or its commit made.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSource {
    /// What fetches it.
    pub op: Op,
    /// Where it and its checksum stand in the Dockerfile.
    pub words: Vec<Span>,
}

impl Epoch {
    /// Seconds since 1970.
    pub(super) fn seconds(&self) -> Option<i64> {
        match self {
            Self::At(seconds) => Some(*seconds),
            Self::Unset | Self::Of(_) => None,
        }
    }
}

/// What the argument comes to: given, or else a global default. It is a number of seconds, or names
/// what has a time of its own: `context`, a named context, or a stage that fetches one source.
/// Files and images of this machine have none.
pub(super) fn epoch(
    dockerfile: &Dockerfile,
    arguments: &Environment,
    options: &Options,
    escape: char,
) -> Result<Epoch, Faults> {
    let given = options.arguments.get(NAME).map(String::as_str).or_else(|| arguments.value(NAME));
    let Some(value) = given.filter(|value| !value.is_empty()) else { return Ok(Epoch::Unset) };
    if let Ok(seconds) = value.parse() {
        return match SECONDS.contains(&seconds) {
            true => Ok(Epoch::At(seconds)),
            false => Err(invalid(dockerfile, value, "is not in the years 0 to 9999").into()),
        };
    }
    let context =
        if value == "context" { Some(String::new()) } else { options.contexts.known(value) };
    if let Some(context) = context {
        let time = options.context_times.get(&context);
        return Ok(time.map_or(Epoch::Unset, |time| Epoch::At(*time)));
    }
    let stages = dockerfile.stages();
    let is_named = |stage: &&Stage<'_>| {
        let name = stage.from.name.as_ref();
        name.is_some_and(|name| name.value.eq_ignore_ascii_case(value))
    };
    let Some(stage) = stages.iter().find(is_named) else {
        let names: Vec<String> = stages.iter().filter_map(Stage::name).collect();
        let fault = invalid(dockerfile, value, "is no number of seconds, context or stage");
        return Err(match suggestion(value, names.iter().map(String::as_str)) {
            Some(near) => fault.with_help(near),
            None => fault.with_help("write seconds since 1970, as `date +%s` prints them"),
        }
        .into());
    };
    let source = Finder { options, escape }.source(stage, arguments)?;
    let known = options.source_times.iter().find(|(known, _)| *known == source);
    Ok(match known {
        None => Epoch::Of(Box::new(source)),
        Some((_, time)) => time.map_or(Epoch::Unset, Epoch::At),
    })
}

/// A value that says nothing, at its declaration if the Dockerfile has one.
fn invalid(dockerfile: &Dockerfile, value: &str, what: &str) -> Diagnostic {
    let mut declarations = dockerfile.global_instructions().iter().filter_map(|instruction| {
        let InstructionKind::Arg(declarations) = &instruction.kind else { return None };
        let own = declarations.iter().find(|declaration| declaration.name.as_str() == NAME)?;
        Some(own.value.as_ref().unwrap_or(&own.name).span())
    });
    let first = dockerfile.stages().first().map(|stage| stage.instruction.span);
    let span = declarations.next_back().or(first).unwrap_or_default();
    fault("source-date-epoch", span, format!("invalid {NAME}: `{value}` {what}"))
}

/// Looks for the source of a stage that has a time.
struct Finder<'a> {
    options: &'a Options,
    escape: char,
}

impl Finder<'_> {
    /// The only source of a stage that has nothing else.
    fn source(&self, stage: &Stage<'_>, arguments: &Environment) -> Result<TimeSource, Faults> {
        let mut environment = arguments.clone();
        environment.unset(NAME);
        let base = word::expand(&stage.from.image, &environment, self.escape)?;
        if base != "scratch" {
            return Err(refused(stage, stage.from.image.span(), "its base is not scratch"));
        }
        let mut found = None;
        for instruction in stage.instructions {
            match &instruction.kind {
                InstructionKind::Arg(declarations) => {
                    for declaration in declarations {
                        let name = declaration.name.as_str();
                        let value = match (self.options.arguments.get(name), &declaration.value) {
                            (Some(given), _) => given.clone(),
                            (None, Some(value)) => word::expand(value, &environment, self.escape)?,
                            (None, None) => continue,
                        };
                        environment.set(name, &value);
                    }
                }
                InstructionKind::Add(_) if found.is_none() => {
                    found = Some(self.added(stage, instruction, &environment)?);
                }
                InstructionKind::Add(_) => {
                    return Err(refused(stage, instruction.span, "it has more than one ADD"));
                }
                _ => {
                    let what = format!("it has a {}", instruction.kind.keyword().name());
                    return Err(refused(stage, instruction.span, &what));
                }
            }
        }
        found.ok_or_else(|| refused(stage, stage.instruction.span, "it has no ADD"))
    }

    fn added(
        &self,
        stage: &Stage<'_>,
        instruction: &Instruction,
        environment: &Environment,
    ) -> Result<TimeSource, Faults> {
        let sources = match &instruction.kind {
            InstructionKind::Add(transfer) => transfer.sources.as_slice(),
            _ => &[],
        };
        let [Source::Path(written)] = sources else {
            return Err(refused(stage, instruction.span, "its ADD has not just one source"));
        };
        let path = word::expand(written, environment, self.escape)?;
        let Some(remote) = remote::remote(&path, written)? else {
            return Err(refused(stage, written.span(), "its ADD takes a file of the context"));
        };
        let checksum = remote::checksum(instruction, environment, self.escape)?;
        let words = remote::words(written, checksum.as_ref());
        Ok(TimeSource { op: remote.op(instruction, checksum.as_ref())?, words })
    }
}

/// A stage that has no time, because of what is at `place`.
fn refused(stage: &Stage<'_>, place: Span, why: &str) -> Faults {
    let name = stage.name().unwrap_or_default();
    let message = format!("{NAME} is {name}, a stage that has no time of its own: {why}");
    let help = "name a stage with nothing but FROM scratch and one ADD of a URL or repository";
    let fault = with_help(fault("source-date-epoch", stage.instruction.span, message), help);
    match place == stage.instruction.span {
        true => fault.into(),
        false => fault.with_label(place, "this").into(),
    }
}
