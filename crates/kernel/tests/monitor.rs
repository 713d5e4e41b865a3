//! Notifications of changes by iproute2, nft and the kernel itself.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hallway_kernel::Kernel;
use hallway_kernel::monitor::{Event, Existence, Monitor, NfObject, Topic};
use hallway_kernel::rule::RuleAction;
use hallway_nftables::{Family, IpVersion};
use hallway_testkit::sh;

/// All events up to and including `last`.
#[track_caller]
fn until(monitor: &mut Monitor, last: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut out = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let events = monitor.events(Some(Duration::from_secs(1))).unwrap();
        let done = events.iter().any(&last);
        out.extend(events);
        if done {
            return out;
        }
    }
    unreachable!("not among {out:#?}")
}

fn links_and_bridge_ports() {
    let mut monitor = Monitor::open(&[Topic::Link]).unwrap();
    sh(
        "ip link add bri0 type bridge; ip link add port0 type veth peer pair0; ip link set port0 master bri0; \
        ip link set port0 alias hello; ip link set port0 type bridge_slave hairpin on; \
        ip link set port0 nomaster; ip link del port0",
    );
    let events = until(
        &mut monitor,
        |e| matches!(e, Event::Link(Existence::Removed, l) if l.name == "port0"),
    );
    let has = |what: &dyn Fn(&Event) -> bool| assert!(events.iter().any(what), "{events:#?}");
    let bridge = Kernel::new().link_index("bri0").unwrap();
    has(
        &|e| matches!(e, Event::Link(Existence::Present, l) if l.name == "bri0" && l.bridge.is_some()),
    );
    has(
        &|e| matches!(e, Event::Link(Existence::Present, l) if l.name == "port0" && l.master == Some(bridge)),
    );
    has(
        &|e| matches!(e, Event::Link(Existence::Present, l) if l.alias.as_deref() == Some("hello")),
    );
    has(
        &|e| matches!(e, Event::BridgePort(Existence::Present, l) if l.port.is_some_and(|p| p.hairpin)),
    );
    has(&|e| matches!(e, Event::BridgePort(Existence::Removed, l) if l.name == "port0"));
    has(&|e| matches!(e, Event::Link(Existence::Removed, l) if l.name == "pair0"));
    let gone = events
        .iter()
        .rposition(|e| matches!(e, Event::Link(Existence::Removed, l) if l.name == "port0"));
    let left = events
        .iter()
        .position(|e| matches!(e, Event::BridgePort(Existence::Removed, _)));
    assert!(left < gone, "leaving a bridge is not the end of the link");
    assert_eq!(monitor.events(Some(Duration::from_millis(20))).unwrap(), []);
}

fn addresses_routes_rules_neighbours_and_settings() {
    sh("ip link add left type veth peer right; ip link set left up; ip link set right up");
    let topics = [
        Topic::Address,
        Topic::Route,
        Topic::Rule,
        Topic::Neighbour,
        Topic::Netconf,
        Topic::Qdisc,
    ];
    let mut monitor = Monitor::open(&topics).unwrap();
    let left = i32::try_from(Kernel::new().link_index("left").unwrap()).unwrap();
    sh(
        "ip addr add 10.1.0.1/24 dev left; ip -6 addr add fd00::1/64 dev left nodad; \
        ip route add 10.2.0.0/16 via 10.1.0.2 metric 5; ip -6 route add unreachable fd09::/64; \
        ip rule add pref 9 table 99; ip -6 rule add pref 9 prohibit; \
        ip neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev left; \
        echo 1 > /proc/sys/net/ipv4/conf/left/forwarding; tc qdisc add dev left root tbf rate 1mbit burst 32kb limit 100kb; \
        ip rule del pref 9; ip neigh del 10.1.0.2 dev left; ip addr del 10.1.0.1/24 dev left",
    );
    let first = IpAddr::from([10, 1, 0, 1]);
    let events = until(
        &mut monitor,
        |e| matches!(e, Event::Address(Existence::Removed, a) if a.net.addr() == first),
    );
    let has = |what: &dyn Fn(&Event) -> bool| assert!(events.iter().any(what), "{events:#?}");
    has(
        &|e| matches!(e, Event::Address(Existence::Present, a) if a.net == "10.1.0.1/24".parse().unwrap()),
    );
    has(
        &|e| matches!(e, Event::Address(Existence::Present, a) if a.net == "fd00::1/64".parse().unwrap()),
    );
    has(
        &|e| matches!(e, Event::Route(Existence::Present, r) if r.to == "10.2.0.0/16".parse().unwrap() && r.metric == 5),
    );
    has(
        &|e| matches!(e, Event::Route(Existence::Present, r) if r.to == "fd09::/64".parse().unwrap() && r.is_unreachable()),
    );
    has(&|e| matches!(e, Event::Rule(Existence::Present, r) if r.action == RuleAction::Table(99)));
    has(&|e| matches!(e, Event::Rule(Existence::Present, r) if r.action == RuleAction::Prohibit));
    has(&|e| matches!(e, Event::Rule(Existence::Removed, r) if r.priority == 9));
    has(
        &|e| matches!(e, Event::Neighbour(Existence::Present, n) if n.mac == Some([2, 0, 0, 0, 0, 2])),
    );
    has(
        &|e| matches!(e, Event::Netconf(Existence::Present, n) if n.version == IpVersion::V4 && n.interface == left && n.forwarding == Some(true)),
    );
    has(
        &|e| matches!(e, Event::Qdisc(Existence::Present, q) if q.token_bucket.is_some_and(|t| t.rate == 125_000)),
    );
}

