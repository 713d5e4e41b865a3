//! `up` again: it changes only the differences, and undoes a run that fails.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{ECHO, Hallway, Snapshot, Talker, settle, sh, try_sh, wait_for};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

const SHOP: &str = "networks: { apps: { subnet: [10.9.0.0/24, fd09::/64] } }
nodes:
  a: { networks: [apps], command: hallway serve 80, ready: 80/tcp }
  b: { networks: [apps], command: hallway serve 80, ready: 80/tcp, ports: [\"8080:80\"] }
";

/// A second `up` changes nothing.
fn again_is_nothing() {
    let h = hallway();
    for example in std::fs::read_dir(EXAMPLES).unwrap() {
        let path = example.unwrap().path();
        let path = path.to_str().unwrap();
        h.run(&["up", path]).ok();
        let first = Snapshot::take();
        h.run(&["plan", "--detailed-exitcode", path]).exits(0);
        h.run(&["up", path]).exits(0).says("nothing to change");
        first.unchanged();
        h.run(&["down", path]).ok();
    }
}

/// From any of these to any other: the same as built from nothing, except the kernel's counters.
fn from_anything_to_anything() {
    let shop = SHOP
        .replace(
            "a: { networks: [apps]",
            "a: { networks: { apps: { address: [10.9.0.10, fd09::10] } }",
        )
        .replace(
            "b: { networks: [apps]",
            "b: { networks: { apps: { address: [10.9.0.11, fd09::11] } }",
        );
    let files = [
        shop.clone(),
        shop.replace("10.9.0.0/24, ", "")
            .replace("10.9.0.10, ", "")
            .replace("10.9.0.11, ", ""),
        shop.replace("10.9.0.10", "10.9.0.77"),
        shop.replace("subnet:", "internal: true, subnet:")
            .replace(", ports: [\"8080:80\"]", ""),
        shop.replace("subnet:", "mode: routed, subnet:"),
        shop.replace("subnet:", "mtu: 1400, subnet:"),
        format!("{shop}policies: [{{ action: deny, from: a, to: b }}]\n"),
        format!("{shop}links: [{{ endpoints: {{ a: 10.1.0.1/24, c: 10.1.0.2/24 }} }}]\n"),
        "networks: { other: { subnet: 10.8.0.0/24 } }
nodes:
  b: { networks: { other: { address: 10.8.0.8 } } }
  c: { networks: { other: { address: 10.8.0.9 } } }
"
        .to_owned(),
    ];
    let h = hallway().project("p");
    let empty = Snapshot::take();
    let state = "ip -br link | sed 's/@.*//; s/ .*//' | sort; ip -br addr | sed 's/@[^ ]*//' | grep -v fe80 | sort; ip route; ip -6 route | grep -v fe80; nft list ruleset | sed 's, # progname.*,,; s/packets.*//; /set counted/,/^\t}/d; /set ended/,/^\t}/d' | grep -v 'comment \"generation'; ip netns list | sed 's/ .*//' | sort; for n in $(ip netns list | sed 's/ .*//' | sort); do echo $n; ip -n $n -o addr | sed 's/valid.*//; s/^[0-9]*: //; s/fe80.*//'; ip -n $n route; ip -n $n -6 route | grep -v fe80; done; true";
    let settled = || {
        settle(); // routes of tentative addresses come and go by themselves
        sh(state)
    };
    let mut fresh = Vec::new();
    for file in &files {
        h.up(file).ok();
        fresh.push(settled());
        h.ok("down");
        empty.unchanged();
    }
    for (from, first) in files.iter().enumerate() {
        for (to, second) in files.iter().enumerate() {
            if from == to {
                continue;
            }
            h.up(first).ok();
            h.up(second).ok();
            let (wanted, got) = (&fresh[to], settled());
            let lines = |text: &str| -> std::collections::BTreeSet<String> {
                // Elements are in the order in which they were added.
                text.replace("elements = {", "")
                    .lines()
                    .map(|l| l.trim().trim_end_matches(['}', ',', ' ']).to_owned())
                    .collect()
            };
            let (wanted, got) = (lines(wanted), lines(&got));
            let missing: Vec<_> = wanted.difference(&got).collect();
            let more: Vec<_> = got.difference(&wanted).collect();
            assert!(
                missing.is_empty() && more.is_empty(),
                "from {from} to {to}\nmissing: {missing:#?}\nmore: {more:#?}"
            );
            h.ok("down");
        }
    }
    empty.unchanged();
}

fn connections_continue_when_a_change_does_not_affect_them() {
    let h = hallway().project("p");
    h.ok("network add apps --subnet 10.9.0.0/24 --subnet fd09::/64");
    h.ok("network add store --subnet 10.8.0.0/24");
    h.ok("network add world --subnet 203.0.113.0/24 --outside");
    h.ok("node add visitor --network world=203.0.113.9");
    h.ok("node add a --network apps=10.9.0.10,fd09::10");
    h.ok("node add c --network apps=10.9.0.12,fd09::12");
    let serve = |words: &str| {
        let words = words.split(' ').chain(["--", "sh", "-c", ECHO]);
        h.run(&words.collect::<Vec<_>>()).ok();
    };
    serve("node add b --network apps=10.9.0.11,fd09::11 --publish 80:80");
    serve("node add d --network store=10.8.0.11");
    h.ok("allow apps store");
    wait_for("servers", || {
        h.inside("a", "python3 -c \"import socket; socket.create_connection(('10.9.0.11',80),1); socket.create_connection(('10.8.0.11',80),1)\"")
    });
    let mut same = Talker::start(&h, "a", "10.9.0.11");
    let mut same6 = Talker::start(&h, "a", "fd09::11");
    let mut across = Talker::start(&h, "a", "10.8.0.11");
    let mut other = Talker::start(&h, "c", "10.8.0.11");
    let mut visitor = Talker::start(&h, "visitor", "203.0.113.1");
    for change in [
        "node add e --network apps --publish 8080:80 --ready 80/tcp -- hallway serve 80",
        "network add more --subnet 10.7.0.0/24",
        "connect e more",
        "deny c a",
        "unpublish e 8080:80",
        "node rm e",
    ] {
        h.ok(change);
        for talker in [&mut same, &mut same6, &mut across, &mut other, &mut visitor] {
            assert_eq!(talker.says(), "up", "after {change}");
        }
    }
    h.ok("deny a d");
    assert_eq!(
        across.says(),
        "cut",
        "a connection that is denied now is closed"
    );
    assert_eq!(other.says(), "up", "and nothing else");
    assert_eq!(same.says(), "up");
    assert_eq!(same6.says(), "up");
    h.ok("deny a b");
    assert_eq!(same.says(), "cut", "on one bridge too");
    assert_eq!(same6.says(), "cut");
    assert_eq!(other.says(), "up");
    assert_eq!(visitor.says(), "up");
    h.ok("unpublish b 80:80");
    assert_eq!(
        visitor.says(),
        "cut",
        "a port that is not published any more"
    );
}

/// A step fails in the kernel: the former state is restored.
fn a_failing_step_undoes_the_run() {
    let h = hallway().project("p");
    sh("mount -t tmpfs -o mode=755,nr_inodes=400 tmpfs /run; mkdir /run/keep");
    let empty = Snapshot::take();
    // A foreign object in the place of a node's namespace is detected before anything is done.
    std::fs::create_dir_all("/run/netns/taken").unwrap();
    let with_foreign = Snapshot::take();
    h.up(&format!("{SHOP}  taken: {{ networks: [apps] }}\n"))
        .exits(2)
        .says("taken");
    with_foreign.unchanged();
    std::fs::remove_dir("/run/netns/taken").unwrap();
    sh("rmdir /run/netns");
    empty.unchanged();

    // Like iproute2 makes it: on the file system that will be full.
    sh("mkdir /run/netns; mount --bind /run/netns /run/netns; mount --make-shared /run/netns");
    h.up(SHOP).ok();
    let built = Snapshot::take();
    let nodes: String = (0..30)
        .map(|n| format!("  more{n}: {{ networks: [apps] }}\n"))
        .collect();
    let text = format!("{SHOP}{nodes}");
    // A file system with room for only this number of further files: a namespace, the record or a
    // hosts file cannot be made, a different one each time.
    let mut steps = std::collections::BTreeSet::new();
    for more in (2..120).step_by(2) {
        std::fs::write("/run/up.hallway.yaml", &text).unwrap();
        let free = sh("df --output=iavail /run | tail -1");
        let free: usize = free.trim().parse().unwrap();
        for filler in 0..free.saturating_sub(more) {
            std::fs::write(format!("/run/keep/{filler}"), "").unwrap();
        }
        let ran = h.run(&["up", "/run/up.hallway.yaml"]);
        sh("rm -rf /run/keep/*");
        if ran.code == 0 {
            break;
        }
        let ran = ran.exits(1).says("error");
        steps.extend(ran.err.split_once("(step ").map(|(_, n)| n.to_owned()));
        built.unchanged();
    }
    let failed = steps.len() > 3;
    assert!(failed, "too few runs failed midway: {steps:?}");
    h.up(SHOP).ok();
    assert!(h.reads("a", "http://b/"), "and it works");
    h.up(&format!("{SHOP}{nodes}")).ok();
    h.ok("down");
    sh("umount -n /run/netns; rmdir /run/netns; rm -rf /run/mount");
    empty.unchanged();
}

/// If a program does not become ready, `up` fails and leaves nothing.
fn a_program_that_fails_undoes_the_run() {
    let h = hallway().project("p");
    let empty = Snapshot::take();
    h.up("nodes: { a: { command: \"sh -c 'exit 3'\", ready: 80/tcp } }\n")
        .exits(1)
        .says("exit code 3");
    empty.unchanged();
    h.up(SHOP).ok();
    let built = Snapshot::take();
    h.up(&format!("{SHOP}  c: {{ command: no-such-program }}\n"))
        .exits(1)
        .says("not found");
    built.unchanged();
    h.ok("down");
    empty.unchanged();
}

/// Commands at the same time wait for one another; each has its effect.
fn many_at_once() {
    let h = hallway().project("p");
    let empty = Snapshot::take();
    h.ok("network add apps --subnet 10.9.0.0/24");
    let children: Vec<_> = (0..12)
        .map(|n| h.start(&["node", "add", &format!("n{n}"), "--network", "apps"]))
        .collect();
    for child in children {
        let out = child.wait_with_output().unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
    let nodes = h.run(&["node", "ls", "--format", "json"]).json();
    assert_eq!(nodes.as_array().unwrap().len(), 12);
    for n in 1..12 {
        assert!(h.inside("n0", &format!("ping -c 1 -W 30 n{n}")));
    }
    let ups: Vec<_> = (0..4).map(|_| h.start(&["down"])).collect();
    for child in ups {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    empty.unchanged();
}

/// A removed node does not exist when the command returns, whatever the kernel still has to do, and
/// also if a program keeps its namespace in use.
fn a_removed_node_is_gone() {
    let h = hallway().project("p");
    let empty = Snapshot::take();
    h.up("networks: { apps: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [apps] } }\n")
        .ok();
    // The same name again at once, so that the kernel is busy with the last namespace.
    for _ in 0..5 {
        h.ok("node add x --network apps --publish 8080:80");
        h.ok("node rm x");
        assert!(!sh("ip netns list").contains('x'));
        assert_eq!(sh("ip -o link | grep -c ': x-' || true").trim(), "0");
        assert_eq!(sh("ss -Hltn sport = 8080"), "");
    }
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("node add x --network apps");
    let mut user = std::process::Command::new("nsenter")
        .args(["--net=/run/netns/x", "sleep", "600"])
        .spawn()
        .unwrap();
    let inside = format!("readlink /proc/{}/ns/net", user.id());
    wait_for("a program in the namespace", || {
        sh(&inside) != sh("readlink /proc/self/ns/net")
    });
    let ping = format!(
        "nsenter --net=/proc/{}/ns/net ping -c 1 -W 1 10.9.0.1",
        user.id()
    );
    sh(&ping);
    h.ok("node rm x");
    let left = sh("ip -o link | grep hw-gone");
    assert!(
        left.contains("state DOWN") && left.contains("hallway:p:removed:x"),
        "{left}"
    );
    assert!(try_sh(&ping).is_err(), "what was the node still sends");
    h.run(&["status", "--exit-code"]).exits(0);
    wait_for("the keeper", || !sh("ip -o link").contains("hw-gone"));
    // Without a keeper, the command waits itself.
    h.ok("node add y --network apps");
    let mut other = std::process::Command::new("nsenter")
        .args(["--net=/run/netns/y", "sleep", "600"])
        .spawn()
        .unwrap();
    let inside = format!("readlink /proc/{}/ns/net", other.id());
    wait_for("a program in the namespace", || {
        sh(&inside) != sh("readlink /proc/self/ns/net")
    });
    sh("kill -9 $(pgrep -f '[_]_keeper')");
    h.ok("node rm y");
    assert!(!sh("ip -o link").contains("hw-gone"));
    for program in [&mut user, &mut other] {
        program.kill().unwrap();
        program.wait().unwrap();
    }
    h.ok("down");
    empty.unchanged();
}

/// A plan lists changes line by line, each once, with the key of the file.
fn a_plan_names_what_changes() {
    let h = hallway().project("p");
    let policies = "policies:
- { from: a, to: b, ports: [80/tcp] }
- { from: b, to: a, ports: [81/tcp] }
- { action: deny, from: a, to: b }
";
    let file = format!("{SHOP}{policies}");
    h.up(&file).ok();
    let plan = |text: &str| {
        std::fs::write("/run/plan.yaml", text).unwrap();
        let ran = h
            .run(&["plan", "--detailed-exitcode", "/run/plan.yaml"])
            .exits(2);
        format!("{}{}", ran.out, ran.err)
    };
    let deny = "- { action: deny, from: a, to: b }\n";
    let moved = file
        .replace(deny, "")
        .replace("policies:\n", &format!("policies:\n{deny}"));
    let shown = plan(&moved);
    assert!(
        shown.contains("moved from position 3 to 1  # policy 1"),
        "{shown}"
    );
    assert!(!shown.contains("elements"), "{shown}");
    assert_eq!(shown.matches("moved").count(), 1, "{shown}");
    let limited = file.replace(
        "a: { networks: [apps]",
        "a: { limits: { connections: 500 }, networks: [apps]",
    );
    let shown = plan(&limited);
    let line = "change limit connections of a  from the default to 500  # nodes.a.limits";
    assert!(shown.contains(line), "{shown}");
    assert!(!shown.contains("elements"), "{shown}");
    let address = file.replace(
        "a: { networks: [apps]",
        "a: { networks: { apps: { address: 10.9.0.77 } }",
    );
    let shown = plan(&address);
    assert_eq!(
        shown.matches("create address a 10.9.0.77/24").count(),
        1,
        "{shown}"
    );
    assert_eq!(
        shown.matches("create address a fe80:").count(),
        1,
        "{shown}"
    );
    h.up(&address).ok();
    h.run(&["status", "--exit-code"]).exits(0);
    h.up(&file).ok();
    let environment = file.replace(
        "a: { networks: [apps]",
        "a: { environment: { X: 1 }, networks: [apps]",
    );
    let shown = plan(&environment);
    assert!(
        shown.contains("restart program a") && shown.contains("nodes.a.environment"),
        "{shown}"
    );
    assert!(shown.contains("1 step to build p"), "{shown}");
    h.ok("down");
}

/// Nothing of the other nodes is read to add a node or to remove it: their lines on record may be
/// damaged.
fn a_node_is_added_without_reading_the_others() {
    let h = hallway().project("shop");
    let empty = Snapshot::take();
    h.up(SHOP).ok();
    let record = sh("ls /run/state/host/projects/shop/settled-*");
    let record = record.trim();
    let whole = std::fs::read_to_string(record).unwrap();
    let damaged = whole.replace("\"aliases\":", "\"aliases\" ");
    assert_eq!(damaged.len(), whole.len());
    assert_ne!(damaged, whole);
    std::fs::write(record, damaged).unwrap();
    h.run(&["node", "ls"]).exits(1);
    h.run(&[
        "node",
        "add",
        "c",
        "--network",
        "apps",
        "--publish",
        "8081:80",
    ])
    .ok();
    sh("ip -n c link show eth0");
    h.run(&["node", "rm", "c"]).ok();
    std::fs::write(record, whole).unwrap();
    h.ok("down");
    empty.unchanged();
}

hallway_testkit::tests![
    a_node_is_added_without_reading_the_others,
    a_plan_names_what_changes,
    a_removed_node_is_gone,
    again_is_nothing,
    from_anything_to_anything,
    connections_continue_when_a_change_does_not_affect_them,
    a_failing_step_undoes_the_run,
    a_program_that_fails_undoes_the_run,
    many_at_once,
];
