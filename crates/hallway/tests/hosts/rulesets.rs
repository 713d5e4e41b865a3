//! Rules of other programs of every common form: what is predicted is what packets do.

use std::process::{Command, Stdio};

use hallway_testkit::{Hallway, milliseconds, sh, try_sh};
use serde_json::Value;

use crate::{hallway, lan, read};

/// Rulesets, each after a line with its name and the attempts to make.
const RULESETS: &str = include_str!("rulesets.txt");

const PROJECT: &str = "
name: p
networks: { apps: { subnet: [172.20.0.0/24, \"fd20::/64\"] }, back: { subnet: 172.21.0.0/24 } }
nodes:
  web: { networks: [apps], ports: [\"8080:80\", \"8443:443\"], command: hallway serve 80 443, ready: [80/tcp, 443/tcp] }
  c: { networks: [apps], command: hallway serve 80, ready: 80/tcp }
  d: { networks: [back], command: hallway serve 80 443, ready: [80/tcp, 443/tcp] }
policies: [ { from: back, to: apps } ]
";

fn json(h: &Hallway, words: &[&str]) -> Value {
    let ran = h.run(words);
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{words:?}: {}{}", ran.out, ran.err))
}

/// What is wrong with the predictions for one attempt.
fn wrong(h: &Hallway, from: &str, to: &str) -> Vec<String> {
    let predicted = json(h, &["explain", "--format", "json", from, to]);
    let text = |p: &Value| p["reason"]["text"].as_str().unwrap().to_owned();
    // A neighbour, which hallway cannot send packets from.
    if from.starts_with("192.") || from.starts_with("fd00:") {
        let open = try_sh(&read(1, &format!("http://{to}/"), 1)).is_ok();
        let path = &predicted["paths"][0];
        let same = open == (path["outcome"] == "open") && !text(path).contains("not known");
        let found = format!("{from} → {to}: open {open}, predicted {}", text(path));
        return (!same).then_some(found).into_iter().collect();
    }
    let limit = milliseconds(400);
    let words = [
        "reach",
        "--timeout-ms",
        &limit,
        "--format",
        "json",
        from,
        to,
    ];
    let measured = json(h, &words);
    let pairs = predicted["paths"].as_array().unwrap().iter();
    let pairs = pairs.zip(measured["probes"].as_array().unwrap());
    pairs
        .filter(|(p, m)| {
            let differs = p["outcome"] != m["measured"]["outcome"];
            differs || text(p).contains("not known")
        })
        .map(|(p, m)| {
            let real = &m["measured"]["outcome"];
            format!(
                "{from} → {to}: {real}, predicted {}: {}",
                p["outcome"],
                text(p)
            )
        })
        .collect()
}

/// Each is evaluated, so that no prediction has a doubt; and `up` warns of what a project needs and is
/// dropped.
pub(crate) fn rules_of_others_are_predicted() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254");
    let h = hallway();
    h.up(PROJECT).ok();
    let h = h.project("p");
    let serves = |netns: Option<&str>, ports: &[&str]| {
        let program = env!("CARGO_BIN_EXE_hallway");
        let mut command = match netns {
            Some(netns) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", netns, program]);
                command
            }
            None => Command::new(program),
        };
        let command = command.arg("serve").args(ports).stdout(Stdio::null());
        command.spawn().unwrap()
    };
    let mut servers = [
        serves(Some("lan1"), &["80", "443"]),
        serves(None, &["22", "9000"]),
    ];
    let mut found = Vec::new();
    for part in RULESETS.split("# ").filter(|p| !p.trim().is_empty()) {
        let (head, rules) = part.split_once('\n').unwrap();
        let (name, attempts) = head.split_once(": ").unwrap();
        std::fs::write("/run/others.nft", rules).unwrap();
        sh("nft -f /run/others.nft");
        // Frames of bridges pass the inet hooks, or not.
        let settings: &[&str] = match name.starts_with("bridge") {
            true => &["0", "1"],
            false => &["1"],
        };
        for setting in settings {
            sh(&format!(
                "for f in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do [ ! -e $f ] || echo {setting} > $f; done"
            ));
            for attempt in attempts.split(", ") {
                let (from, to) = attempt.split_once(' ').unwrap();
                let all = wrong(&h, from, to);
                found.extend(
                    all.into_iter()
                        .map(|what| format!("{name} {setting}: {what}")),
                );
            }
        }
        let table = rules.split(" {").next().unwrap();
        sh(&format!("nft delete {table}"));
    }
    for server in &mut servers {
        server.kill().unwrap();
        server.wait().unwrap();
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What a project needs and a rule with a verdict map drops is said by `up`; what it accepts is not.
pub(crate) fn warnings_know_verdict_maps() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254");
    let h = hallway();
    let states = "ct state vmap { established : accept, related : accept, invalid : drop }";
    for (rule, by) in [
        ("tcp dport vmap { 443 : drop }", Some("tcp dport vmap")),
        (
            "policy drop; STATES; iifname vmap { br-apps : accept, br-back : accept, eth0 : accept }",
            None,
        ),
        (
            "policy drop; STATES; iifname br-apps accept",
            Some("policy"),
        ),
    ] {
        let rule = rule.replace("STATES", states);
        sh(&format!(
            "nft 'table inet fw {{ chain f {{ type filter hook forward priority 0; {rule}; }}; }}'"
        ));
        let said = h.up(PROJECT).exits(0).err;
        match by {
            Some(by) => assert!(said.contains("blocked") && said.contains(by), "{said}"),
            None => assert!(!said.contains("blocked"), "{said}"),
        }
        sh("nft delete table inet fw");
    }
    h.project("p").ok("down");
}
