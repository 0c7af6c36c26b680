//! Runs one command in a throwaway sandbox made of namespaces.
//!
//! `RUN` steps of a build and `lap run` are the same sandbox. A [`SandboxSpec`] is inert data; the
//! pure function [`plan`] turns it into an ordered list of [`Step`]s; a freshly executed, sealed
//! copy of the running binary carries them out inside new namespaces and then becomes the command.
//! Defaults (capabilities, seccomp, masks, devices) are Docker's.
//!
//! What it deliberately does not do: it knows no image, digest or cache key; it never prints and
//! never reads the environment; it keeps no state on disk but the register of control groups. When [`Sandbox::wait`] has returned, no
//! process, mount or file of the sandbox is left but what the command wrote into `upper`.
//!
//! The program that links this crate has to call [`sandbox_main_if_requested`] first in `main`.
//!
//! Modules in reading order: `spec`, `status`, `cancel`, `error`, `cause` (the interface); `plan`, `facts`,
//! `resolv`, `user`, `seccomp` (pure); `stage` (inside the sandbox); `begun`, `sandbox`,
//! `guard`, `network`, `publish`, `cgroup`, `tmpfs`, `handed`, `spawn`, `stage_file`, `memory`, `wire`, `stubs`, `volatile` (the parent); `sys` (all `unsafe`).

#![deny(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod begun;
mod bytes;
mod cancel;
mod cause;
mod cgroup;
mod error;
mod executor;
mod facts;
mod guard;
mod handed;
mod inside;
mod lasting;
mod memory;
mod network;
mod plan;
mod publish;
mod resolv;
mod sandbox;
mod seccomp;
mod spawn;
mod spec;
mod stage;
mod stage_file;
mod status;
mod stubs;
mod sys;
mod tmpfs;
mod user;
mod volatile;
mod wire;

pub use begun::{Begun, Shape, start};
pub use bytes::Bytes;
pub use cancel::Cancel;
pub use cause::remedy_of_limit;
pub use cgroup::{ControlGroup, Exceeded, GroupLimits, Swap, Unenforceable, remove_stale_groups};
pub use error::{Errno, Error, MORE_PROCESSES, Operation, Refusal};
pub use executor::{Ended, Executor, Sandboxes};
pub use facts::{CgroupLayout, HostFacts};
pub use guard::{dismiss_guard, relieve_guard};
pub use lapstrake_ids::IdMap;
pub use network::{Connector, ConnectorKind, TUN};
pub use plan::{Attribute, Capabilities, NewMount, Place, Step, plan};
pub use publish::{Listeners, Protocol, Publication, Published};
pub use resolv::resolv_conf;
pub use sandbox::{Sandbox, Stdio};
pub use spec::{
    DEFAULT_HOSTNAME, DEFAULT_PATH, EtcFiles, Limit, Mount, Network, Resource, Rootfs, SandboxSpec,
    Scratch, Security, Source, TerminalSize,
};
pub use stage::sandbox_main_if_requested;
pub use stage_file::use_stage_file;
pub use status::Status;
pub use stubs::create_stubs;
pub use user::UserError;
