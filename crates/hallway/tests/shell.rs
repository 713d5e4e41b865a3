//! `plan --format shell`: run on an empty machine, the script gives the same kernel state as `up`,
//! and the removal script leaves nothing.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hallway_testkit::{Hallway, Snapshot, patience, sh, try_sh, wait_for};
use serde_json::Value;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
/// Not part of a machine's snapshot.
const SCRIPT: &str = "/run/keep";

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

/// nft 1.0.6 changes the byte order of a value of one byte before a lookup in a set of ranges, which
/// some kernels refuse (stable releases of 6.12). hallway itself does not add that expression.
fn nft_can_load_ranges() {
    let ruleset = "table inet probe {
        set s { type ipv4_addr . inet_proto . inet_service; flags interval; }
        chain c { ip daddr . meta l4proto . th dport @s accept; }
    }";
    if let Err(why) = try_sh(&format!("echo '{ruleset}' | nft -c -f -")) {
        let why = why.lines().next().unwrap_or_default();
        hallway_testkit::skip(&format!("this nft cannot load ranges of ports here: {why}"));
    }
}

/// An uplink with default routes, and the directory that the first `ip netns add` makes.
fn machine() {
    nft_can_load_ranges();
    sh("ip netns add x; ip netns del x
        ip link add up0 type veth peer name up1
        ip link set up0 addrgenmode none; ip link set up1 addrgenmode none
        ip link set up0 up; ip link set up1 up
        ip addr add 198.51.100.1/24 dev up0; ip addr add 2001:db8:f::1/64 dev up0 nodad
        ip route add default via 198.51.100.2; ip -6 route add default via 2001:db8:f::2");
    wait_for("the uplink to come up", || {
        !sh("ip -o link").contains("DOWN")
    });
}

/// The commands that read the state, also inside each namespace; each prints JSON, or lines.
const ASKED: [&str; 9] = [
    "ip -j -d link",
    "ip -j -d addr",
    "ip -j -d route show table all",
    "ip -j -d -6 route show table all",
    "ip -j neigh show nud permanent",
    "bridge -j -d link",
    "tc -j qdisc",
    // No script can load the guard, whose tables belong to a process; nft 1.0.6 does not write the
    // flag of such a table as JSON.
    "nft list tables | grep -v hallway.guard | sed s/table// | sort | xargs -r -L1 nft -j list table",
    "sysctl -a 2>/dev/null | grep -E '^net\\.' | grep -v -E 'neigh|stable_secret|conntrack_count|nf_conntrack_buckets'",
];

/// Numbers from the kernel, counts and times.
const GIVEN: [&str; 16] = [
    "ifindex",
    "link_index",
    "link_netnsid",
    "handle",
    "packets",
    "bytes",
    "gc_timer",
    "hello_timer",
    "tcn_timer",
    "topology_change_timer",
    "hold_timer",
    "message_age_timer",
    "forward_delay_timer",
    "drops",
    "overlimits",
    "requeues",
];

/// Everything, by namespace and question.
type State = BTreeMap<String, Vec<String>>;

fn state() -> State {
    let mut out = State::new();
    let names = sh("ls /run/netns");
    for netns in std::iter::once("").chain(names.lines()) {
        for question in ASKED {
            let text = if netns.is_empty() {
                sh(question)
            } else {
                sh(&format!("ip netns exec {netns} sh -c \"{question}\""))
            };
            out.insert(format!("{netns}: {question}"), items(&text));
        }
    }
    out
}

/// The text as a list in the kernel's order, sorted if the order has no meaning.
fn items(text: &str) -> Vec<String> {
    // One list, or one for each table.
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect();
    let Ok(values) = values else {
        return text.lines().map(str::to_owned).collect();
    };
    let rules = values.iter().any(|v| v.get("nftables").is_some());
    let lists = values.into_iter().filter_map(|v| match v.get("nftables") {
        Some(list) => list.as_array().cloned(),
        None => v.as_array().cloned(),
    });
    let mut list: Vec<Value> = lists.flatten().collect();
    list.iter_mut().for_each(normal);
    let mut out: Vec<String> = list.iter().map(Value::to_string).collect();
    if !rules {
        out.sort();
    }
    out
}

fn normal(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !GIVEN.contains(&key.as_str()));
            // The kernel chooses the MAC address of the host's end of a port.
            let port = map
                .get("ifalias")
                .and_then(Value::as_str)
                .is_some_and(|a| a.contains(":port:"));
            if port {
                map.remove("address");
            }
            // The kernel adds and removes its elements as connections start and end.
            let counted = map
                .get("name")
                .and_then(Value::as_str)
                .is_some_and(|name| name.starts_with("counted"));
            if counted {
                map.remove("elem");
            }
            // The same elements, in the order of a hash table.
            if let Some(Value::Array(elements)) = map.get_mut("elem") {
                elements.sort_by_key(Value::to_string);
            }
            map.values_mut().for_each(normal);
        }
        Value::Array(list) => list.iter_mut().for_each(normal),
        _ => {}
    }
}

