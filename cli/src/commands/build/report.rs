//! What the user reads when a build fails.

use std::error::Error as _;

use lapstrake_solver::Error;
use lapstrake_solver::error::{describe, foreign, leak};

use super::faults::{self, Faults};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::{harmless, one_line};
use crate::{output, progress};

/// How many of a failed step's last lines are shown.
const TAIL: usize = 10;

/// Tells why the build failed, and says what its last line is. `notes` are lines about its log, `stopped`
/// is what to exit with when the user stopped the build.
pub(super) fn report(
    error: Error,
    faults: &mut Faults<'_>,
    notes: &str,
    stopped: Option<Exit>,
) -> Failure {
    if matches!(error, Error::Cancelled) {
        return Failure::of(&error).exit_with(stopped.unwrap_or(Exit::FAILED));
    }
    if let Error::Command { name, log, .. } = &error {
        output::stderr(&(tail(name, log) + notes));
    }
    let failure = Failure::of(&error);
    let summary = Failure::new(error.to_string());
    let has_many = matches!(error, Error::Faults(_));
    let found = error.into_faults();
    let help = faults::read_on(&found.iter().collect::<Vec<_>>());
    match faults.tell(found) {
        Ok(()) => failure,
        Err(count) if has_many => count,
        // What is said above is not said again.
        Err(_) => summary.help(help).like(&failure),
    }
}

/// The image that cannot be had, if that is why.
pub(super) fn image(error: &Error) -> Option<String> {
    match error {
        Error::Image { name, .. } => Some(name.clone()),
        _ => None,
    }
}

/// In a few words, for the line of the step itself.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Command { status, exceeded, .. } => describe(*status, exceeded),
        Error::Foreign { platform, .. } => foreign(platform),
        Error::Leak { id, path, form, .. } => leak(id, path, form),
        Error::Faults(faults) => match faults.as_slice() {
            [only] => only.message.clone(),
            _ => error.to_string(),
        },
        Error::Step { source, .. } => {
            let (mut text, mut next) = (source.to_string(), source.source());
            while let Some(cause) = next {
                text += &format!(": {cause}");
                next = cause.source();
            }
            text
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

    #[test]
    fn the_end_of_a_log_is_shown() {
        let log: String = (1..=12).map(|line| format!("line {line}\n")).collect();
        let lines: String = (3..=12).map(|line| format!("line {line}\n")).collect();
        assert_eq!(
            tail("[2/2] RUN echo one && false", log.as_bytes()),
            format!("------\n > [2/2] RUN echo one && false:\n{lines}------\n")
        );
    }
}
