//! Messages captured from the kernel (6.18), and requests of this crate, read back. The captured
//! objects were made with iproute2; tests/reading.rs compares with it on the running kernel.

use std::fmt::Debug;
use std::net::IpAddr;

use hallway_nftables::IpVersion;
use proptest::prelude::*;

use crate::addr::{self, Scope};
use crate::link::{
    self, AddressGeneration, BridgeSpec, LinkChange, OperationalState, PortState, VethEnd,
};
use crate::neighbour::{self, NeighbourState};
use crate::qdisc;
use crate::request::Request;
use crate::route::{self, RouteSpec, RouteType};
use crate::rule::{self, RoutingRule, RuleAction};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// Reads a captured message; every shorter one must give a result, too.
fn read<T>(hex: &str, parse: fn(&[u8]) -> Option<T>) -> T {
    let bytes = bytes(hex);
    for length in 0..bytes.len() {
        parse(&bytes[..length]);
    }
    parse(&bytes).unwrap()
}

/// Reads a request's body as if the kernel had sent it.
fn back<T: Debug>(request: &Request, parse: fn(&[u8]) -> Option<T>) -> T {
    parse(request.bytes().unwrap()).unwrap()
}

#[test]
fn a_bridge() {
    let link = read(include_str!("../tests/captured/bridge.hex"), link::parse);
    assert_eq!((link.index, link.name.as_str()), (2, "bri0"));
    assert_eq!((link.group, link.mtu, link.up), (9, 1400, false));
    assert_eq!(link.mac, Some([2, 0, 0, 0, 0, 1]));
    assert_eq!(link.state, OperationalState::Down);
    assert_eq!(link.address_generation, Some(AddressGeneration::Eui64));
    assert_eq!((link.port, link.peer, link.master), (None, None, None));
    let bridge = link.bridge.unwrap();
    assert_eq!(
        (bridge.ageing_time, bridge.mcast_snooping),
        (12_300, Some(false))
    );
    assert!(!bridge.stp && !bridge.nf_call_iptables && !bridge.nf_call_ip6tables);
}

#[test]
fn a_bridge_port() {
    let link = read(include_str!("../tests/captured/port.hex"), link::parse);
    assert_eq!((link.index, link.kind.as_deref()), (50, Some("veth")));
    assert_eq!(
        (link.master, link.peer, link.peer_netns),
        (Some(2), Some(3), None)
    );
    assert_eq!(link.alias.as_deref(), Some("hallway:p:port"));
    assert_eq!((link.up, link.state), (true, OperationalState::Up));
    assert_eq!(link.address_generation, Some(AddressGeneration::None));
    let port = link.port.unwrap();
    assert_eq!(
        (port.state, port.priority, port.cost),
        (PortState::Disabled, 32, 2)
    );
    assert!(port.hairpin && port.isolated && !port.unicast_flood);
    assert!(port.learning && port.mcast_flood && port.bcast_flood && !port.guard && !port.locked);
}

#[test]
fn an_address() {
    let address = read(include_str!("../tests/captured/address.hex"), addr::parse);
    assert_eq!(
        (address.index, address.net),
        (3, "10.1.0.1/32".parse().unwrap())
    );
    assert_eq!(address.peer, Some("10.1.0.2".parse().unwrap()));
    assert_eq!(
        (address.scope, address.flags, address.protocol),
        (Scope::Universe, 0x80, 0)
    );
}

#[test]
fn a_route() {
    let route = read(include_str!("../tests/captured/route.hex"), route::parse);
    assert_eq!(route.to, "10.9.0.0/16".parse().unwrap());
    assert_eq!(route.via, Some("10.1.0.2".parse().unwrap()));
    assert_eq!(route.source, Some("10.1.0.1".parse().unwrap()));
    assert_eq!(
        (route.interface, route.table, route.metric),
        (Some(3), 5000, 50)
    );
    assert_eq!(
        (route.protocol, route.kind, route.scope),
        (4, RouteType::Unicast, Scope::Universe)
    );
}

#[test]
fn a_routing_rule() {
    let rule = read(include_str!("../tests/captured/rule.hex"), rule::parse);
    let expected = RoutingRule {
        from: Some("10.1.0.0/16".parse().unwrap()),
        iif: Some("eth0".into()),
        mark: Some((0x10, 0xf0)),
        not: true,
        ..RoutingRule::to_table(IpVersion::V4, 77, 5000)
    };
    assert_eq!(rule, expected);
    assert_eq!(back(&rule::add_rule(&rule), rule::parse), expected);
    for action in [
        RuleAction::Table(254),
        RuleAction::Goto(9),
        RuleAction::Nothing,
        RuleAction::Blackhole,
        RuleAction::Unreachable,
        RuleAction::Prohibit,
    ] {
        let rule = RoutingRule {
            action,
            to: Some("fd00::/64".parse().unwrap()),
            oif: Some("eth1".into()),
            suppress_prefix_length: Some(0),
            protocol: 99,
            ..RoutingRule::to_table(IpVersion::V6, 5, 0)
        };
        assert_eq!(back(&rule::delete_rule(&rule), rule::parse), rule);
    }
}

