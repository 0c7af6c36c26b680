//! What becomes of this process when a thread cannot be started.
//!
//! The standard library and rayon panic then. That would be told as a fault of lap, and threads that have been
//! started already may wait for ever for what the one that panicked was to do.

use std::panic;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::{output, terminal};

/// Ends the process with this code when a thread cannot be started, and says what can be done. Its sandboxes
/// die with it, and what it leaves in the store is swept by the next one.
pub(crate) fn end_where_none_starts(exit: Exit) {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| match panic.payload_as_str().and_then(not_started) {
        Some(failure) => {
            terminal::restore();
            output::stderr(&failure.text());
            std::process::exit(exit.code());
        }
        None => usual(panic),
    }));
}

/// What a message of the standard library or of rayon means, if it is about that.
fn not_started(message: &str) -> Option<Failure> {
    let of_thread = ["failed to spawn thread", "The global thread pool has not been initialized"];
    of_thread.iter().any(|words| message.contains(words)).then(|| {
        match message.contains("Resource temporarily unavailable") {
            true => Failure::new("cannot start a thread: Resource temporarily unavailable")
                .help(lapstrake_executor::MORE_PROCESSES),
            false => Failure::new(format!("cannot start a thread: {message}")),
        }
    })
}
