//! Faults for people: drawn by miette under the lines they are in.
//!
//! miette lays out lines, marks and labels. What it gets is prepared here: an excerpt in which
//! columns are true and lines fit, text that is broken between words, marks that do not overlap, and
//! a colour for the fault itself that no other label has.

use std::error::Error;
use std::fmt;
use std::ops::Range;

use lapstrake_parser::{Diagnostic, Severity, Span};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::excerpt::{AROUND, Excerpt};
use super::source::Source;
use super::{Look, wrap};

/// Columns that source lines are cut at where there is no terminal.
const PAGE: usize = 160;

/// The end of an excerpt, as miette draws it.
const END: &str = "╰────";

/// Draws one fault. Ends with a line end.
pub(super) fn draw(source: &Source, fault: &Diagnostic, look: Look) -> String {
    let mut drawn = draw_in(source, fault, look);
    for place in &fault.elsewhere {
        let (source, _) = Source::read(&place.file.name, place.file.text.as_bytes());
        let one = Diagnostic {
            labels: vec![(place.span, place.message.clone())],
            ..Diagnostic::warning(fault.code, place.span, "")
        };
        let excerpt = draw_in(&source, &one, look);
        let lines: Vec<&str> = excerpt.lines().collect();
        let start = lines.iter().position(|line| line.contains("╭─[")).unwrap_or(0);
        // Behind the excerpt of the file itself, in front of the help.
        let end = drawn.rfind(END).and_then(|at| Some(at + drawn.get(at..)?.find('\n')? + 1));
        let lines = lines.iter().skip(start).map(|line| format!("{line}\n"));
        drawn.insert_str(end.unwrap_or(drawn.len()), &lines.collect::<String>());
    }
    drawn
}

/// Draws a fault in a file alone.
fn draw_in(source: &Source, fault: &Diagnostic, look: Look) -> String {
    let fault = Fault::new(source, fault, look);
    let handler = GraphicalReportHandler::new_themed(fault.theme(look))
        .with_links(false)
        .with_context_lines(AROUND)
        .with_width(usize::MAX)
        .with_wrap_lines(false);
    let mut drawn = String::new();
    match handler.render_report(&mut drawn, &fault) {
        Ok(()) => drawn.lines().map(|line| line.trim_end().to_owned() + "\n").collect(),
        // Not reachable with a string to draw on; the message must not get lost all the same.
        Err(_) => format!("{fault}\n"),
    }
}

/// A fault in the form that miette draws.
#[derive(Debug)]
struct Fault<'a> {
    fault: &'a Diagnostic,
    message: String,
    cause: Option<Cause>,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    page: Page<'a>,
}

/// One reason, and the reason for it.
#[derive(Debug)]
struct Cause {
    message: String,
    cause: Option<Box<Self>>,
}

/// The excerpt of a source, for one fault.
#[derive(Debug)]
struct Page<'a> {
    source: &'a Source,
    excerpt: Excerpt,
    /// Places of the excerpt, and where they start in the source.
    origins: Vec<(Range<usize>, usize)>,
}

impl<'a> Fault<'a> {
    fn new(source: &'a Source, fault: &'a Diagnostic, look: Look) -> Self {
        let marks = marks(source, fault);
        let spans: Vec<Span> = marks.iter().map(|mark| mark.span).collect();
        let excerpt = Excerpt::of(source, &spans, source_columns(source, &spans, look));
        let place = |span: &Span| (excerpt.place(source, *span), span.start);
        let origins: Vec<_> = spans.iter().map(place).collect();
        let mut labels: Vec<LabeledSpan> =
            marks.iter().zip(&origins).map(|(mark, (range, _))| mark.label(range)).collect();
        // The order in which miette gives out colours.
        labels.sort_by_key(|label| (label.offset(), !label.primary()));
        let text = |text: &str, indent: usize| match look.width {
            Some(width) => wrap::wrap(&wrap::message(text), width.saturating_sub(indent)),
            None => wrap::message(text),
        };
        let cause = fault.causes.iter().rev().fold(None, |cause, message| {
            Some(Box::new(Cause { message: text(message, 6), cause }))
        });
        Self {
            fault,
            message: text(&fault.message, 4),
            cause: cause.map(|cause| *cause),
            help: fault.help.as_deref().map(|help| text(help, 8)),
            labels,
            page: Page { source, excerpt, origins },
        }
    }

