//! Starting programs, with an error that says which one and what it said.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};

use crate::failure::{Failure, Outcome};

const KEPT_LINES: usize = 30;

/// Runs the command with this process's own output; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Outcome<()> {
    let status = command.status().map_err(|source| not_started(command, source))?;
    check(command, status, String::new)
}

/// Runs the command without showing its output; the last lines of it go into the error.
pub(crate) fn quiet(command: &mut Command) -> Outcome<()> {
    let output = output(command)?;
    check(command, output.status, || last_lines(&output))
}

/// What the command writes to its standard output.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let output = output(command)?;
    check(command, output.status, || last_lines(&output))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where a program is found on the search path.
pub(crate) fn locate(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// The command as a shell would take it, near enough to be read and to be tried by hand.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn output(command: &mut Command) -> Outcome<Output> {
    command.stdin(Stdio::null()).output().map_err(|source| not_started(command, source))
}

fn check(command: &Command, status: ExitStatus, said: impl FnOnce() -> String) -> Outcome<()> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::Program { command: shown(command), status: status.to_string(), output: said() })
}

fn not_started(command: &Command, source: std::io::Error) -> Failure {
    Failure::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

fn last_lines(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(KEPT_LINES))
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}
