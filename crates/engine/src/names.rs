//! The name servers of nodes without their own: those of the host that a node can reach.
//!
//! A resolver of the host itself, like systemd-resolved at 127.0.0.53, cannot be reached from a
//! node: localhost is the node there. Such resolvers write the servers that they use into a file.
//! Neither can a server with a link-local IPv6 address: the link that its zone names is the host's.

use std::io::Read as _;
use std::net::{IpAddr, Ipv6Addr};

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
    /// Why the host's own file cannot be read, if it exists.
    pub unread: Option<String>,
}

/// Reads the host's files.
#[must_use]
pub fn of_host() -> NameServers {
    let (own, unread) = match read(RESOLV_CONF) {
        Ok(text) => (text, None),
        Err(error) => (String::new(), Some(error.to_string())),
    };
    // Those of resolvers are other places for the same servers: one that cannot be read is none.
    let upstream = UPSTREAM.into_iter().map(|p| read(p).unwrap_or_default());
    NameServers {
        unread,
        ..choose(&own, upstream)
    }
}

impl NameServers {
    /// The addresses of the servers.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let all = servers(&self.text).filter(|s| !is_out_of_reach(s));
        all.filter_map(|server| server.parse().ok()).collect()
    }

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

/// The text of a file; empty if it does not exist. A file that is not regular is not read: a FIFO gives no
/// end.
fn read(path: &str) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let regular = std::fs::metadata(path).and_then(|m| match m.is_file() {
        true => std::fs::File::open(path),
        false => Err(std::io::Error::other("it is not a regular file")),
    });
    match regular.and_then(|file| file.take(LENGTH_MAX).read_to_end(&mut bytes)) {
        Ok(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn choose(own: &str, upstream: impl Iterator<Item = String>) -> NameServers {
    let out_of_reach: Vec<String> = servers(own)
        .filter(|s| is_out_of_reach(s))
        .map(str::to_owned)
        .collect();
    if out_of_reach.is_empty() {
        return NameServers {
            text: own.to_owned(),
            unreachable: Vec::new(),
            unread: None,
        };
    }
    let mut all = std::iter::once(own.to_owned()).chain(upstream);
    match all.find(|text| servers(text).any(|s| !is_out_of_reach(s))) {
        Some(text) => NameServers {
            text: without(&text, is_out_of_reach),
            unreachable: Vec::new(),
            unread: None,
        },
        // A program would wait for these; it is refused at once on localhost, or uses that of the node.
        None => NameServers {
            text: without(own, is_link_local),
            unreachable: out_of_reach,
            unread: None,
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

fn is_out_of_reach(server: &str) -> bool {
    let address: Result<IpAddr, _> = server.parse();
    let local = address.is_ok_and(|a| a.is_loopback() || a.is_unspecified());
    local || is_link_local(server)
}

/// Of one link; a zone is the name of a link.
fn is_link_local(server: &str) -> bool {
    let address: Result<Ipv6Addr, _> = server.parse();
    server.contains('%') || address.is_ok_and(|a| a.is_unicast_link_local())
}

fn without(text: &str, left_out: impl Fn(&str) -> bool) -> String {
    let lines = text
        .lines()
        .filter(|line| !server(line).is_some_and(&left_out));
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUB: &str = "# stub\nnameserver 127.0.0.53\noptions edns0\nsearch example.com\n";

    #[test]
    fn a_file_that_cannot_be_read_is_not_an_empty_one() {
        assert_eq!(read("/nonexistent/resolv.conf").unwrap(), "");
        assert!(read("/").is_err());
    }

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
    fn a_stub_is_replaced_by_its_upstream_servers() {
        let upstream = "nameserver 192.0.2.1\nsearch example.com\n";
        let chosen = choose(STUB, [String::new(), upstream.to_owned()].into_iter());
        assert_eq!(chosen.text, upstream);
    }

    #[test]
    fn servers_of_one_link_are_left_out() {
        let text = "nameserver fe80::1%eth0\nnameserver 192.0.2.1\nnameserver fe80::2\n";
        let chosen = choose(text, std::iter::empty());
        assert_eq!(chosen.text, "nameserver 192.0.2.1\n");
        assert_eq!(chosen.unreachable.len(), 0);
        let upstream = "nameserver fe80::1%2\nsearch a\n";
        let chosen = choose(upstream, std::iter::once(STUB.to_owned()));
        assert_eq!(chosen.text, "search a\n");
        assert_eq!(chosen.unreachable, ["fe80::1%2"]);
        let chosen = choose(STUB, std::iter::once(upstream.to_owned()));
        assert_eq!((chosen.text.as_str(), chosen.unreachable.len()), (STUB, 1));
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
