//! Settings of links that stop packets, fixed neighbours, and routes with further attributes.

use super::{Kind, kind};

pub(crate) const HOST_NEIGHBOURS: &[Kind] = &[
    kind(
        "sysctl -qw net.ipv4.conf.br-apps.arp_ignore=8",
        "arp_ignore of br-apps is 8, not 0",
    ),
    kind(
        "sysctl -qw net.ipv4.conf.$FAR.arp_filter=1 net.ipv4.conf.$FAR.accept_local=1",
        "arp_filter of $FAR is 1, not 0",
    ),
    kind(
        "sysctl -qw net.ipv4.conf.br-apps.rp_filter=1",
        "rp_filter of br-apps is 1, not 0",
    ),
    kind(
        "ip ntable change name arp_cache dev br-apps mcast_probes 0",
        "IPv4 mcast_solicit of br-apps is 0, not 3",
    ),
    kind(
        "ip ntable change name ndisc_cache dev $FAR mcast_probes 0",
        "IPv6 mcast_solicit of $FAR is 0, not 3",
    ),
    kind(
        "ip neigh replace 10.9.0.10 lladdr 02:00:00:00:00:99 dev br-apps nud permanent",
        "neighbour 10.9.0.10 of br-apps is 02:00:00:00:00:99, not",
    ),
    kind(
        "ip neigh replace fd07::10 lladdr 02:00:00:00:00:99 dev $FAR nud noarp",
        "neighbour fd07::10 of $FAR is 02:00:00:00:00:99, not",
    ),
    kind(
        "ip route change 10.7.0.10 dev $FAR proto 231 mtu lock 68",
        "route 10.7.0.10/32 of $FAR is on the link mtu lock 68, not on the link",
    ),
];

pub(crate) const NODE_NEIGHBOURS: &[Kind] = &[
    kind(
        "inside web sysctl -qw net.ipv4.conf.eth0.arp_ignore=8",
        "arp_ignore of eth0 is 8, not 0",
    ),
    kind(
        "inside web sysctl -qw net.ipv4.ip_default_ttl=1",
        "ip_default_ttl is 1, not 64",
    ),
    kind(
        "inside web sysctl -qw net.ipv4.conf.all.arp_ignore=8",
        "arp_ignore of all links is 8, not 0",
    ),
    kind(
        "inside web sysctl -qw net.ipv4.conf.all.arp_filter=1",
        "arp_filter of all links is 1, not 0",
    ),
    kind(
        "inside db sysctl -qw net.ipv4.conf.eth1.rp_filter=1 net.ipv4.conf.all.rp_filter=1",
        "rp_filter of eth1 is 1, not 0",
    ),
    kind(
        "inside web sysctl -qw net.ipv6.conf.eth0.hop_limit=1",
        "hop_limit of eth0 is 1, not 64",
    ),
    kind(
        "ip -n web ntable change name arp_cache dev eth0 mcast_probes 0; ip -n web ntable change name ndisc_cache dev eth0 mcast_probes 0",
        "IPv6 mcast_solicit of eth0 is 0, not 3",
    ),
    kind(
        "ip -n web neigh replace 10.9.0.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
        "neighbour 10.9.0.1 of eth0 is 02:00:00:00:00:99, not",
    ),
    kind(
        "ip -n far neigh replace 10.1.0.1 lladdr 02:00:00:00:00:99 dev eth1 nud permanent",
        "neighbour 10.1.0.1 of eth1 is 02:00:00:00:00:99, not",
    ),
    kind(
        "ip -n x neigh replace 10.8.0.11 lladdr 02:00:00:00:00:99 dev eth0 nud reachable extern_learn",
        "neighbour 10.8.0.11 of eth0 is 02:00:00:00:00:99, not",
    ),
    kind(
        "ip -n web route change default via 10.9.0.1 proto static mtu lock 68",
        "default route of eth0 is via 10.9.0.1 mtu lock 68, not via 10.9.0.1",
    ),
    kind(
        "ip -n web route change 10.9.0.0/24 dev eth0 proto kernel src 10.9.0.10 mtu lock 68",
        "route 10.9.0.0/24 of eth0 is on the link mtu lock 68, not on the link",
    ),
    kind(
        "ip -n web -6 route change default via fd09::1 dev eth0 proto static metric 1024 mtu lock 1280 advmss 9",
        "default route of eth0 is via fd09::1 mtu lock 1280 advmss, not via fd09::1",
    ),
];
