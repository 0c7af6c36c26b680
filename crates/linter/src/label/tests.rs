//! What hadolint 2.15.1 takes and what it does not, as it said when it was run on these; and what the
//! specifications say where it goes another way.

use super::*;

fn holds(kind: LabelKind, good: &[&str], bad: &[&str]) {
    for value in good {
        assert!(fits(value, kind), "{kind:?}: `{value}` is good");
    }
    for value in bad {
        assert!(!fits(value, kind), "{kind:?}: `{value}` is bad");
    }
}

#[test]
fn urls() {
    let good = [
        "http://a",
        "a:b",
        "urn:x:y",
        "mailto:a@b",
        "http:",
        "http://[::1]/",
        "http://a/%2f",
        "http://a:80/",
        "http://",
        "a+b-c.1:x",
        "http://a/'x'",
        "https://example.com/a?b=c&d#e",
    ];
    let bad = [
        "/a/b",
        "//a/b",
        "http://a b",
        "example.com",
        "http://é.de",
        "1a:b",
        "http://[::1",
        "http://a/%zz",
        "http://a/%2",
        "http://a/#x#y",
        "HTTP://A:x/",
        "http://a/{b}",
        "http://a/[b]",
        "http://a/?q=[b]",
        "http://a@b@c/",
        "",
        "not a url",
        "http://[::1]x/",
    ];
    holds(LabelKind::Url, &good, &bad);
}

#[test]
fn times() {
    let good = [
        "2025-01-02T03:04:05Z",
        "2025-01-02T03:04:05z",
        "2025-01-02t03:04:05.123+01:00",
        "2025-01-02T23:59:60Z",
        "2025-01-02T03:04:05-00:00",
        "2024-02-29T00:00:00Z",
    ];
    let bad = [
        "2025-01-02 03:04:05Z",
        "2025-01-02",
        "2025-13-02T03:04:05Z",
        "2025-02-30T03:04:05Z",
        "2025-01-02T24:04:05Z",
        "2025-01-02T03:04:05",
        "2025-1-2T03:04:05Z",
        "2025-01-02T03:04:61Z",
        "yesterday",
        "",
        "2025-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "+025-01-02T03:04:05Z",
        // hadolint takes these; RFC 3339 does not.
        "2025-01-02T03:04:05-25:00",
        "2025-01-02T03:04:05+0100",
        "2025-01-02T03:04:05.Z",
    ];
    holds(LabelKind::Time, &good, &bad);
}

#[test]
fn versions() {
    let good = ["1.2.3", "1.2.3-rc.1+b.2"];
    let bad = [
        "v1.2.3",
        "1.2",
        "1.2.3-a..b",
        " 1.2.3",
        "",
        // hadolint takes these; Semantic Versioning does not.
        "01.2.3",
        "1.2.3-01",
        "1.2.3-",
        "1.2.3+",
    ];
    holds(LabelKind::Version, &good, &bad);
}

#[test]
fn commits() {
    let sha1 = "0123456789012345678901234567890123456789";
    // hadolint does not take this one.
    let sha256 = "0123456789012345678901234567890123456789012345678901234567890123";
    let bad = ["ABCDEF1", "abcdef12", "abcdef", "abcdefg", "", "xyz"];
    holds(LabelKind::Commit, &["abcdef1", sha1, sha256], &bad);
}

#[test]
fn licences() {
    let good = [
        "MIT",
        "GPL-2.0-only",
        "Zlib",
        "0BSD",
        "BUSL-1.1",
        // hadolint does not take these expressions.
        "MIT OR Apache-2.0",
        "(MIT)",
        "LicenseRef-x",
        "Apache-2.0+",
        "GPL-2.0-only WITH Classpath-exception-2.0",
    ];
    let bad =
        ["mit", "GPL-2.0+", "GPL-2.0", "Classpath-exception-2.0", "NONE", "Free", "BSL-1.1", ""];
    holds(LabelKind::Licence, &good, &bad);
}

#[test]
fn addresses() {
    let good =
        ["a@b.de", "a@localhost", "a@[127.0.0.1]", "a+b@c.de", "\"a b\"@c.de", "\"a\\\"b\"@c.de"];
    let bad = [
        "nobody",
        "A B <a@b.de>",
        "a b@c.de",
        "a..b@c.de",
        ".a@c.de",
        "a@b@c",
        "@c",
        "a@",
        "a@-b.de",
        "é@c.de",
        "a@c..de",
        "",
        "\"a\"b\"@c.de",
        "\"a\\\"@c.de",
        // hadolint takes blanks and comments, which are for mail headers.
        " a@c.de",
        "a(c)@d.de",
    ];
    holds(LabelKind::Email, &good, &bad);
}
