//! The kinds of change by other programs, one line each.

mod host;
mod neighbours;

pub(crate) use host::{HOST_LINKS, HOST_ROUTES, HOST_SETTINGS};
pub(crate) use neighbours::{HOST_NEIGHBOURS, NODE_NEIGHBOURS};

/// A change that another program makes.
pub(crate) struct Kind {
    /// A shell script. `$WEB`, `$DB`, `$FAR` are the host's ends of those nodes' interfaces, and
    /// `inside NODE` runs a command in a node's network namespace.
    pub(crate) change: &'static str,
    /// What `status` and `plan` must print.
    pub(crate) says: &'static str,
    /// Objects that can be repaired only by creating them again, as `PLACE/KIND/NAME`; they keep
    /// their configuration, but get other numbers from the kernel.
    pub(crate) again: &'static [&'static str],
}

const fn kind(change: &'static str, says: &'static str) -> Kind {
    Kind {
        change,
        says,
        again: &[],
    }
}

const fn again(change: &'static str, says: &'static str, again: &'static [&'static str]) -> Kind {
    Kind {
        change,
        says,
        again,
    }
}

const WEB: &[&str] = &["host/link/$WEB", "web/link/eth0"];
const DB_NODE: &[&str] = &[
    "host/link/$DB",
    "db/link/lo",
    "db/link/eth0",
    "db/link/eth1",
    "far/link/eth1",
    "db/qdisc/eth0",
    "db/addr/lo",
    "host/qdisc/$DB",
    "db/inode/db",
];
const CABLE: &[&str] = &["db/link/eth1", "far/link/eth1"];

pub(crate) const RULES: &[Kind] = &[
    kind(
        "nft flush ruleset; nft -f /run/keep/others.nft",
        "table inet hallway-p is missing",
    ),
    kind(
        "nft delete table inet hallway-p",
        "table inet hallway-p is missing",
    ),
    kind(
        "nft delete table bridge hallway-p",
        "table bridge hallway-p is missing",
    ),
    kind(
        "nft add table inet hallway-p '{ flags dormant; }'",
        "table inet hallway-p is dormant",
    ),
    kind(
        "nft add table bridge hallway-p '{ flags dormant; }'",
        "table bridge hallway-p is dormant",
    ),
    kind("nft flush table inet hallway-p", "lacks the rule"),
    kind(
        "nft flush chain inet hallway-p forward",
        "chain forward lacks the rule",
    ),
    kind(
        "nft add rule inet hallway-p forward accept",
        "chain forward",
    ),
    kind(
        "nft insert rule inet hallway-p forward counter accept",
        "chain forward",
    ),
    kind(
        "nft add chain inet hallway-p forward '{ policy drop; }'",
        "chain forward",
    ),
    kind("nft add chain inet hallway-p foreign", "chain foreign"),
    kind(
        "nft add set inet hallway-p foreign '{ type ipv4_addr; }'",
        "set foreign",
    ),
    kind(
        "nft delete rule inet hallway-p nat_prerouting handle $(nft -a list chain inet hallway-p nat_prerouting | sed -n 's/.*# handle //p' | sed -n 2p)",
        "chain nat_prerouting lacks the rule",
    ),
    kind(
        "nft delete element inet hallway-p pub4 '{ tcp . 8080 }'",
        "missing: tcp . 8080",
    ),
    kind(
        "nft add element inet hallway-p pub4 '{ tcp . 9999 : 10.9.0.10 . 80 }'",
        "unexpected: tcp . 9999",
    ),
    kind("nft flush map inet hallway-p pub4", "missing: tcp . 8080"),
    kind(
        "nft flush set inet hallway-p forwarding4",
        "note of IPv4 forwarding of",
    ),
    kind(
        "nft add element inet hallway-p bridged '{ up0 . up0 }'",
        "set inet hallway-p bridged: unexpected",
    ),
    kind(
        "nft add element inet hallway-p asked4 '{ 192.0.2.9 }'",
        "set inet hallway-p asked4: unexpected",
    ),
    kind(
        "nft flush chain inet hallway-p answers",
        "chain answers lacks the rule",
    ),
];

