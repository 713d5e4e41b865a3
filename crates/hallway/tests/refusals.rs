//! What cannot be built is refused with exit code 2, a place and a help, before anything is changed.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Ran, Snapshot, sh};

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

/// `up` of a file of that name with these bytes; it must be refused with nothing changed.
#[track_caller]
fn refused(bytes: &[u8]) -> Ran {
    let path = "/run/up.hallway.yaml";
    std::fs::write(path, bytes).unwrap();
    let before = Snapshot::take();
    let ran = hallway().run(&["up", path]).exits(2);
    before.unchanged();
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

fn all_errors_of_a_file_at_once() {
    let text = "networks:
  apps: { subnet: 172.20.0.0/24 }
  more: { subnet: 172.20.0.128/25 }
nodes:
  a: { networks: { apps: { address: 172.20.0.10 } }, ports: [\"80:80\"] }
  b: { networks: { apps: { address: 172.20.0.10 } }, ports: [\"80:81\"] }
  c: { networks: { apps: { address: 172.20.0.1 } } }
  d: { networks: { app: {} }, portz: [] }
";
    refused(text.as_bytes())
        .says("--> /run/up.hallway.yaml:3:3\n")
        .says("subnet-overlap")
        .says("--> /run/up.hallway.yaml:6:37\n")
        .says("node a has it")
        .says("port-published-twice")
        .says("172.20.0.1 is the host's (the gateway)")
        .says("did you mean apps?")
        .says("did you mean ports?")
        .says("6 problems in /run/up.hallway.yaml; nothing was changed");
}

fn files_that_are_not_a_topology() {
    refused(b"").says("the file is empty");
    refused(b"nodes:\n  a: \xff\xfe\n").says("line 2 is not UTF-8");
    refused(b"nodes: [").says("up.hallway.yaml:1:");
    refused(b"- a\n- b\n").says("up.hallway.yaml:1:1");
    refused(&vec![b'['; 100_000]).says("up.hallway.yaml:");
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    refused(bomb.as_bytes()).says("up.hallway.yaml:");
    let mut many = String::from("nodes:\n");
    for node in 0..100_000 {
        many.push_str(&format!("  n{node}: {{}}\n"));
    }
    refused(many.as_bytes()).says("100000 nodes");
    hallway()
        .run(&["up", "/nowhere/at-all.yaml"])
        .exits(2)
        .says("/nowhere/at-all.yaml");
}

fn names_that_the_kernel_does_not_allow() {
    let text = "networks: { n: { subnet: 10.9.0.0/24 } }
nodes:
  a: { networks: { n: { interface: far-too-long-a-name } } }
";
    refused(text.as_bytes())
        .says(":3:")
        .says("far-too-long-a-name")
        .says("15");
    refused(b"nodes: { ../x: {} }\n")
        .says(":1:10")
        .says("bad-name");
    refused(format!("nodes: {{ {}: {{}} }}\n", "a".repeat(300)).as_bytes()).says("bad-name");
}

fn a_subnet_that_a_link_of_the_host_has() {
    sh("ip link add wan type bridge && ip addr add 10.50.0.1/16 dev wan && ip link set wan up");
    for subnet in ["10.50.0.0/16", "10.48.0.0/14"] {
        let text = format!(
            "networks:\n  inner: {{ subnet: {subnet} }}\nnodes: {{ a: {{ networks: [inner] }} }}\n"
        );
        refused(text.as_bytes())
            .says("up.hallway.yaml:2:")
            .says("10.50.0.0/16")
            .says("wan");
    }
}

fn a_port_that_is_in_use() {
    let _taken = std::net::TcpListener::bind("0.0.0.0:8088").unwrap();
    let _udp = std::net::UdpSocket::bind("0.0.0.0:5399").unwrap();
    let file = "networks: { n: { subnet: 10.9.0.0/24 } }
nodes:
  a:
    networks: [n]
    ports: [\"8088:80\", \"5399:53/udp\", \"8089:80\"]
";
    let ran = refused(file.as_bytes())
        .says("up.hallway.yaml:5:13")
        .says("8088/tcp")
        .says("5399/udp");
    assert!(
        !ran.err.contains(":5:40\n"),
        "the third port is free: {}",
        ran.err
    );
    assert!(
        ran.err.find("8088/tcp") < ran.err.find("5399/udp"),
        "in the file's order: {}",
        ran.err
    );
}

fn a_name_that_is_in_use() {
    sh("ip link add br-apps type bridge; mkdir -p /run/netns; touch /run/netns/app1");
    let file = b"networks: { apps: { subnet: 10.9.0.0/24, bridge: br-apps } }\nnodes: { app2: { networks: [apps] } }\n";
    refused(file).says("br-apps");
    refused(b"nodes: { app1: {} }\n").says("app1");
    sh("rm /run/netns/app1; ip link del br-apps");
    let one = hallway().project("one");
    one.ok("node add web");
    let two = hallway().project("two");
    two.ok("node add web");
    assert!(
        sh("ip netns list").contains("two-web"),
        "the first keeps the plain name"
    );
    two.ok("down");
    assert!(sh("ip netns list").contains("web"));
    one.ok("down");
}

fn edits_that_do_not_fit() {
    let h = hallway().project("p");
    h.ok("network add apps --subnet 10.9.0.0/24");
    h.ok("node add a --network apps=10.9.0.5");
    let before = Snapshot::take();
    h.run(&["node", "add", "b", "--network", "apps=10.9.0.5"])
        .exits(2)
        .says("10.9.0.5");
    h.run(&["node", "add", "a"]).exits(2).says("a");
    h.run(&["connect", "a", "nowhere"]).exits(2).says("nowhere");
    h.run(&["publish", "zz", "80:80"]).exits(2).says("zz");
    h.run(&["publish", "a", "80:80/gre"]).exits(2);
    h.run(&["unpublish", "a", "80:80"]).exits(2);
    h.run(&["network", "rm", "apps"]).exits(2).says("a");
    h.run(&["node", "rm", "zz"]).exits(2).says("zz");
    h.run(&["frobnicate"]).exits(2);
    h.run(&["exec", "zz", "true"]).exits(125).says("zz");
    before.unchanged();
    h.ok("down");
}

fn without_privilege() {
    let h = hallway();
    std::fs::write("/run/up.hallway.yaml", "nodes: { a: {} }\n").unwrap();
    let program = env!("CARGO_BIN_EXE_hallway");
    let before = Snapshot::take();
    let out = std::process::Command::new("setpriv")
        .args([
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--no-new-privs",
            program,
            "--host",
            "up",
            "/run/up.hallway.yaml",
        ])
        .env("HALLWAY_STATE_DIR", "/run/state")
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{err}");
    assert!(err.contains("without --host"), "{err}");
    std::fs::remove_dir_all("/run/state").ok();
    before.unchanged();
    h.up("nodes: { a: {} }\n").ok();
}

/// A FIFO without a program that writes to it is refused; a pipe of the shell is read.
fn a_fifo_that_a_file_names() {
    sh("mkdir -p /run/c; mkfifo /run/c/fifo");
    let compose = |keys: &str| {
        let text = format!("services:\n  a: {{ image: x, command: sleep 1, {keys} }}\n");
        std::fs::write("/run/c/compose.yaml", text).unwrap();
        hallway().run(&["validate", "/run/c/compose.yaml"])
    };
    compose("env_file: ./fifo").exits(2).says("it is a FIFO");
    compose("extends: { file: ./fifo, service: b }")
        .exits(2)
        .says("it is a FIFO");
    compose("env_file: /dev/null").exits(0);
    sh("mkfifo /run/c/.env");
    compose("environment: { A: \"${X}\" }")
        .exits(2)
        .says("it is a FIFO");
    // Compose leaves out a directory of that name.
    sh("rm /run/c/.env; mkdir /run/c/.env");
    compose("environment: { A: \"${X}\" }").exits(0);
}

hallway_testkit::tests![
    a_fifo_that_a_file_names,
    all_errors_of_a_file_at_once,
    files_that_are_not_a_topology,
    names_that_the_kernel_does_not_allow,
    a_subnet_that_a_link_of_the_host_has,
    a_port_that_is_in_use,
    a_name_that_is_in_use,
    edits_that_do_not_fit,
    without_privilege,
];
