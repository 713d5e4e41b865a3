//! `networks:`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::values::{Named, host_interface, interface, items, mtu, named};
use crate::document::NetworkKeys;
use crate::problem::{NetworkProblem, Required, ValueProblem};
use crate::reader::{At, Reader};
use crate::{InterfaceName, IpVersion, Mode, Name, Network, Subnet};

/// The smallest MTU of an IPv6 link, in bytes (RFC 8200 section 5).
const IPV6_MTU_MIN: u32 = 1280;

pub(super) fn read(r: &mut Reader<'_>, at: Option<&At>) -> Vec<Network> {
    let Some(at) = at else {
        return Vec::new();
    };
    named(r, at, "a mapping from names to networks")
        .0
        .into_iter()
        .map(|entry| network(r, entry))
        .collect()
}

fn network(r: &mut Reader<'_>, entry: Named) -> Network {
    let Named { name, place, value } = entry;
    let keys = NetworkKeys::read(r, &value, "a mapping, or nothing");
    let (parent, vlan) = parent(r, &keys, &name);
    let external = match parent {
        Some(_) => None,
        None => external(r, &keys, &value, &name),
    };
    let given = keys.mode.as_ref().filter(|_| parent.is_none());
    let mode = match parent {
        Some(_) => Mode::Macvlan,
        None => given.and_then(|at| mode(r, at)).unwrap_or_default(),
    };
    let lan = mode == Mode::Lan;
    let gateways = gateways(r, keys.gateway.as_ref());
    if let (true, Some((_, at))) = (lan, gateways.first()) {
        r.report(at, NetworkProblem::GatewayOfLan(name.clone()));
    }
    let subnets = subnets(r, &value.path, keys.subnet.as_ref(), mode, &gateways);
    if let (true, Some((_, at))) = (items(r, keys.subnet.as_ref()).is_empty(), gateways.first()) {
        r.report(at, ValueProblem::Missing(Required::SubnetOfGateway));
    }
    // There is no route by the host from a lan to the outside.
    let given = |r: &mut Reader<'_>, at: Option<&At>| parent.is_none() && flag(r, at);
    let internal = given(r, keys.internal.as_ref()) || !mode.passes_host();
    let outside = given(r, keys.outside.as_ref()) || external.is_some();
    // Keys that an external network cannot have are problems of their own.
    if internal && outside && external.is_none() {
        let kind = if lan { "mode: lan" } else { "internal: true" };
        let name = name.clone();
        r.report_at(&place, NetworkProblem::InternalAndOutside { name, kind });
    }
    let nat = match keys.nat.as_ref().filter(|_| parent.is_none()) {
        Some(at) => r.boolean(at).unwrap_or(true),
        None => true,
    };
    if !nat && (internal || outside) {
        let kind = match (lan, internal) {
            (true, _) => "mode: lan",
            (false, true) => "internal: true",
            (false, false) => "outside: true",
        };
        let name = name.clone();
        r.report_at(&place, NetworkProblem::NatWithoutEffect { name, kind });
    }
    let assign = keys.assign.as_ref().and_then(|at| r.boolean(at));
    let mtu = keys.mtu.and_then(|at| mtu_for(r, &at, &subnets));
    Network {
        name,
        subnets,
        assign: assign.unwrap_or(true),
        internal,
        outside,
        nat,
        mode,
        external,
        parent,
        vlan,
        mtu,
        place,
    }
}

/// The MTU, which IPv6 subnets limit.
fn mtu_for(r: &mut Reader<'_>, at: &At, subnets: &[Subnet]) -> Option<u32> {
    let mtu = mtu(r, at)?;
    if mtu < IPV6_MTU_MIN && subnets.iter().any(|s| s.version().is_v6()) {
        r.unexpected(
            at,
            "at least 1280 bytes, which IPv6 needs (RFC 8200 section 5)",
        );
    }
    Some(mtu)
}

/// The link of the host that members have macvlan interfaces of, and the VLAN on it. Packets there do
/// not pass the host, so what the host does for other networks is not possible.
fn parent(
    r: &mut Reader<'_>,
    keys: &NetworkKeys,
    name: &Name,
) -> (Option<InterfaceName>, Option<u16>) {
    let Some(at) = &keys.parent else {
        if let Some(vlan) = &keys.vlan {
            r.report(vlan, ValueProblem::Missing(Required::ParentOfVlan));
        }
        return (None, None);
    };
    let others = [
        (&keys.internal, "internal"),
        (&keys.outside, "outside"),
        (&keys.nat, "nat"),
        (&keys.mode, "mode"),
        (&keys.external, "external"),
        (&keys.bridge, "bridge"),
    ];
    for (given, key) in others {
        if let Some(given) = given {
            let name = name.clone();
            r.report(given, NetworkProblem::KeyBesideParent { name, key });
        }
    }
    let parent = host_interface(r, at);
    let vlan = keys.vlan.as_ref().and_then(|at| {
        const EXPECTED: &str = "the number of a VLAN, from 1 to 4094";
        let id = r.value::<u16>(at, EXPECTED)?;
        if !(1..=4094).contains(&id) {
            r.unexpected(at, EXPECTED);
            return None;
        }
        Some(id)
    });
    if let (Some(parent), Some(id)) = (&parent, vlan)
        && let Err(error) = format!("{parent}.{id}").parse::<InterfaceName>()
    {
        r.report(at, ValueProblem::Interface(error));
    }
    (parent, vlan)
}

