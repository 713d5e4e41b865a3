//! What is printed about packets that rules of other programs drop is typed; then they pass.

use hallway_testkit::{sh, try_sh};

use crate::firewalls::DOCKER;
use crate::{hallway, lan, read};

const FILE: &str = "
name: web
networks: { apps: { subnet: 172.20.0.0/24 } }
nodes: { web: { networks: { apps: { address: 172.20.0.9 } }, ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp } }
policies: [ { from: web, to: host, ports: [9999] } ]
";

/// A packet that a rule drops.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Asked {
    /// From outside, for the published port.
    Port,
    /// From the node, to a machine outside and to the host. No program listens there, which is an answer.
    Outside,
    Host,
    /// From the host, to the node.
    Node,
}

/// Commands that add rules of another program, and a packet that they drop.
fn rules_that_drop() -> [(String, Asked); 10] {
    let rule = |family: &str, hook: &str, priority: i32, rule: &str| {
        let chain = format!("type filter hook {hook} priority {priority}; {rule}");
        format!("nft 'table {family} mine {{ chain c {{ {chain}; }}; }}'")
    };
    let docker = format!("{DOCKER}\niptables -I FORWARD -o br-apps -j DROP");
    let ingress = "ingress device eth0";
    [
        (
            "iptables -t mangle -A PREROUTING -i eth0 -p tcp --dport 8080 -j DROP".to_owned(),
            Asked::Port,
        ),
        (
            "iptables -t mangle -A FORWARD -o br-apps -j DROP".into(),
            Asked::Port,
        ),
        (docker, Asked::Port),
        ("iptables -A INPUT -p tcp -j DROP".into(), Asked::Host),
        (
            rule("inet", "prerouting", 0, "tcp dport 80 drop"),
            Asked::Port,
        ),
        (
            rule("netdev", ingress, 0, "tcp dport 8080 drop"),
            Asked::Port,
        ),
        (
            rule("ip", "postrouting", 0, "tcp dport 443 drop"),
            Asked::Outside,
        ),
        (
            rule(
                "inet",
                "prerouting",
                -150,
                "iifname eth0 ct state established drop",
            ),
            Asked::Outside,
        ),
        (
            rule("bridge", "input", 0, "ip protocol tcp drop"),
            Asked::Outside,
        ),
        (
            rule("inet", "output", 0, "ip daddr 172.20.0.0/24 drop"),
            Asked::Node,
        ),
    ]
}

pub(crate) fn each_remedy_helps_when_typed() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254");
    let h = hallway().project("web");
    let refused = |url: &str| format!("curl -s -m 5 {url}; [ $? = 7 ]");
    for (drop, asked) in rules_that_drop() {
        sh(&drop);
        let said = h.up(FILE).says("blocked by another program").err;
        let typed = said
            .lines()
            .filter_map(|l| l.split_once("accept packets of the project: "));
        let typed: Vec<&str> = typed.map(|(_, commands)| commands).collect();
        assert!(!typed.is_empty(), "{drop}: {said}");
        for commands in &typed {
            sh(commands);
        }
        let again = h.up(FILE).err;
        assert!(!again.contains("blocked"), "{drop}: {typed:?}: {again}");
        let passes = match asked {
            Asked::Port => try_sh(&read(1, "http://192.168.1.10:8080/", 5)).is_ok(),
            Asked::Outside => h.inside("web", &refused("http://192.168.1.254:443/")),
            Asked::Host => h.inside("web", &refused("http://172.20.0.1:9999/")),
            Asked::Node => try_sh("curl -s -m 5 http://172.20.0.9/").is_ok(),
        };
        assert!(passes, "{drop}: {asked:?}: {typed:?}");
        h.ok("down");
        sh("nft flush ruleset");
    }
}
