//! What is read of addresses, routes and everything but links, compared with iproute2's output.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use hallway_kernel::addr::{Scope, add_address, delete_address};
use hallway_kernel::neighbour::{NeighbourState, delete_neighbour, set_neighbour};
use hallway_kernel::route::{RouteInfo, RouteSpec, RouteType, delete_route, replace_route};
use hallway_kernel::rule::{RoutingRule, RuleAction, add_rule, delete_rule};
use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Batch, Kernel, qdisc};
use hallway_nftables::IpVersion;
use hallway_testkit::{ip_json, settle, sh, wait_for};
use serde_json::Value;

fn addresses_are_read_as_iproute2_reads_them() {
    sh(
        "ip link add left type veth peer right; ip link set left up; ip link set right up; \
        ip addr add 10.1.0.1 peer 10.1.0.2/32 dev left",
    );
    let mut kernel = Kernel::new();
    let index = kernel.link_index("left").unwrap();
    let net = |text: &str| text.parse().unwrap();
    let batch: Batch = ["10.2.0.1/24", "fd00::1/64", "10.3.0.0/31"]
        .into_iter()
        .map(|text| add_address(index, net(text)))
        .collect();
    kernel.submit_all(&batch).unwrap();
    settle();
    let ours = kernel.addresses().unwrap();
    for theirs in ip_json("addr show dev left")[0]["addr_info"]
        .as_array()
        .unwrap()
    {
        let local: IpAddr = theirs["local"].as_str().unwrap().parse().unwrap();
        let one = ours
            .iter()
            .find(|a| a.index == index && a.net.addr() == local)
            .unwrap();
        assert_eq!(theirs["prefixlen"], one.net.prefix_len());
        let scope = match one.scope {
            Scope::Universe => "global",
            Scope::Link => "link",
            Scope::Host => "host",
            _ => "another",
        };
        assert_eq!(theirs["scope"], scope);
        let peer = theirs["address"].as_str().map(|a| a.parse().unwrap());
        assert_eq!(one.peer, peer);
        // iproute2 prints it since 6.1.
        if let Some(protocol) = theirs["protocol"].as_str() {
            assert_eq!((protocol, one.protocol), ("kernel_ll", 3));
        }
        assert_eq!(
            theirs["nodad"] == true,
            one.flags & 0x02 != 0,
            "{theirs} {one:?}"
        );
        assert!(!one.is_duplicate());
    }
    assert_eq!(
        ours.iter()
            .filter(|a| a.index == index && a.scope == Scope::Universe)
            .count(),
        4
    );
    kernel
        .run(delete_address(index, net("10.2.0.1/24"), None))
        .unwrap();
    assert!(
        !kernel
            .addresses()
            .unwrap()
            .iter()
            .any(|a| a.net == net("10.2.0.1/24"))
    );
    assert!(
        kernel
            .run(delete_address(index, net("10.2.0.1/24"), None))
            .unwrap_err()
            .is_not_found()
    );
}

fn local_addresses_are_read() {
    sh(
        "ip link set lo up; ip link add left type veth peer right; ip link set left up; ip link set right up; \
        ip addr add 10.1.0.1/24 dev left; ip addr add 10.2.0.1/32 dev lo; ip -6 addr add fd00::1/64 dev left nodad; \
        ip link add unused type veth peer other; ip addr add 10.3.0.1/24 dev unused",
    );
    let mut kernel = Kernel::new();
    let mut of = |version| {
        let found = kernel.local_addresses(version).unwrap();
        let mut words: Vec<String> = found.iter().map(ToString::to_string).collect();
        words.sort();
        words
    };
    assert_eq!(
        of(IpVersion::V4),
        ["10.1.0.1", "10.2.0.1", "10.3.0.1", "127.0.0.1"]
    );
    assert_eq!(of(IpVersion::V6), ["::1", "fd00::1"]);
}

