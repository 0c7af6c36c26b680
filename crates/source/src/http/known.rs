//! What is known of a URL from earlier answers, so that its body need not come again.

use lapstrake_oci::Digest;
use lapstrake_rootfs::{LayerId, Timestamp};
use serde::{Deserialize, Serialize};
use ureq::http::HeaderMap;

use crate::date;

/// How many answers of one URL are kept: servers behind one name may have different ones.
pub(crate) const MOST: usize = 4;

/// A time of change says what it is about only when it was this old already, in seconds: a file
/// may change twice within its clock's tick, and clocks differ (RFC 9110, 8.8.2.2).
const SETTLED: i64 = 60;

/// An earlier answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) fields: Fields,
    /// Of the body.
    pub(crate) digest: Digest,
    /// What it came to.
    pub(crate) layer: LayerId,
}

/// What of an answer's header can be compared with that of another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fields {
    /// The entity tag.
    pub(crate) etag: Option<String>,
    /// As the server wrote it, when it says more than that nothing changed lately.
    last_modified: Option<String>,
    length: Option<String>,
    /// The file's time, in seconds since 1970.
    pub(crate) modified: Option<i64>,
}

impl Fields {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let modified = text(headers, "last-modified").and_then(date::parse);
        let asked = text(headers, "date").and_then(date::parse);
        let age = asked.zip(modified).map(|(asked, modified)| asked.saturating_sub(modified));
        let is_settled = age.is_some_and(|age| age >= SETTLED);
        let owned = |name| text(headers, name).map(str::to_owned);
        Self {
            etag: owned("etag"),
            last_modified: owned("last-modified").filter(|_| is_settled),
            length: owned("content-length"),
            modified,
        }
    }

    /// Whether a later answer can be compared with this one.
    pub(crate) fn is_useful(&self) -> bool {
        self.etag.is_some() || (self.last_modified.is_some() && self.length.is_some())
    }

    /// Whether an answer with this header has the body of this one: the same entity tag or, where
    /// there are none, the same time of change and length.
    pub(crate) fn match_header(&self, headers: &HeaderMap) -> bool {
        match (text(headers, "etag"), &self.etag) {
            (Some(theirs), Some(ours)) => strong(theirs) == strong(ours),
            (None, None) => {
                let same = |name, ours: &Option<String>| {
                    ours.is_some() && text(headers, name) == ours.as_deref()
                };
                same("last-modified", &self.last_modified) && same("content-length", &self.length)
            }
            _ => false,
        }
    }

    /// Whether they say the same of a body as `others`.
    pub(crate) fn are_of(&self, others: &Self) -> bool {
        match (&self.etag, &others.etag) {
            (None, None) => self == others,
            (ours, theirs) => ours == theirs,
        }
    }

    /// The time that the file gets.
    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp { seconds: self.modified.unwrap_or(0), nanoseconds: 0 }
    }
}

/// A weak tag is compared like a strong one, as BuildKit does.
fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const OLD: &str = "Thu, 02 Jan 2020 03:04:05 GMT";
    const SOON: &str = "Thu, 02 Jan 2020 03:04:59 GMT";
    const LATER: &str = "Thu, 02 Jan 2020 03:05:05 GMT";

    #[test]
    fn entity_tags_decide_where_there_are_any() {
        let fields = Fields::of(&headers(&[("etag", "W/\"a\""), ("last-modified", OLD)]));
        assert!(fields.is_useful());
        assert!(fields.match_header(&headers(&[("etag", "\"a\"")])));
        assert!(!fields.match_header(&headers(&[("etag", "\"b\""), ("last-modified", OLD)])));
        assert!(!fields.match_header(&headers(&[("last-modified", OLD)])));
    }

    /// RFC 9110, 8.8.2.2: a time is a strong validator only when it lies well before the answer's.
    #[test]
    fn a_time_decides_only_when_it_was_old_and_with_the_length() {
        let fields = |date| {
            let fields = [("last-modified", OLD), ("date", date), ("content-length", "7")];
            Fields::of(&headers(&fields))
        };
        assert!(!fields(SOON).is_useful());
        let fields = fields(LATER);
        assert!(fields.is_useful());
        assert_eq!(fields.modified, Some(1_577_934_245));
        assert!(fields.match_header(&headers(&[("last-modified", OLD), ("content-length", "7")])));
        for changed in [
            [("last-modified", OLD), ("content-length", "8")],
            [("last-modified", LATER), ("content-length", "7")],
            [("last-modified", OLD), ("etag", "\"a\"")],
        ] {
            assert!(!fields.match_header(&headers(&changed)));
        }
    }
}
