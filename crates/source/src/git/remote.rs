//! Where a repository is: addresses that the `git` program can be given.

use std::fmt;

use lapstrake_http::{InvalidUrl, Origin};
use serde::{Serialize, Serializer};

use crate::http::HttpUrl;

/// The address of a repository. Displayed without its login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// `http://` or `https://`.
    Http(HttpUrl),
    /// `ssh://[user@]host[:port]/path` or `git://host[:port]/path`: scheme, user, host with port,
    /// path.
    Url {
        /// Whether it is SSH, else git's own protocol.
        ssh: bool,
        /// Who logs in.
        user: Option<String>,
        /// With the port, if one is given.
        host: String,
        /// Begins with a slash.
        path: String,
    },
    /// `user@host:path`, which is SSH.
    Scp {
        /// Who logs in.
        user: String,
        /// Without a port.
        host: String,
        /// As written; may be relative.
        path: String,
    },
}

impl Remote {
    /// Reads `scheme://…` without query and fragment; `None` for schemes that stand for no
    /// repository here.
    ///
    /// # Errors
    /// When it is no address: nothing that a program could take for an option gets through.
    pub(crate) fn parse_url(scheme: &str, rest: &str) -> Option<Result<Self, InvalidUrl>> {
        match scheme.to_ascii_lowercase().as_str() {
            scheme @ ("http" | "https") => {
                Some(HttpUrl::parse(&format!("{scheme}://{rest}")).map(Self::Http))
            }
            "ssh" => Some(parse(true, rest)),
            "git" => Some(parse(false, rest)),
            _ => None,
        }
    }

    /// Reads `user@host:path`; `None` for anything else.
    pub(crate) fn parse_scp(text: &str) -> Option<Result<Self, InvalidUrl>> {
        let (user, rest) = text.split_once('@')?;
        let (host, path) = rest.split_once(':')?;
        let is_word = |text: &str, more: &[u8]| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        if !is_word(user, b"-_") || !is_word(host, b"-.") {
            return None;
        }
        let is_safe = [user, host, path].iter().all(|part| is_safe(part)) && !path.is_empty();
        Some(match is_safe {
            true => Ok(Self::Scp { user: user.into(), host: host.into(), path: path.into() }),
            false => Err(InvalidUrl::Syntax),
        })
    }

    /// What the `git` program is given: no login for HTTP is in it.
    pub(crate) fn argument(&self) -> String {
        match self {
            Self::Http(url) => url.url.full(),
            Self::Url { ssh, user, host, path } => {
                let scheme = if *ssh { "ssh" } else { "git" };
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                format!("{scheme}://{user}{host}{path}")
            }
            Self::Scp { user, host, path } => format!("{user}@{host}:{path}"),
        }
    }

    /// Host, and port unless it is the scheme's own, as secrets name it; only for HTTP.
    pub(crate) fn http_host(&self) -> Option<String> {
        let Self::Http(url) = self else { return None };
        let Origin { tls, host, port } = &url.url.origin;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let is_usual = *port == if *tls { 443 } else { 80 };
        Some(if is_usual { host } else { format!("{host}:{port}") })
    }

    /// What a submodule's address means that begins with `./` or `../`, as git-submodule(1) has
    /// it; a login goes on. `None` when it leads above the address.
    pub(crate) fn join(&self, relative: &str) -> Option<Result<Self, InvalidUrl>> {
        let mut path = match self {
            Self::Http(url) => url.url.path.clone(),
            Self::Url { path, .. } | Self::Scp { path, .. } => path.clone(),
        };
        path.truncate(path.trim_end_matches('/').len());
        let mut rest = relative;
        loop {
            if let Some(after) = rest.strip_prefix("./") {
                rest = after;
            } else if let Some(after) = rest.strip_prefix("../") {
                path.truncate(path.rfind('/')?);
                rest = after;
            } else {
                break;
            }
        }
        Some(self.with_path(&format!("{path}/{rest}")))
    }

    fn with_path(&self, path: &str) -> Result<Self, InvalidUrl> {
        if !is_safe(path) {
            return Err(InvalidUrl::Syntax);
        }
        let path = path.to_owned();
        Ok(match self {
            Self::Http(url) => {
                let whole = HttpUrl::parse(&format!("{}{path}", url.url.origin))?;
                Self::Http(HttpUrl { login: url.login.clone(), ..whole })
            }
            Self::Url { ssh, user, host, .. } => {
                Self::Url { ssh: *ssh, user: user.clone(), host: host.clone(), path }
            }
            Self::Scp { user, host, .. } => {
                Self::Scp { user: user.clone(), host: host.clone(), path }
            }
        })
    }

    /// User and password that stand in an HTTP address.
    pub(crate) fn login(&self) -> Option<&(String, String)> {
        match self {
            Self::Http(url) => url.login.as_ref(),
            Self::Url { .. } | Self::Scp { .. } => None,
        }
    }
}

