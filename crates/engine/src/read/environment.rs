//! The properties of the host that a prediction depends on and a file does not contain.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use hallway_kernel::rule::{RoutingRule, RuleAction};
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::survey::may_mark;
use hallway_nftables::{Family, Ruleset, Table};
use hallway_plan::diff::forwards_for_others;
use hallway_plan::observed::{SeenLink, SeenRoute};
use hallway_plan::reach::{Environment, HostNet};
use hallway_plan::rules::ip_version;
use hallway_plan::settled::{Interface, Settled};
use hallway_plan::target::LOCAL_TABLE;
use hallway_plan::{Observed, mark};
use hallway_spec::{IpVersion, Name, Protocol};
use ipnet::IpNet;

use super::diverted::{diverted_by, host_rules};
use crate::arp;
use crate::observe::routing_rules;
use crate::{observe, sockets};

/// Reads them in the calling thread's namespace.
///
/// # Errors
/// When the kernel's state cannot be read.
pub fn environment(settled: &Settled) -> Result<Environment, KernelError> {
    let mut kernel = Kernel::new();
    let seen = observe::network(&mut kernel, &settled.project)?;
    let rules = routing_rules(&mut kernel)?;
    let foreign = foreign(&mut kernel)?;
    let settings = kernel.read_sysctls([
        "net/bridge/bridge-nf-call-iptables",
        "net/ipv4/icmp_echo_ignore_all",
        "net/ipv6/icmp/echo_ignore_all",
    ])?;
    let mut on = settings.iter().map(|value| value.as_deref() == Some("1"));
    let bridge_hooks = on.next().unwrap_or_default();
    let no_echo = IpVersion::ALL.into_iter().zip(on);
    let no_echo = no_echo.filter_map(|(version, on)| on.then_some(version));
    let no_echo: Vec<IpVersion> = no_echo.collect();
    Ok(Environment {
        bridge_hooks,
        in_sandbox: None,
        uplink: seen
            .host
            .routes
            .iter()
            .filter(|r| of_every_source(r.table, &rules))
            .any(|r| r.to.prefix_len() == 0 && r.drops.is_none() && !r.dead),
        host_addresses: host_addresses(&seen, settled),
        routes: routes(&seen, &rules, &settled.project),
        policy_routed: policy_routed(&rules),
        source_routing: seen.host.source_routing.clone(),
        diverted: diverted_by(&rules, &mut kernel, &seen, settled)?,
        rules: host_rules(&rules, &mut kernel)?,
        marked: marked(&rules, &foreign),
        own_routes: own_routes(&kernel, settled),
        projects: projects(&mut kernel, &seen, settled)?,
        guarded: guarded(&mut kernel, &settled.project)?,
        foreign,
        no_echo,
        no_arp: arp::is_ignored(&kernel)?,
        indexes: (seen.host.links.iter())
            .map(|link| (link.name.clone(), link.index))
            .collect(),
        rp_filter: rp_filter(&mut kernel, &seen)?,
        xdp: (seen.host.links.iter())
            .filter(|link| link.xdp.is_some())
            .map(|link| link.name.clone())
            .collect(),
        address_links: address_links(&seen),
        forwarding: forwards_for_others(&settled.project, &seen),
        served: served(),
        inside: BTreeMap::new(),
    })
}

/// Whether the routes of a table are about packets from every source.
fn of_every_source(table: u32, rules: &[RoutingRule]) -> bool {
    let leads = |rule: &&RoutingRule| rule.action == RuleAction::Table(table);
    let plain = |r: &RoutingRule| RoutingRule {
        suppress_prefix_length: None,
        ..r.clone()
    };
    rules.is_empty() || (rules.iter().filter(leads)).any(|rule| plain(rule).is_unconditional())
}

/// The ports on which programs of the host receive packets.
fn served() -> Vec<(u8, SocketAddr)> {
    let bound = sockets::bound([Protocol::Tcp, Protocol::Udp]).into_iter();
    bound.map(|b| (b.protocol.number(), b.address)).collect()
}

/// The routes of the host that hallway has not made for this project: also those to nodes of other
/// projects, but not the unreachable ones.
fn routes(seen: &Observed, rules: &[RoutingRule], project: &Name) -> Vec<HostNet> {
    let link = |route: &SeenRoute| {
        let mut links = seen.host.links.iter();
        links.find(|l| Some(l.index) == route.interface)
    };
    let of_another = |route: &SeenRoute| {
        let alias = link(route).and_then(|l| mark::parse_alias(l.alias.as_deref()?));
        alias.is_some_and(|(of, _)| of != *project)
    };
    let known = seen.host.routes.iter().filter(|r| {
        r.table != LOCAL_TABLE
            && !(r.dead || r.limited)
            && of_every_source(r.table, rules)
            && (r.protocol != mark::ROUTE_PROTOCOL || of_another(r))
    });
    known
        .map(|route| {
            let named = link(route).map(|l| (l.name.clone(), l.group));
            HostNet {
                to: route.to,
                via: route.via.is_some(),
                drops: route.drops,
                no_carrier: route.no_carrier,
                // Routes that drop packets have no link, or the loopback.
                link: match route.drops.is_some() || route.interface.is_none() {
                    true => None,
                    false => named.filter(|(name, _)| name != "lo"),
                },
            }
        })
        .collect()
}

