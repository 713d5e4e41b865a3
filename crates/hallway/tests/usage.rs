//! Interrupts, closed pipes, the environment, files that are too large, and ports that a user may not
//! use.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::Read as _;
use std::process::Command;
use std::time::{Duration, Instant};

use hallway_testkit::{Hallway, Snapshot, patience, processes, sh, skip, try_sh, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");

/// One that never becomes ready.
const SLOW: &str = "name: p
networks: { apps: { subnet: 10.9.0.0/24 } }
nodes:
  a: { networks: [apps] }
  b: { networks: [apps], command: \"sh -c 'echo began; sleep 1000'\", ready: 80/tcp }
";

/// Starts `up` of [`SLOW`], interrupts it while it waits, and returns how it ended.
fn interrupted(h: &Hallway, signal: &str) -> (Option<i32>, String) {
    std::fs::write("/run/slow.yaml", SLOW).unwrap();
    let mut child = h.start(&["up", "--replace", "/run/slow.yaml"]);
    wait_for("the program", || {
        h.run(&["-p", "p", "logs", "b"]).out.contains("began")
    });
    sh(&format!("kill -{signal} {}", child.id()));
    let code = child.wait().unwrap().code();
    let mut err = String::new();
    child.stderr.unwrap().read_to_string(&mut err).unwrap();
    std::fs::remove_file("/run/slow.yaml").ok();
    (code, err)
}

fn ctrl_c_undoes() {
    for h in [Hallway::host(PROGRAM), Hallway::sandbox(PROGRAM)] {
        let before = Snapshot::take();
        let (code, err) = interrupted(&h, "INT");
        assert_eq!(code, Some(130), "{err}");
        assert!(err.contains("interrupted"), "{err}");
        before.unchanged();
        assert_eq!(interrupted(&h, "TERM").0, Some(143));
        before.unchanged();
    }
}

/// One that waits for the lock is not killed either.
fn ctrl_c_while_waiting() {
    let h = Hallway::host(PROGRAM);
    h.up("name: p\nnodes: { a: {} }\n").ok();
    let mut other = Command::new("flock")
        .args(["--no-fork", "/run/state/host/lock", "sleep", "1000"])
        .spawn()
        .unwrap();
    wait_for("the other's turn", || {
        processes().iter().any(|p| p.starts_with("sleep 1000"))
    });
    let mut child = h.start(&["-p", "q", "node", "add", "b"]);
    let mut err = child.stderr.take().unwrap();
    err.read_exact(&mut [0; 20]).unwrap();
    sh(&format!("kill -INT {}", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    other.kill().unwrap();
    other.wait().unwrap();
    h.ok("-p p down");
}

/// A measurement works without preparation, for root and for others.
fn a_measurement() {
    let h = Hallway::sandbox(PROGRAM);
    let table = h.run(&["bench", "attach", "-n", "2"]).ok();
    assert!(table.starts_with("NODES"), "{table}");
}

/// An interrupted measurement leaves no sandbox.
fn ctrl_c_ends_a_measurement() {
    let h = Hallway::sandbox(PROGRAM);
    let before = Snapshot::take();
    let mut child = h.start(&["bench", "attach", "-n", "50"]);
    wait_for("its sandbox", || {
        processes().iter().any(|p| p.contains("__hold"))
    });
    sh(&format!("kill -INT {}", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    before.unchanged();
}

fn ctrl_c_goes_back_to_what_was_there() {
    let h = Hallway::host(PROGRAM);
    h.up("name: p\nnodes: { c: { command: sleep 1000 } }\n")
        .ok();
    std::fs::remove_file("/run/up.hallway.yaml").unwrap();
    let program = || h.run(&["inspect", "c"]).json()["program"]["pid"].clone();
    let state = "ip netns list; nft list ruleset | sed 's, # progname.*,,; /set counted/,/^\t}/d; /set ended/,/^\t}/d'";
    let before = (sh(state), program());
    assert_eq!(interrupted(&h, "INT").0, Some(130));
    let after = sh(state);
    // A node that is removed and added again is a new one, with a new process.
    assert_eq!(after.replace("(id: 1)", "(id: 0)"), before.0);
    assert!(program().is_number());
    h.ok("-p p down");
}

/// A closed pipe is not an error, and ends commands that would otherwise continue.
fn closed_pipes() {
    let h = Hallway::host(PROGRAM);
    h.up("name: p\nnodes: { a: { command: sh -c 'echo one; echo two; sleep 1000' } }\n")
        .ok();
    wait_for("its output", || h.ok("logs a").contains("two"));
    let lines = h.ok("logs --format json");
    let line: serde_json::Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!(line["line"], "two");
    assert_eq!(line["node"], "a");
    assert_eq!(line["schema_version"], 1);
    let mut child = h.start(&["logs", "-f"]);
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut [0]).unwrap();
    drop(pipe);
    wait_for("the end of logs -f", || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
    let removed = h.run(&["down", "-v"]).exits(0);
    removed.says("- remove namespace a");
}

/// Messages that cannot be written, because the disk with the log is full, stop nothing. Data that
/// cannot be written is an error.
fn output_on_a_full_disk() {
    let h = Hallway::host(PROGRAM);
    std::fs::write("/run/full.yaml", "name: p\nnetworks: { n: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [n], ports: [\"80:80\"] } }\n").unwrap();
    let run = |words: &str| format!("HALLWAY_STATE_DIR=/run/state {PROGRAM} --host {words}");
    sh(&run("up -v /run/full.yaml 2>/dev/full"));
    h.run(&["status", "--exit-code"]).exits(0);
    let said = sh(&format!("! {} 2>&1 >/dev/full", run("-p p export")));
    assert!(
        said.contains("cannot write to standard output: No space left"),
        "{said}"
    );
    sh(&run("-p p down -v 2>/dev/full"));
    assert_eq!(h.ok("ls"), "");
}

/// Each flag is also a variable. The command line has precedence, an empty variable is ignored.
fn variables() {
    let h = Hallway::host(PROGRAM);
    std::fs::write("/run/one.yaml", "name: one\nnodes: { a: {} }\n").unwrap();
    std::fs::write("/run/two.yaml", "name: two\nnodes: { a: {} }\n").unwrap();
    let run = |words: &[&str], variables: &[(&str, &str)]| {
        let ran = h.command(words).envs(variables.iter().copied()).output();
        let ran = ran.unwrap();
        let out = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap();
        (ran.status.code(), out)
    };
    let file = ("HALLWAY_FILE", "/run/one.yaml");
    assert!(run(&["validate"], &[file]).1.contains("project one"));
    assert!(
        run(&["validate", "/run/two.yaml"], &[file])
            .1
            .contains("project two")
    );
    assert!(
        run(&["validate", "-f", "/run/two.yaml"], &[file])
            .1
            .contains("project two")
    );
    assert_eq!(
        run(
            &["validate", "-f", "/run/two.yaml", "/run/one.yaml"],
            &[file]
        )
        .0,
        Some(2)
    );
    let detailed = ("HALLWAY_DETAILED_EXITCODE", "1");
    assert_eq!(run(&["plan"], &[file, detailed]).0, Some(2));
    assert_eq!(
        run(&["plan"], &[file, ("HALLWAY_DETAILED_EXITCODE", "0")]).0,
        Some(0)
    );
    let empty =
        ["PROJECT", "SANDBOX", "FORMAT", "WAIT_TIMEOUT", "VERBOSE"].map(|n| format!("HALLWAY_{n}"));
    let mut variables: Vec<_> = empty.iter().map(|n| (n.as_str(), "")).collect();
    variables.push(file);
    assert_eq!(run(&["up"], &variables).0, Some(0));
    assert!(run(&["up"], &[file, ("HALLWAY_QUIET", "1")]).1.is_empty());
    assert_eq!(run(&["down"], &[("HALLWAY_PROJECT", "one")]).0, Some(0));
}

/// A format that only other commands have is ignored; a wrong value is that of the variable, which was set.
fn values_of_variables() {
    let h = Hallway::host(PROGRAM);
    std::fs::write("/run/one.yaml", "name: one\nnodes: { a: {} }\n").unwrap();
    let run = |verb: &str, (name, value): (&str, &str)| {
        let mut command = h.command(&[verb]);
        let command = command.env("HALLWAY_FILE", "/run/one.yaml");
        let ran = command.env(name, value).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    h.ok("up /run/one.yaml");
    for (verb, value) in [("graph", "json"), ("graph", "junit"), ("plan", "svg")] {
        let (code, said) = run(verb, ("HALLWAY_FORMAT", value));
        assert_eq!(code, Some(0), "{verb} {value}: {said}");
    }
    for (verb, name, flag, value) in [
        ("graph", "HALLWAY_FORMAT", "--format", "nonsense"),
        ("plan", "HALLWAY_FORMAT", "--format", "nonsense"),
        ("up", "HALLWAY_WAIT_TIMEOUT", "--wait-timeout", "x"),
        ("up", "HALLWAY_PROJECT", "--project", "A B"),
    ] {
        let (code, said) = run(verb, (name, value));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(name) && !said.contains(flag), "{said}");
    }
    h.ok("down -p one");
}

/// `down` does not choose one of several projects.
fn which_project() {
    let h = Hallway::host(PROGRAM);
    h.project("one").ok("node add a");
    h.project("two").ok("node add b");
    h.run(&["down"]).exits(2).says("one, two");
    h.project("one").ok("down");
    // In a directory with several files it is that of the running project.
    std::fs::create_dir("/run/desk").unwrap();
    for name in ["x", "y"] {
        std::fs::write(format!("/run/desk/{name}.hallway.yaml"), "nodes: {}\n").unwrap();
    }
    let desk = h.within("/run/desk");
    desk.ok("exec b -- true");
    desk.run(&["up"])
        .exits(2)
        .says("x.hallway.yaml, y.hallway.yaml");
    h.ok("down");
    assert!(
        h.run(&["ls", "--format", "json"])
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );
}

/// A file with very many errors or very long lines gives a short answer in a short time.
fn too_much() {
    let h = Hallway::host(PROGRAM);
    let twice = format!("nodes:\n{}", "  a: {}\n".repeat(50_000));
    let long = format!(
        "x-a: {}\nnodes: {{ x: {{ nope: 1 }} }}\n",
        "a ".repeat(1_000_000)
    );
    let policies = (0..60_000).map(|i| format!("  - {{ from: n{}, to: m{} }}\n", i % 245, i / 245));
    let policies: String = policies.collect();
    let nodes: String = (0..245)
        .map(|i| format!("  n{i}: {{}}\n  m{i}: {{}}\n"))
        .collect();
    let links =
        (0..30_000).map(|i| format!("  - endpoints: {{ a{i}: 10.1.0.1/30, b{i}: 10.1.0.2/30 }}\n"));
    for (text, says) in [
        (twice, "49999 problems"),
        (long, "unknown key `nope`"),
        (
            format!("nodes:\n{nodes}policies:\n{policies}"),
            "60000 policies",
        ),
        (
            format!("links:\n{}", links.collect::<String>()),
            "30000 links",
        ),
    ] {
        std::fs::write("/run/much.yaml", text).unwrap();
        let started = Instant::now();
        let ran = h.run(&["validate", "/run/much.yaml"]).exits(2).says(says);
        assert!(ran.err.len() < 100_000, "{says}: {} bytes", ran.err.len());
        // Seconds instead of minutes; not a measurement.
        let limit = Duration::from_secs(60) * patience();
        assert!(started.elapsed() < limit, "{says}");
    }
    h.run(&["validate", "/dev/zero"]).exits(2).says("more than");
}

/// A port below 1024 that the user may not listen on is reported.
fn low_ports() {
    let h = Hallway::sandbox(PROGRAM);
    std::fs::write(
        "/run/low.yaml",
        "networks: { n: { subnet: 10.9.0.0/24 } }
nodes: { a: { networks: [n], ports: [\"80:80\", \"8080:80\"], command: hallway serve 80, ready: 80/tcp } }\n",
    )
    .unwrap();
    let up = h.command(&["up", "/run/low.yaml"]);
    let mut unprivileged = Command::new("setpriv");
    unprivileged
        .args([
            "--bounding-set=-net_bind_service",
            "--inh-caps=-net_bind_service",
            PROGRAM,
        ])
        .args(up.get_args())
        .envs(up.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let ran = unprivileged.output().unwrap();
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{err}");
    assert!(
        err.contains("80/tcp: not on this machine's localhost"),
        "{err}"
    );
    assert!(!err.contains("8080/tcp"), "{err}");
    let again = unprivileged.output().unwrap();
    let err = String::from_utf8_lossy(&again.stderr);
    assert!(err.contains("nothing to change"), "{err}");
    assert!(!err.contains("localhost"), "said once: {err}");
    h.ok("node add b --network n");
    let steps = h.run(&["up", "-v", "/run/low.yaml"]).exits(0);
    steps.says("- remove namespace b  # ");
    sh("curl -s -m 30 http://127.0.0.1:8080/");
    h.ok("sandbox shell -- curl -s -m 30 http://127.0.0.1:80/");
    h.ok("down");
}

/// What prevents hallway from working on this machine is reported, with what to do; what cannot be read
/// is not reported as absent.
fn doctor_names_obstacles() {
    let h = Hallway::host(PROGRAM);
    let check = |name: &str| {
        let all = h.run(&["doctor", "--format", "json"]).json();
        let all = all.as_array().unwrap();
        let found = all.iter().find(|c| c["name"] == name).unwrap();
        assert_eq!(found["schema_version"], 1);
        found.clone()
    };
    assert_eq!(check("other firewalls")["outcome"], "ok");
    assert_eq!(check("IPv6")["outcome"], "ok");
    sh("iptables -N DOCKER-USER; iptables -P FORWARD DROP; nft add table inet firewalld");
    sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1");
    let firewalls = check("other firewalls");
    for word in ["Docker", "firewalld", "FORWARD"] {
        assert!(
            firewalls["found"].as_str().unwrap().contains(word),
            "{firewalls}"
        );
    }
    for word in ["iptables -I DOCKER-USER", "firewall-cmd"] {
        assert!(
            firewalls["advice"].as_str().unwrap().contains(word),
            "{firewalls}"
        );
    }
    assert_eq!(check("IPv6")["outcome"], "warning");
    for name in ["conntrack", "IPv4 forwarding", "network namespaces"] {
        assert!(check(name)["found"].is_string());
    }
    // Without the device that pasta opens, it is of no use.
    sh("[ ! -d /dev/net ] || mount -t tmpfs none /dev/net");
    let pasta = check("pasta");
    assert_eq!(pasta["outcome"], "warning");
    let found = pasta["found"].as_str().unwrap();
    assert!(found.contains("/dev/net/tun cannot be opened"), "{pasta}");
    let blind = Command::new("setpriv")
        .args(["--bounding-set=-all", "--inh-caps=-all", PROGRAM, "doctor"])
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&blind.stdout);
    assert!(
        out.contains("other firewalls: only root can read it"),
        "{out}"
    );
}

/// A conflicting edit shows the conflict, without lines of a text that is in no file.
fn conflicts_of_edits() {
    let (one, two) = (
        Hallway::host(PROGRAM).project("one"),
        Hallway::host(PROGRAM).project("two"),
    );
    one.ok("network add n --subnet 10.5.0.0/24");
    one.ok("node add a --network n --publish 8070:80");
    two.run(&["network", "add", "m", "--subnet", "10.5.0.0/16"])
        .exits(2)
        .says("network m has subnet 10.5.0.0/16, but br-n (project one) already uses 10.5.0.0/24 here");
    two.ok("network add m --subnet 10.6.0.0/24");
    two.run(&["node", "add", "b", "--network", "m", "--publish", "8070:80"])
        .exits(2)
        .says("published by project one already");
    two.ok("node add b --network m");
    for _ in 0..3 {
        two.ok("allow b m --port 80");
        two.ok("deny b m");
    }
    let said = two
        .run(&["allow", "b", "m", "--port", "80/tcp"])
        .exits(0)
        .err;
    assert!(!said.contains("policy-no-effect"), "{said}");
    let lines = two.run(&["status", "--format", "json"]).json()["policies"].clone();
    assert_eq!(
        lines.as_array().unwrap().len(),
        2,
        "only the latest policy: {lines}"
    );
    one.ok("down");
    two.ok("down");
}

/// A port on an address that the host does not have is not an error, but it is not reachable.
fn addresses_that_the_host_does_not_have() {
    let h = Hallway::host(PROGRAM);
    sh("ip link add wan type bridge && ip addr add 192.0.2.1/24 dev wan && ip link set wan up");
    let file = |address: &str| {
        format!(
            "name: p\nnetworks: {{ n: {{ subnet: 10.9.0.0/24 }} }}\nnodes: {{ a: {{ networks: [n], ports: [\"{address}:8080:80\"] }} }}\n"
        )
    };
    h.up(&file("192.0.2.77"))
        .exits(0)
        .says("the host does not have the address 192.0.2.77");
    for here in ["192.0.2.1", "127.0.0.1", "10.9.0.1", "0.0.0.0"] {
        let err = h.up(&file(here)).exits(0).err;
        assert!(!err.contains("does not have the address"), "{here}: {err}");
    }
    h.ok("-p p down");
}

fn help_and_pictures() {
    let h = Hallway::host(PROGRAM);
    for words in [&["--help"][..], &["-h"], &["help"], &["-hq"]] {
        let help = h.run(words).exits(0).out;
        assert!(help.contains("Explain and test:"), "{words:?}: {help}");
    }
    let bare = Command::new(PROGRAM).output().unwrap();
    assert!(String::from_utf8_lossy(&bare.stderr).contains("Explain and test:"));
    let help = h.run(&["node", "add", "--help"]).exits(0).out;
    assert!(help.contains("Examples:"), "{help}");
    std::fs::write("/run/slow.yaml", SLOW).unwrap();
    let drawn = h.run(&["graph", "/run/slow.yaml", "-o", "/run/slow.png"]);
    drawn.exits(2).says("a file that ends with .svg");
    assert!(!std::path::Path::new("/run/slow.png").exists());
}

/// A low limit on the stack is not an obstacle where it may be raised; elsewhere one is told what to do.
/// Programs get the limit as it was.
fn a_small_stack() {
    std::fs::write("/run/small.yaml", SLOW.replace(", ready: 80/tcp", "")).unwrap();
    let small = |words: &str| {
        sh(&format!(
            "ulimit -S -s 64; {PROGRAM} --host --state-dir /run/state {words} 2>&1"
        ))
    };
    let up = small("up /run/small.yaml");
    assert!(up.contains("p is up"), "{up}");
    assert!(small("status").contains("p is up"));
    assert!(small("--help").contains("Explain and test:"));
    assert_eq!(small("exec a -- sh -c 'ulimit -s'").trim(), "64");
    assert!(small("down").contains("p is down"));
}

/// Where the limit cannot be raised.
fn a_small_stack_for_good() {
    if try_sh("setpriv --reuid 1000 true").is_err() {
        skip("needs root, to act as two users");
    }
    let other = sh(&format!(
        "ulimit -s 64; setpriv --reuid 1000 --clear-groups --bounding-set=-all {PROGRAM} ls 2>&1 || echo failed"
    ));
    assert!(
        other.contains("is limited to 64 KiB here, and hallway needs 1024 KiB"),
        "{other}"
    );
    assert!(
        other.contains("ulimit -s 1024") && other.contains("failed"),
        "{other}"
    );
}

hallway_testkit::tests![
    a_small_stack,
    a_small_stack_for_good,
    help_and_pictures,
    addresses_that_the_host_does_not_have,
    conflicts_of_edits,
    doctor_names_obstacles,
    ctrl_c_undoes,
    ctrl_c_while_waiting,
    a_measurement,
    ctrl_c_ends_a_measurement,
    ctrl_c_goes_back_to_what_was_there,
    closed_pipes,
    output_on_a_full_disk,
    variables,
    values_of_variables,
    which_project,
    too_much,
    low_ports,
];
