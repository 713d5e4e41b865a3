//! `networks:`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::reader::{At, Fields, Reader};
use super::{mtu, named};
use crate::{Code, IpVersion, Mode, Network, Problem, Subnet};

pub(crate) const KEYS: &[&str] = &["subnet", "gateway", "internal", "outside", "mode", "mtu"];

pub(super) fn read(r: &mut Reader<'_>, at: &At) -> Vec<Network> {
    named(r, at, "networks")
        .into_iter()
        .map(|(name, place, at)| {
            let fields = r.fields(&at, Some(KEYS), "a mapping with a subnet");
            let field = |key: &str| fields.get(key).map(|id| At { id, path: format!("{}.{key}", at.path) });
            let subnets = subnets(r, &at, &fields, &place);
            let flag = |r: &mut Reader<'_>, key| field(key).and_then(|at| r.boolean(&at)).unwrap_or(false);
            let (internal, outside) = (flag(r, "internal"), flag(r, "outside"));
            if internal && outside {
                r.report(
                    Problem::new(Code::BadValue, &place, format!("network {name} is both internal and outside"))
                        .help("internal networks have no way out; outside networks are the outside: choose one"),
                );
            }
            let mode = field("mode").and_then(|at| mode(r, &at)).unwrap_or_default();
            let mtu = field("mtu").and_then(|at| {
                let mtu = mtu(r, &at)?;
                if mtu < 1280 && subnets.iter().any(|s| s.version().is_v6()) {
                    r.wrong(&at, "at least 1280 bytes, as IPv6 demands (RFC 8200 section 5)");
                }
                Some(mtu)
            });
            Network { name, subnets, internal, outside, mode, mtu, place }
        })
        .collect()
}

fn mode(r: &mut Reader<'_>, at: &At) -> Option<Mode> {
    match r.text(at, "bridge or routed")?.as_str() {
        "bridge" => Some(Mode::Bridge),
        "routed" => Some(Mode::Routed),
        _ => {
            r.wrong(at, "bridge or routed");
            None
        }
    }
}

fn subnets(r: &mut Reader<'_>, at: &At, fields: &Fields, place: &crate::Place) -> Vec<Subnet> {
    let here = fields.get("subnet").map(|id| At {
        id,
        path: format!("{}.subnet", at.path),
    });
    let items = here.map(|at| r.items(&at)).unwrap_or_default();
    if items.is_empty() {
        r.report(
            Problem::new(Code::Missing, place, format!("{} has no subnet", at.path))
                .help("give it one: subnet: 10.10.0.0/24, or [10.10.0.0/24, \"fd10::/64\"] for IPv4 and IPv6"),
        );
        return Vec::new();
    }
    let gateways = gateways(r, at, fields);
    let mut out: Vec<Subnet> = Vec::new();
    for item in items {
        let Some(net) = subnet(r, &item) else {
            continue;
        };
        let version = IpVersion::of_net(&net);
        if out.iter().any(|s| s.version() == version) {
            let problem = Problem::new(
                Code::BadSubnet,
                &r.place(&item),
                format!("{} has two IPv{version} subnets", at.path),
            )
            .help("a network has at most one subnet of each family; make a second network");
            r.report(problem);
            continue;
        }
        let gateway = gateways.iter().find(|(g, _)| IpVersion::of(*g) == version);
        if let Some((gateway, at)) = gateway {
            let reserved =
                *gateway == net.network() || (version.is_v4() && *gateway == net.broadcast());
            if !net.contains(gateway) || reserved {
                let problem = Problem::new(
                    Code::AddressOutsideSubnet,
                    &r.place(at),
                    format!("the gateway {gateway} is no usable address of {net}"),
                )
                .other(&r.place(&item), "the subnet");
                r.report(problem);
            }
        }
        let gateway = gateway.map(|(g, _)| *g).or_else(|| first_address(net));
        if let Some(gateway) = gateway {
            out.push(Subnet { net, gateway });
        }
    }
    for (gateway, at) in &gateways {
        if !out.is_empty() && out.iter().all(|s| s.gateway != *gateway) {
            let problem = Problem::new(
                Code::AddressOutsideSubnet,
                &r.place(at),
                format!(
                    "the gateway {gateway} has no subnet of its family, or is the second of it"
                ),
            );
            r.report(problem);
        }
    }
    out
}

fn gateways(r: &mut Reader<'_>, at: &At, fields: &Fields) -> Vec<(IpAddr, At)> {
    let Some(id) = fields.get("gateway") else {
        return Vec::new();
    };
    let here = At {
        id,
        path: format!("{}.gateway", at.path),
    };
    r.items(&here)
        .into_iter()
        .filter_map(|item| Some((r.value(&item, "an address")?, item)))
        .collect()
}

/// The host's address in a subnet when the file does not give one.
fn first_address(net: IpNet) -> Option<IpAddr> {
    net.hosts().find(|a| *a != net.network())
}

fn subnet(r: &mut Reader<'_>, at: &At) -> Option<IpNet> {
    let net: IpNet = r.value(at, "a subnet like 10.10.0.0/24")?;
    let refuse = |r: &mut Reader<'_>, message: String, help: String| {
        let problem = Problem::new(Code::BadSubnet, &r.place(at), message).help(help);
        r.report(problem);
    };
    if net.trunc() != net {
        refuse(
            r,
            format!("{net} has host bits set"),
            format!("the subnet that contains it is {}", net.trunc()),
        );
        return None;
    }
    let (shortest, longest) = match net {
        IpNet::V4(_) => (8, 30),
        IpNet::V6(_) => (16, 126),
    };
    if !(shortest..=longest).contains(&net.prefix_len()) {
        refuse(
            r,
            format!("{net} is no usable size"),
            format!(
                "a prefix length from /{shortest} to /{longest} leaves room for the host and its nodes"
            ),
        );
        return None;
    }
    let special = match net.network() {
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
    };
    if special {
        refuse(
            r,
            format!("{net} is reserved for something else"),
            "private subnets are in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fd00::/8".into(),
        );
        return None;
    }
    Some(net)
}
