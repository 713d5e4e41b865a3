//! An engine on the test's own namespaces, whose keepers are processes of the test binary.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hallway_engine::{
    Applied, Caller, Cancel, Engine, Event, Failure, Removed, Reporter, RequestedState, Workplace,
};
use hallway_kernel::gate::Gate;
use hallway_spec::{Name, Topology};
use hallway_testkit::{Test, sh};

/// The directory of the scope's state.
pub(crate) const SCOPE: &str = "/run/state/host";
/// How long a program may take to become ready.
const READY: Duration = Duration::from_secs(60);
/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// The `main` of a test file: a keeper or a program's runner if the arguments say so, else the
/// tests.
pub(crate) fn main(tests: &[Test]) {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [
            "__keeper",
            project,
            directory,
            holder,
            starter,
            files,
            scope,
            ..,
        ] => {
            hallway_keeper::serve(&hallway_keeper::Options {
                program: "/proc/self/exe".into(),
                project: (*project).to_owned(),
                directory: directory.into(),
                scope: scope.into(),
                holder: holder.parse().ok(),
                starter: starter.parse().ok(),
                grace: GRACE,
                open_files: files.parse().ok(),
            })
            .unwrap();
        }
        ["__program", ..] => hallway_keeper::run_program().unwrap(),
        _ => hallway_testkit::main(tests),
    }
}

/// An engine without a gate.
pub(crate) fn engine() -> Engine {
    with_gate(None)
}

/// An engine whose operations pass that gate.
pub(crate) fn with_gate(gate: Option<Arc<dyn Gate>>) -> Engine {
    let program = "/proc/self/exe".into();
    let workplace = Workplace {
        program,
        gate,
        ..Workplace::default()
    };
    Engine::new(Path::new(SCOPE), workplace)
}

/// The project of all tests.
pub(crate) fn project() -> Name {
    "shop".parse().unwrap()
}

/// The topology of a text.
pub(crate) fn topology(text: &str) -> Topology {
    let parsed = hallway_spec::parse("shop.hallway.yaml", text);
    let mut topology = parsed.unwrap_or_else(|e| panic!("{e:?}")).topology;
    topology.name = project();
    topology
}

/// A reporter that calls a function with each event.
pub(crate) struct Each<F>(pub(crate) F);

impl<F: FnMut(Event)> Reporter for Each<F> {
    fn report(&mut self, event: Event) {
        (self.0)(event);
    }
}

/// `up` of a text, with events to a function, which may cancel the run.
pub(crate) fn up_reporting<'e>(
    engine: &'e Engine,
    text: &str,
    cancel: &Cancel,
    each: impl FnMut(Event),
) -> Result<Applied<'e>, Failure> {
    let topology = topology(text);
    let request = RequestedState {
        topology: &topology,
        source: text,
        path: None,
        ready_limit: READY,
        all_ready: false,
        allow_through: &[],
        repair: false,
        replace: false,
    };
    engine.up(
        &request,
        &mut Caller {
            reporter: &mut Each(each),
            cancel,
        },
    )
}

/// `up` of a text; whether anything was changed.
pub(crate) fn up(engine: &Engine, text: &str) -> Result<bool, Failure> {
    up_reporting(engine, text, &Cancel::default(), drop).map(|applied| applied.changed)
}

/// `down`, with the scope's directory removed when no project is left.
pub(crate) fn down(engine: &Engine) -> Result<Removed, Failure> {
    let cancel = Cancel::default();
    let mut caller = Caller {
        reporter: &mut Each(drop),
        cancel: &cancel,
    };
    let removed = engine.down(&project(), &mut caller)?;
    tidy(engine);
    Ok(removed)
}

/// Removes the scope's directory and the one above it, if they are empty.
pub(crate) fn tidy(engine: &Engine) {
    engine.tidy();
    sh("rmdir /run/state 2>/dev/null || true");
}
