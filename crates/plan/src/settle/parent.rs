//! Networks with a parent: a link of the host, or a VLAN on one, that the members have macvlan
//! interfaces of.

use std::net::IpAddr;

use hallway_spec::{Name, Network, Subnet};
use ipnet::IpNet;

use super::conflict::{Conflict, ConflictCode};
use super::host_links::{HostLink, on_link};
use super::names::Surroundings;
use crate::mark::Role;
use crate::settled::Vlan;

/// The link that macvlan interfaces of a network are of.
pub(super) struct Parent {
    pub(super) link: String,
    /// The VLAN that it is, if hallway makes it.
    pub(super) vlan: Option<Vlan>,
}

/// The parent of a network; none of a network that the file gives none.
///
/// # Errors
/// When the link is not there, or cannot have macvlan interfaces.
pub(super) fn of(
    project: &Name,
    network: &Network,
    around: &Surroundings,
) -> Result<Option<Parent>, Conflict> {
    let Some(given) = &network.parent else {
        return Ok(None);
    };
    let refused = |message: String, help: String| Conflict {
        code: ConflictCode::Parent,
        message: format!("network {}: {message}", network.name),
        place: network.place.clone(),
        help,
        other: None,
    };
    if around.sandbox {
        return Err(refused(
            format!("parent {given} is an interface of the host, and a sandbox has none of those"),
            "build it on the host, with --host".into(),
        ));
    }
    let (link, vlan) = names(given.as_ref(), network.vlan);
    let owner = around.links.get(&link).and_then(Option::as_ref);
    // Also one of a network that has another name now.
    let is_ours = owner.is_some_and(|(p, role)| p == project && matches!(role, Role::Bridge(_)));
    let found = around.host_links.get(&link).filter(|_| !is_ours);
    let (name, vlan) = match (found, vlan) {
        (Some(link), Some(vlan)) if network.vlan.is_some() => {
            let Vlan { parent, id } = vlan;
            if link.vlan != Some((Some(parent.clone()), id)) {
                let (taken, help) = (format!("{parent}.{id}"), "rename or remove it".into());
                let message = format!("{taken} is there, and is not VLAN {id} of {parent}");
                return Err(refused(message, help));
            }
            (format!("{parent}.{id}"), None)
        }
        (None, Some(vlan)) => (vlan.parent.clone(), Some(vlan)),
        (Some(_), _) | (None, None) => (link.clone(), None),
    };
    let found = around.host_links.get(&name);
    let why = match (found, around.links.get(&name)) {
        (None, _) => Some((
            format!("there is no interface {name} here"),
            "ip link shows those of the host".to_owned(),
        )),
        (_, Some(Some((project, _)))) => Some((
            format!("{name} is a link of hallway, of project {project}"),
            "use an interface of the host".into(),
        )),
        (Some(found), _) => unusable(&name, found, network.mtu),
    };
    match why {
        Some((message, help)) => Err(refused(message, help)),
        None => Ok(Some(Parent { link, vlan })),
    }
}

/// The name of the link, and the VLAN that it is if it is not there: `eth0.10` is VLAN 10 of eth0.
fn names(parent: &str, vlan: Option<u16>) -> (String, Option<Vlan>) {
    let of = |parent: &str, id| Vlan {
        parent: parent.to_owned(),
        id,
    };
    match vlan {
        Some(id) => (format!("{parent}.{id}"), Some(of(parent, id))),
        None => {
            let parts = parent.rsplit_once('.');
            let vlan = parts.and_then(|(base, id)| Some(of(base, id.parse().ok()?)));
            let vlan = vlan.filter(|v| (1..=4094).contains(&v.id));
            (parent.to_owned(), vlan)
        }
    }
}

/// Why a link of other programs cannot have macvlan interfaces, with what to do.
fn unusable(name: &str, found: &HostLink, mtu: Option<u32>) -> Option<(String, String)> {
    if name == "lo" || found.mac.is_none() {
        let help = "use an Ethernet interface of the host";
        return Some((format!("{name} is not an Ethernet interface"), help.into()));
    }
    if let Some(master) = &found.master {
        return Some((
            format!("{name} is a port of {master}, which receives all its packets"),
            format!("use {master} itself: parent: {master}"),
        ));
    }
    if !found.up {
        let help = format!("set it up: ip link set {name} up");
        return Some((format!("{name} is down"), help));
    }
    let mtu = mtu.filter(|mtu| *mtu > found.mtu)?;
    Some((
        format!("its mtu is {mtu}, but that of {name} is {}", found.mtu),
        format!("write at most {}, or leave mtu out", found.mtu),
    ))
}

/// The host's addresses on the parent.
pub(super) fn host_addresses(
    project: &Name,
    network: &Network,
    around: &Surroundings,
) -> Vec<IpAddr> {
    let parent = of(project, network, around).ok().flatten();
    let link = parent.and_then(|p| around.host_links.get(&p.link));
    let addresses = link.into_iter().flat_map(|l| &l.addresses);
    addresses.map(IpNet::addr).collect()
}

/// Addresses that no node gets unless the file gives it: those of the host, and the first of each
/// subnet, which most routers have.
pub(super) fn reserved(project: &Name, network: &Network, around: &Surroundings) -> Vec<IpAddr> {
    let subnets = network.subnets.iter().filter(|_| network.parent.is_some());
    let first = subnets.filter_map(|s| Subnet::with_first_address(s.net).gateway);
    let of_host = host_addresses(project, network, around);
    first.chain(of_host).collect()
}

/// The subnets of a network: those of the host's addresses on its parent, where the file gives none.
///
/// # Errors
/// As [`of`]; and when the host has no address there.
pub(super) fn subnets(
    project: &Name,
    network: &Network,
    around: &Surroundings,
) -> Result<Vec<Subnet>, Conflict> {
    let parent = of(project, network, around)?;
    let Some(parent) = parent.filter(|_| network.subnets.is_empty()) else {
        return Ok(network.subnets.clone());
    };
    let made = HostLink::default();
    let found = around.host_links.get(&parent.link).unwrap_or(&made);
    let (_, mut out) = on_link(network, &parent.link, found, ConflictCode::Parent)?;
    for subnet in &mut out {
        subnet.gateway = None;
    }
    Ok(out)
}
