//! Rules made by nft and iptables read as nft itself lists them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use hallway_kernel::nft::{Nft, RuleInfo, family_name};
use hallway_testkit::{sh, try_sh};

/// Rules by (family table, chain, handle), as `nft -a list ruleset` has them.
fn listed_by_nft() -> BTreeMap<(String, String, u64), String> {
    let mut out = BTreeMap::new();
    let (mut table, mut chain, mut depth) = (String::new(), None, 0);
    for line in sh("nft -a list ruleset 2>/dev/null").lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let Some((text, handle)) = line.rsplit_once(" # handle ") else {
            depth -= i32::from(line == "}");
            if depth < 2 {
                chain = None;
            }
            continue;
        };
        if let Some(head) = text.strip_suffix(" {") {
            depth += 1;
            match head.strip_prefix("chain ") {
                Some(name) => chain = Some(name.to_string()),
                None if depth == 1 => table = head.trim_start_matches("table ").to_string(),
                None => {}
            }
            continue;
        }
        if let Some(chain) = &chain {
            out.insert(
                (table.clone(), chain.clone(), handle.parse().unwrap()),
                text.to_string(),
            );
        }
    }
    out
}

fn listed_by_us() -> BTreeMap<(String, String, u64), RuleInfo> {
    let mut nft = Nft::open().unwrap();
    let mut out = BTreeMap::new();
    for chain in nft.chains().unwrap() {
        let table = format!("{} {}", family_name(chain.family), chain.table);
        for rule in nft.rules(chain.family, &chain.table, &chain.name).unwrap() {
            out.insert((table.clone(), chain.name.clone(), rule.handle), rule);
        }
    }
    out
}

/// Without the values of counters and quotas, and without the comment.
fn normal(text: &str) -> String {
    let words: Vec<&str> = text
        .split(" comment \"")
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let mut out: Vec<&str> = Vec::new();
    let mut rest = words.as_slice();
    while let Some((word, after)) = rest.split_first() {
        rest = match (*word, after) {
            ("packets", [_, "bytes", _, rest @ ..]) if out.last() == Some(&"counter") => rest,
            ("used", [_, _, rest @ ..]) => rest,
            _ => {
                out.push(word);
                after
            }
        };
    }
    out.join(" ")
}

