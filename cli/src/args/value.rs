//! Values that several commands take.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// `NAME[=VALUE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("a name is missing: write NAME=VALUE".into());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// `HOST:IP` or `HOST=IP`; an IPv6 address bare or in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    /// Whether it was written as the host's, which depends on the network.
    pub(crate) is_gateway: bool,
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.split_once('=').or_else(|| text.split_once(':'));
        let Some((name, address)) = split.filter(|(name, _)| !name.is_empty()) else {
            return Err("write HOST:IP".into());
        };
        if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("a host name has no spaces".into());
        }
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_gateway = address == "host-gateway";
        let address = match bare.unwrap_or(address) {
            // As it is where the sandbox shares the network of the host.
            "host-gateway" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            address => address.parse().map_err(|_| format!("{address:?} is no IP address"))?,
        };
        Ok(Self { name: name.to_owned(), address, is_gateway })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_take_either_separator_and_either_form_of_ipv6() {
        for (text, name, address) in [
            ("db:10.0.0.1", "db", "10.0.0.1"),
            ("db=10.0.0.1", "db", "10.0.0.1"),
            ("db:::1", "db", "::1"),
            ("db:[::1]", "db", "::1"),
            ("db=2001:db8::1", "db", "2001:db8::1"),
            ("me:host-gateway", "me", "127.0.0.1"),
        ] {
            let host: Host = text.parse().unwrap();
            assert_eq!((host.name.as_str(), host.address.to_string().as_str()), (name, address));
        }
        for text in ["db", ":1.2.3.4", "db:", "db:300.0.0.1", "a b:1.2.3.4"] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn assignments_may_lack_the_value_but_not_the_name() {
        let parsed = |text: &str| text.parse::<Assignment>().map(|a| (a.name, a.value));
        assert_eq!(parsed("A=b=c"), Ok(("A".into(), Some("b=c".into()))));
        assert_eq!(parsed("A="), Ok(("A".into(), Some(String::new()))));
        assert_eq!(parsed("A"), Ok(("A".into(), None)));
        assert!(parsed("=b").is_err());
        assert!(parsed("").is_err());
    }
}
