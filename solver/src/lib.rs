//! From a Dockerfile to an image: lowering, keys, scheduling, export.
//!
//! The way of a Dockerfile word to a layer, in reading order:
//! 1. [`build`]: the one function that a front end calls, and what it asks for.
//! 2. [`lower`]: syntax tree and base image configs to a graph and an image config. Pure: when a
//!    base image is missing it says which, and is called again.
//! 3. [`graph`]: ops and what they take from each other. From here on no Dockerfile word is known.
//! 4. [`key`]: what an op is looked up by in the cache.
//! 5. [`schedule`]: every vertex once its inputs are there; independent ones at the same time.
//! 6. [`op`]: one vertex: look-up, and on a miss its execution.
//!    [`reason`] says why it was missed.
//! 7. `delivery`: the layers are brought here, but for those that are already where the image goes;
//!    `arrival` tells how far they are.
//! 8. [`export`]: config, manifest and tags; `stamp` gives an image the times that it is to have.
//!
//! This crate prints nothing and reads no environment: it reports [`event::Event`]s, and errors
//! with their place in the Dockerfile.

mod age;
mod arrival;
mod bases;
pub mod build;
pub mod delivery;
pub mod digest;
pub mod error;
pub mod event;
pub mod export;
pub mod graph;
pub mod image;
mod journal;
pub mod key;
pub mod lower;
pub mod op;
mod owner;
mod past;
pub mod reason;
pub mod schedule;
pub mod shared;
mod stamp;
pub mod why;

pub use age::{age, age_within};
pub use build::{Built, Request, Times, build, survey};
pub use delivery::Delivery;
pub use error::Error;
pub use event::Event;
pub use reason::Reason;
