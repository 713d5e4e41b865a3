//! Rules made by nft and iptables read as nft itself lists them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use hallway_kernel::Kernel;
use hallway_nftables::print::RuleInfo;
use hallway_nftables::{ChainPolicy, Family};
use hallway_testkit::{sh, try_sh};

/// Rules by (family table, chain, handle), as in `nft -a list ruleset`.
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
    let mut nft = Kernel::new();
    let mut out = BTreeMap::new();
    for chain in nft.chains().unwrap() {
        let table = format!("{} {}", chain.family.name(), chain.table);
        let name = chain.chain.name;
        for rule in nft.rules(chain.family, &chain.table, &name).unwrap() {
            out.insert((table.clone(), name.clone(), rule.handle), rule);
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

/// Every rule is printed as by nft, or as the expected text.
#[track_caller]
fn compare(others: &[(&str, &str)]) {
    let ours = listed_by_us();
    let theirs = listed_by_nft();
    assert!(!theirs.is_empty());
    let mut wrong = Vec::new();
    for (key, rule) in ours.iter().filter(|(key, _)| !theirs.contains_key(key)) {
        wrong.push(format!("nft:  (none)\nours: {} {}\n", key.1, rule.text));
    }
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
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Loads each rule alone; rules that this kernel or nft does not support must be in `may_lack`.
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
    load(
        "inet",
        "f { type filter hook forward priority 0; }",
        "tcp flags syn tcp option maxseg size set rt mtu",
    );
    compare(&[]);
}

const RULES: &str = include_str!("listing/inet.rules");

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
    frames();
    compare(&[]);
}

/// The families whose hooks see frames.
fn frames() {
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
}

fn chains_are_listed_with_their_hooks() {
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
    let chains: Vec<String> = Kernel::new()
        .chains()
        .unwrap()
        .iter()
        .map(|chain| {
            let base = chain.chain.base.map(|base| {
                let (kind, hook) = (base.kind.name(), base.hook.name());
                let drops = base.policy == ChainPolicy::Drop;
                format!("{kind} {hook} {} {drops}", base.priority)
            });
            let base = base.unwrap_or_else(|| "-".into());
            format!(
                "{} {} {}: {base}",
                chain.family.name(),
                chain.table,
                chain.chain.name
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

fn rules_of_iptables_are_listed_with_their_comments() {
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
    let mut nft = Kernel::new();
    let input = nft.rules(Family::Ip, "filter", "INPUT").unwrap();
    assert_eq!(input[0].comment.as_deref(), Some("hello you"));
    assert_eq!(nft.rules(Family::Ip, "filter", "NONE").unwrap(), []);
    assert_eq!(nft.rules(Family::Ip, "none", "NONE").unwrap(), []);
    compare(IPTABLES_OTHERS);
}

/// Rules for which nft, which prints iptables' own text, prints less or nothing: (nft, hallway).
const IPTABLES_OTHERS: &[(&str, &str)] = &[
    (
        "pkttype broadcast counter drop",
        "meta pkttype broadcast counter drop",
    ),
    (
        "meta l4proto tcp tcp option maxseg size 1-500 tcp flags syn / fin,syn,rst,ack counter drop",
        "xt match tcpmss tcp flags syn / fin,syn,rst,ack counter drop",
    ),
    (
        "meta l4proto tcp tcp option 5 exists counter accept",
        "meta l4proto tcp xt match tcp counter accept",
    ),
    (
        "counter reject with icmpv6 type admin-prohibited",
        "counter reject with icmpv6 admin-prohibited",
    ),
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

// The quotes prevent the harness from requiring a program with that name.
const IPTABLES: &str = include_str!("listing/iptables.rules");

hallway_testkit::tests![
    rules_of_inet_read_as_nft_lists_them,
    translations_read_as_nft_lists_them,
    other_families_read_as_nft_lists_them,
    chains_are_listed_with_their_hooks,
    rules_of_iptables_are_listed_with_their_comments,
];
