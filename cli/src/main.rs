//! `lap`: container images from Dockerfiles, without a daemon.
//!
//! From [`args`] (what was typed) over [`commands`] to [`exit`] (what the shell sees). This crate
//! alone prints, reads the environment and the home directory and picks exit codes.

mod args;
mod attach;
mod aws;
mod bounded;
mod certificates;
mod commands;
mod config;
mod credentials;
mod diagnostics;
mod docker_config;
mod environment;
mod exit;
mod failure;
mod fetcher;
mod human;
mod images;
mod listing;
mod network;
mod numbers;
mod output;
mod page;
mod paths;
mod platform;
mod progress;
mod rootless;
mod session;
mod signal;
mod step_name;
mod table;
mod template;
mod terminal;
mod text;
mod thread;
mod whole_file;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A sandbox begins as a copy of this program.
    lapstrake_executor::sandbox_main_if_requested();
    if let Some(exit) = rootless::helper() {
        return exit;
    }
    let outcome = args::parse(std::env::args_os().collect()).and_then(commands::run);
    signal::heed_end();
    lapstrake_executor::dismiss_guard();
    let exit = outcome.unwrap_or_else(|failure| {
        output::stderr(&failure.text());
        failure.exit()
    });
    exit.into()
}