fn difference(a: &State, b: &State) -> String {
    let mut out = String::new();
    for key in a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))) {
        let nothing = Vec::new();
        let (one, other) = (
            a.get(key).unwrap_or(&nothing),
            b.get(key).unwrap_or(&nothing),
        );
        if one == other {
            continue;
        }
        out.push_str(key);
        out.push('\n');
        for line in one.iter().filter(|l| !other.contains(l)) {
            out.push_str(&format!("- {line}\n"));
        }
        for line in other.iter().filter(|l| !one.contains(l)) {
            out.push_str(&format!("+ {line}\n"));
        }
    }
    out
}

/// Links and IPv6 addresses need a moment to come up: the state when all of them are up and it no
/// longer changes; or, with `wanted`, as soon as it is that one.
fn settled(wanted: Option<&State>) -> State {
    let end = Instant::now() + Duration::from_secs(30) * patience();
    let mut last = state();
    loop {
        let same = match wanted {
            Some(wanted) => &last == wanted,
            None => {
                let coming = ["DOWN\"", "\"tentative\""];
                let rising = |line: &String| coming.iter().any(|word| line.contains(word));
                !last.values().flatten().any(rising) && state() == last
            }
        };
        if same || Instant::now() > end {
            return last;
        }
        last = state();
    }
}

fn run(text: &str) {
    std::fs::write(SCRIPT, text).unwrap();
    let why = try_sh(&format!("bash {SCRIPT}")).err().unwrap_or_default();
    assert!(why.is_empty(), "{why}\n{text}");
}

/// The same result by `up` and by the script.
fn both(path: &str) {
    let h = hallway();
    let empty = Snapshot::take();
    h.run(&["up", path]).ok();
    let by_up = settled(None);
    h.run(&["down", path]).ok();
    empty.unchanged();

    let script = h.run(&["plan", "--format", "shell", path]).ok();
    run(&script);
    let by_script = settled(Some(&by_up));
    let difference = difference(&by_up, &by_script);
    assert!(
        by_up == by_script,
        "{path}: - up, + script\n{difference}\n{script}"
    );

    let removal = h.run(&["plan", "--format", "shell", "--remove", path]).ok();
    run(&removal);
    empty.unchanged();
}

fn example(name: &str) {
    machine();
    both(&format!("{EXAMPLES}/{name}.yaml"));
}

fn part1() {
    example("part1-namespace");
}

fn part2() {
    example("part2-cable");
}

fn part3() {
    example("part3-bridge");
}

fn part4() {
    example("part4-internet");
}

fn part5() {
    example("part5-ports");
}

fn part6() {
    example("part6-zones");
}

fn dual_stack() {
    example("dual-stack");
}

fn routed() {
    example("routed");
}

/// All examples without a test above, so that none is omitted.
fn all_other_examples() {
    machine();
    let known = [
        "part1-namespace",
        "part2-cable",
        "part3-bridge",
        "part4-internet",
        "part5-ports",
        "part6-zones",
        "dual-stack",
        "routed",
    ];
    for entry in std::fs::read_dir(EXAMPLES).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if !known.contains(&stem) {
            both(path.to_str().unwrap());
        }
    }
}

