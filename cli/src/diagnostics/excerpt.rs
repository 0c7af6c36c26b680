//! The lines of a Dockerfile that are drawn for one fault.
//!
//! They are a text of their own, in which each character takes the columns that it is counted for
//! ([`glyph`](super::glyph)) and lines too long for the terminal are cut around the fault. Places
//! of the source are translated:
//!
//! ```text
//! source   RUN⇥echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa $(bad) …
//! excerpt  …aaaaaaaaaaaa $(bad) aaaaaaaaaaa…
//! ```

use std::ops::Range;

use lapstrake_parser::Span;

use super::glyph::Glyph;
use super::source::Source;

/// Lines shown above and below the one at fault.
pub(super) const AROUND: usize = 1;

/// Most lines of one span that are shown; of a longer one the first.
const MOST_LINES: usize = 12;

/// Stands for what is cut off.
const CUT: char = '…';

/// Columns in front of a fault that stay when its line is cut and the fault fills it.
const LEAD: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Excerpt {
    text: String,
    /// In file order.
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    /// Where it starts in the excerpt.
    start: usize,
    /// Its number in the source, from 0.
    number: usize,
    /// Characters that are shown, in order: where each starts in the source, and in the excerpt.
    /// The last entry is the end of the line.
    points: Vec<Point>,
    /// Whether its end is cut off.
    is_cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    source: usize,
    shown: usize,
}

impl Excerpt {
    /// The lines of `spans`, which fit the source, with those around them, cut to `columns`. A line
    /// with several spans is cut around the one that comes first in the list.
    pub(super) fn of(source: &Source, spans: &[Span], columns: usize) -> Self {
        let mut numbers: Vec<usize> = spans
            .iter()
            .flat_map(|span| {
                let (first, last) = span_lines(source, *span);
                first.saturating_sub(AROUND)..=last + AROUND
            })
            .filter(|number| *number < source.lines().max(1))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut excerpt = Self { text: String::new(), lines: Vec::new() };
        for number in numbers {
            let on_line = |span: &&Span| source.line_of(span.start) == number;
            excerpt.push(source, number, spans.iter().find(on_line).copied(), columns);
        }
        excerpt
    }

    /// Its text; each line ends with `\n`.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where a span of the source, one of those it was made for, is in the excerpt.
    pub(super) fn place(&self, source: &Source, span: Span) -> Range<usize> {
        let (first, last) = span_lines(source, span);
        let start = self.shown(first, span.start, false);
        let end = match source.line_of(span.end) > last {
            true => self.shown(last, usize::MAX, true),
            false => self.shown(last, span.end, true),
        };
        start..end.max(start)
    }

    /// The lines that `range` of the excerpt touches and `around` more on both sides, as far as they
    /// follow each other in the source: where they are, and the number of the first, from 0.
    pub(super) fn surroundings(&self, range: Range<usize>, around: usize) -> (Range<usize>, usize) {
        let mut first = self.line_at(range.start);
        let mut last = self.line_at(range.end.saturating_sub(1).max(range.start));
        for _ in 0..around {
            first -= usize::from(first > 0 && self.follows(first));
            last += usize::from(self.follows(last + 1));
        }
        let start = self.lines.get(first).map_or(0, |line| line.start);
        let end = self.lines.get(last + 1).map_or(self.text.len(), |line| line.start);
        (start..end, self.lines.get(first).map_or(0, |line| line.number))
    }

    /// Whether the line is the one behind its predecessor in the source, too.
    fn follows(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.lines.get(before));
        before
            .zip(self.lines.get(at))
            .is_some_and(|(before, line)| before.number + 1 == line.number)
    }

    fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.start <= offset).saturating_sub(1)
    }

    /// Where a place on a line is shown. What is cut off is shown as its mark: a span that starts or
    /// ends there starts or ends with it.
    fn shown(&self, number: usize, source: usize, is_end: bool) -> usize {
        let found = self.lines.binary_search_by_key(&number, |line| line.number);
        let Some(line) = found.ok().and_then(|at| self.lines.get(at)) else { return 0 };
        let next = line.points.partition_point(|point| point.source < source);
        let end = line.points.last().map_or(line.start, |last| last.shown);
        match line.points.get(next) {
            // In front of what is shown.
            Some(point) if next == 0 && point.source > source && !is_end => line.start,
            // Behind it.
            _ if next + 1 >= line.points.len() && line.is_cut && !is_end => end - CUT.len_utf8(),
            Some(point) => point.shown,
            None => end,
        }
    }

    fn push(&mut self, source: &Source, number: usize, focus: Option<Span>, columns: usize) {
        let start = source.line_start(number);
        let text = source.line(number);
        let cells = cells(text, start);
        let width = cells.last().map_or(0, |cell| cell.end());
        let window = match focus {
            _ if width <= columns => 0..width,
            Some(span) => window(&columns_of(&cells, span), width, columns),
            None => 0..columns.saturating_sub(1),
        };
        let is_cut = window.end < width;
        let mut line = Line { start: self.text.len(), number, points: Vec::new(), is_cut };
        if window.start > 0 {
            self.text.push(CUT);
        }
        let is_shown = |cell: &&Cell| {
            let on_edge =
                cell.glyph.width() == 0 && cell.column == window.start && window.start > 0;
            cell.column >= window.start && cell.end() <= window.end && !on_edge
        };
        for cell in cells.iter().filter(is_shown) {
            line.points.push(Point { source: cell.source, shown: self.text.len() });
            self.text.extend(std::iter::repeat_n(cell.glyph.shown, cell.glyph.times));
        }
        line.points.push(Point { source: start + text.len(), shown: self.text.len() });
        if is_cut {
            // A span that goes on behind the cut ends behind its mark.
            self.text.push(CUT);
            if let Some(last) = line.points.last_mut() {
                last.shown = self.text.len();
            }
        }
        self.text.push('\n');
        self.lines.push(line);
    }
}

