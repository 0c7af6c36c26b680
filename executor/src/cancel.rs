//! A token with which one thread stops the sandboxes that others wait for.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Error, Operation};

/// A token that is cancelled once, seen by every clone, and never reset.
///
/// What waits with it kills its sandbox: every process in it, at once or after a time of grace.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Readable for ever once cancelled: nobody reads it, everybody polls it.
    event: OwnedFd,
    cancelled: AtomicBool,
    grace: Duration,
}

impl Cancel {
    /// A token that kills with SIGKILL at once.
    pub fn new() -> Result<Self, Error> {
        Self::with_grace(Duration::ZERO)
    }

    /// A token that sends SIGTERM to the first process of the sandbox, and SIGKILL after `grace`.
    ///
    /// A first process without a handler for SIGTERM ignores it (`pid_namespaces(7)`).
    pub fn with_grace(grace: Duration) -> Result<Self, Error> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(Error::system(Operation::Create, "eventfd"))?;
        Ok(Self(Arc::new(Inner { event, cancelled: AtomicBool::new(false), grace })))
    }

    /// Cancels; cancelling twice is the same as once.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        // Writing 1 to an eventfd fails only when its counter is full: then it is readable.
        let _ = rustix::io::write(&self.0.event, &1u64.to_ne_bytes());
    }

    /// Whether [`Cancel::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// The time between SIGTERM and SIGKILL; zero means SIGKILL only.
    pub fn grace(&self) -> Duration {
        self.0.grace
    }
}

impl AsFd for Cancel {
    /// A descriptor that polls readable once cancelled.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}
