//! Health checks, and conditions for starting programs: `healthcheck` and `depends_on`.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, processes, wait_for};
use serde_json::Value;

fn hallway() -> Hallway {
    std::fs::create_dir("/run/keep").unwrap();
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

fn program(h: &Hallway, node: &str) -> Value {
    let all = h.run(&["status", "--format", "json"]).json();
    let nodes = all["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|n| n["name"] == node).unwrap();
    node["program"].clone()
}

/// The run prints what it waits for, and a program finds the results of the other.
fn a_program_starts_when_another_has_ended() {
    let h = hallway();
    h.up("nodes:
  migrate: { command: \"sh -c 'sleep 2; touch /run/keep/done'\" }
  web:
    command: \"sh -c 'ls /run/keep/done; exec sleep 1000'\"
    depends_on: { migrate: { condition: service_completed_successfully } }
")
        .says("waiting for migrate: its end, since web starts then")
        .ok();
    assert_eq!(program(&h, "migrate")["exit_code"], 0);
    wait_for("the line", || h.ok("logs web").contains("/run/keep/done"));
    assert!(!h.ok("logs web").contains("cannot access"));
    let again = h.run(&["up", "/run/up.hallway.yaml"]);
    assert!(again.says("nothing to change").code == 0);
}

fn a_program_that_must_end_and_fails_is_named() {
    let h = hallway();
    let before = Snapshot::take();
    h.up("nodes:
  migrate: { command: \"sh -c 'echo no such table; exit 3'\" }
  web:
    command: touch /run/keep/web
    depends_on: { migrate: { condition: service_completed_successfully } }
")
        .exits(1)
        .says("node migrate: ended with exit code 3")
        .says("no such table");
    assert!(!std::fs::exists("/run/keep/web").unwrap());
    before.unchanged();
}

/// Whatever the condition: one that fails and is not required is a warning, and what depends on it runs.
/// One that another program requires is an error.
fn a_program_that_is_not_required_fails() {
    let h = hallway();
    let file = |end: &str, condition: &str, second: bool| {
        format!(
            "nodes:
  first: {{ {end} }}
  web:
    command: sleep 1000
    depends_on: {{ first: {{ condition: {condition}, required: false }} }}
  db: {{ command: sleep 1000, depends_on: {{ first: {{ condition: {condition}, required: {second} }} }} }}
"
        )
    };
    let fails = "command: \"sh -c 'echo no such table; exit 3'\"";
    let ill = "command: sleep 1000, healthcheck: { test: 'false', interval: 50ms, retries: 2 }";
    for (end, condition, said) in [
        (
            fails,
            "service_completed_successfully",
            "first: ended with exit code 3",
        ),
        (fails, "service_started", "first: ended with exit code 3"),
        (
            ill,
            "service_healthy",
            "first: unhealthy: its health check fails",
        ),
    ] {
        let ran = h.up(&file(end, condition, false)).exits(0);
        ran.says("warning: node ")
            .says(said)
            .says("not required by web, db");
        assert_eq!(program(&h, "web")["state"], "running");
        assert_eq!(program(&h, "db")["state"], "running");
        h.ok("down");
        let ran = h.up(&file(end, condition, true)).exits(1);
        ran.says("error: node ").says(said);
    }
}

/// A program that cannot be started because one that it requires failed does not make `up` fail if no program requires it.
fn a_program_that_is_not_required_cannot_start() {
    let h = hallway();
    let file = |required: bool| {
        format!(
            "nodes:
  first: {{ command: \"sh -c 'exit 3'\" }}
  second: {{ command: sleep 1000, depends_on: {{ first: {{ condition: service_completed_successfully }} }} }}
  web: {{ command: sleep 1000, depends_on: {{ second: {{ required: {required} }} }} }}
"
        )
    };
    let ran = h.up(&file(false)).exits(0);
    ran.says("node first: ended with exit code 3").says(
        "node second: not started, since a program that it requires failed; not required by web",
    );
    assert_eq!(program(&h, "web")["state"], "running");
    assert_eq!(program(&h, "second")["state"], "waiting");
    h.ok("down");
    h.up(&file(true))
        .exits(1)
        .says("node first: ended with exit code 3");
}

/// With `may_fail`, the others run on, and what only needs its start is started.
fn a_program_that_may_fail() {
    let h = hallway();
    let file = |condition: &str, fails: &str| {
        format!(
            "nodes:
  job: {{ command: \"{fails}\", may_fail: true }}
  web: {{ command: sleep 1000, depends_on: {{ job: {{ condition: {condition} }} }} }}
  alone: {{ command: \"sh -c 'exit 4'\", may_fail: true }}
"
        )
    };
    let fails = "sh -c 'exit 3'";
    let ran = h.up(&file("service_started", fails)).exits(0);
    ran.says("warning: node job: ended with exit code 3; not required by web")
        .says("warning: node alone: ended with exit code 4; the others run on");
    assert_eq!(program(&h, "web")["state"], "running");
    assert_eq!(program(&h, "alone")["exit_code"], 4);
    h.ok("down");
    h.up(&file("service_completed_successfully", fails))
        .exits(1)
        .says("node job: ended with exit code 3");
    // What cannot be started at all is an error.
    h.up(&file("service_started", "/nowhere/program"))
        .exits(1)
        .says("node job: its program was not found");
}

/// A program that another requires is left, too; one that cannot be started is not.
fn up_that_waits_for_what_is_required() {
    let h = hallway();
    let file = |command: &str| {
        format!(
            "nodes:
  db: {{ command: {command}, may_fail: true, healthcheck: {{ test: exit 1, interval: 50ms, retries: 2 }} }}
"
        )
    };
    let up = |text: &str| {
        std::fs::write("/run/p.yaml", text).unwrap();
        h.run(&["up", "--wait", "/run/p.yaml"])
    };
    // What another requires is a failure without --wait, too: then nothing is left.
    let required = file("sleep 1000")
        + "  late: { command: sleep 1000, depends_on: { db: { condition: service_healthy } } }\n";
    up(&required).exits(1).says("the project stays up");
    assert_eq!(program(&h, "late")["state"], "waiting");
    h.ok("down -p p");
    std::fs::write("/run/p.yaml", required).unwrap();
    h.run(&["up", "/run/p.yaml"])
        .exits(1)
        .says("the former state has been restored");
    // So is a program that cannot be started.
    up(&file("/run/none"))
        .exits(1)
        .says("not found")
        .says("restored");
    h.run(&["ls"]).exits(0).says("nothing is up");
}

/// The project stays up with `--wait` when the time is over, too.
fn up_that_waits_too_long() {
    let h = hallway();
    std::fs::write(
        "/run/p.yaml",
        "nodes: { a: { command: sleep 1000, ready: 9 } }\n",
    )
    .unwrap();
    h.run(&["up", "--wait", "--wait-timeout", "1", "/run/p.yaml"])
        .exits(1)
        .says("node a: not ready after 1 s: it must listen on 9/tcp")
        .says("hallway --host logs -p p a");
    assert!(h.ok("logs -p p a").is_empty());
    h.ok("down -p p");
}

/// All nodes that the run waits for are named, also when the time is over.
fn all_that_are_awaited_are_named() {
    let h = hallway();
    let file = "nodes:
  a: { command: sleep 1000, ready: 9/tcp }
  b: { command: sleep 1000, ready: 8/tcp }
";
    std::fs::write("/run/up.hallway.yaml", file).unwrap();
    h.run(&["up", "--wait-timeout", "2", "/run/up.hallway.yaml"])
        .exits(1)
        .says("waiting for a: 9/tcp; b: 8/tcp, 1 s")
        .says("node a: not ready after 2 s: it must listen on 9/tcp; also not ready: b");
}

/// The check runs in the node, in the surroundings of its program.
fn a_program_starts_when_another_is_healthy() {
    let h = hallway();
    let check = "echo $HALLWAY_NODE $COLOUR > /run/keep/seen; ip -o addr show eth0 | grep -q 10.9.0.7 || exit 1; ls /run/keep/works";
    h.up(&format!(
        "networks: {{ n: {{ subnet: 10.9.0.0/24 }} }}
nodes:
  web:
    networks: [n]
    command: \"sh -c 'ls /run/keep/works; exec sleep 1000'\"
    depends_on: {{ db: {{ condition: service_healthy }} }}
  db:
    networks: {{ n: {{ address: 10.9.0.7 }} }}
    environment: {{ COLOUR: red }}
    command: \"sh -c 'sleep 0.5; touch /run/keep/works; exec sleep 1000'\"
    healthcheck: {{ test: '{check}', interval: 100ms, retries: 3, start_period: 1m, start_interval: 50ms }}
"
    ))
    .ok();
    assert_eq!(program(&h, "db")["health"], "healthy");
    assert_eq!(program(&h, "web")["health"], Value::Null);
    wait_for("the line", || h.ok("logs web").contains("/run/keep/works"));
    assert!(!h.ok("logs web").contains("cannot access"));
    let seen = std::fs::read_to_string("/run/keep/seen").unwrap();
    assert_eq!(seen, "db red\n");
    assert!(h.ok("status").contains("running, healthy"));

    std::fs::remove_file("/run/keep/works").unwrap();
    wait_for("unhealthy", || program(&h, "db")["health"] == "unhealthy");
    assert!(h.ok("status").contains("running, unhealthy"));
    let log = h.ok("logs db");
    assert!(
        log.contains("the health check failed: exit code 2: ls:"),
        "{log}"
    );
    std::fs::write("/run/keep/works", "").unwrap();
    wait_for("healthy", || program(&h, "db")["health"] == "healthy");
}

fn an_unhealthy_program_is_an_error() {
    let h = hallway();
    let (before, running) = (Snapshot::take(), processes());
    h.up(
        "nodes:
  db:
    command: sleep 1000
    healthcheck: { test: [CMD, sh, -c, 'echo no answer; sleep 1000'], interval: 50ms, timeout: 100ms, retries: 2 }
  web:
    command: touch /run/keep/web
    depends_on: { db: { condition: service_healthy } }
",
    )
    .exits(1)
    .says("node db: unhealthy: its health check fails")
    .says("it took longer than 0.1 s: no answer");
    assert!(!std::fs::exists("/run/keep/web").unwrap());
    before.unchanged();
    assert_eq!(processes(), running, "no check goes on");
}

/// With `--wait`, what may fail makes `up` fail, too, and the project stays up for examination, as in Compose.
/// Without it the project is degraded.
fn up_that_waits_for_what_may_fail() {
    let h = hallway();
    let file = |check: &str, command: &str| {
        format!(
            "nodes:
  db: {{ command: {command}, may_fail: true, healthcheck: {{ test: '{check}', interval: 50ms, retries: 2 }} }}
  web: {{ command: sleep 1000 }}
"
        )
    };
    let up = |text: &str| {
        std::fs::write("/run/p.yaml", text).unwrap();
        h.run(&["up", "--wait", "/run/p.yaml"])
    };
    up(&file("true", "sleep 1000")).exits(0);
    assert_eq!(program(&h, "db")["health"], "healthy");
    h.ok("down");
    up(&file("echo no answer; exit 1", "sleep 1000"))
        .exits(1)
        .says("error: node db: unhealthy: its health check fails")
        .says("the health check failed: exit code 1: no answer")
        .says("the project stays up; hallway --host logs -p p db shows its output, hallway --host down -p p removes the project");
    let status = h.run(&["status", "--exit-code"]).exits(3);
    assert!(status.out.contains("p is degraded"), "{}", status.out);
    assert!(
        status.out.contains("program is unhealthy"),
        "{}",
        status.out
    );
    assert!(h.ok("logs -p p db").contains("no answer"));
    assert_eq!(program(&h, "web")["state"], "running");
    up(&file("true", "sh -c 'exit 4'"))
        .exits(1)
        .says("error: node db: ended with exit code 4");
    assert_eq!(
        program(&h, "db")["exit_code"],
        4,
        "the new file is in force"
    );
    h.ok("down -p p");

    std::fs::write("/run/p.yaml", file("echo no answer; exit 1", "sleep 1000")).unwrap();
    let built = h.run(&["up", "/run/p.yaml"]).exits(0);
    built.says("warning: node db: unhealthy");
    let status = h.run(&["status", "--exit-code"]).exits(3);
    for words in [
        "p is degraded",
        "(running, unhealthy)",
        "hallway --host logs db shows why the health check of db fails",
        "node db: program is unhealthy: its health check fails",
    ] {
        assert!(status.out.contains(words), "{words}: {}", status.out);
    }
    assert!(h.ok("ls").contains("degraded"));
    let again = h.run(&["up", "/run/p.yaml"]).exits(0);
    again.says("nothing to change");
    assert_eq!(program(&h, "db")["restarts"], 0);
}

fn what_never_comes_true_is_refused() {
    let h = hallway();
    for (node, says) in [
        (
            "{ command: sleep 1 }",
            "web waits until db is healthy, but db has no healthcheck",
        ),
        (
            "{ healthcheck: { test: 'true' } }",
            "node db has a healthcheck but no command",
        ),
        (
            "{ command: sleep 1, healthcheck: { interval: 1s } }",
            "a healthcheck needs a test",
        ),
        (
            "{ command: sleep 1, healthcheck: { test: ls, interval: soon } }",
            "must be a time like 10s",
        ),
    ] {
        let text = format!(
            "nodes: {{ db: {node}, web: {{ command: sleep 1, depends_on: {{ db: {{ condition: service_healthy }} }} }} }}\n"
        );
        h.up(&text).exits(2).says(says);
    }
    h.up(
        "nodes: { a: { command: sleep 1, restart: always }, b: { command: sleep 1, depends_on: { a: { condition: service_completed_successfully } } } }\n",
    )
    .exits(2)
    .says("b waits until a has ended, but a is always started again");
}

hallway_testkit::tests![
    a_program_starts_when_another_has_ended,
    a_program_that_must_end_and_fails_is_named,
    a_program_that_is_not_required_fails,
    a_program_that_is_not_required_cannot_start,
    a_program_that_may_fail,
    all_that_are_awaited_are_named,
    a_program_starts_when_another_is_healthy,
    an_unhealthy_program_is_an_error,
    up_that_waits_for_what_may_fail,
    up_that_waits_for_what_is_required,
    up_that_waits_too_long,
    what_never_comes_true_is_refused,
];
