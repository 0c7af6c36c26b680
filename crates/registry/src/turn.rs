//! How many blobs are on their way from or to one registry at once, whoever asks for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Blobs on their way at once, for each registry and way. Documents are small and do not count.
pub(crate) const MOST: usize = 6;

/// Where a blob goes. Each way has turns of its own: whoever sends a blob may be reading it from the
/// same registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    In,
    Out,
}

/// What is taken of the turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: Mutex<BTreeMap<(String, Way), usize>>,
    given_back: Condvar,
}

impl Turns {
    /// Waits until a blob may be on its way. The turn lasts as long as the value.
    pub(crate) fn take(self: &Arc<Self>, registry: &str, way: Way) -> Turn {
        let key = (registry.to_owned(), way);
        let is_full = |taken: &mut BTreeMap<(String, Way), usize>| {
            taken.get(&key).is_some_and(|count| *count >= MOST)
        };
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken =
            self.given_back.wait_while(taken, is_full).unwrap_or_else(PoisonError::into_inner);
        *taken.entry(key.clone()).or_default() += 1;
        drop(taken);
        Turn { turns: Arc::clone(self), key }
    }
}

/// A blob on its way.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    key: (String, Way),
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.turns.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count = count.saturating_sub(1);
        }
        drop(taken);
        self.turns.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_than_the_most_are_on_their_way_and_all_arrive() {
        let turns = Arc::new(Turns::default());
        let (now, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..5 * MOST {
                scope.spawn(|| {
                    let _turn = turns.take("a", Way::In);
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(2));
                    now.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!((done.into_inner(), most.into_inner()), (5 * MOST, MOST));
    }

    #[test]
    fn registries_and_ways_do_not_wait_for_each_other() {
        let turns = Arc::new(Turns::default());
        let all: Vec<Turn> = (0..MOST).map(|_| turns.take("a", Way::In)).collect();
        drop((turns.take("a", Way::Out), turns.take("b", Way::In)));
        drop(all);
        drop(turns.take("a", Way::In));
    }
}
