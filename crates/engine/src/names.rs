//! The name servers of nodes without their own: those of the host that a node can reach.
//!
//! A resolver of the host itself, like systemd-resolved at 127.0.0.53, cannot be reached from a
//! node: localhost is the node there. Such resolvers write the servers that they use into a file.

use std::io::Read as _;
use std::net::IpAddr;

use crate::etc::RESOLV_CONF;

/// Where resolvers of the host write the servers that they use: systemd-resolved, NetworkManager,
/// dnsmasq of resolvconf.
const UPSTREAM: [&str; 3] = [
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/dnsmasq/resolv.conf",
];
/// A longer file is not a list of name servers.
const LENGTH_MAX: u64 = 64 * 1024;

/// What nodes get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServers {
    /// The text of their resolv.conf.
    pub text: String,
    /// The servers of the host, when a node can reach none of them.
    pub unreachable: Vec<String>,
}

/// Reads the host's files.
#[must_use]
pub fn of_host() -> NameServers {
    choose(&read(RESOLV_CONF), UPSTREAM.into_iter().map(read))
}

impl NameServers {
    /// The servers, if all of them are addresses of the host itself, which nodes may only ask if a policy
    /// says so.
    #[must_use]
    pub fn of_own_addresses(&self, host: &[IpAddr]) -> Vec<String> {
        let is_own = |server: &str| server.parse().is_ok_and(|a: IpAddr| host.contains(&a));
        let all: Vec<String> = servers(&self.text).map(str::to_owned).collect();
        match all.iter().all(|server| is_own(server)) {
            true => all,
            false => Vec::new(),
        }
    }
}

/// A file that cannot be read has no servers, and one that is not regular: a FIFO gives no end.
fn read(path: &str) -> String {
    let mut bytes = Vec::new();
    let regular = std::fs::metadata(path).and_then(|m| match m.is_file() {
        true => std::fs::File::open(path),
        false => Err(std::io::ErrorKind::InvalidInput.into()),
    });
    match regular.and_then(|file| file.take(LENGTH_MAX).read_to_end(&mut bytes)) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

fn choose(own: &str, upstream: impl Iterator<Item = String>) -> NameServers {
    let local: Vec<String> = servers(own)
        .filter(|s| is_local(s))
        .map(str::to_owned)
        .collect();
    if local.is_empty() {
        return NameServers {
            text: own.to_owned(),
            unreachable: Vec::new(),
        };
    }
    let mut all = std::iter::once(own.to_owned()).chain(upstream);
    match all.find(|text| servers(text).any(|s| !is_local(s))) {
        Some(text) => NameServers {
            text: without_local(&text),
            unreachable: Vec::new(),
        },
        None => NameServers {
            text: own.to_owned(),
            unreachable: local,
        },
    }
}

fn servers(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(server)
}

/// The server in a line (resolv.conf(5)).
fn server(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    (words.next() == Some("nameserver")).then(|| words.next())?
}

fn is_local(server: &str) -> bool {
    let address = server.split('%').next().unwrap_or(server);
    let address: Result<IpAddr, _> = address.parse();
    address.is_ok_and(|a| a.is_loopback() || a.is_unspecified())
}

fn without_local(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !server(line).is_some_and(is_local));
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUB: &str = "# stub\nnameserver 127.0.0.53\noptions edns0\nsearch example.com\n";

    #[test]
    fn servers_of_the_network_stay() {
        let text = "nameserver 192.0.2.1\nnameserver 2001:db8::1\n";
        let chosen = choose(text, std::iter::empty());
        assert_eq!((chosen.text.as_str(), chosen.unreachable.len()), (text, 0));
    }

    #[test]
    fn servers_of_the_host_itself_are_left_out() {
        let text = "nameserver 127.0.0.1\nnameserver ::1\nnameserver 192.0.2.1\nsearch a\n";
        let chosen = choose(text, std::iter::empty());
        assert_eq!(chosen.text, "nameserver 192.0.2.1\nsearch a\n");
    }

    #[test]
    fn a_stub_gives_way_to_the_servers_it_asks() {
        let upstream = "nameserver 192.0.2.1\nsearch example.com\n";
        let chosen = choose(STUB, [String::new(), upstream.to_owned()].into_iter());
        assert_eq!(chosen.text, upstream);
    }

    #[test]
    fn a_resolver_of_the_host_has_an_address_of_the_host() {
        let host: [IpAddr; 2] = ["192.0.2.1", "2001:db8::1"].map(|a| a.parse().unwrap());
        for (text, own) in [
            ("nameserver 192.0.2.1\nnameserver 2001:db8::1\n", 2),
            ("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", 0),
            ("search a\n", 0),
        ] {
            let chosen = choose(text, std::iter::empty());
            assert_eq!(chosen.of_own_addresses(&host).len(), own, "{text}");
        }
    }

    #[test]
    fn without_any_the_host_has_said_which() {
        let chosen = choose(STUB, std::iter::once(String::new()));
        assert_eq!(
            (chosen.text.as_str(), chosen.unreachable),
            (STUB, vec!["127.0.0.53".to_owned()])
        );
    }
}
