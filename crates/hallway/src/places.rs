//! Places in the file, for a project that commands have edited since: the text on record was then
//! written by hallway, and its lines are not those of the file.

use hallway_engine::Record;
use hallway_import::restore_places;
use hallway_plan::Settled;
use hallway_spec::{Expect, Place, Topology, parse};

/// The file as it was before commands edited the project; `None` when none did.
fn original(record: &Record) -> Option<Option<Topology>> {
    let text = record.edited_from.as_ref()?;
    let path = record.path.as_deref().unwrap_or_default();
    let mut file = parse(path, text).ok().map(|p| p.topology);
    if let Some(topology) = &mut file {
        restore_places(topology, text);
    }
    Some(file)
}

/// Gives policies, published ports, nodes and networks their places in the file. Objects that a command
/// added are not in the file, and have no line.
pub(crate) fn of_file(settled: &mut Settled, record: &Record) {
    let Some(file) = original(record) else {
        return;
    };
    let policies: Vec<(String, Place)> = file
        .iter()
        .flat_map(|f| &f.policies)
        .map(|p| (p.to_string(), p.place.clone()))
        .collect();
    let mut left = policies;
    // Commands add at the beginning: of equal policies, the last ones are those of the file.
    for policy in settled.policies.iter_mut().rev() {
        let found = left.iter().rposition(|(words, _)| *words == policy.words);
        policy.place = found.map_or_else(Place::default, |at| left.remove(at).1);
    }
    for publish in &mut settled.publishes {
        let nodes = file.iter().flat_map(|f| &f.nodes);
        let node = nodes.filter(|n| n.name == publish.node);
        let mut same = node.flat_map(|n| &n.ports).filter(|p| {
            (p.protocol, p.host_ports, p.node_ports)
                == (publish.protocol, publish.host_ports, publish.node_ports)
        });
        publish.place = same.next().map(|p| p.place.clone()).unwrap_or_default();
    }
    for node in &mut settled.nodes {
        let mut nodes = file.iter().flat_map(|f| &f.nodes);
        let same = nodes.find(|n| n.name == node.name);
        node.place = same.map(|n| n.place.clone()).unwrap_or_default();
    }
    for network in &mut settled.networks {
        let mut networks = file.iter().flat_map(|f| &f.networks);
        let same = networks.find(|n| n.name == network.name);
        network.place = same.map(|n| n.place.clone()).unwrap_or_default();
    }
}

/// The same for expectations.
pub(crate) fn of_expects(expects: &mut [Expect], record: &Record) {
    let Some(file) = original(record) else {
        return;
    };
    for expect in expects {
        let same = |e: &&Expect| {
            (&e.from, &e.to, e.service, e.reachable)
                == (&expect.from, &expect.to, expect.service, expect.reachable)
        };
        let found = file.iter().flat_map(|f| &f.expects).find(same);
        expect.place = found.map(|e| e.place.clone()).unwrap_or_default();
    }
}
