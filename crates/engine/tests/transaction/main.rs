//! Projects are built, changed and removed completely or not at all: by every call of the engine,
//! and with a fault at each of its operations.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // a failing helper is a failing test

mod faults;
#[path = "../scene/mod.rs"]
mod scene;

use std::cell::Cell;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;

use hallway_engine::{Applied, Caller, Cancel, EditError, Engine, Event, NewEndpoint, Removed};
use hallway_kernel::gate::{Counter, Gate};
use hallway_spec::{Edit, Name, NewNetwork};
use hallway_testkit::{Snapshot, Test, sh, wait_for};

use scene::{Each, SCOPE, down, engine, project, tidy, topology, up, up_reporting, with_gate};

/// A bridge, a routed network, a cable, a published port and policies.
const FILE: &str = "networks:
  apps: { subnet: [10.9.0.0/24, \"fd09::/64\"] }
  store: { subnet: 10.8.0.0/24, mode: routed }
nodes:
  a: { networks: [apps], ports: [\"8080:80\"] }
  b: { networks: { store: { bandwidth: 10mbit } } }
  c: { networks: [apps], dns: [10.9.0.1] }
links: [{ endpoints: { c: 10.1.0.1/24, e: 10.1.0.2/24 } }]
policies: [{ from: a, to: b, ports: [80/tcp] }]
";

/// The same project changed: without one node, cable, network and port, and with new ones.
const OTHER: &str = "networks:
  apps: { subnet: [10.9.0.0/24, \"fd09::/64\"], mtu: 1400 }
  more: { subnet: 10.7.0.0/24, internal: true }
nodes:
  a: { networks: [apps], ports: [\"8081:80\"] }
  c: { networks: [apps, more] }
  f: { networks: [more] }
links: [{ endpoints: { a: 10.2.0.1/24, f: 10.2.0.2/24 } }]
policies: [{ from: apps, to: more }]
";

/// One program that listens, and one that waits for it.
const PROGRAMS: &str = "networks: { apps: { subnet: 10.9.0.0/24 } }
nodes:
  a: { networks: [apps], command: [sleep, \"1000\"], ports: [\"8080:80\"] }
";

fn gated(gate: Arc<dyn Gate>) -> Engine {
    with_gate(Some(gate))
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The state that hallway shows of the project, and what the kernel and the state directory hold.
#[derive(Debug, PartialEq)]
struct State {
    applied: Option<hallway_plan::Settled>,
    source: Option<String>,
    pending: bool,
    differences: Vec<String>,
    steps: usize,
    rules: String,
    files: String,
}

impl State {
    fn of(text: &str) -> Self {
        let engine = engine();
        let record = engine.record(&project()).unwrap();
        let status = engine.status(&project()).unwrap();
        let drift = status.map_or_else(Vec::new, |s| s.differences);
        Self {
            applied: record.as_ref().and_then(|r| r.applied.clone()),
            source: record.as_ref().map(|r| r.source.clone()),
            pending: record.is_some_and(|r| r.pending.is_some()),
            differences: drift.iter().map(|d| format!("{d:?}")).collect(),
            steps: engine.plan(&topology(text), &[]).unwrap().plan.steps.len(),
            // The kernel adds and removes elements of the sets that connections are counted in.
            rules: sh(
                "nft list tables | sort | while read -r _ family name; do nft -s list table $family $name; done | sed 's, # progname.*,,; /set counted/,/^\t}/d; /set ended/,/^\t}/d'",
            ),
            files: sh(
                "find /run/state /run/netns | grep -v -e settled- -e /leases -e log.times | sort; ls /run/state/host/projects/shop | grep -c settled-",
            ),
        }
    }

    /// The project matches the text, and nothing else is left of it.
    fn assert_complete(&self) {
        assert_eq!(self.differences, [""; 0]);
        assert_eq!(self.steps, 0);
        assert!(!self.pending);
        assert!(
            self.files.ends_with("\n1\n"),
            "settled files: {}",
            self.files
        );
    }
}

fn up_then_nothing_then_down() {
    let before = Snapshot::take();
    assert!(up(&engine(), FILE).unwrap());
    State::of(FILE).assert_complete();

    let counter = Arc::new(Counter::default());
    assert!(!up(&gated(counter.clone()), FILE).unwrap());
    assert_eq!(counter.changes_total(), 0, "{:?}", counter.changes());
    assert!(!counter.reads().is_empty());

    assert_eq!(down(&engine()).unwrap(), Removed::Project);
    before.unchanged();
    assert_eq!(down(&engine()).unwrap(), Removed::Nothing);
    before.unchanged();
}

/// Runs an edit; returns the engine's message.
fn edit(engine: &Engine, change: &Edit) -> Result<String, EditError> {
    let cancel = Cancel::default();
    let mut caller = Caller {
        reporter: &mut Each(drop),
        cancel: &cancel,
    };
    engine
        .edit(&project(), change, &mut caller)
        .map(|_edited| text(engine))
}

/// The text on record.
fn text(engine: &Engine) -> String {
    let record = engine.record(&project()).unwrap();
    record.unwrap().source
}

fn edits_change_text_and_network_together() {
    let before = Snapshot::take();
    up(&engine(), FILE).unwrap();
    let text = edit(
        &engine(),
        &Edit::Connect(name("b"), name("apps"), Vec::new()),
    )
    .unwrap();
    State::of(&text).assert_complete();
    assert_eq!(engine().record(&project()).unwrap().unwrap().source, text);

    let seen = State::of(&text);
    let refused = edit(&engine(), &Edit::NetworkRemove(name("apps"))).unwrap_err();
    assert!(matches!(refused, EditError::Refused(_)), "{refused:?}");
    assert_eq!(State::of(&text), seen);

    // A project that does not exist is made.
    down(&engine()).unwrap();
    before.unchanged();
    let add = Edit::NetworkAdd(NewNetwork {
        name: name("lan"),
        subnets: vec!["10.6.0.0/24".parse().unwrap()],
        gateways: Vec::new(),
        internal: false,
        outside: false,
        routed: false,
        parent: None,
        vlan: None,
        mtu: None,
    });
    let text = edit(&engine(), &add).unwrap();
    State::of(&text).assert_complete();
    down(&engine()).unwrap();
    before.unchanged();
}

fn endpoints_are_attached_and_detached() {
    let before = Snapshot::take();
    let engine = engine();
    let cancel = Cancel::default();
    up(&engine, FILE).unwrap();
    let without = State::of(FILE);
    let address: IpAddr = "10.9.0.77".parse().unwrap();
    let endpoint = NewEndpoint {
        node: name("x"),
        networks: vec![(name("apps"), vec![address])],
        ports: vec!["9090:90".into()],
    };
    let mut caller = Caller {
        reporter: &mut Each(drop),
        cancel: &cancel,
    };
    engine.attach(&project(), &endpoint, &mut caller).unwrap();
    let attached = text(&engine);
    State::of(&attached).assert_complete();
    assert!(sh("ip -n x -o addr").contains("10.9.0.77/24"));
    sh("ip netns exec x ping -c 1 -W 30 10.9.0.1");

    let mut caller = Caller {
        reporter: &mut Each(drop),
        cancel: &cancel,
    };
    let again = engine
        .attach(&project(), &endpoint, &mut caller)
        .unwrap_err();
    assert!(matches!(again, EditError::Refused(_)), "{again:?}");
    State::of(&attached).assert_complete();

    let mut caller = Caller {
        reporter: &mut Each(drop),
        cancel: &cancel,
    };
    engine.detach(&project(), &name("x"), &mut caller).unwrap();
    let after = State::of(&text(&engine));
    after.assert_complete();
    assert_eq!(after.files, without.files);
    assert!(!after.rules.contains("10.9.0.77") && !after.rules.contains("9090"));
    down(&engine).unwrap();
    before.unchanged();
}

fn a_port_in_use_is_found_before_anything_is_changed() {
    let before = Snapshot::take();
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let counter = Arc::new(Counter::default());
    let failure = up(&gated(counter.clone()), FILE).unwrap_err();
    assert_eq!(failure.code(), "port-in-use");
    assert!(failure.place.is_some());
    assert_eq!(counter.changes_total(), 0, "{:?}", counter.changes());
    tidy(&engine());
    before.unchanged();
    drop(listener);
    up(&engine(), FILE).unwrap();
    down(&engine()).unwrap();
    before.unchanged();
}

fn a_program_that_fails_rolls_back() {
    let before = Snapshot::take();
    let bad = PROGRAMS.replace("[sleep, \"1000\"]", "[sh, -c, \"echo no; exit 3\"]");
    let failure = up(&engine(), &bad).unwrap_err();
    assert_eq!(failure.code(), "not-ready");
    assert!(failure.to_string().contains("no"), "{failure}");
    assert_eq!(failure.also, []);
    tidy(&engine());
    before.unchanged();

    // The same with a running project: its program continues, or runs again.
    up(&engine(), PROGRAMS).unwrap();
    let wanted = State::of(PROGRAMS);
    let failure = up(&engine(), &bad).unwrap_err();
    assert_eq!(failure.code(), "not-ready");
    assert_eq!(failure.also, []);
    assert_eq!(State::of(PROGRAMS), wanted);
    wait_for("its start", || sh("ps ax").contains("sleep 1000"));
    assert!(!up(&engine(), PROGRAMS).unwrap());
    down(&engine()).unwrap();
    before.unchanged();
}

/// Cancels at the step with that number; returns the message of `up`.
fn cancelled_at(step: usize, text: &str) -> (String, usize) {
    let cancel = Cancel::default();
    let begun = Cell::new(0);
    let failure = up_reporting(&engine(), text, &cancel, |event| {
        if let Event::StepStarted { position, .. } = event {
            begun.set(begun.get() + 1);
            if position == step {
                cancel.cancel();
            }
        }
    })
    .unwrap_err();
    assert_eq!(failure.also, []);
    (failure.code().to_owned(), begun.get())
}

fn a_cancelled_run_stops_before_its_next_step() {
    let before = Snapshot::take();
    let steps = engine()
        .plan(&topology(FILE), &[])
        .unwrap()
        .plan
        .steps
        .len();
    for step in [0, 1, steps / 2, steps - 1] {
        assert_eq!(cancelled_at(step, FILE), ("interrupted".into(), step + 1));
        tidy(&engine());
        before.unchanged();
    }
    up(&engine(), FILE).unwrap();
    let wanted = State::of(FILE);
    let steps = engine()
        .plan(&topology(OTHER), &[])
        .unwrap()
        .plan
        .steps
        .len();
    for step in [0, steps / 2, steps - 1] {
        assert_eq!(cancelled_at(step, OTHER), ("interrupted".into(), step + 1));
        assert_eq!(State::of(FILE), wanted, "step {step}");
    }
    down(&engine()).unwrap();
    before.unchanged();
}

fn a_run_can_be_rolled_back_after_it_is_complete() {
    fn roll_back(applied: Applied<'_>) {
        let cancel = Cancel::default();
        let mut events = Vec::new();
        let mut reporter = Each(|event| events.push(event));
        let mut caller = Caller {
            reporter: &mut reporter,
            cancel: &cancel,
        };
        applied.roll_back(&mut caller).unwrap();
        assert_eq!(events, [Event::Restoring]);
    }
    let before = Snapshot::take();
    let (engine, cancel) = (engine(), Cancel::default());
    roll_back(up_reporting(&engine, FILE, &cancel, drop).unwrap());
    tidy(&engine);
    before.unchanged();

    up(&engine, FILE).unwrap();
    let wanted = State::of(FILE);
    let applied = up_reporting(&engine, OTHER, &cancel, drop).unwrap();
    assert!(applied.changed);
    roll_back(applied);
    assert_eq!(State::of(FILE), wanted);
    assert!(sh("ss -ltn").contains("127.0.0.1:8080 "));
    assert!(!sh("ss -ltn").contains(":8081 "));
    down(&engine).unwrap();
    before.unchanged();
}

/// The lock is held until the caller has examined what was built.
fn what_was_built_stays_locked_while_it_is_examined() {
    let engine = engine();
    let cancel = Cancel::default();
    let applied = up_reporting(&engine, FILE, &cancel, drop).unwrap();
    assert!(hallway_engine::Lock::try_take(SCOPE.as_ref()).is_none());
    drop(applied);
    assert!(hallway_engine::Lock::try_take(SCOPE.as_ref()).is_some());
    down(&engine).unwrap();
}

fn main() {
    macro_rules! tests {
        ($($name:path),* $(,)?) => {
            &[$(Test { name: stringify!($name).rsplit("::").next().unwrap_or_default().trim(), run: $name }),*]
        };
    }
    scene::main(tests![
        up_then_nothing_then_down,
        edits_change_text_and_network_together,
        endpoints_are_attached_and_detached,
        faults::a_fault_in_the_first_up_leaves_nothing,
        faults::a_fault_in_a_change_leaves_what_was_there,
        faults::a_fault_in_down_is_made_up_for_by_the_next,
        a_port_in_use_is_found_before_anything_is_changed,
        a_program_that_fails_rolls_back,
        a_cancelled_run_stops_before_its_next_step,
        a_run_can_be_rolled_back_after_it_is_complete,
        what_was_built_stays_locked_while_it_is_examined,
    ]);
}
