//! What can end a build.

use std::error::Error as StdError;

use lapstrake_executor::Status;
use lapstrake_parser::{Diagnostic, Span};

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Dockerfile, or what it names, is at fault: all independent faults, in file order.
    #[error("the Dockerfile has {} fault(s)", .0.len())]
    Faults(Vec<Diagnostic>),
    /// A base image cannot be had.
    #[error("cannot use the image {name}")]
    Image {
        /// As the Dockerfile names it.
        name: String,
        /// Where.
        span: Option<Span>,
        /// Why not.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A step's command ended with something else than success.
    #[error("{name}: {}", describe(*status))]
    Command {
        /// The step as it is shown.
        name: String,
        /// Its instruction.
        span: Option<Span>,
        /// How the command ended.
        status: Status,
        /// The end of what it wrote.
        log: Vec<u8>,
    },
    /// A step could not be carried out.
    #[error("{name} failed")]
    Step {
        /// The step as it is shown.
        name: String,
        /// Its instruction.
        span: Option<Span>,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The store failed outside of a step.
    #[error("the store failed")]
    Store(#[source] lapstrake_cache::Error),
    /// The image that was built cannot be written down.
    #[error("cannot write the image's {what}")]
    Export {
        /// Which part.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The user stopped the build.
    #[error("cancelled")]
    Cancelled,
}

fn describe(status: Status) -> String {
    match status {
        Status::Exited(code) => format!("the command ended with exit status {code}"),
        Status::Signaled(signal) => format!("the command was killed by signal {signal}"),
    }
}
