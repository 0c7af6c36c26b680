//! The exit codes of `lap`: the one place that says what each means.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the command failed: wrong usage, a fault in the Dockerfile, a step that failed, no such image; `lap lint`: something was found; `lap fmt --check`, `--diff`: a file would change |
//! | 2 | `lap lint`, `lap fmt`: wrong usage or configuration, a file that cannot be read |
//! | 3 | `lap lint`, `lap fmt`: no files |
//! | 4 | `lap lint`, `lap fmt`: a file that is no Dockerfile |
//! | 125 | `lap run` itself failed: wrong usage, no such image, the sandbox cannot be made, what the command wrote cannot be passed on |
//! | 126 | `lap run`: the command was found and cannot be executed |
//! | 127 | `lap run`: the command was not found |
//! | 128 + n | stopped by signal n: 130 after Ctrl-C; for `lap run`, the command was killed by it |
//! | other | `lap run`: what the command exited with |

use std::process::ExitCode;

use lapstrake_executor::Status;

/// What the process exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(u8);

impl Exit {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const FAILED: Self = Self(1);
    pub(crate) const USAGE: Self = Self(2);
    pub(crate) const NO_FILES: Self = Self(3);
    pub(crate) const SYNTAX: Self = Self(4);
    pub(crate) const ENGINE: Self = Self(125);
    pub(crate) const NOT_EXECUTABLE: Self = Self(126);
    pub(crate) const NOT_FOUND: Self = Self(127);

    /// Stopped by a signal of this number.
    pub(crate) fn signal(number: i32) -> Self {
        Self(u8::try_from(number.saturating_add(128)).unwrap_or(u8::MAX))
    }

    /// As the command of a sandbox ended.
    pub(crate) fn of(status: Status) -> Self {
        match status {
            Status::Exited(code) => Self(code),
            Status::Signaled(number) => Self::signal(number),
        }
    }

    /// The number.
    pub(crate) fn code(self) -> i32 {
        i32::from(self.0)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
