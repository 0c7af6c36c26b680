//! What can go wrong with a bucket.

use std::fmt;
use std::io;

use lapstrake_http::InvalidProxy;

/// Why a bucket cannot be used. Shows no signature and no secret.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The endpoint is no address of a server.
    #[error("the endpoint {endpoint} is no URL of the form https://HOST[:PORT]")]
    Endpoint {
        /// What it is, without a password.
        endpoint: String,
    },
    /// A bucket that cannot be asked for.
    #[error(
        "the bucket {bucket:?} cannot be asked for at this endpoint: write use_path_style=true for a name \
         that is no host name"
    )]
    Name {
        /// Its name.
        bucket: String,
    },
    /// A name or prefix that makes no key.
    #[error(
        "{key:?} is no key for an object: its parts are not empty, not . and not .., and all is at most \
         900 bytes long"
    )]
    Key {
        /// What it would be.
        key: String,
    },
    /// A proxy that is none.
    #[error(transparent)]
    Proxy {
        /// Why.
        source: InvalidProxy,
    },
    /// There is no manifest under any of the names.
    #[error("there is no cache at {place}")]
    NotThere {
        /// Bucket, prefix and first name.
        place: String,
    },
    /// The server was not reached, or it did not answer.
    #[error("cannot reach {server}")]
    Request {
        /// Scheme, host, port.
        server: String,
        /// Why not.
        #[source]
        source: Box<ureq::Error>,
    },
    /// An answer that breaks off.
    #[error("cannot read {object}")]
    Read {
        /// Its key.
        object: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server says no.
    #[error(
        "cannot {operation} {object} in the bucket {bucket}: the server answers {status}{}",
        Said { code, message, region: region.as_deref(), is_anonymous: *is_anonymous }
    )]
    Refused {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// Its key.
        object: String,
        /// The bucket.
        bucket: String,
        /// HTTP's status.
        status: u16,
        /// S3's code; may be empty.
        code: String,
        /// What the server says; may be empty.
        message: String,
        /// Where the bucket is, if that is somewhere else.
        region: Option<String>,
        /// Whether nobody in particular asked.
        is_anonymous: bool,
    },
    /// Larger than one request may be.
    #[error(
        "{object} has {size} bytes, more than the {limit} that an object of one request may have"
    )]
    TooLarge {
        /// Its key.
        object: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl BucketError {
    /// Whether it is the bucket that is not there, and not one of its objects.
    pub(super) fn is_of_the_bucket(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "NoSuchBucket")
    }
}

/// What follows the status.
struct Said<'a> {
    code: &'a str,
    message: &'a str,
    region: Option<&'a str>,
    is_anonymous: bool,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.code.is_empty() {
            write!(formatter, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(formatter, " ({})", self.message.trim_end_matches('.'))?;
        }
        if let Some(region) = self.region {
            write!(formatter, "; the bucket is in the region {region}")?;
        }
        match self.is_anonymous {
            true => formatter.write_str(
                "; nobody's credentials were sent: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
            false => Ok(()),
        }
    }
}