/// The bridge of an external network; hallway cannot set its other keys.
fn external(r: &mut Reader<'_>, keys: &NetworkKeys, at: &At, name: &Name) -> Option<InterfaceName> {
    if !flag(r, keys.external.as_ref()) {
        if let Some(bridge) = &keys.bridge {
            r.report(bridge, NetworkProblem::BridgeNotExternal(name.clone()));
        }
        return None;
    }
    let others = [
        (&keys.gateway, "gateway"),
        (&keys.internal, "internal"),
        (&keys.outside, "outside"),
        (&keys.nat, "nat"),
        (&keys.mode, "mode"),
    ];
    for (given, key) in others {
        if let Some(given) = given {
            let name = name.clone();
            r.report(given, NetworkProblem::KeyOfExternal { name, key });
        }
    }
    let Some(bridge) = &keys.bridge else {
        r.report(at, ValueProblem::Missing(Required::OfExternal));
        return None;
    };
    interface(r, bridge)
}

fn flag(r: &mut Reader<'_>, at: Option<&At>) -> bool {
    at.and_then(|at| r.boolean(at)).unwrap_or(false)
}

fn mode(r: &mut Reader<'_>, at: &At) -> Option<Mode> {
    const EXPECTED: &str = "bridge, routed or lan";
    match r.text(at, EXPECTED)?.as_str() {
        "bridge" => Some(Mode::Bridge),
        "routed" => Some(Mode::Routed),
        "lan" => Some(Mode::Lan),
        _ => {
            r.unexpected(at, EXPECTED);
            None
        }
    }
}

fn subnets(
    r: &mut Reader<'_>,
    path: &str,
    at: Option<&At>,
    mode: Mode,
    gateways: &[(IpAddr, At)],
) -> Vec<Subnet> {
    let lan = mode == Mode::Lan;
    let items = items(r, at);
    let mut out: Vec<Subnet> = Vec::new();
    for item in items {
        let Some(net) = subnet(r, &item, lan) else {
            continue;
        };
        let version = IpVersion::of_net(&net);
        let same = |s: &Subnet| s.version() == version;
        let overlaps = |s: &Subnet| s.net.contains(&net) || net.contains(&s.net);
        if out.iter().any(|s| same(s) && (!lan || overlaps(s))) {
            let path = path.to_owned();
            r.report(&item, NetworkProblem::TwoSubnets { path, version });
            continue;
        }
        let gateway = gateways.iter().find(|(g, _)| IpVersion::of(*g) == version);
        if let Some((gateway, at)) = gateway {
            check_gateway(r, at, *gateway, net, &item);
        }
        out.push(match gateway {
            _ if lan => Subnet { net, gateway: None },
            Some((gateway, _)) => Subnet {
                net,
                gateway: Some(*gateway),
            },
            // The router is not of the project: none is taken for granted.
            None if mode == Mode::Macvlan => Subnet { net, gateway: None },
            None => Subnet::with_first_address(net),
        });
    }
    for (gateway, at) in gateways {
        let of_none = out.iter().all(|s| s.gateway != Some(*gateway));
        if !lan && !out.is_empty() && of_none {
            r.report(at, NetworkProblem::GatewayWithoutSubnet(*gateway));
        }
    }
    out
}

/// A gateway must be an address of its subnet that an interface can have.
fn check_gateway(r: &mut Reader<'_>, at: &At, gateway: IpAddr, net: IpNet, subnet: &At) {
    let broadcast = IpVersion::of_net(&net).is_v4() && gateway == net.broadcast();
    if !net.contains(&gateway) || gateway == net.network() || broadcast {
        let subnet = r.place(subnet);
        r.report(
            at,
            NetworkProblem::GatewayOutside {
                gateway,
                net,
                subnet,
            },
        );
    }
}

fn gateways(r: &mut Reader<'_>, at: Option<&At>) -> Vec<(IpAddr, At)> {
    items(r, at)
        .into_iter()
        .filter_map(|item| Some((r.value(&item, "an address")?, item)))
        .collect()
}

fn subnet(r: &mut Reader<'_>, at: &At, lan: bool) -> Option<IpNet> {
    let net: IpNet = r.value(at, "a subnet like 10.10.0.0/24")?;
    let (shortest, longest) = match IpVersion::of_net(&net) {
        IpVersion::V4 => (8, 30 + u8::from(lan)),
        IpVersion::V6 => (16, 126 + u8::from(lan)),
    };
    let problem = if net.trunc() != net {
        NetworkProblem::HostBits(net)
    } else if !(shortest..=longest).contains(&net.prefix_len()) {
        NetworkProblem::SubnetSize {
            net,
            shortest,
            longest,
        }
    } else if is_special(net.network()) {
        NetworkProblem::SpecialSubnet(net)
    } else {
        return Some(net);
    };
    r.report(at, problem);
    None
}

/// Whether addresses around this one have a special purpose (RFC 6890).
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => {
            a.is_loopback()
                || a.is_multicast()
                || a.is_link_local()
                || a.octets()[0] == 0
                || a.octets()[0] >= 240
        }
        IpAddr::V6(a) => {
            a.is_loopback()
                || a.is_multicast()
                || a.is_unicast_link_local()
                || a.is_unspecified()
                || a.to_ipv4_mapped().is_some()
        }
    }
}
