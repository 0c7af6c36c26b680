//! `--on-fail=shell`: the user looks around where a step failed.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use lapstrake_executor::{
    Bytes, Cancel, Ended, Error, Executor, Sandbox, SandboxSpec, Sandboxes, Stdio, start,
};
use lapstrake_solver::error::describe;

use crate::args::{Build, OnFail};
use crate::attach::{self, Running};
use crate::failure::Failure;
use crate::output::Stream;
use crate::progress::Progress;
use crate::text::harmless;
use crate::{output, signal, terminal};

const SHELL: &str = "/bin/sh";

/// Refuses what leaves the shell nothing to read from.
pub(super) fn check(build: &Build) -> Result<(), Failure> {
    let is_stdin = |path: &Path| path == Path::new("-");
    let is_taken = is_stdin(&build.context) || build.file.as_deref().is_some_and(is_stdin);
    match build.on_fail {
        Some(OnFail::Shell) if is_taken => Err(Failure::new("standard input is what is built")
            .help("--on-fail=shell reads commands from it: put context and Dockerfile in files")),
        _ => Ok(()),
    }
}

/// Runs commands, and opens a shell where the first one failed. While it is open the progress, and so
/// every step that has something to say, waits.
pub(super) struct Attended<'a> {
    progress: &'a Progress,
    /// Locked while it is open: whoever fails then waits, and finds that the build is over.
    was_open: Mutex<bool>,
}

impl<'a> Attended<'a> {
    pub(super) fn new(progress: &'a Progress) -> Self {
        Self { progress, was_open: Mutex::new(false) }
    }
}

impl Executor for Attended<'_> {
    fn run(
        &self,
        spec: &SandboxSpec,
        cancel: &Cancel,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Ended, Error> {
        Sandboxes.run(spec, cancel, on_output)
    }

    fn look_into(
        &self,
        spec: &SandboxSpec,
        outcome: &Result<Ended, Error>,
        log: &[u8],
        cancel: &Cancel,
        begin: &dyn Fn(),
        over: &dyn Fn(),
    ) {
        let reason = match outcome {
            Ok(ended) => describe(ended.status, &ended.exceeded),
            Err(error @ (Error::NotFound { .. } | Error::NotExecutable { .. })) => {
                error.to_string()
            }
            Err(_) => return,
        };
        let mut was_open = self.was_open.lock().unwrap_or_else(PoisonError::into_inner);
        if !cancel.is_cancelled() && !std::mem::replace(&mut *was_open, true) {
            begin();
            self.progress.pause(log, || {
                output::stderr(&announcement(&reason, &spec.argv));
                if let Err(failure) = open(spec, cancel) {
                    output::stderr(&failure.text());
                }
                over();
            });
        }
    }
}

fn announcement(reason: &str, argv: &[Bytes]) -> String {
    let words: Vec<String> = argv.iter().map(|word| format!("{word:?}")).collect();
    format!(
        "------\n{}\ncommand: {}\nthis is a shell in a sandbox like its own, with its environment, its mounts \
         and the files it wrote; its processes and what it wrote to memory (tmpfs, /dev/shm) are gone; `exit` ends \
         the build\n------\n",
        harmless(reason),
        harmless(&words.join(" ")),
    )
}

/// Runs a shell in the place of the command, and waits for its end.
fn open(command: &SandboxSpec, cancel: &Cancel) -> Result<(), Failure> {
    let terminal = shown_on().filter(|_| terminal::stdin_is_terminal());
    let mut spec = command.clone();
    spec.argv = vec![SHELL.into()];
    (spec.timeout, spec.max_output) = (None, None);
    if terminal.is_some() {
        spec.terminal = Some(terminal::size());
        if !spec.env.iter().any(|(name, _)| **name == *b"TERM") {
            spec.env.push(("TERM".into(), "xterm".into()));
        }
    }
    let (sandbox, mut running) = started(&spec, terminal)?;
    running.begin();
    let watch = signal::on_resize(running.resizing())?;
    let status = sandbox.wait(cancel, &mut |_| {});
    let passed_on = running.finish();
    drop(watch);
    status.map_err(Failure::from)?;
    passed_on
}

/// Which of our streams is a terminal: standard output may be where the image's id or an archive goes.
fn shown_on() -> Option<Stream> {
    if output::stdout_is_terminal() {
        Some(Stream::Stdout)
    } else {
        output::stderr_is_terminal().then_some(Stream::Stderr)
    }
}

fn started(spec: &SandboxSpec, terminal: Option<Stream>) -> Result<(Sandbox, Running), Failure> {
    let opened = |stdio| {
        start(spec, stdio).map_err(|error| Failure::new("there is no shell").because(&error))
    };
    if let Some(to) = terminal {
        let sandbox = opened(Stdio::Captured)?;
        let running = attach::start_terminal(&sandbox, true, to)?;
        return Ok((sandbox, running));
    }
    let (stdio, attached) = attach::pipes(true)?;
    let sandbox = opened(stdio)?;
    let running = attached.start(&sandbox)?;
    Ok((sandbox, running))
}
