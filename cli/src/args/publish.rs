//! `-p`: ports of a container that can be reached on the host, as Docker writes them.

use std::net::IpAddr;
use std::str::FromStr;

use lapstrake_executor::{Protocol, Publication};

const FORM: &str = "write [IP:][[HOST]:]CONTAINER[/tcp|/udp]";

/// One `-p`: a range gives several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish(pub(crate) Vec<Publication>);

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('=') {
            return Err(format!(
                "the form with published= and target= is not supported yet: {FORM}"
            ));
        }
        let (rest, protocol) = match text.rsplit_once('/') {
            Some((rest, name)) => (rest, protocol(name)?),
            None => (text, Protocol::Tcp),
        };
        let (rest, inside) = rest.rsplit_once(':').map_or(("", rest), |(rest, last)| (rest, last));
        let (address, outside) = rest.rsplit_once(':').map_or(("", rest), |(ip, host)| (ip, host));
        if inside.is_empty() {
            return Err(format!("the container's port is missing: {FORM}"));
        }
        let inside = range(inside, "container's")?;
        if inside.0 == 0 {
            return Err("the container's port must not be 0".into());
        }
        let outside = match outside {
            "" => (0, 0),
            outside => range(outside, "host's")?,
        };
        publications(host_address(address)?, outside, inside, protocol).map(Self)
    }
}

/// A key of an image's `ExposedPorts`: each on any free port of the host.
pub(crate) fn exposed(text: &str) -> Result<Vec<Publication>, String> {
    if text.contains(':') {
        return Err("it has a colon".into());
    }
    text.parse::<Publish>().map(|publish| publish.0)
}

fn publications(
    address: Option<IpAddr>,
    outside: (u16, u16),
    inside: (u16, u16),
    protocol: Protocol,
) -> Result<Vec<Publication>, String> {
    let one = |outside, inside| Publication { address, outside, inside, protocol };
    let count = |(first, last): (u16, u16)| last.abs_diff(first);
    let all = inside.0..=inside.1;
    match (outside, inside) {
        ((0, 0), _) => Ok(all.map(|inside| one((0, 0), inside)).collect()),
        (outside, (first, last)) if first == last => Ok(vec![one(outside, first)]),
        _ if count(outside) == count(inside) => Ok((outside.0..=outside.1)
            .zip(all)
            .map(|(outside, inside)| one((outside, outside), inside))
            .collect()),
        _ => {
            Err("the ranges of the host's and the container's ports are not of the same length"
                .into())
        }
    }
}

fn protocol(name: &str) -> Result<Protocol, String> {
    match name.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "sctp" => Err("ports of sctp cannot be published".into()),
        _ => Err(format!("{name:?} is no protocol: write tcp or udp")),
    }
}

/// Version 6 in brackets or, as Docker has it, without them.
fn host_address(text: &str) -> Result<Option<IpAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(text).parse().map(Some).map_err(|_| {
        format!(
            "{text:?} is no IP address; one of version 6 is written in brackets, as in [::1]:80:80"
        )
    })
}

/// The first and the last of `FIRST[-LAST]`.
fn range(text: &str, whose: &str) -> Result<(u16, u16), String> {
    let port = |text: &str| {
        // A sign is no digit.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let port = if digits { text.parse::<u16>().ok() } else { None };
        port.ok_or_else(|| format!("the {whose} port {text:?} is no number up to 65535"))
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    match first <= last && (first > 0 || last == 0) {
        true => Ok((first, last)),
        false => Err(format!(
            "the range {text} of the {whose} ports has to begin with its lowest, from 1 on"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line for each: address, host's ports, container's port, protocol.
    fn read(text: &str) -> Result<String, String> {
        let one = |one: &Publication| {
            let address = one.address.map_or("*".to_owned(), |address| address.to_string());
            let (first, last) = one.outside;
            format!("{address} {first}-{last} {} {}", one.inside, one.protocol)
        };
        let lines = |all: Publish| all.0.iter().map(one).collect::<Vec<_>>().join(", ");
        text.parse().map(lines)
    }

    /// From Docker's reference of `docker run` and the tests of its parser (go-connections, `nat`).
    #[test]
    fn ports_as_docker_reads_them() {
        for (text, expected) in [
            ("80", "* 0-0 80 tcp"),
            ("80/udp", "* 0-0 80 udp"),
            (":80", "* 0-0 80 tcp"),
            ("0:80", "* 0-0 80 tcp"),
            ("8080:80", "* 8080-8080 80 tcp"),
            ("8080:80/TCP", "* 8080-8080 80 tcp"),
            ("127.0.0.1:8080:80", "127.0.0.1 8080-8080 80 tcp"),
            ("127.0.0.1::80/udp", "127.0.0.1 0-0 80 udp"),
            ("0.0.0.0:8080:80", "0.0.0.0 8080-8080 80 tcp"),
            ("[::1]:8080:80", "::1 8080-8080 80 tcp"),
            ("2001:4860:0:2001::68::333", "2001:4860:0:2001::68 0-0 333 tcp"),
            ("::1:8080:80", "::1 8080-8080 80 tcp"),
            ("8000-8001:80-81", "* 8000-8000 80 tcp, * 8001-8001 81 tcp"),
            ("8000-8010:80", "* 8000-8010 80 tcp"),
            ("80-81", "* 0-0 80 tcp, * 0-0 81 tcp"),
            (
                "127.0.0.1:8000-8001:80-81/udp",
                "127.0.0.1 8000-8000 80 udp, 127.0.0.1 8001-8001 81 udp",
            ),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn faults_say_which_part() {
        for (text, fault) in [
            ("", "the container's port is missing"),
            ("8080:", "the container's port is missing"),
            ("/tcp", "the container's port is missing"),
            ("0", "must not be 0"),
            ("x", "the container's port \"x\" is no number"),
            ("+80", "the container's port \"+80\" is no number"),
            ("x:80", "the host's port \"x\" is no number"),
            ("70000:80", "the host's port \"70000\" is no number up to 65535"),
            ("8000-8001:80-85", "not of the same length"),
            ("90-80", "has to begin with its lowest"),
            ("0-80:80", "has to begin with its lowest"),
            ("80-:80", "the host's port \"\" is no number"),
            ("80/sctp", "sctp cannot be published"),
            ("80/", "\"\" is no protocol"),
            ("localhost:80:80", "\"localhost\" is no IP address"),
            ("1.2.3:80:80", "\"1.2.3\" is no IP address"),
            ("published=80,target=80", "is not supported yet"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(fault), "{text}: {said}");
        }
    }

    #[test]
    fn exposed_ports_go_to_any() {
        assert_eq!(exposed("80/udp").map(Publish), "80/udp".parse());
        assert!(exposed("1:80/tcp").is_err() && exposed("http").is_err());
    }
}
