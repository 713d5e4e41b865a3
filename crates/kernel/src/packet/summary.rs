//! A packet in one line, as text.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use hallway_nftables::IpVersion;
use hallway_nftables::print::mac;

use super::headers::{Arp, Ethernet, Icmp, Ip, Network, Tcp, Transport};

fn end(address: IpAddr, port: Option<u16>) -> String {
    port.map_or_else(
        || address.to_string(),
        |port| SocketAddr::new(address, port).to_string(),
    )
}

impl Ethernet {
    /// One line, like `172.20.0.11:43210 → 172.20.0.12:80 tcp SYN`.
    #[must_use]
    pub fn summary(&self) -> String {
        let (from, to) = (mac(&self.source), mac(&self.destination));
        let what = match &self.network {
            Network::Arp(arp) => arp.summary(),
            Network::Ip(ip) => ip.summary(),
            Network::Other(kind @ ..0x600) => format!("{from} → {to} 802.3 length {kind}"),
            Network::Other(0x88cc) => format!("{from} → {to} lldp"),
            Network::Other(kind) => format!("{from} → {to} ethertype {kind:#06x}"),
            Network::Short => format!("{from} → {to} (cut short)"),
        };
        match self.vlan {
            Some(vlan) => format!("vlan {vlan} {what}"),
            None => what,
        }
    }
}

impl Arp {
    /// One line, like `arp who has 10.0.0.2 tell 10.0.0.1`.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.operation {
            1 if self.sender == self.target => format!("arp {} announces itself", self.sender),
            1 if self.sender.is_unspecified() => format!("arp does anyone have {}", self.target),
            1 => format!("arp who has {} tell {}", self.target, self.sender),
            2 => format!("arp {} is at {}", self.sender, mac(&self.sender_mac)),
            other => format!("arp operation {other}"),
        }
    }
}

impl Ip {
    /// One line, like `10.0.0.1 → 10.0.0.2 icmp echo request id 7 seq 1`.
    #[must_use]
    pub fn summary(&self) -> String {
        format!(
            "{} → {} {}",
            end(self.source, self.source_port()),
            end(self.destination, self.destination_port()),
            self.payload()
        )
    }

    fn payload(&self) -> String {
        match &self.transport {
            Transport::Tcp(tcp) => tcp.to_string(),
            Transport::Udp(udp) => format!("udp{}", bytes(udp.data)),
            Transport::Icmp(icmp) => icmp.to_string(),
            Transport::Fragment => format!("{} fragment", protocol(self.protocol)),
            Transport::Sctp(sctp) => format!("sctp{}", chunk(sctp.chunk)),
            Transport::Other => protocol(self.protocol),
            Transport::Short => format!("{} (cut short)", protocol(self.protocol)),
        }
    }
}

fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".into(),
        2 => "igmp".into(),
        4 | 41 => "tunnel".into(),
        6 => "tcp".into(),
        17 => "udp".into(),
        47 => "gre".into(),
        50 => "esp".into(),
        58 => "icmp6".into(),
        132 => "sctp".into(),
        other => format!("protocol {other}"),
    }
}

/// The types of chunks of RFC 9260, section 3.2.
fn chunk(kind: Option<u8>) -> String {
    const NAMES: [&str; 15] = [
        "DATA",
        "INIT",
        "INIT ACK",
        "SACK",
        "HEARTBEAT",
        "HEARTBEAT ACK",
        "ABORT",
        "SHUTDOWN",
        "SHUTDOWN ACK",
        "ERROR",
        "COOKIE ECHO",
        "COOKIE ACK",
        "ECNE",
        "CWR",
        "SHUTDOWN COMPLETE",
    ];
    match kind.map(|kind| (kind, NAMES.get(usize::from(kind)))) {
        Some((_, Some(name))) => format!(" {name}"),
        Some((kind, None)) => format!(" chunk {kind}"),
        None => String::new(),
    }
}

fn bytes(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => " 1 byte".into(),
        n => format!(" {n} bytes"),
    }
}

