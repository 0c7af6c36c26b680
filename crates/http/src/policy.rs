//! Which hosts are not connected to (S54), whatever sends us there.
//!
//! Directly reached hosts are judged by name and by each address that the name stands for, when a connection
//! is made: what was looked up is what is connected to. Behind a proxy it is the proxy that looks names up,
//! so there a host is judged by its name alone, or by the address that stands in its place.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Hosts that are denied, and exceptions. The default denies nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Not connected to.
    pub deny: Vec<Rule>,
    /// Connected to all the same.
    pub allow: Vec<Rule>,
}

/// Some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Those with an address that begins with as many bits as this one.
    Network(IpAddr, u8),
    /// The one of this name.
    Host(String),
    /// Those whose name ends so; begins with a dot.
    Below(String),
    /// Every one.
    All,
}

/// A rule that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no rule for hosts: write 10.0.0.0/8, an address, a host name, *.internal or *"
)]
pub struct InvalidRule {
    text: String,
}

/// A connection that is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration denies {host}{}: {rule} is in network.deny", .address.map(|address| format!(" at {address}")).unwrap_or_default())]
pub struct Denied {
    /// Where to.
    pub host: String,
    /// An address of the host, when that is what is denied.
    pub address: Option<IpAddr>,
    /// What denies it.
    pub rule: Rule,
}

impl Policy {
    /// Whether nothing is denied.
    pub fn is_empty(&self) -> bool {
        self.deny.is_empty()
    }

    /// Whether a host may be connected to at this address of it.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), Denied> {
        let host = plain(host);
        let find =
            |rules: &[Rule]| rules.iter().find(|rule| rule.holds(&host, Some(address))).cloned();
        match find(&self.deny).filter(|_| find(&self.allow).is_none()) {
            None => Ok(()),
            Some(rule) => {
                Err(Denied { address: (!rule.holds(&host, None)).then_some(address), host, rule })
            }
        }
    }

    /// Whether a host may be asked for at a proxy.
    ///
    /// # Errors
    /// When it may not.
    pub fn check_name(&self, host: &str) -> Result<(), Denied> {
        let host = plain(host);
        let address = host.parse().ok();
        let find = |rules: &[Rule]| rules.iter().find(|rule| rule.holds(&host, address)).cloned();
        match find(&self.deny).filter(|_| find(&self.allow).is_none()) {
            None => Ok(()),
            Some(rule) => Err(Denied { host, address: None, rule }),
        }
    }

    /// Those of the addresses that may be connected to.
    ///
    /// # Errors
    /// When none may, of at least one.
    pub fn allowed(&self, host: &str, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, Denied> {
        let mut kept = Vec::new();
        let mut denied = None;
        for &address in addresses {
            match self.check(host, address) {
                Ok(()) => kept.push(address),
                Err(error) => denied = Some(error),
            }
        }
        match denied {
            Some(denied) if kept.is_empty() => Err(denied),
            _ => Ok(kept),
        }
    }
}

/// A host as rules write it: names in large letters, or with the dot of the root, lead to the same one.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

impl Rule {
    fn holds(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Host(name) => host == name,
            Self::Below(suffix) => host.ends_with(suffix),
            Self::Network(network, length) => address.is_some_and(|address| {
                meanings(address).into_iter().flatten().any(|one| begins(one, *network, *length))
            }),
        }
    }
}

/// What an address leads to: itself; for the address of no host, this machine; and what is written in
/// one of version 6 as one of version 4, also for the well-known translator (RFC 6052).
fn meanings(address: IpAddr) -> [Option<IpAddr>; 3] {
    let plain = address.to_canonical();
    let machine = plain.is_unspecified().then_some(match plain {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    });
    let translated = match plain {
        IpAddr::V6(six) if six.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) => {
            let [.., a, b, c, d] = six.octets();
            Some(Ipv4Addr::new(a, b, c, d).into())
        }
        _ => None,
    };
    [Some(plain), machine, translated]
}

fn begins(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let same = |one: u128, other: u128, width: u32| {
        let shift = width.saturating_sub(length.into());
        one.checked_shr(shift) == other.checked_shr(shift)
    };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            same(one.to_bits().into(), other.to_bits().into(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let invalid = || InvalidRule { text: text.to_owned() };
        if text == "*" {
            return Ok(Self::All);
        }
        if let Some((address, length)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| invalid())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let length = length.parse().ok().filter(|length| *length <= most);
            return Ok(Self::Network(address, length.ok_or_else(invalid)?));
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            let address = address.to_canonical();
            return Ok(Self::Network(address, if address.is_ipv4() { 32 } else { 128 }));
        }
        let name = plain(text);
        let (suffix, is_below) = match name.strip_prefix('*') {
            Some(suffix) => (suffix.to_owned(), true),
            None => (name, false),
        };
        let labels = suffix.strip_prefix('.').filter(|_| is_below).unwrap_or(&suffix);
        let is_label = |label: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !label.is_empty() && label.bytes().all(is_allowed)
        };
        if !labels.split('.').all(is_label) || (is_below && !suffix.starts_with('.')) {
            return Err(invalid());
        }
        Ok(if is_below { Self::Below(suffix) } else { Self::Host(suffix) })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address, length) => write!(f, "{address}/{length}"),
            Self::Host(name) => f.write_str(name),
            Self::Below(suffix) => write!(f, "*{suffix}"),
            Self::All => f.write_str("*"),
        }
    }
}

