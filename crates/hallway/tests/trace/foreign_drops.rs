//! Packets that are dropped by other programs' objects: foreign rules, tc, rp_filter.

use hallway_testkit::{Hallway, sh};
use serde_json::Value;

use crate::reasons::{blocked, last, shop};

/// A rule of others drops what `app` sends; the prediction includes those that packets pass on the host and
/// in nodes.
fn predicted(h: &Hallway, to: &str, words: &[&str]) -> Value {
    let value = blocked(h, "app", to, "filtered", "foreign-rule", words);
    assert_eq!(value["agrees"], true, "{to}");
    value
}

pub(crate) fn rules_of_others() {
    let h = shop();
    rules_of_nft(&h);
    rules_of_iptables(&h);
    rules_in_nodes(&h);
}

fn rules_of_nft(h: &Hallway) {
    sh(
        "nft 'table ip guard { chain gate { type filter hook forward priority -5; ip daddr 10.2.0.10 tcp dport 80 counter drop comment \"closed for today\"; tcp dport 81 reject with tcp reset; tcp dport 82 jump deep; }; chain deep { ct state new drop; }; }'",
    );
    let first = predicted(
        h,
        "db:80",
        &[
            "chain gate of table ip guard",
            "tcp dport 80",
            "nft -a list chain ip guard gate",
        ],
    );
    let hop = first["path"]["request"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(
        (&hop["table"], &hop["chain"]),
        (&"guard".into(), &"gate".into())
    );
    assert_eq!(
        (&hop["hook"], &hop["verdict"]),
        (&"forward".into(), &"drop".into())
    );
    assert_eq!(hop["comment"], "closed for today");
    assert_eq!(hop["ours"], false);
    blocked(
        h,
        "app",
        "db:81",
        "refused",
        "foreign-rule",
        &["reject with tcp reset"],
    );
    predicted(
        h,
        "db:82",
        &["chain deep of table ip guard", "ct state new drop"],
    );
    sh("nft 'delete table ip guard'");
}

/// Its rules are nf_tables rules, too.
fn rules_of_iptables(h: &Hallway) {
    sh("iptables -A FORWARD -d 10.2.0.10 -p tcp --dport 83 -j DROP");
    predicted(
        h,
        "db:83",
        &["chain FORWARD of table ip filter", "10.2.0.10"],
    );
    sh("iptables -F FORWARD; iptables -P FORWARD DROP");
    predicted(
        h,
        "db:84",
        &[
            "chain FORWARD of table ip filter",
            "the chain's policy: drop",
        ],
    );
    sh("iptables -P FORWARD ACCEPT");
    sh(
        "nft 'table inet late { chain out { type filter hook postrouting priority 300; udp dport 53 drop; }; chain back { type filter hook forward priority 10; tcp sport 85 drop; }; }'",
    );
    predicted(h, "db:53/udp", &["table inet late", "udp dport 53 drop"]);
    predicted(
        h,
        "db:85",
        &[
            "the request arrives, but not the reply",
            "tcp sport 85 drop",
        ],
    );
    sh("nft 'delete table inet late'");
}

/// In the bridge's own family, and in nodes.
fn rules_in_nodes(h: &Hallway) {
    sh(
        "nft 'table bridge wall { chain x { type filter hook forward priority 0; ip6 daddr fd01::11 drop; }; }'",
    );
    predicted(
        h,
        "[fd01::11]:80",
        &["chain x of table bridge wall", "ip6 daddr fd01::11 drop"],
    );
    std::fs::write("/run/own.nft", "table inet own { chain i { type filter hook input priority 0; tcp dport 86 drop; tcp dport 87 reject; }; chain o { type filter hook output priority 0; tcp sport 88 drop; tcp dport 89 drop; }; }").unwrap();
    h.ok("exec web -- nft -f /run/own.nft");
    predicted(
        h,
        "web:86",
        &["in web, chain i of table inet own", "tcp dport 86 drop"],
    );
    blocked(
        h,
        "app",
        "web:87",
        "refused",
        "foreign-rule",
        &["in web, chain i of table inet own"],
    );
    predicted(
        h,
        "web:88",
        &["the request arrives, but not the reply", "in web, chain o"],
    );
    let own = blocked(
        h,
        "web",
        "db:89",
        "filtered",
        "foreign-rule",
        &["in web, chain o of table inet own"],
    );
    assert_eq!(last(&own), "web chain");
}

/// A frame redirected to a link that is down is dropped.
fn drop(link: &str, hook: &str, side: &str, port: u16) -> String {
    format!(
        "tc filter add dev {link} {hook} protocol ip u32 match ip protocol 6 0xff match ip {side} {port} 0xffff action mirred egress redirect dev gone"
    )
}

pub(crate) fn what_is_not_the_packet_filter() {
    let h = shop();
    sh("ip link add gone type veth peer name gone2");
    for link in ["app-0", "db-0"] {
        sh(&format!("tc qdisc replace dev {link} clsact"));
    }
    sh(&drop("app-0", "ingress", "dport", 80));
    let lost = blocked(
        &h,
        "app",
        "db:80",
        "filtered",
        "lost",
        &["last seen at host", "no reported rule"],
    );
    assert_eq!(last(&lost), "host link");
    sh(&drop("db-0", "ingress", "sport", 81));
    let reply = blocked(
        &h,
        "app",
        "db:81",
        "filtered",
        "reply-lost",
        &["last seen at host"],
    );
    assert_eq!(last(&reply), "db listener");
    frames_redirected_in_nodes(&h);
    // Ports that a bridge isolates from each other.
    sh("bridge link set dev app-0 isolated on; bridge link set dev web-0 isolated on");
    blocked(
        &h,
        "app",
        "[fd01::11]:80",
        "unreachable",
        "neighbour-unreachable",
        &["fd01::11"],
    );
    // The host accepts packets only from the interface by which it would answer.
    sh("ip route add 10.1.0.10/32 dev br-store; sysctl -qw net.ipv4.conf.all.rp_filter=1");
    blocked(
        &h,
        "app",
        "db:84",
        "filtered",
        "wrong-way",
        &["rp_filter", "br-apps"],
    );
}

fn frames_redirected_in_nodes(h: &Hallway) {
    for node in ["app", "db"] {
        h.ok(&format!(
            "exec {node} -- ip link add gone type veth peer name gone2"
        ));
        h.ok(&format!("exec {node} -- tc qdisc replace dev eth0 clsact"));
    }
    h.ok(&format!(
        "exec db -- {}",
        drop("eth0", "egress", "sport", 82)
    ));
    h.ok(&format!(
        "exec app -- {}",
        drop("eth0", "egress", "dport", 83)
    ));
    blocked(
        h,
        "app",
        "db:82",
        "filtered",
        "reply-lost",
        &["last seen at db"],
    );
    blocked(h, "app", "db:83", "filtered", "lost", &["last seen at app"]);
}
