//! Progress as a picture that is painted again and again in the same place.
//!
//! Nothing of the terminal's state is changed, so there is nothing to restore: each picture begins
//! where the last one began, and the cursor rests on the line behind it.

use std::fmt::Write as _;
use std::time::Duration;

use lapstrake_solver::event::Outcome;

use super::board::{Board, Step};
use super::{Conclusion, FAINT, RESET};
use crate::text::{clip, harmless, width};

/// Layers on their way that are shown of one image.
const LAYERS: usize = 6;

const BLUE: &str = "\u{1b}[34m";
const RED: &str = "\u{1b}[31m";
const YELLOW: &str = "\u{1b}[33m";

/// What is on the terminal now.
#[derive(Debug)]
pub(super) struct Tty {
    title: &'static str,
    colour: bool,
    /// The width of each line that was painted.
    painted: Vec<usize>,
    /// Written below the last picture.
    warnings: String,
}

/// A line of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    text: String,
    /// Stands at the right edge.
    time: Option<Duration>,
    style: &'static str,
    kind: Kind,
}

/// What a row is about: what goes first when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ended,
    Running,
    Log,
}

impl Tty {
    pub(super) fn new(title: &'static str, colour: bool) -> Self {
        Self { title, colour, painted: Vec::new(), warnings: String::new() }
    }

    /// Keeps a warning for the end, where it stays to be read.
    pub(super) fn warn(&mut self, message: &str) {
        self.warnings += &super::warning(message);
    }

    /// What to write so that the terminal shows the board as it is now. Size: height, width.
    pub(super) fn paint(&mut self, board: &Board, size: (usize, usize), now: Duration) -> String {
        if board.steps.is_empty() {
            return String::new();
        }
        let rows = fitted(rows(board, now), size.0.saturating_sub(2));
        let header = self.header(board, now, "");
        self.repaint(&header, &rows, &[], size.1)
    }

    /// As [`Tty::paint`], and the picture stays: the next one begins below what is written meanwhile.
    pub(super) fn leave(&mut self, board: &Board, size: (usize, usize), now: Duration) -> String {
        let picture = self.paint(board, size, now);
        self.painted.clear();
        picture
    }

    /// The last picture, with everything there is to say.
    pub(super) fn finish(
        &mut self,
        board: &Board,
        conclusion: &Conclusion<'_>,
        size: (usize, usize),
        now: Duration,
    ) -> String {
        let (word, notes) = match conclusion {
            Conclusion::Built { id, names } => {
                let naming =
                    names.iter().map(|name| format!(" => => naming to {}", harmless(name)));
                let id = format!(" => => writing image {id}");
                ("FINISHED", std::iter::once(id).chain(naming).collect())
            }
            Conclusion::Done => ("FINISHED", Vec::new()),
            Conclusion::Failed { .. } => ("FAILED", Vec::new()),
        };
        if board.steps.is_empty() {
            return self.warnings.clone();
        }
        let header = self.header(board, now, word);
        self.repaint(&header, &rows(board, now), &notes, size.1) + &self.warnings
    }

    fn repaint(&mut self, header: &str, rows: &[Row], notes: &[String], width: usize) -> String {
        let mut text = self.back(width);
        self.painted.clear();
        // The last column stays free: some terminals wrap as soon as it is written to.
        let room = width.saturating_sub(1);
        self.line(&mut text, &clip(header, room), "");
        for row in rows {
            self.line(&mut text, &row.laid_out(room), row.style);
        }
        for note in notes {
            self.line(&mut text, &clip(note, room), "");
        }
        text.push_str("\u{1b}[J");
        text
    }

    fn header(&self, board: &Board, now: Duration, word: &str) -> String {
        let (ended, total) = board.count();
        let (title, now) = (self.title, now.as_secs_f64());
        let header = format!("[+] {title} {now:.1}s ({ended}/{total}) {word}");
        header.trim_end().to_owned()
    }

    /// Moves to the beginning of the last picture, which may have been wrapped since.
    fn back(&self, width: usize) -> String {
        let lines = self.painted.iter().map(|painted| painted.div_ceil(width.max(1)).max(1));
        match lines.sum::<usize>() {
            0 => String::new(),
            up => format!("\r\u{1b}[{up}A"),
        }
    }

    fn line(&mut self, text: &mut String, line: &str, style: &str) {
        self.painted.push(width(line));
        // Writing to a string does not fail.
        let _ = match self.colour && !style.is_empty() {
            true => writeln!(text, "{style}{line}{RESET}\u{1b}[K"),
            false => writeln!(text, "{line}\u{1b}[K"),
        };
    }
}

/// Every step that began, with the last lines of those that run. Cached steps that follow each
/// other are one row.
fn rows(board: &Board, now: Duration) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut cached: Vec<&Step> = Vec::new();
    for step in &board.steps {
        if matches!(step.end, Some((Outcome::Cached, _))) {
            cached.push(step);
            continue;
        }
        rows.extend(cached_row(&std::mem::take(&mut cached)));
        rows.push(step_row(step, now));
        if step.end.is_none() {
            let layers = step.layers.iter().filter(|layer| layer.is_moving);
            let layers = layers.take(LAYERS).map(|layer| &layer.line);
            rows.extend(step.tail.iter().chain(layers).map(|line| Row {
                text: format!(" => => # {line}"),
                time: None,
                style: FAINT,
                kind: Kind::Log,
            }));
        }
    }
    rows.extend(cached_row(&cached));
    rows
}

fn step_row(step: &Step, now: Duration) -> Row {
    let (word, style, kind) = match step.end {
        None => ("", "", Kind::Running),
        Some((Outcome::Failed, _)) => ("ERROR ", RED, Kind::Ended),
        Some((Outcome::Cancelled, _)) => ("CANCELED ", YELLOW, Kind::Ended),
        Some((Outcome::Executed | Outcome::Cached, _)) => ("", BLUE, Kind::Ended),
    };
    let elapsed = step.end.map_or(now.saturating_sub(step.began), |(_, elapsed)| elapsed);
    let status = match (&step.status, step.end) {
        (Some(status), None) => format!("  {status}"),
        _ => String::new(),
    };
    Row { text: format!(" => {word}{}{status}", step.name), time: Some(elapsed), style, kind }
}

fn cached_row(steps: &[&Step]) -> Option<Row> {
    let last = steps.last()?;
    let many = match steps.len() {
        1 => String::new(),
        many => format!("{many} steps, the last: "),
    };
    let text = format!(" => CACHED {many}{}", last.name);
    Some(Row { text, time: Some(Duration::ZERO), style: BLUE, kind: Kind::Ended })
}

/// Leaves out what has ended, oldest first, then lines of logs, then running steps, until the rest
/// fits.
fn fitted(mut rows: Vec<Row>, room: usize) -> Vec<Row> {
    for kind in [Kind::Ended, Kind::Log, Kind::Running] {
        let mut surplus = rows.len().saturating_sub(room);
        rows.retain(|row| {
            let goes = row.kind == kind && surplus > 0;
            surplus -= usize::from(goes);
            !goes
        });
    }
    rows
}

impl Row {
    fn laid_out(&self, room: usize) -> String {
        let Some(time) = self.time else { return clip(&self.text, room) };
        let time = format!("{:.1}s", time.as_secs_f64());
        let left = room.saturating_sub(time.len() + 1);
        let text = clip(&self.text, left);
        let gap = " ".repeat(left.saturating_sub(width(&text)));
        clip(&format!("{text}{gap} {time}"), room)
    }
}
