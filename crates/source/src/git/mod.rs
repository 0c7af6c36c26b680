//! Commits of git repositories.
//!
//! Reading order: `reference` and `query` (what is asked for), `remote` (addresses), `access`
//! (credentials), `reach`
//! (who is not connected to); `program` (running `git`), `resolve` (what a name stands for), `repository`
//! (fetching), `tree`, `content` and `submodule` (what a commit holds), `checkout` (writing it as a
//! layer), `fetch` (the store).

mod access;
mod checkout;
mod content;
mod fetch;
mod program;
mod query;
mod reach;
mod reference;
mod remote;
mod repository;
mod resolve;
mod submodule;
#[cfg(test)]
mod tests;
mod tree;

pub use program::GitConfig;
pub use query::QUERY_KEYS;
pub use reference::{GitReference, InvalidGitReference};
pub use remote::Remote;
