//! The states of programs, with a simulated clock.

use hallway_spec::{Condition, Dependency};

use super::*;

#[path = "supervisor_dependency_tests.rs"]
mod dependencies;

struct Bench {
    supervisor: Supervisor,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            supervisor: Supervisor::default(),
            now: Instant::now(),
        }
    }

    /// Syncs, and returns the runs that are started and stopped.
    fn sync(&mut self, programs: &[Program]) -> (Vec<(RunId, String)>, Vec<RunId>) {
        let (_, actions) = self.supervisor.sync(programs.to_vec(), self.now);
        split(actions)
    }

    fn event(&mut self, run: RunId, event: RunEvent) -> (Vec<(RunId, String)>, Vec<RunId>) {
        split(self.supervisor.event(run, event, self.now))
    }

    fn runs(&mut self, run: RunId) -> Vec<(RunId, String)> {
        self.event(run, RunEvent::Started { pid: 7 });
        self.event(run, RunEvent::Listening).0
    }

    /// The program ends, and no process of it is left.
    fn ends(&mut self, run: RunId, code: i32) -> Vec<(RunId, String)> {
        let exit = Exit::Code(code);
        let (mut started, _) = self.event(run, RunEvent::Exited { exit });
        started.extend(self.event(run, RunEvent::Finished).0);
        started
    }

    /// Time passes until something is due; returns how long, and what is started.
    fn wait(&mut self) -> (Duration, Vec<(RunId, String)>) {
        let due = self.supervisor.due().unwrap();
        let waited = due - self.now;
        self.now = due;
        (waited, split(self.supervisor.advance(self.now)).0)
    }

    fn state(&self, node: &str) -> ProgramState {
        self.status(node).state
    }

    fn status(&self, node: &str) -> ProgramStatus {
        let all = self.supervisor.status(self.now);
        all.into_iter().find(|s| s.node == node).unwrap()
    }
}

fn split(actions: Vec<Action>) -> (Vec<(RunId, String)>, Vec<RunId>) {
    let (mut started, mut stopped) = (Vec::new(), Vec::new());
    for action in actions {
        match action {
            Action::Start { run, program } => started.push((run, program.node)),
            Action::Stop(run) => stopped.push(run),
            Action::ChangeEtc { .. } => {}
        }
    }
    (started, stopped)
}

fn program(node: &str, restart: Restart, depends_on: &[&str]) -> Program {
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
        restart,
        may_fail: false,
        healthcheck: None,
        depends_on: depends_on
            .iter()
            .map(|d| on(d, Condition::ServiceStarted))
            .collect(),
    }
}

/// A program with a health check.
fn checked(node: &str, restart: Restart) -> Program {
    let test = hallway_spec::Command::split("true").unwrap();
    Program {
        healthcheck: Some(hallway_spec::Healthcheck::new(test)),
        ..program(node, restart, &[])
    }
}

fn on(node: &str, condition: Condition) -> Dependency {
    Dependency {
        node: node.parse().unwrap(),
        condition,
        required: true,
    }
}

fn names(started: &[(RunId, String)]) -> Vec<&str> {
    started.iter().map(|(_, node)| node.as_str()).collect()
}

#[test]
fn the_same_programs_again_change_nothing() {
    let mut bench = Bench::new();
    let programs = [
        program("a", Restart::No, &[]),
        program("b", Restart::No, &[]),
    ];
    let (started, _) = bench.sync(&programs);
    for (run, _) in started {
        bench.runs(run);
    }
    let (changed, actions) = bench.supervisor.sync(programs.to_vec(), bench.now);
    assert_eq!((changed, actions), (0, Vec::new()));
}

#[test]
fn a_program_of_which_only_the_files_for_etc_differ_goes_on() {
    let mut bench = Bench::new();
    let first = program("a", Restart::Always, &[]);
    let (started, _) = bench.sync(std::slice::from_ref(&first));
    let run = started[0].0;
    bench.runs(run);
    let files = EtcFiles {
        hosts: Some("/run/hosts".into()),
        resolv_conf: Some("/run/resolv".into()),
    };
    let second = Program {
        hosts: files.hosts.clone(),
        resolv_conf: files.resolv_conf.clone(),
        ..first
    };
    let (changed, actions) = bench.supervisor.sync(vec![second.clone()], bench.now);
    assert_eq!(changed, 0);
    assert_eq!(actions, [Action::ChangeEtc { run, files }]);
    // Only once, unless one was made again; and the next run starts with them.
    assert_eq!(
        bench.sync(std::slice::from_ref(&second)),
        (Vec::new(), Vec::new())
    );
    let again = Program {
        etc_inodes: [7, 0],
        ..second
    };
    let (changed, actions) = bench.supervisor.sync(vec![again], bench.now);
    assert_eq!((changed, actions.len()), (0, 1));
    bench.ends(run, 1);
    let due = bench.supervisor.due().unwrap();
    let again = bench.supervisor.advance(due);
    let [Action::Start { program, .. }] = again.as_slice() else {
        panic!("{again:?}");
    };
    assert!(program.hosts.is_some());
}

#[test]
fn a_changed_program_starts_when_the_last_process_of_the_former_one_has_ended() {
    let mut bench = Bench::new();
    let (started, _) = bench.sync(&[program("a", Restart::Always, &[])]);
    let old = started[0].0;
    bench.runs(old);
    let changed = Program {
        inode: 2,
        ..program("a", Restart::Always, &[])
    };
    let (started, stopped) = bench.sync(std::slice::from_ref(&changed));
    assert_eq!((started.len(), stopped), (0, vec![old]));
    assert!(bench.supervisor.is_stopping());
    let (started, _) = bench.event(
        old,
        RunEvent::Exited {
            exit: Exit::Code(143),
        },
    );
    assert_eq!(names(&started), Vec::<&str>::new());
    assert_eq!(
        bench.status("a").exit,
        None,
        "the former program's end is not the new one's"
    );
    let (started, _) = bench.event(old, RunEvent::Finished);
    assert_eq!(names(&started), ["a"]);
    assert!(!bench.supervisor.is_stopping());
}