/// Routes of other programs in the namespaces that nodes join.
fn own_routes(kernel: &Kernel, settled: &Settled) -> BTreeMap<Name, Vec<(IpNet, String)>> {
    let mut wanted = observe::joined::Wanted::default();
    wanted.add(settled);
    let seen = observe::joined::read(kernel, &wanted);
    let mut out = BTreeMap::new();
    for node in &settled.nodes {
        let joined = node.joined.as_ref();
        let found = joined.and_then(|j| seen.get(&j.reference)?.present());
        let Some(inside) = found.map(|p| &p.inside) else {
            continue;
        };
        let theirs = |link: &&SeenLink| {
            let same = |i: &Interface| i.name == link.name && Some(i.mac) == link.mac;
            !node.interfaces.iter().any(same)
        };
        let routes = inside.routes.iter().filter_map(|route| {
            let mut links = inside.links.iter();
            let link = links.find(|l| Some(l.index) == route.interface)?;
            let used = route.table != LOCAL_TABLE && !route.unreachable && link.up;
            (used && theirs(&link)).then(|| (route.to, link.name.clone()))
        });
        out.insert(node.name.clone(), routes.collect());
    }
    out
}

/// The sources in rules of policy routing.
fn policy_routed(rules: &[RoutingRule]) -> Vec<IpNet> {
    let about = rules.iter().filter(|r| !r.not && r.mark.is_none());
    about.filter_map(|r| r.from).collect()
}

/// The rules by mark that may be about packets of nodes. These have none but what a rule of another
/// program gives them, so what asks for a mark matters only where there is one that can.
fn marked(rules: &[RoutingRule], foreign: &[Table]) -> Vec<(IpVersion, String)> {
    let marks = foreign.iter().any(may_mark);
    let about = rules.iter().filter_map(|rule| {
        let (value, mask) = rule.mark?;
        let not = if rule.not { "not " } else { "" };
        let mask = match mask {
            u32::MAX => String::new(),
            mask => format!("/{mask:#x}"),
        };
        let version = ip_version(rule.version);
        (marks || rule.not).then(|| (version, format!("{not}fwmark {value:#x}{mask}")))
    });
    about.collect()
}

/// The rules of the other projects of this host.
fn projects(
    kernel: &mut Kernel,
    seen: &Observed,
    settled: &Settled,
) -> Result<Vec<Ruleset>, KernelError> {
    let others: BTreeSet<&Name> = seen
        .tables
        .iter()
        .map(|t| &t.project)
        .filter(|p| **p != settled.project)
        .collect();
    let tables = others.into_iter().map(mark::table);
    tables.map(|table| kernel.tables_named(&table)).collect()
}

/// Whether a project's guard exists; of one that is not up, whether it will.
fn guarded(kernel: &mut Kernel, project: &Name) -> Result<bool, KernelError> {
    let tables = kernel.tables()?;
    let exists = |name: &str| tables.iter().any(|t| t.name == name);
    Ok(exists(&mark::guard_table(project)) || !exists(&mark::table(project)))
}

/// Tables of other programs with chains that packets pass.
pub(crate) fn foreign(kernel: &mut Kernel) -> Result<Vec<Table>, KernelError> {
    let sees = |table: &Table| {
        use Family::{Bridge, Inet, Ip, Ip6, Netdev};
        !table.dormant && matches!(table.family, Inet | Ip | Ip6 | Bridge | Netdev)
    };
    let mut out = Vec::new();
    for table in kernel.tables()?.iter().filter(|t| sees(t)) {
        if mark::is_foreign(&table.name) {
            // It may have been removed since.
            out.extend(kernel.table(table.family, &table.name)?);
        }
    }
    Ok(out)
}

/// The reverse path filter of each link.
fn rp_filter(kernel: &mut Kernel, seen: &Observed) -> Result<BTreeMap<String, u32>, KernelError> {
    let found = kernel.rp_filter()?;
    let links = seen.host.links.iter();
    let named = links.filter_map(|link| Some((link.name.clone(), *found.get(&link.index)?)));
    Ok(named.collect())
}

/// The kinds of links by which machines outside reach the host; a physical one has none. Behind bridges,
/// tunnels and the loopback there are others.
const OUTER: [&str; 6] = ["veth", "vlan", "bond", "team", "macvlan", "ipvlan"];

/// The links with addresses that machines outside may resolve; by one that is down, none does.
fn address_links(seen: &Observed) -> BTreeMap<IpAddr, String> {
    let outer = |link: &&SeenLink| {
        let kind = link.kind.as_deref();
        let outer = kind.is_none_or(|kind| OUTER.contains(&kind));
        link.up && outer && link.name != "lo" && link.group == 0
    };
    let link = |index: u32| seen.host.links.iter().find(|l| l.index == index);
    let all = seen.host.addresses.iter();
    all.filter_map(|a| Some((a.net.addr(), link(a.interface).filter(outer)?.name.clone())))
        .collect()
}

/// The host's addresses that are not from the project.
fn host_addresses(seen: &Observed, settled: &Settled) -> Vec<IpAddr> {
    let own = |address: IpAddr| {
        let mut gateways = settled.networks.iter().flat_map(|n| n.gateways());
        gateways.any(|gateway| gateway == address)
    };
    let all = seen.host.addresses.iter().map(|a| a.net.addr());
    all.filter(|a| !a.is_loopback() && !own(*a)).collect()
}
