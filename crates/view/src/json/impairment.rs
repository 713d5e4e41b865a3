//! The shape of `impair`'s list.

use std::collections::BTreeMap;

use hallway_plan::settled;
use hallway_spec::{Bandwidth, Name};
use serde::Serialize;

use super::Version;

/// An interface with impairments.
#[derive(Debug, Serialize)]
pub struct Impairment<'a> {
    /// The version of this shape.
    pub schema_version: Version<1>,
    /// The node.
    pub node: &'a Name,
    /// The interface.
    pub interface: &'a str,
    /// Its network; none for a cable.
    pub network: Option<&'a Name>,
    /// As in a file, like `delay` with `50ms`.
    pub impairments: BTreeMap<&'static str, String>,
    /// Bits per second.
    pub bandwidth: Option<u64>,
}

/// The entries of those interfaces that have impairments.
#[must_use]
pub fn impairments<'a>(
    interfaces: &[(&'a settled::Node, &'a settled::Interface)],
) -> Vec<Impairment<'a>> {
    let some = interfaces
        .iter()
        .filter(|(_, i)| i.bandwidth.is_some() || !i.impairments.is_none());
    let shapes = some.map(|(node, interface)| Impairment {
        schema_version: Version,
        node: &node.name,
        interface: &interface.name,
        network: interface.plug.network(),
        impairments: interface.impairments.given().into_iter().collect(),
        bandwidth: interface.bandwidth.map(Bandwidth::bits_per_second),
    });
    shapes.collect()
}
