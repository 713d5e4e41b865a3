//! Which programs are started although one that they depend on has failed.

use std::collections::BTreeSet;

use hallway_spec::{Condition, Dependency, Name};

use crate::settled::{Settled, Workload};

/// One that may fail and was started is no reason not to start those that only need its start.
pub(super) fn not_required(settled: &mut Settled) {
    let may_fail = settled.programs().filter(|p| p.service.may_fail);
    let may_fail: BTreeSet<Name> = may_fail.map(|p| p.name.clone()).collect();
    let started = |on: &&mut Dependency| {
        on.condition == Condition::ServiceStarted && may_fail.contains(&on.node)
    };
    let nodes = settled.nodes.iter_mut();
    let programs = nodes.flat_map(|node| {
        let own: Option<&mut Workload> = node.service.as_mut();
        own.into_iter()
            .chain(node.sidecars.iter_mut().map(|s| &mut s.service))
    });
    for on in programs.flat_map(|p| &mut p.depends_on).filter(started) {
        on.required = false;
    }
}
