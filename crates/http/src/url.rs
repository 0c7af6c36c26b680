//! URLs of the two schemes that are spoken here.

use std::fmt;

use ureq::http::Uri;

/// Why a URL is none that we follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not an absolute URL.
    #[error("it is not an absolute URL")]
    Syntax,
    /// Neither http nor https.
    #[error("its scheme is neither http nor https")]
    Scheme,
    /// A user or password in it.
    #[error("it holds a user name or password")]
    UserInfo,
    /// A host or port that is none.
    #[error("its host or port is invalid")]
    Host,
    /// A query where none belongs.
    #[error("it has a query")]
    Query,
    /// No URL at all.
    #[error("it is missing")]
    Missing,
}

/// Where a connection goes to: what tokens are bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// TLS, else plain HTTP.
    pub tls: bool,
    /// Lower case, without brackets around an IPv6 address.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl Origin {
    /// `host[:port]`, where the port is the scheme's own when there is none.
    ///
    /// # Errors
    /// When it is no host and port, or more than that.
    pub fn parse(tls: bool, authority: &str) -> Result<Self, InvalidUrl> {
        let scheme = if tls { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{authority}"))?;
        if url.path != "/" {
            return Err(InvalidUrl::Host);
        }
        Ok(url.origin)
    }

    /// The host as it stands in URLs.
    fn bracketed_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.tls { ("https", 443) } else { ("http", 80) };
        write!(formatter, "{scheme}://{}", self.bracketed_host())?;
        if self.port != default { write!(formatter, ":{}", self.port) } else { Ok(()) }
    }
}

/// An absolute URL. Displayed without its query, which can hold signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Begins with `/`; with the query.
    pub path: String,
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// When it is none, when its scheme is another one, and when it holds a user or password.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidUrl::Syntax)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err(InvalidUrl::Scheme),
            None => return Err(InvalidUrl::Syntax),
        };
        let authority = uri.authority().ok_or(InvalidUrl::Syntax)?;
        if authority.as_str().contains('@') {
            return Err(InvalidUrl::UserInfo);
        }
        let host = checked_host(authority.host())?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => {
                if tls {
                    443
                } else {
                    80
                }
            }
            _ => authority.port_u16().filter(|port| *port != 0).ok_or(InvalidUrl::Host)?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { origin: Origin { tls, host, port }, path })
    }

    /// What `location` means when this URL answered it.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub fn join(&self, location: &str) -> Result<Self, InvalidUrl> {
        let origin = &self.origin;
        if location.starts_with("//") {
            let scheme = if origin.tls { "https" } else { "http" };
            return Self::parse(&format!("{scheme}:{location}"));
        }
        if location.starts_with('/') {
            return Self::parse(&format!("{origin}{location}"));
        }
        let before_path = location.split(['/', '?']).next().unwrap_or_default();
        if before_path.contains(':') {
            return Self::parse(location);
        }
        let path = self.path.split('?').next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let start = if location.starts_with('?') { path.to_owned() } else { format!("{folder}/") };
        Self::parse(&format!("{origin}{start}{location}"))
    }

    /// With one more pair in the query, percent-encoded.
    #[must_use]
    pub fn with_query(mut self, key: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(&format!("{}={}", encode(key), encode(value)));
        self
    }

    /// The whole, for the request itself.
    pub fn full(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(formatter, "{}{path}", self.origin)
    }
}

/// Percent-encodes everything but unreserved characters.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// A name, an IPv4 address of four numbers or an IPv6 address. Resolvers take `127.1` and
/// `0x7f000001` for addresses as well; those are refused, as nobody means them.
fn checked_host(host: &str) -> Result<String, InvalidUrl> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(InvalidUrl::Host)?;
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| InvalidUrl::Host)?;
        return Ok(address.to_string());
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || !host.bytes().all(is_allowed) {
        return Err(InvalidUrl::Host);
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if is_number && host.parse::<std::net::Ipv4Addr>().is_err() {
        return Err(InvalidUrl::Host);
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, shown) in [
            ("https://Example.com", "https://example.com/"),
            ("http://[::1]:5000/v2/", "http://[::1]:5000/v2/"),
            ("https://a.b:443/x?sig=1#f", "https://a.b/x"),
            ("http://a:8080?x=1", "http://a:8080/"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), shown);
        }
        assert_eq!(Url::parse("https://a.b/x?sig=1").unwrap().full(), "https://a.b/x?sig=1");
    }

    #[test]
    fn refuses() {
        for (text, reason) in [
            ("ftp://a/x", InvalidUrl::Scheme),
            ("file:///etc/passwd", InvalidUrl::Syntax),
            ("//a/x", InvalidUrl::Syntax),
            ("a.b", InvalidUrl::Syntax),
            ("https://user:secret@a/x", InvalidUrl::UserInfo),
            ("https://a:99999/x", InvalidUrl::Host),
            ("https://a:/x", InvalidUrl::Host),
            ("https://a:0/x", InvalidUrl::Host),
            ("http://127.1/", InvalidUrl::Host),
            ("http://0x7f000001/", InvalidUrl::Host),
            ("http://2130706433/", InvalidUrl::Host),
            ("http://a b/", InvalidUrl::Syntax),
        ] {
            let found = Url::parse(text).unwrap_err();
            let is_expected = found == reason || found == InvalidUrl::Syntax;
            assert!(is_expected, "{text}: {found:?}");
        }
    }

    #[test]
    fn joins_locations() {
        let base = Url::parse("https://a.b/v2/x/blobs/y?q=1").unwrap();
        for (location, expected) in [
            ("/z?s=1", "https://a.b/z?s=1"),
            ("//c.d/z", "https://c.d/z"),
            ("http://c.d/z", "http://c.d/z"),
            ("z", "https://a.b/v2/x/blobs/z"),
            ("?n=2", "https://a.b/v2/x/blobs/y?n=2"),
        ] {
            assert_eq!(base.join(location).unwrap().full(), expected);
        }
        assert!(base.join("file:///etc/passwd").is_err());
        assert!(base.join("mailto:x").is_err());
    }

    #[test]
    fn encodes_queries() {
        let url = Url::parse("https://a/t?x=1").unwrap().with_query("scope", "repository:a/b:pull");
        assert_eq!(url.full(), "https://a/t?x=1&scope=repository%3Aa%2Fb%3Apull");
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_reads_again(location in "(https?:)?[a-z0-9:/?#@.\\[\\]%é -]{0,40}") {
            let base = Url::parse("https://a.b/v2/x").unwrap();
            if let Ok(url) = base.join(&location) {
                proptest::prop_assert_eq!(Url::parse(&url.full()).unwrap(), url);
            }
        }
    }
}
