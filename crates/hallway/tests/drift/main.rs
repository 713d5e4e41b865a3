//! Changes by other programs: each kind is detected by `status`, listed by `plan`, repaired by
//! `up`, and nothing else is changed.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

mod kinds;
mod others;
mod place;
mod repairs;
mod scene;
mod snapshot;

use hallway_testkit::{sh, wait_for};
use others::{
    a_name_for_the_keeper, a_second_name_of_a_namespace, an_address_elsewhere, names_of_others,
    programs_see_readable_files, rules_of_others_in_nodes, settings_for_programs,
};
use repairs::{
    conflicting_changes_pause_repairs, repaired_in_nodes, repaired_links_in_nodes,
    repaired_on_the_host, repaired_rules, repaired_settings_for_programs, repairs_are_events,
};
use scene::{FILE, PROJECT, Scene, hallway_without_project, in_sandbox};

fn rules_in_a_sandbox() {
    in_sandbox().check_each(&[kinds::RULES, kinds::PROGRAMS]);
}

fn outside_nodes_in_a_sandbox() {
    in_sandbox().check_each(&[kinds::HOST_LINKS, kinds::HOST_ROUTES, kinds::HOST_SETTINGS]);
}

fn nodes_in_a_sandbox() {
    in_sandbox().check_each(&[kinds::NODES, kinds::NODE_LINKS]);
}

fn rules() {
    Scene::check_all(&[kinds::RULES]);
}

fn on_the_host() {
    Scene::check_all(&[kinds::HOST_LINKS, kinds::HOST_ROUTES, kinds::HOST_SETTINGS]);
}

fn in_nodes() {
    Scene::check_all(&[kinds::NODES]);
}

fn links_in_nodes() {
    Scene::check_all(&[kinds::NODE_LINKS]);
}

fn neighbours() {
    Scene::check_all(&[kinds::HOST_NEIGHBOURS, kinds::NODE_NEIGHBOURS]);
}

fn neighbours_in_a_sandbox() {
    in_sandbox().check_each(&[kinds::HOST_NEIGHBOURS]);
}

fn programs() {
    Scene::check_all(&[kinds::FILES, kinds::PROGRAMS]);
}

fn owners_of_files() {
    others::needs_a_second_user();
    Scene::check_all(&[kinds::OWNERS]);
}

/// A route with another metric is a different route, of another program, and stays.
fn a_route_with_another_metric() {
    let scene = Scene::new();
    sh(
        "ip -n web route del default; ip -n web route add default via 10.9.0.1 metric 500
        ip -n web -6 route del default; ip -n web -6 route add default via fd09::1 metric 5000",
    );
    let plan = scene.h.run(&["plan", FILE]).ok();
    assert_eq!(
        plan.matches("default route of eth0 is missing").count(),
        2,
        "{plan}"
    );
    scene.h.run(&["up", FILE]).ok();
    for version in ["-4", "-6"] {
        let routes = sh(&format!("ip -n web {version} route show default"));
        assert_eq!(routes.lines().count(), 2, "{routes}");
    }
}

/// Another address, from which a node sends instead of its own.
fn another_address_in_its_place() {
    let scene = Scene::new();
    sh(
        "ip -n web addr del 10.9.0.10/24 dev eth0; ip -n web addr add 10.9.0.50/24 dev eth0
        ip -n web route add default via 10.9.0.1
        ip -n web addr del fd09::10/64 dev eth0; ip -n web addr add fd09::10/48 dev eth0 nodad
        ip addr del fd09::1/64 dev br-apps; ip addr add fd09::1/48 dev br-apps nodad",
    );
    let plan = scene.h.run(&["plan", FILE]).ok();
    for address in [
        "10.9.0.50/24 of eth0",
        "fd09::10/48 of eth0",
        "fd09::1/48 of br-apps",
    ] {
        assert!(plan.contains(address), "{plan}");
    }
    scene.h.run(&["up", FILE]).ok();
    scene.h.run(&["status", "--exit-code"]).exits(0);
    assert!(scene.h.pings("web", "10.9.0.1") && scene.h.pings("web", "fd09::1"));
}