/// Looks names up and keeps the addresses that may be connected to.
#[derive(Debug)]
pub(crate) struct Checked {
    policy: Arc<Policy>,
    inner: DefaultResolver,
}

impl Checked {
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        Self { policy, inner: DefaultResolver::default() }
    }
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let mut kept = self.empty();
        let mut denied = None;
        for address in found.iter() {
            match self.policy.check(host, address.ip()) {
                Ok(()) => kept.push(*address),
                Err(error) => denied = Some(error),
            }
        }
        match denied {
            Some(denied) if kept.is_empty() => Err(ureq::Error::Other(Box::new(denied))),
            _ => Ok(kept),
        }
    }
}

/// Why a request was not sent, when it was denied.
pub fn denied(error: &ureq::Error) -> Option<&Denied> {
    match error {
        ureq::Error::Other(other) => other.downcast_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Vec<Rule> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn denies(deny: &[&str], allow: &[&str], host: &str, address: &str) -> bool {
        let policy = Policy { deny: rules(deny), allow: rules(allow) };
        policy.check(host, address.parse().unwrap()).is_err()
    }

    #[test]
    fn networks_and_names() {
        for (deny, allow, host, address, expected) in [
            (&["10.0.0.0/8"][..], &[][..], "a.com", "10.255.0.1", true),
            (&["10.0.0.0/8"], &[], "a.com", "11.0.0.1", false),
            (&["10.1.2.3/8"], &[], "a.com", "10.9.9.9", true),
            (&["169.254.169.254"], &[], "a.com", "169.254.169.254", true),
            (&["169.254.169.254"], &[], "a.com", "169.254.169.253", false),
            (&["0.0.0.0/0"], &[], "a.com", "8.8.8.8", true),
            (&["0.0.0.0/0"], &[], "a.com", "2001:db8::1", false),
            (&["fc00::/7"], &[], "a.com", "fd12::1", true),
            (&["::/0"], &[], "a.com", "2001:db8::1", true),
            (&["[::1]"], &[], "a.com", "::1", true),
            // Other ways to write an address, and addresses that lead to others.
            (&["10.0.0.0/8"], &[], "a.com", "::ffff:10.0.0.1", true),
            (&["10.0.0.0/8"], &[], "a.com", "64:ff9b::10.0.0.1", true),
            (&["::ffff:10.0.0.1"], &[], "a.com", "10.0.0.1", true),
            (&["127.0.0.0/8"], &[], "a.com", "0.0.0.0", true),
            (&["::1"], &[], "a.com", "::", true),
            (&["*.internal"], &[], "db.internal", "8.8.8.8", true),
            (&["*.internal"], &[], "internal", "8.8.8.8", false),
            (&["*.Internal."], &[], "a.b.internal", "8.8.8.8", true),
            (&["db.corp"], &[], "db.corp", "8.8.8.8", true),
            (&["db.corp"], &[], "DB.Corp.", "8.8.8.8", true),
            (&["*.corp"], &[], "db.CORP", "8.8.8.8", true),
            (&["db.corp"], &[], "x.db.corp", "8.8.8.8", false),
            (&["*"], &["*.good.com", "10.1.0.0/16"], "a.com", "8.8.8.8", true),
            (&["*"], &["*.good.com", "10.1.0.0/16"], "r.good.com", "8.8.8.8", false),
            (&["*"], &["*.good.com", "10.1.0.0/16"], "a.com", "10.1.0.9", false),
            (&["10.0.0.0/8"], &["10.0.0.7"], "a.com", "10.0.0.7", false),
        ] {
            assert_eq!(denies(deny, allow, host, address), expected, "{deny:?} {host} {address}");
        }
    }

    #[test]
    fn behind_a_proxy_names_count() {
        let policy = Policy { deny: rules(&["*.internal", "10.0.0.0/8"]), allow: Vec::new() };
        assert!(policy.check_name("a.internal").is_err() && policy.check_name("10.1.1.1").is_err());
        assert!(policy.check_name("A.INTERNAL.").is_err());
        assert!(policy.check_name("a.com").is_ok());
    }

    #[test]
    fn what_denies_is_said() {
        let policy = Policy { deny: rules(&["10.0.0.0/8", "*.corp"]), allow: Vec::new() };
        let said = |host: &str, address: &str| {
            policy.check(host, address.parse().unwrap()).unwrap_err().to_string()
        };
        assert_eq!(
            said("a.com", "10.0.0.1"),
            "the configuration denies a.com at 10.0.0.1: 10.0.0.0/8 is in network.deny"
        );
        assert_eq!(
            said("a.corp", "8.8.8.8"),
            "the configuration denies a.corp: *.corp is in network.deny"
        );
    }

    #[test]
    fn what_is_no_rule() {
        for text in [
            "",
            ".",
            "10.0.0.0/33",
            "::/129",
            "10.0/8",
            "a/8",
            "*internal",
            "a..b",
            "*.*.a",
            "a b",
            "http://a",
            "a:80",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }
}
