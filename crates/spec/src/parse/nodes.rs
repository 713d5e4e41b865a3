//! `nodes:`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::program::word;
use super::sidecars::{self, Shared, Whose};
use super::values::{
    Named, check_delay, further_name, impairments, interface, items, limit, mac, named,
};
use super::{ports, program};
use crate::document::{AttachmentKeys, LimitsKeys, NodeKeys, RouteKeys};
use crate::problem::{Required, ValueProblem};
use crate::reader::{At, Reader};
use crate::{
    Attachment, Command, ExtraHost, Impairments, IpVersion, Name, Node, Place, Program,
    StaticRoute, SysctlKey, turns_ipv6_on,
};

/// The nodes, and the programs that share the namespaces of other programs.
pub(super) fn read(r: &mut Reader<'_>, at: Option<&At>) -> (Vec<Node>, Vec<Shared>) {
    let (mut nodes, mut shared) = (Vec::new(), Vec::new());
    let Some(at) = at else {
        return (nodes, shared);
    };
    for entry in named(r, at, "a mapping from names to nodes").0 {
        let at = entry.value.clone();
        let (mut node, keys) = node(r, entry);
        match keys.namespace.as_ref().map(|at| sidecars::whose(r, at)) {
            None => nodes.push(node),
            Some(Some(Whose::Others(joined))) => {
                node.namespace = Some(joined);
                nodes.push(node);
            }
            Some(Some(Whose::Node(owner))) => {
                shared.extend(sidecars::sidecar(r, &keys, &at, node, owner));
            }
            Some(None) => {}
        }
    }
    (nodes, shared)
}

/// A node with only a name.
pub(super) fn bare(name: Name, place: crate::Place) -> Node {
    Node {
        name,
        attachments: Vec::new(),
        ports: Vec::new(),
        port_names: Vec::new(),
        routes: Vec::new(),
        default_route: true,
        namespace: None,
        forwarding: false,
        connections: None,
        hostname: None,
        sysctls: BTreeMap::new(),
        sysctl_places: BTreeMap::new(),
        ipv6: false,
        dns: Vec::new(),
        dns_search: Vec::new(),
        extra_hosts: Vec::new(),
        command: None,
        program: Program::default(),
        sidecars: Vec::new(),
        place,
    }
}

fn node(r: &mut Reader<'_>, entry: Named) -> (Node, NodeKeys) {
    let keys = NodeKeys::read(r, &entry.value, "a mapping");
    let mut node = bare(entry.name, entry.place);
    if let Some(at) = &keys.networks {
        node.attachments = attachments(r, at);
    }
    ports::read(r, &keys, &mut node);
    for item in items(r, keys.routes.as_ref()) {
        node.routes.extend(route(r, &item));
    }
    let default_route = keys.default_route.as_ref();
    node.default_route = default_route.and_then(|at| r.boolean(at)).unwrap_or(true);
    let forwarding = keys.forwarding.as_ref();
    node.forwarding = forwarding.and_then(|at| r.boolean(at)).unwrap_or(false);
    node.connections = keys.limits.as_ref().and_then(|at| connections(r, at));
    let hostname = keys.hostname.as_ref();
    node.hostname = hostname.and_then(|at| {
        let name = r.checked(at, "a host name")?;
        further_name(r, &r.place(at), name)
    });
    if let Some(at) = &keys.sysctls {
        sysctls(r, at, &mut node);
    }
    for item in items(r, keys.dns.as_ref()) {
        let server = r.value::<IpAddr>(&item, "the address of a name server");
        node.dns.extend(server);
    }
    for item in items(r, keys.dns_search.as_ref()) {
        node.dns_search.extend(r.checked::<Name>(&item, "a domain"));
    }
    if let Some(at) = &keys.extra_hosts {
        node.extra_hosts = extra_hosts(r, at);
    }
    node.command = keys.command.as_ref().and_then(|at| command(r, at));
    node.program = program::read(r, &keys, &node.port_names);
    (node, keys)
}

/// `limits:`.
fn connections(r: &mut Reader<'_>, at: &At) -> Option<u32> {
    const EXPECTED: &str = "a number of connections from 1 to 1000000";
    let at = LimitsKeys::read(r, at, "a mapping with connections").connections?;
    let number = r.value::<u32>(&at, EXPECTED)?;
    if (1..=1_000_000).contains(&number) {
        return Some(number);
    }
    r.unexpected(&at, EXPECTED);
    None
}

