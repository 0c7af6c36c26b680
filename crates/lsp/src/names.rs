//! The names of a file: stages, and variables of ARG and ENV. Where they are given, and where they are used.

use lapstrake_parser::{CommandForm, Dockerfile, Instruction, InstructionKind, Span, Word, mount};

use crate::variable::{self, Quoting};

/// What is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The stage of that index.
    Stage(usize),
    /// A variable of that name.
    Variable(String),
}

/// A place that names something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    pub(crate) span: Span,
    pub(crate) subject: Subject,
    /// The stage it stands in, or nothing in front of the first and in a FROM.
    pub(crate) stage: Option<usize>,
    /// It gives the name.
    pub(crate) is_definition: bool,
    /// It is the name of an ARG, which is that of the one in front of all stages as well.
    is_argument: bool,
    /// It is an ARG without a value, which takes that of the other one.
    is_bare: bool,
}

/// The names of a file.
pub(crate) struct Names {
    /// In the order of their places.
    pub(crate) all: Vec<Occurrence>,
    /// The stage that each stage starts from, if it is one of the file.
    pub(crate) bases: Vec<Option<usize>>,
}

impl Names {
    pub(crate) fn of(source: &str, dockerfile: &Dockerfile) -> Self {
        let mut reader = Reader {
            source,
            escape: dockerfile.escape,
            stage: None,
            stages: Vec::new(),
            names: Self { all: Vec::new(), bases: Vec::new() },
        };
        for instruction in &dockerfile.instructions {
            reader.instruction(instruction);
        }
        let mut names = reader.names;
        names.all.sort_by_key(|one| one.span);
        names
    }

    /// What is named at an offset, or right in front of it.
    pub(crate) fn at(&self, offset: usize) -> Option<&Occurrence> {
        self.all.iter().find(|one| one.span.start <= offset && offset <= one.span.end)
    }

    /// The places where the same thing is named.
    pub(crate) fn same(&self, one: &Occurrence) -> Vec<&Occurrence> {
        let scopes = match &one.subject {
            Subject::Stage(_) => None,
            Subject::Variable(_) => Some(self.scopes(one)),
        };
        let all = self.all.iter().filter(|other| other.subject == one.subject);
        all.filter(|other| scopes.as_ref().is_none_or(|scopes| scopes.contains(&other.stage)))
            .collect()
    }

    /// Where the name was given that holds at an occurrence: the last time above it in its stage, else in
    /// those below that, else in front of all stages.
    pub(crate) fn definition<'a>(&'a self, one: &'a Occurrence) -> Option<&'a Occurrence> {
        let given = |stage: Option<usize>, end: usize| {
            let mut above = self.all.iter().rev().filter(move |other| other.span.end <= end);
            above.find(|other| {
                other.is_definition && other.stage == stage && other.subject == one.subject
            })
        };
        if let Subject::Stage(_) = one.subject {
            return self
                .all
                .iter()
                .find(|other| other.is_definition && other.subject == one.subject);
        }
        if one.is_definition && !one.is_bare {
            return Some(one);
        }
        let (mut stage, mut end) = (one.stage, one.span.start);
        let mut is_global = one.stage.is_none() || one.is_bare;
        while let Some(index) = stage.filter(|_| !is_global) {
            match given(stage, end) {
                Some(found) if found.is_bare => is_global = true,
                Some(found) => return Some(found),
                None => stage = self.bases.get(index).copied().flatten(),
            }
            end = usize::MAX;
        }
        let global = given(None, one.span.start).filter(|_| is_global);
        global.or_else(|| one.is_definition.then_some(one))
    }

