//! Small servers in the place of images (`--stub`), of services that share a namespace.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::Value;

use super::service::{Service, serve};
use super::shares;

/// In a namespace that several services share, each port is served once: by the one whose namespace it
/// is, then by the first. One that is left without ports has no program.
pub(super) fn one_for_each_port(services: &mut [Service]) {
    let shared = services.iter().filter_map(|s| {
        let owner = s.shares.as_ref()?.text()?;
        Some((s.name.clone(), owner.to_owned()))
    });
    let shared: BTreeMap<String, String> = shared.collect();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for owners in [true, false] {
        for service in services.iter_mut().filter(|s| s.stub) {
            let owner = service.shares.as_ref().and_then(Value::text);
            if owner.is_none() != owners {
                continue;
            }
            let owner = owner.unwrap_or(&service.name);
            let owner = shares::owner(owner, |name| shared.get(name).map(String::as_str));
            let owner = owner.to_owned();
            let mut ports: Vec<String> = (service.ready.iter())
                .filter_map(|p| p.text().map(str::to_owned))
                .collect();
            ports.retain(|port| used.insert((owner.clone(), port.clone())));
            if ports.is_empty() {
                service.command = None;
                service.ready.clear();
                service.stub = false;
            } else if ports.len() < service.ready.len() {
                let place = service.command.as_ref().map(|c| c.place.clone());
                serve(service, &place.unwrap_or_default(), &ports);
            }
        }
    }
}
