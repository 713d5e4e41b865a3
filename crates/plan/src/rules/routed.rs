//! Prefixes that nodes may send from, by the interface that they come in by: several nodes of a bridge
//! share one, and intervals of a set may not overlap.

use std::collections::BTreeMap;

use hallway_nftables::{Element, Value};
use ipnet::IpNet;

/// The same prefixes as elements that do not overlap. One that stands for several has the comment of the
/// first.
pub(super) fn without_overlap(elements: Vec<Element>) -> Vec<Element> {
    let mut out = Vec::new();
    let mut by_interface: BTreeMap<Value, Vec<(IpNet, Element)>> = BTreeMap::new();
    for element in elements {
        match element.key.as_slice() {
            [interface, Value::V4Net(net)] => {
                let all = by_interface.entry(interface.clone()).or_default();
                all.push((IpNet::V4(*net), element));
            }
            [interface, Value::V6Net(net)] => {
                let all = by_interface.entry(interface.clone()).or_default();
                all.push((IpNet::V6(*net), element));
            }
            _ => out.push(element),
        }
    }
    for (interface, all) in by_interface {
        let nets: Vec<IpNet> = all.iter().map(|(net, _)| *net).collect();
        for net in IpNet::aggregate(&nets) {
            let first = all.iter().find(|(part, _)| net.contains(part));
            out.extend(first.map(|(_, element)| Element {
                key: vec![interface.clone(), Value::net(net)],
                ..element.clone()
            }));
        }
    }
    out
}
