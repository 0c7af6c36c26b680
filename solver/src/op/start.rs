//! Why a command did not begin, at the words of the Dockerfile that are the reason.

use lapstrake_executor as executor;
use lapstrake_executor::Operation::ChangeOwner;
use lapstrake_executor::{Bytes, Errno, UserError};
use lapstrake_ids::Unmapped;
use lapstrake_oci::Platform;
use lapstrake_parser::{Diagnostic, Span};
use lapstrake_rootfs::{TreePath, View};

use super::Failure;
use super::mount::not_mounted;
use crate::Error;
use crate::error::UNMAPPED;
use crate::graph::{RunOp, Vertex};

/// Why the command of `vertex` did not begin. `below` is what it would have seen.
pub(super) fn not_begun(
    vertex: &Vertex,
    op: &RunOp,
    error: executor::Error,
    below: Option<&View>,
) -> Failure {
    if let Ok(platform) = Platform::parse(&op.platform)
        && error.is_unknown_format()
        && !Platform::host().accepts(&platform)
    {
        let name = vertex.name.clone().unwrap_or_default();
        return Failure::Build(Error::Foreign { name, span: vertex.span, platform });
    }
    // Behind the words of the mounts: see `Vertex::words`.
    let mut last = vertex.words.iter().rev().copied();
    let (user, program) = (last.next(), last.next());
    match error {
        executor::Error::User { user: name, source } => at(vertex, user, unknown(&name, &source)),
        executor::Error::Unmapped { operation, source, .. } if operation != ChangeOwner => {
            at(vertex, user, unmapped(op, &source))
        }
        executor::Error::NotFound { program: name } => at(vertex, program, not_found(&name, below)),
        executor::Error::NotExecutable { program: name, source } => {
            at(vertex, program, not_executable(&name, source))
        }
        error => not_mounted(vertex, op, error),
    }
}

/// The fault at its place; where that is in another instruction, with the command that needs it.
fn at(vertex: &Vertex, place: Option<Span>, fault: Diagnostic) -> Failure {
    let whole = vertex.span.unwrap_or_default();
    let place = place.unwrap_or(whole);
    let is_inside = whole.start <= place.start && place.end <= whole.end;
    let fault = Diagnostic { span: place, ..fault };
    let fault = match is_inside {
        true => fault,
        false => fault.with_label(whole, "needed here"),
    };
    Failure::Build(Error::Faults(vec![fault]))
}

fn unknown(name: &str, error: &UserError) -> Diagnostic {
    let (user, group) = name.split_once(':').unwrap_or((name, ""));
    let (message, help) = match error {
        UserError::UnknownUser => (
            format!("there is no user `{user}` in the image"),
            "make it in an earlier RUN, as with `adduser` or `useradd`, or write an id",
        ),
        UserError::UnknownGroup => (
            format!("there is no group `{group}` in the image"),
            "make it in an earlier RUN, as with `addgroup` or `groupadd`, or write an id",
        ),
        UserError::Malformed { .. } | UserError::OutOfRange => {
            (format!("cannot use the user `{name}`: {error}"), "write ids, such as 1000:1000")
        }
    };
    Diagnostic::error("unknown-user", Span::default(), message).with_help(help)
}

fn unmapped(op: &RunOp, id: &Unmapped) -> Diagnostic {
    let message = format!("cannot be the user `{}`: {id}", op.user);
    Diagnostic::error(UNMAPPED, Span::default(), message).with_help(id.hint())
}

fn not_executable(program: &Bytes, reason: Errno) -> Diagnostic {
    let message = format!("cannot execute {}: {reason}", program.display());
    if reason.is_too_much_text() {
        return Diagnostic::error("step-failed", Span::default(), message).with_help(
            "the environment (ENV and ARG of all lines above, and of the base image) and the command take more than \
             the kernel passes on: 128 KiB each, and all together a quarter of the limit of the stack",
        );
    }
    Diagnostic::error("not-executable", Span::default(), message).with_help(
        "it has to be a program of this platform or a script that begins with `#!`, and its \
         mode has to allow it: `chmod +x`, or COPY --chmod=755",
    )
}

fn not_found(program: &Bytes, below: Option<&View>) -> Diagnostic {
    let path = TreePath::clean(program);
    let is_there = program.starts_with(b"/")
        && below.is_some_and(|view| view.find(&path).is_ok_and(|found| found.is_some()));
    let program = program.display();
    let (message, help) = match is_there {
        true => (
            format!("`{program}` is in the image, but not what it is started with"),
            "its dynamic loader (another libc, or none in the image) or the interpreter of its \
             first line is missing",
        ),
        false => (
            format!("there is no program `{program}` in the image"),
            "install it in an earlier RUN; a command without a shell is written \
             `RUN [\"PROGRAM\", \"ARGUMENT\"]`, another shell is named with SHELL",
        ),
    };
    Diagnostic::error("unknown-program", Span::default(), message).with_help(help)
}