/// What no example uses.
fn everything_else() {
    machine();
    let text = "name: odd.name
networks:
  a.b: { subnet: [10.9.0.0/24, fd09::/64], mtu: 1400 }
  small: { subnet: 10.8.0.0/24, internal: true, mtu: 1000 }
  mesh: { subnet: [10.7.0.0/24, fd07::/64], mode: routed }
nodes:
  one:
    networks: { a.b: { address: 10.9.0.9, bandwidth: 10mbit }, small: {} }
    ports: [\"8080:80\", \"5000-5010:5000-5010/udp\", \"198.51.100.1:81:82\", \"90-91:80-81\"]
    environment: { A: \"x\\ny'$(touch /run/no)\" }
    command: [sh, -c, \"echo '$HOME\\nrm'; exec sleep 1000\"]
  two: { networks: [a.b, mesh] }
  three: { networks: { mesh: { bandwidth: 100gbit } } }
links:
  - endpoints: { one: 10.0.1.10/24, three: 10.0.1.20/24 }
policies:
  - { from: one, to: three, ports: [80/tcp, 90-95/udp, icmp] }
  - { action: deny, between: [one, two] }
  - { from: mesh, to: host, ports: [53/udp] }
  - { from: host, to: small }
  - { from: mesh, to: 192.0.2.0/24 }
  - { action: deny, from: mesh, to: outside }
";
    let path = "/run/up.hallway.yaml";
    std::fs::write(path, text).unwrap();
    both(path);
    assert!(!std::path::Path::new("/run/no").exists());
}

/// Macvlan interfaces of the uplink, and of a VLAN on it where the kernel has those.
fn macvlan_interfaces() {
    machine();
    let vlans = "ip link add link up0 name up0.5 type vlan id 5 && ip link del up0.5";
    let vlan = if try_sh(vlans).is_ok() {
        "\n  tagged: { parent: up0, vlan: 10, subnet: 10.8.0.0/24 }"
    } else {
        ""
    };
    let on = if vlan.is_empty() { "" } else { ", tagged: " };
    let text = format!(
        "name: p
networks:
  office: {{ parent: up0, subnet: [10.9.0.0/24, \"fd09::/64\"], gateway: 10.9.0.1 }}{vlan}
nodes:
  one: {{ networks: {{ office: {{ address: 10.9.0.9 }}{on} }} }}
  two: {{ networks: {{ office: }} }}
"
    );
    let path = "/run/up.hallway.yaml";
    std::fs::write(path, text).unwrap();
    both(path);
}

/// The rules that nft makes from the script give the same verdicts as hallway's own.
fn packets_get_the_same_verdicts() {
    machine();
    let text = "networks: { a: { subnet: 10.9.0.0/24 }, b: { subnet: 10.8.0.0/24 } }
nodes:
  one: { networks: { a: { address: 10.9.0.9 } } }
  two: { networks: { b: { address: 10.8.0.8 } }, ports: [\"8080:80\"] }
policies: [{ from: one, to: two, ports: [80/tcp] }]
";
    let path = "/run/up.hallway.yaml";
    std::fs::write(path, text).unwrap();
    run(&hallway().run(&["plan", "--format", "shell", path]).ok());
    let program = env!("CARGO_BIN_EXE_hallway");
    sh(&format!(
        "ip netns exec two {program} serve 80 81 >/dev/null 2>&1 &"
    ));
    let reads = |node: &str, to: &str, limit: u32| {
        let limit = limit * patience();
        try_sh(&format!(
            "ip netns exec {node} curl -s -o /dev/null -m {limit} http://{to}/"
        ))
        .is_ok()
    };
    wait_for("the server", || {
        reads("two", "10.8.0.8:80", 2) && reads("two", "10.8.0.8:81", 2)
    });
    assert!(reads("one", "10.8.0.8:80", 30), "allowed");
    assert!(!reads("one", "10.8.0.8:81", 2), "not allowed");
    assert!(reads("one", "198.51.100.1:8080", 30), "published");
}

/// The accepts in the chains of other firewalls, where those are.
fn accepts_in_other_firewalls() {
    machine();
    sh("nft add table ip filter; nft add chain ip filter DOCKER-USER");
    let path = "/run/up.hallway.yaml";
    std::fs::write(
        path,
        "name: p.q\nnetworks: { a: { subnet: 10.9.0.0/24 } }\nnodes: { x: { networks: [a] } }\n",
    )
    .unwrap();
    let through = ["--allow-through", "docker,ufw"];
    let chain = || sh("nft list chain ip filter DOCKER-USER");
    let words = [&["up", path][..], &through].concat();
    hallway().run(&words).ok();
    let by_up = chain();
    assert!(by_up.contains("br-a"), "{by_up}");
    let words = [&["plan", path][..], &through].concat();
    assert!(hallway().run(&words).ok().contains("nothing to change"));
    assert!(
        hallway()
            .run(&["plan", path])
            .ok()
            .contains("remove accept")
    );
    hallway().run(&["down", path]).ok();
    let empty = chain();
    let shell = ["plan", "--format", "shell", path];
    let words = [&shell[..], &through].concat();
    run(&hallway().run(&words).ok());
    assert_eq!(chain(), by_up);
    let words = [&shell[..], &through, &["--remove"]].concat();
    run(&hallway().run(&words).ok());
    assert_eq!(chain(), empty);
}

/// `--remove` is only allowed with `--format shell`.
fn remove_is_for_scripts() {
    let h = hallway();
    let path = format!("{EXAMPLES}/part3-bridge.yaml");
    h.run(&["plan", "--remove", &path])
        .exits(2)
        .says("--format shell");
}

hallway_testkit::tests![
    part1,
    part2,
    part3,
    part4,
    part5,
    part6,
    dual_stack,
    routed,
    all_other_examples,
    everything_else,
    macvlan_interfaces,
    packets_get_the_same_verdicts,
    accepts_in_other_firewalls,
    remove_is_for_scripts,
];
