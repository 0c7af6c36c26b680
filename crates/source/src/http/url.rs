//! URLs as people write them in a Dockerfile.

use std::fmt;

use lapstrake_http::{InvalidUrl, Url};
use serde::{Serialize, Serializer};

/// The name of a file whose URL has none.
const UNNAMED: &str = "__unnamed__";
/// The name of a file whose own cannot be one.
const DOWNLOAD: &str = "download";

/// An http or https URL, with the user and password that may stand in it. Displayed without those
/// and without its query.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl {
    pub(crate) url: Url,
    /// User and password, decoded.
    pub(crate) login: Option<(String, String)>,
}

impl HttpUrl {
    /// Reads a URL. What a URL cannot hold as it is, such as blanks and letters beyond ASCII, is
    /// percent-encoded; the fragment is left out.
    ///
    /// # Errors
    /// When it is no URL of these two schemes.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl::Syntax)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(InvalidUrl::Syntax)?;
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(parse_login(login)?), host),
            None => (None, authority),
        };
        let url = Url::parse(&format!("{scheme}://{host}{}", encoded(path)?))?;
        Ok(Self { url, login })
    }

    /// The name of the file that it leads to: the last component of its path, decoded. Never one
    /// that leads anywhere else.
    pub fn file_name(&self) -> String {
        let path = self.url.path.split('?').next().unwrap_or_default();
        let Some(path) = decoded(path) else { return DOWNLOAD.to_owned() };
        match path.trim_end_matches('/').rsplit('/').next() {
            None | Some("") => UNNAMED.to_owned(),
            Some(name) => safe_name(name),
        }
    }

    /// The host without a port, as secrets name it.
    pub(crate) fn host(&self) -> &str {
        &self.url.origin.host
    }
}

/// As BuildKit makes names safe.
fn safe_name(name: &str) -> String {
    let name = name.trim();
    let is_unsafe = matches!(name, "" | "." | "..") || name.chars().any(char::is_control);
    if is_unsafe { DOWNLOAD.to_owned() } else { name.to_owned() }
}

fn parse_login(text: &str) -> Result<(String, String), InvalidUrl> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decode = |part| decoded(part).ok_or(InvalidUrl::UserInfo);
    Ok((decode(user)?, decode(password)?))
}

/// Percent-encodes what a URL's path and query cannot hold.
fn encoded(text: &str) -> Result<String, InvalidUrl> {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            0..=0x1f | 0x7f => return Err(InvalidUrl::Syntax),
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                encoded.push_str(&format!("%{byte:02X}"));
            }
            _ => encoded.push(char::from(byte)),
        }
    }
    Ok(encoded)
}

/// `None` when an escape is broken or the result is no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high << 4 | low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.url, formatter)
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HttpUrl({self})")
    }
}

/// Everything: two URLs are one source only when their logins are the same.
impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.url.full(), &self.login).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Go's `net/url` sends, and BuildKit's `path.Base` and `SafeFileName` make of its path.
    #[test]
    fn urls_and_the_names_in_them() {
        for (text, full, name) in [
            ("https://h/a/f.txt", "https://h/a/f.txt", "f.txt"),
            ("http://h:81/f.txt?x=1&y=/2#part", "http://h:81/f.txt?x=1&y=/2", "f.txt"),
            ("http://h", "http://h/", "__unnamed__"),
            ("http://h/", "http://h/", "__unnamed__"),
            ("http://h?q=/x", "http://h/?q=/x", "__unnamed__"),
            ("http://h/a/", "http://h/a/", "a"),
            ("http://h/ä b", "http://h/%C3%A4%20b", "ä b"),
            ("http://h/a%20b", "http://h/a%20b", "a b"),
            ("http://h/x/..%2f", "http://h/x/..%2f", "download"),
            ("http://h/..%2F..%2Fetc%2Fpasswd", "http://h/..%2F..%2Fetc%2Fpasswd", "passwd"),
            ("http://h/%00", "http://h/%00", "download"),
            ("http://h/%ff", "http://h/%ff", "download"),
            ("http://h/%2e", "http://h/%2e", "download"),
            ("http://h/[a]*", "http://h/[a]*", "[a]*"),
        ] {
            let url = HttpUrl::parse(text).unwrap();
            assert_eq!((url.url.full().as_str(), url.file_name().as_str()), (full, name), "{text}");
        }
    }

    #[test]
    fn a_login_is_kept_apart_and_never_shown() {
        let url = HttpUrl::parse("https://me:s%40cret@h/f?sig=secret").unwrap();
        assert_eq!(url.login, Some(("me".to_owned(), "s@cret".to_owned())));
        assert_eq!(format!("{url} {url:?}"), "https://h/f HttpUrl(https://h/f)");
        assert_eq!(HttpUrl::parse("https://me@h/").unwrap().login, Some(("me".into(), "".into())));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in ["", "h/f", "ftp://h/f", "http://", "http:///f", "http://h:x/", "http://h/\n"] {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_name_is_one_component(text in "\\PC{0,30}", path in "[a-z0-9./%-]{0,30}") {
            for text in [text, path] {
                if let Ok(url) = HttpUrl::parse(&format!("http://h/{text}")) {
                    let name = url.file_name();
                    proptest::prop_assert!(!name.contains('/') && !name.is_empty());
                    proptest::prop_assert!(name != "." && name != "..");
                }
            }
        }
    }
}
