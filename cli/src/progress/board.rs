//! What is known of the steps of a build.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lapstrake_solver::Event;
use lapstrake_solver::event::{ImageProgress, LayerState, Outcome, Wait};
use lapstrake_solver::graph::VertexId;

use super::Activity;
use super::lines::Lines;
use crate::human::size;
use crate::numbers::{Key, Numbers};
use crate::text::{harmless, one_line};

/// How many of a step's last lines are kept.
const TAIL: usize = 6;

/// The steps in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Board {
    activity: Activity,
    pub(super) steps: Vec<Step>,
    index: HashMap<Key, usize>,
    /// Names of steps that may still begin.
    planned: HashMap<VertexId, String>,
    numbers: Arc<Numbers>,
    total: usize,
}

/// Something that takes time.
#[derive(Debug)]
pub(super) struct Step {
    /// What it is called by.
    pub(super) number: u32,
    /// On one line.
    pub(super) name: String,
    /// Since the beginning of the build.
    pub(super) began: Duration,
    /// How it ended and how long it took.
    pub(super) end: Option<(Outcome, Duration)>,
    /// Its last lines, oldest first.
    pub(super) tail: VecDeque<String>,
    /// How far it is.
    pub(super) status: Option<String>,
    /// How far its layers are, in the order in which they began.
    pub(super) layers: Vec<Layer>,
    /// Whether it writes the image: its end is shown together with the image's id.
    pub(super) exports: bool,
    lines: Lines,
}

/// A layer of an image on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    digest: String,
    /// What is said of it: its short digest and how far it is.
    pub(super) line: String,
    pub(super) is_moving: bool,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Update {
    /// Index into [`Board::steps`].
    pub(super) step: usize,
    pub(super) change: Change,
}

/// See [`Update`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Began,
    /// It wrote a line, this long after it began.
    Line(Duration, String),
    /// Why it is executed, or what it waits for.
    Reason(String),
    /// See [`Step::status`].
    Status,
    /// A layer is there: see [`Layer::line`].
    Layer(String),
    Ended,
}

impl Board {
    pub(super) fn new(activity: Activity, numbers: Arc<Numbers>) -> Self {
        Self { activity, numbers, ..Self::default() }
    }

    /// Takes an event at `now`, counted from the beginning of the build.
    pub(super) fn apply(&mut self, event: Event, now: Duration) -> Vec<Update> {
        let mut updates = Vec::new();
        match event {
            Event::Planned { vertices } => {
                self.total += vertices.len();
                let names = vertices.into_iter().map(|planned| (planned.vertex, planned.name));
                self.planned.extend(names);
            }
            Event::Started { vertex } => {
                let step = self.begin(Key::Vertex(vertex), now, &mut updates);
                self.steps.get_mut(step).into_iter().for_each(|step| step.status = None);
                self.reopen(step, &mut updates);
            }
            Event::Missed { vertex, reason } => {
                let step = self.begin(Key::Vertex(vertex), now, &mut updates);
                let reason = harmless(&one_line(&reason.to_string()));
                updates.push(Update { step, change: Change::Reason(reason) });
            }
            Event::Waiting { vertex, wait } => {
                let at = self.begin(Key::Vertex(vertex), now, &mut updates);
                let text = harmless(&one_line(&waiting(&wait)));
                self.steps
                    .get_mut(at)
                    .into_iter()
                    .for_each(|step| step.status = Some(text.clone()));
                updates.push(Update { step: at, change: Change::Reason(text) });
            }
            Event::Output { vertex, bytes } => {
                let step = self.begin(Key::Vertex(vertex), now, &mut updates);
                self.output(step, &bytes, now, &mut updates);
            }
            Event::Finished { vertex, outcome, elapsed } => {
                let step = self.begin(Key::Vertex(vertex), now, &mut updates);
                self.end(step, (outcome, elapsed), now, &mut updates);
            }
            Event::Image { name, progress } => self.image(name, progress, now, &mut updates),
            Event::Arriving { cache, done, total, is_over } => {
                let at = self.begin(Key::Cache(cache), now, &mut updates);
                let Some(step) = self.steps.get_mut(at) else { return updates };
                let elapsed = now.saturating_sub(step.began);
                step.status = Some(format!("{} / {}", size(done), size(total)));
                updates.push(Update { step: at, change: Change::Status });
                if is_over {
                    self.end(at, (Outcome::Executed, elapsed), now, &mut updates);
                }
            }
            Event::Exporting => {
                self.begin(Key::Export, now, &mut updates);
            }
            Event::Exported { elapsed } => {
                let step = self.begin(Key::Export, now, &mut updates);
                self.end(step, (Outcome::Executed, elapsed), now, &mut updates);
            }
            Event::Written { .. } | Event::Lost { .. } | Event::Warning { .. } => {}
        }
        updates
    }

    /// Takes what steps wrote behind their last line end for lines.
    pub(super) fn flush(&mut self, now: Duration) -> Vec<Update> {
        let mut updates = Vec::new();
        for (at, step) in self.steps.iter_mut().enumerate() {
            let rest = step.lines.finish();
            step.add(at, rest, now, &mut updates);
        }
        updates
    }

    /// Ends what has not ended: the build is over, perhaps because of this image.
    pub(super) fn conclude(&mut self, image: Option<&str>, now: Duration) -> Vec<Update> {
        let failed = image.and_then(|image| self.index.get(&Key::Image(image.to_owned()))).copied();
        let mut updates = Vec::new();
        for step in 0..self.steps.len() {
            let began = self.steps.get(step).map_or(now, |step| step.began);
            let elapsed = now.saturating_sub(began);
            let outcome = if failed == Some(step) { Outcome::Failed } else { Outcome::Cancelled };
            self.end(step, (outcome, elapsed), now, &mut updates);
        }
        updates
    }

