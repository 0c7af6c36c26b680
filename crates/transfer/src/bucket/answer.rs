//! What servers answer.

use std::io::Read as _;
use std::time::Duration;

use jiff::Timestamp;
use ureq::Body;
use ureq::http::Response;

use super::{BucketError, Inner};

/// How much of an error's body is read.
const BODY_LIMIT: u64 = 16 << 10;

/// How many characters of what a server says are shown.
const SHOWN: usize = 300;

impl Inner {
    /// The answer, unless it is a refusal.
    pub(super) fn good(
        &self,
        operation: &'static str,
        key: &str,
        answer: Response<Body>,
    ) -> Result<Response<Body>, BucketError> {
        match answer.status().is_success() {
            true => Ok(answer),
            false => Err(self.refused(operation, key, answer)),
        }
    }

    /// The error that an answer is. Reads its body for what the server says about it.
    pub(super) fn refused(
        &self,
        operation: &'static str,
        key: &str,
        answer: Response<Body>,
    ) -> BucketError {
        let status = answer.status().as_u16();
        let region = answer.headers().get("x-amz-bucket-region");
        let region = region.and_then(|region| region.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        // What cannot be read of an explanation is left out.
        let _ = answer.into_body().into_reader().take(BODY_LIMIT).read_to_end(&mut body);
        let body = String::from_utf8_lossy(&body);
        let region = region.or_else(|| element(&body, "Region").map(str::to_owned));
        BucketError::Refused {
            operation,
            object: key.to_owned(),
            bucket: self.config.bucket.clone(),
            status,
            code: self.harmless(element(&body, "Code").unwrap_or_default()),
            message: self.harmless(element(&body, "Message").unwrap_or_default()),
            region: region.filter(|region| *region != self.config.region),
            is_anonymous: self.credentials.is_none(),
        }
    }

    /// What a server says, without what it has from us.
    fn harmless(&self, text: &str) -> String {
        let mut text: String = text.chars().take(SHOWN).collect();
        if let Some(known) = &self.credentials {
            let secrets = [Some(known.secret()), known.token()];
            for secret in secrets.into_iter().flatten().filter(|secret| !secret.is_empty()) {
                text = text.replace(secret, "…");
            }
        }
        text
    }
}

/// The text of the first element of this name. No reader of XML is needed for two sentences that are
/// shown and nothing else.
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.trim())
}

/// How long ago an HTTP date was (RFC 9110, 5.6.7).
pub(super) fn age(date: &str) -> Option<Duration> {
    since(date, Timestamp::now())
}

fn since(date: &str, now: Timestamp) -> Option<Duration> {
    // HTTP dates end in GMT, which RFC 2822 has as an obsolete zone.
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date.trim()).ok()?;
    Duration::try_from(now.duration_since(date)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the S3 API reference, "Error responses".
    const BODY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n  \
        <Code>NoSuchKey</Code>\n  <Message>The resource you requested does not exist</Message>\n  \
        <Resource>/mybucket/myfoto.jpg</Resource>\n  <RequestId>4442587FB7D0A2F9</RequestId>\n</Error>";

    #[test]
    fn errors_are_read() {
        assert_eq!(element(BODY, "Code"), Some("NoSuchKey"));
        assert_eq!(element(BODY, "Message"), Some("The resource you requested does not exist"));
        assert_eq!(element(BODY, "Region"), None);
        assert_eq!(element("<Code>cut", "Code"), None);
        assert_eq!(element("<html>", "Code"), None);
    }

    #[test]
    fn ages_are_counted_from_http_dates() {
        let now = "2015-10-21T07:28:00Z".parse().unwrap();
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(since("Wed, 21 Oct 2015 06:28:00 GMT", now), hour);
        // A server whose clock is ahead.
        assert_eq!(since("Wed, 21 Oct 2015 08:28:00 GMT", now), None);
        assert_eq!(since("yesterday", now), None);
    }
}
