//! Where packets are dropped: each reason is caused once, and must be reported.

use hallway_testkit::{Hallway, milliseconds, sh};
use serde_json::Value;

use crate::PROGRAM;

const SHOP: &str = "name: p
networks:
  apps:  { subnet: [10.1.0.0/24, \"fd01::/64\"] }
  store: { subnet: 10.2.0.0/24 }
  safe:  { subnet: 10.3.0.0/24, internal: true }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  app: { networks: { apps: { address: [10.1.0.10, \"fd01::10\"] } } }
  web: { networks: { apps: { address: [10.1.0.11, \"fd01::11\"] } }, ports: [\"8080:80\"] }
  db: { networks: { store: { address: 10.2.0.10 } } }
  hidden: { networks: { safe: { address: 10.3.0.10 } } }
  visitor: { networks: { world: { address: 203.0.113.9 } } }
  intruder: { networks: [world], routes: [{ to: 10.1.0.0/24, via: 203.0.113.1 }] }
  far: { routes: [{ to: 10.1.0.0/24, via: 10.9.0.1 }] }
links:
  - endpoints: { web: 10.9.0.1/24, far: 10.9.0.2/24 }
policies:
  - { action: deny, from: app, to: db, ports: [3306/tcp] }
  - { from: apps, to: db }
  - { from: any, to: 203.0.113.9/32 }
";

pub(crate) fn shop() -> Hallway {
    let h = Hallway::host(PROGRAM);
    h.up(SHOP).ok();
    h.project("p")
}

/// One address family of a trace.
#[track_caller]
fn trace(h: &Hallway, from: &str, to: &str) -> Value {
    let family = if to.contains("fd01") { "-6" } else { "-4" };
    let limit = milliseconds(1000);
    let words = [
        "trace",
        from,
        to,
        family,
        "--timeout-ms",
        &limit,
        "--format",
        "json",
    ];
    let ran = h.run(&words);
    assert!(ran.code < 2, "{}", ran.err);
    let value: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(value["schema_version"], 1);
    let code = value["paths"][0]["path"]["outcome"] == "open";
    assert_eq!(ran.code, i32::from(!code));
    value["paths"][0].clone()
}

/// Must have this outcome and reason, and these texts in the output.
#[track_caller]
pub(crate) fn blocked(
    h: &Hallway,
    from: &str,
    to: &str,
    outcome: &str,
    code: &str,
    words: &[&str],
) -> Value {
    let value = trace(h, from, to);
    let path = &value["path"];
    let reason = &path["reason"];
    let told = (path["outcome"].as_str(), reason["code"].as_str());
    assert_eq!(
        told,
        (Some(outcome), Some(code)),
        "{from} → {to}: {value:#}"
    );
    let text = format!("{} {}", reason["text"], reason["help"]).replace('\\', "");
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(!reason["help"].as_str().unwrap_or_default().is_empty());
    value
}

/// The hop at which a packet was seen last.
pub(crate) fn last(value: &Value) -> String {
    let hops = value["path"]["request"].as_array().unwrap();
    let hop = hops.last().unwrap();
    format!(
        "{} {}",
        hop["at"].as_str().unwrap(),
        hop["hop"].as_str().unwrap()
    )
}

pub(crate) fn what_the_file_forbids() {
    let h = shop();
    let denied = blocked(
        &h,
        "app",
        "db:3306",
        "filtered",
        "policy-deny",
        &["policy 1"],
    );
    // An entry from before the packet shows nothing about it.
    sh(
        "ip neigh replace 10.2.0.10 nud failed dev $(ip -o route get 10.2.0.10 | sed 's/.* dev //; s/ .*//'); sleep 0.2",
    );
    assert!(sh("ip neigh show 10.2.0.10").contains("FAILED"));
    let also = ["policy 1"];
    blocked(&h, "app", "db:3306", "filtered", "policy-deny", &also);
    assert_eq!(denied["path"]["reason"]["place"]["line"], 18);
    assert_eq!(denied["path"]["reason"]["place"]["key"], "policies[0]");
    assert_eq!(last(&denied), "host chain");
    let rule = denied["path"]["request"]
        .as_array()
        .unwrap()
        .last()
        .unwrap();
    assert!(rule["comment"].as_str().unwrap().starts_with("policy 1"));
    // The rule in the kernel has the same text.
    let rules = sh("nft list table inet hallway-p");
    assert!(rules.contains(rule["comment"].as_str().unwrap()), "{rules}");
    let default = blocked(
        &h,
        "db",
        "app:80",
        "filtered",
        "default-deny",
        &["hallway allow db app"],
    );
    assert_eq!(default["path"]["reason"]["place"]["line"], 3);
    blocked(
        &h,
        "app",
        "host:22",
        "filtered",
        "host-services",
        &["policy"],
    );
    blocked(&h, "hidden", "host:8080", "filtered", "internal", &["safe"]);
    blocked(
        &h,
        "intruder",
        "web:80",
        "filtered",
        "direct-routing",
        &["publish"],
    );
    blocked(
        &h,
        "visitor",
        "host:81",
        "refused",
        "not-published",
        &["hallway publish"],
    );
    blocked(&h, "app", "db:3306/tcp", "filtered", "policy-deny", &[]);
}

pub(crate) fn missing_routes() {
    let h = shop();
    blocked(
        &h,
        "visitor",
        "web:80",
        "unreachable",
        "no-route",
        &["visitor has no route"],
    );
    blocked(&h, "hidden", "db", "unreachable", "no-route", &["internal"]);
    let host = blocked(
        &h,
        "app",
        "198.51.100.1",
        "unreachable",
        "no-route",
        &["the host has no route"],
    );
    assert!(last(&host).starts_with("host"), "{host:#}");
    blocked(
        &h,
        "hidden",
        "visitor:80",
        "filtered",
        "internal",
        &["internal: true"],
    );
    let router = blocked(
        &h,
        "far",
        "10.1.0.10:80",
        "filtered",
        "not-forwarding",
        &["forwarding: true"],
    );
    assert_eq!(last(&router), "web arrives");
    // A route removed by hand.
    h.ok("exec app -- ip route del default");
    blocked(
        &h,
        "app",
        "db:80",
        "unreachable",
        "no-route",
        &["app has no route to 10.2.0.10"],
    );
    h.ok("exec db -- ip route del default");
    blocked(
        &h,
        "web",
        "db:80",
        "filtered",
        "no-reply-route",
        &["arrives", "db has no route to 10.1.0.11"],
    );
    sh("ip route add unreachable 10.2.0.10/32");
    blocked(&h, "web", "db", "unreachable", "no-route", &["host"]);
}

pub(crate) fn neighbours_that_do_not_answer() {
    let h = shop();
    h.ok("exec web -- ip link set eth0 down");
    for to in ["web:80", "[fd01::11]:80", "web", "web:53/udp"] {
        let bridged = blocked(
            &h,
            "app",
            to,
            "unreachable",
            "neighbour-unreachable",
            &["app", "requests"],
        );
        assert_eq!(bridged["agrees"], false);
        assert_eq!(bridged["predicted"]["outcome"], "open");
    }
    blocked(
        &h,
        "host",
        "web:80",
        "unreachable",
        "neighbour-unreachable",
        &["host requests the MAC address of 10.1.0.11"],
    );
    let routed = blocked(
        &h,
        "visitor",
        "host:8080",
        "unreachable",
        "neighbour-unreachable",
        &["10.1.0.11"],
    );
    assert!(last(&routed).starts_with("host"), "{routed:#}");
    blocked(
        &h,
        "host",
        "10.1.0.99",
        "unreachable",
        "neighbour-unreachable",
        &["10.1.0.99"],
    );
}

pub(crate) fn addresses_of_others_and_half_connections() {
    let h = shop();
    // The bridge's address is in the neighbour table already: a forged ARP request for it would be dropped.
    h.ok("exec app -- ping -c 1 -W 30 10.1.0.1");
    h.ok("exec app -- ip addr add 10.1.0.77/32 dev eth0");
    h.ok("exec app -- ip route replace default via 10.1.0.1 src 10.1.0.77");
    let spoofed = blocked(
        &h,
        "app",
        "db:80",
        "filtered",
        "spoofed-source",
        &["spoofed source address"],
    );
    assert_eq!(last(&spoofed), "host chain");
    h.ok("down");
    let text = "name: p
networks:
  a: { subnet: 10.1.0.0/24 }
  b: { subnet: 10.2.0.0/24 }
nodes:
  one: { networks: [a], sysctls: { net.ipv4.conf.all.rp_filter: 0 } }
  two: { networks: [b], routes: [{ to: 10.1.0.0/24, via: 10.3.0.1 }] }
links: [{ endpoints: { one: 10.3.0.1/24, two: 10.3.0.2/24 } }]
policies: [{ from: a, to: b }]
";
    h.up(text).ok();
    sh("sysctl -qw net.bridge.bridge-nf-call-iptables=0");
    blocked(
        &h,
        "one",
        "10.2.0.2:80",
        "filtered",
        "asymmetric",
        &["connection tracking on the host is incomplete"],
    );
}

pub(crate) fn no_listener() {
    let h = shop();
    // A socket that has bound the port and does not listen: no other program can listen there.
    let hold = "import socket,time; s=socket.socket(); s.bind((\"10.1.0.11\", 80)); open(\"/run/held\",\"w\"); time.sleep(3600)";
    let mut held = h.start(&["exec", "web", "--", "python3", "-c", hold]);
    hallway_testkit::wait_for("the port is held", || {
        std::path::Path::new("/run/held").exists()
    });
    let refused = blocked(
        &h,
        "app",
        "web:80",
        "refused",
        "no-listener",
        &["nothing listens on 80/tcp"],
    );
    assert_eq!(refused["measured"]["listener"], "service");
    assert!(!refused["path"]["reply"].as_array().unwrap().is_empty());
    blocked(
        &h,
        "visitor",
        "host:8080",
        "refused",
        "no-listener",
        &["nothing listens"],
    );
    held.kill().unwrap();
    held.wait().unwrap();
    // The neighbour exists, and does not answer.
    h.ok("exec web -- sysctl -qw net.ipv4.icmp_echo_ignore_all=1");
    let silent = blocked(&h, "app", "web", "filtered", "silent", &["nothing answers"]);
    assert_eq!(last(&silent), "web listener");
}