    /// The stages in which a variable of that name is one and the same: those that share an ARG in front of
    /// all stages, or a stage that sets it.
    fn scopes(&self, one: &Occurrence) -> Vec<Option<usize>> {
        let gives = |stage: Option<usize>| {
            self.all.iter().any(|other| {
                other.is_definition && other.stage == stage && other.subject == one.subject
            })
        };
        let takes_global = |stage: usize| {
            gives(None)
                && self.all.iter().any(|other| {
                    other.is_argument && other.stage == Some(stage) && other.subject == one.subject
                })
        };
        // What each stage is joined with, those before it joined already.
        let mut groups: Vec<usize> = Vec::new();
        let global = usize::MAX;
        for (index, base) in self.bases.iter().enumerate() {
            let inherited =
                base.filter(|base| gives(Some(*base)) || groups.get(*base) != Some(base));
            let group = match inherited.and_then(|base| groups.get(base).copied()) {
                Some(group) => group,
                None if takes_global(index) => global,
                None => index,
            };
            if group != global && takes_global(index) {
                groups.iter_mut().filter(|one| **one == group).for_each(|one| *one = global);
                groups.push(global);
            } else {
                groups.push(group);
            }
        }
        let group = one.stage.map_or(global, |stage| groups.get(stage).copied().unwrap_or(stage));
        let joined = groups.iter().enumerate().filter(|(_, other)| **other == group);
        let joined = joined.map(|(index, _)| Some(index));
        joined.chain((group == global).then_some(None)).collect()
    }
}

struct Reader<'a> {
    source: &'a str,
    escape: char,
    stage: Option<usize>,
    /// The names of the stages so far, in lower case.
    stages: Vec<Option<String>>,
    names: Names,
}