    /// Colours in the order of the labels: the fault's own has that of its severity.
    fn theme(&self, look: Look) -> GraphicalTheme {
        let mut styles = match look.colour {
            true => ThemeStyles::ansi(),
            false => ThemeStyles::none(),
        };
        styles.error = styles.error.bold();
        styles.warning = styles.warning.bold();
        if !look.colour {
            styles = ThemeStyles::none();
        }
        let own = match self.fault.severity {
            Severity::Info => styles.advice,
            Severity::Warning => styles.warning,
            Severity::Error => styles.error,
        };
        let other = styles.advice;
        let style = |label: &LabeledSpan| if label.primary() { own } else { other };
        styles.highlights = self.labels.iter().map(style).collect();
        GraphicalTheme { characters: ThemeCharacters::unicode(), styles }
    }
}

/// How many columns are left for a line of source behind its number.
fn source_columns(source: &Source, spans: &[Span], look: Look) -> usize {
    let last = spans.iter().map(|span| source.line_of(span.end)).max().unwrap_or(0);
    let numbers = (last + 1 + AROUND).to_string().len() + 4;
    let several = spans.iter().any(|span| source.line_of(span.start) != source.line_of(span.end));
    let gutter = if several { 4 } else { 0 };
    look.width.unwrap_or(PAGE).saturating_sub(numbers + gutter).max(20)
}

/// A place to be marked.
#[derive(Debug)]
struct Mark<'a> {
    span: Span,
    text: Option<&'a str>,
    is_primary: bool,
}

impl Mark<'_> {
    fn label(&self, range: &Range<usize>) -> LabeledSpan {
        let text = self.text.map(wrap::message);
        let place = SourceSpan::from((range.start, range.len()));
        match self.is_primary {
            true => LabeledSpan::new_primary_with_span(text, place),
            false => LabeledSpan::new_with_span(text, place),
        }
    }
}

/// What is marked, the fault itself first. A label that says something about the same text is
/// written at the fault; what is left of one that overlaps it is marked beside it.
fn marks<'a>(source: &Source, fault: &'a Diagnostic) -> Vec<Mark<'a>> {
    let own = source.fitting(fault.span);
    let mut marks = vec![Mark { span: own, text: None, is_primary: true }];
    for (span, text) in &fault.labels {
        let span = source.fitting(*span);
        let before = source.trimmed(Span::new(span.start, span.end.min(own.start)));
        let behind = source.trimmed(Span::new(span.start.max(own.end), span.end));
        let apart = [before, behind].into_iter().find(|part| !part.is_empty() && *part != own);
        let free = apart.filter(|part| marks.iter().all(|mark| mark.span != *part));
        match (free, marks.first_mut()) {
            (Some(span), _) => marks.push(Mark { span, text: Some(text), is_primary: false }),
            (None, Some(first)) if first.text.is_none() => first.text = Some(text),
            (None, _) => {}
        }
    }
    marks
}

impl SourceCode for Page<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let range = span.offset()..span.offset() + span.len();
        let (lines, number) = self.excerpt.surroundings(range.clone(), before.max(after));
        let text = self.excerpt.text().get(lines.clone()).ok_or(MietteError::OutOfBounds)?;
        // miette asks for the place of a label in this way.
        let origin = self.origins.iter().find(|(place, _)| *place == range);
        let column = origin.map_or(0, |(_, at)| self.source.position(*at).column - 1);
        Ok(Box::new(MietteSpanContents::new_named(
            self.source.name().to_owned(),
            text.as_bytes(),
            SourceSpan::from((lines.start, lines.len())),
            number,
            column,
            text.lines().count(),
        )))
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Fault<'_> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl miette::Diagnostic for Fault<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("{}[{}]", self.fault.severity.name(), self.fault.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.fault.severity {
            Severity::Info => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn url<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.fault.url.as_ref().map(|url| Box::new(url) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.page)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