/// Routes of other links with the same destination and metric stay: those of link-local addresses.
fn routes_of_other_links_stay() {
    let scene = Scene::new();
    sh(
        "ip link add mine type bridge; ip link add mine0 type veth peer name mine1
        ip link set mine0 master mine up; ip link set mine1 up; ip link set mine up; ip -6 addr add fe80::77/64 dev mine nodad",
    );
    let theirs = || sh("ip -6 route show fe80::/64 dev mine; ip -6 route show fe80::/64 dev up0");
    let before = theirs();
    assert!(before.contains("fe80::/64"), "{before}");
    for _time in 0..2 {
        sh("ip -6 route del fe80::/64 dev br-apps");
        let plan = scene.h.run(&["plan", FILE]).ok();
        let missing = "route fe80::/64 of br-apps is missing";
        assert!(plan.contains(missing), "{plan}");
        scene.h.run(&["up", FILE]).ok();
        scene.h.run(&["status", "--exit-code"]).exits(0);
        assert_eq!(theirs(), before);
    }
}

/// A table of another family with the name of the project's belongs to another program.
/// Routes to a node by the project's own links lead elsewhere, too.
fn routes_of_others_to_nodes() {
    let scene = Scene::new();
    let h = &scene.h;
    h.run(&["status", "--exit-code"]).exits(0);
    // For IPv4 the project's route is put first again. The other one is not removed.
    sh("ip route prepend 10.7.0.10 via 10.9.0.11");
    let status = h.run(&["status", "--exit-code"]).exits(3);
    assert!(
        status.out.contains("comes after another one by br-apps"),
        "{}",
        status.out
    );
    h.run(&["up", FILE]).ok();
    h.run(&["status", "--exit-code"]).exits(0);
    assert!(sh("ip route show 10.7.0.10").contains("via 10.9.0.11"));
    assert!(h.pings("far", "10.9.0.10"));
    for (change, says, remedy) in [
        (
            "ip -6 route append fd07::10 via fd09::11 dev br-apps",
            "by the route fd07::10/128 via fd09::11 by br-apps, which comes before the project's",
            "ip -6 route del fd07::10/128 dev br-apps",
        ),
        (
            "ip route add 10.6.0.12 dev br-apps",
            "by the route 10.6.0.12/32 by br-apps",
            "ip route del 10.6.0.12/32",
        ),
        (
            "ip rule del priority 32766",
            "by no route, since no routing rule looks up the table main",
            "ip rule add priority 32766 lookup main",
        ),
    ] {
        sh(change);
        let status = h.run(&["status", "--exit-code"]).exits(3);
        assert!(status.out.contains(says), "{change}: {}", status.out);
        assert!(status.out.contains(remedy), "{change}: {}", status.out);
        sh(remedy);
        h.run(&["status", "--exit-code"]).exits(0);
    }
}

fn a_table_of_another_family() {
    let scene = Scene::new();
    sh("nft add table ip hallway-p");
    scene.h.run(&["status", "--exit-code"]).exits(0);
    scene.h.run(&["up", FILE]).says("nothing").ok();
    sh("ip link set br-apps mtu 1400");
    scene.h.run(&["up", FILE]).ok();
    scene.h.run(&["status", "--exit-code"]).exits(0);
    sh("nft list table ip hallway-p");
}

