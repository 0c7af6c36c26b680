//! Builds without privileges: a fake executor and images that are made up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here is a failed test"
)]

mod cache;
mod context;
mod digest;
mod epoch;
mod fetch;
mod keys;
mod mount;
#[path = "../../../crates/source/tests/support/origin.rs"]
#[allow(dead_code, reason = "shared with the tests of remote sources")]
mod origin;
mod platform;
mod reason;
#[path = "../../../crates/registry/tests/support/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the registry client")]
mod server;
mod shared;
mod start;
mod support;
