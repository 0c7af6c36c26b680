//! Runs a graph: each vertex once all its inputs have results, independent ones at the same time.
//!
//! The calling thread is the first worker. It follows a chain of vertices by itself; further
//! threads are started only while more than one vertex is ready, so a build that is all cached
//! costs no thread.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use crate::Error;
use crate::graph::{Graph, Op, Vertex, VertexId};

/// Results by vertex; `None` where no target reaches.
pub type Results<T> = Vec<Option<T>>;

/// Comes to the result of one vertex from those of its inputs.
pub type Execute<'a, T, E> = dyn Fn(VertexId, &Vertex, Vec<T>) -> Result<T, E> + Sync + 'a;

/// An error of a vertex.
pub trait Fault {
    /// Whether it only tells that another vertex failed, or that the build was stopped.
    fn is_consequence(&self) -> bool;
}

impl Fault for Error {
    fn is_consequence(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

/// Executes everything that `targets` need, with at most `workers` at a time.
///
/// # Errors
/// The first error of `execute` that is no consequence, else the first one. No vertex is begun after it; those that are running are waited
/// for, so `execute` should see to it that they end.
pub fn run<T, E>(
    graph: &Graph,
    targets: &[VertexId],
    workers: usize,
    execute: &Execute<'_, T, E>,
) -> Result<Results<T>, E>
where
    T: Clone + Send,
    E: Fault + Send,
{
    let schedule = Schedule {
        graph,
        workers: workers.max(1),
        execute,
        state: Mutex::new(State::new(graph, targets)),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| schedule.work(scope));
    let state = schedule.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.error {
        Some(error) => Err(error),
        None => Ok(state.results),
    }
}

/// Which vertices `targets` need, themselves among them, by index.
pub fn needed(graph: &Graph, targets: &[VertexId]) -> Vec<bool> {
    let mut needed = vec![false; graph.len()];
    let mut pending = targets.to_vec();
    while let Some(id) = pending.pop() {
        let (Some(slot), Some(vertex)) = (needed.get_mut(index(id)), graph.vertex(id)) else {
            continue;
        };
        if !std::mem::replace(slot, true) {
            pending.extend(&vertex.inputs);
        }
    }
    needed
}

struct Schedule<'a, T, E> {
    graph: &'a Graph,
    workers: usize,
    execute: &'a Execute<'a, T, E>,
    state: Mutex<State<T, E>>,
    changed: Condvar,
}

struct State<T, E> {
    results: Results<T>,
    /// How many inputs a vertex still waits for; `None` for vertices that are not needed.
    missing: Vec<Option<usize>>,
    /// Who waits for a vertex, once for each time it is an input.
    users: Vec<Vec<VertexId>>,
    ready: Vec<VertexId>,
    /// Vertices without a result.
    open: usize,
    /// Threads that are in [`Schedule::work`].
    threads: usize,
    /// Those of them that wait for something to do.
    idle: usize,
    error: Option<E>,
}

impl<T, E> State<T, E> {
    fn new(graph: &Graph, targets: &[VertexId]) -> Self {
        let needed = needed(graph, targets);
        let mut state = Self {
            results: needed.iter().map(|_| None).collect(),
            missing: vec![None; graph.len()],
            users: vec![Vec::new(); graph.len()],
            ready: Vec::new(),
            open: 0,
            threads: 1,
            idle: 0,
            error: None,
        };
        let wanted = graph.iter().zip(&needed).filter(|(_, needed)| **needed);
        for ((id, vertex), _) in wanted {
            state.open += 1;
            if let Some(missing) = state.missing.get_mut(index(id)) {
                *missing = Some(vertex.inputs.len());
            }
            for input in &vertex.inputs {
                if let Some(users) = state.users.get_mut(index(*input)) {
                    users.push(id);
                }
            }
            if vertex.inputs.is_empty() {
                state.ready.push(id);
            }
        }
        state.ready.reverse();
        state
    }

    fn is_over(&self) -> bool {
        self.error.is_some() || self.open == 0
    }

    fn inputs(&self, vertex: &Vertex) -> Vec<T>
    where
        T: Clone,
    {
        vertex.inputs.iter().filter_map(|id| self.results.get(index(*id))?.clone()).collect()
    }

