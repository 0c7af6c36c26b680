//! Where `git` may connect to (S54).
//!
//! It looks names up and follows redirects by itself, so where a policy denies anything both are done in its
//! place: names are looked up here, with HTTP the addresses that are allowed are the only ones that `git` is
//! given (`http.curloptResolve`, from version 2.37 on), and nothing is followed. `ssh` and `git://` look the
//! name up once more, so every address of theirs has to be allowed.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use lapstrake_http::{Denied, Origin, Settings};

use super::Remote;
use crate::Error;

/// Settings that keep `git` to where it may go.
///
/// # Errors
/// When it may not go to `remote`.
pub(super) fn settings(remote: &Remote, http: &Settings) -> Result<Vec<(String, String)>, Error> {
    if http.policy.is_empty() {
        return Ok(Vec::new());
    }
    let refused = |source: Denied| Error::Policy { url: remote.to_string(), source };
    let mut settings = vec![("http.followRedirects".to_owned(), "false".to_owned())];
    match remote {
        Remote::Http(url) => {
            let origin = &url.url.origin;
            if http.proxy.of(origin)?.is_some() {
                http.policy.check_name(&origin.host).map_err(refused)?;
                return Ok(settings);
            }
            let found = addresses(remote, &origin.host, origin.port)?;
            let allowed = http.policy.allowed(&origin.host, &found).map_err(refused)?;
            settings.extend(pinned(origin, &allowed));
        }
        Remote::Url { ssh, host, .. } => {
            let Origin { host, .. } = Origin::parse(false, host)
                .map_err(|reason| Error::Redirect { url: remote.to_string(), reason })?;
            // The port makes no difference to a look-up.
            let found = addresses(remote, &host, if *ssh { 22 } else { 9418 })?;
            check_all(http, &host, &found).map_err(refused)?;
        }
        Remote::Scp { host, .. } => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            check_all(http, &host, &addresses(remote, &host, 22)?).map_err(refused)?;
        }
    }
    Ok(settings)
}

fn check_all(http: &Settings, host: &str, addresses: &[IpAddr]) -> Result<(), Denied> {
    addresses.iter().try_for_each(|address| http.policy.check(host, *address))
}

fn addresses(remote: &Remote, host: &str, port: u16) -> Result<Vec<IpAddr>, Error> {
    let found = (host, port).to_socket_addrs();
    let found = found.map_err(|source| Error::Lookup { remote: remote.to_string(), source })?;
    Ok(found.map(|address| address.ip()).collect())
}

/// Nothing has to be said of a host that is an address.
fn pinned(origin: &Origin, addresses: &[IpAddr]) -> Option<(String, String)> {
    let Origin { host, port, .. } = origin;
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let one = |address: &IpAddr| match SocketAddr::new(*address, *port) {
        SocketAddr::V4(four) => four.ip().to_string(),
        SocketAddr::V6(six) => format!("[{}]", six.ip()),
    };
    let all: Vec<String> = addresses.iter().map(one).collect();
    Some(("http.curloptResolve".to_owned(), format!("{host}:{port}:{}", all.join(","))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lapstrake_http::{Policy, Proxy};

    use super::*;
    use crate::GitReference;

    fn found(address: &str, deny: &[&str], allow: &[&str]) -> Result<Vec<(String, String)>, Error> {
        let rules = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let policy = Arc::new(Policy { deny: rules(deny), allow: rules(allow) });
        let proxy =
            Proxy { https: Some("http://p:1".to_owned()), bypass: vec![], ..Proxy::default() };
        let http = Settings { policy, proxy, ..Settings::default() };
        let reference = GitReference::parse(address).unwrap().unwrap();
        settings(&reference.remote, &http)
    }

    #[test]
    fn remotes_are_kept_to_what_is_allowed() {
        let kept = |address: &str, deny: &[&str]| {
            let words = found(address, deny, &[]).unwrap().into_iter();
            words.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        let follow = "http.followRedirects=false";
        assert!(kept("http://localhost:8/x.git", &[]).is_empty());
        assert_eq!(kept("http://127.0.0.1:8/x.git", &["10.0.0.0/8"]), [follow]);
        // Of the addresses that localhost has, those of version 6 are left out.
        let pin = "http.curloptResolve=localhost:8:127.0.0.1";
        assert_eq!(kept("http://localhost:8/x.git", &["::/0"]), [follow, pin]);
        // Behind the proxy the name counts.
        assert_eq!(kept("https://h.test/x.git", &["10.0.0.0/8"]), [follow]);
    }

    #[test]
    fn remotes_that_are_denied() {
        for address in [
            "http://127.0.0.1:8/x.git",
            "http://localhost:8/x.git",
            "http://[::ffff:127.0.0.1]/x.git",
            "ssh://git@localhost/x",
            "git://localhost:9/x",
            "git@localhost:x",
        ] {
            let error = found(address, &["127.0.0.0/8", "::1"], &[]).unwrap_err();
            assert!(matches!(error, Error::Policy { .. }), "{address}: {error:?}");
            assert!(found(address, &["127.0.0.0/8", "::1"], &["127.0.0.1", "::1"]).is_ok());
        }
        let error = found("https://h.internal/x.git", &["*.internal"], &[]).unwrap_err();
        assert!(matches!(error, Error::Policy { .. }), "{error:?}");
    }
}
