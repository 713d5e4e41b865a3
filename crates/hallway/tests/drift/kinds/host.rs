//! Changes on the host.

use super::{Kind, WEB, again, kind};

const APPS: &[&str] = &["host/link/br-apps", "host/link/$WEB", "host/link/$DB"];

pub(crate) const HOST_LINKS: &[Kind] = &[
    kind(
        "ip link set br-apps down",
        "state of br-apps is down, not up",
    ),
    kind("ip link set br-apps alias mine", "alias of br-apps is mine"),
    kind(
        "ip link set br-apps address 02:00:00:00:00:01",
        "address of br-apps is 02:00:00:00:00:01",
    ),
    kind(
        "ip link set br-apps mtu 1400",
        "mtu of br-apps is 1400, not 1500",
    ),
    kind("ip link set br-apps group 7", "group of br-apps is 7"),
    kind(
        "ip link set br-apps type bridge nf_call_iptables 0",
        "nf_call_iptables of br-apps is off",
    ),
    kind(
        "ip link set br-apps addrgenmode eui64",
        "addrgenmode of br-apps is eui64, not none",
    ),
    kind(
        "ip addr del 10.9.0.1/24 dev br-apps",
        "address 10.9.0.1/24 of br-apps is missing",
    ),
    kind(
        "ip route del local 10.9.0.1 dev br-apps table local",
        "address 10.9.0.1/24 of br-apps is without a local route",
    ),
    kind(
        "ip addr del fd09::1/64 dev br-apps",
        "address fd09::1/64 of br-apps is missing",
    ),
    kind(
        "ip addr change 10.9.0.1/24 dev br-apps valid_lft 600 preferred_lft 0",
        "address 10.9.0.1/24 of br-apps is without an unlimited lifetime",
    ),
    kind(
        "ip addr change fd09::1/64 dev br-apps valid_lft forever preferred_lft 0",
        "address fd09::1/64 of br-apps is without an unlimited lifetime",
    ),
    kind(
        "ip -6 addr flush dev br-apps scope link",
        "of br-apps is missing",
    ),
    kind(
        "ip link set $WEB nomaster",
        "master of $WEB is none, not br-apps",
    ),
    kind(
        "ip link set $WEB master br-other",
        "master of $WEB is br-other, not br-apps",
    ),
    kind("ip link set $WEB down", "state of $WEB is down, not up"),
    kind("ip link set $WEB alias mine", "alias of $WEB is mine"),
    kind("ip link set $WEB group 7", "group of $WEB is 7"),
    kind("ip link set $WEB mtu 1400", "mtu of $WEB is 1400, not 1500"),
    kind(
        "ip link set $WEB addrgenmode eui64",
        "addrgenmode of $WEB is eui64, not none",
    ),
    kind(
        "bridge link set dev $WEB hairpin off",
        "hairpin of $WEB is off, not on",
    ),
    kind(
        "bridge link set dev $WEB isolated on",
        "isolated of $WEB is on, not off",
    ),
    kind(
        "bridge link set dev $WEB learning off",
        "learning of $WEB is off, not on",
    ),
    kind(
        "bridge link set dev $WEB flood off mcast_flood off bcast_flood off",
        "flood of $WEB is off, not on",
    ),
    kind(
        "bridge link set dev $WEB neigh_suppress on",
        "neigh_suppress of $WEB is on, not off",
    ),
    kind(
        "ip link set br-apps type bridge stp_state 1",
        "stp_state of br-apps is on, not off",
    ),
    kind(
        "ip link set br-apps type bridge mcast_snooping 0",
        "mcast_snooping of br-apps is off, not on",
    ),
    kind(
        "ip link set br-apps type bridge group_fwd_mask 8",
        "group_fwd_mask of br-apps is on, not off",
    ),
    kind(
        "ip link set br-apps type bridge nf_call_arptables 1",
        "nf_call_arptables of br-apps is on, not off",
    ),
    kind(
        "ip link set br-apps type bridge ageing_time 0",
        "ageing_time of br-apps is 0, not 30000",
    ),
    kind(
        "ip link set br-apps arp off",
        "arp of br-apps is off, not on",
    ),
    kind(
        "bridge link set dev $WEB state 0",
        "forwarding of $WEB is off, not on",
    ),
    kind(
        "bridge link set dev $WEB guard on root_block on",
        "guard of $WEB is on, not off",
    ),
    kind(
        "ip link set $WEB address $(ip -n web -o link show eth0 | grep -o 'ether [^ ]*' | cut -d' ' -f2)",
        "address of $WEB is",
    ),
    kind(
        "ip link set $FAR address 02:00:00:00:00:aa",
        "address of $FAR is 02:00:00:00:00:aa",
    ),
    kind(
        "bridge fdb replace $(ip -n web -o link show eth0 | grep -o 'ether [^ ]*' | cut -d' ' -f2) dev $DB master static",
        "to $DB of br-apps does not come from frames",
    ),
    kind(
        "bridge fdb replace $(ip -n web -o link show eth0 | grep -o 'ether [^ ]*' | cut -d' ' -f2) dev br-apps self permanent",
        "to br-apps of br-apps does not come from frames",
    ),
    kind(
        "bridge fdb replace $(ip -n web -o link show eth0 | grep -o 'ether [^ ]*' | cut -d' ' -f2) dev $DB master dynamic extern_learn",
        "to $DB of br-apps does not come from frames",
    ),
    kind(
        "ip link set br-apps alias mine group 7",
        "group of br-apps is 7",
    ),
    kind("ip link set $WEB alias mine group 7", "group of $WEB is 7"),
    kind(
        "ip link set br-apps mtu 1000",
        "mtu of br-apps is 1000, not 1500",
    ),
    kind("ip link set $WEB mtu 1000", "mtu of $WEB is 1000, not 1500"),
    kind("ip link set $FAR mtu 1000", "mtu of $FAR is 1000, not 1500"),
    kind(
        "printf 'addr del 10.9.0.1/24 dev br-apps\\naddr add 10.9.0.1 peer 10.9.0.2/32 dev br-apps\\n' | ip -batch -",
        "address 10.9.0.1 peer 10.9.0.2/32 of br-apps is no longer wanted",
    ),
    kind(
        "ip addr add 10.9.0.1 peer 10.9.0.2/32 dev br-apps",
        "address 10.9.0.1 peer 10.9.0.2/32 of br-apps is no longer wanted",
    ),
    kind(
        "ip addr add 10.9.0.1 peer 10.77.0.2/24 dev br-apps",
        "address 10.9.0.1 peer 10.77.0.2/24 of br-apps is no longer wanted",
    ),
    kind(
        "printf 'addr del 10.9.0.1/24 dev br-apps\\naddr add 10.9.0.1 peer 10.9.0.2/24 dev br-apps\\n' | ip -batch -",
        "address 10.9.0.1/24 of br-apps is without a subnet of its own on the link",
    ),
    kind(
        "ip addr add 10.9.0.1 peer 10.9.0.10/32 dev br-other",
        "address 10.9.0.1 peer 10.9.0.10/32 on br-other is one of br-apps",
    ),
    kind(
        "ip addr add 10.9.0.1/24 dev br-other",
        "address 10.9.0.1/24 on br-other is one of br-apps",
    ),
    again("ip link del $WEB", "interface eth0 is missing", WEB),
    again(
        "ip link set $WEB down; ip link set $WEB name mine",
        "port $WEB is missing",
        WEB,
    ),
    again("ip link del br-apps", "bridge br-apps is missing", APPS),
    again(
        "ip link set br-apps down; ip link set br-apps name mine",
        "bridge br-apps is missing",
        APPS,
    ),
];