    fn finish(&mut self, id: VertexId, result: T) {
        if let Some(slot) = self.results.get_mut(index(id)) {
            *slot = Some(result);
        }
        self.open -= 1;
        let users = self.users.get_mut(index(id)).map(std::mem::take).unwrap_or_default();
        for user in users.into_iter().rev() {
            let Some(Some(missing)) = self.missing.get_mut(index(user)) else {
                continue;
            };
            *missing -= 1;
            if *missing == 0 {
                self.ready.push(user);
            }
        }
    }
}

impl<T: Clone + Send, E: Fault + Send> Schedule<'_, T, E> {
    /// What every worker does until nothing is left.
    fn work<'scope, 'env>(&'env self, scope: &'scope Scope<'scope, 'env>) {
        let mut state = self.lock();
        loop {
            if state.is_over() {
                self.changed.notify_all();
                return;
            }
            let Some(id) = state.ready.pop() else {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            if self.takes_time(id)
                && self.waiting(&state) > state.idle
                && state.threads < self.workers
            {
                state.threads += 1;
                scope.spawn(|| self.work(scope));
            }
            state = self.step(state, id);
            self.changed.notify_all();
        }
    }

    /// How many ready vertices are worth a thread.
    fn waiting(&self, state: &State<T, E>) -> usize {
        state.ready.iter().filter(|id| self.takes_time(**id)).count()
    }

    /// Whether there is more to do for a vertex than to name layers.
    fn takes_time(&self, id: VertexId) -> bool {
        let op = self.graph.vertex(id).map(|vertex| &vertex.op);
        !matches!(op, None | Some(Op::Image(_) | Op::Merge))
    }

    /// Executes one vertex with the state unlocked.
    fn step<'s>(
        &'s self,
        state: MutexGuard<'s, State<T, E>>,
        id: VertexId,
    ) -> MutexGuard<'s, State<T, E>> {
        let Some(vertex) = self.graph.vertex(id) else {
            return state;
        };
        let inputs = state.inputs(vertex);
        drop(state);
        let result = (self.execute)(id, vertex, inputs);
        let mut state = self.lock();
        match result {
            Ok(result) => state.finish(id, result),
            Err(error) => {
                if state.error.as_ref().is_none_or(E::is_consequence) {
                    state.error = Some(error);
                }
            }
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index(id: VertexId) -> usize {
    usize::try_from(id.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::graph::{ImageOp, MkdirOp, Op};

    const STOPPED: &str = "stopped";

    impl Fault for &str {
        fn is_consequence(&self) -> bool {
            *self == STOPPED
        }
    }

    impl Fault for () {
        fn is_consequence(&self) -> bool {
            false
        }
    }

    fn add(graph: &mut Graph, name: &str, inputs: &[VertexId]) -> VertexId {
        let op = match inputs {
            [] => Op::Image(ImageOp { layers: Vec::new() }),
            _ => Op::Mkdir(MkdirOp { path: name.into(), owner: String::new() }),
        };
        let inputs = inputs.to_vec();
        graph.add(Vertex { op, inputs, name: None, span: None, words: Vec::new(), cache: true })
    }

    #[test]
    fn equal_ops_on_equal_inputs_are_one_vertex() {
        let mut graph = Graph::default();
        let base = add(&mut graph, "", &[]);
        assert_eq!(add(&mut graph, "a", &[base]), add(&mut graph, "a", &[base]));
        assert_ne!(add(&mut graph, "a", &[base]), add(&mut graph, "b", &[base]));
        assert_eq!(graph.len(), 3);
    }

    #[test]
    fn independent_vertices_run_at_the_same_time_and_unneeded_ones_not_at_all() {
        let mut graph = Graph::default();
        let base = add(&mut graph, "", &[]);
        let left = add(&mut graph, "left", &[base]);
        let right = add(&mut graph, "right", &[base]);
        add(&mut graph, "unneeded", &[base]);
        let join = add(&mut graph, "join", &[left, right]);
        // Both sides have to be here at once, or the test hangs.
        let meeting = Barrier::new(2);
        let executed = AtomicUsize::new(0);
        let results = run::<u32, ()>(&graph, &[join], 8, &|id, _, inputs| {
            executed.fetch_add(1, Ordering::Relaxed);
            if id == left || id == right {
                meeting.wait();
            }
            Ok(inputs.iter().sum::<u32>() + 1)
        });
        assert_eq!(executed.into_inner(), 4);
        assert_eq!(results.unwrap().last().cloned().flatten(), Some(5));
    }

    /// Whoever is stopped because another failed may say so first.
    #[test]
    fn the_error_is_the_one_that_stopped_the_others() {
        let mut graph = Graph::default();
        let base = add(&mut graph, "", &[]);
        let sides = ["fails", "stopped"].map(|name| add(&mut graph, name, &[base]));
        let join = add(&mut graph, "join", &sides);
        let meeting = Barrier::new(2);
        let results = run::<(), &str>(&graph, &[join], 8, &|id, _, _| {
            if id == base {
                return Ok(());
            }
            meeting.wait();
            if id == sides[1] {
                return Err(STOPPED);
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            Err("failed")
        });
        assert_eq!(results, Err("failed"));
    }

    #[test]
    fn nothing_begins_after_the_first_error() {
        let mut graph = Graph::default();
        let mut last = add(&mut graph, "", &[]);
        for name in ["a", "b", "c"] {
            last = add(&mut graph, name, &[last]);
        }
        let executed = AtomicUsize::new(0);
        let results = run::<(), &str>(&graph, &[last], 8, &|id, _, _| {
            executed.fetch_add(1, Ordering::Relaxed);
            if id == VertexId(1) { Err("a failed") } else { Ok(()) }
        });
        assert_eq!(results, Err("a failed"));
        assert_eq!(executed.into_inner(), 2);
    }
}
