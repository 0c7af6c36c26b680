//! How a command ended.

/// How the first process of a sandbox ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code.
    Exited(u8),
    /// A signal of this number killed it.
    Signaled(i32),
}

impl Status {
    /// Whether it exited with 0.
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }

    /// The code a shell would report: the exit code, or 128 + signal.
    pub fn code(self) -> i32 {
        match self {
            Self::Exited(code) => i32::from(code),
            Self::Signaled(signal) => signal.saturating_add(128),
        }
    }
}
