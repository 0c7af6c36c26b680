//! Ports of EXPOSE (A12).

use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the protocol of its name")]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// One port. Shown as `80/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The number.
    pub number: u16,
    /// The protocol.
    pub protocol: Protocol,
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol.name())
    }
}

/// Reads `[ip:][host:]port[-port][/protocol]` and gives each port of the range.
///
/// Address and host port are checked and then do not count: an image has no such thing.
///
/// # Errors
/// A message that names the text.
pub fn parse_port(text: &str) -> Result<Vec<Port>, String> {
    let (front, own) =
        text.rsplit_once(':').map_or((None, text), |(front, own)| (Some(front), own));
    let (numbers, protocol) = own.split_once('/').unwrap_or((own, ""));
    if numbers.is_empty() {
        return Err(format!("`{text}` names no port"));
    }
    let protocol = protocol_named(protocol)
        .ok_or_else(|| format!("`{text}` has a protocol that is none of tcp, udp and sctp"))?;
    let range = range(numbers).ok_or_else(|| not_a_port(numbers))?;
    if let Some(front) = front {
        check_host(front, &range)?;
    }
    Ok(range.map(|number| Port { number, protocol }).collect())
}

/// Checks `[ip:]host` in front of a port range.
fn check_host(front: &str, ports: &RangeInclusive<u16>) -> Result<(), String> {
    let (address, host) = front.rsplit_once(':').unwrap_or(("", front));
    let plain = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !address.is_empty() && plain.unwrap_or(address).parse::<IpAddr>().is_err() {
        return Err(format!("`{address}` is not an IP address"));
    }
    if host.is_empty() {
        return Ok(());
    }
    let hosts = range(host).ok_or_else(|| not_a_port(host))?;
    if hosts.len() != ports.len() && ports.len() != 1 {
        return Err(format!("`{front}` has not as many ports as the range behind it"));
    }
    Ok(())
}

fn protocol_named(name: &str) -> Option<Protocol> {
    if name.is_empty() {
        return Some(Protocol::Tcp);
    }
    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    all.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = number(first)?..=number(last)?;
    (!range.is_empty()).then_some(range)
}

/// A number as Go reads it: a sign may be in front.
fn number(text: &str) -> Option<u16> {
    text.parse().ok()
}

fn not_a_port(text: &str) -> String {
    format!("`{text}` is not a port: ports are numbers from 0 to 65535, or `first-last`")
}
