//! Tests of [`readiness`]: failures of programs that are not required.

use std::collections::BTreeMap;

use hallway_spec::Restart;

use super::*;

/// A program that depends on others; those with `?` are not required.
fn program(node: &str, depends_on: &[&str]) -> Program {
    let on = |on: &&str| Dependency {
        node: on.trim_end_matches('?').parse().unwrap(),
        condition: Condition::ServiceStarted,
        required: !on.ends_with('?'),
    };
    Program {
        node: node.to_owned(),
        hostname: node.to_owned(),
        netns: "/run/netns/x".into(),
        inode: 1,
        command: vec!["true".to_owned()],
        environment: BTreeMap::new(),
        working_dir: None,
        rights: None,
        hosts: None,
        resolv_conf: None,
        etc_inodes: [0, 0],
        log: "/dev/null".into(),
        ready: Vec::new(),
        restart: Restart::No,
        may_fail: false,
        healthcheck: None,
        depends_on: depends_on.iter().map(on).collect(),
    }
}

fn status(node: &str, state: ProgramState, exit: Option<Exit>) -> ProgramStatus {
    ProgramStatus {
        node: node.to_owned(),
        state,
        pid: None,
        restarts: 0,
        health: None,
        exit,
        ended_ms: None,
    }
}

/// The warnings about `wanted`, of which these failed; the others wait, except `last`.
fn warnings(wanted: &[Program], failed: &[&str], last: &str) -> Vec<String> {
    let of = |p: &Program| match p.node.as_str() {
        node if failed.contains(&node) => status(node, ProgramState::Exited, Some(Exit::Code(3))),
        node if node == last => status(node, ProgramState::Running, None),
        node => status(node, ProgramState::Waiting, None),
    };
    let programs: Vec<ProgramStatus> = wanted.iter().map(of).collect();
    match readiness(wanted, &programs) {
        Readiness::Ready { failed } => failed.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

/// `b` requires both programs that failed.
#[test]
fn each_node_has_one_warning() {
    let wanted = [
        program("x", &[]),
        program("y", &[]),
        program("b", &["x", "y"]),
        program("last", &["b?"]),
    ];
    assert_eq!(
        warnings(&wanted, &["x", "y"], "last"),
        [
            "node x: ended with exit code 3; therefore not started: b",
            "node b: not started, since a program that it requires failed; not required by last",
            "node y: ended with exit code 3; therefore not started: b",
        ]
    );
}

#[test]
fn the_others_run_on_only_if_they_were_started() {
    let wanted = [
        program("x", &[]),
        program("b", &["x"]),
        program("c", &["b"]),
        program("last", &["c?"]),
    ];
    assert_eq!(
        warnings(&wanted, &["x"], "last"),
        [
            "node x: ended with exit code 3; therefore not started: b",
            "node c: not started, since a program that it requires failed; not required by last",
            "node b: not started, since a program that it requires failed; therefore not started: c",
        ]
    );
    let mut alone = program("x", &[]);
    alone.may_fail = true;
    let wanted = [alone, program("last", &[])];
    assert_eq!(
        warnings(&wanted, &["x"], "last"),
        ["node x: ended with exit code 3; the others run on"]
    );
}
