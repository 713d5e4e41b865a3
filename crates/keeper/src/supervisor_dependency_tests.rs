//! Tests of [`Supervisor`]: programs that depend on others.

use super::*;

#[test]
fn a_program_starts_when_all_it_depends_on_runs() {
    let mut bench = Bench::new();
    let programs = [
        program("web", Restart::No, &["api", "db"]),
        program("api", Restart::No, &["db"]),
        program("db", Restart::No, &[]),
    ];
    let (started, _) = bench.sync(&programs);
    assert_eq!(names(&started), ["db"]);
    assert_eq!(bench.state("api"), ProgramState::Waiting);
    bench.event(started[0].0, RunEvent::Started { pid: 7 });
    assert_eq!(bench.state("db"), ProgramState::Starting);
    assert_eq!(bench.status("db").pid, Some(7));
    let (started, _) = bench.event(started[0].0, RunEvent::Listening);
    assert_eq!(bench.state("db"), ProgramState::Running);
    assert_eq!(names(&started), ["api"]);
    let started = bench.runs(started[0].0);
    assert_eq!(names(&started), ["web"]);
}

#[test]
fn a_program_starts_when_another_has_ended_with_code_0() {
    let mut bench = Bench::new();
    let mut web = program("web", Restart::No, &[]);
    web.depends_on = vec![on("migrate", Condition::ServiceCompletedSuccessfully)];
    let migrate = program("migrate", Restart::OnFailure, &[]);
    let (started, _) = bench.sync(&[web, migrate]);
    assert_eq!(names(&started), ["migrate"]);
    assert!(bench.runs(started[0].0).is_empty());
    assert!(bench.ends(started[0].0, 1).is_empty());
    let (_, again) = bench.wait();
    assert_eq!(names(&again), ["migrate"]);
    bench.runs(again[0].0);
    assert_eq!(names(&bench.ends(again[0].0, 0)), ["web"]);
}

/// Whatever the condition: it is started once the other has failed, and only where it does not require it.
#[test]
fn a_program_starts_after_the_failure_of_one_that_it_does_not_require() {
    let unhealthy = RunEvent::Health(Health::Unhealthy);
    let exit = Exit::Code(3);
    let ended = RunEvent::Exited { exit };
    for (condition, failure) in [
        (Condition::ServiceStarted, ended),
        (Condition::ServiceHealthy, ended),
        (Condition::ServiceHealthy, unhealthy),
        (Condition::ServiceCompletedSuccessfully, ended),
    ] {
        for required in [false, true] {
            let mut bench = Bench::new();
            let mut web = program("web", Restart::No, &[]);
            let on = on("db", condition);
            web.depends_on = vec![Dependency { required, ..on }];
            let (started, _) = bench.sync(&[web, checked("db", Restart::No)]);
            assert_eq!(names(&started), ["db"]);
            let after = bench.event(started[0].0, failure).0;
            assert_eq!(names(&after), ["web"][usize::from(required)..]);
        }
    }
}

#[test]
fn a_program_starts_when_another_is_healthy() {
    let mut bench = Bench::new();
    let mut web = program("web", Restart::No, &[]);
    web.depends_on = vec![on("db", Condition::ServiceHealthy)];
    let (started, _) = bench.sync(&[web, checked("db", Restart::Always)]);
    let run = started[0].0;
    assert_eq!(names(&started), ["db"]);
    assert!(bench.runs(run).is_empty());
    assert_eq!(bench.status("db").health, Some(Health::Starting));
    let unhealthy = bench.event(run, RunEvent::Health(Health::Unhealthy)).0;
    assert!(unhealthy.is_empty());
    let healthy = bench.event(run, RunEvent::Health(Health::Healthy)).0;
    assert_eq!(names(&healthy), ["web"]);
    bench.ends(run, 1);
    assert_eq!(bench.status("db").health, None, "it does not run");
}

/// Each layer has two programs that depend on both of the layer before: there are 2^40 ways to the first.
#[test]
fn many_layers_of_dependencies_are_looked_at_once() {
    let mut bench = Bench::new();
    let mut programs = vec![
        program("first", Restart::No, &[]),
        program("l0a", Restart::No, &["first"]),
        program("l0b", Restart::No, &["first"]),
    ];
    for layer in 1..40 {
        let before = [format!("l{}a", layer - 1), format!("l{}b", layer - 1)];
        let before = before.each_ref().map(String::as_str);
        for side in ["a", "b"] {
            programs.push(program(&format!("l{layer}{side}"), Restart::No, &before));
        }
    }
    let mut last = program("last", Restart::No, &[]);
    last.depends_on = vec![Dependency {
        required: false,
        ..on("l39a", Condition::ServiceStarted)
    }];
    programs.push(last);
    let (started, _) = bench.sync(&programs);
    assert_eq!(names(&started), ["first"]);
    let exit = Exit::Code(3);
    let after = bench.event(started[0].0, RunEvent::Exited { exit }).0;
    assert_eq!(names(&after), ["last"]);
}
