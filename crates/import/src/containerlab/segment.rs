//! The subnets of a bridge, by the addresses on it.

use std::net::IpAddr;

use hallway_spec::{IpVersion, Place, Value};
use ipnet::IpNet;

use crate::subnets::free;

/// Subnets, the host's addresses in them, and whether there are several subnets of one IP version: then the
/// host has none.
pub(super) fn of(addresses: &[IpNet], place: &Place) -> (Vec<Value>, Vec<Value>, bool) {
    let mut nets: Vec<IpNet> = Vec::new();
    for net in addresses.iter().map(IpNet::trunc) {
        if !nets.contains(&net) {
            nets.push(net);
        }
    }
    let several = IpVersion::ALL.iter().any(|version| {
        let of_version = nets.iter().filter(|net| IpVersion::of_net(net) == *version);
        of_version.count() > 1
    });
    let used: Vec<IpAddr> = addresses.iter().map(IpNet::addr).collect();
    let (mut subnets, mut gateways) = (Vec::new(), Vec::new());
    for net in nets {
        subnets.push(Value::of_text(place, net.to_string()));
        let gateway = free(net, &used).filter(|_| !several);
        gateways.extend(gateway.map(|g| Value::of_text(place, g.to_string())));
    }
    (subnets, gateways, several)
}
