//! Remote sources: files behind URLs, git repositories and archives, each as one layer in the store.
//!
//! Whatever comes from outside is bounded in bytes and time, and written through `rootfs`, so that
//! no name and no link in it leads anywhere. Logins and tokens go to the host that they belong to;
//! they are in no key, no layer, no argument of a program and no message.
//!
//! It knows no Dockerfile and no graph, reads no environment and prints nothing.
//!
//! Start at [`Fetcher`]. In reading order: `fetcher`, `http`, `git`, `archive`, `secret`, `redact`, `error`.

mod archive;
mod date;
mod error;
mod fetcher;
mod git;
mod http;
mod redact;
mod secret;

pub use archive::{Brought, CONTEXT_NAME};
pub use error::Error;
pub use fetcher::{Config, Fetched, Fetcher, Version};
pub use git::{GitConfig, GitReference, InvalidGitReference, QUERY_KEYS, Remote};
pub use http::{HttpSource, HttpUrl};
pub use redact::redacted;
pub use secret::Secrets;