/// Every rule reads as nft lists it, or as what is said instead.
#[track_caller]
fn compare(others: &[(&str, &str)]) {
    let ours = listed_by_us();
    let theirs = listed_by_nft();
    assert!(!theirs.is_empty());
    let mut wrong = Vec::new();
    for (key, text) in &theirs {
        let ours = ours.get(key).map(|rule| rule.text.clone());
        let ours = ours.unwrap_or_else(|| "(none)".into());
        if others.contains(&(&normal(text), &normal(&ours))) {
            continue;
        }
        if normal(&ours) != normal(text) {
            wrong.push(format!("nft:  {}\nours: {}\n", normal(text), ours));
        }
    }
    assert!(
        ours.len() == theirs.len(),
        "{} of {}",
        ours.len(),
        theirs.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Loads each rule alone; those this machine's kernel or nft does not know must be in `may_lack`.
fn load(family: &str, chain: &str, rules: &str) {
    sh(&format!(
        "nft add table {family} t; nft 'add chain {family} t {chain}'"
    ));
    let mut refused = Vec::new();
    let chain = chain.split(' ').next().unwrap();
    for rule in rules.lines().map(str::trim).filter(|l| !l.is_empty()) {
        if let Err(why) = try_sh(&format!("nft 'add rule {family} t {chain} {rule}'")) {
            refused.push(format!("{rule}: {why}"));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

fn rules_of_inet_read_as_nft_lists_them() {
    sh("nft add table inet t; nft add chain inet t x; \
        nft 'add set inet t s { type ipv4_addr; flags interval; }'; \
        nft 'add set inet t dyn { type ipv4_addr; flags dynamic,timeout; timeout 1m; }'; \
        nft 'add map inet t m { type inet_service : verdict; }'; \
        nft 'add map inet t pm { type inet_proto . inet_service : ipv4_addr . inet_service; }'; \
        nft 'add set inet t pairs { type ifname . ipv4_addr . inet_service; }'; \
        nft add counter inet t cc; nft 'add quota inet t qq { over 10 mbytes; }'");
    load(
        "inet",
        "c { type filter hook input priority 0; policy drop; }",
        RULES,
    );
    compare(&[]);
}

const RULES: &str = r#"
    accept
    counter drop
    counter
    jump x
    goto x
    return
    continue
    ip saddr 10.0.0.1 accept
    ip saddr 10.0.0.0/8 drop
    ip saddr 10.16.0.0/12 drop
    ip saddr != 10.16.0.0/12 drop
    ip saddr 10.0.0.1 ip daddr 10.0.0.2 accept
    ip6 saddr fd00::1 accept
    ip6 daddr fd00::/64 accept
    ip6 daddr != fe80::/10 accept
    ip saddr 10.0.0.3-10.0.0.9 accept
    ip saddr { 10.0.0.1, 10.1.0.0/16 } accept
    ip saddr != { 10.0.0.1, 10.0.0.7 } accept
    ip saddr @s drop
    ip saddr != @s drop
    tcp dport 80 accept
    tcp dport != 80 accept
    tcp dport { 80, 443 } accept
    tcp dport { 80, 443, 1000-2000 } accept
    tcp dport 1024-65535 accept
    tcp dport != 1024-65535 accept
    tcp dport > 1024 accept
    tcp sport 80 tcp dport 81 accept
    udp dport 53 counter accept comment "dns here"
    th dport 53 accept
    meta l4proto { tcp, udp } th dport 53 accept
    meta l4proto { icmp, ipv6-icmp } accept
    meta l4proto tcp accept
    meta nfproto ipv4 accept
    meta nfproto ipv6 drop
    tcp flags syn accept
    tcp flags & (fin | syn | rst | ack) == syn accept
    tcp flags & (fin | syn) == (fin | syn) drop
    ct state established,related accept
    ct state invalid drop
    ct state new accept
    ct state != new accept
    ct state { new, untracked } accept
    ct state vmap { established : accept, related : accept, invalid : drop }
    ct status dnat accept
    ct direction original accept
    ct mark 0x10 accept
    ct mark set 0x10
    ct mark set meta mark
    meta mark set ct mark
    meta mark 0x10 accept
    meta mark & 0xff == 0x10 accept
    meta mark != 0x0 accept
    meta mark set 0x1
    meta mark set meta mark | 0x4000
    meta mark { 1, 2 } accept
    meta mark 1-9 accept
    iifname "eth0" accept
    iifname != "eth0" accept
    iifname "eth*" oifname "br0" accept
    iifname { "a", "b" } accept
    iif lo accept
    iif != lo ip daddr 127.0.0.0/8 drop
    iifgroup 7 accept
    meta iifgroup { 1, 2 } accept
    meta pkttype broadcast drop
    meta skuid 1000 accept
    meta skuid { 0, 1000 } accept
    meta length > 1000 drop
    fib daddr type local accept
    fib daddr type { local, broadcast } accept
    fib saddr . iif oif missing drop
    fib daddr . iif type != local drop
    icmp type echo-request accept
    icmp type { echo-reply, echo-request } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    icmpv6 type echo-request limit rate 5/second accept
    icmp code host-unreachable accept
    ip protocol tcp accept
    ip protocol { tcp, udp } accept
    ip6 nexthdr udp accept
    ip ttl 1 drop
    ip ttl < 5 drop
    ip6 hoplimit 255 accept
    ip dscp cs1 accept
    ip dscp { cs1, ef } accept
    ip6 dscp cs1 accept
    ip length 100-200 accept
    ip frag-off & 0x1fff != 0 drop
    ip version 4 accept
    reject
    reject with tcp reset
    tcp dport 113 reject with tcp reset
    reject with icmpx admin-prohibited
    reject with icmp host-unreachable
    reject with icmpv6 no-route
    ip saddr 10.0.0.1 reject with icmp host-unreachable
    log
    log prefix "hey: " level info
    log prefix "x" group 2
    log flags all
    log prefix "drop " drop
    limit rate 10/second accept
    limit rate over 10/minute burst 3 packets drop
    limit rate over 10 kbytes/second drop
    limit rate 1 mbytes/second burst 2 mbytes accept
    quota over 10 mbytes drop
    counter name "cc"
    quota name "qq" drop
    ct count over 3 drop
    tcp dport vmap { 22 : accept, 80 : jump x, 443 : goto x, 1000-2000 : drop }
    tcp dport vmap @m
    iifname . ip saddr . tcp dport @pairs accept
    iifname . ip saddr . tcp dport { "eth0" . 10.0.0.1 . 80, "eth1" . 10.0.0.2 . 443 } accept
    ip saddr . tcp dport { 10.0.0.0/8 . 80-90 } accept
    ip saddr . ip daddr vmap { 10.0.0.1 . 10.0.0.2 : accept }
    meta mark set tcp dport map { 80 : 0x1, 443 : 0x2 }
    add @dyn { ip saddr }
    update @dyn { ip saddr timeout 1m limit rate over 10/second } drop
    numgen random mod 10 < 5 accept
    numgen inc mod 3 vmap { 0 : accept, 1 : drop, 2 : return }
    jhash ip saddr mod 4 1 accept
    socket transparent 1 accept
    ether saddr 02:00:00:00:00:01 accept
    ether type ip accept
    tcp option maxseg size 1460 accept
    @th,0,16 80 accept
    meta nftrace set 1
    ct original ip saddr 10.0.0.1 accept
    ct zone 1 accept
    rt classid 1 accept
    vlan id 5 accept
    ip saddr 10.0.0.1 tcp dport 80 ip daddr 10.0.0.2 udp sport 5 accept
    meta protocol ip accept
    meta protocol { ip, ip6 } accept
    tcp flags { syn, ack } accept
    tcp flags & (syn | ack) != 0 accept
    tcp flags & syn == 0 accept
    tcp flags == syn accept
    tcp flags != syn accept
    ct state established accept
    ct state & (established | related) == 0 drop
    ct mark & 0xf0 != 0x10 accept
    ct status { snat, dnat } accept
    ct mark set meta mark & 0xff
    ct helper "ftp" accept
    ct packets > 100 accept
    ct original proto-dst 80 accept
    iifname vmap { "a" : accept, "b" : drop }
    iif . oif { "lo" . "lo" } accept
    iif vmap { lo : accept }
    ip daddr { 224.0.0.0/4, 255.255.255.255 } drop
    ip6 saddr { fe80::/10, fd00::1-fd00::9 } accept
    ip daddr . tcp dport vmap { 10.0.0.1 . 80 : accept, 10.0.0.2 . 443 : jump x }
    tcp dport 22 meter ssh { ip saddr limit rate over 5/minute } drop
    ip saddr & 255.255.0.0 @s accept
    ip saddr & 255.255.0.0 == 10.1.0.0 accept
    meta day "Monday" accept
    meta hour "10:00"-"12:00" accept
    meta cpu 1 accept
    meta priority set 1:2
    meta rtclassid 7 accept
    meta cgroup 5 accept
    meta iiftype ether accept
    ip ttl set 64
    tcp dport set 80
    ip dscp set cs1
    tcp option maxseg size set rt mtu
    icmp id 5 accept
    icmp type destination-unreachable icmp code port-unreachable accept
    icmpv6 type packet-too-big accept
    esp spi 5 accept
    udp length > 100 drop
    tcp sequence 5 accept
    sctp dport 5 accept
    meta l4proto gre accept
    meta l4proto 200 accept
    ip protocol != tcp drop
    ip6 flowlabel 5 accept
    log level debug flags tcp sequence,options
    log level err prefix "a b"
    limit rate 1/hour burst 1 packets log
    symhash mod 2 1 accept
    fib saddr oifname "eth0" accept
    fib saddr oif exists accept
    fib daddr . mark type { blackhole, unreachable } drop
    socket mark 0x1 accept
    socket wildcard 0 accept
    meta mark set numgen inc mod 2 offset 5
    meta mark set jhash ip saddr . tcp sport mod 16
    tcp dport { 1, 2, 3 } tcp sport { 4, 5 } counter
    tcp dport != { 80, 443 } drop
    meta l4proto != { tcp, udp } drop
    iifname { "veth*", "br0" } accept
    iifname != { "lo", "br0" } accept
    ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 drop
    ether saddr { 02:00:00:00:00:01, 02:00:00:00:00:02 } accept
    ip saddr 0.0.0.0/0 accept
    ip6 saddr ::1 accept
    ip6 saddr ::ffff:10.0.0.1 accept
    ct zone set 1
    ct label 1 accept
    synproxy mss 1460 wscale 7 timestamp sack-perm
    tcp dport map { 80 : 1, 81 : 2 } 1 accept
    @nh,0,8 5 accept
    ip daddr & 0.0.0.255 == 0.0.0.1 drop
    iifname "eth0" ip saddr 10.0.0.0/24 tcp dport { 22, 80 } ct state new counter accept comment "a b"
"#;

fn translations_read_as_nft_lists_them() {
    sh("nft add table inet t; \
        nft 'add map inet t pm { type inet_proto . inet_service : ipv4_addr . inet_service; }'");
    load(
        "inet",
        "n { type nat hook prerouting priority -100; }",
        r#"
        tcp dport 80 dnat ip to 10.0.0.1:8080
        tcp dport 80 dnat ip to 10.0.0.1
        tcp dport 80 dnat ip6 to [fd00::1]:8080
        dnat ip to 10.0.0.1-10.0.0.5
        tcp dport 80 dnat ip to 10.0.0.1:1000-2000 random
        fib daddr type local dnat ip to meta l4proto . th dport map @pm
        dnat ip to tcp dport map { 80 : 10.0.0.1, 81 : 10.0.0.2 }
        dnat ip to tcp dport map { 80 : 10.0.0.1 . 8080 }
        tcp dport 80 redirect to :8080
        redirect
        ip daddr 10.0.0.1 tcp dport 80 dnat ip to 10.0.0.2
    "#,
    );
    load(
        "inet",
        "p { type nat hook postrouting priority 100; }",
        r#"
        masquerade
        masquerade fully-random
        masquerade random,persistent
        meta l4proto tcp masquerade to :1000-2000
        ip saddr 10.0.0.0/24 oifname != "br0" masquerade
        ip saddr 10.0.0.0/24 snat ip to 192.0.2.1
        ip6 saddr fd00::/64 snat ip6 to 2001:db8::1
    "#,
    );
    load(
        "ip",
        "n { type nat hook prerouting priority -100; }",
        r#"
        tcp dport 80 dnat to 10.0.0.1:8080
        ip protocol tcp dnat to 10.0.0.1
        dnat to 10.0.0.1
    "#,
    );
    compare(&[]);
}

fn other_families_read_as_nft_lists_them() {
    load(
        "ip",
        "c { type filter hook input priority 0; }",
        r#"
        ip saddr 10.0.0.1 accept
        ip protocol icmp accept
        ip protocol tcp tcp dport 80 accept
        tcp dport 80 reject
        reject with icmp host-unreachable
        icmp type echo-request accept
    "#,
    );
    load(
        "ip",
        "r { type filter hook prerouting priority -300; }",
        r#"
        notrack
        meta l4proto tcp tproxy to :50080
        tcp dport 80 tproxy to 127.0.0.1:50080
        dup to 10.0.0.1
    "#,
    );
    load(
        "ip6",
        "c { type filter hook input priority 0; }",
        r#"
        ip6 saddr fd00::/8 accept
        icmpv6 type nd-neighbor-solicit accept
        udp dport 53 reject
        exthdr frag exists drop
    "#,
    );
    load(
        "arp",
        "c { type filter hook input priority 0; }",
        r#"
        arp operation request accept
        arp saddr ip 10.0.0.1 accept
    "#,
    );
    load(
        "bridge",
        "c { type filter hook forward priority 0; }",
        r#"
        ether saddr 02:00:00:00:00:01 drop
        ether type arp accept
        ether type { ip, ip6, arp } accept
        ip saddr 10.0.0.1 accept
        iifname "a" ip saddr != 10.0.0.1 drop
        arp saddr ip 10.0.0.1 accept
        tcp dport 80 accept
        icmpv6 type nd-router-advert drop
        iifname . ether saddr . ip saddr { "eth0" . 02:00:00:00:00:01 . 10.0.0.1 } accept
        vlan id 5 accept
    "#,
    );
    sh("ip link add d0 type veth peer d1");
    load(
        "netdev",
        "c { type filter hook ingress device d0 priority 0; }",
        r#"
        ip saddr 10.0.0.1 drop
        udp dport 53 drop
        meta protocol ip accept
        fwd to d0
        dup to d0
    "#,
    );
    compare(&[]);
}

fn chains_are_told_with_their_hooks() {
    sh("ip link add d0 type veth peer d1; nft -f - <<'E'
add table inet a
add chain inet a x
add chain inet a i { type filter hook forward priority -5; policy drop; }
add chain inet a g { type filter hook ingress device d0 priority 0; }
add table arp b
add chain arp b o { type filter hook output priority 3; }
add table netdev d
add chain netdev d e { type filter hook egress device d0 priority 1; }
add table ip n
add chain ip n p { type nat hook postrouting priority 100; }
add chain ip n r { type route hook output priority 0; }
add table bridge br
add chain bridge br f { type filter hook prerouting priority -300; }
E");
    let chains: Vec<String> = Nft::open()
        .unwrap()
        .chains()
        .unwrap()
        .iter()
        .map(|chain| {
            let base = chain.base.as_ref().map(|base| {
                format!(
                    "{} {} {} {}",
                    base.kind, base.hook, base.priority, base.drops
                )
            });
            let base = base.unwrap_or_else(|| "-".into());
            format!(
                "{} {} {}: {base}",
                family_name(chain.family),
                chain.table,
                chain.name
            )
        })
        .collect();
    let mut sorted = chains;
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "arp b o: filter output 3 false",
            "bridge br f: filter prerouting -300 false",
            "inet a g: filter ingress 0 false",
            "inet a i: filter forward -5 true",
            "inet a x: -",
            "ip n p: nat postrouting 100 false",
            "ip n r: route output 0 false",
            "netdev d e: filter egress 1 false",
        ]
    );
}

fn rules_of_iptables_are_told_with_their_comments() {
    let mut refused = Vec::new();
    for rule in IPTABLES.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (program, rule) = match rule.strip_prefix("6 ") {
            Some(rule) => ("ip6tables", rule),
            None => ("iptables", rule),
        };
        if let Err(why) = try_sh(&format!("{program} {rule}")) {
            refused.push(format!("{program} {rule}: {why}"));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    let mut nft = Nft::open().unwrap();
    let input = nft.rules(2, "filter", "INPUT").unwrap();
    assert_eq!(input[0].comment.as_deref(), Some("hello you"));
    assert_eq!(nft.rules(2, "filter", "NONE").unwrap(), []);
    assert_eq!(nft.rules(2, "none", "NONE").unwrap(), []);
    compare(IPTABLES_OTHERS);
}

/// Where nft, through iptables' own words, says less well or nothing: (nft, ours).
const IPTABLES_OTHERS: &[(&str, &str)] = &[
    (
        "counter reject with icmp type host-prohibited",
        "counter reject with icmp host-prohibited",
    ),
    (
        "ct state related,established counter accept",
        "ct state established,related counter accept",
    ),
    (
        "meta l4proto tcp ct state new tcp dport 80 counter accept",
        "ct state new tcp dport 80 counter accept",
    ),
    (
        "meta l4proto tcp tcp dport { 80, 443, 1000-2000 } counter accept",
        "tcp dport { 80, 443, 1000-2000 } counter accept",
    ),
    (
        "meta l4proto udp udp sport { 80, 443 } counter accept",
        "udp sport { 80, 443 } counter accept",
    ),
    (
        "meta l4proto icmp icmp type echo-request counter accept",
        "icmp type echo-request counter accept",
    ),
    (
        "meta l4proto ipv6-icmp icmpv6 type echo-request counter accept",
        "icmpv6 type echo-request counter accept",
    ),
    (
        "counter meta mark set 0x7",
        "counter meta mark set 0x00000007",
    ),
    (
        "counter meta mark set mark or 0x4000",
        "counter meta mark set meta mark | 0x00004000",
    ),
    (
        "ip6 saddr fd00::/64 counter",
        "ip6 saddr fd00::/64 counter masquerade",
    ),
    (
        "tcp dport 80 counter",
        "tcp dport 80 counter dnat to [fd00::1]:80",
    ),
];

// The quotes keep the harness from asking for the program of that name.
const IPTABLES: &str = r#"
    -A INPUT -p tcp --dport 22 -m comment --comment "hello you" -j ACCEPT
    -A INPUT -s 10.0.0.0/8 -p udp --sport 53 -j DROP
    -A INPUT -p tcp --dport 22 -j REJECT
    -A INPUT -p tcp -j REJECT --reject-with tcp-reset
    -A INPUT -j REJECT --reject-with icmp-host-prohibited
    -A INPUT -m con''ntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -m con''ntrack --ctstate INVALID -j DROP
    -A INPUT -m con''ntrack ! --ctstate INVALID -j ACCEPT
    -A INPUT -m con''ntrack --ctstate NEW -p tcp --dport 80 -j ACCEPT
    -A INPUT -m con''ntrack --ctstate DNAT -j ACCEPT
    -A INPUT -m state --state NEW -j ACCEPT
    -A INPUT -p tcp -m multiport --dports 80,443,1000:2000 -j ACCEPT
    -A INPUT -p udp -m multiport --sports 80,443 -j ACCEPT
    -A INPUT -p tcp --dport 1000:2000 -j ACCEPT
    -A INPUT -p tcp ! --dport 80 -j ACCEPT
    -A INPUT -p tcp --tcp-flags SYN,ACK SYN -j ACCEPT
    -A INPUT -p tcp --syn -j ACCEPT
    -A INPUT -p icmp --icmp-type echo-request -j ACCEPT
    -A INPUT -p icmp -j ACCEPT
    -A INPUT -m mark --mark 0x1 -j ACCEPT
    -A INPUT -m mark ! --mark 0x1/0xff -j ACCEPT
    -A INPUT -m limit --limit 5/minute -j ACCEPT
    -A INPUT -m limit --limit 10/second --limit-burst 20 -j LOG --log-prefix "in " --log-level 6
    -A INPUT -m addrtype ! --src-type LOCAL -j RETURN
    -A INPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j ACCEPT
    -A INPUT -i lo -j ACCEPT
    -A INPUT ! -i lo -d 127.0.0.1 -j DROP
    -A FORWARD -i eth0 -o eth+ -m addrtype --dst-type LOCAL -j LOG --log-prefix "hey "
    -A FORWARD -i br0 ! -o br0 -j ACCEPT
    -t mangle -A PREROUTING -j MARK --set-mark 0x7
    -t mangle -A PREROUTING -j MARK --set-xmark 0x4000/0x4000
    -t mangle -A FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu
    -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80
    -t nat -A PREROUTING -j DNAT --to-destination 10.0.0.1
    -t nat -A PREROUTING -p tcp --dport 81 -j REDIRECT --to-ports 8081
    -t nat -A POSTROUTING -s 10.1.0.0/16 ! -o br0 -j MASQUERADE
    -t nat -A POSTROUTING -j MASQUERADE --random-fully
    -t nat -A POSTROUTING -s 10.0.0.0/8 -j SNAT --to-source 192.0.2.1
    -t raw -A PREROUTING -d 10.0.0.2 ! -i br0 -j DROP
    -t raw -A PREROUTING -j NOTRACK
    6 -A INPUT -s fd00::/8 -p tcp --dport 22 -j ACCEPT
    6 -A INPUT -j REJECT
    6 -A INPUT -p ipv6-icmp --icmpv6-type echo-request -j ACCEPT
    6 -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination [fd00::1]:80
    6 -t nat -A POSTROUTING -s fd00::/64 -j MASQUERADE
"#;

hallway_testkit::tests![
    rules_of_inet_read_as_nft_lists_them,
    translations_read_as_nft_lists_them,
    other_families_read_as_nft_lists_them,
    chains_are_told_with_their_hooks,
    rules_of_iptables_are_told_with_their_comments,
];
