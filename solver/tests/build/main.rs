//! Builds without privileges: a fake executor and images that are made up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here is a failed test"
)]

mod cache;
mod context;
mod support;