pub(crate) const NODE_LINKS: &[Kind] = &[
    kind(
        "ip -n web addr del 10.9.0.10/24 dev eth0",
        "address 10.9.0.10/24 of eth0 is missing",
    ),
    kind(
        "ip -n web addr del 10.9.0.10/24 dev eth0; ip -n web addr add 10.9.0.10/24 dev eth0 scope link; ip -n web route replace default via 10.9.0.1 proto static",
        "address 10.9.0.10/24 of eth0 is without global scope",
    ),
    kind(
        "ip -n web route del local 10.9.0.10 dev eth0 table local",
        "address 10.9.0.10/24 of eth0 is without a local route",
    ),
    kind(
        "ip -n web -6 route del local fd09::10 dev eth0 table local",
        "address fd09::10/64 of eth0 is without a local route",
    ),
    kind(
        "ip -n web route del broadcast 10.9.0.255 dev eth0 table local",
        "address 10.9.0.10/24 of eth0 is without a broadcast route",
    ),
    kind(
        "ip -n web addr del 10.9.0.10/24 dev eth0; ip -n web addr add 10.9.0.10/24 brd 10.9.0.100 dev eth0; ip -n web route replace default via 10.9.0.1 proto static",
        "address 10.9.0.10/24 of eth0 is without the broadcast address of its subnet",
    ),
    kind(
        "ip -n far route change 10.1.0.0/24 dev eth1 proto kernel scope link src 10.7.0.10",
        "route 10.1.0.0/24 of eth1 is on the link src 10.7.0.10, not on the link",
    ),
    kind(
        "ip -n web -6 route del ff00::/8 dev eth0 table local",
        "multicast route ff00::/8 of eth0 is missing",
    ),
    kind(
        "ip -n web link set eth0 mtu 1000",
        "mtu of eth0 is 1000, not 1500",
    ),
    kind(
        "ip -n web addr add 10.9.0.10/24 dev lo",
        "address 10.9.0.10/24 on lo is one of eth0",
    ),
    kind(
        "ip -n web -6 addr add fd09::10/64 dev lo",
        "address fd09::10/64 on lo is one of eth0",
    ),
    kind(
        "ip -n web -6 addr del fd09::10/64 dev eth0; ip -n web -6 addr add fd09::10/64 dev lo",
        "address fd09::10/64 on lo is one of eth0",
    ),
    kind(
        "ip -n web addr del fd09::10/64 dev eth0",
        "address fd09::10/64 of eth0 is missing",
    ),
    kind(
        "ip -n web -6 addr flush dev eth0 scope link",
        "of eth0 is missing",
    ),
    kind(
        "ip -n web route del 10.9.0.0/24",
        "route 10.9.0.0/24 of eth0 is missing",
    ),
    kind(
        "ip -n web -6 route del fd09::/64",
        "route fd09::/64 of eth0 is missing",
    ),
    kind(
        "ip -n web route del default",
        "default route of eth0 is missing",
    ),
    kind(
        "ip -n web -6 route del default",
        "default route of eth0 is missing",
    ),
    kind(
        "ip -n web route replace default via 10.9.0.99",
        "default route of eth0 is via 10.9.0.99, not via 10.9.0.1",
    ),
    kind(
        "ip -n web route replace unreachable default",
        "default route of eth0 is",
    ),
    kind(
        "ip -n web route prepend prohibit default",
        "default route of eth0 comes after another one, which drops its packets",
    ),
    kind(
        "ip -n web -6 route replace prohibit default metric 1024; ip -n web -6 route append default via fd09::1 dev eth0 proto static metric 1024",
        "default route of eth0 comes after another one, which drops its packets",
    ),
    kind(
        "ip -n web link set eth0 down",
        "state of eth0 is down, not up",
    ),
    kind(
        "ip -n web link set eth0 mtu 1300",
        "mtu of eth0 is 1300, not 1500",
    ),
    kind(
        "ip -n web link set eth0 address 02:11:22:33:44:55",
        "address of eth0 is 02:11:22:33:44:55",
    ),
    kind(
        "ip -n web link set eth0 addrgenmode eui64",
        "addrgenmode of eth0 is eui64, not none",
    ),
    again("ip -n web link del eth0", "interface eth0 is missing", WEB),
    again(
        "ip -n web link set eth0 down; ip -n web link set eth0 name mine",
        "interface eth0 is missing",
        WEB,
    ),
    again(
        "ip -n web link del eth0; ip -n web link add eth0 type veth peer name mine",
        "port $WEB is missing",
        WEB,
    ),
];