/// The JSON output has the same content.
fn in_json() {
    let scene = Scene::new();
    let status = scene.h.run(&["status", "--format", "json"]).json();
    assert_eq!(
        (&status["state"], &status["drift"]),
        (&"up".into(), &0.into())
    );
    sh("ip -n web link set eth0 mtu 1300; kill -9 $(pgrep -f '^hallway serve 80$' | head -1)");
    wait_for("both", || {
        scene.h.run(&["status", "--format", "json"]).json()["drift"] == 2
    });
    let status = scene.h.run(&["status", "--format", "json"]).json();
    assert_eq!(status["state"], "degraded");
    let found: Vec<[&str; 5]> = status["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| ["place", "node", "object", "wanted", "found"].map(|key| d[key].as_str().unwrap()))
        .collect();
    let wanted = [
        ["node", "web", "mtu of eth0", "1500", "1300"],
        ["node", "web", "program", "running", "ended by signal 9"],
    ];
    assert_eq!(found, wanted);
    assert_eq!(
        scene.h.run(&["ls", "--format", "json"]).json()[0]["state"],
        "degraded"
    );
    assert!(scene.h.ok("ls").contains("degraded"));
    scene
        .h
        .run(&["graph", "--live"])
        .exits(0)
        .says("p is degraded: 2 differences");
}

/// Policies and published ports are planned line by line, and restarted programs with the reason;
/// what was added by single commands and is not in the file is listed.
fn planned_by_line() {
    let scene = Scene::new();
    let plan = |text: &str| {
        std::fs::write(FILE, text).unwrap();
        scene.h.run(&["plan", FILE]).ok()
    };
    let text = PROJECT.replace("\"8080:80\"", "\"8081:80\"").replace(
        "  - { from: direct, to: apps }\n",
        "  - { action: deny, from: x, to: z }\n",
    );
    let lines = plan(&text);
    for line in [
        "- allow direct → apps",
        "+ deny x → z",
        "- publish 8080:80/tcp of web",
        "+ publish 8081:80/tcp of web",
    ] {
        assert!(lines.contains(line), "{line} is not in\n{lines}");
    }
    assert!(!lines.contains("rules"), "{lines}");
    let lines = plan(&PROJECT.replace("hallway serve 80", "hallway serve 80/tcp"));
    assert!(
        lines.contains("~ restart program web  hallway serve 80/tcp  # nodes.web.command"),
        "{lines}"
    );
    let lines = plan(PROJECT);
    assert!(lines.contains("nothing to change"), "{lines}");

    scene.h.ok("deny y x");
    scene.h.ok("node add extra --network other");
    scene.h.ok("publish web 9090:80");
    let lines = plan(PROJECT);
    let words = "added by single commands and not in the file, so removed: deny y → x, extra on network other, node extra, publish 9090:80/tcp of web";
    assert!(lines.contains(words), "{lines}");
    let json = scene.h.run(&["plan", "--format", "json", FILE]).json();
    assert_eq!(json["dropped"].as_array().unwrap().len(), 4);
    scene.h.run(&["up", FILE]).exits(0).says(words);
    let lines = plan(&PROJECT.replace("  - { from: direct, to: apps }\n", ""));
    assert!(!lines.contains("one at a time"), "{lines}");
    rules_in_words(&scene);
}

/// What else changes in the rules is named: networks, nodes, and what other programs changed.
fn rules_in_words(scene: &Scene) {
    let says = |text: &str, wanted: &[&str]| {
        std::fs::write(FILE, text).unwrap();
        let lines = scene.h.run(&["plan", FILE]).ok();
        for line in wanted {
            assert!(lines.contains(line), "{line} is not in\n{lines}");
        }
        assert!(!lines.contains(" elements"), "{lines}");
    };
    let more = PROJECT
        .replace("  other: {", "  more: { subnet: 10.5.0.0/24 }\n  other: {")
        .replace("  z: {", "  n: { networks: [more] }\n  z: {");
    says(
        &more,
        &["~ change rules hallway-p  with network more, node n  # "],
    );
    let node = "  y: { networks: { other: { address: 10.8.0.11 } } }\n";
    says(
        &PROJECT.replace(node, ""),
        &["~ change rules hallway-p  without node y  # "],
    );
    sh("nft delete table bridge hallway-p; nft add rule inet hallway-p forward accept");
    let drift = [
        "+ create rules hallway-p  # table bridge hallway-p is missing",
        "~ change rules hallway-p  # table inet hallway-p: chain forward has the rule accept",
    ];
    says(PROJECT, &drift);
    let policy = "  - { action: deny, from: x, to: z }\n";
    let both = [drift[0], drift[1], "+ deny x → z"];
    says(&format!("{PROJECT}{policy}"), &both);
    scene.h.ok("down");
    says(
        PROJECT,
        &["+ create rules hallway-p  of 4 networks, 6 nodes, 1 port, 3 policies  # "],
    );
}

/// If the kernel does not keep a change, the run fails and restores the former state.
fn not_kept() {
    let scene = Scene::new();
    let mut other = std::process::Command::new("sh")
        .args([
            "-c",
            "while :; do ip link set br-more alias mine 2>/dev/null; done",
        ])
        .spawn()
        .unwrap();
    let more: String = (0..20)
        .map(|n| format!("  more{n}: {{ networks: [more] }}\n"))
        .collect();
    let text = PROJECT
        .replace(
            "networks:\n  apps",
            "networks:\n  more: { subnet: 10.5.0.0/24 }\n  apps",
        )
        .replace("links: [", &format!("{more}links: ["));
    let ran = scene.h.up(&text);
    other.kill().unwrap();
    other.wait().unwrap();
    ran.exits(1)
        .says("objects that were built are missing or changed: host: alias of br-more is mine");
    scene.h.run(&["plan", "--detailed-exitcode", FILE]).exits(0);
}

/// After a reboot there is a record, but nothing in the kernel; and without a readable record there
/// are marks.
fn reboot_and_lost_records() {
    let scene = Scene::new();
    let record = "/run/state/host/projects/p/record.json";
    let good = std::fs::read(record).unwrap();
    let cut = good[..good.len() / 2].to_vec();
    for bad in [
        cut,
        b"{}".to_vec(),
        b"{\"version\":99}".to_vec(),
        Vec::new(),
    ] {
        std::fs::write(record, &bad).unwrap();
        let status = scene.h.run(&["status", "--exit-code"]).exits(3);
        let text = "6 namespaces, 9 links, 2 tables";
        assert!(status.out.contains("is not known"), "{}", status.out);
        assert!(status.out.contains(text), "{}", status.out);
        assert!(scene.h.ok("ls").contains("unknown"));
    }
    scene.h.run(&["up", FILE]).ok();
    scene.h.run(&["status", "--exit-code"]).exits(0);
    std::fs::remove_file(record).unwrap();
    let status = hallway_without_project().run(&["status"]).exits(0);
    assert!(
        status
            .out
            .contains("the state of p on this host is not known: there is no record of it"),
        "{}",
        status.out
    );
    let status = hallway_without_project().run(&["status", "--format", "json"]);
    assert_eq!(status.json()["problem"], "there is no record of it");
    scene.h.ok("down");
    assert_eq!(
        sh("ip netns list; nft list tables").trim(),
        "table inet others"
    );

    scene.h.run(&["up", FILE]).ok();
    sh("cp -a /run/state /run/keep/state");
    scene.h.ok("down");
    for then in [&["down"][..], &["up", FILE]] {
        sh("rm -rf /run/state; cp -a /run/keep/state /run/state");
        let status = scene.h.run(&["status", "--exit-code"]).exits(3);
        assert!(
            status.out.contains("p is down on this host"),
            "{}",
            status.out
        );
        assert_eq!(
            scene.h.run(&["status", "--format", "json"]).json()["state"],
            "down"
        );
        scene.h.run(then).ok();
    }
    scene.h.run(&["status", "--exit-code"]).exits(0);
}

/// A repair has the same result while packets pass.
fn while_traffic_runs() {
    let mut scene = Scene::new();
    let mut pings: Vec<_> = [
        ("db", "10.9.0.10"),
        ("far", "10.9.0.10"),
        ("x", "10.6.0.12"),
    ]
    .into_iter()
    .map(|(node, to)| {
        let arguments = ["exec", node, "--", "ping", "-q", "-i", "0.01", to];
        scene.h.start(&arguments)
    })
    .collect();
    let some = [
        &kinds::RULES[0],
        &kinds::RULES[5],
        &kinds::HOST_LINKS[7],
        &kinds::HOST_LINKS[10],
    ];
    let links = &kinds::NODE_LINKS;
    let more = [
        &kinds::HOST_ROUTES[2],
        &links[3],
        &links[7],
        &kinds::NODES[0],
    ];
    for kind in some.into_iter().chain(more) {
        scene.check(kind);
    }
    for ping in &mut pings {
        ping.kill().unwrap();
        ping.wait().unwrap();
    }
}

hallway_testkit::tests![
    rules,
    on_the_host,
    links_in_nodes,
    in_nodes,
    programs,
    neighbours,
    neighbours_in_a_sandbox,
    rules_in_a_sandbox,
    outside_nodes_in_a_sandbox,
    nodes_in_a_sandbox,
    in_json,
    another_address_in_its_place,
    routes_of_other_links_stay,
    routes_of_others_to_nodes,
    a_table_of_another_family,
    a_route_with_another_metric,
    planned_by_line,
    names_of_others,
    a_name_for_the_keeper,
    an_address_elsewhere,
    a_second_name_of_a_namespace,
    rules_of_others_in_nodes,
    programs_see_readable_files,
    settings_for_programs,
    repaired_settings_for_programs,
    owners_of_files,
    not_kept,
    reboot_and_lost_records,
    while_traffic_runs,
    repaired_rules,
    repaired_on_the_host,
    repaired_in_nodes,
    repaired_links_in_nodes,
    repairs_are_events,
    conflicting_changes_pause_repairs,
];
