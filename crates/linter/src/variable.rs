//! Which stages set which variables, in a form that is asked quickly: a file may have many stages, each built on the
//! one above.

use std::collections::BTreeMap;

use lapstrake_parser::{InstructionKind, Stage};

use crate::subject::Subject;

/// The variables that ARG and ENV set.
///
/// Stages and the stages that they are built on are a forest. Its stages are numbered so that those built on one, at
/// any distance, follow it without a gap.
#[derive(Default)]
pub(crate) struct Variables<'a> {
    /// For each stage its number, and the last number of those built on it.
    places: Vec<(usize, usize)>,
    /// Who sets a variable, by number.
    setters: BTreeMap<&'a str, Vec<Setter>>,
}

struct Setter {
    place: (usize, usize),
    /// Where the stage sets it first.
    first: usize,
    /// The nearest setter that its stage is built on.
    below: Option<usize>,
}

impl<'a> Variables<'a> {
    pub(crate) fn of(subject: &Subject<'a>) -> Self {
        let bases: Vec<Option<usize>> =
            subject.stages.iter().map(|stage| Some(subject.base_of(stage)?.index)).collect();
        let places = places(&bases);
        let mut setters: BTreeMap<&'a str, Vec<Setter>> = BTreeMap::new();
        let mut stages: Vec<(&Stage<'a>, (usize, usize))> =
            subject.stages.iter().zip(places.iter().copied()).collect();
        stages.sort_by_key(|(_, place)| *place);
        for (stage, place) in stages {
            for (name, first) in names(stage) {
                let list = setters.entry(name).or_default();
                let mut below = list.len().checked_sub(1);
                while let Some(at) = below
                    && let Some(other) = list.get(at)
                    && other.place.1 < place.0
                {
                    below = other.below;
                }
                list.push(Setter { place, first, below });
            }
        }
        Self { places, setters }
    }

    /// True if a variable is set in a stage in front of that place, or in a stage that it is built on.
    pub(crate) fn has(&self, name: &str, stage: usize, here: usize) -> bool {
        let (Some(list), Some(own)) = (self.setters.get(name), self.places.get(stage)) else {
            return false;
        };
        let mut next = list.partition_point(|setter| setter.place.0 <= own.0).checked_sub(1);
        while let Some(setter) = next.and_then(|at| list.get(at)) {
            let is_below = setter.place.1 >= own.0;
            if is_below && (setter.place.0 != own.0 || setter.first < here) {
                return true;
            }
            next = setter.below;
        }
        false
    }
}

/// The places of stages with these bases, each of which is an earlier stage.
fn places(bases: &[Option<usize>]) -> Vec<(usize, usize)> {
    let mut sizes = vec![1_usize; bases.len()];
    for (stage, base) in bases.iter().enumerate().rev() {
        let size = sizes.get(stage).copied().unwrap_or(1);
        if let Some(of_base) = base.and_then(|base| sizes.get_mut(base)) {
            *of_base += size;
        }
    }
    let mut places: Vec<(usize, usize)> = Vec::with_capacity(bases.len());
    // Where the next stage that is built on each goes, and the next one that is built on none.
    let mut free: Vec<usize> = Vec::with_capacity(bases.len());
    let mut free_root = 0;
    for (base, size) in bases.iter().zip(sizes) {
        let next = base.and_then(|base| free.get_mut(base)).unwrap_or(&mut free_root);
        let start = *next;
        *next += size;
        places.push((start, start + size - 1));
        free.push(start + 1);
    }
    places
}

/// The variables that a stage sets, and where first.
fn names<'a>(stage: &Stage<'a>) -> BTreeMap<&'a str, usize> {
    let mut names = BTreeMap::new();
    for instruction in stage.instructions {
        // What a trigger sets is for the triggers behind it.
        let kind = match &instruction.kind {
            InstructionKind::Onbuild(onbuild) => match onbuild.instruction.as_deref() {
                Some(inner) => &inner.kind,
                None => continue,
            },
            kind => kind,
        };
        let set: Vec<&str> = match kind {
            InstructionKind::Arg(names) => names.iter().map(|arg| arg.name.as_str()).collect(),
            InstructionKind::Env(pairs) => pairs.iter().map(|pair| pair.key.as_str()).collect(),
            _ => continue,
        };
        for name in set {
            names.entry(name).or_insert(instruction.span.start);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::Known;
    use crate::policy::Policy;

    #[test]
    fn variables_are_those_of_the_stage_and_of_those_below() {
        let source = "FROM x AS a\nENV A=1\nFROM a AS b\nONBUILD ENV B=1\nENV A=2\nFROM x AS c\nARG C\nFROM b AS d\n\
            RUN true\nENV D=1\nFROM a AS e\nFROM c\n";
        let dockerfile = lapstrake_parser::parse(source).dockerfile;
        let (known, policy) = (Known::nothing(), Policy::default());
        let variables = Variables::of(&Subject::new(source, &dockerfile, &known, &policy));
        let run = source.find("RUN").unwrap();
        let at = |stage: usize, here: usize| -> String {
            ["A", "B", "C", "D"]
                .into_iter()
                .filter(|name| variables.has(name, stage, here))
                .collect()
        };
        let end = source.len();
        let found: Vec<String> = (0..6).map(|stage| at(stage, end)).collect();
        assert_eq!(found, ["A", "AB", "C", "ABD", "A", "C"]);
        assert_eq!(at(3, run), "AB", "D is set behind it");
        assert_eq!(at(0, 0), "", "nothing is set in front of all");
    }

    #[test]
    fn many_stages_take_no_time() {
        let stages = 20_000;
        let text =
            |number: usize| format!("FROM s{number} AS s{}\nENV A{number}=1 B=1\n", number + 1);
        let source: String = (0..stages).map(text).collect();
        let dockerfile = lapstrake_parser::parse(&source).dockerfile;
        let (known, policy) = (Known::nothing(), Policy::default());
        let started = std::time::Instant::now();
        let variables = Variables::of(&Subject::new(&source, &dockerfile, &known, &policy));
        for stage in 0..stages {
            assert!(variables.has("A0", stage, source.len()) && !variables.has("C", stage, 0));
        }
        let took = started.elapsed();
        assert!(took.as_secs() < 5, "quadratic: {took:?}");
    }
}
