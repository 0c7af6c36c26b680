//! What can go wrong with a remote source. No text holds a user name, a password or a token.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lapstrake_http::{Denied, InvalidProxy, InvalidUrl};
use lapstrake_oci::Digest;
use lapstrake_rootfs::WriteError;
use lapstrake_rootfs::tar::ApplyError;

/// Why a remote source cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configured proxy is no URL.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// A request could not be sent, or no answer came.
    #[error("cannot reach {url}")]
    Request {
        /// Where to, without its query.
        url: String,
        /// What happened.
        source: ureq::Error,
    },
    /// The configuration denies the host.
    #[error("refusing to ask {url}")]
    Policy {
        /// Where to, without its query.
        url: String,
        /// What denies it.
        source: Denied,
    },
    /// The addresses of a repository's host are not known.
    #[error("cannot look up the host of {remote}")]
    Lookup {
        /// The repository, without its login.
        remote: String,
        /// What happened.
        source: io::Error,
    },
    /// Nothing happened for too long.
    #[error("gave up on {url}: no {awaited} within {} s", .limit.as_secs_f32())]
    Timeout {
        /// What was asked, without its query.
        url: String,
        /// What was waited for.
        awaited: &'static str,
        /// For how long.
        limit: Duration,
    },
    /// The connection was cut in the middle of an answer.
    #[error("the connection to {url} was cut")]
    Interrupted {
        /// What was asked, without its query.
        url: String,
        /// What happened.
        source: io::Error,
    },
    /// An answer that is no success.
    #[error("{url} answered {status} {}", reason(*.status))]
    Status {
        /// What was asked, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The host, as secrets name it.
        host: String,
    },
    /// A redirect to nowhere, or to something else than HTTP.
    #[error("refusing the redirect of {url}: {reason}")]
    Redirect {
        /// What was asked, without its query.
        url: String,
        /// What is wrong with the location.
        reason: InvalidUrl,
    },
    /// Redirects without end.
    #[error("{url} redirects more than {limit} times")]
    Redirects {
        /// What was asked first, without its query.
        url: String,
        /// How many are followed.
        limit: usize,
    },
    /// More comes than is taken.
    #[error("refusing {url}: it is larger than {limit} bytes")]
    TooLarge {
        /// What was asked, without its query.
        url: String,
        /// The most that is taken.
        limit: u64,
    },
    /// What came has not the checksum that it should have.
    #[error("{url} is not what it should be: got {found}, wanted {expected}")]
    Checksum {
        /// What was asked, without its query.
        url: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// A secret that cannot be sent.
    #[error("the secret {id} is not one line of text")]
    Secret {
        /// Its id.
        id: String,
    },
    /// A stream or file could not be read.
    #[error("cannot read {what}")]
    Read {
        /// What it is called.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// An archive could not be unpacked.
    #[error("cannot unpack {what}")]
    Archive {
        /// What it is called.
        what: String,
        /// Why not.
        source: ApplyError,
    },
    /// The layer could not be written.
    #[error("cannot write {what}")]
    Write {
        /// What was fetched.
        what: String,
        /// How it failed.
        source: WriteError,
    },
    /// A file of the work in progress.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The `git` program cannot be run or talked to.
    #[error("cannot run git")]
    NoGit {
        /// Why not.
        source: io::Error,
    },
    /// The `git` program failed.
    #[error("git cannot fetch {remote}: {said}")]
    Git {
        /// The repository.
        remote: String,
        /// What it said last.
        said: String,
    },
    /// A repository that is elsewhere, where its credentials do not go and nothing was checked.
    #[error(
        "{remote} has moved, and with credentials or network.deny it is not followed: write its new address"
    )]
    Moved {
        /// Where it was.
        remote: String,
    },
    /// A repository without that branch or tag.
    #[error("{remote} has no branch or tag {name}")]
    NoReference {
        /// The repository.
        remote: String,
        /// What was asked for.
        name: String,
    },
    /// A repository whose default branch cannot be told.
    #[error("{remote} has no default branch that could be used")]
    NoDefault {
        /// The repository.
        remote: String,
    },
    /// A commit that is not the one that it should be.
    #[error("{remote} is not what it should be: {name} is {found}, wanted {expected}")]
    Commit {
        /// The repository.
        remote: String,
        /// What was asked for.
        name: String,
        /// What it is.
        found: String,
        /// What it should begin with.
        expected: String,
    },
    /// Too little is known to fetch a commit by itself.
    #[error("fetch-by-commit needs a whole commit id of 40 or 64 digits as the checksum")]
    NoCommit,
    /// A directory that the commit does not have.
    #[error("{remote} has no directory {path}")]
    NoDirectory {
        /// The repository.
        remote: String,
        /// What was asked for.
        path: String,
    },
    /// Something else than a directory.
    #[error("{path} in {remote} is not a directory")]
    NotDirectory {
        /// The repository.
        remote: String,
        /// The path.
        path: String,
    },
    /// A repository that holds what none should.
    #[error("{remote} holds {what}: {name:?}")]
    Hostile {
        /// The repository.
        remote: String,
        /// What it holds.
        what: &'static str,
        /// What that is called.
        name: String,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] lapstrake_cache::Error),
    /// The user stopped it.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Status { status: 401 | 403, host, .. } => Some(format!(
                "give a token with --secret id=HTTP_AUTH_TOKEN_{host},src=FILE, or a whole \
                 Authorization header with HTTP_AUTH_HEADER_{host}"
            )),
            Self::Status { status: 404 | 410, .. } => Some("check the address".to_owned()),
            Self::Checksum { .. } | Self::Commit { .. } => {
                Some("if the new content is the one you want, put its checksum there".to_owned())
            }
            Self::NoGit { source } if source.kind() == io::ErrorKind::NotFound => {
                Some("install the package git".to_owned())
            }
            Self::Git { said, .. } => hint_of_git(said),
            Self::NoReference { .. } => Some("a commit has to be named by its whole id".to_owned()),
            _ => None,
        }
    }

    /// Whether it is about the checksum that was asked for.
    pub fn is_checksum(&self) -> bool {
        matches!(self, Self::Checksum { .. } | Self::Commit { .. } | Self::NoCommit)
    }

    /// For `map_err`.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }
}

/// What the user can do about what the `git` program says.
fn hint_of_git(said: &str) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let hint = if says(&[
        "could not read Username",
        "Authentication failed",
        "error: 401",
        "error: 403",
    ]) {
        "check the address, or give a token with --secret id=GIT_AUTH_TOKEN,src=FILE"
    } else if says(&["Permission denied (publickey"]) {
        "let an agent log in, with --ssh default"
    } else if says(&["Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
        "the host is not who it was: check its key in ~/.ssh/known_hosts"
    } else if says(&["invalid index-pack output"]) {
        "what came is damaged, or larger than what is taken of a source"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// The name of a status, for those that people meet.
fn reason(status: u16) -> &'static str {
    ureq::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("(unknown)")
}
