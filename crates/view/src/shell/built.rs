//! What a kernel shows once the whole of a network is built.

use hallway_plan::mark::{self, Role};
use hallway_plan::observed::{
    NamespaceState, Observed, SeenLink, SeenNamespace, SeenRoute, SeenTable,
};
use hallway_plan::settled::Settled;

/// The kernel's view, and inode numbers for the namespaces by name.
pub(super) fn observed(settled: &Settled) -> (Observed, Vec<(String, u64)>) {
    let project = &settled.project;
    let mut links: Vec<SeenLink> = Vec::new();
    let mut add = |name: &str, role: &Role, group: u32| {
        links.push(SeenLink {
            index: 0,
            name: name.to_owned(),
            alias: Some(mark::alias(project, role)),
            group,
            master: None,
            up: true,
        });
    };
    for network in &settled.networks {
        if let Some(bridge) = &network.bridge {
            add(bridge, &Role::Bridge(network.name.clone()), network.group);
        }
    }
    for node in &settled.nodes {
        for (interface, network, link) in node.ports() {
            let role = Role::Port(node.name.clone(), interface.name.clone());
            let group = settled.network(network).map_or(0, |n| n.group);
            add(link, &role, group);
        }
    }
    let inodes: Vec<(String, u64)> = settled
        .nodes
        .iter()
        .zip(1..)
        .map(|(node, inode)| (node.netns.clone(), inode))
        .collect();
    let namespaces = settled
        .nodes
        .iter()
        .zip(&inodes)
        .map(|(node, (_, inode))| SeenNamespace {
            name: node.netns.clone(),
            state: NamespaceState::Mounted(*inode),
            owner: Some((project.clone(), node.name.clone())),
        });
    let routes = settled
        .inner_networks()
        .flat_map(|n| &n.subnets)
        .map(|subnet| SeenRoute {
            to: subnet.net,
            interface: None,
            protocol: mark::ROUTE_PROTOCOL,
            unreachable: true,
            table: 0,
            via: None,
        });
    let observed = Observed {
        namespaces: namespaces.collect(),
        tables: tables(settled),
        routes: routes.collect(),
        addresses: Vec::new(),
        links,
    };
    (observed, inodes)
}

/// Which uplinks there are is known where the script runs; here it only matters whether any
/// may have been changed.
fn tables(settled: &Settled) -> Vec<SeenTable> {
    let any = |yes: bool| {
        if yes {
            vec!["uplink".to_owned()]
        } else {
            Vec::new()
        }
    };
    let table = |bridge_family: bool| SeenTable {
        project: settled.project.clone(),
        bridge_family,
        fingerprint: None,
        forwarding4: any(!bridge_family && !settled.networks.is_empty()),
        forwarding6: Vec::new(),
    };
    vec![table(false), table(true)]
}
