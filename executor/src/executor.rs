//! Running a command from start to end: one of the project's two traits, and its real form.

use crate::cancel::Cancel;
use crate::error::Error;
use crate::sandbox::{self, Stdio};
use crate::spec::SandboxSpec;
use crate::status::Status;

/// Runs commands in sandboxes; tests put something else in its place.
pub trait Executor: Sync {
    /// Runs one command to its end and passes on what it writes, in order.
    ///
    /// Standard input is empty; standard output and standard error are one stream. Blocks until
    /// the command and everything it started have ended. Cancelling kills it, which shows as
    /// [`Status::Signaled`]; whoever cancelled knows why.
    fn run(
        &self,
        spec: &SandboxSpec,
        cancel: &Cancel,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Status, Error>;
}

/// The executor that really does it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sandboxes;

impl Executor for Sandboxes {
    fn run(
        &self,
        spec: &SandboxSpec,
        cancel: &Cancel,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Status, Error> {
        sandbox::start(spec, Stdio::Captured)?.wait(cancel, on_output)
    }
}
