//! How a build goes, drawn from its events.
//!
//! [`Board`] knows the steps; [`plain`] writes lines, [`tty`] paints a live view. Both turn what
//! they know into text and do nothing else, so they are tested without a terminal.

mod board;
mod lines;
mod plain;

#[cfg(test)]
mod tests;
mod tty;

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lapstrake_solver::Event;
use lapstrake_solver::event::ImageProgress;

pub(crate) use lines::shown_lines;

use crate::numbers::Numbers;
use crate::output;
use crate::text::harmless;
use board::Board;
use plain::Plain;
use tty::Tty;

/// Between two pictures of the live view.
const TICK: Duration = Duration::from_millis(100);

/// Begins and ends what matters less.
pub(crate) const FAINT: &str = "\u{1b}[2m";
pub(crate) const RESET: &str = "\u{1b}[0m";

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Tty,
    Quiet,
}

/// How a build ended, as far as it is shown with the progress.
#[derive(Clone, Debug)]
pub(crate) enum Conclusion<'a> {
    /// The image's id and names.
    Built { id: String, names: &'a [String] },
    /// It is done; there is nothing more to say.
    Done,
    /// What its failed step is said to have failed of, and the image when it was one.
    Failed { reason: &'a str, image: Option<&'a str> },
}

impl Conclusion<'_> {
    fn image(&self) -> Option<&str> {
        match self {
            Self::Failed { image, .. } => *image,
            Self::Built { .. } | Self::Done => None,
        }
    }
}

/// What progress is shown of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Activity {
    #[default]
    Build,
    Pull,
    Push,
}

impl Activity {
    /// At the head of the live view.
    fn title(self) -> &'static str {
        match self {
            Self::Build => "Building",
            Self::Pull => "Pulling",
            Self::Push => "Pushing",
        }
    }

    /// The step that an image is.
    fn step(self, image: &str) -> String {
        match self {
            Self::Build => format!("[internal] load image {image}"),
            Self::Pull => format!("pulling {image}"),
            Self::Push => format!("pushing {image}"),
        }
    }
}

/// Shows progress until it is dropped or finished.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    numbers: Arc<Numbers>,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

struct Shared {
    view: Mutex<View>,
    begin: Instant,
}

enum View {
    Plain(Board, Plain),
    Tty(Board, Tty),
    Quiet,
}

impl Progress {
    /// Begins to show progress.
    pub(crate) fn new(mode: Mode, activity: Activity) -> Self {
        let numbers = Arc::<Numbers>::default();
        let board = Board::new(activity, Arc::clone(&numbers));
        let view = match mode {
            Mode::Plain => View::Plain(board, Plain::default()),
            Mode::Tty => {
                View::Tty(board, Tty::new(activity.title(), output::stderr_takes_colour()))
            }
            Mode::Quiet => View::Quiet,
        };
        let shared = Arc::new(Shared { view: Mutex::new(view), begin: Instant::now() });
        let ticker = (mode != Mode::Quiet).then(|| tick(Arc::clone(&shared)));
        Self { shared, numbers, ticker }
    }

    /// The numbers that steps are shown with.
    pub(crate) fn numbers(&self) -> Arc<Numbers> {
        Arc::clone(&self.numbers)
    }

    /// Takes an event, from any thread.
    pub(crate) fn event(&self, event: Event) {
        let now = self.shared.begin.elapsed();
        match (&mut *self.shared.view(), event) {
            (View::Plain(..), Event::Warning { message } | Event::Lost { message }) => {
                output::stderr(&warning(&message));
            }
            (View::Plain(board, plain), event) => {
                let updates = board.apply(event, now);
                output::stderr(&plain.update(board, updates, now));
            }
            (View::Tty(_, tty), Event::Warning { message } | Event::Lost { message }) => {
                tty.warn(&message);
            }
            (View::Tty(board, _), event) => {
                board.apply(event, now);
            }
            // What a Dockerfile is warned of can be read at any time; this is known now or never.
            (View::Quiet, Event::Lost { message }) => output::stderr(&warning(&message)),
            (View::Quiet, _) => {}
        }
    }

    /// Takes progress of an image that no build is about.
    pub(crate) fn image(&self, name: &str, progress: ImageProgress) {
        self.event(Event::Image { name: name.to_owned(), progress });
    }

    /// Shows how things are and nothing more until `interlude` ends, which has the terminal to itself.
    /// Whoever has an event waits. `log` is what of a step's output has to be seen before.
    pub(crate) fn pause(&self, log: &[u8], interlude: impl FnOnce()) {
        let now = self.shared.begin.elapsed();
        let mut view = self.shared.view();
        match &mut *view {
            View::Plain(board, plain) => {
                let updates = board.flush(now);
                output::stderr(&plain.update_all(board, updates, now));
            }
            View::Tty(board, tty) => {
                board.flush(now);
                output::paint(&tty.leave(board, output::stderr_size(), now));
            }
            View::Quiet => {
                let lines = shown_lines(log).into_iter().map(|line| line + "\n");
                output::stderr(&lines.collect::<String>());
            }
        }
        interlude();
    }

    /// Shows the end and stops.
    pub(crate) fn finish(mut self, conclusion: &Conclusion<'_>) {
        self.stop();
        let now = self.shared.begin.elapsed();
        match &mut *self.shared.view() {
            View::Plain(board, plain) => {
                let updates = board.conclude(conclusion.image(), now);
                output::stderr(&plain.finish(board, updates, conclusion, now));
            }
            View::Tty(board, tty) => {
                board.conclude(conclusion.image(), now);
                output::paint(&tty.finish(board, conclusion, output::stderr_size(), now));
            }
            View::Quiet => {}
        }
    }

    fn stop(&mut self) {
        if let Some((stop, ticker)) = self.ticker.take() {
            drop(stop);
            // It only paints; when it panicked, its picture is all that is lost.
            drop(ticker.join());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// A thread that panicked while painting leaves a view that can still be painted.
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let now = self.begin.elapsed();
        match &mut *self.view() {
            View::Plain(board, plain) => output::stderr(&plain.flush(board, now)),
            View::Tty(board, tty) => output::paint(&tty.paint(board, output::stderr_size(), now)),
            View::Quiet => {}
        }
    }
}

/// A warning of the build.
fn warning(message: &str) -> String {
    format!("warning: {}\n", harmless(message))
}

/// Repaints until the sender is dropped.
fn tick(shared: Arc<Shared>) -> (Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = mpsc::channel();
    let ticker = std::thread::spawn(move || {
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            shared.tick();
        }
    });
    (stop, ticker)
}