impl fmt::Display for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tcp")?;
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        // The flags that open or end a connection come first; PSH is omitted.
        for position in [1, 0, 2, 4, 5] {
            if self.flags & (1 << position) != 0
                && let Some(name) = names.get(position)
            {
                write!(f, " {name}")?;
            }
        }
        f.write_str(&bytes(self.data))
    }
}

impl fmt::Display for Icmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.version {
            IpVersion::V4 => "icmp ",
            IpVersion::V6 => "icmp6 ",
        })?;
        match self.words() {
            Some(words) => f.write_str(&words)?,
            None => write!(f, "type {} code {}", self.kind, self.code)?,
        }
        if let Some((id, sequence)) = self.echo {
            write!(f, " id {id} seq {sequence}")?;
        }
        if let Some(mtu) = self.mtu.filter(|m| *m > 0) {
            write!(f, ", MTU {mtu}")?;
        }
        if let Some(packet) = &self.embedded {
            let mut flow = packet.summary();
            // An error is about a flow; how much of the packet is quoted has no meaning.
            if let Transport::Tcp(_) | Transport::Udp(_) = packet.transport {
                flow = format!(
                    "{} → {} {}",
                    end(packet.source, packet.source_port()),
                    end(packet.destination, packet.destination_port()),
                    protocol(packet.protocol)
                );
            }
            f.write_char(' ')?;
            write!(f, "({flow})")?;
        }
        Ok(())
    }
}

impl Icmp {
    /// Type and code in words (IANA's registries of ICMP and ICMPv6 parameters).
    #[must_use]
    pub fn words(&self) -> Option<String> {
        use IpVersion::{V4, V6};
        let reason = match self.version {
            V4 => self.reason(),
            V6 => self.reason_v6(),
        };
        let words = match (self.version, self.kind) {
            (V4, 0) | (V6, 129) => "echo reply",
            (V4, 8) | (V6, 128) => "echo request",
            (V4, 3) if self.code == 4 => "packet too big",
            (V4, 3) | (V6, 1) => "unreachable",
            (V6, 2) => "packet too big",
            (V4, 5) | (V6, 137) => "redirect",
            (V4, 11) | (V6, 3) => "time exceeded",
            (V4, 12) | (V6, 4) => "parameter problem",
            (V6, 130) => "multicast listener query",
            (V6, 131 | 143) => "multicast listener report",
            (V6, 132) => "multicast listener done",
            (V6, 133) => "router solicitation",
            (V6, 134) => "router advertisement",
            (V6, 135) => {
                return Some(self.target.map_or_else(
                    || "neighbour solicitation".into(),
                    |a| format!("who has {a}"),
                ));
            }
            (V6, 136) => {
                return Some(self.target.map_or_else(
                    || "neighbour advertisement".into(),
                    |a| format!("here is {a}"),
                ));
            }
            _ => return None,
        };
        Some(match reason {
            Some(reason) => format!("{words}: {reason}"),
            None => words.into(),
        })
    }

    fn reason(&self) -> Option<&'static str> {
        Some(match (self.kind, self.code) {
            (3, 0) => "no way to the network",
            (3, 1) => "host",
            (3, 2) => "protocol",
            (3, 3) => "port",
            (3, 5) => "source route failed",
            (3, 6) => "network unknown",
            (3, 7) => "host unknown",
            (3, 9) => "network prohibited",
            (3, 10) => "host prohibited",
            (3, 13) => "prohibited",
            (11, 0) => "too many hops",
            (11, 1) => "fragments missing",
            _ => return None,
        })
    }

    fn reason_v6(&self) -> Option<&'static str> {
        Some(match (self.kind, self.code) {
            (1, 0) => "no route",
            (1, 1) => "prohibited",
            (1, 2) => "beyond scope",
            (1, 3) => "address",
            (1, 4) => "port",
            (1, 5) => "source address refused",
            (1, 6) => "route rejected",
            (3, 0) => "too many hops",
            (3, 1) => "fragments missing",
            _ => return None,
        })
    }
}
