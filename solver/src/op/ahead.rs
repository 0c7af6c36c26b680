//! Finding the network of commands beside other work: to connect one takes longer than a command takes to
//! start. When anything has to be executed, commands mostly have to be as well.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Workshop;
use crate::graph::{Graph, Network, Op};

/// Whether something is executed.
#[derive(Debug, Default)]
pub struct Ahead {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// All was in the cache so far.
    #[default]
    Cached,
    Executing,
    Over,
}

impl Ahead {
    /// Something is executed.
    pub(super) fn begin(&self) {
        self.change(State::Cached, State::Executing);
    }

    /// Nothing is executed any more.
    pub fn close(&self) {
        *self.state() = State::Over;
        self.moved.notify_all();
    }

    /// Waits until something is executed; false when nothing is.
    fn wait(&self) -> bool {
        let state = self.moved.wait_while(self.state(), |state| *state == State::Cached);
        *state.unwrap_or_else(PoisonError::into_inner) == State::Executing
    }

    fn change(&self, from: State, to: State) {
        let mut state = self.state();
        if *state == from {
            *state = to;
            self.moved.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workshop<'_> {
    /// Finds the network when something is executed. Who needs it is told what is wrong with it.
    pub fn find_network(&self) {
        if has_commands(self.graph) && self.ahead.wait() {
            let _ = (self.network)();
        }
    }
}

/// Whether a command does not say which network it is to have.
fn has_commands(graph: &Graph) -> bool {
    let is_one = |op: &Op| matches!(op, Op::Run(run) if run.network == Network::Default);
    graph.iter().any(|(_, vertex)| is_one(&vertex.op))
}
