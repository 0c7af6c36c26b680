//! What a build leaves of what its steps wrote, for `lap build logs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapstrake_cache::{Beginning, Entry, Error, LogWriter, Store};
use lapstrake_solver::Event;
use lapstrake_solver::event::{Outcome, Planned};
use lapstrake_solver::graph::VertexId;

use crate::text::short;

/// Keeps the log of a build, from the moment that a step is executed: a build that finds everything
/// writes nothing. Takes events from any thread.
pub(super) struct Recorder<'a> {
    store: &'a Store,
    subject: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    planned: Vec<Planned>,
    numbers: HashMap<VertexId, u32>,
    /// Those that ended before anything was written.
    ended: Vec<Entry>,
    writer: Option<Arc<LogWriter>>,
    /// The step that failed, and the first reason why the log lacks something.
    failed: Option<u32>,
    fault: Option<Error>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(store: &'a Store, subject: &str) -> Self {
        Self { store, subject: subject.to_owned(), known: Mutex::default() }
    }

    /// Writes down what the event says.
    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Planned { vertices } => self.known().plan(vertices),
            Event::Started { .. } => self.begin(),
            Event::Output { vertex, bytes } => self.output(*vertex, bytes),
            Event::Finished { vertex, outcome, elapsed } => self.end(*vertex, *outcome, *elapsed),
            _ => {}
        }
    }

    /// The build is over. What the user can do about a command that failed, a line each, with commands
    /// that begin with `command`.
    pub(super) fn finish(
        self,
        outcome: &str,
        failed: Option<&Beginning>,
        command: &str,
    ) -> Result<String, Error> {
        let mut known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut notes = String::new();
        if let (Some(writer), None) = (&known.writer, &known.fault) {
            if let Some(beginning) = failed {
                writer.note(&Entry::Failed(Box::new(beginning.clone())))?;
                let number = known.failed.map(|number| format!(" {number}")).unwrap_or_default();
                notes = format!(
                    "its whole log:                {command} build logs {}{number}\n\
                     a shell where it had begun:   {command} run -it --step {}\n",
                    writer.id(),
                    short(&beginning.key.to_string()),
                );
            }
            writer.note(&Entry::Over { outcome: outcome.to_owned() })?;
        }
        known.fault.take().map_or(Ok(notes), Err)
    }

    fn begin(&self) {
        let mut known = self.known();
        if known.writer.is_some() || known.fault.is_some() {
            return;
        }
        let begun = self.store.begin_log(&self.subject).and_then(|writer| {
            for (planned, number) in known.planned.iter().zip(1..) {
                writer.note(&Entry::Step { number, name: planned.name.clone() })?;
            }
            known.ended.iter().try_for_each(|entry| writer.note(entry))?;
            Ok(writer)
        });
        match begun {
            Ok(writer) => known.writer = Some(Arc::new(writer)),
            Err(error) => known.fault = Some(error),
        }
    }

    /// Others go on while this is written.
    fn output(&self, vertex: VertexId, bytes: &[u8]) {
        let (writer, number) = {
            let known = self.known();
            let Some(number) = known.numbers.get(&vertex).copied() else { return };
            let Some(writer) = known.writer.clone().filter(|_| known.fault.is_none()) else {
                return;
            };
            (writer, number)
        };
        self.noted(writer.output(number, bytes));
    }

    fn end(&self, vertex: VertexId, outcome: Outcome, elapsed: Duration) {
        let mut known = self.known();
        let Some(number) = known.numbers.get(&vertex).copied() else { return };
        if outcome == Outcome::Failed {
            known.failed = Some(number);
        }
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let entry = Entry::End { number, outcome: word(outcome).to_owned(), milliseconds };
        let Some(writer) = known.writer.clone() else { return known.ended.push(entry) };
        drop(known);
        self.noted(writer.end_output(number).and_then(|()| writer.note(&entry)));
    }

    fn noted(&self, written: Result<(), Error>) {
        if let Err(error) = written {
            self.known().fault.get_or_insert(error);
        }
    }

    /// Nothing panics while it is locked.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn plan(&mut self, vertices: &[Planned]) {
        self.planned = vertices.to_vec();
        self.numbers = vertices.iter().map(|planned| planned.vertex).zip(1..).collect();
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Cached => "cached",
        Outcome::Executed => "done",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
    }
}