/// A route as iproute2 shows it is among those that were read; `left` is the number of that link.
fn assert_same(theirs: &serde_json::Value, ours: &[RouteInfo], left: u32) {
    let (v4, text) = match theirs["dst"].as_str().unwrap() {
        other if other.contains('/') => (!other.contains(':'), other.to_owned()),
        other if other.contains(':') => (false, format!("{other}/128")),
        other => (true, format!("{other}/32")),
    };
    let table: u32 = theirs["table"].as_str().map_or(254, |t| t.parse().unwrap());
    let to: ipnet::IpNet = text.parse().unwrap();
    let kind = theirs["type"].as_str().unwrap();
    let metric = theirs["metric"].as_u64().unwrap_or(0);
    let found = ours.iter().find(|r| {
        r.to == to
            && r.table == table
            && r.kind_number() == kind
            && u64::from(r.metric) == metric
            && (theirs["dev"].as_str() != Some("left") || r.interface == Some(left))
    });
    let Some(one) = found else {
        unreachable!("{theirs} is missing in {ours:#?}")
    };
    assert_eq!(
        theirs["protocol"].as_str().unwrap(),
        one.protocol.to_string(),
        "{theirs}"
    );
    let via = theirs["gateway"]
        .as_str()
        .or(theirs["via"]["host"].as_str());
    assert_eq!(via.map(|a| a.parse().unwrap()), one.via);
    assert_eq!(
        theirs["prefsrc"].as_str().map(|a| a.parse().unwrap()),
        one.source
    );
    if v4 {
        let scope = match one.scope {
            Scope::Universe => "0",
            Scope::Link => "253",
            Scope::Host => "254",
            _ => "another",
        };
        assert_eq!(theirs["scope"], scope, "{theirs}");
    }
}

fn routes_are_read_as_iproute2_reads_them() {
    sh(
        "ip link add left type veth peer right; ip link set left up; ip link set right up; ip addr add 10.1.0.1/24 dev left; \
        ip -6 addr add fd00::1/64 dev left nodad; \
        ip route add 10.5.0.0/16 via 10.1.0.2 metric 50 proto static src 10.1.0.1; \
        ip route add blackhole 10.6.0.0/16; ip route add prohibit 10.7.0.0/16; ip route add throw 10.8.0.0/16; \
        ip route add 10.9.0.0/16 via 10.1.0.3 table 5000; ip -4 route add 10.11.0.0/16 via inet6 fd00::2 dev left; \
        ip -6 route add fd05::/64 via fd00::2 metric 77 proto 99",
    );
    let mut kernel = Kernel::new();
    let spec = RouteSpec {
        to: "10.10.0.0/16".parse().unwrap(),
        via: None,
        interface: None,
        kind: hallway_kernel::route::RouteType::Unreachable,
        metric: Some(4000),
        protocol: 98,
        source: None,
    };
    kernel.run(replace_route(&spec)).unwrap();
    let index = kernel.link_index("left").unwrap();
    // The kernel adds routes of new IPv6 addresses a moment later.
    let shown = || {
        let routes = ["-N -4 route show table all", "-N -6 route show table all"];
        routes.map(ip_json).concat()
    };
    let mut read = (Vec::new(), Vec::new());
    wait_for("no route to change while routes are read", || {
        read = (shown(), kernel.routes().unwrap());
        shown() == read.0
    });
    let (theirs, ours) = read;
    let mut compared = 0;
    for theirs in theirs {
        assert_same(&theirs, &ours, index);
        compared += 1;
    }
    assert!(compared > 15, "{compared}");
    let own = ours.iter().find(|r| r.protocol == 98).unwrap();
    assert!(own.is_unreachable() && own.kind_number() == "7" && own.metric == 4000);
    let odd = ours
        .iter()
        .find(|r| r.to == "10.11.0.0/16".parse().unwrap())
        .unwrap();
    assert_eq!(
        odd.via,
        Some("fd00::2".parse().unwrap()),
        "IPv4 by an IPv6 next hop"
    );
    kernel.run(delete_route(&spec)).unwrap();
    assert!(kernel.routes().unwrap().iter().all(|r| r.protocol != 98));
}

trait KindNumber {
    fn kind_number(&self) -> &'static str;
}

impl KindNumber for hallway_kernel::route::RouteInfo {
    /// As `ip -N` prints it.
    fn kind_number(&self) -> &'static str {
        match self.kind {
            RouteType::Unicast => "1",
            RouteType::Local => "2",
            RouteType::Broadcast => "3",
            RouteType::Anycast => "4",
            RouteType::Multicast => "5",
            RouteType::Blackhole => "6",
            RouteType::Unreachable => "7",
            RouteType::Prohibit => "8",
            RouteType::Throw => "9",
            RouteType::Other(_) => "another",
        }
    }
}