#[test]
fn a_neighbour() {
    let hex = include_str!("../tests/captured/neighbour.hex");
    let mut neighbour = read(hex, neighbour::parse);
    assert!(neighbour.used.take().is_some()); // no request has it
    let address: IpAddr = "10.1.0.2".parse().unwrap();
    assert_eq!((neighbour.interface, neighbour.address), (3, address));
    assert_eq!(neighbour.mac, Some([2, 0, 0, 0, 0, 5]));
    assert_eq!(neighbour.state, NeighbourState::Permanent);
    let request = neighbour::set_neighbour(3, address, [2, 0, 0, 0, 0, 5]);
    assert_eq!(back(&request, neighbour::parse), neighbour);
}

#[test]
fn a_token_bucket() {
    let qdisc = read(include_str!("../tests/captured/qdisc.hex"), qdisc::parse);
    assert_eq!((qdisc.interface, qdisc.kind.as_str()), (3, "tbf"));
    assert!(qdisc.is_root());
    let bucket = qdisc.token_bucket.unwrap();
    assert_eq!(
        (bucket.rate, bucket.queue, bucket.burst()),
        (125_000, 100_000, 32_000)
    );
    assert!(bucket.matches(125_000, 32_000, 100_000));
    for rate in [125_000, 12_500_000_000] {
        let request = back(&qdisc::limit(7, rate, 9, 100_000), qdisc::parse);
        assert_eq!((request.interface, request.is_root()), (7, true));
        let bucket = request.token_bucket.unwrap();
        assert_eq!((bucket.rate, bucket.queue), (rate, 100_000));
    }
}

#[test]
fn requests_are_read_back() {
    let request = link::create_bridge(&BridgeSpec {
        name: "bri0",
        group: 9,
        mac: [2, 0, 0, 0, 0, 1],
        mtu: Some(1400),
        nf_call: true,
    });
    let bridge = back(&request, link::parse);
    assert_eq!(
        (bridge.name.as_str(), bridge.group, bridge.mtu),
        ("bri0", 9, 1400)
    );
    assert!(bridge.bridge.unwrap().nf_call_iptables && bridge.bridge.unwrap().nf_call_ip6tables);

    let end = |name, index| VethEnd {
        name,
        netns: None,
        mac: None,
        mtu: None,
        group: 3,
        index,
    };
    let veth = back(
        &link::create_veth(&end("port0", 5), Some(2), &end("eth0", 6)),
        link::parse,
    );
    assert_eq!((veth.index, veth.master, veth.group), (5, Some(2), 3));
    assert_eq!(veth.kind.as_deref(), Some("veth"));

    let change = LinkChange {
        alias: Some("an alias"),
        up: Some(true),
        no_link_local: true,
        port: &[
            (link::PortFlag::Hairpin, true),
            (link::PortFlag::Learning, false),
        ],
        ..LinkChange::default()
    };
    let changed = back(&link::change_link("port0", &change), link::parse);
    let port = changed.port.unwrap();
    assert!(changed.up && port.hairpin && !port.learning);
    assert_eq!(changed.alias.as_deref(), Some("an alias"));
    assert_eq!(changed.address_generation, Some(AddressGeneration::None));

    for net in ["10.1.0.1/24", "fd00::1/64"] {
        let address = back(&addr::add_address(4, net.parse().unwrap()), addr::parse);
        assert_eq!((address.index, address.net), (4, net.parse().unwrap()));
        let spec = RouteSpec {
            to: net.parse::<ipnet::IpNet>().unwrap().trunc(),
            via: None,
            interface: None,
            kind: crate::route::RouteType::Unreachable,
            metric: Some(7),
            protocol: 98,
            source: None,
        };
        let route = back(&route::replace_route(&spec), route::parse);
        assert_eq!((route.to, route.metric, route.protocol), (spec.to, 7, 98));
        assert!(route.is_unreachable());
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_result(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        link::parse(&bytes);
        addr::parse(&bytes);
        route::parse(&bytes);
        rule::parse(&bytes);
        neighbour::parse(&bytes);
        qdisc::parse(&bytes);
        crate::conntrack::parse(&bytes);
    }
}
