//! Addresses that have moved to another node.

use std::time::{Duration, Instant};

use hallway_testkit::{Hallway, patience, sh};

/// The time limit for reaching the new owner: less than any timer of the kernel that would detect
/// the change.
const AT_ONCE: Duration = Duration::from_secs(2);

fn file(one: &str, other: &str) -> String {
    format!(
        "networks:
  n: {{ subnet: [10.4.0.0/24, 'fd04::/64'] }}
  world: {{ subnet: 203.0.113.0/24, outside: true }}
nodes:
  {one}: {{ networks: {{ n: {{ address: [10.4.0.10, 'fd04::10'] }} }}, ports: ['8080:80'], command: hallway serve 80, ready: 80/tcp }}
  {other}: {{ networks: {{ n: {{ address: [10.4.0.11, 'fd04::11'] }} }}, command: hallway serve 80, ready: 80/tcp }}
  third: {{ networks: [n] }}
  visitor: {{ networks: {{ world: {{ address: 203.0.113.9 }} }} }}
"
    )
}

/// Two nodes exchange their addresses, or a new node gets one: neighbours, the host, the outside
/// and localhost reach the new owner, by IPv4 and IPv6.
pub(crate) fn an_address_that_moves_is_reached_at_once() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let asks = [
        "curl -g -s -m 1 http://10.4.0.10/",
        "curl -g -s -m 1 http://[fd04::10]/",
        "curl -g -s -m 1 http://127.0.0.1:8080/",
        "ip netns exec third curl -g -s -m 1 http://10.4.0.10/",
        "ip netns exec third curl -g -s -m 1 http://[fd04::10]/",
        "ip netns exec visitor curl -s -m 1 http://203.0.113.1:8080/",
    ];
    let answers = |ask: &str| sh(&format!("{ask} || true"));
    h.up(&file("blue", "green")).ok();
    for owner in ["blue", "green", "red"] {
        if owner == "green" {
            h.up(&file("green", "blue")).ok();
        } else if owner == "red" {
            h.up(&file("red", "blue")).ok();
        }
        let began = Instant::now();
        for ask in asks {
            while !answers(ask).starts_with(owner) {
                let late = began.elapsed() > AT_ONCE * patience();
                assert!(!late, "{ask} does not reach {owner}: {}", answers(ask));
            }
        }
    }
    // A MAC address from the file: the address stays, and the node with it changes.
    let fixed = file("red", "blue").replace(
        "address: [10.4.0.10,",
        "mac: 02:00:00:00:00:99, address: [10.4.0.10,",
    );
    h.up(&fixed).ok();
    let began = Instant::now();
    for ask in asks {
        while !answers(ask).starts_with("red") {
            assert!(began.elapsed() < AT_ONCE * patience(), "{ask}");
        }
    }
    // The same by two commands: between them no node has the address.
    h.ok("node rm red");
    let words = "node add late --network n=fd04::10 --ready 80/tcp -- hallway serve 80";
    h.ok(words);
    let began = Instant::now();
    for ask in [asks[1], asks[4]] {
        while !answers(ask).starts_with("late") {
            assert!(began.elapsed() < AT_ONCE * patience(), "{ask}");
        }
    }
}

/// The host takes over a gateway's address, or has it behind another MAC address: nodes that know
/// the former owner reach the host at once.
pub(crate) fn a_gateway_that_moves_is_reached_at_once() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let file = |network: &str, node: &str| {
        format!(
            "name: up
networks:
  n: {{ subnet: [10.4.0.0/24, 'fd04::/64']{network} }}
nodes:
  stays: {{ networks: {{ n: {{ address: [10.4.0.10, 'fd04::10'] }} }} }}
  other: {{ networks: {{ n: {{ address: {node} }} }} }}
"
        )
    };
    let plain = file("", "[10.4.0.11, 'fd04::11']");
    let routed = file(", mode: routed", "[10.4.0.11, 'fd04::11']");
    let with_node = file(
        ", gateway: [10.4.0.200, 'fd04::200']",
        "[10.4.0.1, 'fd04::1']",
    );
    for (step, topology) in [&plain, &routed, &plain, &with_node, &plain]
        .into_iter()
        .enumerate()
    {
        h.up(topology).ok();
        let began = Instant::now();
        for to in ["10.4.0.1", "fd04::1"] {
            while !h.pings("stays", to) {
                let late = began.elapsed() > AT_ONCE * patience();
                assert!(!late, "step {step}: {to} is not reached");
            }
        }
    }
    h.ok("down");
}
