//! Logs: what the steps of builds wrote, whole, and what a step that failed began with. No key and no
//! layer depends on them.
//!
//! ```text
//! logs/ID/entries     an [`Entry`] as JSON in each line, appended as it happens; locked while the
//!                     build runs
//! logs/ID/NUMBER.zst  what step NUMBER wrote
//! ```
//! Nothing is flushed to disk: after a power cut the end of a log may be missing. What a killed build
//! wrote is there but for its last second.

mod reader;
mod writer;

use std::path::{Path, PathBuf};

use lapstrake_rootfs::LayerId;
use serde::{Deserialize, Serialize};

use crate::ActionKey;

pub use reader::{Log, LogState, LoggedStep};
pub use writer::LogWriter;

/// Something that happened in a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// It began: the first line.
    Begin {
        /// Nanoseconds since 1970.
        time: i64,
        /// What is built.
        subject: String,
    },
    /// It has this step; those of the Dockerfile come in its order.
    Step {
        /// From 1.
        place: u32,
        /// How it is shown.
        name: String,
    },
    /// A step begins, be it to be found in the cache.
    Begun {
        /// Which.
        place: u32,
        /// What it is called by from now on.
        number: u32,
    },
    /// A step ended.
    End {
        /// Which.
        number: u32,
        /// How, in a word.
        outcome: String,
        /// How long it took.
        milliseconds: u64,
    },
    /// A command failed.
    Failed(Box<Beginning>),
    /// It is over.
    Over {
        /// How, in a word.
        outcome: String,
    },
}

/// What a command began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// The key of its step.
    pub key: ActionKey,
    /// The root file system, lowest layer first.
    pub layers: Vec<LayerId>,
    /// Variables, without those of secrets and proxies.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: String,
    /// User and group, as the Dockerfile has them.
    pub user: String,
}

fn folder(root: &Path) -> PathBuf {
    root.join("logs")
}

fn entries_path(log: &Path) -> PathBuf {
    log.join("entries")
}

fn output_path(log: &Path, number: u32) -> PathBuf {
    log.join(format!("{number}.zst"))
}
