//! The same hops as predicted, for every pair and service of every example.

use std::collections::BTreeSet;

use hallway_testkit::{Hallway, milliseconds, sh};
use serde_json::Value;

use crate::{EXAMPLES, PROGRAM};

pub(crate) fn json(h: &Hallway, words: &[&str]) -> Value {
    let ran = h.run(words);
    assert!(ran.code < 2, "{}: {}", ran.words, ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

/// Hops without what cannot be predicted: the client's port, the listener, connection tracking's
/// entries, and tables of other programs.
pub(crate) fn spine(path: &Value, side: &str) -> Vec<Value> {
    let chance = if side == "request" {
        "source_port"
    } else {
        "port"
    };
    let hops = path[side].as_array().unwrap().iter();
    let known = hops.filter(|h| h["hop"] != "connection" && h["ours"] != false);
    known
        .map(|hop| {
            let mut hop = hop.clone();
            for flow in ["flow", "before"] {
                if let Some(flow) = hop.get_mut(flow) {
                    flow[chance] = 0.into();
                }
            }
            if hop["hop"] == "listener" {
                hop["who"] = Value::Null;
            }
            hop
        })
        .collect()
}

/// A trace has the same hops, rules and reason as the explanation.
#[track_caller]
fn as_explained(h: &Hallway, from: &str, to: &str) -> usize {
    let explained = json(h, &["explain", from, to, "--format", "json"]);
    let open = |p: &Value| p["outcome"] == "open";
    let all_open = explained["paths"].as_array().unwrap().iter().all(open);
    let limit = milliseconds(if all_open { 10_000 } else { 300 });
    let traced = json(
        h,
        &[
            "trace",
            from,
            to,
            "--format",
            "json",
            "--timeout-ms",
            &limit,
        ],
    );
    let (explained, traced) = (&explained["paths"], &traced["paths"]);
    let count = explained.as_array().unwrap().len();
    assert_eq!(traced.as_array().unwrap().len(), count);
    for index in 0..count {
        let (predicted, real) = (&explained[index], &traced[index]["path"]);
        for key in ["from", "to", "address", "service", "outcome", "reason"] {
            assert_eq!(predicted[key], real[key], "{key} of {from} → {to}");
        }
        for side in ["request", "reply"] {
            let (wanted, got) = (spine(predicted, side), spine(real, side));
            let other = wanted.iter().zip(&got).position(|(a, b)| a != b);
            assert_eq!(wanted, got, "{side} of {from} → {to}, hop {other:?}");
        }
        assert_eq!(traced[index]["agrees"], true);
    }
    count
}

/// Every pair and service of an example.
#[track_caller]
fn example(name: &str) {
    let h = Hallway::host(PROGRAM);
    h.run(&["up", &format!("{EXAMPLES}/{name}.yaml")]).ok();
    let matrix = json(&h, &["test", "--matrix", "--predict", "--format", "json"]);
    let mut asked = BTreeSet::new();
    for row in matrix["results"].as_array().unwrap() {
        let word = |key: &str| row[key].as_str().unwrap().to_owned();
        let (from, to, service) = (word("from"), word("to"), word("service"));
        // Some of them have no node that represents the outside; no packets are sent there.
        if from != "outside" && to != "outside" {
            asked.insert((from, format!("{to}:{service}")));
        }
    }
    let paths: usize = (asked.iter())
        .map(|(from, to)| as_explained(&h, from, to))
        .sum();
    assert!(paths >= asked.len());
    assert!(asked.len() >= 4 || name == "part1-namespace", "{name}");
}

pub(crate) fn part1() {
    example("part1-namespace");
}

pub(crate) fn part2() {
    example("part2-cable");
}

pub(crate) fn part3() {
    example("part3-bridge");
}

pub(crate) fn part4() {
    example("part4-internet");
}

pub(crate) fn part5() {
    example("part5-ports");
}

/// Bridges whose frames pass the hooks of IP only if a policy needs it: the other setting.
pub(crate) fn part5_without_bridge_hooks() {
    sh("sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
    let h = Hallway::host(PROGRAM);
    h.run(&["up", &format!("{EXAMPLES}/part5-ports.yaml")]).ok();
    for (from, to) in [
        ("app1", "host:8081"),
        ("app1", "host:8082"),
        ("app2", "host:5353/udp"),
        ("visitor", "host:3000"),
        ("app1", "app2:80"),
        ("app3", "visitor"),
        ("app1", "host:22"),
    ] {
        as_explained(&h, from, to);
    }
}

pub(crate) fn part6() {
    example("part6-zones");
}

pub(crate) fn three_tier() {
    example("three-tier");
}

pub(crate) fn dual_stack() {
    example("dual-stack");
}

pub(crate) fn routed() {
    example("routed");
}

/// The host passes packets on to the router, and what that sends comes to the host again.
pub(crate) fn home_router() {
    example("home-router");
}

pub(crate) fn no_example_is_left_out() {
    let there: BTreeSet<String> = std::fs::read_dir(EXAMPLES)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let here = "dual-stack home-router part1-namespace part2-cable part3-bridge part4-internet part5-ports part6-zones routed three-tier";
    let here: BTreeSet<String> = here.split(' ').map(|n| format!("{n}.yaml")).collect();
    assert_eq!(there, here, "write a test like part1");
}

/// What the examples do not contain: the host to itself, addresses, routers, a node to itself.
pub(crate) fn other_ways() {
    let h = Hallway::host(PROGRAM);
    h.run(&["up", &format!("{EXAMPLES}/part5-ports.yaml")]).ok();
    for (from, to) in [
        ("host", "host:8081"),
        ("host", "host:5353/udp"),
        ("host", "host:81"),
        ("host", "host"),
        ("host", "172.20.0.1:81"),
        ("app1", "172.20.0.11:80"),
        ("host", "172.20.0.1:8081"),
        ("host", "203.0.113.1:8082"),
        ("app1", "203.0.113.1:8082"),
        ("app1", "172.20.0.12:80"),
        ("172.20.0.11", "app2:81"),
        ("app1", "outside:80"),
        ("outside", "host:9001"),
        ("outside", "172.20.0.12:80"),
    ] {
        as_explained(&h, from, to);
    }
    h.ok("down");
    let text = "name: p
nodes:
  a: { routes: [{ to: 10.2.0.0/24, via: 10.1.0.2 }] }
  r: { forwarding: true }
  b: { routes: [{ to: 10.1.0.0/24, via: 10.2.0.2 }] }
links:
  - endpoints: { a: 10.1.0.1/24, r: 10.1.0.2/24 }
  - endpoints: { r: 10.2.0.2/24, b: 10.2.0.1/24 }
";
    h.up(text).ok();
    for to in ["b", "b:80", "b:53/udp", "r:80"] {
        as_explained(&h, "a", to);
    }
}
