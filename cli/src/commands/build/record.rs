//! What a build leaves of what its steps wrote, for `lap build logs`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapstrake_cache::{Beginning, Entry, Error, LogWriter, Store};
use lapstrake_solver::Event;
use lapstrake_solver::event::{Outcome, Planned};
use lapstrake_solver::graph::VertexId;

use crate::numbers::{Key, Numbers};
use crate::text::short;

/// Keeps the log of a build, from the moment that a step is executed: a build that finds everything
/// writes nothing. Takes events from any thread.
pub(super) struct Recorder<'a> {
    store: &'a Store,
    subject: String,
    /// Those of whoever shows the steps.
    numbers: Arc<Numbers>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Each with its place.
    planned: HashMap<VertexId, u32>,
    begun: HashSet<VertexId>,
    /// What there is to write down before there is a log.
    entries: Vec<Entry>,
    writer: Option<Arc<LogWriter>>,
    /// The step that failed, and the first reason why the log lacks something.
    failed: Option<u32>,
    fault: Option<Error>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(store: &'a Store, subject: &str, numbers: Arc<Numbers>) -> Self {
        Self { store, subject: subject.to_owned(), numbers, known: Mutex::default() }
    }

    /// Writes down what the event says.
    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Planned { vertices } => self.known().plan(vertices),
            Event::Waiting { vertex, .. } => self.begin(*vertex),
            Event::Started { vertex } => {
                self.begin_log();
                self.begin(*vertex);
            }
            Event::Output { vertex, bytes } => self.output(*vertex, bytes),
            Event::Finished { vertex, outcome, elapsed } => {
                self.begin(*vertex);
                self.end(*vertex, *outcome, *elapsed);
            }
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

    fn begin_log(&self) {
        let mut known = self.known();
        if known.writer.is_some() || known.fault.is_some() {
            return;
        }
        let begun = self.store.begin_log(&self.subject).and_then(|writer| {
            known.entries.iter().try_for_each(|entry| writer.note(entry))?;
            Ok(writer)
        });
        known.entries.clear();
        match begun {
            Ok(writer) => known.writer = Some(Arc::new(writer)),
            Err(error) => known.fault = Some(error),
        }
    }

    /// A step that is heard of for the first time gets its number.
    fn begin(&self, vertex: VertexId) {
        let mut known = self.known();
        let Some(place) = known.planned.get(&vertex).copied() else { return };
        if known.begun.insert(vertex) {
            let number = self.numbers.of(&Key::Vertex(vertex));
            known.note(Entry::Begun { place, number });
        }
    }

    /// Others go on while this is written.
    fn output(&self, vertex: VertexId, bytes: &[u8]) {
        let writer = {
            let known = self.known();
            if !known.planned.contains_key(&vertex) || known.fault.is_some() {
                return;
            }
            let Some(writer) = known.writer.clone() else { return };
            writer
        };
        self.noted(writer.output(self.numbers.of(&Key::Vertex(vertex)), bytes));
    }

    fn end(&self, vertex: VertexId, outcome: Outcome, elapsed: Duration) {
        let mut known = self.known();
        if !known.planned.contains_key(&vertex) {
            return;
        }
        let number = self.numbers.of(&Key::Vertex(vertex));
        if outcome == Outcome::Failed {
            known.failed = Some(number);
        }
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let entry = Entry::End { number, outcome: word(outcome).to_owned(), milliseconds };
        let Some(writer) = known.writer.clone() else { return known.note(entry) };
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
        for (planned, place) in vertices.iter().zip(1..) {
            self.planned.insert(planned.vertex, place);
            self.note(Entry::Step { place, name: planned.name.clone() });
        }
    }

    /// Writes it down, or later, when there is a log.
    fn note(&mut self, entry: Entry) {
        match &self.writer {
            _ if self.fault.is_some() => {}
            Some(writer) => self.fault = writer.note(&entry).err(),
            None => self.entries.push(entry),
        }
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
