//! Sandboxes: several commands and projects share one, and none changes the machine.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, processes, sh, try_sh, wait_for};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
/// The state of the machine that a running sandbox could change.
const OUTSIDE: &str = "ip -o link; ip -o addr | sed 's/valid_lft.*//'; ip route show table all; ip -6 route show table all; nft list ruleset | sed 's, # progname.*,,'; ls /run/netns 2>&1; sysctl -a 2>/dev/null | grep -E 'forward|route_localnet|bridge-nf'; true";

fn hallway() -> Hallway {
    Hallway::sandbox(env!("CARGO_BIN_EXE_hallway"))
}

fn every_example_without_touching_the_machine() {
    let h = hallway();
    let before = Snapshot::take();
    let outside = sh(OUTSIDE);
    for example in std::fs::read_dir(EXAMPLES).unwrap() {
        let path = example.unwrap().path();
        let path = path.to_str().unwrap();
        h.run(&["up", path]).ok();
        assert_eq!(sh(OUTSIDE), outside, "{path}");
        h.run(&["up", path]).exits(0).says("nothing to change");
        h.run(&["down", path]).ok();
        before.unchanged();
    }
}

fn published_on_the_real_localhost() {
    let h = hallway();
    let before = Snapshot::take();
    h.run(&["up", &format!("{EXAMPLES}/part5-ports.yaml")]).ok();
    for url in [
        "http://127.0.0.1:8081/",
        "http://[::1]:8082/",
        "http://localhost:3000/",
        "http://localhost:9001/",
    ] {
        assert!(
            sh(&format!("curl -s -g -m 30 {url}")).contains("answers"),
            "{url}"
        );
    }
    let ask = "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(30); s.sendto(b'x',('127.0.0.1',5353)); print(s.recv(99).decode())";
    assert!(sh(&format!("python3 -c \"{ask}\"")).contains("app3 answers"));
    // And on the sandbox's own localhost.
    let inner = h.run(&[
        "sandbox",
        "shell",
        "--",
        "curl",
        "-s",
        "-m",
        "30",
        "http://127.0.0.1:8081/",
    ]);
    assert!(inner.ok().contains("app1 answers"));
    h.ok("down");
    assert!(try_sh("curl -s -m 1 http://127.0.0.1:8081/").is_err());
    before.unchanged();

    let _taken = std::net::TcpListener::bind("127.0.0.1:8082").unwrap();
    h.run(&["up", &format!("{EXAMPLES}/part5-ports.yaml")])
        .exits(2)
        .says("8082/tcp")
        .says(&format!("(process {})", std::process::id()));
    before.unchanged();
}

/// A port of the machine that a project of another sandbox has: both are named.
fn published_by_another_sandbox() {
    let h = hallway();
    let file = "/run/p.yaml";
    std::fs::write(
        file,
        "name: p\nnetworks: { n: {} }\nnodes: { a: { networks: [n], ports: ['8082:80', '8083:81'] } }\n",
    )
    .unwrap();
    h.run(&["up", file, "--sandbox", "one"]).ok();
    let refused = h.run(&["up", file, "--sandbox", "two"]).exits(2);
    let refused = refused.says("is in use by project p in sandbox one (process ");
    // Each port once, although it is bound on several addresses.
    assert_eq!(
        refused.err.matches("port-in-use").count(),
        2,
        "{}",
        refused.err
    );
    h.run(&["down", file, "--sandbox", "one"]).ok();
}

