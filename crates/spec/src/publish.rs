//! Published ports: Compose's short syntax, and what localhost serves.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{InvalidPort, PortName, PortRange, Protocol, Publish};

/// `[ip:]host[-range]:container[-range][/tcp|udp|sctp]`, compose's short syntax; a single number
/// publishes the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishText {
    /// Only this address of the host.
    pub host_address: Option<IpAddr>,
    /// The host's ports.
    pub host_ports: PortRange,
    /// The node's ports.
    pub node_ports: PortRange,
    /// tcp by default.
    pub protocol: Protocol,
}

impl FromStr for PublishText {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let (rest, protocol) = match text.rsplit_once('/') {
            Some((rest, protocol)) => (rest, protocol.parse()?),
            None => (text, Protocol::Tcp),
        };
        let (rest, node) = match rest.rsplit_once(':') {
            Some((rest, node)) => (Some(rest), node),
            None => (None, rest),
        };
        let node_ports: PortRange = node.parse()?;
        let Some(rest) = rest else {
            return Ok(Self {
                host_address: None,
                host_ports: node_ports,
                node_ports,
                protocol,
            });
        };
        let (address, host) = match rest.rsplit_once(':') {
            Some((address, host)) => (Some(address), host),
            None => (None, rest),
        };
        let host_address = address
            .map(|a| {
                let bare = a
                    .strip_prefix('[')
                    .and_then(|a| a.strip_suffix(']'))
                    .unwrap_or(a);
                bare.parse::<IpAddr>()
                    .map_err(|_not_an_address| InvalidPort::Address(a.to_owned()))
            })
            .transpose()?;
        let host_ports: PortRange = host.parse()?;
        if host_ports.len() != node_ports.len() {
            return Err(InvalidPort::Lengths {
                host: host_ports,
                node: node_ports,
            });
        }
        Ok(Self {
            host_address,
            host_ports,
            node_ports,
            protocol,
        })
    }
}

impl fmt::Display for PublishText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_address {
            Some(IpAddr::V6(a)) => write!(f, "[{a}]:")?,
            Some(IpAddr::V4(a)) => write!(f, "{a}:")?,
            None => {}
        }
        write!(f, "{}:{}", self.host_ports, self.node_ports)?;
        if self.protocol != Protocol::Tcp {
            write!(f, "/{}", self.protocol)?;
        }
        Ok(())
    }
}

/// An entry of `ports` as one text, `[NAME=]` and what is published: `web=8080:80`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortText {
    /// The name of the node's port.
    pub name: Option<PortName>,
    /// What is published.
    pub publish: PublishText,
}

impl FromStr for PortText {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let (name, publish) = match text.split_once('=') {
            Some((name, publish)) => (Some(name.parse()?), publish),
            None => (None, text),
        };
        Ok(Self {
            name,
            publish: publish.parse()?,
        })
    }
}

/// Entries of more ports than this are not served on localhost: each port would need a listener,
/// and a listener needs a file for each IP version, in a sandbox twice that.
pub const LOCALHOST_PORTS_MAX: usize = 4_096;

impl Publish {
    /// Whether a node port differs from its host port.
    #[must_use]
    pub fn translates_ports(&self) -> bool {
        self.host_ports != self.node_ports
    }

    /// Whether it is served on the addresses of localhost, alone or among others.
    #[must_use]
    pub fn includes_localhost(&self) -> bool {
        let address = self.host_address.filter(|a| !a.is_unspecified());
        address.is_none_or(|a| a.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composes_short_syntax_reads_and_prints() {
        for (text, printed) in [
            ("8080:80", "8080:80"),
            ("3000", "3000:3000"),
            ("127.0.0.1:8080:80", "127.0.0.1:8080:80"),
            ("[::1]:6001:6001", "[::1]:6001:6001"),
            ("::1:6000:6000", "[::1]:6000:6000"),
            ("9090-9091:8080-8081/udp", "9090-9091:8080-8081/udp"),
            ("80:80/tcp", "80:80"),
            ("38412/sctp", "38412:38412/sctp"),
        ] {
            assert_eq!(text.parse::<PublishText>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn a_name_is_written_before_the_ports() {
        let named: PortText = "web=127.0.0.1:8080:80/udp".parse().unwrap();
        assert_eq!(named.name.unwrap().as_ref(), "web");
        assert_eq!(named.publish.to_string(), "127.0.0.1:8080:80/udp");
        assert_eq!("8080:80".parse::<PortText>().unwrap().name, None);
        for text in ["=80", "8080=80", "tcp=80", "web=", "a=b=80"] {
            assert!(text.parse::<PortText>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_published_is_refused() {
        for text in [
            "",
            "0:80",
            "65536:80",
            "80-81:80",
            "a:80",
            "host:80:80",
            "80:80/icmp",
            "81-80:81-80",
            "+80",
        ] {
            assert!(text.parse::<PublishText>().is_err(), "{text}");
        }
    }
}
