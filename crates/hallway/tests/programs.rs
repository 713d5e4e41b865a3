//! Programs in nodes: started in order, awaited, restarted, logged, ended with all their processes.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, patience, processes, sh, wait_for};

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

/// `up` returns when the `ready` ports listen, not before, and in the order of `depends_on`.
fn ready_and_in_order() {
    let h = hallway();
    let slow = |port: u16, log: &str| {
        format!(
            "sh -c 'echo {log} began >> /run/keep; sleep 0.3; echo {log} serves >> /run/keep; exec hallway serve {port}'"
        )
    };
    h.up(&format!(
        "networks: {{ apps: {{ subnet: 10.9.0.0/24 }} }}
nodes:
  web: {{ networks: [apps], depends_on: [api], command: \"{}\", ready: 80/tcp }}
  api: {{ networks: [apps], depends_on: [db, dns], command: \"{}\", ready: 81/tcp }}
  db: {{ networks: [apps], command: \"{}\", ready: 82/tcp }}
  dns: {{ networks: [apps], command: \"hallway serve 53/udp\", ready: 53/udp }}
",
        slow(80, "web"),
        slow(81, "api"),
        slow(82, "db")
    ))
    .ok();
    let order = std::fs::read_to_string("/run/keep").unwrap();
    assert_eq!(
        order,
        "db began\ndb serves\napi began\napi serves\nweb began\nweb serves\n"
    );
    for (node, port) in [("web", 80), ("api", 81), ("db", 82)] {
        assert!(h.reads("web", &format!("http://{node}:{port}/")), "{node}");
    }
}

fn not_ready_in_time() {
    let h = hallway();
    let before = Snapshot::take();
    std::fs::write(
        "/run/up.hallway.yaml",
        "nodes: { a: { command: \"sh -c 'echo I sleep; sleep 1000'\", ready: 80/tcp } }\n",
    )
    .unwrap();
    let seconds = 5 * patience();
    let limit = seconds.to_string();
    h.run(&["up", "--wait-timeout", &limit, "/run/up.hallway.yaml"])
        .exits(1)
        .says(&format!("node a: not ready after {seconds} s"))
        .says("I sleep");
    before.unchanged();
}

/// A stricter policy is undone together with the rest, and the message says so.
fn policies_that_are_not_in_force() {
    let h = hallway();
    let file = |program: &str, policies: &str| {
        format!(
            "networks: {{ lan: {{}}, back: {{}} }}
nodes:
  a: {{ networks: [lan], command: {program} }}
  b: {{ networks: [lan] }}
policies:
{policies}"
        )
    };
    let allow = "- { from: lan, to: back }\n";
    h.up(&file("sleep 1000", allow)).ok();
    let deny = "- { action: deny, from: a, to: b }\n";
    h.up(&file("sh -c 'exit 3'", deny))
        .exits(1)
        .says("the former state has been restored: deny a → b (line 6) is not in force; allow lan → back is still in force. hallway deny FROM TO adds a deny policy at once");
    assert!(!h.ok("policy ls").contains("deny"));
    h.ok("deny a b");
    h.up(&file("sh -c 'exit 3'", &format!("{deny}{allow}")))
        .exits(1)
        .says("the former state has been restored; correct the command");
    h.ok("down");
}

fn restart_policies() {
    let h = hallway();
    let before = processes();
    let counts = |node: &str, exit: u8| format!("sh -c 'echo x >> /run/keep/{node}; exit {exit}'");
    std::fs::create_dir("/run/keep").unwrap();
    h.up(&format!(
        "nodes:
  never: {{ command: \"{}\" }}
  failing: {{ command: \"{}\", restart: on-failure }}
  fine: {{ command: \"{}\", restart: on-failure }}
  always: {{ command: \"{}\", restart: always }}
",
        counts("never", 0),
        counts("failing", 1),
        counts("fine", 0),
        counts("always", 0)
    ))
    .ok();
    let runs = |node: &str| {
        std::fs::read_to_string(format!("/run/keep/{node}"))
            .map(|t| t.lines().count())
            .unwrap_or(0)
    };
    wait_for("restarts", || {
        let once = runs("never") >= 1 && runs("fine") >= 1;
        once && runs("failing") >= 3 && runs("always") >= 3
    });
    assert_eq!(runs("never"), 1);
    assert_eq!(runs("fine"), 1);
    let state = h.node_status("failing");
    assert!(
        state["program"]["restarts"].as_u64().unwrap() >= 2,
        "{state}"
    );
    h.ok("down");
    assert_eq!(
        processes(),
        before,
        "nothing runs after down, and nothing starts again"
    );
}

/// The last line is printed also where the program has not written its end.
fn the_last_line_without_an_end() {
    let h = hallway();
    let prompt = "sh -c 'echo one; printf two; sleep 1000'";
    h.up(&format!("nodes: {{ a: {{ command: {prompt} }} }}\n"))
        .ok();
    wait_for("the last line", || h.ok("logs a").contains("two"));
    assert_eq!(h.ok("logs a"), "one\ntwo\n");
    for (tail, lines) in [("0", ""), ("1", "two\n"), ("2", "one\ntwo\n")] {
        assert_eq!(h.ok(&format!("logs a --tail {tail}")), lines, "{tail}");
    }
}

/// Each line has the time at which it was written; `--since` omits earlier ones, and lines of
/// several programs are in the order in which they were written.
fn times_of_lines() {
    let h = hallway();
    let slow = "sh -c 'echo one; sleep 2; echo two; sleep 1000'";
    let late = "sh -c 'sleep 1; echo between; sleep 1000'";
    h.up(&format!(
        "nodes: {{ a: {{ command: {slow} }}, b: {{ command: {late} }} }}\n"
    ))
    .ok();
    wait_for("the last line", || h.ok("logs a").contains("two"));
    // The length of the log is noted a moment after it is written.
    let times = |node: &str| -> Vec<u64> {
        let lines = h.ok(&format!("logs --format json {node}"));
        let objects = lines
            .lines()
            .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        let clocks = objects.map(|o| o["time"].as_str().unwrap().to_owned());
        let ms = |clock: String| {
            sh(&format!("date -d {clock} +%s%3N"))
                .trim()
                .parse()
                .unwrap()
        };
        clocks.map(ms).collect()
    };
    wait_for("the times", || times("a")[1] - times("a")[0] >= 1900);
    let apart = times("a")[1] - times("a")[0];
    assert!(apart < 60_000, "{apart}");
    let all = h.ok("logs -t");
    let order: Vec<&str> = (all.lines())
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(order, ["one", "between", "two"], "{all}");
    assert!(all.lines().all(|line| line.contains("Z ")), "{all}");
    let since = sh(&format!(
        "date -u -d @{} +%Y-%m-%dT%H:%M:%SZ",
        times("a")[1] / 1000
    ));
    assert_eq!(h.ok(&format!("logs a --since {}", since.trim())), "two\n");
    assert_eq!(h.ok("logs a --since 1h").lines().count(), 2);
    h.run(&["logs", "--since", "yesterday"])
        .exits(2)
        .says("10m");
    h.ok("node rm b");
    let left = sh("find /run -name 'b.log*'");
    assert!(left.trim().is_empty(), "{left}");
}

/// `restart` starts a program again; `logs` contains the output of both runs.
fn restart_and_logs() {
    let h = hallway();
    h.up("nodes:
  a: { command: \"sh -c 'echo out; echo err >&2; echo pid $$; exec sleep 1000'\" }
  b: { command: \"sh -c 'echo from b; exec sleep 1000'\" }
")
        .ok();
    let log = |words: &str| h.ok(words);
    wait_for("logs", || {
        log("logs a").contains("pid") && log("logs b").contains("from b")
    });
    let first = log("logs a");
    assert!(first.contains("out\nerr\npid "), "{first}");
    assert!(!first.contains("from b"), "{first}");
    let all = log("logs");
    assert!(all.contains("out") && all.contains("from b"), "{all}");
    h.ok("restart a");
    wait_for("the second start", || {
        log("logs a").matches("pid").count() == 2
    });
    assert_eq!(log("logs -n 1 a").lines().count(), 1);
    let pids: Vec<String> = log("logs a")
        .lines()
        .filter_map(|l| l.strip_prefix("pid ").map(str::to_owned))
        .collect();
    assert_ne!(pids[0], pids[1]);
}

/// Children, grandchildren in sessions of their own, and those that ignore SIGTERM end with `down`.
fn ended_whole() {
    let h = hallway();
    let before = processes();
    h.up("nodes:
  a:
    command: [sh, -c, \"trap '' TERM; setsid sh -c 'trap \\\"\\\" TERM; sleep 997 & sleep 998' & sleep 999 & wait\"]
")
    .ok();
    wait_for("all of them", || {
        ["997", "998", "999"].iter().all(|n| {
            processes()
                .iter()
                .any(|p| p.contains(&format!("sleep {n}")))
        })
    });
    h.ok("down");
    assert_eq!(processes(), before);
}

/// A tree of processes in separate sessions, which end only when they are killed.
const TREE: &str = "[sh, -c, \"setsid sh -c 'setsid sleep 997 & sleep 998' & exec sleep 999\"]";

fn tree_is_there() -> bool {
    let all = processes();
    ["997", "998", "999"]
        .iter()
        .all(|n| all.contains(&format!("sleep {n} ")))
}

fn tree_is_gone() -> bool {
    !processes().iter().any(|p| p.contains("sleep 99"))
}

/// A keeper that is killed leaves no process; nor does a runner, and its program is restarted.
fn killed_keepers_and_runners_leave_nothing() {
    let h = hallway();
    let before = Snapshot::take();
    let file = format!("nodes: {{ a: {{ command: {TREE}, restart: always }} }}\n");
    h.up(&file).ok();
    wait_for("the tree", tree_is_there);
    let first = h.node_status("a")["program"]["pid"].as_i64().unwrap();
    sh("kill -9 $(pgrep -f '__progra[m]')");
    wait_for("the next start", || {
        let pid = h.node_status("a")["program"]["pid"].as_i64();
        pid.is_some_and(|pid| pid != first) && tree_is_there()
    });
    let count = processes()
        .iter()
        .filter(|p| p.contains("sleep 99"))
        .count();
    assert_eq!(count, 3 + 1, "the tree and its inner shell, once");
    sh("kill -9 $(pgrep -f '__keepe[r]')");
    wait_for("its end", tree_is_gone);
    h.ok("down");
    before.unchanged();
}

/// Only the program gets the environment, and no process that continues has a file or a lock of the
/// caller open.
fn nothing_of_the_caller_is_held() {
    let h = hallway();
    let file = "networks: { apps: { subnet: 10.9.0.0/24 } }
nodes: { a: { networks: [apps], environment: { SECRET: only-for-a }, ports: [\"8080:80\"], command: sleep 1000 } }
";
    std::fs::write("/run/up.hallway.yaml", file).unwrap();
    let program = h.command(&[]).get_program().to_str().unwrap().to_owned();
    let up = format!(
        "exec 9>/run/keep; flock -n 9; HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0 {program} --host -p p up /run/up.hallway.yaml"
    );
    sh(&up);
    sh("flock -n /run/keep true");
    let holders = "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c /run/keep || true";
    assert_eq!(sh(holders), "0\n");
    assert!(!processes().iter().any(|p| p.contains("only-for-a")));
    let seen = sh("cat /proc/$(pgrep -x sleep)/environ | tr '\\0' '\\n' | grep SECRET");
    assert_eq!(seen, "SECRET=only-for-a\n");
}

/// What a program sees: names, its environment, its directory, its own /sys and lo.
fn what_a_program_sees() {
    let h = hallway();
    h.up("networks: { apps: { subnet: [10.9.0.0/24, fd09::/64] }, store: { subnet: 10.8.0.0/24 } }
nodes:
  a: { networks: { apps: { address: 10.9.0.10 } }, environment: { COLOUR: red and blue }, working_dir: /usr }
  b: { networks: { store: { address: 10.8.0.10 }, apps: { address: 10.9.0.11 } }, dns: 192.0.2.53 }
  c: { networks: { store: { address: 10.8.0.12 } } }
")
    .ok();
    let see = |node: &str, script: &str| h.run(&["exec", node, "--", "sh", "-c", script]).ok();
    assert_eq!(
        see("a", "getent ahostsv4 b | head -1 | cut -d' ' -f1"),
        "10.9.0.11\n",
        "the nearest address first"
    );
    assert_eq!(
        see("c", "getent ahostsv4 b | head -1 | cut -d' ' -f1"),
        "10.8.0.10\n"
    );
    assert!(
        see("a", "getent hosts host").contains("fd09::1")
            || see("a", "getent ahostsv4 host").contains("10.9.0.1")
    );
    assert_eq!(see("b", "cat /etc/resolv.conf"), "nameserver 192.0.2.53\n");
    assert_eq!(
        see("a", "hostname; ls /sys/class/net").replace('\n', " "),
        "a eth0 lo "
    );
    h.ok("node add d --network apps");
    assert!(
        h.inside("a", "getent hosts d"),
        "added to what already runs"
    );
    let host = sh("cat /etc/hosts");
    assert!(!host.contains("10.9.0.11"), "{host}");
}

/// Whatever changes in a node's networks and links, also by an edited file: its program and its
/// connections continue, and the program can resolve the names of new nodes.
fn a_change_of_networks_leaves_a_program_alone() {
    let h = hallway();
    let serve =
        "from socket import *; s = create_server(('', 80)); held = [s.accept() for _ in range(9)]";
    std::fs::write("/run/serve.py", serve).unwrap();
    let file = "networks: { a: { subnet: 10.9.0.0/24 }, b: { subnet: 10.8.0.0/24 } }
nodes:
  srv: { networks: [a], command: python3 /run/serve.py, ready: 80/tcp }
  far: { networks: { b: { address: 10.8.0.10 } } }
";
    h.up(file).ok();
    let pid = || h.node_status("srv")["program"]["pid"].as_i64().unwrap();
    let first = pid();
    let sees = |words: &str| {
        let hosts = sh(&format!("nsenter -m -t {first} cat /etc/hosts"));
        hosts.lines().any(|line| line == words)
    };
    let client =
        "from socket import *; s = create_connection(('srv', 80)); print(1, flush=True); s.recv(1)";
    let talker = h.start(&["exec", "srv", "--", "python3", "-c", client]);
    let connected = || sh("ip netns exec srv ss -tnH state established | wc -l").trim() == "2";
    wait_for("a connection", connected);
    let same = |words: &str| {
        h.ok(words);
        assert_eq!(pid(), first, "{words}");
        assert!(connected(), "{words}");
    };
    same("connect srv b");
    assert!(sees("10.8.0.10\tfar"));
    same("disconnect srv b");
    same("link add srv:10.1.0.1/24 other:10.1.0.2/24");
    wait_for("the name at the other end", || sees("10.1.0.2\tother"));
    same("link rm srv other");
    let edited = file.replace("networks: [a]", "networks: [a, b]");
    std::fs::write("/run/up.hallway.yaml", &edited).unwrap();
    same("up /run/up.hallway.yaml");
    // One that is started again begins with the same names.
    h.ok("restart srv");
    wait_for("the next start", || {
        let next = h.node_status("srv")["program"]["pid"].as_i64();
        next.is_some_and(|pid| {
            pid != first && sh(&format!("nsenter -m -t {pid} cat /etc/hosts")).contains("far")
        })
    });
    drop(talker);
}

/// As in shells and containers.
fn exit_codes_of_exec() {
    let h = hallway();
    h.up("nodes: { a: {} }\n").ok();
    let run = |words: &[&str]| h.run(&[&["exec"], words].concat()).code;
    assert_eq!(run(&["a", "--", "sh", "-c", "exit 7"]), 7);
    assert_eq!(run(&["a", "--", "no-such-program"]), 127);
    assert_eq!(run(&["a", "--", "/etc/hosts"]), 126);
    assert_eq!(
        run(&["a", "--", "sh", "-c", "kill -9 $$"]),
        -1,
        "by the signal itself"
    );
    assert_ne!(run(&["b", "--", "true"]), 0);
    sh("umount /run/netns/a");
    assert_eq!(run(&["a", "--", "true"]), 125);
}

/// Without a program there is no output: that is said, and the project stays until Ctrl-C.
fn attached_without_programs() {
    let h = hallway();
    std::fs::write("/run/none.yaml", "nodes: { a: {} }\n").unwrap();
    let file = std::fs::File::create("/run/said").unwrap();
    let mut child = h
        .command(&["up", "--attach", "/run/none.yaml"])
        .stderr(file)
        .spawn()
        .unwrap();
    wait_for("the note", || {
        let said = std::fs::read_to_string("/run/said").unwrap();
        said.contains("no node has a program")
    });
    assert!(h.ok("ls").contains("up"));
    let other = h.project("q");
    std::fs::write("/run/q.yaml", "nodes: { b: { command: sleep 999 } }\n").unwrap();
    other.ok("up /run/q.yaml");
    let said = other.run(&["down", "-v"]).exits(0).err;
    assert!(said.contains("stop program b"), "{said}");
    sh(&format!("kill -INT {}", child.id()));
    assert!(child.wait().unwrap().success());
}

hallway_testkit::tests![
    attached_without_programs,
    ready_and_in_order,
    not_ready_in_time,
    policies_that_are_not_in_force,
    restart_policies,
    restart_and_logs,
    the_last_line_without_an_end,
    times_of_lines,
    ended_whole,
    killed_keepers_and_runners_leave_nothing,
    nothing_of_the_caller_is_held,
    what_a_program_sees,
    a_change_of_networks_leaves_a_program_alone,
    exit_codes_of_exec,
];
