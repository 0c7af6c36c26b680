//! What the user reads when a build fails.

use std::error::Error as _;

use lapstrake_executor::Status;
use lapstrake_parser::Span;
use lapstrake_solver::Error;

use crate::diagnostics::{Look, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress;
use crate::text::{harmless, one_line};

/// How many of a failed step's last lines are shown.
const TAIL: usize = 10;

/// A failure in two parts: what stands above it, and itself.
pub(super) struct Report {
    pub(super) above: String,
    pub(super) failure: Failure,
}

/// Describes the error. `stopped` is what to exit with when the user stopped the build.
pub(super) fn report(error: &Error, source: &Source, look: Look, stopped: Option<Exit>) -> Report {
    let failure = Failure::of(error);
    match error {
        Error::Faults(faults) => {
            let message = match faults.len() {
                1 => "the Dockerfile has a fault".to_owned(),
                many => format!("the Dockerfile has {many} faults"),
            };
            Report { above: source.draw(faults, look), failure: Failure::new(message) }
        }
        Error::Image { span, .. } | Error::Step { span, .. } => {
            Report { above: excerpt(source, *span), failure }
        }
        Error::Command { name, span, log, .. } => {
            Report { above: tail(name, log) + &excerpt(source, *span), failure }
        }
        Error::Cancelled => {
            let exit = stopped.unwrap_or(Exit::FAILED);
            Report { above: String::new(), failure: failure.exit_with(exit) }
        }
        _ => Report { above: String::new(), failure },
    }
}

/// In a few words, for the line of the step itself.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Command { status: Status::Exited(code), .. } => {
            format!("the command ended with exit status {code}")
        }
        Error::Command { status: Status::Signaled(number), .. } => {
            format!("the command was killed by signal {number}")
        }
        other => {
            let mut last = other.source();
            while let Some(next) = last.and_then(|error| error.source()) {
                last = Some(next);
            }
            last.map_or_else(|| other.to_string(), ToString::to_string)
        }
    }
}

fn excerpt(source: &Source, span: Option<Span>) -> String {
    span.map(|span| source.excerpt(span)).unwrap_or_default()
}

/// The last lines of a step between rules, as BuildKit prints them.
fn tail(name: &str, log: &[u8]) -> String {
    let lines = progress::shown_lines(log);
    let mut text = format!("------\n > {}:\n", harmless(&one_line(name)));
    for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text + "------\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { colour: false, width: None };

    #[test]
    fn a_failed_command_is_shown_with_its_lines() {
        let text = "FROM busybox\nRUN echo one \\\n && false\n";
        let log: String = (1..=12).map(|line| format!("line {line}\n")).collect();
        let error = Error::Command {
            name: "[2/2] RUN echo one && false".into(),
            span: Some(Span::new(13, text.len() - 1)),
            status: Status::Exited(1),
            log: log.into_bytes(),
        };
        let report = report(&error, &Source::new("Dockerfile", text), LOOK, None);
        let lines: String = (3..=12).map(|line| format!("line {line}\n")).collect();
        assert_eq!(
            report.above,
            format!(
                "------\n > [2/2] RUN echo one && false:\n{lines}------\nDockerfile:2
--------------------
   1 |     FROM busybox
   2 | >>> RUN echo one \\
   3 | >>>  && false
--------------------
"
            )
        );
        let said = report.failure.text();
        assert!(said.ends_with("the command ended with exit status 1\n"), "{said}");
        assert_eq!(reason(&error), "the command ended with exit status 1");
        assert_eq!(report.failure.exit(), Exit::FAILED);
    }

    #[test]
    fn a_stopped_build_exits_with_the_signal() {
        let source = Source::new("Dockerfile", "");
        let stopped = report(&Error::Cancelled, &source, LOOK, Some(Exit::signal(2)));
        assert_eq!(stopped.failure.exit().code(), 130);
    }
}