fn neighbours_are_read_and_written() {
    sh(
        "ip link add left type veth peer right; ip link set left up; ip link set right up; ip addr add 10.1.0.1/24 dev left; \
        ip neigh add 10.1.0.5 lladdr 02:00:00:00:00:05 dev left nud stale; ping -c 1 -W 1 10.1.0.9 || true",
    );
    let mut kernel = Kernel::new();
    let index = kernel.link_index("left").unwrap();
    let address: IpAddr = "10.1.0.7".parse().unwrap();
    kernel
        .run(set_neighbour(index, address, [2, 0, 0, 0, 0, 7]))
        .unwrap();
    let find = |kernel: &mut Kernel, last: u8| {
        let all = kernel.neighbours().unwrap();
        all.into_iter()
            .find(|n| n.interface == index && n.address == IpAddr::from([10, 1, 0, last]))
    };
    let stale = find(&mut kernel, 5).unwrap();
    assert_eq!(
        (stale.mac, stale.state),
        (Some([2, 0, 0, 0, 0, 5]), NeighbourState::Stale)
    );
    let permanent = find(&mut kernel, 7).unwrap();
    assert_eq!(
        (permanent.mac, permanent.state),
        (Some([2, 0, 0, 0, 0, 7]), NeighbourState::Permanent)
    );
    let shown = sh("ip neigh show 10.1.0.7");
    assert!(shown.contains("02:00:00:00:00:07 PERMANENT"), "{shown}");
    assert!(find(&mut kernel, 9).unwrap().state.is_unanswered());
    kernel.run(delete_neighbour(index, address)).unwrap();
    assert_eq!(find(&mut kernel, 7), None);
}

fn queueing_disciplines_are_read_back_as_written() {
    sh("ip link add left type veth peer right; ip link set left up; ip link set right up");
    let mut kernel = Kernel::new();
    let index = kernel.link_index("left").unwrap();
    // Bytes per second: 1 Mbit/s, 10 Gbit/s, 100 Gbit/s.
    for (rate, burst, queue) in [
        (125_000, 32_000, 100_000),
        (1_250_000_000, 1_250_000, 5_000_000),
        (12_500_000_000, 12_500_000, 50_000_000),
    ] {
        kernel.run(qdisc::limit(index, rate, burst, queue)).unwrap();
        let all = kernel.qdiscs().unwrap();
        let found = all.iter().find(|q| q.interface == index).unwrap();
        assert_eq!(found.kind, "tbf");
        assert!(found.is_root() && found.handle != 0);
        let bucket = found.token_bucket.unwrap();
        assert!(
            bucket.matches(rate, burst, queue),
            "{rate} {burst} {queue}: {bucket:?} {}",
            bucket.burst()
        );
        assert!(!bucket.matches(rate + 1, burst, queue) && !bucket.matches(rate, burst * 2, queue));
        let shown: Value = serde_json::from_str(&sh("tc -j qdisc show dev left")).unwrap();
        assert_eq!(shown[0]["options"]["rate"], rate);
    }
    kernel.run(qdisc::remove_root(index)).unwrap();
    assert!(
        kernel
            .qdiscs()
            .unwrap()
            .iter()
            .all(|q| q.token_bucket.is_none())
    );
}

