//! Networks that wait for the next sandbox.
//!
//! A program takes longer to connect a namespace than a command takes to start, so a sandbox gets the
//! namespace of one that has ended. That has changed nothing in it: interfaces, routes and rules ask for
//! CAP_NET_ADMIN, which Docker's default capabilities lack and a user namespace inside gives only over a
//! namespace made in it, as the namespace belongs to this process's users (`super::relocation`); settings lie in `/proc/sys`, which is read-only; and sockets, also abstract
//! ones, ended with the processes, all of which are gone when process 1 of a process namespace is. What
//! may be left is what TCP keeps of closed connections for a minute. An insecure sandbox may do all of
//! that: its namespace is not used again. No two sandboxes are in a namespace at the same time.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Connector;
use super::connection::Connection;
use super::demand::{self, Demand};
use crate::error::{Error, Operation};
use crate::spec::Security;

static FREE: Mutex<Vec<Connection>> = Mutex::new(Vec::new());

/// A network while a sandbox has it. Dropped before [`Lease::end`], it ends.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Arc<Connection>,
    security: Security,
    demand: Option<Demand>,
}

impl Lease {
    /// One that waits, else a new one. It is connected already where that cannot be left until a socket is made.
    pub(crate) fn new(connector: &Connector, security: Security) -> Result<Self, Error> {
        let waiting = || {
            let mut free = lock();
            let fitting =
                free.iter().enumerate().filter(|(_, waiting)| waiting.connector == *connector);
            // One that is connected first.
            let (at, _) = fitting.max_by_key(|(_, waiting)| waiting.is_connected())?;
            Some(free.swap_remove(at))
        };
        let connection =
            std::iter::from_fn(waiting).find(|waiting: &Connection| waiting.is_usable());
        let connection = connection.map_or_else(|| Connection::new(connector), Ok)?;
        // An insecure sandbox has no filter, and may want a listener of its own.
        if security == Security::Insecure || !demand::is_possible() {
            connection.connect(None)?;
        }
        Ok(Self { connection: Arc::new(connection), security, demand: None })
    }

    /// To be joined.
    pub(crate) fn namespace(&self) -> &OwnedFd {
        &self.connection.namespace
    }

    /// Whether it has to be connected when a socket is made.
    pub(crate) fn waits(&self) -> bool {
        !self.connection.is_connected()
    }

    /// Connects it when `listener` tells of a socket of the sandbox whose process 1 `pidfd` is.
    pub(crate) fn connect_on_demand(
        &mut self,
        listener: OwnedFd,
        pidfd: BorrowedFd<'_>,
    ) -> Result<(), Error> {
        let pidfd = pidfd.try_clone_to_owned();
        let pidfd = pidfd.map_err(Error::system(Operation::Create, "descriptors"))?;
        self.demand = Some(Demand::serve(Arc::clone(&self.connection), listener, pidfd)?);
        Ok(())
    }

    /// Connects it now.
    pub(crate) fn connect(&self) -> Result<(), Error> {
        self.connection.connect(None)
    }

    /// Nobody is in the namespace any more. Returns why it could not be connected when somebody wanted it to be.
    pub(crate) fn end(self) -> Option<Error> {
        let failure = self.demand.and_then(Demand::end);
        if failure.is_none()
            && self.security == Security::Sandbox
            && let Some(connection) = Arc::into_inner(self.connection)
        {
            give(connection);
        }
        failure
    }
}

/// Keeps a network, in whose namespace nobody is, for the next sandbox.
pub(super) fn give(connection: Connection) {
    lock().push(connection);
}

/// Ends those that wait.
pub(crate) fn clear() {
    let free = std::mem::take(&mut *lock());
    // All at once, as each takes a moment.
    free.iter().for_each(Connection::kill);
}

fn lock() -> MutexGuard<'static, Vec<Connection>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}
