//! What can go wrong with a remote source. No text holds a user name, a password or a token.

use std::io;
use std::time::Duration;

use lapstrake_http::{InvalidProxy, InvalidUrl};
use lapstrake_oci::Digest;
use lapstrake_rootfs::WriteError;

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
    /// The layer could not be written.
    #[error("cannot write {what}")]
    Write {
        /// What was fetched.
        what: String,
        /// How it failed.
        source: WriteError,
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
            Self::Checksum { .. } => Some(
                "if the new content is the one you want, put its checksum into the Dockerfile"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Whether it is about the checksum that was asked for.
    pub fn is_checksum(&self) -> bool {
        matches!(self, Self::Checksum { .. })
    }
}

/// The name of a status, for those that people meet.
fn reason(status: u16) -> &'static str {
    ureq::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("(unknown)")
}
