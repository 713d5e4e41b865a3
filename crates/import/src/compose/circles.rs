//! Services that depend on one another in a circle. Circles of programs are problems of the translation;
//! these are the others, whose services without a program do not appear in it.

use std::collections::BTreeSet;

use hallway_spec::problem::NodeProblem;
use hallway_spec::{Entry, Name};

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
                Some(circle) => report(entry, circle.iter().map(|(s, _)| *s), findings),
                None => {
                    let known = services.iter().find(|s| s.name == entry.key);
                    path.extend(known.map(|s| (s, 0)));
                }
            }
        }
    }
}

fn dependencies(service: &Service) -> &[Entry] {
    let depends = service.value.get("depends_on");
    depends.map(|d| d.entries()).unwrap_or_default()
}

fn report<'s>(
    entry: &Entry,
    circle: impl Iterator<Item = &'s Service> + Clone,
    findings: &mut Findings,
) {
    if circle.clone().all(Service::runs) {
        return;
    }
    let names = circle.map(|s| s.name.as_str()).chain([entry.key.as_str()]);
    let names: Result<Vec<Name>, _> = names.map(str::parse).collect();
    if let Ok(names) = names {
        findings.problem(&entry.place, NodeProblem::DependencyCircle(names));
    }
}
