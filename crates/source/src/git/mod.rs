//! Commits of git repositories.
//!
//! Reading order: `reference` and `query` (what is asked for), `remote` (addresses).

mod query;
mod reference;
mod remote;
#[cfg(test)]
mod tests;

pub use query::QUERY_KEYS;
pub use reference::{GitReference, InvalidGitReference};
pub use remote::Remote;
