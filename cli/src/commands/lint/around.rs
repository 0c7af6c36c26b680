//! What rules may know beside the text of a file, brought together.

use std::path::Path;

use lapstrake_linter::Known;
use lapstrake_parser::Dockerfile;

use super::super::input::Input;
use super::callers::Callers;
use super::context::{Contexts, Sight};
use super::facts::{Facts, State};
use crate::session::Session;

/// Where to look for what rules may know.
#[derive(Clone, Copy, Default)]
pub(super) struct Around<'a> {
    pub(super) facts: Option<&'a Facts>,
    pub(super) contexts: Option<&'a Contexts>,
    pub(super) callers: Option<&'a Callers>,
    /// BuildKit's checks alone look: they know the ignore file, and nothing else of the context.
    pub(super) is_for_checks: bool,
}

/// What was known of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// An image that it starts from, or what was built of it.
    pub(super) base: bool,
    /// The files that it copies.
    pub(super) context: bool,
}

impl Around<'_> {
    /// Does something with what is known of a file.
    pub(super) fn with<T>(
        self,
        input: &Input,
        (source, dockerfile): (&str, &Dockerfile),
        then: impl FnOnce(&Known<'_>) -> T,
    ) -> (T, Seen) {
        let known = Known { today: super::today(), ..Known::nothing() };
        let stages = self.facts.map(|facts| facts.stages((source, dockerfile), input, &known));
        let stages = stages.unwrap_or_default();
        let made = stages.made();
        let known = Known { stages: stages.known(&made), ..known };
        let base = stages.know_something();
        let (callers, called) = self.callers.map(|callers| callers.of(input)).unwrap_or_default();
        let folder = self.contexts.and_then(|contexts| contexts.of(input, called.as_deref()));
        if self.is_for_checks {
            let ignore = folder.as_ref().map(|folder| folder.patterns());
            let seen = Seen { base, context: ignore.is_some() };
            return (then(&Known { ignore, ..known }), seen);
        }
        let sight = folder.as_ref().map(|folder| Sight::new(folder, dockerfile));
        let known = Known { callers: &callers, ..known };
        let came_to = match &sight {
            Some(sight) => sight.with(|context| then(&Known { context: Some(context), ..known })),
            None => then(&known),
        };
        (came_to, Seen { base, context: sight.is_some_and(|sight| sight.was_right()) })
    }
}

/// What this machine has, as it was when somebody looked first.
pub(in super::super) struct Machine {
    facts: Option<Facts>,
    /// How the store was then.
    state: State,
    contexts: Contexts,
    callers: Callers,
}

impl Machine {
    pub(in super::super) fn new(session: &Session) -> Self {
        let facts = Facts::new(session);
        let state = facts.as_ref().map(Facts::state).unwrap_or_default();
        Self { facts, state, contexts: Contexts::default(), callers: Callers::default() }
    }

    /// False once something has been written into the store: what was opened to be looked at does not follow.
    pub(in super::super) fn is_current(&self) -> bool {
        self.facts.as_ref().is_none_or(|facts| facts.state() == self.state)
    }

    /// Does something with what is known of a file that may have been changed since it was written.
    pub(in super::super) fn with<T>(
        &self,
        path: &Path,
        file: (&str, &Dockerfile),
        then: impl FnOnce(&Known<'_>) -> T,
    ) -> T {
        let (facts, contexts) = (self.facts.as_ref(), Some(&self.contexts));
        let callers = Some(&self.callers);
        let around = Around { facts, contexts, callers, is_for_checks: false };
        around.with(&Input::File(path.to_owned()), file, then).0
    }
}

/// Does something with what is known without a look at anything.
pub(in super::super) fn knowing_nothing<T>(then: impl FnOnce(&Known<'_>) -> T) -> T {
    then(&Known { today: super::today(), ..Known::nothing() })
}
