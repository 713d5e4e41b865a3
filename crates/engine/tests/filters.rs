//! Filters of `capture`: which packets they match, and the errors for mistakes.
#![allow(clippy::unwrap_used)]

use hallway_engine::read::filter::{Filter, NetworkProtocol, PacketHeaders};
use hallway_plan::{Observed, Settled, Surroundings, settle};
use proptest::prelude::*;

fn settled() -> Settled {
    let text = "networks: { apps: { subnet: 10.0.0.0/24 } }
nodes:
  web-server: { networks: { apps: { address: 10.0.0.2 } } }
  db: { networks: { apps: { address: 10.0.0.3 } } }
";
    let topology = hallway_spec::parse("t.yaml", text).unwrap().topology;
    let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
    settle(&topology, None, &around).unwrap()
}

fn packet(protocol: u8, from: (&str, u16), to: (&str, u16)) -> PacketHeaders {
    let addresses: (std::net::IpAddr, std::net::IpAddr) =
        (from.0.parse().unwrap(), to.0.parse().unwrap());
    PacketHeaders {
        network: if addresses.0.is_ipv4() {
            NetworkProtocol::Ip
        } else {
            NetworkProtocol::Ip6
        },
        protocol: Some(protocol),
        addresses: Some(addresses),
        ports: matches!(protocol, 6 | 17).then_some((from.1, to.1)),
    }
}

#[test]
fn filters_match_what_they_describe() {
    let settled = settled();
    let web = packet(6, ("10.0.0.3", 40000), ("10.0.0.2", 80));
    let dns = packet(17, ("10.0.0.3", 40000), ("9.9.9.9", 53));
    let ping = packet(1, ("10.0.0.2", 0), ("10.0.0.3", 0));
    let ping6 = packet(58, ("fd00::1", 0), ("fd00::2", 0));
    let arp = PacketHeaders {
        network: NetworkProtocol::Arp,
        protocol: None,
        ports: None,
        ..ping
    };
    let all = [web, dns, ping, ping6, arp];
    for (text, passes) in [
        ("", "11111"),
        ("tcp", "10000"),
        ("udp", "01000"),
        ("icmp", "00100"),
        ("icmp6", "00010"),
        ("arp", "00001"),
        ("ip", "11100"),
        ("ip6", "00010"),
        ("host web-server", "10101"),
        ("web-server", "10101"),
        ("src host web-server", "00101"),
        ("dst web-server", "10000"),
        ("src or dst web-server", "10101"),
        ("src and dst net apps", "10101"),
        ("net 10.0.0.0/24", "11101"),
        ("dst net 0.0.0.0/0", "11101"),
        ("net fd00::/16", "00010"),
        ("port 80", "10000"),
        ("src port 80", "00000"),
        ("udp port 53", "01000"),
        ("tcp dst port 53", "00000"),
        ("portrange 50-90", "11000"),
        ("port 80 or 53", "11000"),
        ("host 10.0.0.2 and tcp", "10000"),
        ("not tcp", "01111"),
        ("! tcp && !udp", "00111"),
        ("not (tcp or udp)", "00111"),
        ("!(tcp||udp)&&ip", "00100"),
        ("tcp or udp and port 53", "01000"),
        ("tcp or (udp and port 53)", "11000"),
        ("arp host db", "00001"),
        ("host web-server and not host db", "00000"),
    ] {
        let filter = Filter::parse(text, &settled).unwrap();
        let got: String = all
            .iter()
            .map(|f| if filter.matches(f) { '1' } else { '0' })
            .collect();
        assert_eq!(got, passes, "{text}");
    }
}

#[test]
fn errors_name_the_place() {
    let settled = settled();
    for (text, at, message, help) in [
        (
            "host web-servr",
            5,
            "not a node or an address",
            "web-server",
        ),
        ("tpc port 80", 0, "not a filter keyword", "tcp"),
        ("host", 4, "ends where an address or a node", "for example"),
        ("tcp and", 7, "ends where a test", "for example"),
        ("(tcp", 0, "not closed", ")"),
        ("tcp)", 3, "not opened", "remove"),
        ("tcp udp", 4, "does not belong here", "and or or"),
        ("port http", 5, "not a valid port", "port 80"),
        ("port 70000", 5, "not a valid port", "65535"),
        ("port 80-90", 5, "not a single port", "portrange 80-90"),
        ("portrange 90-80", 10, "not a valid range", "8000-8010"),
        ("net 10.0.0.1/24", 4, "beyond", "10.0.0.0/24"),
        ("net nowhere", 4, "not a network or a prefix", "10.0.0.0/24"),
        ("host apps", 5, "not a single host", "net apps"),
        ("icmp port 80", 10, "no ports", "tcp"),
        ("tcp & udp", 4, "does not belong", "and"),
    ] {
        let error = Filter::parse(text, &settled).unwrap_err();
        assert_eq!(error.offset, at, "{text}: {error:?}");
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.help.contains(help), "{text}: {error:?}");
        assert!(error.length > 0);
    }
    assert!(Filter::parse(&"(".repeat(100_000), &settled).is_err());
    assert!(Filter::parse(&"not ".repeat(100_000), &settled).is_err());
}

proptest! {
    #[test]
    fn any_text_gives_a_result(text in "([a-z(!)&| /.:0-9é-]|and |or |not |host |tcp |port ){0,40}") {
        if let Err(error) = Filter::parse(&text, &settled()) {
            prop_assert!(text.is_char_boundary(error.offset));
        }
    }
}