#[test]
fn policies_decide_what_is_started_again() {
    for (restart, code, again) in [
        (Restart::No, 1, false),
        (Restart::OnFailure, 0, false),
        (Restart::OnFailure, 1, true),
        (Restart::Always, 0, true),
        (Restart::UnlessStopped, 0, true),
    ] {
        let mut bench = Bench::new();
        let (started, _) = bench.sync(&[program("a", restart, &[])]);
        bench.runs(started[0].0);
        bench.ends(started[0].0, code);
        let expected = match again {
            true => ProgramState::Restarting,
            false => ProgramState::Exited,
        };
        assert_eq!(bench.state("a"), expected, "{restart:?} {code}");
        assert_eq!(bench.status("a").exit, Some(Exit::Code(code)));
        assert_eq!(bench.status("a").pid, None);
    }
}

#[test]
fn restarts_come_less_and_less_often_until_the_program_ran_for_a_while() {
    let mut bench = Bench::new();
    let (mut started, _) = bench.sync(&[program("a", Restart::Always, &[])]);
    let mut waits = Vec::new();
    for _ in 0..9 {
        bench.ends(started[0].0, 1);
        let (waited, next) = bench.wait();
        waits.push(waited.as_millis());
        started = next;
    }
    assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000]);
    assert_eq!(bench.status("a").restarts, 9);
    bench.runs(started[0].0);
    bench.now += STEADY + Duration::from_millis(1);
    bench.ends(started[0].0, 1);
    assert_eq!(bench.wait().0, BACKOFF_FIRST);
}

#[test]
fn what_a_program_left_behind_is_ended_before_its_next_start() {
    let mut bench = Bench::new();
    let (started, _) = bench.sync(&[program("a", Restart::Always, &[])]);
    let run = started[0].0;
    bench.runs(run);
    let (_, stopped) = bench.event(
        run,
        RunEvent::Exited {
            exit: Exit::Code(1),
        },
    );
    assert_eq!(stopped, [run]);
    assert_eq!(bench.supervisor.due(), None, "its end is waited for");
    bench.now += BACKOFF_MAX;
    assert_eq!(bench.supervisor.advance(bench.now), Vec::new());
    let (started, _) = bench.event(run, RunEvent::Finished);
    assert_eq!(names(&started), ["a"]);
}

#[test]
fn what_a_program_left_behind_stays_when_it_is_not_started_again() {
    let mut bench = Bench::new();
    let (started, _) = bench.sync(&[program("a", Restart::No, &[])]);
    let run = started[0].0;
    bench.runs(run);
    let (_, stopped) = bench.event(
        run,
        RunEvent::Exited {
            exit: Exit::Code(0),
        },
    );
    assert_eq!(stopped, []);
    assert_eq!(bench.state("a"), ProgramState::Exited);
    assert_eq!(split(bench.supervisor.stop_all()).1, [run]);
}

#[test]
fn a_runner_that_is_killed_ends_its_program() {
    let mut bench = Bench::new();
    let (started, _) = bench.sync(&[program("a", Restart::OnFailure, &[])]);
    bench.runs(started[0].0);
    bench.event(started[0].0, RunEvent::Finished);
    assert_eq!(bench.state("a"), ProgramState::Restarting);
    assert_eq!(bench.status("a").exit, Some(Exit::Signal(9)));
}

#[test]
fn a_restart_counts_and_needs_a_program() {
    let mut bench = Bench::new();
    let (started, _) = bench.sync(&[program("a", Restart::No, &[])]);
    let old = started[0].0;
    bench.runs(old);
    let actions = bench.supervisor.restart("a", bench.now).unwrap();
    assert_eq!(split(actions).1, [old]);
    assert_eq!(names(&bench.ends(old, 143)), ["a"]);
    assert_eq!(bench.status("a").restarts, 1);
    assert_eq!(
        bench.supervisor.restart("b", bench.now),
        Err(NoProgram("b".to_owned()))
    );
}

#[test]
fn a_program_that_was_stopped_starts_by_command_only() {
    let mut bench = Bench::new();
    let (started, _) = bench.sync(&[program("a", Restart::Always, &[])]);
    let old = started[0].0;
    bench.runs(old);
    let actions = bench.supervisor.stop("a").unwrap();
    assert_eq!(split(actions).1, [old]);
    assert!(bench.ends(old, 143).is_empty());
    assert_eq!(bench.state("a"), ProgramState::Exited);
    assert_eq!(bench.status("a").exit, None);
    assert_eq!(bench.supervisor.due(), None);
    let actions = bench.supervisor.restart("a", bench.now).unwrap();
    assert_eq!(split(actions).0.len(), 1);
    let none = NoProgram("b".to_owned());
    assert_eq!(bench.supervisor.stop("b"), Err(none));
}

#[test]
fn after_everything_was_stopped_nothing_starts() {
    let mut bench = Bench::new();
    let programs = [
        program("a", Restart::Always, &[]),
        program("b", Restart::Always, &["a"]),
    ];
    let (started, _) = bench.sync(&programs);
    let run = started[0].0;
    bench.runs(run);
    bench.supervisor.stop_all();
    assert!(bench.ends(run, 143).is_empty());
    assert_eq!(bench.supervisor.due(), None);
    assert_eq!(bench.supervisor.status(bench.now), Vec::new());
}
