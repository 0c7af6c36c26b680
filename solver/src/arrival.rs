//! Telling how far the layers of shared caches are while they come.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use lapstrake_transfer::{Arriving, Imports};

use crate::event::{Event, Sink};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Does `work`, and tells meanwhile, and at its end, what came from the caches. Nothing of those that nothing
/// came from.
pub(crate) fn told<T>(imports: &Imports<'_>, events: Sink<'_>, work: impl FnOnce() -> T) -> T {
    if imports.is_empty() {
        return work();
    }
    let (over, is_over) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut last = Vec::new();
            while is_over.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                let now = imports.arriving();
                if now != last {
                    tell(&now, false, events);
                    last = now;
                }
            }
            tell(&imports.arriving(), true, events);
        });
        // Dropped also when `work` panics, so that the thread ends.
        let _over = over;
        work()
    })
}

fn tell(arriving: &[Arriving], is_over: bool, events: Sink<'_>) {
    for Arriving { place, done, total } in arriving {
        let (cache, done, total) = (place.clone(), *done, *total);
        events(Event::Arriving { cache, done, total, is_over });
    }
}
