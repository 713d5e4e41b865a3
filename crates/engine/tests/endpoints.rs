//! One node at a time: the time does not depend on the number of others, the result is that of a
//! run of the whole, and it is done completely or not at all.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // a failing helper is a failing test

mod scene;

use std::collections::BTreeMap;
use std::sync::Arc;

use hallway_engine::{Caller, Cancel, EditError, Engine, NewEndpoint};
use hallway_kernel::gate::{Counter, Fault, Faults, Gate, OperationKind};
use hallway_spec::{Diagnostic as _, Name, Place};
use hallway_testkit::{Snapshot, Test, sh};

use scene::{Each, SCOPE, down, engine, project, tidy, topology, up, with_gate};

const EPERM: i32 = 1;
const EIO: i32 = 5;

/// Nodes that policies, links and expectations name, and others.
fn file(others: usize) -> String {
    let more: String = (0..others)
        .map(|i| {
            format!(
                "  n{i}: {{ networks: [apps], ports: [\"{}:80\"] }}\n",
                9000 + i
            )
        })
        .collect();
    format!(
        "networks:
  apps: {{ subnet: [10.9.0.0/20, \"fd09::/64\"] }}
  store: {{ subnet: 10.8.0.0/24, internal: true }}
nodes:
  a: {{ networks: [apps], ports: [\"8080:80\", \"7000-7010:7000-7010\"] }}
  b: {{ networks: [store] }}
{more}links: [{{ endpoints: {{ a: 10.1.0.1/24, e: 10.1.0.2/24 }} }}]
policies: [{{ from: a, to: b, ports: [80/tcp] }}, {{ from: apps, to: store, ports: [81/tcp] }}]
expect: [{{ from: a, to: b, port: 80/tcp }}]
"
    )
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn endpoint(node: &str, network: &str, port: Option<&str>) -> NewEndpoint {
    NewEndpoint {
        node: name(node),
        networks: vec![(name(network), Vec::new())],
        ports: port.map(str::to_owned).into_iter().collect(),
    }
}

fn code_of(error: &EditError) -> &str {
    match error {
        EditError::Refused(why) => why.code(),
        EditError::Invalid(problems) => problems.problems.first().unwrap().code(),
        EditError::Conflict(failure) | EditError::Failed(failure) => failure.code(),
    }
}

fn attach(engine: &Engine, endpoint: &NewEndpoint) -> Result<(), EditError> {
    let cancel = Cancel::default();
    let mut caller = Caller {
        reporter: &mut Each(drop),
        cancel: &cancel,
    };
    engine.attach(&project(), endpoint, &mut caller).map(drop)
}

fn detach(engine: &Engine, node: &str) -> Result<(), EditError> {
    let cancel = Cancel::default();
    let mut caller = Caller {
        reporter: &mut Each(drop),
        cancel: &cancel,
    };
    engine
        .detach(&project(), &name(node), &mut caller)
        .map(drop)
}

/// Nothing differs from the record, a run of the whole text has nothing to do, and no change is
/// unfinished.
fn assert_complete() {
    let record = engine().record(&project()).unwrap().unwrap();
    let drift = engine().status(&project()).unwrap().unwrap().differences;
    assert!(drift.is_empty(), "{drift:#?}");
    assert!(record.pending.is_none());
    let plan = engine().plan(&topology(&record.source), &[]).unwrap().plan;
    assert!(plan.is_empty(), "{plan:#?}\n{}", record.source);
}

/// The state of the project, without what differs between two equal runs.
fn state() -> String {
    let record = engine().record(&project()).unwrap().unwrap();
    let mut applied = record.applied.unwrap();
    let nowhere = Place::default;
    for network in &mut applied.networks {
        network.last_allocated.clear();
        network.place = nowhere();
    }
    applied.nodes.iter_mut().for_each(|n| n.place = nowhere());
    // Nodes that only links name are last in a settled text.
    applied.nodes.sort_by(|a, b| a.name.cmp(&b.name));
    applied.publishes.sort_by_key(|p| p.host_ports.first());
    applied
        .policies
        .iter_mut()
        .for_each(|p| p.place = nowhere());
    applied
        .publishes
        .iter_mut()
        .for_each(|p| p.place = nowhere());
    // The kernel adds and removes elements of the sets that connections are counted in.
    let rules = sh(
        "nft -s list ruleset | sed 's, # progname.*,,; /set counted/,/^\t}/d; /set ended/,/^\t}/d'",
    );
    // The kernel removes the link of a removed node a moment later.
    let links = sh("ip -o link | cut -d: -f2 | cut -d@ -f1 | sed '/hw-gone/d' | sort");
    let files = sh(
        "cd /run/state/host/projects/shop; cat hosts/* | sort; ls logs resolv 2>/dev/null; ls /run/netns",
    );
    let leases = sh(
        "cd /run/state/host/leases/shop; find . -type f ! -name '*.released' ! -name .last | sort",
    );
    format!("{applied:#?}{}{rules}{links}{files}{leases}", record.source)
}

/// Changes and reads by kind; not of links: how often one is looked for depends on how fast the
/// kernel removes it.
fn operations(run: impl FnOnce(&Engine)) -> [BTreeMap<OperationKind, usize>; 2] {
    let counter = Arc::new(Counter::default());
    run(&with_gate(Some(counter.clone())));
    [counter.changes(), counter.reads()].map(|mut counts| {
        counts.remove(&OperationKind::Link);
        counts
    })
}

/// The number of operations does not depend on the number of nodes.
fn the_price_is_flat() {
    let before = Snapshot::take();
    let mut prices = Vec::new();
    for others in [2, 40] {
        up(&engine(), &file(others)).unwrap();
        let mut steps = Vec::new();
        for (node, port) in [("x", None), ("y", Some("8081:80"))] {
            let endpoint = endpoint(node, "apps", port);
            steps.push(operations(|engine| attach(engine, &endpoint).unwrap()));
        }
        assert_complete();
        for node in ["x", "y", "n0"] {
            steps.push(operations(|engine| detach(engine, node).unwrap()));
        }
        assert_complete();
        down(&engine()).unwrap();
        before.unchanged();
        prices.push(steps);
    }
    assert_eq!(prices[0], prices[1]);
}

/// Nodes added and removed one at a time leave what one run of the resulting text would build.
fn the_result_is_that_of_one_run() {
    let before = Snapshot::take();
    up(&engine(), &file(3)).unwrap();
    attach(&engine(), &endpoint("x", "apps", Some("8081:80"))).unwrap();
    attach(&engine(), &endpoint("y", "store", None)).unwrap();
    assert_complete();
    sh("ip netns exec x ping -c 1 -W 30 10.9.0.1; ip netns exec x ping -c 1 -W 30 n1 || true");
    assert!(
        sh("ip netns exec y ip route").contains("10.9.0.0/20"),
        "the route of a policy"
    );
    let hosts = sh("cat /run/state/host/projects/shop/hosts/*");
    assert!(hosts.contains("\tx\n") && hosts.contains("\ty\n"));
    detach(&engine(), "n1").unwrap();
    detach(&engine(), "x").unwrap();
    attach(&engine(), &endpoint("n1", "apps", Some("9001:81"))).unwrap();
    assert_complete();
    let seen = state();
    let source = engine().record(&project()).unwrap().unwrap().source;
    assert!(!up(&engine(), &source).unwrap(), "nothing to change");
    assert_eq!(state(), seen);
    down(&engine()).unwrap();
    before.unchanged();
}

/// Errors are those of a run of the whole.
fn what_is_not_possible_is_refused() {
    up(&engine(), &file(2)).unwrap();
    let seen = state();
    for (endpoint, code) in [
        (endpoint("a", "apps", None), "already-exists"),
        (endpoint("x", "nowhere", None), "unknown-name"),
        (
            endpoint("x", "apps", Some("8080:80")),
            "port-published-twice",
        ),
        (
            endpoint("x", "apps", Some("7005:80")),
            "port-published-twice",
        ),
        (
            endpoint("x", "apps", Some("9001:80")),
            "port-published-twice",
        ),
        (endpoint("x", "store", Some("8081:80")), "publish-no-effect"),
    ] {
        let error = attach(&engine(), &endpoint).unwrap_err();
        assert_eq!(code_of(&error), code, "{error:?}");
        assert_eq!(state(), seen, "{code}: {error:?}");
    }
    assert_eq!(
        code_of(&detach(&engine(), "nobody").unwrap_err()),
        "not-found"
    );
    // A name that something else has.
    sh("ip netns add x");
    let error = attach(&engine(), &endpoint("x", "apps", None)).unwrap_err();
    assert_eq!(code_of(&error), "namespace-exists");
    sh("ip netns del x");
    assert_eq!(state(), seen);
    // A node that policies name goes with them.
    detach(&engine(), "b").unwrap();
    assert_complete();
    down(&engine()).unwrap();
}

/// After a fault at each operation of an attach and of a detach, the former state is restored.
fn a_fault_leaves_what_was_there() {
    let before = Snapshot::take();
    up(&engine(), &file(2)).unwrap();
    let added = endpoint("x", "apps", Some("8081:80"));
    let faults = |count: usize| {
        let all = std::env::var("HALLWAY_TEST_EXHAUSTIVE").is_ok_and(|v| v == "1");
        let step = if all { 1 } else { (count / 12).max(1) };
        (0..count).step_by(step)
    };
    let count = |run: &dyn Fn(&Engine)| {
        let gate = Arc::new(Faults::at(usize::MAX, Fault::Before(EPERM)));
        run(&with_gate(Some(gate.clone())));
        gate.seen()
    };
    let (to_attach, to_detach) = (
        count(&|engine| attach(engine, &added).unwrap()),
        count(&|engine| detach(engine, "x").unwrap()),
    );
    let without = state();
    for position in faults(to_attach) {
        let fault = [Fault::Before(EPERM), Fault::After(EIO)][position % 2];
        eprintln!("attach: {fault:?} at {position} of {to_attach}");
        let gate: Arc<dyn Gate> = Arc::new(Faults::at(position, fault));
        if let Err(error) = attach(&with_gate(Some(gate)), &added) {
            assert_eq!(state(), without, "{error:?}");
            assert_complete();
            attach(&engine(), &added).unwrap();
        }
        assert_complete();
        detach(&engine(), "x").unwrap();
        assert_eq!(state(), without);
    }
    attach(&engine(), &added).unwrap();
    for position in faults(to_detach) {
        let fault = [Fault::Before(EPERM), Fault::After(EIO)][position % 2];
        eprintln!("detach: {fault:?} at {position} of {to_detach}");
        let gate: Arc<dyn Gate> = Arc::new(Faults::at(position, fault));
        let failed = detach(&with_gate(Some(gate)), "x").is_err();
        assert_complete();
        assert_eq!(sh("ip netns list").contains('x'), failed);
        if !failed {
            attach(&engine(), &added).unwrap();
        }
    }
    assert!(sh("ss -ltn").contains("127.0.0.1:8081 "));
    down(&engine()).unwrap();
    before.unchanged();
}

/// Fails every operation from a position on, as if the process had ended there.
#[derive(Debug)]
struct Ended {
    at: usize,
    seen: std::sync::atomic::AtomicUsize,
}

impl Gate for Ended {
    fn before(
        &self,
        operation: &hallway_kernel::gate::Operation<'_>,
    ) -> Result<(), hallway_kernel::KernelError> {
        let seen = self.seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match seen < self.at {
            true => Ok(()),
            false => Err(operation.refused(EPERM)),
        }
    }

    fn one_by_one(&self) -> bool {
        true
    }
}

/// A process that ends at any operation leaves what the next `up`, edit or `down` completes.
fn an_end_at_any_operation_is_made_up_for() {
    let before = Snapshot::take();
    let added = endpoint("x", "apps", Some("8081:80"));
    let source = || engine().record(&project()).unwrap().unwrap().source;
    let complete = || {
        up(&engine(), &source()).unwrap();
        assert_complete();
    };
    for at in (0..40).step_by(4) {
        eprintln!("ends at {at}");
        let ended = || -> Arc<dyn Gate> {
            let seen = std::sync::atomic::AtomicUsize::new(0);
            Arc::new(Ended { at, seen })
        };
        up(&engine(), &file(2)).unwrap();
        drop(attach(&with_gate(Some(ended())), &added));
        if at % 8 == 0 {
            // The next change of another node clears or completes it as well.
            attach(&engine(), &endpoint("y", "apps", None)).unwrap();
            assert_complete();
            detach(&engine(), "y").unwrap();
        } else {
            complete();
        }
        if !source().contains("8081") {
            attach(&engine(), &added).unwrap();
        }
        assert_complete();
        drop(detach(&with_gate(Some(ended())), "x"));
        complete();
        drop(attach(
            &with_gate(Some(ended())),
            &endpoint("y", "apps", None),
        ));
        down(&engine()).unwrap();
        tidy(&engine());
        before.unchanged();
    }
    assert!(!std::path::Path::new(SCOPE).exists());
}

/// A removed node's address is allocated again only after all others, and no connection of the
/// one is left for the other.
fn a_freed_address_is_not_reused_at_once() {
    up(&engine(), &file(1)).unwrap();
    let address = |node: &str| {
        sh(&format!(
            "ip netns exec {node} ip -4 -o addr show eth0 | awk '{{print $4}}'"
        ))
    };
    attach(&engine(), &endpoint("x", "apps", None)).unwrap();
    let first = address("x");
    sh("ip netns exec x ping -c 1 -W 30 10.9.0.1; conntrack -L 2>/dev/null | grep -q 10.9");
    detach(&engine(), "x").unwrap();
    let ip = first.split('/').next().unwrap().trim().to_owned();
    assert!(!sh("conntrack -L 2>/dev/null || true").contains(&format!("={ip} ")));
    attach(&engine(), &endpoint("y", "apps", None)).unwrap();
    assert_ne!(address("y"), first);
    // Also after a run of the whole.
    detach(&engine(), "y").unwrap();
    up(&engine(), &file(1)).unwrap();
    attach(&engine(), &endpoint("z", "apps", None)).unwrap();
    assert_ne!(address("z"), first);
    down(&engine()).unwrap();
}

fn main() {
    macro_rules! tests {
        ($($name:ident),* $(,)?) => {
            &[$(Test { name: stringify!($name), run: $name }),*]
        };
    }
    scene::main(tests![
        the_price_is_flat,
        the_result_is_that_of_one_run,
        what_is_not_possible_is_refused,
        a_fault_leaves_what_was_there,
        an_end_at_any_operation_is_made_up_for,
        a_freed_address_is_not_reused_at_once,
    ]);
}
