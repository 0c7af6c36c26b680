//! The real binary on real input: builds, runs and moves images, on a store of its own in each test.
//!
//! What the tests start from (base images in a registry that stands for docker.io, the tools they
//! compare with) is prepared by `cargo xtask test`. A test whose tool or privilege is missing fails.
//!
//! Reading order: [`support`], then by subject. [`nginx`], [`counter`], [`compiled`], [`chain`] and
//! [`diamond`] are the images of `testdata/e2e`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking, also in its helping functions"
)]

mod annotation;
mod attestation;
mod backend;
mod bucket;
mod build;
mod cache;
mod call;
mod chain;
mod check;
mod compiled;
mod context;
mod corpus;
mod counter;
mod debug;
mod defaults;
mod delivered;
mod diamond;
mod disk;
mod endless;
mod exhaust;
mod fault;
mod faulty;
mod fmt;
mod form;
mod hostile;
mod image;
mod interrupt;
mod layer;
mod leak;
mod limit;
mod lint;
mod lint_store;
mod log;
mod lsp;
mod machine;
mod many;
mod mount;
mod mounts;
mod network;
mod nginx;
mod output;
mod platform;
mod policy;
mod private;
mod privilege;
mod prune;
mod publish;
mod push;
mod reason;
mod recipe;
mod recover;
mod registry;
mod registry_host;
mod remote;
mod reproducible;
mod room;
mod rootless;
mod run;
mod sandbox;
mod secret;
mod shared;
mod storm;
mod support;
mod surroundings;
mod syscall;
mod unmapped;
mod usage;
mod verify;
mod waiting;
mod why;
