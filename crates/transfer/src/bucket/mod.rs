//! A cache in a bucket: in an object store that speaks S3's protocol.
//!
//! ```text
//! PREFIX + BLOBS + sha256:HEX      a blob, as BuildKit calls its own
//! PREFIX + MANIFESTS + NAME        the manifest of the cache
//! ```
//!
//! Requests are signed in their query (AWS Signature Version 4), which no error and no text shows. Like a
//! registry, a bucket is believed in nothing: whatever is read is held against its digest.

mod answer;
mod error;
mod request;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::sync::Arc;
use std::time::Duration;

use lapstrake_http::{Agents, Policy, Proxy, Settings, Timeouts, Url};
use lapstrake_oci::{Descriptor, Digest, MAX_DOCUMENT_SIZE};
use rusty_s3::UrlStyle;
use ureq::SendBody;
use ureq::http::Method;

pub use self::error::BucketError;
use self::request::Request;
use crate::timely;

/// The largest object that one request may write (S3: 5 GiB).
const LARGEST: u64 = 5 << 30;

/// Where a cache is in which bucket, and who asks.
#[derive(Clone)]
pub struct BucketConfig {
    /// The server: `https://HOST[:PORT]`, or `http` for one without TLS; a path is kept.
    pub endpoint: String,
    /// What signatures are for.
    pub region: String,
    /// The bucket's name.
    pub bucket: String,
    /// `ENDPOINT/BUCKET`, else `BUCKET.ENDPOINT`. Hosts that are IP addresses are always asked the first
    /// way.
    pub path_style: bool,
    /// Who asks; nobody for a bucket that is open to all.
    pub credentials: Option<BucketCredentials>,
    /// What the keys of blobs begin with.
    pub blobs: String,
    /// What the keys of manifests begin with.
    pub manifests: String,
    /// The cache's names: read is the first that is there, written are all. Not empty.
    pub names: Vec<String>,
    /// A blob that is there and older than this gets a new time, so that a rule of the bucket that removes
    /// old objects spares it. Zero: never.
    pub touch: Duration,
    /// How the server is reached.
    pub proxy: Proxy,
    /// Who is not connected to.
    pub policy: Arc<Policy>,
    /// How long it is waited for.
    pub timeouts: Timeouts,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketCredentials {
    /// The access key's id, which is no secret.
    pub id: String,
    /// The access key.
    pub secret: String,
    /// What belongs to keys that are good for some time only.
    pub token: Option<String>,
}

impl fmt::Debug for BucketCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BucketCredentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A bucket, with connections that are kept. Cloned, it is the same one.
#[derive(Clone)]
pub struct Bucket(Arc<Inner>);

struct Inner {
    config: BucketConfig,
    agents: Agents,
    bucket: rusty_s3::Bucket,
    credentials: Option<rusty_s3::Credentials>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Bucket({self})")
    }
}

/// The cache's first name.
impl fmt::Display for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BucketConfig { bucket, manifests, names, .. } = &self.0.config;
        let name = names.first().map_or("", String::as_str);
        write!(formatter, "s3://{bucket}/{manifests}{name}")
    }
}

impl Bucket {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When endpoint, bucket, keys or proxy cannot be.
    pub fn new(config: BucketConfig) -> Result<Self, BucketError> {
        check_keys(&config)?;
        let invalid = || BucketError::Endpoint { endpoint: shown(&config.endpoint) };
        let origin = Url::parse(&config.endpoint).map_err(|_| invalid())?.origin;
        let endpoint = config.endpoint.parse().map_err(|_| invalid())?;
        let is_address = origin.host.parse::<std::net::IpAddr>().is_ok();
        let style = match config.path_style || is_address {
            true => UrlStyle::Path,
            false => UrlStyle::VirtualHost,
        };
        let (name, region) = (config.bucket.clone(), config.region.clone());
        let bucket = rusty_s3::Bucket::new(endpoint, style, name, region)
            .map_err(|_| BucketError::Name { bucket: config.bucket.clone() })?;
        let settings = Settings {
            proxy: config.proxy.clone(),
            policy: config.policy.clone(),
            timeouts: config.timeouts,
            ..Settings::default()
        };
        let agents = Agents::new(&settings).map_err(|source| BucketError::Proxy { source })?;
        let credentials = config.credentials.clone().map(|known| match known.token {
            Some(token) => rusty_s3::Credentials::new_with_token(known.id, known.secret, token),
            None => rusty_s3::Credentials::new(known.id, known.secret),
        });
        Ok(Self(Arc::new(Inner { config, agents, bucket, credentials })))
    }

