//! `--explain`: of each step whether it was cached, and why not.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use lapstrake_solver::event::{Outcome, Planned};
use lapstrake_solver::graph::VertexId;
use lapstrake_solver::{Event, Reason};

use crate::progress::{FAINT, RESET};
use crate::text::{harmless, one_line};

/// What is known so far. Takes events from any thread.
#[derive(Debug, Default)]
pub(super) struct Explanation(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Contexts that are fetched, each with why, where it was.
    contexts: Vec<(String, Option<String>)>,
    planned: Vec<Planned>,
    reasons: HashMap<VertexId, String>,
    outcomes: HashMap<VertexId, Outcome>,
}

impl Explanation {
    /// Notes that a context comes from elsewhere, and why it was fetched, if it was.
    pub(super) fn context(&self, shown: &str, reason: Option<&Reason>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = reason.map(ToString::to_string);
        known.contexts.push((harmless(&one_line(shown)), reason));
    }

    /// Notes what the event says.
    pub(super) fn event(&self, event: &Event) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { vertices } => known.planned.extend_from_slice(vertices),
            Event::Missed { vertex, reason } => {
                known.reasons.insert(*vertex, reason.to_string());
            }
            Event::Finished { vertex, outcome, .. } => {
                known.outcomes.insert(*vertex, *outcome);
            }
            _ => {}
        }
    }

    /// A line for each step, in the order of the Dockerfile; below it why it was not cached.
    pub(super) fn text(&self) -> String {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a string does not fail.
        for (shown, reason) in &known.contexts {
            let outcome = if reason.is_some() { "fetched" } else { "cached" };
            let _ = writeln!(text, "context {shown} {FAINT}{outcome}{RESET}");
            if let Some(reason) = reason {
                let _ = writeln!(text, "    {reason}");
            }
        }
        for Planned { vertex, name, .. } in &known.planned {
            let outcome = match known.outcomes.get(vertex) {
                Some(Outcome::Cached) => "cached",
                Some(Outcome::Executed) => "executed",
                Some(Outcome::Failed) => "failed",
                Some(Outcome::Cancelled) | None => "not reached",
            };
            let _ = writeln!(text, "{} {FAINT}{outcome}{RESET}", harmless(&one_line(name)));
            if let Some(reason) = known.reasons.get(vertex) {
                let _ = writeln!(text, "    {reason}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_step_in_the_order_of_the_dockerfile() {
        let explanation = Explanation::default();
        let planned =
            |id, name: &str| Planned { vertex: VertexId(id), name: name.to_owned(), span: None };
        let names = ["[1/3] COPY a /", "[2/3] RUN x y", "[3/3] RUN z"];
        let vertices = (0..).zip(names).map(|(id, name)| planned(id, name)).collect();
        explanation.event(&Event::Planned { vertices });
        let finished = |id, outcome| Event::Finished {
            vertex: VertexId(id),
            outcome,
            elapsed: Duration::ZERO,
        };
        explanation.event(&Event::Missed { vertex: VertexId(1), reason: Reason::First });
        explanation.event(&finished(1, Outcome::Executed));
        explanation.event(&finished(0, Outcome::Cached));
        explanation.context("https://h/x.git", Some(&Reason::First));
        explanation.context("https://h/y.git", None);
        assert_eq!(
            anstream::adapter::strip_str(&explanation.text()).to_string(),
            "context https://h/x.git fetched\n    first build of this step\n\
             context https://h/y.git cached\n[1/3] COPY a / cached\n[2/3] RUN x y executed\n    first build of this step\n\
             [3/3] RUN z not reached\n"
        );
    }
}
