//! The documents that a client has open.

use std::path::PathBuf;
use std::sync::Arc;

use lapstrake_linter::{Finding, Known, Wanted};
use lapstrake_parser::{Diagnostic, OtherFile, Parsed, Severity, Span};
use lsp_types::{Position, Range, TextDocumentContentChangeEvent, Uri};

use crate::finding::Elsewhere;
use crate::position::{Encoding, Lines};
use crate::workspace::{Rules, Workspace};

/// A document, and what it is parsed to.
pub(crate) struct Document {
    pub(crate) uri: Uri,
    pub(crate) version: i32,
    pub(crate) text: String,
    pub(crate) parsed: Parsed,
    /// Which rules look at it.
    pub(crate) rules: Rules,
    /// Its findings have not been published.
    pub(crate) is_due: bool,
    /// What was published of it in other files.
    pub(crate) elsewhere: Elsewhere,
    lines: Lines,
    encoding: Encoding,
}

/// What is wrong with a document.
pub(crate) struct LookedAt {
    /// In the document itself, in the order of the places.
    pub(crate) own: Vec<Diagnostic>,
    /// In files that its build takes: the ignore file, scripts.
    pub(crate) elsewhere: Vec<(Arc<OtherFile>, Diagnostic)>,
}

impl Document {
    pub(crate) fn new(uri: Uri, version: i32, text: String, encoding: Encoding) -> Self {
        let (lines, parsed) = (Lines::new(&text), lapstrake_parser::parse(&text));
        let rules = Rules::default();
        let elsewhere = Elsewhere::new();
        Self { uri, version, text, parsed, rules, is_due: true, elsewhere, lines, encoding }
    }

    /// The path of its file, if it is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        path(&self.uri)
    }

    /// Makes the changes, each on top of those before it.
    pub(crate) fn change(&mut self, version: i32, changes: Vec<TextDocumentContentChangeEvent>) {
        for change in changes {
            match change.range {
                None => self.text = change.text,
                Some(range) => {
                    let span = self.lines.span(&self.text, range, self.encoding);
                    // Both ends lie on the boundaries of characters.
                    self.text.replace_range(span.range(), &change.text);
                }
            }
            self.lines = Lines::new(&self.text);
        }
        self.version = version;
        self.parsed = lapstrake_parser::parse(&self.text);
        self.is_due = true;
    }

    pub(crate) fn range(&self, span: Span) -> Range {
        self.lines.range(&self.text, span, self.encoding)
    }

    /// The place in another text.
    pub(crate) fn range_in(&self, text: &str, span: Span) -> Range {
        Lines::new(text).range(text, span, self.encoding)
    }

    pub(crate) fn span(&self, range: Range) -> Span {
        self.lines.span(&self.text, range, self.encoding)
    }

    pub(crate) fn offset(&self, position: Position) -> usize {
        self.lines.offset(&self.text, position, self.encoding)
    }

    pub(crate) fn position(&self, offset: usize) -> Position {
        self.lines.position(&self.text, offset, self.encoding)
    }

    /// Does something with what is known of its build, if it has no fault of the syntax.
    pub(crate) fn with_known(&self, workspace: &dyn Workspace, see: &mut dyn FnMut(&Known<'_>)) {
        let file = (self.text.as_str(), &self.parsed.dockerfile);
        workspace.known(self.path().as_deref(), file, self.is_whole(), see);
    }

    /// True if it has no fault of the syntax.
    fn is_whole(&self) -> bool {
        self.parsed.diagnostics.iter().all(|one| one.severity != Severity::Error)
    }

    /// What is wrong with it: faults of the syntax, and what the rules find, in the order of their places.
    pub(crate) fn diagnostics(&self, workspace: &dyn Workspace) -> Vec<Diagnostic> {
        self.looked_at(workspace).own
    }

    /// The same, with what is wrong with other files that its build takes.
    pub(crate) fn looked_at(&self, workspace: &dyn Workspace) -> LookedAt {
        let is_whole = self.is_whole();
        let rules = self.rules.rules.iter().copied();
        let rules: Vec<_> = rules.filter(|rule| is_whole || rule.sees_one_instruction()).collect();
        let dockerfile = &self.parsed.dockerfile;
        let checks = lapstrake_linter::checks(dockerfile);
        let Rules { policy, are_own: is_own, .. } = &self.rules;
        let is_own = *is_own;
        let wanted = Wanted { rules: &rules, checks: &checks, policy, is_own };
        let look_around = is_whole && is_own;
        let mut found = Vec::new();
        workspace.known(
            self.path().as_deref(),
            (&self.text, dockerfile),
            look_around,
            &mut |known| {
                found = lapstrake_linter::lint(&self.text, dockerfile, known, &wanted);
            },
        );
        let mut looked_at =
            LookedAt { own: self.parsed.diagnostics.clone(), elsewhere: Vec::new() };
        for Finding { diagnostic, file, .. } in found {
            match file {
                Some(file) => looked_at.elsewhere.push((file, diagnostic)),
                None => looked_at.own.push(diagnostic),
            }
        }
        looked_at.own.sort_by_key(|one| one.span);
        looked_at
    }
}

/// The path that a URI of a file stands for.
fn path(uri: &Uri) -> Option<PathBuf> {
    let is_file = uri.scheme().is_some_and(|scheme| scheme.as_str().eq_ignore_ascii_case("file"));
    let path = uri.path().as_estr().decode().into_bytes();
    let path = String::from_utf8(path.into_owned()).ok()?;
    (is_file && path.starts_with('/')).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_of_files_are_paths() {
        let path = |uri: &str| path(&uri.parse().unwrap());
        assert_eq!(path("file:///a/b%20c%C3%A9"), Some("/a/b cé".into()));
        assert_eq!(path("file://host/a"), Some("/a".into()));
        for none in ["untitled:Untitled-1", "https://a/b", "file:a", "file:///%ff"] {
            assert_eq!(path(none), None, "{none}");
        }
    }
}
