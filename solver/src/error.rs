//! What can end a build.

use std::error::Error as StdError;

use lapstrake_cache::{Beginning, Room};
use lapstrake_executor::{self as executor, Exceeded, Status};
use lapstrake_ids::{IdMap, Unmapped};
use lapstrake_oci::Platform;
use lapstrake_parser::{Diagnostic, Span};

use crate::lower::Near;

/// The rule about users and groups that the user namespace does not have.
pub(crate) const UNMAPPED: &str = "unmapped-id";

/// What to do about programs of another machine.
const EMULATION: &str = "install the package qemu-user-static, with which the kernel runs such \
    programs, or run the command in a stage `FROM --platform=$BUILDPLATFORM …`";

/// What to do about a secret in a layer.
const CLEAN: &str = "whoever has the image can read it: do not write it, remove the file in the same \
    RUN, or write --allow-secret-in-layer if it is meant to be there";

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
        span: Span,
        /// The stage that may be meant.
        near: Option<Near>,
        /// Why not.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A step's command ended with something else than success.
    #[error("{name}: {}", describe(*status, exceeded))]
    Command {
        /// The step as it is shown.
        name: String,
        /// Its instruction.
        span: Option<Span>,
        /// How the command ended.
        status: Status,
        /// The limits that it came up against.
        exceeded: Vec<Exceeded>,
        /// The end of what it wrote.
        log: Vec<u8>,
        /// What it began with.
        beginning: Box<Beginning>,
        /// The room of the store's disk when it ended, what it wrote included; `None` where that is no
        /// matter.
        room: Option<Box<Room>>,
    },
    /// A step's program is made for another machine, and the kernel knows no emulator for it.
    #[error("{name}: {}", foreign(platform))]
    Foreign {
        /// The step as it is shown.
        name: String,
        /// Its instruction.
        span: Option<Span>,
        /// What the program is made for.
        platform: Platform,
    },
    /// A step left a secret that it was given in its layer.
    #[error("{name}: {}", leak(id, path, form))]
    Leak {
        /// The step as it is shown.
        name: String,
        /// Its instruction.
        span: Option<Span>,
        /// Of the secret.
        id: String,
        /// In the image.
        path: String,
        /// How the secret is written there.
        form: &'static str,
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

impl Error {
    /// The error as faults of the Dockerfile, in file order; none when it has no place there.
    pub fn into_faults(self) -> Vec<Diagnostic> {
        let fault = match self {
            Self::Faults(faults) => return faults,
            Self::Image { name, span, near, source } => {
                let message = format!("cannot use the image {name}");
                let fault = Diagnostic::error("image-unavailable", span, message);
                let mut fault = caused(fault, Some(&*source));
                fault.help = remedy(&*source);
                match near {
                    Some(Near { name, span }) => fault
                        .with_label(span, format!("the stage {name}"))
                        .with_help(format!("did you mean the stage {name}?")),
                    None => fault,
                }
            }
            Self::Command { span: Some(span), status, exceeded, log, room, .. } => {
                let message = describe(status, &exceeded);
                let fault = Diagnostic::error("command-failed", span, message);
                match advice(status, &log, room.as_deref()).filter(|_| exceeded.is_empty()) {
                    Some(advice) => fault.with_help(advice),
                    None => fault,
                }
            }
            Self::Foreign { span: Some(span), platform, .. } => {
                Diagnostic::error("foreign-platform", span, foreign(&platform)).with_help(EMULATION)
            }
            Self::Leak { span: Some(span), id, path, form, .. } => {
                let message = leak(&id, &path, form);
                Diagnostic::error("secret-in-layer", span, message).with_help(CLEAN)
            }
            Self::Step { span: Some(span), source, .. } => {
                let hint = source.downcast_ref::<executor::Error>().and_then(executor::Error::hint);
                let rule = Unmapped::among(&*source).map_or("step-failed", |_| UNMAPPED);
                let fault = Diagnostic::error(rule, span, source.to_string());
                let mut fault = caused(fault, source.source());
                fault.help = remedy(&*source).or(hint.map(str::to_owned));
                fault
            }
            _ => return Vec::new(),
        };
        vec![fault]
    }
}

/// What can be done about an error of whatever kind, where one of its causes tells.
fn remedy(source: &(dyn StdError + 'static)) -> Option<String> {
    let of_limit = || executor::remedy_of_limit(source).map(str::to_owned);
    Unmapped::among(source).map(Unmapped::hint).or_else(of_limit)
}

/// Adds an error and its causes as reasons; one that the line above already says is left out.
pub(crate) fn caused(
    mut fault: Diagnostic,
    mut next: Option<&(dyn StdError + 'static)>,
) -> Diagnostic {
    while let Some(cause) = next {
        let text = cause.to_string();
        let above = fault.causes.last().unwrap_or(&fault.message);
        if !above.ends_with(&text) {
            fault.causes.push(text);
        }
        next = cause.source();
    }
    fault
}

/// What dash, bash and BusyBox say when they cannot start a process.
const FORKS: [&[u8]; 3] = [
    b"Cannot fork",
    b"fork: retry: Resource temporarily unavailable",
    b"fork: Resource temporarily unavailable",
];

/// Whether a command said that there is no room: the C library's words for ENOSPC.
pub(crate) fn is_lack(log: &[u8]) -> bool {
    says(log, b"No space left on device")
}

fn says(log: &[u8], words: &[u8]) -> bool {
    log.windows(words.len()).any(|window| window == words)
}

/// What the shell means by a status, or the end of a log, where it means something.
fn advice(status: Status, log: &[u8], room: Option<&Room>) -> Option<String> {
    let advice = match status {
        _ if room.is_some_and(Room::is_full) => {
            let room = room.map(ToString::to_string).unwrap_or_default();
            return Some(format!(
                "the disk of the store is full: with what the command wrote, {room}; lap cache prune makes \
                 room, and so does removing images with lap rmi; or name a store on a larger disk with --root"
            ));
        }
        _ if is_lack(log) => {
            let room = room.map(|room| format!(", {room}")).unwrap_or_default();
            return Some(format!(
                "a file system is full: /dev/shm has 64 MB where --shm-size does not say more; all else \
                 that is no tmpfs is on the disk of the store{room}, where lap cache prune makes room"
            ));
        }
        _ if IdMap::own().is_root_alone() && says(log, b"Invalid argument") => Some(
            "where it changes an owner or becomes another user: no id but root's is mapped here, and \
             `lap explain unmapped-id` says why",
        ),
        _ if FORKS.iter().any(|words| says(log, words)) => Some(executor::MORE_PROCESSES),
        Status::Exited(126) => {
            Some("126 mostly means that a program was found and is not executable")
        }
        Status::Exited(127) => {
            Some("127 mostly means that a program was not found: is it installed, and in PATH?")
        }
        Status::Exited(137) => Some(
            "137 mostly means that one of its programs was killed by signal 9: by somebody, or by the kernel \
             because memory ran out, of which dmesg tells",
        ),
        Status::Signaled(9) => Some(
            "signal 9 was sent by somebody, or by the kernel because memory ran out, of which dmesg tells",
        ),
        _ => None,
    };
    advice.map(str::to_owned)
}

/// Which secret is where.
pub fn leak(id: &str, path: &str, form: &str) -> String {
    format!("the secret {id} is in the step's layer: {form}, in {path}")
}

/// Why a program of another machine does not run.
pub fn foreign(platform: &Platform) -> String {
    format!("the program is for {platform}, which this machine cannot run")
}

/// How a command ended, and the limits that it came up against: in one line.
pub fn describe(status: Status, exceeded: &[Exceeded]) -> String {
    let end = match status {
        Status::Exited(code) => format!("the command ended with exit status {code}"),
        Status::Signaled(signal) => format!("the command was killed by signal {signal}"),
    };
    exceeded.iter().fold(end, |text, exceeded| format!("{text}: {exceeded}"))
}
