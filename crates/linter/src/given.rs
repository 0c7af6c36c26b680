//! Build arguments that are given, and whether something takes them.

use std::collections::BTreeSet;

use lapstrake_parser::{Dockerfile, Instruction, InstructionKind, parse_trigger};

use crate::known::Known;
use crate::policy::Policy;
use crate::subject::Subject;

/// Arguments that are for the builder itself begin like this.
const BUILDERS: [&str; 2] = ["BUILDKIT_", "SOURCE_DATE_EPOCH"];

/// The arguments that are given to the build and that no ARG takes: none of the file, none of triggers of base images, and
/// not the builder itself.
pub fn untaken(source: &str, dockerfile: &Dockerfile, known: &Known<'_>) -> Vec<String> {
    let policy = Policy::default();
    let subject = Subject::new(source, dockerfile, known, &policy);
    let taken = taken(&subject);
    let names = known.arguments.keys().filter(|name| !is_taken(&subject, &taken, name));
    names.cloned().collect()
}

/// The names that ARGs declare, those of triggers included.
pub(crate) fn taken(subject: &Subject<'_>) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    subject.dockerfile.instructions.iter().for_each(|one| add(one, &mut taken));
    for stage in &subject.known.stages {
        let texts = stage.base.into_iter().flat_map(|base| &base.config.on_build);
        let triggers = texts.filter_map(|text| parse_trigger(text).0);
        triggers.for_each(|one| add(&one, &mut taken));
    }
    taken
}

fn add(instruction: &Instruction, taken: &mut BTreeSet<String>) {
    match &instruction.kind {
        InstructionKind::Arg(names) => {
            taken.extend(names.iter().map(|one| one.name.as_str().to_owned()));
        }
        InstructionKind::Onbuild(onbuild) => {
            onbuild.instruction.iter().for_each(|one| add(one, taken));
        }
        _ => {}
    }
}

/// True if an ARG takes it, or the builder.
pub(crate) fn is_taken(subject: &Subject<'_>, taken: &BTreeSet<String>, name: &str) -> bool {
    // What is predefined has a value without a declaration.
    let is_declared = taken.contains(name);
    is_declared || is_for_builder(name) || subject.globals.values.value(name).is_some()
}

pub(crate) fn is_for_builder(name: &str) -> bool {
    BUILDERS.iter().any(|begin| name.starts_with(begin))
        || name.to_ascii_lowercase().ends_with("_proxy")
}
