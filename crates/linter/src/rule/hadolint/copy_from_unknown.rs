//! # COPY --from names a stage or an image with a tag
//!
//! A name that is no earlier stage is an image, and without a tag that is its `latest`. Often it is a
//! stage that is misspelt or stands below.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY --from=artifacts /x /x
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12 AS artifacts
//! FROM debian:12
//! COPY --from=artifacts /x /x
//! ```
//!
//! **Fix**: unsafe: the nearest name of a stage.

use lapstrake_parser::{InstructionKind, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;
use lapstrake_parser::suggest;

pub(super) static RULE: Rule =
    Rule::hadolint("copy-from-unknown", &["DL3022"], Severity::Warning, Check::Stage(check))
        .hadolint_only()
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    for instruction in stage.instructions {
        if !matches!(instruction.kind, InstructionKind::Copy(_)) {
            continue;
        }
        let from = instruction.flag("from").and_then(|flag| flag.value.as_ref());
        let Some(from) = from else { continue };
        let name = from.as_str();
        let is_number = name.parse::<usize>().is_ok_and(|number| number < subject.stages.len());
        if name.contains(':') || is_number || subject.stage_named(name, stage.index).is_some() {
            continue;
        }
        let names = subject.stages.iter().take(stage.index).filter_map(Stage::name);
        let names: Vec<String> = names.collect();
        let draft = findings
            .add(from.span(), format!("`{name}` is no earlier stage, and an image without a tag"));
        let near = suggest(name, names.iter().map(String::as_str));
        draft.help("name a stage, or a tag").suggest(from.span(), near);
    }
}
