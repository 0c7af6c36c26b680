//! Where an answer may send us (S54, S55): no way down from TLS, and none from the outside to the
//! machine itself or its private network.
//!
//! Only addresses that stand in URLs are seen here, not what names resolve to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lapstrake_http::{Origin, Url, is_loopback};

/// Why an answer may not send us somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// From TLS to plain HTTP.
    #[error("it leads to plain HTTP")]
    Downgrade,
    /// From outside to a private address.
    #[error("it leads to a private address")]
    Inside,
}

/// Whether the body behind a redirect from `from` may be fetched at `to`. No credentials go there.
pub(crate) fn check_redirect(from: &Origin, to: &Url) -> Result<(), Forbidden> {
    if from.tls && !to.origin.tls {
        return Err(Forbidden::Downgrade);
    }
    check_reach(from, &to.origin)
}

/// Whether the credentials for `registry` may be sent to the token server at `realm`.
///
/// TLS always, but for a plain registry's own host: that TLS is off at the registry does not turn it
/// off elsewhere (CVE-2019-10214).
pub(crate) fn check_realm(registry: &Origin, realm: &Url) -> Result<(), Forbidden> {
    let both_loopback = is_loopback(&registry.host) && is_loopback(&realm.origin.host);
    let is_own_host = registry.host == realm.origin.host;
    if !realm.origin.tls && (registry.tls || !(is_own_host || both_loopback)) {
        return Err(Forbidden::Downgrade);
    }
    check_reach(registry, &realm.origin)
}

/// Who can reach an address, in growing closeness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Public,
    Private,
    Machine,
}

fn check_reach(from: &Origin, to: &Origin) -> Result<(), Forbidden> {
    if from.host == to.host || reach(&to.host) <= reach(&from.host) {
        return Ok(());
    }
    Err(Forbidden::Inside)
}

fn reach(host: &str) -> Reach {
    if is_loopback(host) {
        return Reach::Machine;
    }
    match host.parse::<IpAddr>().map(canonical) {
        Ok(IpAddr::V4(address)) => reach_of_v4(address),
        Ok(IpAddr::V6(address)) => reach_of_v6(address),
        Err(_) => Reach::Public,
    }
}

fn reach_of_v4(address: Ipv4Addr) -> Reach {
    let [first, second, ..] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    if first == 0 || address.is_link_local() || address.is_multicast() || address.is_broadcast() {
        Reach::Machine
    } else if address.is_private() || is_shared {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn reach_of_v6(address: Ipv6Addr) -> Reach {
    if address.is_unspecified() || address.is_multicast() || address.is_unicast_link_local() {
        Reach::Machine
    } else if address.is_unique_local() {
        Reach::Private
    } else {
        Reach::Public
    }
}

/// An IPv4 address written as an IPv6 one is the IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Url::parse(text).unwrap().origin
    }

    fn redirect(from: &str, to: &str) -> Result<(), Forbidden> {
        check_redirect(&origin(from), &Url::parse(to).unwrap())
    }

    fn realm(registry: &str, realm: &str) -> Result<(), Forbidden> {
        check_realm(&origin(registry), &Url::parse(realm).unwrap())
    }

    #[test]
    fn redirects() {
        assert_eq!(redirect("https://r.io", "https://cdn.io/x"), Ok(()));
        assert_eq!(redirect("http://10.0.0.1:5000", "http://10.0.0.2/x"), Ok(()));
        assert_eq!(redirect("http://127.0.0.1:1", "http://127.0.0.1:2/x"), Ok(()));
        assert_eq!(redirect("https://r.io", "http://cdn.io/x"), Err(Forbidden::Downgrade));
        for inside in [
            "127.0.0.1",
            "169.254.169.254",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "localhost",
            "x.localhost.",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
        ] {
            let to = format!("https://{inside}/x");
            assert_eq!(redirect("https://r.io", &to), Err(Forbidden::Inside), "{inside}");
        }
        assert_eq!(
            redirect("https://10.0.0.1", "https://169.254.169.254/"),
            Err(Forbidden::Inside)
        );
    }

    #[test]
    fn realms() {
        assert_eq!(realm("https://registry-1.docker.io", "https://auth.docker.io/token"), Ok(()));
        assert_eq!(realm("http://127.0.0.1:5000", "http://localhost:5001/token"), Ok(()));
        assert_eq!(realm("http://10.0.0.1:5000", "http://10.0.0.1:5001/token"), Ok(()));
        assert_eq!(realm("http://10.0.0.1", "http://10.0.0.2/token"), Err(Forbidden::Downgrade));
        assert_eq!(realm("http://10.0.0.1", "http://auth.io/token"), Err(Forbidden::Downgrade));
        assert_eq!(realm("https://r.io", "http://r.io/token"), Err(Forbidden::Downgrade));
        assert_eq!(realm("https://r.io", "https://127.0.0.1/token"), Err(Forbidden::Inside));
    }
}