fn attachments(r: &mut Reader<'_>, at: &At) -> Vec<Attachment> {
    let mut out: Vec<Attachment> = Vec::new();
    if r.is_map(at.id) {
        for field in r.fields(at, None, "a list or mapping of networks").0 {
            let here = at.key(&field.name, field.value);
            match field.name.parse::<Name>() {
                Ok(network) => out.push(attachment(r, &here, network, field.key_place)),
                Err(error) => r.report_at(&field.key_place, ValueProblem::Name(error)),
            }
        }
        return out;
    }
    for item in r.items(at) {
        let Some(network) = r.checked::<Name>(&item, "the name of a network") else {
            continue;
        };
        if let Some(earlier) = out.iter().find(|a| a.network == network) {
            let first = earlier.place.clone();
            r.report(&item, ValueProblem::NetworkListedTwice { network, first });
            continue;
        }
        out.push(member(network, r.place(&item)));
    }
    out
}

/// An attachment with only a network.
fn member(network: Name, place: Place) -> Attachment {
    Attachment {
        network,
        addresses: Vec::new(),
        mac: None,
        interface: None,
        bandwidth: None,
        impairments: Impairments::default(),
        dhcp_server: false,
        aliases: Vec::new(),
        sources: Vec::new(),
        masquerade: false,
        router: false,
        name_place: place.clone(),
        place,
    }
}

fn attachment(r: &mut Reader<'_>, at: &At, network: Name, place: Place) -> Attachment {
    let keys = AttachmentKeys::read(r, at, "a mapping, or nothing");
    let mut out = member(network, place);
    out.impairments = impairments(r, keys.impairments());
    if let Some(at) = &keys.address {
        out.place = Place {
            key: out.place.key.clone(),
            ..r.place(at)
        };
        for item in r.items(at) {
            let Some(address) = r.value::<IpAddr>(&item, "an address like 10.10.0.5") else {
                continue;
            };
            let version = IpVersion::of(address);
            if out.addresses.iter().any(|a| IpVersion::of(*a) == version) {
                r.unexpected(&item, "one address of each IP version at most");
            } else {
                out.addresses.push(address);
            }
        }
    }
    out.mac = keys.mac.and_then(|at| mac(r, &at));
    out.interface = keys.interface.and_then(|at| interface(r, &at));
    out.bandwidth = limit(r, keys.bandwidth.as_ref(), keys.rate.as_ref());
    check_delay(r, &r.place(at), &out.impairments);
    let mut may = |at: Option<At>| at.and_then(|at| r.boolean(&at)).unwrap_or(false);
    out.dhcp_server = may(keys.dhcp_server);
    out.router = may(keys.router);
    out.masquerade = may(keys.masquerade);
    out.sources = sources(r, keys.sources.as_ref());
    for item in items(r, keys.aliases.as_ref()) {
        let name = r.checked::<Name>(&item, "a name");
        let name = name.and_then(|name| further_name(r, &r.place(&item), name));
        out.aliases.extend(name);
    }
    out
}

fn route(r: &mut Reader<'_>, at: &At) -> Option<StaticRoute> {
    const EXPECTED: &str = "a prefix like 10.0.0.0/8, or default";
    let keys = RouteKeys::read(r, at, "a mapping like { to: 10.9.0.0/16, via: 10.10.0.2 }");
    for (key, name) in [(&keys.to, "to"), (&keys.via, "via")] {
        if key.is_none() {
            r.report(at, ValueProblem::Missing(Required::OfRoute(name)));
        }
    }
    let (to_at, via_at) = (keys.to?, keys.via?);
    let text = r.text(&to_at, EXPECTED)?;
    let via: IpAddr = r.value(&via_at, "the next hop's address")?;
    let Some(to) = destination(&text, IpVersion::of(via)) else {
        r.unexpected(&to_at, EXPECTED);
        return None;
    };
    Some(StaticRoute {
        to,
        via,
        place: r.place(at),
    })
}

