//! Connections that wait for the next sandbox.
//!
//! A program takes longer to connect a namespace than a command takes to start, so a sandbox gets the
//! namespace of one that has ended. That has changed nothing in it: interfaces, routes and rules ask for
//! CAP_NET_ADMIN, which Docker's default capabilities lack and a user namespace inside gives only over a
//! namespace made in it, as the namespace belongs to this process's users (`super::relocation`); settings lie in `/proc/sys`, which is read-only; and sockets, also abstract
//! ones, ended with the processes, all of which are gone when process 1 of a process namespace is. What
//! may be left is what TCP keeps of closed connections for a minute. An insecure sandbox may do all of
//! that: its namespace is not used again. No two sandboxes are in a namespace at the same time.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Connection, Connector};
use crate::error::Error;
use crate::spec::Security;

static FREE: Mutex<Vec<Connection>> = Mutex::new(Vec::new());

/// A connection while a sandbox has it. Dropped before [`Lease::end`], it ends.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Connection,
    security: Security,
}

impl Lease {
    /// One that waits, else a new one.
    pub(crate) fn new(connector: &Connector, security: Security) -> Result<Self, Error> {
        let waiting = || {
            let mut free = lock();
            let at = free.iter().position(|waiting| waiting.program.connector == *connector)?;
            Some(free.swap_remove(at))
        };
        let connection =
            std::iter::from_fn(waiting).find(|waiting: &Connection| waiting.program.is_alive());
        let connection = connection.map_or_else(|| Connection::new(connector), Ok)?;
        Ok(Self { connection, security })
    }

    /// To be joined.
    pub(crate) fn namespace(&self) -> &OwnedFd {
        &self.connection.namespace
    }

    /// Nobody is in the namespace any more.
    pub(crate) fn end(self) {
        match self.security {
            Security::Sandbox => give(self.connection),
            Security::Insecure => {}
        }
    }
}

/// Keeps a connection, in whose namespace nobody is, for the next sandbox.
pub(super) fn give(connection: Connection) {
    lock().push(connection);
}

/// Ends those that wait.
pub(crate) fn clear() {
    let free = std::mem::take(&mut *lock());
    // All at once, as each takes a moment.
    free.iter().for_each(|waiting| waiting.program.kill());
}

fn lock() -> MutexGuard<'static, Vec<Connection>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}