    /// How many steps ended, and how many there are.
    pub(super) fn count(&self) -> (usize, usize) {
        let ended = self.steps.iter().filter(|step| step.end.is_some()).count();
        (ended, self.total.max(self.steps.len()))
    }

    /// The step of `key`, begun now if it is new.
    fn begin(&mut self, key: Key, now: Duration, updates: &mut Vec<Update>) -> usize {
        if let Some(step) = self.index.get(&key) {
            return *step;
        }
        let name = match &key {
            Key::Vertex(vertex) => self.planned.remove(vertex).unwrap_or_default(),
            Key::Image(name) => self.activity.step(name),
            Key::Cache(name) => format!("[internal] load layers of the cache {name}"),
            Key::Export => "exporting to image".to_owned(),
        };
        if !matches!(key, Key::Vertex(_)) {
            self.total += 1;
        }
        let step = self.steps.len();
        self.steps.push(Step {
            number: self.numbers.of(&key),
            name: harmless(&one_line(&name)),
            began: now,
            end: None,
            tail: VecDeque::new(),
            status: None,
            layers: Vec::new(),
            exports: key == Key::Export,
            lines: Lines::default(),
        });
        self.index.insert(key, step);
        updates.push(Update { step, change: Change::Began });
        step
    }

    /// A step that was thought to be cached is executed after all.
    fn reopen(&mut self, at: usize, updates: &mut Vec<Update>) {
        if let Some(step) = self.steps.get_mut(at)
            && step.end.take().is_some()
        {
            updates.push(Update { step: at, change: Change::Began });
        }
    }

    fn output(&mut self, at: usize, bytes: &[u8], now: Duration, updates: &mut Vec<Update>) {
        let Some(step) = self.steps.get_mut(at) else { return };
        let lines = step.lines.push(bytes);
        step.add(at, lines, now, updates);
    }

    fn end(
        &mut self,
        at: usize,
        end: (Outcome, Duration),
        now: Duration,
        updates: &mut Vec<Update>,
    ) {
        let Some(step) = self.steps.get_mut(at).filter(|step| step.end.is_none()) else { return };
        let rest = step.lines.finish();
        step.add(at, rest, now, updates);
        step.end = Some(end);
        updates.push(Update { step: at, change: Change::Ended });
    }

    fn image(
        &mut self,
        name: String,
        progress: ImageProgress,
        now: Duration,
        updates: &mut Vec<Update>,
    ) {
        let key = Key::Image(name);
        let was_here = !self.index.contains_key(&key);
        let at = self.begin(key, now, updates);
        let Some(step) = self.steps.get_mut(at) else { return };
        match progress {
            ImageProgress::Resolving => {}
            ImageProgress::Downloading { done, total }
            | ImageProgress::Uploading { done, total } => {
                step.status = Some(format!("{} / {}", size(done), size(total)));
                updates.push(Update { step: at, change: Change::Status });
            }
            ImageProgress::Layer { digest, done, total, state } => {
                let layer = Layer::new(harmless(&digest), (done, total), state);
                if !layer.is_moving {
                    updates.push(Update { step: at, change: Change::Layer(layer.line.clone()) });
                }
                match step.layers.iter_mut().find(|known| known.digest == layer.digest) {
                    // Of one that is there, more is not heard.
                    Some(known) if known.is_moving => *known = layer,
                    Some(_) => {}
                    None => step.layers.push(layer),
                }
            }
            ImageProgress::Ready { digest } => {
                step.status = Some(harmless(&digest));
                updates.push(Update { step: at, change: Change::Status });
                let outcome = if was_here { Outcome::Cached } else { Outcome::Executed };
                let elapsed = now.saturating_sub(step.began);
                self.end(at, (outcome, elapsed), now, updates);
            }
        }
    }
}

/// In words.
fn waiting(wait: &Wait) -> String {
    match wait {
        Wait::Execution => "waiting for another build that runs this step".to_owned(),
        Wait::CacheMount(name) => format!("waiting for the cache mount {name}, which is in use"),
        Wait::SharedCache => "waiting for the answer of a cache that --cache-from names".to_owned(),
    }
}

impl Layer {
    fn new(digest: String, (done, total): (u64, u64), state: LayerState) -> Self {
        let short = digest.split_once(':').map_or(digest.as_str(), |(_, hex)| hex);
        let short: String = short.chars().take(12).collect();
        let line = match state {
            LayerState::Moving => format!("{short} {} / {}", size(done), size(total)),
            LayerState::Arrived => format!("{short} {} done", size(total)),
            LayerState::Existed => format!("{short} {} there already", size(total)),
            LayerState::Mounted => format!("{short} {} mounted", size(total)),
        };
        Self { digest, line, is_moving: state == LayerState::Moving }
    }
}

impl Step {
    fn add(
        &mut self,
        at: usize,
        lines: impl IntoIterator<Item = String>,
        now: Duration,
        updates: &mut Vec<Update>,
    ) {
        for line in lines {
            self.tail.push_back(line.clone());
            if self.tail.len() > TAIL {
                self.tail.pop_front();
            }
            let since = now.saturating_sub(self.began);
            updates.push(Update { step: at, change: Change::Line(since, line) });
        }
    }
}
