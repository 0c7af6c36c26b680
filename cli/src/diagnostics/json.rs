//! Faults for programs: one JSON object. `docs/diagnostics/README.md` describes it; what stands there
//! stays, new fields may come.

use lapstrake_parser::{Diagnostic, Safety, Span};
use serde::Serialize;

use super::source::{Position, Source};

/// Version of the form. It changes when a field goes or means something else.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    image: Option<&'a str>,
    diagnostics: Vec<Fault<'a>>,
}

/// A finding of the linter.
#[derive(Clone, Copy)]
pub(crate) struct Finding<'a> {
    /// The file it is in.
    pub(crate) source: &'a Source,
    /// What is wrong.
    pub(crate) diagnostic: &'a Diagnostic,
    /// What other tools call the rule.
    pub(crate) aliases: &'a [&'a str],
}

#[derive(Serialize)]
struct Findings<'a> {
    version: u32,
    findings: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    #[serde(flatten)]
    fault: Fault<'a>,
    aliases: &'a [&'a str],
    /// Of a rule: faults of the syntax have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<&'static str>,
}

#[derive(Serialize)]
struct Fault<'a> {
    file: &'a str,
    code: &'a str,
    severity: &'static str,
    message: &'a str,
    causes: &'a [String],
    #[serde(flatten)]
    place: Place,
    labels: Vec<Label<'a>>,
    elsewhere: Vec<Elsewhere<'a>>,
    help: Option<&'a str>,
    fix: Option<Fix<'a>>,
    page: String,
    url: Option<&'a str>,
}

#[derive(Serialize)]
struct Place {
    start: Position,
    end: Position,
}

#[derive(Serialize)]
struct Label<'a> {
    message: &'a str,
    #[serde(flatten)]
    place: Place,
}

/// A label in another file.
#[derive(Serialize)]
struct Elsewhere<'a> {
    file: &'a str,
    #[serde(flatten)]
    label: Label<'a>,
}

#[derive(Serialize)]
struct Fix<'a> {
    safe: bool,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    #[serde(flatten)]
    place: Place,
    text: &'a str,
}

/// The object of these faults, with a line end. `image` is the id of what was built.
pub(super) fn object(source: &Source, faults: &[Diagnostic], image: Option<&str>) -> String {
    let diagnostics = faults.iter().map(|fault| self::fault(source, fault)).collect();
    let report = Report { version: VERSION, image, diagnostics };
    // A tree of strings and numbers cannot fail to be written.
    let text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text + "\n"
}

/// The object of what was found in any number of files, with a line end.
pub(crate) fn findings(found: &[Finding<'_>]) -> String {
    let findings = found.iter().map(|one| Named {
        fault: fault(one.source, one.diagnostic),
        aliases: one.aliases,
        confidence: lapstrake_linter::rule(one.diagnostic.code).map(|rule| rule.confidence.name()),
    });
    let report = Findings { version: VERSION, findings: findings.collect() };
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

/// Whether a fix can be made in the file: what it replaces, it may have put into the new text.
pub(super) fn fits(source: &Source, fix: &lapstrake_parser::Fix) -> bool {
    fix.edits.iter().all(|edit| source.is_verbatim(edit.span))
}

fn elsewhere(place: &lapstrake_parser::Elsewhere) -> Elsewhere<'_> {
    let (source, _) = Source::read(&place.file.name, place.file.text.as_bytes());
    let span = source.fitting(place.span);
    let place_in = Place { start: source.position(span.start), end: source.position(span.end) };
    Elsewhere { file: &place.file.name, label: Label { message: &place.message, place: place_in } }
}

fn fault<'a>(source: &'a Source, fault: &'a Diagnostic) -> Fault<'a> {
    let place =
        |span: Span| Place { start: source.position(span.start), end: source.position(span.end) };
    let fitting = |span: Span| place(source.fitting(span));
    Fault {
        file: source.name(),
        code: fault.code,
        severity: fault.severity.name(),
        message: &fault.message,
        causes: &fault.causes,
        place: fitting(fault.span),
        labels: fault
            .labels
            .iter()
            .map(|(span, message)| Label { message, place: fitting(*span) })
            .collect(),
        elsewhere: fault.elsewhere.iter().map(elsewhere).collect(),
        help: fault.help.as_deref(),
        fix: fault.fix.as_ref().filter(|fix| fits(source, fix)).map(|fix| Fix {
            safe: fix.safety == Safety::Safe,
            edits: fix
                .edits
                .iter()
                .map(|edit| Edit { place: place(edit.span), text: &edit.text })
                .collect(),
        }),
        page: format!("lap explain {}", fault.code),
        url: fault.url.as_deref(),
    }
}