fn parse(ssh: bool, rest: &str) -> Result<Remote, InvalidUrl> {
    let (authority, path) =
        rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).ok_or(InvalidUrl::Syntax)?;
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    // A password is of no use to ssh, and none belongs into the arguments of a program.
    let user = login.map(|login| login.split(':').next().unwrap_or_default().to_owned());
    Origin::parse(false, host)?;
    let is_safe =
        [host, path, user.as_deref().unwrap_or_default()].iter().all(|part| is_safe(part));
    if !is_safe || path.len() < 2 || (user.is_some() && !ssh) {
        return Err(InvalidUrl::Syntax);
    }
    let (host, path) = (host.to_owned(), path.to_owned());
    Ok(Remote::Url { ssh, user: user.filter(|user| !user.is_empty()), host, path })
}

/// Nothing that could be an option or another line (CVE-2017-1000117 and its kin).
fn is_safe(part: &str) -> bool {
    !part.split('/').any(|part| part.starts_with('-')) && !part.chars().any(char::is_control)
}

impl fmt::Display for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => fmt::Display::fmt(url, formatter),
            other => formatter.write_str(&other.argument()),
        }
    }
}

/// Everything: two addresses are one only when their logins are the same.
impl Serialize for Remote {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.argument(), self.login()).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Option<Result<Remote, InvalidUrl>> {
        let (scheme, rest) = text.split_once("://")?;
        Remote::parse_url(scheme, rest)
    }

    #[test]
    fn addresses() {
        for (text, argument) in [
            ("https://u:p@h/x.git", "https://h/x.git"),
            ("HTTPS://h:8443/x.git", "https://h:8443/x.git"),
            ("ssh://git@h:22/x", "ssh://git@h:22/x"),
            ("ssh://git:secret@h/~me/x", "ssh://git@h/~me/x"),
            ("git://h/x.git", "git://h/x.git"),
            ("git://[::1]:9418/x", "git://[::1]:9418/x"),
        ] {
            assert_eq!(url(text).unwrap().unwrap().argument(), argument, "{text}");
        }
        let scp = Remote::parse_scp("git@github.com:moby/buildkit.git").unwrap().unwrap();
        assert_eq!(scp.argument(), "git@github.com:moby/buildkit.git");
        for (text, host) in [
            ("http://h:81/x.git", Some("h:81")),
            ("https://h:443/x.git", Some("h")),
            ("http://[::1]:8/x.git", Some("[::1]:8")),
            ("ssh://h/x", None),
        ] {
            assert_eq!(url(text).unwrap().unwrap().http_host().as_deref(), host);
        }
    }

    /// The examples of git-submodule(1), and what leads out.
    #[test]
    fn submodules_relative_to_their_repository() {
        let join = |base: &str, relative: &str| {
            let base = url(base).or_else(|| Remote::parse_scp(base)).unwrap().unwrap();
            base.join(relative).map(|joined| joined.map(|remote| remote.argument()))
        };
        for (base, relative, joined) in [
            ("https://u:p@h/a/b.git", "../c.git", "https://h/a/c.git"),
            ("https://h/a/b.git", "./c.git", "https://h/a/b.git/c.git"),
            ("https://h/a/b.git/", "../../c/d", "https://h/c/d"),
            ("git@h:a/b.git", "../c", "git@h:a/c"),
            ("ssh://git@h/a/b", "../c", "ssh://git@h/a/c"),
        ] {
            assert_eq!(join(base, relative), Some(Ok(joined.to_owned())));
        }
        assert_eq!(join("https://h/b.git", "../../c"), None);
        assert_eq!(join("git@h:b.git", "../c"), None);
        assert_eq!(join("git@h:a/b", "../-oProxyCommand=x"), Some(Err(InvalidUrl::Syntax)));
    }

    /// S50: option injection.
    #[test]
    fn what_a_program_could_take_for_an_option_is_refused() {
        for text in [
            "ssh://-oProxyCommand=x/y",
            "ssh://-oProxyCommand@h/y",
            "ssh://h/-x",
            "ssh://h//--upload-pack=x",
            "ssh://h",
            "ssh://h/",
            "git://user@h/x",
            "git://h/a\nb",
            "https://-h x/y",
        ] {
            assert!(url(text).unwrap().is_err(), "{text}");
        }
        for text in ["-u@h:x", "git@-h:x", "git@h:-x", "git@h:"] {
            assert!(Remote::parse_scp(text).unwrap().is_err(), "{text}");
        }
        for text in ["file:///etc", "ext::sh -c x", "gopher://h/x", "ftp://h/x"] {
            assert!(url(text).is_none() && Remote::parse_scp(text).is_none(), "{text}");
        }
        for text in ["a b@h:x", "u@h/x", "user@h_x:y", "C:\\x"] {
            assert!(Remote::parse_scp(text).is_none(), "{text}");
        }
    }
}
