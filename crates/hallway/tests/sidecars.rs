//! Several programs in one namespace: `namespace: node:NAME`.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, processes, wait_for};

const FILE: &str = "
networks: { apps: { subnet: 10.79.0.0/24 }, other: { subnet: 10.78.0.0/24 } }
nodes:
  vpn: { networks: [apps], ports: [\"8080:80\"], command: sleep infinity }
  torrent:
    namespace: node:vpn
    command: hallway serve 80
    ready: 80/tcp
    environment: { COLOUR: red }
    depends_on: [vpn]
  client: { networks: [other] }
policies: [ { from: client, to: torrent } ]
expect:
  - { from: client, to: torrent, port: 80/tcp }
  - { from: torrent, to: client, reachable: false }
";

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

/// It has the node's addresses, ports and policies, and its own log, environment and state.
fn a_program_shares_the_namespace_of_a_node() {
    let h = hallway();
    let (before, running) = (Snapshot::take(), processes());
    h.up(FILE).ok();
    assert!(h.reads("client", "http://10.79.0.2/"));
    assert!(h.reads("torrent", "http://10.79.0.2:80/"));
    assert!(h.inside("torrent", "test $COLOUR = red && test $(hostname) = vpn"));
    assert!(h.inside("vpn", "test -z \"$COLOUR\""));
    let same = |node: &str| h.ok(&format!("exec {node} -- readlink /proc/self/ns/net"));
    assert_eq!(same("vpn"), same("torrent"));
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    assert!(h.ok("explain client torrent:80").contains("vpn"));
    assert!(
        h.ok("status")
            .contains("torrent: hallway serve 80 (running)")
    );
    let nodes = h.run(&["status", "--format", "json"]).json();
    let vpn = &nodes["nodes"][0];
    assert_eq!(vpn["sidecars"][0]["program"]["state"], "running", "{vpn}");
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);

    h.ok("stop torrent");
    assert!(h.cannot_read("client", "http://10.79.0.2/"));
    h.ok("start torrent");
    wait_for("an answer", || h.reads("client", "http://10.79.0.2/"));
    h.ok("down");
    before.unchanged();
    assert_eq!(processes(), running);
}

/// One is added and removed, and the other continues.
fn a_program_comes_to_a_node_that_is_up() {
    let h = hallway();
    let alone = FILE.replace(
        "  client",
        "  more: { namespace: node:vpn, command: sleep 1000 }\n  client",
    );
    h.up(FILE).ok();
    let pid = |node: &str| {
        let nodes = h.run(&["status", "--format", "json"]).json();
        let all = nodes["nodes"][0]["sidecars"].as_array().unwrap().clone();
        let found = all.iter().find(|s| s["name"] == node);
        found.map(|s| s["program"]["pid"].as_u64().unwrap())
    };
    let before = pid("torrent").unwrap();
    h.up(&alone).ok();
    assert!(pid("more").is_some());
    h.up(FILE).ok();
    assert!(pid("more").is_none());
    assert_eq!(pid("torrent"), Some(before));
    // The namespace is built again with everything in it.
    hallway_testkit::sh("umount /run/netns/vpn");
    h.up(FILE).ok();
    assert!(h.reads("client", "http://10.79.0.2/"));
    h.ok("node rm vpn");
    assert!(!h.ok("export").contains("torrent"));
}

fn what_only_the_node_can_have_is_refused() {
    let h = hallway();
    for (node, says) in [
        (
            "{ namespace: node:vpn, command: x, networks: [apps] }",
            "`networks` is not possible for t, which shares the namespace of vpn",
        ),
        (
            "{ namespace: node:vpm, command: x }",
            "t shares the namespace of node vpm, which is not defined",
        ),
        (
            "{ namespace: node:t, command: x }",
            "namespaces are shared in a cycle: t → t",
        ),
        ("{ namespace: node:vpn }", "needs a command"),
        (
            "{ namespace: here, command: x }",
            "nodes.t.namespace must be node:NAME",
        ),
    ] {
        let text = format!(
            "networks: {{ apps: {{ subnet: 10.79.0.0/24 }} }}\nnodes: {{ vpn: {{ networks: [apps] }}, t: {node} }}\n"
        );
        h.up(&text).exits(2).says(says);
    }
}

hallway_testkit::tests![
    a_program_shares_the_namespace_of_a_node,
    a_program_comes_to_a_node_that_is_up,
    what_only_the_node_can_have_is_refused,
];
