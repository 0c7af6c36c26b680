//! What a host's name says about where it is.

use std::net::IpAddr;

/// Whether the host, without brackets, is this machine itself as far as its name tells.
pub fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        // An IPv4 address written as an IPv6 one is the IPv4 address.
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}
