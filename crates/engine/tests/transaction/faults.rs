//! A fault at any operation: the run fails, and the former state is restored.

use std::sync::Arc;

use hallway_engine::{Engine, Removed};
use hallway_kernel::KernelError;
use hallway_kernel::gate::{Counter, Fault, Faults, Gate, Operation, OperationKind};
use hallway_testkit::Snapshot;

use super::scene::{down, engine, tidy, up};
use super::{FILE, OTHER, State, gated};

const EPERM: i32 = 1;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// How many changes pass the gate while this runs.
fn operations(run: impl FnOnce(&Engine)) -> usize {
    let gate = Arc::new(Counted::at(usize::MAX, Fault::Before(EPERM)));
    run(&gated(gate.clone()));
    gate.faults.seen()
}

/// Positions of faults, with the fault at each: all of them for `HALLWAY_TEST_EXHAUSTIVE=1`, else
/// `count` spread over the run.
fn faults(operations: usize, count: usize) -> Vec<(usize, Fault)> {
    let kinds = [
        Fault::Before(EPERM),
        Fault::After(EIO),
        Fault::Before(ENOSPC),
    ];
    let all = std::env::var("HALLWAY_TEST_EXHAUSTIVE").is_ok_and(|v| v == "1");
    match all {
        true => (0..operations)
            .flat_map(|p| kinds.map(|k| (p, k)))
            .collect(),
        false => (0..count)
            .map(|i| (i * operations / count, i))
            .chain([(operations - 1, 1)])
            .map(|(position, i)| (position, kinds[i % kinds.len()]))
            .collect(),
    }
}

/// Causes a fault, and counts the operations that failed.
#[derive(Debug)]
struct Counted {
    faults: Faults,
    counter: Counter,
}

impl Counted {
    fn at(position: usize, fault: Fault) -> Self {
        Self {
            faults: Faults::at(position, fault),
            counter: Counter::default(),
        }
    }

    /// Whether equal runs have the operation equally often. There are connections to delete only if
    /// the kernel has sent packets itself meanwhile, like IGMP.
    fn is_regular(operation: &Operation<'_>) -> bool {
        operation.kind != OperationKind::Conntrack
    }
}

impl Gate for Counted {
    fn before(&self, operation: &Operation<'_>) -> Result<(), KernelError> {
        match Self::is_regular(operation) {
            true => self.faults.before(operation),
            false => Ok(()),
        }
    }

    fn after(
        &self,
        operation: &Operation<'_>,
        result: Result<(), &KernelError>,
    ) -> Result<(), KernelError> {
        self.counter.after(operation, result)?;
        match Self::is_regular(operation) {
            true => self.faults.after(operation, result),
            false => Ok(()),
        }
    }

    fn one_by_one(&self) -> bool {
        true
    }
}

/// `up` with a fault. It fails, and restores everything. It succeeds only if the operation failed
/// without the fault, because what it was to remove did not exist: then it keeps its own error.
/// Whether it failed.
fn fails_with(position: usize, fault: Fault, text: &str) -> bool {
    let gate = Arc::new(Counted::at(position, fault));
    let outcome = up(&gated(gate.clone()), text);
    assert!(
        gate.faults.seen() > position,
        "{fault:?} at {position} was not met"
    );
    match outcome {
        Err(failure) => {
            assert!(
                failure.also.is_empty(),
                "{fault:?} at {position}: {failure:?}"
            );
            true
        }
        Ok(_) => {
            let own = matches!(fault, Fault::After(_)) && gate.counter.failed_total() > 0;
            assert!(own, "{fault:?} at {position} did not fail the run");
            false
        }
    }
}

pub(crate) fn a_fault_in_the_first_up_leaves_nothing() {
    let before = Snapshot::take();
    let count = operations(|engine| assert!(up(engine, FILE).unwrap()));
    down(&engine()).unwrap();
    before.unchanged();
    assert!(count > 60, "{count} operations");
    for (position, fault) in faults(count, 20) {
        eprintln!("{fault:?} at {position} of {count}");
        assert!(fails_with(position, fault, FILE));
        tidy(&engine());
        before.unchanged();
        up(&engine(), FILE).unwrap();
        State::of(FILE).assert_complete();
        assert_eq!(down(&engine()).unwrap(), Removed::Project);
        before.unchanged();
    }
}

pub(crate) fn a_fault_in_a_change_leaves_what_was_there() {
    let before = Snapshot::take();
    up(&engine(), FILE).unwrap();
    let count = operations(|engine| assert!(up(engine, OTHER).unwrap()));
    State::of(OTHER).assert_complete();
    up(&engine(), FILE).unwrap();
    let wanted = State::of(FILE);
    wanted.assert_complete();
    for (position, fault) in faults(count, 20) {
        eprintln!("{fault:?} at {position} of {count}");
        if fails_with(position, fault, OTHER) {
            assert_eq!(State::of(FILE), wanted, "{fault:?} at {position}");
        }
        up(&engine(), OTHER).unwrap();
        State::of(OTHER).assert_complete();
        up(&engine(), FILE).unwrap();
        assert_eq!(State::of(FILE), wanted, "after {fault:?} at {position}");
    }
    down(&engine()).unwrap();
    before.unchanged();
}

/// A `down` that fails can be called again.
pub(crate) fn a_fault_in_down_is_made_up_for_by_the_next() {
    let before = Snapshot::take();
    up(&engine(), FILE).unwrap();
    let count = operations(|engine| assert_eq!(down(engine).unwrap(), Removed::Project));
    before.unchanged();
    for (position, fault) in faults(count, 10) {
        eprintln!("{fault:?} at {position} of {count}");
        up(&engine(), FILE).unwrap();
        let gate = Arc::new(Counted::at(position, fault));
        // An operation whose failure does not matter, like removing a directory, is not a failure.
        let first = down(&gated(gate));
        down(&engine()).unwrap_or_else(|e| panic!("{fault:?} at {position}: {first:?}, {e:?}"));
        before.unchanged();
    }
}
