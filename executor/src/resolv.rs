//! Which `/etc/resolv.conf` a sandbox gets, from the host's.

use std::net::{IpAddr, Ipv4Addr};

use crate::spec::Network;

/// What stands in when no name server is left (Docker's).
pub(crate) const FALLBACK: &str = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";

/// The resolv.conf for a sandbox, from the content of the host's.
///
/// `host` is `/etc/resolv.conf`; `resolved` is `/run/systemd/resolve/resolv.conf` where it exists,
/// and is taken when the only name server of `host` is 127.0.0.53. With the host's network the
/// text is passed on as it is; otherwise servers on a loopback address, which the sandbox cannot
/// reach, are left out, and Google's stand in when none is left (Docker's `resolvconf`). A resolver of the
/// network that asks the host's first server of IP version 4 stands for that one, wherever that is: pasta
/// gives its answers the resolver's address, so who asked another would not take them (`--dns-forward`).
pub fn resolv_conf(host: &[u8], resolved: Option<&[u8]>, network: &Network) -> Vec<u8> {
    let text = match resolved {
        Some(resolved) if is_resolved_stub(host) => resolved,
        _ => host,
    };
    match network {
        Network::Host => text.to_vec(),
        Network::None => without_loopback(text),
        Network::Private(connector) => match connector.resolver() {
            Some(resolver) => without_loopback(&asking(text, resolver)),
            None => without_loopback(text),
        },
    }
}

/// With `resolver` instead of the first server of IP version 4.
fn asking(text: &[u8], resolver: Ipv4Addr) -> Vec<u8> {
    let is_asked = |line: &&[u8]| {
        let server = nameserver(line).map(String::from_utf8_lossy);
        server.is_some_and(|server| server.parse::<Ipv4Addr>().is_ok())
    };
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let asked = lines.iter().position(is_asked);
    let stand_in = format!("nameserver {resolver}\n");
    let line = |(at, line)| if Some(at) == asked { stand_in.as_bytes() } else { line };
    lines.into_iter().enumerate().flat_map(line).copied().collect()
}

fn is_resolved_stub(text: &[u8]) -> bool {
    let mut servers = text.split(|&byte| byte == b'\n').filter_map(nameserver).peekable();
    servers.peek().is_some() && servers.all(|server| server == b"127.0.0.53")
}

fn without_loopback(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut servers = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match nameserver(line) {
            Some(server) if is_loopback(server) => continue,
            Some(_) => servers += 1,
            None => {}
        }
        kept.extend_from_slice(line);
    }
    if servers == 0 {
        if !kept.is_empty() && !kept.ends_with(b"\n") {
            kept.push(b'\n');
        }
        kept.extend_from_slice(FALLBACK.as_bytes());
    }
    kept
}

/// The address of a `nameserver` line.
fn nameserver(line: &[u8]) -> Option<&[u8]> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    match words.next() {
        Some(b"nameserver") => words.next(),
        _ => None,
    }
}

fn is_loopback(server: &[u8]) -> bool {
    let text = String::from_utf8_lossy(server);
    let address = text.split('%').next().unwrap_or_default();
    address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Connector, ConnectorKind};

    #[test]
    fn the_stub_is_swapped_only_when_it_is_the_only_server() {
        let stub = b"nameserver 127.0.0.53\noptions edns0\n";
        let real = b"nameserver 10.0.0.2\n";
        assert_eq!(resolv_conf(stub, Some(real), &Network::Host), real);
        let two = b"nameserver 127.0.0.53\nnameserver 10.1.1.1\n";
        assert_eq!(resolv_conf(two, Some(real), &Network::Host), two);
        assert_eq!(resolv_conf(b"", Some(real), &Network::Host), b"");
    }

    #[test]
    fn loopback_servers_are_left_out_without_the_host_network() {
        let text = b"search x\nnameserver 127.0.0.1\nnameserver ::1\nnameserver 9.9.9.9\n";
        assert_eq!(resolv_conf(text, None, &Network::None), b"search x\nnameserver 9.9.9.9\n");
        assert_eq!(
            resolv_conf(b"search x", None, &Network::None),
            b"search x\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n"
        );
    }

    #[test]
    fn a_resolver_of_the_network_stands_for_the_hosts_first_server() {
        let connector = |kind| Connector { program: "/usr/bin/x".into(), kind };
        let pasta = Network::Private(connector(ConnectorKind::Pasta));
        for (text, kept) in [
            ("nameserver 9.9.9.9", "nameserver 169.254.1.1\n"),
            (
                "search x\nnameserver 127.0.0.1\noptions y\n",
                "search x\nnameserver 169.254.1.1\noptions y\n",
            ),
            (
                "nameserver 127.0.0.1\nnameserver 9.9.9.9\n",
                "nameserver 169.254.1.1\nnameserver 9.9.9.9\n",
            ),
            (
                "nameserver 9.9.9.9\nnameserver 127.0.0.1\nnameserver ::1\n",
                "nameserver 169.254.1.1\n",
            ),
            (
                "nameserver fd00::1\nnameserver 9.9.9.9\n",
                "nameserver fd00::1\nnameserver 169.254.1.1\n",
            ),
            ("nameserver ::1\n", FALLBACK),
        ] {
            let given = resolv_conf(text.as_bytes(), None, &pasta);
            assert_eq!(String::from_utf8(given).unwrap(), kept, "{text}");
        }
        let slirp = Network::Private(connector(ConnectorKind::Slirp4netns));
        let own = b"nameserver 127.0.0.1\n";
        assert_eq!(resolv_conf(own, None, &slirp), FALLBACK.as_bytes());
    }
}