fn nf_tables() {
    let mut monitor = Monitor::open(&[Topic::Nftables]).unwrap();
    sh(
        "nft 'add table inet t; add set inet t s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }; \
        add chain inet t c { type filter hook input priority 0; }; add rule inet t c ip saddr @s drop'; \
        nft delete element inet t s '{ 10.0.0.1 }'; nft delete table inet t",
    );
    let mut generations = Vec::new();
    let mut events = Vec::new();
    while generations.len() < 3 {
        let some = until(&mut monitor, |e| matches!(e, Event::Generation(_)));
        generations.extend(some.iter().filter_map(|e| match e {
            Event::Generation(g) => Some(g.clone()),
            _ => None,
        }));
        events.extend(some);
    }
    let has = |change: Existence, what: &dyn Fn(&NfObject) -> bool| {
        let found = events.iter().any(|e| {
            matches!(e, Event::Nftables(c, n) if *c == change && n.table == "t" && n.family == Family::Inet && what(&n.object))
        });
        assert!(found, "{events:#?}");
    };
    has(Existence::Present, &|o| *o == NfObject::Table);
    has(Existence::Present, &|o| *o == NfObject::Chain("c".into()));
    has(Existence::Present, &|o| *o == NfObject::Set("s".into()));
    has(
        Existence::Present,
        &|o| matches!(o, NfObject::Rule { chain, handle } if chain == "c" && *handle > 0),
    );
    let keys: Vec<Vec<u8>> = events
        .iter()
        .filter_map(|e| match e {
            Event::Nftables(Existence::Present, n) => match &n.object {
                NfObject::Elements { keys, .. } => Some(keys.clone()),
                _ => None,
            },
            _ => None,
        })
        .flatten()
        .collect();
    assert!(
        keys.contains(&vec![10, 0, 0, 1]) && keys.contains(&vec![10, 0, 0, 2]),
        "{keys:?}"
    );
    let removed = NfObject::Elements {
        set: "s".into(),
        keys: vec![vec![10, 0, 0, 1]],
    };
    has(Existence::Removed, &|o| *o == removed);
    has(Existence::Removed, &|o| *o == NfObject::Table);
    assert!(generations.windows(2).all(|w| w[0].id + 1 == w[1].id));
    assert!(
        generations.iter().all(|g| g.program == "nft"),
        "{generations:?}"
    );
}

fn notifications_not_read_in_time_are_an_overrun() {
    sh("ip link add left type veth peer right; ip link set left up");
    let mut monitor = Monitor::with_receive_buffer(&[Topic::Address], 4096).unwrap();
    let lines: String = (0..250)
        .map(|n| format!("addr add 10.9.{n}.1/24 dev left\n"))
        .collect();
    std::fs::write("/run/batch", lines).unwrap();
    sh("ip -batch /run/batch");
    let events = until(&mut monitor, |e| *e == Event::Overrun);
    assert!(events.len() < 250, "{}", events.len());
    // After that it receives again.
    sh("ip addr add 10.10.0.1/24 dev left");
    let later = "10.10.0.1/24".parse().unwrap();
    until(
        &mut monitor,
        |e| matches!(e, Event::Address(Existence::Present, a) if a.net == later),
    );
}

fn only_the_namespace_it_was_opened_in() {
    let mut kernel = Kernel::new();
    let other = kernel.create_netns().unwrap();
    let mut monitor = None;
    kernel
        .inside(&other, |_| {
            monitor = Some(Monitor::open(&[Topic::Link, Topic::Nftables])?);
            Ok::<(), hallway_kernel::KernelError>(())
        })
        .unwrap();
    let mut monitor = monitor.unwrap();
    assert_eq!(monitor.sockets().count(), 2);
    sh("ip link add left type veth peer right; nft add table inet t");
    assert_eq!(monitor.events(Some(Duration::from_millis(50))).unwrap(), []);
}

hallway_testkit::tests![
    links_and_bridge_ports,
    addresses_routes_rules_neighbours_and_settings,
    nf_tables,
    notifications_not_read_in_time_are_an_overrun,
    only_the_namespace_it_was_opened_in,
];
