//! Names of containers: each is that of one service.

use std::collections::BTreeMap;

use hallway_spec::Place;
use hallway_spec::problem::ImportProblem;

use super::service::Service;
use crate::findings::Findings;

/// Reports services whose containers have one name.
pub(super) fn check(services: &[Service], findings: &mut Findings) {
    let mut known: BTreeMap<&str, (&str, &Place)> = BTreeMap::new();
    for service in services {
        let Some(value) = service.value.get("container_name") else {
            continue;
        };
        let Some(name) = value.text().filter(|name| !name.is_empty()) else {
            continue;
        };
        match known.get(name) {
            Some((other, first)) => {
                let kind = ImportProblem::SameContainer {
                    name: name.to_owned(),
                    service: service.name.clone(),
                    other: (*other).to_owned(),
                    first: (*first).clone(),
                };
                findings.problem(&value.place, kind);
            }
            None => {
                known.insert(name, (&service.name, &value.place));
            }
        }
    }
}