/// A prefix, a single address, or `default` of the next hop's IP version.
fn destination(text: &str, version: IpVersion) -> Option<ipnet::IpNet> {
    let default = match version {
        IpVersion::V4 => "0.0.0.0/0",
        IpVersion::V6 => "::/0",
    };
    let text = if text == "default" { default } else { text };
    let net: Option<ipnet::IpNet> = text.parse().ok();
    net.or_else(|| text.parse::<IpAddr>().ok().map(Into::into))
        .map(|net| net.trunc())
}

fn command(r: &mut Reader<'_>, at: &At) -> Option<Command> {
    let made = if r.is_list(at.id) {
        let items = r.items(at);
        let words: Option<Vec<String>> = items.iter().map(|item| word(r, item)).collect();
        Command::new(words?)
    } else {
        Command::split(&r.text(at, "a program with arguments")?)
    };
    match made {
        Ok(command) => Some(command),
        Err(error) => {
            r.report(at, ValueProblem::Command(error));
            None
        }
    }
}

/// A mapping from settings to values, or a list of `NAME=value`.
fn sysctls(r: &mut Reader<'_>, at: &At, node: &mut Node) {
    let mut add = |r: &mut Reader<'_>, name: &str, value: &str, place: Place| match name
        .parse::<SysctlKey>()
    {
        Err(_) if turns_ipv6_on(name, value) => node.ipv6 = true,
        Ok(key) => {
            let words: Vec<&str> = value.split_whitespace().collect();
            node.sysctls.insert(key.clone(), words.join(" "));
            node.sysctl_places.insert(key, place);
        }
        Err(error) => r.report_at(&place, ValueProblem::from(error)),
    };
    if r.is_map(at.id) {
        for field in r.fields(at, None, "a mapping of settings").0 {
            let here = at.key(&field.name, field.value);
            if let Some(value) = word(r, &here) {
                add(r, &field.name, &value, field.key_place);
            }
        }
        return;
    }
    for item in r.items(at) {
        const EXPECTED: &str = "a setting like net.ipv4.tcp_syncookies=1";
        let Some(text) = r.text(&item, EXPECTED) else {
            continue;
        };
        match text.split_once('=') {
            Some((name, value)) => {
                let place = r.place(&item);
                add(r, name.trim(), value, place);
            }
            None => r.unexpected(&item, EXPECTED),
        }
    }
}

/// Names with addresses: a mapping, or Compose's list of name:address (or name=address).
fn extra_hosts(r: &mut Reader<'_>, at: &At) -> Vec<(Name, ExtraHost)> {
    const EXPECTED: &str = "an address, or host-gateway";
    let mut out = Vec::new();
    if r.is_map(at.id) {
        for field in r.fields(at, None, "a mapping from names to addresses").0 {
            let value = at.key(&field.name, field.value);
            match field.name.parse::<Name>() {
                Ok(name) => {
                    let name = further_name(r, &field.key_place, name);
                    let address = r.value(&value, EXPECTED);
                    out.extend(name.zip(address));
                }
                Err(error) => r.report_at(&field.key_place, ValueProblem::Name(error)),
            }
        }
        return out;
    }
    for item in r.items(at) {
        const LINE: &str = "a name with its address, like db:10.0.0.7";
        let Some(text) = r.text(&item, LINE) else {
            continue;
        };
        let parts = text.split_once('=').or_else(|| text.split_once(':'));
        let read = parts.and_then(|(name, address)| {
            Some((name.trim().parse().ok()?, address.trim().parse().ok()?))
        });
        match read {
            Some((name, address)) => {
                let name = further_name(r, &r.place(&item), name);
                out.extend(name.map(|name| (name, address)));
            }
            None => r.unexpected(&item, LINE),
        }
    }
    out
}

/// The prefixes a node may send from besides its own addresses.
fn sources(r: &mut Reader<'_>, at: Option<&At>) -> Vec<IpNet> {
    const EXPECTED: &str = "a prefix, an address, or any";
    let mut out = Vec::new();
    for item in items(r, at) {
        let Some(text) = r.text(&item, EXPECTED) else {
            continue;
        };
        let net = text.parse::<IpNet>().ok();
        let address = text.parse::<IpAddr>().ok();
        match net.or(address.map(IpNet::from)) {
            Some(net) => out.push(net.trunc()),
            None if text == "any" => {
                out.extend([IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())]);
            }
            None => r.unexpected(&item, EXPECTED),
        }
    }
    out
}
