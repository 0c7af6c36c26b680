//! Findings as the client shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use lapstrake_parser::{Diagnostic, OtherFile, Severity, Span};
use lsp_types::{
    CodeDescription, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString,
    PublishDiagnosticsParams, Range, Uri,
};

use crate::document::Document;

/// Who says it.
const SOURCE: &str = "lap";

/// What is wrong with files that are not open, by their addresses as text.
pub(crate) type Elsewhere = BTreeMap<String, Vec<lsp_types::Diagnostic>>;

/// What is wrong with the files that the build of a document takes. Those without an address are left out.
pub(crate) fn elsewhere(document: &Document, found: &[(Arc<OtherFile>, Diagnostic)]) -> Elsewhere {
    let mut all = Elsewhere::new();
    for (file, one) in found {
        let Some(uri) = uri(&file.name) else { continue };
        let place = Place { uri: &uri, range: &|span| document.range_in(&file.text, span) };
        let shown = described(document, one, &place);
        let list = all.entry(uri.as_str().to_owned()).or_default();
        if !list.contains(&shown) {
            list.push(shown);
        }
    }
    all
}

/// A file, and how places in it are told.
struct Place<'p> {
    uri: &'p Uri,
    range: &'p dyn Fn(Span) -> Range,
}

/// All that is wrong with a document.
pub(crate) fn published(document: &Document, found: &[Diagnostic]) -> PublishDiagnosticsParams {
    PublishDiagnosticsParams {
        uri: document.uri.clone(),
        diagnostics: found.iter().map(|one| shown(document, one)).collect(),
        version: Some(document.version),
    }
}

/// One fault. Its code leads to what its maker says about it; the page is shown on hover.
pub(crate) fn shown(document: &Document, one: &Diagnostic) -> lsp_types::Diagnostic {
    let place = Place { uri: &document.uri, range: &|span| document.range(span) };
    described(document, one, &place)
}

fn described(document: &Document, one: &Diagnostic, place: &Place<'_>) -> lsp_types::Diagnostic {
    let related = one.labels.iter().map(|(span, text)| DiagnosticRelatedInformation {
        location: Location { uri: place.uri.clone(), range: (place.range)(*span) },
        message: text.clone(),
    });
    let others = one.elsewhere.iter().filter_map(|other| {
        let uri = uri(&other.file.name)?;
        let range = document.range_in(&other.file.text, other.span);
        let message = other.message.clone();
        Some(DiagnosticRelatedInformation { location: Location { uri, range }, message })
    });
    let related = related.chain(others);
    let href = one.url.as_deref().and_then(|url| url.parse().ok());
    lsp_types::Diagnostic {
        range: (place.range)(one.span),
        severity: Some(match one.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Info => DiagnosticSeverity::INFORMATION,
        }),
        code: Some(NumberOrString::String(one.code.to_owned())),
        code_description: href.map(|href| CodeDescription { href }),
        source: Some(SOURCE.to_owned()),
        message: match &one.help {
            Some(help) => format!("{}\nhelp: {help}", one.message),
            None => one.message.clone(),
        },
        related_information: Some(related.collect()).filter(|all: &Vec<_>| !all.is_empty()),
        ..lsp_types::Diagnostic::default()
    }
}

/// The URI of a file at an absolute path.
fn uri(path: &str) -> Option<Uri> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let path = path.starts_with('/').then_some(path)?;
    let mut uri = "file://".to_owned();
    for byte in path.bytes() {
        match is_plain(byte) {
            true => uri.push(char::from(byte)),
            false => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_are_uris() {
        let uri = |path: &str| super::uri(path).map(|uri| uri.as_str().to_owned());
        assert_eq!(uri("/a b/ä#.sh").as_deref(), Some("file:///a%20b/%C3%A4%23.sh"));
        assert_eq!(uri("a"), None);
    }
}
