//! Running a command from start to end: one of the project's two traits, and its real form.

use crate::begun;
use crate::cancel::Cancel;
use crate::cgroup::Exceeded;
use crate::error::Error;
use crate::sandbox::Stdio;
use crate::spec::SandboxSpec;
use crate::status::Status;

/// How a command ended, and what may be why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How its first process ended.
    pub status: Status,
    /// The limits that it came up against, whether or not it minded.
    pub exceeded: Vec<Exceeded>,
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        Self { status, exceeded: Vec::new() }
    }
}

/// Runs commands in sandboxes; tests put something else in its place.
pub trait Executor: Sync {
    /// Runs one command to its end and passes on what it writes, in order.
    ///
    /// Standard input is empty; standard output and standard error are one stream. Blocks until
    /// the command and everything it started have ended. Cancelling kills it, which shows as
    /// [`Status::Signaled`]; whoever cancelled knows why. So does [`SandboxSpec::timeout`], which is
    /// told as [`Exceeded::Time`], and [`SandboxSpec::max_output`], as [`Exceeded::Output`].
    fn run(
        &self,
        spec: &SandboxSpec,
        cancel: &Cancel,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Ended, Error>;

    /// Looks into a command that was run without success, once all that it wrote, of which `log` is the end, has
    /// been told. The folders that `spec` names are as it left them. Whoever takes time for it calls `begin`, from when
    /// on this failure is the one that counts, and `over` before others go on: nothing else is to be begun then.
    fn look_into(
        &self,
        _spec: &SandboxSpec,
        _outcome: &Result<Ended, Error>,
        _log: &[u8],
        _cancel: &Cancel,
        _begin: &dyn Fn(),
        _over: &dyn Fn(),
    ) {
    }
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
    ) -> Result<Ended, Error> {
        let sandbox = begun::start(spec, Stdio::Captured)?;
        let status = sandbox.wait(cancel, on_output)?;
        Ok(Ended { status, exceeded: sandbox.exceeded() })
    }
}
