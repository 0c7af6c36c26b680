//! Faults of a Dockerfile, drawn under the lines they are in.

use std::borrow::Cow;
use std::fmt;

use lapstrake_parser::{Diagnostic, Severity, Span};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use crate::text::{harmless, is_harmful};

/// A Dockerfile as the user knows it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    name: String,
    /// Printable, byte for byte as long as what was read: spans fit both.
    text: String,
}

/// What the drawing is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) colour: bool,
    /// Columns to break messages at; `None` leaves them whole.
    pub(crate) width: Option<usize>,
}

impl Source {
    /// `name` is the path to show.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: harmless(name), text: printable(text) }
    }

    /// Draws the faults in the given order.
    pub(crate) fn draw(&self, faults: &[Diagnostic], look: Look) -> String {
        let theme = match look.colour {
            true => GraphicalTheme::unicode(),
            false => GraphicalTheme::unicode_nocolor(),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_width(look.width.unwrap_or(usize::MAX))
            .with_wrap_lines(look.width.is_some());
        let drawn = faults.iter().map(|fault| self.draw_one(fault, &handler));
        drawn.collect::<Vec<_>>().join("\n")
    }

    fn draw_one(&self, fault: &Diagnostic, handler: &GraphicalReportHandler) -> String {
        let mut drawn = String::new();
        let fault = Fault::new(fault, self);
        match handler.render_report(&mut drawn, &fault) {
            Ok(()) => drawn,
            // Not reachable with a string to draw on; the message must not get lost all the same.
            Err(_) => format!("{fault}\n"),
        }
    }

    /// The lines of an instruction, marked, with two lines around them, as BuildKit prints them.
    pub(crate) fn excerpt(&self, span: Span) -> String {
        use fmt::Write as _;
        const AROUND: usize = 2;
        const RULE: &str = "--------------------";
        let (first, _) = self.place(span.start);
        let (last, _) = self.place(span.end.saturating_sub(1).max(span.start));
        let mut text = format!("{}:{first}\n{RULE}\n", self.name);
        let lines = self.text.lines().zip(1..).skip(first.saturating_sub(AROUND + 1));
        for (line, number) in lines.take_while(|(_, number)| *number <= last + AROUND) {
            let mark = if (first..=last).contains(&number) { ">>>" } else { "   " };
            let line = format!("{number:4} | {mark} {}", line.replace('\t', "    "));
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text + RULE + "\n"
    }

    /// Line and column in characters of a byte, from 1.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

/// Replaces what a terminal would act on by something visible of the same length in bytes.
fn printable(text: &str) -> String {
    let replaced = text.chars().map(|c| match c {
        '\n' | '\t' => c,
        c if !is_harmful(c) => c,
        // The end of a line of a file from Windows.
        '\r' => ' ',
        c => match c.len_utf8() {
            1 => '?',
            2 => '\u{b7}',
            _ => '\u{fffd}',
        },
    });
    replaced.collect()
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        // miette counts columns in bytes.
        let start = inner.span().offset();
        let (_, column) = self.place(start);
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            column.saturating_sub(1),
            inner.line_count(),
        )))
    }
}

/// A fault in the form that miette draws.
#[derive(Debug)]
struct Fault<'a> {
    fault: &'a Diagnostic,
    source: &'a Source,
    labels: Vec<LabeledSpan>,
}

impl<'a> Fault<'a> {
    fn new(fault: &'a Diagnostic, source: &'a Source) -> Self {
        let mut labels = vec![LabeledSpan::new_primary_with_span(None, source.fitting(fault.span))];
        labels.extend(fault.labels.iter().map(|(span, text)| {
            LabeledSpan::new_with_span(Some(harmless(text)), source.fitting(*span))
        }));
        Self { fault, source, labels }
    }
}

impl Source {
    /// The span without the line end behind it, inside of the text.
    fn fitting(&self, span: Span) -> SourceSpan {
        let length = self.text.len();
        let end = span.end.min(length);
        // What is missing at the end of the file is missing on its last line, not behind it.
        let last_line = self.text.strip_suffix('\n').map_or(length, str::len);
        let start = if span.start < length { span.start.min(end) } else { last_line };
        let text = self.text.get(start..end).unwrap_or_default();
        (start, text.trim_end_matches(['\n', '\r']).len()).into()
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&harmless(&self.fault.message))
    }
}

