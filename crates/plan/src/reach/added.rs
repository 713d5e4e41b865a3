//! Addresses that programs of nodes have added where nothing prevents their use: on lans, cables and macvlan
//! interfaces, and with `sources: any`. Elsewhere the rules drop their packets.

use std::net::IpAddr;

use hallway_spec::{IpVersion, Mode, Name};
use ipnet::IpNet;

use super::environment::Environment;
use super::single_link::is_link_local6;
use crate::settled::{Interface, Node, Plug, Settled};

/// An address, with its node and the position of the interface.
pub(super) type Added<'a> = (&'a Node, usize, IpNet);

/// Those that were read.
pub(super) fn of<'a>(settled: &'a Settled, environment: &Environment) -> Vec<Added<'a>> {
    let nodes = settled.nodes.iter();
    let read = nodes.filter_map(|node| Some((node, environment.inside.get(&node.name)?)));
    let all = read.flat_map(|(node, inside)| {
        inside.on.iter().filter_map(move |(name, net)| {
            let at = node.interfaces.iter().position(|i| &i.name == name)?;
            let interface = node.interfaces.get(at)?;
            is_added(settled, node, interface, net.addr()).then_some((node, at, *net))
        })
    });
    all.collect()
}

fn is_added(settled: &Settled, node: &Node, interface: &Interface, address: IpAddr) -> bool {
    let own = interface.addresses.iter().any(|a| a.addr() == address);
    // These are known by the prefixes that the file gives.
    let named = node.interfaces.iter().flat_map(|i| &i.sources);
    let mut named = named.filter(|net| net.prefix_len() > 0);
    let special = address.is_loopback() || is_link_local6(address);
    !own && !special
        && !named.any(|net| net.contains(&address))
        && may_add(settled, interface, IpVersion::of(address))
}

/// Whether an interface may have any address of that version.
pub(super) fn may_add(settled: &Settled, interface: &Interface, version: IpVersion) -> bool {
    let any = |net: &IpNet| net.prefix_len() == 0 && IpVersion::of_net(net) == version;
    let lan = |name: &Name| settled.network(name).is_some_and(|n| n.mode == Mode::Lan);
    match &interface.plug {
        Plug::Cable | Plug::Macvlan { .. } => true,
        Plug::Port { network, .. } => lan(network) || interface.sources.iter().any(any),
    }
}
