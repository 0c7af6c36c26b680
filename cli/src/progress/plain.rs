//! Progress as lines, for logs and pipes: BuildKit's plain form.
//!
//! One step at a time has the floor. Others are heard when it ends, or when it has been silent for
//! a while, or when they have waited long: so that lines of steps that run at the same time do not
//! mix. Each time a step gets the floor its name is written again.

use std::fmt::Write as _;
use std::time::Duration;

use lapstrake_solver::event::Outcome;

use super::Conclusion;
use super::board::{Board, Change, Step, Update};
use super::{FAINT, RESET};
use crate::text::harmless;

/// A step that has been silent for so long gives the floor away.
const SILENCE: Duration = Duration::from_secs(1);
/// Nobody waits longer than this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two lines that say how far a step is.
const STATUS: Duration = Duration::from_secs(1);

/// What has been written, and what waits.
#[derive(Debug, Default)]
pub(super) struct Plain {
    queues: Vec<Queue>,
    /// The step that is being written about.
    floor: Option<usize>,
    /// When it last had something to say.
    heard: Duration,
}

/// What a step has to say.
#[derive(Debug, Default)]
struct Queue {
    lines: Vec<String>,
    /// Since when something waits, be it only its name.
    waiting: Option<Duration>,
    /// When its status was last written.
    status: Option<Duration>,
    /// Its last line is among `lines` or written.
    ended: bool,
}

impl Plain {
    /// Takes what changed, and says what can be written now.
    pub(super) fn update(&mut self, board: &Board, updates: Vec<Update>, now: Duration) -> String {
        for update in updates {
            self.take(board, update, now);
        }
        self.flush(board, now)
    }

    /// As [`Plain::update`], but nobody who has something to say waits for the floor.
    pub(super) fn update_all(
        &mut self,
        board: &Board,
        updates: Vec<Update>,
        now: Duration,
    ) -> String {
        let mut text = self.update(board, updates, now);
        while self.next().is_some() {
            if let Some(at) = self.floor.take() {
                let _ = writeln!(text, "#{} ...\n", number(board, at));
            }
            text += &self.flush(board, now);
        }
        text
    }

    /// What can be written now.
    pub(super) fn flush(&mut self, board: &Board, now: Duration) -> String {
        let mut text = String::new();
        loop {
            if let Some(at) = self.floor {
                self.speak(at, now, &mut text);
                if !self.gives_way(board, at, now, &mut text) {
                    return text;
                }
                self.floor = None;
            }
            let Some(next) = self.next() else { return text };
            self.floor = Some(next);
            self.heard = now;
            let name = board.steps.get(next).map_or("", |step| step.name.as_str());
            // Writing to a string does not fail.
            let _ = writeln!(text, "#{} {name}", number(board, next));
        }
    }

    /// All that is left, with the ends that had to wait for the end of the build.
    pub(super) fn finish(
        &mut self,
        board: &Board,
        updates: Vec<Update>,
        conclusion: &Conclusion<'_>,
        now: Duration,
    ) -> String {
        for update in updates {
            self.take(board, update, now);
        }
        for (at, step) in board.steps.iter().enumerate() {
            if let (Some(queue), Some((outcome, elapsed))) = (self.queues.get_mut(at), step.end)
                && !queue.ended
            {
                let last = last_lines(step, outcome, elapsed, conclusion);
                queue.lines.extend(last.into_iter().map(|line| format!("#{} {line}", step.number)));
                queue.waiting.get_or_insert(now);
                queue.ended = true;
            }
        }
        self.flush(board, now)
    }

    fn take(&mut self, board: &Board, update: Update, now: Duration) {
        let Some(step) = board.steps.get(update.step) else { return };
        if self.queues.len() <= update.step {
            self.queues.resize_with(update.step + 1, Queue::default);
        }
        let Some(queue) = self.queues.get_mut(update.step) else { return };
        let line = match update.change {
            Change::Began => {
                queue.ended = false;
                None
            }
            Change::Reason(reason) => Some(format!("{FAINT}{reason}{RESET}")),
            Change::Line(since, line) => Some(format!("{:.3} {line}", since.as_secs_f64())),
            Change::Status if !queue.status_is_due(step, now) => return,
            Change::Status => step.status.clone(),
            Change::Layer(line) => Some(line),
            Change::Ended => match step.end {
                Some((Outcome::Failed, _)) | None => return,
                Some(_) if step.exports => return,
                Some((outcome, elapsed)) => {
                    queue.ended = true;
                    Some(end(outcome, elapsed))
                }
            },
        };
        queue.lines.extend(line.map(|line| format!("#{} {line}", step.number)));
        queue.waiting.get_or_insert(now);
    }

    /// Writes what a step has to say.
    fn speak(&mut self, at: usize, now: Duration, text: &mut String) {
        let Some(queue) = self.queues.get_mut(at) else { return };
        if queue.waiting.take().is_some() {
            self.heard = now;
        }
        for line in queue.lines.drain(..) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }

    /// Whether the step gives up the floor; writes the blank line behind it.
    fn gives_way(&self, board: &Board, at: usize, now: Duration, text: &mut String) -> bool {
        if self.queues.get(at).is_none_or(|queue| queue.ended) {
            text.push('\n');
            return true;
        }
        let waiting = self.queues.iter().filter_map(|queue| queue.waiting).min();
        let Some(since) = waiting else { return false };
        let silent = now.saturating_sub(self.heard) >= SILENCE;
        let give_way = silent || now.saturating_sub(since) >= PATIENCE;
        if give_way {
            let _ = writeln!(text, "#{} ...\n", number(board, at));
        }
        give_way
    }

    /// Who has waited the longest.
    fn next(&self) -> Option<usize> {
        let waiting = self.queues.iter().enumerate();
        let waiting = waiting.filter_map(|(at, queue)| Some((queue.waiting?, at)));
        waiting.min().map(|(_, at)| at)
    }
}

impl Queue {
    /// A status that ends the step is always written, others now and then.
    fn status_is_due(&mut self, step: &Step, now: Duration) -> bool {
        let due = self.status.is_none_or(|last| now.saturating_sub(last) >= STATUS);
        if due {
            self.status = Some(now);
        }
        due || step.end.is_some()
    }
}

/// What a step is called by.
fn number(board: &Board, at: usize) -> u32 {
    board.steps.get(at).map_or(0, |step| step.number)
}

fn end(outcome: Outcome, elapsed: Duration) -> String {
    match outcome {
        Outcome::Cached => "CACHED".to_owned(),
        Outcome::Executed => format!("DONE {:.1}s", elapsed.as_secs_f64()),
        Outcome::Cancelled => "CANCELED".to_owned(),
        Outcome::Failed => "ERROR".to_owned(),
    }
}

/// Of a step whose last lines need the build's result.
fn last_lines(
    step: &Step,
    outcome: Outcome,
    elapsed: Duration,
    conclusion: &Conclusion<'_>,
) -> Vec<String> {
    match (outcome, conclusion) {
        (Outcome::Failed, Conclusion::Failed { reason, .. }) => {
            vec![format!("ERROR: {}", harmless(reason).replace('\n', " "))]
        }
        (Outcome::Executed, Conclusion::Built { id, names }) if step.exports => {
            let naming = names.iter().map(|name| format!("naming to {name} done"));
            let first = format!("writing image {id} done");
            std::iter::once(first).chain(naming).chain([end(outcome, elapsed)]).collect()
        }
        _ => vec![end(outcome, elapsed)],
    }
}