/// The first line of a span, and the last one that is shown, from 0.
fn span_lines(source: &Source, span: Span) -> (usize, usize) {
    let first = source.line_of(span.start);
    let last = source.line_of(span.end.saturating_sub(1).max(span.start));
    (first, last.min(first + MOST_LINES - 1))
}

/// A character of a line.
#[derive(Debug)]
struct Cell {
    /// Its offset in the source.
    source: usize,
    glyph: Glyph,
    /// The column that it starts at, from 0.
    column: usize,
}

impl Cell {
    fn end(&self) -> usize {
        self.column + self.glyph.width()
    }
}

fn cells(text: &str, start: usize) -> Vec<Cell> {
    let mut column = 0;
    let cells = text.char_indices().map(|(at, c)| {
        let cell = Cell { source: start + at, glyph: Glyph::of(c, column), column };
        column = cell.end();
        cell
    });
    cells.collect()
}

fn columns_of(cells: &[Cell], span: Span) -> Range<usize> {
    let column = |offset: usize| {
        let at = cells.partition_point(|cell| cell.source < offset);
        cells.get(at).map(|cell| cell.column).or(cells.last().map(Cell::end)).unwrap_or(0)
    };
    let start = column(span.start);
    start..column(span.end).max(start)
}

/// The columns of a line of `width` that are shown in `columns`, which is less: with `focus` in the
/// middle where there is room, without the columns of the marks.
fn window(focus: &Range<usize>, width: usize, columns: usize) -> Range<usize> {
    let room = columns.saturating_sub(2);
    let free = room.saturating_sub(focus.len());
    let lead = if free == 0 { LEAD.min(room / 2) } else { free / 2 };
    let start = focus.start.saturating_sub(lead);
    // At an end of the line there is no mark, so one more column.
    if start <= 1 {
        return 0..columns.saturating_sub(1);
    }
    if start + room + 1 >= width {
        return (width + 1).saturating_sub(columns)..width;
    }
    start..start + room
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::width;

    fn excerpt(text: &str, part: &str, columns: usize) -> (String, String) {
        let (source, _) = Source::read("d", text.as_bytes());
        let start = text.find(part).unwrap();
        let span = Span::new(start, start + part.len());
        let excerpt = Excerpt::of(&source, &[span], columns);
        let place = excerpt.place(&source, span);
        (excerpt.text().to_owned(), excerpt.text()[place].to_owned())
    }

    #[test]
    fn only_lines_around_the_fault_are_shown() {
        let (text, place) = excerpt("a\nb\nRUN\tx\nc\nd\n", "x", 80);
        assert_eq!((text.as_str(), place.as_str()), ("b\nRUN x\nc\n", "x"));
    }

    #[test]
    fn long_lines_are_cut_around_the_fault() {
        let line = |before: usize, after: usize| {
            format!("{}(bad){}\n", "0123456789".repeat(before), "9876543210".repeat(after))
        };
        for (before, after, shown) in [
            (1, 1, "0123456789(bad)9876543210"),
            (0, 9, "(bad)9876543210987654321098…"),
            (9, 0, "…8901234567890123456789(bad)"),
            (9, 9, "…0123456789(bad)98765432109…"),
        ] {
            let (text, place) = excerpt(&line(before, after), "(bad)", 28);
            assert_eq!((text.trim_end(), place.as_str()), (shown, "(bad)"));
        }
    }

    #[test]
    fn a_fault_longer_than_the_line_shows_its_start() {
        let (text, place) = excerpt(&format!("RUN {}\n", "x".repeat(500)), &"x".repeat(500), 40);
        assert_eq!(width(text.trim_end()), 40);
        assert!(text.starts_with("RUN xxx"), "{text}");
        assert!(place.ends_with('…') && place.starts_with('x'), "{place}");
    }

    #[test]
    fn wide_characters_are_not_cut_in_halves() {
        let text = format!("{}(bad){}\n", "日".repeat(50), "本".repeat(50));
        for columns in 20..40 {
            let (shown, place) = excerpt(&text, "(bad)", columns);
            assert!(width(shown.trim_end()) <= columns, "{columns}: {shown}");
            assert_eq!(place, "(bad)");
        }
    }

    #[test]
    fn lines_that_do_not_follow_each_other_are_kept_apart() {
        let text = "a\nb\nc\nd\ne\nf\ng\n";
        let (source, _) = Source::read("d", text.as_bytes());
        let spans = [Span::new(12, 13), Span::new(0, 1)];
        let excerpt = Excerpt::of(&source, &spans, 80);
        assert_eq!(excerpt.text(), "a\nb\nf\ng\n");
        let first = excerpt.place(&source, spans[1]);
        assert_eq!(excerpt.surroundings(first, AROUND), (0..4, 0));
        let second = excerpt.place(&source, spans[0]);
        assert_eq!(excerpt.surroundings(second, AROUND), (4..8, 5));
    }

    #[test]
    fn of_a_long_span_the_first_lines_are_shown() {
        let text = "RUN x\n".repeat(100);
        let (source, _) = Source::read("d", text.as_bytes());
        let span = Span::new(0, text.len());
        let excerpt = Excerpt::of(&source, &[span], 80);
        assert_eq!(excerpt.text().lines().count(), MOST_LINES + AROUND);
        assert_eq!(excerpt.place(&source, span), 0..MOST_LINES * 6 - 1);
    }
}