impl std::error::Error for Fault<'_> {}

impl miette::Diagnostic for Fault<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.fault.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.fault.severity {
            Severity::Info => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.fault.help.as_deref()?;
        Some(Box::new(Cow::<str>::Owned(harmless(help))))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { colour: false, width: None };

    fn span(text: &str, part: &str) -> Span {
        let start = text.find(part).unwrap();
        Span::new(start, start + part.len())
    }

    #[test]
    fn faults_are_underlined_where_they_are() {
        let text = "FROM busybox\nRUM true\nCOPY --form=a b c\n";
        let faults = [
            Diagnostic::error("unknown-instruction", span(text, "RUM"), "unknown instruction RUM")
                .with_help("did you mean `RUN`?"),
            Diagnostic::error("unknown-flag", span(text, "--form"), "unknown flag --form")
                .with_label(span(text, "FROM busybox"), "in this stage"),
        ];
        let drawn = Source::new("Dockerfile", text).draw(&faults, PLAIN);
        assert_eq!(
            drawn,
            "unknown-instruction

  × unknown instruction RUM
   ╭─[Dockerfile:2:1]
 1 │ FROM busybox
 2 │ RUM true
   · ───
 3 │ COPY --form=a b c
   ╰────
  help: did you mean `RUN`?

unknown-flag

  × unknown flag --form
   ╭─[Dockerfile:3:6]
 1 │ FROM busybox
   · ──────┬─────
   ·       ╰── in this stage
 2 │ RUM true
 3 │ COPY --form=a b c
   ·      ──────
   ╰────
"
        );
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_line_under_the_fault() {
        let text = "RUN\techo 日本 $(bad)\n";
        let fault = Diagnostic::error("x", span(text, "$(bad)"), "wrong");
        let drawn = Source::new("d", text).draw(&[fault], PLAIN);
        let column = |line: usize, what: &str| {
            let line = drawn.lines().nth(line).unwrap();
            crate::text::width(&line[..line.find(what).unwrap()])
        };
        assert!(drawn.contains("[d:1:13]"), "{drawn}");
        assert_eq!(column(4, "$(bad)"), column(5, "──────"), "{drawn}");
    }

    #[test]
    fn files_that_are_odd_are_drawn_as_well() {
        let draw = |text: &str, span: Span| {
            Source::new("d", text).draw(&[Diagnostic::error("x", span, "wrong")], PLAIN)
        };
        for (text, span) in [
            ("", Span::new(0, 0)),
            ("FROM a", Span::new(6, 6)),
            ("FROM a\n", Span::new(7, 7)),
            ("FROM a\r\nRUN b\r\n", Span::new(8, 15)),
            ("FROM a\n", Span::new(90, 100)),
            ("é", Span::new(1, 2)),
            ("FROM \u{1b}[2J\u{9b}2J\n", Span::new(0, 4)),
        ] {
            let drawn = draw(text, span);
            assert!(drawn.contains("[d:"), "{text:?}: {drawn}");
            assert!(!drawn.contains(['\u{1b}', '\u{9b}', '\r']), "{text:?}: {drawn}");
        }
    }

    #[test]
    fn what_is_missing_at_the_end_is_missing_on_the_last_line() {
        let text = "# a\n# b\n";
        let end = Span::new(text.len(), text.len());
        let fault = Diagnostic::error("no-instructions", end, "no instructions");
        let drawn = Source::new("Dockerfile", text).draw(&[fault], PLAIN);
        assert!(drawn.contains("[Dockerfile:2:4]"), "{drawn}");
    }

    #[test]
    fn every_line_of_an_instruction_is_marked() {
        let text = "FROM a\nENV b=c\nRUN x \\\n\ty\nUSER u\nCMD a\nCMD b\n";
        let at = span(text, "RUN x \\\n\ty");
        assert_eq!(
            Source::new("Dockerfile", text).excerpt(at),
            "Dockerfile:3
--------------------
   1 |     FROM a
   2 |     ENV b=c
   3 | >>> RUN x \\
   4 | >>>     y
   5 |     USER u
   6 |     CMD a
--------------------
"
        );
    }
}