/// In the node x, whose program has no capabilities.
pub(crate) const FOR_PROGRAMS: &[Kind] = &[
    kind(
        "inside x sysctl -qw net.ipv4.ip_unprivileged_port_start=1024",
        "net.ipv4.ip_unprivileged_port_start is 1024, not 0",
    ),
    kind(
        "inside x sysctl -qw 'net.ipv4.ping_group_range=1 0'",
        "net.ipv4.ping_group_range is 1 0, not 0 ",
    ),
];

pub(crate) const NODES: &[Kind] = &[
    kind(
        "ip -n web addr change 10.9.0.10/24 dev eth0 valid_lft 600 preferred_lft 0",
        "address 10.9.0.10/24 of eth0 is without an unlimited lifetime",
    ),
    kind(
        "ip -n web addr change 10.9.0.10/24 dev eth0 valid_lft forever preferred_lft 0",
        "address 10.9.0.10/24 of eth0 is without an unlimited lifetime",
    ),
    kind(
        "ip -n web addr change fd09::10/64 dev eth0 valid_lft 600 preferred_lft 300",
        "address fd09::10/64 of eth0 is without an unlimited lifetime",
    ),
    kind(
        "ip -n web addr change fd09::10/64 dev eth0 preferred_lft 0",
        "address fd09::10/64 of eth0 is without an unlimited lifetime",
    ),
    kind(
        "ip -n far addr change 10.1.0.2/24 dev eth1 valid_lft 600 preferred_lft 600",
        "address 10.1.0.2/24 of eth1 is without an unlimited lifetime",
    ),
    kind(
        "inside web sysctl -qw net.ipv4.ip_forward=1",
        "IPv4 forwarding is 1, not 0",
    ),
    kind(
        "inside web sysctl -qw net.ipv4.conf.eth0.forwarding=1",
        "IPv4 forwarding of eth0 is 1, not 0",
    ),
    kind(
        "inside web sysctl -qw net.ipv6.conf.all.forwarding=1",
        "IPv6 forwarding is 1, not 0",
    ),
    kind(
        "inside web sysctl -qw net.ipv6.conf.eth0.accept_ra=2",
        "accept_ra of eth0 is 2, not 0",
    ),
    kind(
        "inside web sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1",
        "disable_ipv6 of eth0 is 1, not 0",
    ),
    kind(
        "inside x sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0",
        "disable_ipv6 of eth0 is 0, not 1",
    ),
    kind(
        "inside x sysctl -qw net.ipv6.conf.default.disable_ipv6=0",
        "disable_ipv6 is 0, not 1",
    ),
    kind("ip -n db link set lo down", "state of lo is down, not up"),
    again(
        "ip -n db link set lo mtu 1000",
        "mtu of lo is 1000, not 65536",
        &["db/addr/lo"],
    ),
    kind(
        "ip -n db rule flush",
        "IPv4 routing rule 32766 to table main is missing",
    ),
    kind(
        "ip -n db -6 rule flush",
        "IPv6 routing rule 32766 to table main is missing",
    ),
    kind(
        "ip -n db rule del priority 0",
        "IPv4 routing rule 0 to table local is missing",
    ),
    kind(
        "ip -n db addr del 127.0.0.1/8 dev lo",
        "address 127.0.0.1/8 of lo is missing",
    ),
    again(
        "ip -n db addr del ::1/128 dev lo",
        "address ::1/128 of lo is missing",
        &["db/addr/lo"],
    ),
    again(
        "inside db sysctl -qw net.ipv6.conf.lo.disable_ipv6=1",
        "disable_ipv6 of lo is 1, not 0",
        &["db/addr/lo"],
    ),
    kind(
        "ip -n db link set eth0 arp off",
        "arp of eth0 is off, not on",
    ),
    kind(
        "ip -n db link set eth0 multicast off",
        "multicast of eth0 is off, not on",
    ),
    kind("ip -n db link set lo alias mine", "alias of lo is mine"),
    again("ip netns del db", "namespace is missing", DB_NODE),
    again("umount /run/netns/db", "namespace is missing", DB_NODE),
    again(
        "ip netns del db; ip netns add db",
        "namespace is not the one that was made",
        DB_NODE,
    ),
    again(
        "mount --bind /dev/null /run/netns/db",
        "namespace is not the one that was made",
        DB_NODE,
    ),
    again("ip -n db link del eth1", "link end eth1 is missing", CABLE),
    again("ip -n far link del eth1", "link end eth1 is missing", CABLE),
    again(
        "ip -n far link del eth1; ip -n far link add eth1 type veth peer name mine",
        "link end eth1 is not connected to its other end",
        CABLE,
    ),
    kind(
        "ip -n far addr del 10.1.0.2/24 dev eth1",
        "address 10.1.0.2/24 of eth1 is missing",
    ),
    kind(
        "ip -n db link set eth1 down",
        "state of eth1 is down, not up",
    ),
    again(
        "tc -n db qdisc del dev eth0 root",
        "bandwidth of eth0 is none, not 10mbit",
        &["db/qdisc/eth0"],
    ),
    again(
        "tc -n db qdisc change dev eth0 root tbf rate 5mbit burst 20k latency 50ms",
        "bandwidth of eth0 is a queueing discipline with other settings, not 10mbit",
        &["db/qdisc/eth0"],
    ),
    again(
        "tc -n db qdisc change dev eth0 root tbf rate 10mbit burst 20k latency 50ms",
        "bandwidth of eth0 is a queueing discipline with other settings, not 10mbit",
        &["db/qdisc/eth0"],
    ),
    again(
        "tc -n db qdisc replace dev eth0 parent $(tc -n db qdisc show dev eth0 | grep -o 'tbf [0-9a-f]*:' | cut -d' ' -f2)1 handle 10: bfifo limit 1",
        "bandwidth of eth0 is a queueing discipline with other settings, not 10mbit",
        &["db/qdisc/eth0"],
    ),
    again(
        "tc qdisc replace dev $DB parent $(tc qdisc show dev $DB | grep -o 'tbf [0-9a-f]*:' | cut -d' ' -f2)1 handle 10: bfifo limit 1",
        "bandwidth of $DB is a queueing discipline with other settings, not 10mbit",
        &["host/qdisc/$DB"],
    ),
    again(
        "tc qdisc del dev $DB root",
        "bandwidth of $DB is none, not 10mbit",
        &["host/qdisc/$DB"],
    ),
    again(
        "tc qdisc replace dev $DB root pfifo limit 10",
        "bandwidth of $DB is none, not 10mbit",
        &["host/qdisc/$DB"],
    ),
];

pub(crate) const FILES: &[Kind] = &[
    kind(
        "chmod 000 $(find /run/state -path '*/hosts/*' -type f)",
        "mode 0000 of user",
    ),
    kind(
        "chmod 666 $(find /run/state -path '*/hosts/*' -type f)",
        "mode 0666 of user",
    ),
];

/// These need a second user.
pub(crate) const OWNERS: &[Kind] = &[kind(
    "chown 7 $(find /run/state -path '*/hosts/*' -type f)",
    "mode 0644 of user 7",
)];

pub(crate) const PROGRAMS: &[Kind] = &[
    kind(
        "kill -9 $(pgrep -f '^hallway serve 80$' | head -1)",
        "ended by signal 9",
    ),
    kind("kill $(pgrep -f '^hallway serve 80$' | head -1)", "program"),
    kind("kill -9 $(pgrep -f '[_]_keeper')", "its keeper has ended"),
    kind(
        "kill -9 $(pgrep -f '[_]_keeper'); sleep 0.1",
        "listener 127.0.0.1:8080/tcp is missing",
    ),
];