/// Several projects and commands share a sandbox; it ends with the last project.
fn shared_and_ended() {
    let h = hallway();
    let before = Snapshot::take();
    let (one, two) = (h.project("one"), h.project("two"));
    one.ok("network add alpha --subnet 10.1.0.0/24");
    one.ok("node add first --network alpha --ready 80/tcp -- hallway serve 80");
    two.run(&["network", "add", "beta", "--subnet", "10.1.0.0/16"])
        .exits(2)
        .says("10.1.0.0");
    two.ok("network add beta --subnet 10.2.0.0/24");
    two.ok("node add second --network beta");
    assert!(two.cannot_ping("second", "10.1.0.2"));
    let listed = h.run(&["sandbox", "ls", "--format", "json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    one.ok("down");
    assert!(two.pings("second", "10.2.0.1"), "the other one continues");
    two.ok("down");
    before.unchanged();
}

/// A separate sandbox is like another machine: the same names, subnets and ports inside.
fn several_sandboxes() {
    let h = hallway();
    let before = Snapshot::take();
    let file = "networks: { n: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [n], command: hallway serve 80, ready: 80/tcp } }\n";
    std::fs::write("/run/up.hallway.yaml", file).unwrap();
    for sandbox in ["red", "blue"] {
        h.run(&[
            "--sandbox",
            sandbox,
            "-p",
            "x",
            "up",
            "/run/up.hallway.yaml",
        ])
        .ok();
    }
    h.run(&[
        "--sandbox",
        "red",
        "-p",
        "x",
        "exec",
        "a",
        "--",
        "ping",
        "-c1",
        "10.9.0.1",
    ])
    .ok();
    // A node that is unknown here is named with its sandbox and its project.
    let other = "name: y\nnodes: { b: {} }\n";
    std::fs::write("/run/other.hallway.yaml", other).unwrap();
    h.ok("--sandbox red up /run/other.hallway.yaml");
    h.run(&["--sandbox", "blue", "exec", "b", "--", "true"])
        .exits(125)
        .says("--sandbox red -p y");
    h.run(&["--sandbox", "red", "exec", "b", "--", "true"])
        .exits(125)
        .says("with -p y");
    std::fs::remove_file("/run/other.hallway.yaml").unwrap();
    let names = h.ok("sandbox ls");
    assert!(names.contains("red") && names.contains("blue"), "{names}");
    h.ok("sandbox rm red");
    assert!(!h.ok("sandbox ls").contains("red"));
    h.run(&["--sandbox", "blue", "-p", "x", "exec", "a", "--", "true"])
        .ok();
    h.ok("sandbox rm blue");
    before.unchanged();
    h.run(&["sandbox", "rm", "green"]).exits(0).says("green");
    before.unchanged();
}

/// Commands start and end the same sandbox at the same time.
fn many_at_once() {
    let h = hallway();
    let before = Snapshot::take();
    for round in 0..6 {
        let children: Vec<_> = (0..5)
            .map(|n| {
                let (project, subnet) = (format!("p{n}"), format!("10.{n}.{round}.0/24"));
                h.project(&project)
                    .start(&["network", "add", "n", "--subnet", &subnet])
            })
            .collect();
        for child in children {
            let out = child.wait_with_output().unwrap();
            assert!(
                out.status.success(),
                "{}",
                String::from_utf8_lossy(&out.stderr)
            );
        }
        // The last project ends the sandbox while another starts.
        let mut all: Vec<_> = (0..5)
            .map(|n| h.project(&format!("p{n}")).start(&["down"]))
            .collect();
        all.push(
            h.project("late")
                .start(&["network", "add", "n", "--subnet", "10.77.0.0/24"]),
        );
        for child in all {
            let out = child.wait_with_output().unwrap();
            assert!(
                out.status.success(),
                "{}",
                String::from_utf8_lossy(&out.stderr)
            );
        }
        assert!(h.project("late").ok("network ls").contains("10.77.0.0/24"));
        h.project("late").ok("down");
    }
    before.unchanged();
}

/// If users may not make namespaces, the error has the cause and what to do.
fn forbidden_by_the_machine() {
    let h = hallway();
    // The limit of a separate user namespace, by a user who is not root in it.
    let script = format!(
        "HALLWAY_STATE_DIR=/run/state unshare -U --keep-caps sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps -all --inh-caps -all {} up {EXAMPLES}/part1-namespace.yaml' 2>&1; echo code $?",
        env!("CARGO_BIN_EXE_hallway")
    );
    let said = sh(&script);
    assert!(said.contains("code 1"), "{said}");
    for word in ["user namespaces", "sysctl -w", "as root"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(
        processes().iter().all(|p| !p.contains("__hold")),
        "nothing left"
    );
    sh("rm -rf /run/state");
    h.run(&["up", &format!("{EXAMPLES}/part1-namespace.yaml")])
        .ok();
    h.ok("down");
}

/// Two mount namespaces may have different directories at one path, as containers do.
fn of_another_mount_namespace() {
    let h = hallway();
    let program = env!("CARGO_BIN_EXE_hallway");
    let up = format!("{program} up -q {EXAMPLES}/part1-namespace.yaml");
    let inner = format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; {program} down -p other >/dev/null 2>&1; {program} gc >/dev/null 2>&1; {up} && {program} down"
    );
    let outer = format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; {up} && unshare -m --propagation private sh -c '{inner}'; {program} ls && {program} down"
    );
    let said = sh(&format!(
        "HALLWAY_STATE_DIR=/run/state unshare -m --propagation private sh -c \"{outer}\" 2>&1"
    ));
    assert!(
        said.contains("part1"),
        "the first is up after the second: {said}"
    );
    assert!(!said.contains("error"), "{said}");
    drop(h);
}

/// When the holder is killed, everything in the sandbox ends, and the next `up` starts again.
fn the_holder_killed() {
    let h = hallway();
    let before = Snapshot::take();
    let file = format!("{EXAMPLES}/three-tier.yaml");
    h.run(&["up", &file]).ok();
    sh("kill -9 $(pgrep -f '__hol[d]')");
    wait_for("its end", || {
        try_sh("curl -s -m 1 http://127.0.0.1:8080/").is_err()
    });
    h.run(&["up", &file]).ok();
    assert!(sh("curl -s -m 30 http://127.0.0.1:8080/").contains("answers"));
    h.run(&["down", &file]).ok();
    before.unchanged();
}

/// With pasta, nodes reach networks outside the machine; nothing from there reaches them.
fn internet_by_pasta() {
    sh("command -v pasta || { echo 'pasta is missing: apt-get install passt'; exit 1; }");
    sh("ip netns add internet
        ip link add up0 type veth peer name in0 netns internet
        ip addr add 192.0.2.2/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.1
        ip -n internet link set lo up; ip -n internet addr add 203.0.113.9/32 dev lo
        ip -n internet addr add 192.0.2.1/24 dev in0; ip -n internet link set in0 up");
    let mut server = std::process::Command::new("ip")
        .args([
            "netns",
            "exec",
            "internet",
            env!("CARGO_BIN_EXE_hallway"),
            "serve",
            "80",
        ])
        .spawn()
        .unwrap();
    let h = hallway();
    std::fs::write(
        "/run/up.hallway.yaml",
        "networks: { n: { subnet: 10.9.0.0/24 }, i: { subnet: 10.8.0.0/24, internal: true } }
nodes: { a: { networks: [n] }, b: { networks: [i] } }\n",
    )
    .unwrap();
    // As a user without privilege: as root, pasta changes to the user nobody, which does not exist everywhere.
    sh(&format!(
        "HALLWAY_STATE_DIR=/run/state unshare -U --map-user=1000 --map-group=1000 {} up /run/up.hallway.yaml",
        env!("CARGO_BIN_EXE_hallway")
    ));
    // Some machines allow only root to open it (others all users); then hallway reports it.
    let tun = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun");
    if tun.is_err() {
        assert!(
            h.ok("sandbox ls")
                .contains("none: /dev/net/tun cannot be opened")
        );
        h.ok("down");
        server.kill().unwrap();
        server.wait().unwrap();
        return;
    }
    wait_for("access to the outside", || {
        h.reads("a", "http://203.0.113.9/")
    });
    assert!(h.cannot_read("b", "http://203.0.113.9/"), "internal");
    h.ok("down");
    assert!(processes().iter().all(|p| !p.contains("pasta")));
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Other machines reach a port published on an address, and nothing else.
fn published_on_an_address_of_the_real_host() {
    let h = hallway();
    sh("ip addr add 192.0.2.2/32 dev lo; ip addr add 192.0.2.3/32 dev lo");
    let before = Snapshot::take();
    h.up("
networks: { n: { subnet: [10.9.0.0/24, \"fd09::/64\"] } }
nodes:
  all: { networks: [n], ports: [\"0.0.0.0:8081:80\", \"[::]:8081:80\"], command: hallway serve 80, ready: 80/tcp }
  one: { networks: [n], ports: [\"192.0.2.2:8082:80\"], command: hallway serve 80, ready: 80/tcp }
  local: { networks: [n], ports: [\"8083:80\"], command: hallway serve 80, ready: 80/tcp }
  none: { networks: [n], ports: [\"192.0.2.9:8084:80\"] }
")
        .says("the host does not have the address 192.0.2.9")
        .ok();
    let answers = |url: &str| sh(&format!("curl -s -m 30 http://{url}/")).contains("answers");
    let refuses = |url: &str| try_sh(&format!("curl -s -m 1 http://{url}/")).is_err();
    assert!(answers("127.0.0.1:8081") && answers("192.0.2.2:8081") && answers("192.0.2.3:8081"));
    assert!(answers("[::1]:8081"));
    assert!(answers("192.0.2.2:8082"));
    assert!(refuses("192.0.2.3:8082") && refuses("127.0.0.1:8082"));
    assert!(answers("127.0.0.1:8083"));
    assert!(refuses("192.0.2.2:8083"));
    h.ok("down");
    assert!(refuses("192.0.2.2:8081"));
    before.unchanged();
}

/// From another user namespace its processes cannot be found: it is not said to have ended.
fn not_ended_from_another_user_namespace() {
    let h = hallway();
    h.up("nodes: { a: {} }\n").ok();
    let program = env!("CARGO_BIN_EXE_hallway");
    let said = sh(&format!(
        "export HALLWAY_STATE_DIR=/run/state; ! unshare -Ur {program} sandbox rm 2>&1"
    ));
    assert!(said.contains("cannot be ended from here"), "{said}");
    assert!(
        said.contains("the user namespace in which it was made"),
        "{said}"
    );
    assert!(h.ok("sandbox ls").contains("default"));
    h.ok("sandbox rm");
}

hallway_testkit::tests![
    not_ended_from_another_user_namespace,
    every_example_without_touching_the_machine,
    published_on_the_real_localhost,
    published_by_another_sandbox,
    published_on_an_address_of_the_real_host,
    shared_and_ended,
    several_sandboxes,
    many_at_once,
    forbidden_by_the_machine,
    the_holder_killed,
    of_another_mount_namespace,
    internet_by_pasta,
];