impl Reader<'_> {
    fn add(&mut self, span: Span, subject: Subject, is_definition: bool) {
        let stage = self.stage;
        let one =
            Occurrence { span, subject, stage, is_definition, is_argument: false, is_bare: false };
        self.names.all.push(one);
    }

    /// Adds a place that names a stage: by its name, or by its number.
    fn add_stage(&mut self, span: Span, name: &str) -> Option<usize> {
        let lower = name.to_lowercase();
        let named = self.stages.iter().rposition(|one| one.as_ref() == Some(&lower));
        let number = name.parse().ok().filter(|number| *number < self.stages.len());
        let index = named.or(number)?;
        self.add(span, Subject::Stage(index), false);
        Some(index)
    }

    fn instruction(&mut self, instruction: &Instruction) {
        if let InstructionKind::From(from) = &instruction.kind {
            self.stage = None;
            self.variables(instruction);
            // A number is no stage here.
            let image = from.image.as_str();
            let is_number = image.bytes().all(|byte| byte.is_ascii_digit());
            let base = match is_number {
                true => None,
                false => self.add_stage(from.image.span(), image),
            };
            let index = self.stages.len();
            self.names.bases.push(base);
            self.stages.push(from.name.as_ref().map(|name| name.value.to_lowercase()));
            self.stage = Some(index);
            if let Some(name) = &from.name {
                self.add(name.span, Subject::Stage(index), true);
            }
            return;
        }
        self.variables(instruction);
        self.definitions(instruction);
        self.sources(instruction);
    }

    /// What ARG and ENV give names to.
    fn definitions(&mut self, instruction: &Instruction) {
        let given: Vec<(&Word, bool, bool)> = match &instruction.kind {
            InstructionKind::Arg(all) => {
                all.iter().map(|one| (&one.name, true, one.value.is_none())).collect()
            }
            InstructionKind::Env(all) => all.iter().map(|one| (&one.key, false, false)).collect(),
            _ => return,
        };
        for (name, is_argument, is_bare) in given {
            let text = name.as_str();
            if variable::is_name(text) && self.source.get(name.span().range()) == Some(text) {
                self.add(name.span(), Subject::Variable(text.to_owned()), true);
                if let Some(last) = self.names.all.last_mut() {
                    last.is_argument = is_argument;
                    last.is_bare = is_bare;
                }
            }
        }
    }

    /// The stages that are copied from and mounted.
    fn sources(&mut self, instruction: &Instruction) {
        if let InstructionKind::Onbuild(_) = instruction.kind {
            return;
        }
        for flag in &instruction.flags {
            let Some(value) = &flag.value else { continue };
            match flag.name.value.as_str() {
                "from" => {
                    self.add_stage(value.span(), value.as_str());
                }
                "mount" => {
                    if let Some((name, range)) = mount::option(value.as_str(), &["from"]) {
                        self.add_stage(value.span_of(range), &name);
                    }
                }
                _ => {}
            }
        }
    }

    /// The variables that an instruction uses.
    fn variables(&mut self, instruction: &Instruction) {
        let quoting = match &instruction.kind {
            InstructionKind::Run(CommandForm::Exec(_))
            | InstructionKind::Cmd(CommandForm::Exec(_))
            | InstructionKind::Entrypoint(CommandForm::Exec(_))
            | InstructionKind::Shell(_)
            | InstructionKind::Maintainer(_) => return,
            InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) if transfer.json => {
                Quoting::None
            }
            _ => Quoting::Shell,
        };
        let head = instruction.heredocs.first().map_or(instruction.span.end, |one| one.body.start);
        self.scan(Span::new(instruction.span.start, head), quoting);
        for heredoc in instruction.heredocs.iter().filter(|heredoc| heredoc.expand) {
            self.scan(heredoc.body, Quoting::None);
        }
    }

    fn scan(&mut self, span: Span, quoting: Quoting) {
        let text = self.source.get(span.range()).unwrap_or_default();
        for range in variable::names(text, self.escape, quoting) {
            let name = text.get(range.clone()).unwrap_or_default().to_owned();
            let place = Span::new(span.start + range.start, span.start + range.end);
            self.add(place, Subject::Variable(name), false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapstrake_parser::parse;

    const FILE: &str = "\
ARG V=1 W=2
FROM a:$V AS base
ARG V
ENV X=$V Y=1
FROM base AS next
RUN echo $V $X $Y '$V'
COPY --from=base /x$Y /y
FROM scratch
ENV Y=2
RUN --mount=type=bind,from=Base,target=/x echo $Y $V $W
COPY --from=1 a b
";

    /// The lines on which the thing at the first `mark` of a line is named, and that of its definition.
    fn lines(line: usize, mark: &str) -> (Vec<usize>, Option<usize>) {
        let names = Names::of(FILE, &parse(FILE).dockerfile);
        let start: usize = FILE.split_inclusive('\n').take(line).map(str::len).sum();
        let one = names.at(start + FILE[start..].find(mark).unwrap()).unwrap();
        let number = |one: &Occurrence| FILE[..one.span.start].matches('\n').count();
        let same = names.same(one).into_iter().map(number).collect();
        (same, names.definition(one).map(number))
    }

    #[test]
    fn variables_are_the_same_where_stages_share_them() {
        let (shared, last) = (vec![0, 1, 2, 3, 5], vec![8, 9]);
        assert_eq!(lines(0, "V"), (shared.clone(), Some(0)));
        assert_eq!(lines(1, "V"), (shared.clone(), Some(0)));
        assert_eq!(lines(2, "V"), (shared.clone(), Some(0)), "it takes the global value");
        assert_eq!(lines(5, "V"), (shared, Some(0)));
        assert_eq!(lines(6, "Y /y"), (vec![3, 5, 6], Some(3)));
        assert_eq!(lines(9, "Y"), (last, Some(8)));
        assert_eq!(lines(9, "V").1, None, "the stage does not declare it");
    }

    #[test]
    fn stages_are_found_by_name_and_number() {
        assert_eq!(lines(1, "base"), (vec![1, 4, 6, 9], Some(1)));
        assert_eq!(lines(9, "Base"), (vec![1, 4, 6, 9], Some(1)));
        assert_eq!(lines(10, "1"), (vec![4, 10], Some(4)));
    }
}
