//! What `type=s3` takes, in BuildKit's words; and what of it no message may show.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::TypedValueParser;

use super::export::{boolean, fields};
use super::limit::duration;

/// The fields of a bucket as they were written; what is missing, the environment may say.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct BucketFields {
    pub(crate) bucket: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    /// Names of the cache, separated by `;`.
    pub(crate) name: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) blobs_prefix: Option<String>,
    pub(crate) manifests_prefix: Option<String>,
    pub(crate) key_id: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) path_style: bool,
    pub(crate) touch: Option<Duration>,
}

impl fmt::Debug for BucketFields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, name, prefix, .. } = self;
        let mut shown = formatter.debug_struct("BucketFields");
        shown.field("bucket", bucket).field("name", name).field("prefix", prefix);
        shown.finish_non_exhaustive()
    }
}

impl BucketFields {
    /// Takes the field if it is one of a bucket; whether it is.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let field = match key {
            "bucket" => &mut self.bucket,
            "region" => &mut self.region,
            "endpoint_url" => &mut self.endpoint,
            "name" => &mut self.name,
            "prefix" => &mut self.prefix,
            "blobs_prefix" => &mut self.blobs_prefix,
            "manifests_prefix" => &mut self.manifests_prefix,
            "access_key_id" => &mut self.key_id,
            "secret_access_key" => &mut self.key,
            "session_token" => &mut self.token,
            "use_path_style" => {
                self.path_style = boolean(key, value)?;
                return Ok(true);
            }
            "touch_refresh" => {
                let fault = || format!("touch_refresh={value} is no time such as 24h");
                self.touch = Some(duration(value).ok_or_else(fault)?);
                return Ok(true);
            }
            _ => return Ok(false),
        };
        // As where a variable of a script is not set.
        *field = Some(value.to_owned()).filter(|value| !value.is_empty());
        Ok(true)
    }
}

/// Parses as [`FromStr`] does, and shows in an error what is no secret only.
pub(super) struct Covering<T>(PhantomData<fn() -> T>);

impl<T> Covering<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for Covering<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T: FromStr<Err = String> + Clone + Send + Sync + 'static> TypedValueParser for Covering<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<T, clap::Error> {
        let text = value.to_string_lossy();
        match text.parse::<T>() {
            Ok(value) => Ok(value),
            Err(fault) => {
                let refuse = move |_: &str| Err::<T, String>(fault.clone());
                refuse.parse_ref(command, argument, covered(&text).as_ref())
            }
        }
    }
}

/// The text with `…` in the place of secrets.
fn covered(text: &str) -> String {
    match fields(text) {
        Ok(fields) => {
            let shown = fields.iter().map(|field| match field.split_once('=') {
                Some((key, value)) if is_secret(key) || value.contains('@') => format!("{key}=…"),
                _ => field.clone(),
            });
            shown.collect::<Vec<_>>().join(",")
        }
        Err(_) if is_secret(text) => "…".to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// Whether a field of this name, which may be misspelled, can have a secret.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["secret", "token", "key", "passw"].iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_covered() {
        for (text, shown) in [
            (
                "type=s3,bucket=b,secret_access_key=abc,x=y",
                "type=s3,bucket=b,secret_access_key=…,x=y",
            ),
            ("Session_Token=abc==", "Session_Token=…"),
            ("endpoint_url=http://u:p@h,x=y", "endpoint_url=…,x=y"),
            ("secret_acces_key=abc", "secret_acces_key=…"),
            ("type=s3,\"secret_access_key=abc", "…"),
            ("type=local,dest=\"a", "type=local,dest=\"a"),
        ] {
            assert_eq!(covered(text), shown);
        }
        let fields = BucketFields { key: Some("abc".into()), ..BucketFields::default() };
        assert!(!format!("{fields:?}").contains("abc"));
    }
}
