//! Services that depend on one another in a cycle. Cycles of programs are problems of the translation;
//! these are the others, whose services without a program do not appear in it.

use std::collections::BTreeSet;

use hallway_spec::problem::NodeProblem;
use hallway_spec::{Entry, Name, cycle_of};

use super::service::Service;
use crate::findings::Findings;

pub(super) fn check(services: &[Service], findings: &mut Findings) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in services {
        // Each with the number of its dependencies that were followed.
        let mut path: Vec<(&Service, usize)> = vec![(start, 0)];
        while let Some((service, next)) = path.last().copied() {
            let found = dependencies(service).get(next);
            let Some(entry) = found.filter(|_| !done.contains(service.name.as_str())) else {
                done.insert(&service.name);
                path.pop();
                continue;
            };
            if let Some(top) = path.last_mut() {
                top.1 += 1;
            }
            let begin = path.iter().position(|(s, _)| s.name == entry.key);
            match begin.and_then(|begin| path.get(begin..)) {
                Some(cycle) => report(entry, cycle.iter().map(|(s, _)| *s), findings),
                None => {
                    let known = services.iter().find(|s| s.name == entry.key);
                    path.extend(known.map(|s| (s, 0)));
                }
            }
        }
    }
}

/// Services of which each shares the network of the next: one message for each cycle, also for services
/// without a program, which would be left out.
pub(super) fn of_networks(services: &[Service], findings: &mut Findings) {
    let next = |name: &Name| {
        let service = services.iter().find(|s| s.name == name.as_ref())?;
        service.shares.as_ref()?.text()?.parse().ok()
    };
    let mut done: BTreeSet<Name> = BTreeSet::new();
    for service in services {
        let Ok(start) = service.name.parse::<Name>() else {
            continue;
        };
        let (Some(shares), false) = (&service.shares, done.contains(&start)) else {
            continue;
        };
        if let Some(cycle) = cycle_of(&start, next) {
            done.extend(cycle.iter().cloned());
            findings.problem(&shares.place, NodeProblem::NamespaceCycle(cycle));
        }
    }
}

fn dependencies(service: &Service) -> &[Entry] {
    let depends = service.value.get("depends_on");
    depends.map(|d| d.entries()).unwrap_or_default()
}

fn report<'s>(
    entry: &Entry,
    cycle: impl Iterator<Item = &'s Service> + Clone,
    findings: &mut Findings,
) {
    if cycle.clone().all(Service::runs) {
        return;
    }
    let names = cycle.map(|s| s.name.as_str()).chain([entry.key.as_str()]);
    let names: Result<Vec<Name>, _> = names.map(str::parse).collect();
    if let Ok(names) = names {
        findings.problem(&entry.place, NodeProblem::DependencyCycle(names));
    }
}