    /// The bytes of the manifest, which are not checked.
    pub(crate) fn manifest(&self) -> Result<Vec<u8>, BucketError> {
        let config = &self.0.config;
        for name in &config.names {
            let key = format!("{}{name}", config.manifests);
            let answer = self.0.send(&Request::new(Method::GET, &key))?;
            if answer.status() == 404 {
                let refused = self.0.refused("read", &key, answer);
                match refused.is_of_the_bucket() {
                    true => return Err(refused),
                    false => continue,
                }
            }
            let answer = self.0.good("read", &key, answer)?;
            let failed = |source| BucketError::Read { object: key.clone(), source };
            let body = answer.into_body().into_reader().take(MAX_DOCUMENT_SIZE as u64 + 1);
            return timely::read(body, timely::LIMIT).map_err(failed);
        }
        Err(BucketError::NotThere { place: self.to_string() })
    }

    /// The bytes of a blob, which are not checked.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, BucketError> {
        let key = self.blob_key(digest);
        let answer = self.0.send(&Request::new(Method::GET, &key))?;
        Ok(Box::new(self.0.good("read", &key, answer)?.into_body().into_reader()))
    }

    /// Whether a blob is there. Where the server does not tell, it is not: an attempt to write it then says
    /// why.
    pub(crate) fn has(&self, blob: &Descriptor) -> Result<bool, BucketError> {
        let key = self.blob_key(&blob.digest);
        let answer = self.0.send(&Request::new(Method::HEAD, &key))?;
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        let size = header("content-length").and_then(|size| size.parse::<u64>().ok());
        if !answer.status().is_success() || size != Some(blob.size) {
            return Ok(false);
        }
        match header("last-modified").and_then(answer::age) {
            Some(age) if !self.0.config.touch.is_zero() && age > self.0.config.touch => {
                self.touch(&key)
            }
            _ => Ok(true),
        }
    }

    /// Gives an object a new time; whether it is still there. Not to be allowed to is no fault: the object
    /// is as good as before.
    fn touch(&self, key: &str) -> Result<bool, BucketError> {
        let source = format!("/{}/{}", self.0.config.bucket, request::encoded(key));
        let request = Request::new(Method::PUT, key)
            .with("x-amz-copy-source", source)
            .with("x-amz-metadata-directive", "REPLACE".to_owned());
        Ok(self.0.send(&request)?.status() != 404)
    }

    /// Writes a blob: it is there as a whole or not at all.
    pub(crate) fn put(&self, blob: &Descriptor, file: &File) -> Result<(), BucketError> {
        let key = self.blob_key(&blob.digest);
        if blob.size > LARGEST {
            return Err(BucketError::TooLarge { object: key, size: blob.size, limit: LARGEST });
        }
        let body = || {
            let mut file = file.try_clone()?;
            file.rewind()?;
            Ok(SendBody::from_owned_reader(file.take(blob.size)))
        };
        self.write(&key, blob.size, &body)
    }

    /// Gives the cache its names.
    pub(crate) fn name(&self, manifest: &[u8]) -> Result<(), BucketError> {
        let body = || Ok(SendBody::from_owned_reader(io::Cursor::new(manifest.to_vec())));
        for name in &self.0.config.names {
            let key = format!("{}{name}", self.0.config.manifests);
            self.write(&key, manifest.len() as u64, &body)?;
        }
        Ok(())
    }

    fn write(&self, key: &str, size: u64, body: request::Content<'_>) -> Result<(), BucketError> {
        let request = Request::new(Method::PUT, key).with_body(size, body);
        let answer = self.0.send(&request)?;
        self.0.good("write", key, answer).map(drop)
    }

    fn blob_key(&self, digest: &Digest) -> String {
        format!("{}{digest}", self.0.config.blobs)
    }
}

/// Keys that a URL can carry: no server and no proxy on the way may take a part of one for a step up.
fn check_keys(config: &BucketConfig) -> Result<(), BucketError> {
    let keys = config.names.iter().map(|name| format!("{}{name}", config.manifests));
    for key in keys.chain([format!("{}sha256:", config.blobs)]) {
        let is_odd = |part: &str| matches!(part, "" | "." | "..");
        if key.split('/').any(is_odd) || key.contains(char::is_control) || key.len() > 900 {
            return Err(BucketError::Key { key });
        }
    }
    match config.names.is_empty() || config.bucket.is_empty() || config.region.is_empty() {
        true => Err(BucketError::Name { bucket: config.bucket.clone() }),
        false => Ok(()),
    }
}

/// An address without what may be a password in it.
fn shown(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split(['?', '#']).next().unwrap_or_default();
    match scheme {
        "" => host.to_owned(),
        scheme => format!("{scheme}://{host}"),
    }
}
