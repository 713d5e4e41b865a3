//! Checks across a whole topology: what no single value can show.

mod addresses;
mod nodes;
mod policies;

use crate::{Code, Problem, Topology};

/// A bridge has at most 1,023 ports (BR_MAX_PORTS, net/bridge/br_private.h).
const BRIDGE_PORTS_MAX: usize = 1023;
const NODES_MAX: usize = 10_000;
const NETWORKS_MAX: usize = 4_000;
/// Every published port outside a range with equal ports is an element and a listener.
const PORTS_MAX: usize = 4_096;
const POLICIES_MAX: usize = 10_000;
/// Every pair of a policy is an element of a set.
const PAIRS_MAX: usize = 200_000;

/// Runs every check.
pub(crate) fn all(topology: &Topology, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    if too_many(topology, problems) {
        return; // the rest would only take long
    }
    addresses::subnets(topology, problems);
    addresses::attachments(topology, problems);
    addresses::links(topology, problems);
    addresses::sizes(topology, problems);
    nodes::interfaces(topology, problems);
    nodes::published(topology, problems);
    nodes::dependencies(topology, problems);
    nodes::routes(topology, problems);
    policies::effects(topology, problems, warnings);
}

fn too_many(topology: &Topology, problems: &mut Vec<Problem>) -> bool {
    let before = problems.len();
    let mut refuse = |count: usize, max: usize, what: &str, place: Option<&crate::Place>| {
        if count > max
            && let Some(place) = place
        {
            problems.push(
                Problem::new(
                    Code::TooMany,
                    place,
                    format!("the file has {count} {what}; hallway builds at most {max}"),
                )
                .help("split the project into several"),
            );
        }
    };
    let ports: usize = topology
        .nodes
        .iter()
        .flat_map(|n| &n.ports)
        .map(|p| p.host_ports.len())
        .sum();
    let first_port = topology
        .nodes
        .iter()
        .flat_map(|n| &n.ports)
        .next()
        .map(|p| &p.place);
    refuse(
        topology.nodes.len(),
        NODES_MAX,
        "nodes",
        topology.nodes.get(NODES_MAX).map(|n| &n.place),
    );
    refuse(
        topology.networks.len(),
        NETWORKS_MAX,
        "networks",
        topology.networks.get(NETWORKS_MAX).map(|n| &n.place),
    );
    refuse(
        topology.links.len(),
        NODES_MAX,
        "links",
        topology.links.get(NODES_MAX).map(|l| &l.place),
    );
    refuse(ports, PORTS_MAX, "published ports", first_port);
    refuse(
        topology.policies.len(),
        POLICIES_MAX,
        "policies",
        topology.policies.get(POLICIES_MAX).map(|p| &p.place),
    );
    let largest = topology.policies.iter().max_by_key(|p| p.pairs.len());
    refuse(
        topology.policies.iter().map(|p| p.pairs.len()).sum(),
        PAIRS_MAX,
        "pairs in policies",
        largest.map(|p| &p.place),
    );
    problems.len() > before
}
