//! # Images have the labels that the project asks for
//!
//! Who looks for the owner of an image, or for its source, goes by labels. Each stage needs those of the
//! `label-schema` in the project's configuration. A stage has the labels of the stage that it starts from;
//! a stage that others start from or copy from may leave them to those.
//!
//! With `owner = "text"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! CMD ["server"]
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL owner="team-a"
//! CMD ["server"]
//! ```
//!
//! **Fix**: none: what to say is not known.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Stage, mount};

use crate::finding::Findings;
use crate::label::labels;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("label-missing", &["DL3049"], Severity::Info, Check::Stage(check)).recommended();

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let schema = &subject.policy.label_schema;
    if schema.is_empty() || is_copied_from(subject, stage) {
        return;
    }
    let descends =
        |one: &&Stage<'_>| subject.lineage(one).iter().any(|base| base.index == stage.index);
    let mut family = subject.lineage(stage);
    family.extend(subject.stages.iter().filter(descends));
    let family = || family.iter().copied().chain([stage]).flat_map(|one| one.instructions);
    for name in schema.keys() {
        let sets = |one: &Instruction| labels(subject, one).iter().any(|label| label.key == *name);
        if !family().any(sets) {
            let message = format!("the label `{name}` is missing");
            let draft = findings.add(stage.instruction.keyword().span, message);
            draft.help(format!("write `LABEL {name}=…` in the stage"));
        }
    }
}

/// True if the stage is there for its files: a later one takes them.
fn is_copied_from(subject: &Subject<'_>, stage: &Stage<'_>) -> bool {
    let later = subject.stages.iter().skip(stage.index + 1);
    later.into_iter().any(|one| {
        let names = one.instructions.iter().flat_map(sources);
        names.into_iter().any(|name| {
            let number = name.parse().ok();
            number.or_else(|| subject.stage_named(&name, one.index)) == Some(stage.index)
        })
    })
}

/// What an instruction takes files from.
fn sources(instruction: &Instruction) -> Vec<String> {
    match &instruction.kind {
        InstructionKind::Copy(_) => {
            let from = instruction.flag("from").and_then(|flag| flag.value.as_ref());
            from.map(|from| from.as_str().to_owned()).into_iter().collect()
        }
        InstructionKind::Run(_) => {
            let mounts = instruction.flags_named("mount").filter_map(|flag| flag.value.as_ref());
            mounts.filter_map(|word| Some(mount::option(word.as_str(), &["from"])?.0)).collect()
        }
        _ => Vec::new(),
    }
}