pub(crate) const HOST_ROUTES: &[Kind] = &[
    kind(
        "ip route del 10.9.0.0/24 dev br-apps proto kernel",
        "route 10.9.0.0/24 of br-apps is missing",
    ),
    kind(
        "ip -6 route del fd09::/64 dev br-apps proto kernel",
        "route fd09::/64 of br-apps is missing",
    ),
    kind(
        "ip route del unreachable 10.9.0.0/24",
        "unreachable route 10.9.0.0/24 is missing",
    ),
    kind(
        "ip -6 route del $(ip -6 route show type unreachable | grep fd09)",
        "unreachable route fd09::/64 is missing",
    ),
    kind(
        "ip route del 10.7.0.10",
        "route 10.7.0.10/32 of $FAR is missing",
    ),
    kind(
        "ip -6 route del fd07::10",
        "route fd07::10/128 of $FAR is missing",
    ),
    kind(
        "ip route replace 10.7.0.10 via 192.0.2.1",
        "route 10.7.0.10/32 of $FAR is via 192.0.2.1",
    ),
    kind(
        "ip route replace 10.6.0.0/24 dev br-third proto kernel scope link src 192.0.2.2",
        "route 10.6.0.0/24 of br-third is on the link src 192.0.2.2, not on the link",
    ),
    kind(
        "ip addr del 10.7.0.1/32 dev $FAR",
        "address 10.7.0.1/32 of $FAR is missing",
    ),
    kind("ip -6 addr flush dev $FAR scope link", "of $FAR is missing"),
    kind("ip link set $FAR down", "state of $FAR is down, not up"),
    kind(
        "ip -6 route del ff00::/8 dev br-apps table local",
        "multicast route ff00::/8 of br-apps is missing",
    ),
    kind(
        "ip -6 route del ff00::/8 dev $FAR table local",
        "multicast route ff00::/8 of $FAR is missing",
    ),
    kind(
        "ip -6 route del local fd09::1 dev br-apps table local",
        "address fd09::1/64 of br-apps is without a local route",
    ),
    kind(
        "ip -6 route del local fd07::1 dev $FAR table local",
        "address fd07::1/128 of $FAR is without a local route",
    ),
    kind(
        "ip route del broadcast 10.9.0.255 dev br-apps table local",
        "address 10.9.0.1/24 of br-apps is without a broadcast route",
    ),
];

pub(crate) const HOST_SETTINGS: &[Kind] = &[
    kind(
        "sysctl -qw net.ipv4.conf.br-apps.forwarding=0",
        "IPv4 forwarding of br-apps is 0, not 1",
    ),
    kind(
        "sysctl -qw net.ipv6.conf.br-apps.accept_ra=2",
        "accept_ra of br-apps is 2, not 0",
    ),
    kind(
        "sysctl -qw net.ipv6.conf.br-apps.autoconf=1",
        "autoconf of br-apps is 1, not 0",
    ),
    kind(
        "sysctl -qw net.ipv6.conf.br-apps.disable_ipv6=1",
        "disable_ipv6 of br-apps is 1, not 0",
    ),
    kind(
        "sysctl -qw net.ipv4.conf.$FAR.forwarding=0",
        "IPv4 forwarding of $FAR is 0, not 1",
    ),
    kind(
        "sysctl -qw net.ipv4.conf.up0.forwarding=0",
        "IPv4 forwarding of up0 is 0, not 1",
    ),
];
