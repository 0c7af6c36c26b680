//! Becoming the command.

use std::ffi::CString;

use nix::errno::Errno;

use crate::bytes::Bytes;
use crate::error::{Error, Operation, Refusal};
use crate::sys;
use crate::user;
use crate::wire::Report;

use super::Stage;
use super::identity;

impl Stage {
    /// Returns only with an error.
    pub(super) fn execute(
        &mut self,
        argv: &[Bytes],
        env: &[Bytes],
        search: &Bytes,
    ) -> Result<(), Error> {
        let program = argv.first().cloned().unwrap_or_default();
        let mut env = strings(env)?;
        if !env.iter().any(|variable| variable.as_bytes().starts_with(b"HOME=")) {
            env.push(self.home()?);
        }
        let argv = strings(argv)?;
        // Until somebody else than the parent, too, sees to it that this process does not outlive the
        // parent. From then on that is out of the command's hands.
        super::may_go_on(&self.leave)?;
        let traces = self.inside.traces.clone();
        super::send(&self.report, &Report::Ready { traces })?;
        // Close-on-exec is too late for the kernel's look-up of a script's interpreter.
        self.inside.close();
        sys::reset_signals().map_err(Error::system(Operation::ResetSignals, "signals"))?;
        Err(execute(&program, &argv, &env, search))
    }

    /// What a login would set; the passwd file need not be readable for that.
    fn home(&self) -> Result<CString, Error> {
        let passwd = identity::read(identity::PASSWD).unwrap_or_default();
        let home = user::home_of(self.identity.uid, &passwd);
        string([&b"HOME="[..], home].concat())
    }
}

/// Tries the program, or it in each directory of `search`; returns why none could be executed.
fn execute(program: &Bytes, argv: &[CString], env: &[CString], search: &Bytes) -> Error {
    if program.contains(&b'/') {
        return failure(program, attempt(program.to_vec(), argv, env));
    }
    let mut denied = None;
    for directory in search.split(|&byte| byte == b':') {
        let directory = if directory.is_empty() { b"." } else { directory };
        match attempt([directory, &b"/"[..], program].concat(), argv, env) {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => denied = Some(Errno::EACCES),
            error => return failure(program, error),
        }
    }
    failure(program, denied.unwrap_or(Errno::ENOENT))
}

fn attempt(path: Vec<u8>, argv: &[CString], env: &[CString]) -> Errno {
    let Ok(path) = CString::new(path) else {
        return Errno::EINVAL;
    };
    match nix::unistd::execve(&path, argv, env) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn failure(program: &Bytes, error: Errno) -> Error {
    let program = program.clone();
    match error {
        Errno::ENOENT | Errno::ENOTDIR => Error::NotFound { program },
        error => Error::NotExecutable { program, source: error.into() },
    }
}

fn strings(bytes: &[Bytes]) -> Result<Vec<CString>, Error> {
    bytes.iter().map(|bytes| string(bytes.to_vec())).collect()
}

fn string(bytes: Vec<u8>) -> Result<CString, Error> {
    CString::new(bytes)
        .map_err(|error| Error::invalid("argument or variable", error.into_vec(), Refusal::NulByte))
}
