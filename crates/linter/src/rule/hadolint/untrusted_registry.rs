//! # Images come from trusted registries
//!
//! A project may say which registries its images may come from: `trusted-registries` in
//! `lapstrake.toml`, `trustedRegistries` in `.hadolint.yaml`. Without such a list the rule has nothing to
//! say. It looks at FROM, COPY --from, and `from` of binds and caches; `*` at one end of an entry stands
//! for anything, and an image without a registry comes from `docker.io`, also called `hub.docker.com`.
//! Arguments count with their defaults; where those do not say which registry it is, it is not trusted.
//!
//! With `trusted-registries = ["docker.io", "*.example.com"]`:
//!
//! ```dockerfile
//! FROM quay.io/team/app:1
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM registry.example.com/team/app:1
//! ```
//!
//! **Fix**: none: whether another registry has the same image is not known.

use lapstrake_oci::Reference;
use lapstrake_parser::{InstructionKind, Severity, Stage, mount};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("untrusted-registry", &["DL3026"], Severity::Error, Check::Stage(check))
        .recommended();

/// Where images come from that name no registry.
const DEFAULT: &str = "docker.io";
const ALSO_DEFAULT: &str = "hub.docker.com";

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let trusted = subject.policy.trusted_registries.as_slice();
    if trusted.is_empty() {
        return;
    }
    let is_stage = |name: &str| {
        let is_number = name.parse::<usize>().is_ok_and(|number| number < subject.stages.len());
        is_number || subject.stage_named(name, stage.index).is_some()
    };
    let mut names = Vec::new();
    let image = &stage.from.image;
    if let Some(value) = subject.global_value(image) {
        if value.undefined.is_empty() {
            let is_known = subject.stage_named(&value.text, stage.index).is_some();
            names.extend((!is_known).then(|| (image.span(), value.text.into_owned())));
        } else {
            // Without a path only the tag is behind a colon.
            let host = image.as_str().find('/').or_else(|| image.as_str().find(':'));
            let is_open =
                value.undefined.iter().any(|one| host.is_none_or(|end| one.range.start < end));
            if is_open {
                let message =
                    format!("which registry `{}` is in is not known here", image.as_str());
                findings.add(image.span(), message).help(help(trusted));
            } else {
                names.push((image.span(), image.as_str().to_owned()));
            }
        }
    }
    for instruction in stage.instructions {
        match &instruction.kind {
            InstructionKind::Copy(_) => {
                let from = instruction.flag("from").and_then(|flag| flag.value.as_ref());
                names.extend(from.map(|from| (from.span(), from.as_str().to_owned())));
            }
            InstructionKind::Run(_) => {
                let mounts =
                    instruction.flags_named("mount").filter_map(|flag| flag.value.as_ref());
                names.extend(mounts.filter_map(|word| {
                    let (name, range) = mount::option(word.as_str(), &["from"])?;
                    Some((word.span_of(range), name))
                }));
            }
            _ => {}
        }
    }
    for (span, name) in names {
        if name == "scratch" || (span != image.span() && is_stage(&name)) {
            continue;
        }
        let Some(registry) = registry(&name) else { continue };
        if !trusted.iter().any(|pattern| trusts(pattern, &registry)) {
            findings
                .add(span, format!("the registry `{registry}` is not trusted"))
                .help(help(trusted));
        }
    }
}

fn help(trusted: &[String]) -> String {
    format!("trusted are: {}", trusted.join(", "))
}

/// The registry of an image; nothing if it has no name that one can have.
fn registry(image: &str) -> Option<String> {
    let Some((first, _)) = image.split_once('/') else { return Some(DEFAULT.to_owned()) };
    // What stands behind may hold a variable.
    let reference = Reference::parse(&format!("{first}/x")).ok()?;
    Some(reference.registry().to_owned())
}

fn trusts(pattern: &str, registry: &str) -> bool {
    let fits = |name: &str| {
        if let Some(end) = pattern.strip_prefix('*') {
            ends_with(name, end)
        } else if let Some(start) = pattern.strip_suffix('*') {
            name.get(..start.len()).is_some_and(|part| part.eq_ignore_ascii_case(start))
        } else {
            name.eq_ignore_ascii_case(pattern)
        }
    };
    fits(registry) || (registry == DEFAULT && fits(ALSO_DEFAULT))
}

fn ends_with(name: &str, end: &str) -> bool {
    let at = name.len().checked_sub(end.len());
    let part = at.and_then(|at| name.get(at..));
    part.is_some_and(|part| part.eq_ignore_ascii_case(end))
}
