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
            region: region
                .filter(|region| *region != self.config.region)
                .map(|it| self.harmless(&it)),
            is_anonymous: self.credentials.is_none(),
        }
    }

    /// What a server says, without what it has from us.
    fn harmless(&self, text: &str) -> String {
        let known = self.credentials.as_ref();
        let secrets = known.map(|known| [Some(known.secret()), known.token()]);
        without(text, secrets.into_iter().flatten().flatten())
    }
}

/// The beginning of a text in which no secret is, neither as it is nor as a query has it.
fn without<'s>(text: &str, secrets: impl Iterator<Item = &'s str>) -> String {
    let mut text = text.to_owned();
    for secret in secrets.filter(|secret| !secret.is_empty()) {
        let in_a_query = super::request::encoded(secret).replace('/', "%2F");
        for form in [secret, &in_a_query] {
            text = text.replace(form, "…");
        }
    }
    // Cut in the end: half a secret would not be found.
    text.chars().take(SHOWN).collect()
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
    fn secrets_are_not_repeated() {
        let token = "to/ken+".repeat(60);
        let text = format!("<{token}> and {}", token.replace('/', "%2F").replace('+', "%2B"));
        assert_eq!(without(&text, ["", token.as_str()].into_iter()), "<…> and …");
        assert_eq!(without(&"é".repeat(400), std::iter::empty()), "é".repeat(SHOWN));
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
