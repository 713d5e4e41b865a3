//! Names of other services and of networks that the file does not define.

use hallway_spec::problem::{ImportProblem, NameProblem};
use hallway_spec::{Entry, Value, nearest};

use crate::findings::Findings;

/// Reports them. What services depend on is read with the services.
pub(super) fn check(file: &Value, findings: &mut Findings) {
    let section = |key| file.get(key).map(Value::entries).unwrap_or_default();
    let (services, networks) = (section("services"), section("networks"));
    for service in services.iter().filter(|s| !s.key.starts_with("x-")) {
        for (name, value) in named(&service.value) {
            if services.iter().all(|s| s.key != name) {
                let names = services.iter().map(|s| s.key.as_str());
                let kind = ImportProblem::UnknownService {
                    nearest: nearest(name, names).map(str::to_owned),
                    service: name.to_owned(),
                };
                findings.problem(&value.place, kind);
            }
        }
        let used = service.value.get("networks").map(Value::entries);
        for attached in used.unwrap_or_default() {
            network(service, attached, networks, findings);
        }
    }
}

/// The services that a service names, apart from those it depends on and whose network it shares.
fn named(service: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let items = |key: &str| service.get(key).map(Value::items).unwrap_or_default();
    let listed = ["links", "volumes_from"].into_iter().flat_map(items);
    let listed = listed.filter_map(|value| {
        let name = value.text()?.split(':').next()?;
        (name != "container").then_some((name, value))
    });
    let shared = ["ipc", "pid"].into_iter().flat_map(items);
    let shared = shared.filter_map(|value| Some((value.text()?.strip_prefix("service:")?, value)));
    listed.chain(shared)
}

fn network(service: &Entry, attached: &Entry, networks: &[Entry], findings: &mut Findings) {
    let name = attached.key.as_str();
    if name == "default" || networks.iter().any(|n| n.key == name) {
        return;
    }
    let (Ok(node), Ok(network)) = (service.key.parse(), name.parse()) else {
        return; // reported as names that are not allowed
    };
    let names = networks.iter().map(|n| n.key.as_str());
    let nearest = nearest(name, names).map(str::to_owned);
    let kind = NameProblem::UnknownNetwork {
        node,
        network,
        nearest,
    };
    findings.problem(&attached.place, kind);
}
