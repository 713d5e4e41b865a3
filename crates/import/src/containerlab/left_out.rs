//! Addresses of `exec` that no key of a hallway file sets: they are reported.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{IpVersion, Value};
use ipnet::IpNet;

use super::lab::{LabLink, LabNode, MACVLAN, SPECIAL};
use crate::findings::Findings;

/// Leaves out addresses of interfaces without a link, like `lo`, and those that a network or a cable cannot
/// have: an end has one of each IP version, the prefixes of a bridge do not overlap, and an interface of the
/// host has one prefix of each version. A node may send from those that are left out on a bridge.
pub(super) fn of(nodes: &mut [LabNode], links: &[LabLink], findings: &mut Findings) {
    let bridges = nodes.iter().filter(|n| n.is_bridge());
    let bridges: BTreeSet<String> = bridges.map(|n| n.name.clone()).collect();
    let mut networks: BTreeMap<String, Vec<IpNet>> = BTreeMap::new();
    let mut linked: BTreeSet<(String, String)> = BTreeSet::new();
    let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for link in links {
        if (link.ends.iter()).any(|e| SPECIAL.contains(&e.node.as_str())) {
            continue;
        }
        let [a, b] = &link.ends;
        for (end, other) in [(a, b), (b, a)] {
            let interface = end.interface.clone().unwrap_or_default();
            let network = match other.node.as_str() {
                MACVLAN => other.interface.as_ref().map(|i| format!("{MACVLAN}:{i}")),
                name => bridges.contains(name).then(|| name.to_owned()),
            };
            let Some(node) = nodes.iter_mut().find(|n| n.name == end.node) else {
                continue;
            };
            let mut own = end.addresses.iter().filter_map(net).collect();
            let on_network = network.map(|name| networks.entry(name).or_default());
            let is_bridge = bridges.contains(&other.node);
            if let Some(all) = node.addresses.get_mut(&interface) {
                let around = on_network.as_deref().map_or(&[][..], Vec::as_slice);
                let gone = split(all, &mut own, around, is_bridge);
                let texts = gone.iter().filter_map(Value::text);
                let texts = texts.map(|text| format!("{text} dev {interface}"));
                left.entry(end.node.clone()).or_default().extend(texts);
                if is_bridge && !gone.is_empty() {
                    node.sources.insert(interface.clone(), gone);
                }
            }
            if let Some(all) = on_network {
                all.extend(own);
            }
            linked.insert((end.node.clone(), interface));
        }
    }
    for node in nodes.iter_mut().filter(|n| !n.is_bridge()) {
        let name = node.name.clone();
        node.addresses.retain(|interface, all| {
            let keeps = linked.contains(&(name.clone(), interface.clone()));
            let texts = all.iter().filter_map(Value::text).filter(|_| !keeps);
            let texts = texts.map(|text| format!("{text} dev {interface}"));
            left.entry(name.clone()).or_default().extend(texts);
            keeps
        });
        if let Some(texts) = left.get(&name).filter(|texts| !texts.is_empty()) {
            findings.note(format!(
                "addresses of {name} that are not set, since only ends of links have any, one of each IP version, and prefixes of one network do not overlap: {}; hallway exec {name} -- ip addr add … sets one",
                texts.join(", ")
            ));
        }
    }
}

/// Keeps the addresses that an end can have, besides its `own` ones; returns the others. Only a bridge has
/// `several` prefixes of one IP version.
fn split(
    all: &mut Vec<Value>,
    own: &mut Vec<IpNet>,
    on_network: &[IpNet],
    several: bool,
) -> Vec<Value> {
    let (kept, gone) = std::mem::take(all).into_iter().partition(|value| {
        let Some(new) = net(value) else {
            return true;
        };
        let same = |other: &&IpNet| IpVersion::of_net(other) == IpVersion::of_net(&new);
        let apart = |other: &IpNet| several && !other.contains(&new) && !new.contains(other);
        let mut others = on_network.iter().filter(same);
        let fits = own.iter().find(same).is_none()
            && others.all(|n| n.trunc() == new.trunc() || apart(&n.trunc()));
        own.extend(fits.then_some(new));
        fits
    });
    *all = kept;
    gone
}

/// What is not an address with a length is reported later.
fn net(value: &Value) -> Option<IpNet> {
    value.text()?.parse().ok()
}