fn routing_rules_are_read_and_written() {
    sh(
        "ip link add left type veth peer right; ip rule add pref 77 not from 10.1.0.0/16 to 10.2.0.0/24 iif left fwmark 0x10/0xf0 table 5000; \
        ip -6 rule add pref 78 oif left prohibit; ip rule add pref 79 table main suppress_prefixlength 0; \
        ip rule add pref 80 goto 32766",
    );
    let mut kernel = Kernel::new();
    let before = kernel.routing_rules().unwrap();
    let at = |priority| before.iter().find(|r| r.priority == priority).unwrap();
    let first = at(77);
    assert_eq!(first.from, Some("10.1.0.0/16".parse().unwrap()));
    assert_eq!(first.to, Some("10.2.0.0/24".parse().unwrap()));
    assert_eq!(
        (first.iif.as_deref(), first.mark, first.not),
        (Some("left"), Some((0x10, 0xf0)), true)
    );
    assert_eq!(
        (first.version, first.action),
        (IpVersion::V4, RuleAction::Table(5000))
    );
    assert_eq!(
        (at(78).version, at(78).action, at(78).oif.as_deref()),
        (IpVersion::V6, RuleAction::Prohibit, Some("left"))
    );
    assert_eq!(at(79).suppress_prefix_length, Some(0));
    assert_eq!(at(80).action, RuleAction::Goto(32766));
    assert_eq!(at(0).action, RuleAction::Table(255));

    // Rules that were read are written again unchanged.
    let shown = (sh("ip rule show"), sh("ip -6 rule show"));
    let own: Vec<&RoutingRule> = before
        .iter()
        .filter(|r| (77..=80).contains(&r.priority))
        .collect();
    let delete: Batch = own.iter().map(|rule| delete_rule(rule)).collect();
    kernel.submit_all(&delete).unwrap();
    assert!(!sh("ip rule show").contains("77:"));
    let add: Batch = own.iter().map(|rule| add_rule(rule)).collect();
    kernel.submit_all(&add).unwrap();
    assert_eq!(kernel.routing_rules().unwrap(), before);
    assert_eq!((sh("ip rule show"), sh("ip -6 rule show")), shown);
    let again = kernel.run(add_rule(own[0])).unwrap_err();
    assert!(
        again.is_exists()
            && again
                .to_string()
                .starts_with("add the routing rule 77 of IPv4"),
        "{again}"
    );

    let all = RoutingRule {
        action: RuleAction::Unreachable,
        ..RoutingRule::to_table(IpVersion::V4, 5, 254)
    };
    kernel.run(add_rule(&all)).unwrap();
    assert!(sh("ip rule show").contains("5:\tfrom all unreachable"));
    kernel.run(delete_rule(&all)).unwrap();
}

fn settings_are_read_many_at_once() {
    let kernel = Kernel::new();
    kernel.write_sysctl("net/ipv4/ip_forward", "1").unwrap();
    let keys = [
        "net/ipv4/ip_forward",
        "net/ipv4/conf/nothere/forwarding",
        "net/ipv4/conf/lo/forwarding",
    ];
    let values = kernel.read_sysctls(keys).unwrap();
    assert_eq!(values, [Some("1".to_owned()), None, Some("1".to_owned())]);
    assert_eq!(kernel.read_sysctl("net/ipv4/ip_forward").unwrap(), "1");
    assert!(
        kernel
            .write_sysctl("net/ipv4/nothere", "1")
            .unwrap_err()
            .is_not_found()
    );
    let forwards = || {
        let all = Kernel::new().settings_of_all(IpVersion::V4).unwrap();
        all.and_then(|all| all.forwarding)
    };
    assert_eq!(forwards(), Some(true));
    kernel.write_sysctl("net/ipv4/ip_forward", "0").unwrap();
    assert_eq!(forwards(), Some(false));
    let other = [
        "net/nothere/a",
        "net/ipv6/conf/default/accept_ra",
        "kernel/ostype",
    ];
    let values = kernel.read_sysctls(other).unwrap();
    assert_eq!(
        (values[0].as_deref(), values[2].as_deref()),
        (None, Some("Linux"))
    );
    assert!(values[1].is_some());
    let none: [&str; 0] = [];
    assert!(kernel.read_sysctls(none).unwrap().is_empty());
    let mut many = SysctlReader::for_many();
    for _ in 0..40 {
        let values = many.read(&kernel, ["net/ipv4/ip_forward"]).unwrap();
        assert_eq!(values, [Some("0".to_owned())]);
    }
}

hallway_testkit::tests![
    addresses_are_read_as_iproute2_reads_them,
    local_addresses_are_read,
    routes_are_read_as_iproute2_reads_them,
    neighbours_are_read_and_written,
    queueing_disciplines_are_read_back_as_written,
    routing_rules_are_read_and_written,
    settings_are_read_many_at_once,
];
