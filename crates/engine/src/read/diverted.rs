//! Networks of a project that the host does not reach, since by a routing rule of another program
//! (ip-rule(8)) a route is looked up in another table before the table main. VPNs add such rules.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_kernel::route::{RouteInfo, RouteType};
use hallway_kernel::rule::{RoutingRule, RuleAction};
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::IpVersion;
use hallway_plan::observed::{Dropping, SeenLink};
use hallway_plan::reach::{Diverted, HostRule, Looks, Remedy, TableRoute, by_longer_routes};
use hallway_plan::rules::ip_version;
use hallway_plan::settled::{Node, Settled};
use hallway_plan::target::{DEFAULT_TABLE, LOCAL_TABLE, MAIN_TABLE};
use hallway_plan::{Observed, mark};
use ipnet::IpNet;

use crate::observe::{dropping, routing_rules};

/// Whether routes are looked up in other tables than the kernel's own.
fn use_other_tables(rules: &[RoutingRule]) -> bool {
    let known = |table| matches!(table, LOCAL_TABLE | MAIN_TABLE | DEFAULT_TABLE);
    let others = |rule: &RoutingRule| !matches!(rule.action, RuleAction::Table(t) if known(t));
    rules.iter().any(others)
}

/// What of the project's networks the host sends elsewhere or drops, by such rules or by longer routes.
pub(crate) fn diverted(
    kernel: &mut Kernel,
    seen: &Observed,
    settled: &Settled,
) -> Result<Vec<Diverted>, KernelError> {
    let rules = routing_rules(kernel)?;
    let mut out = diverted_by(&rules, kernel, seen, settled)?;
    // What a repair mends is a difference of its own.
    out.retain(|diverted| diverted.remedy != Remedy::Repair);
    let nets: Vec<IpNet> = subnets(settled).collect();
    let of_project = |link: &&SeenLink| {
        let alias = link.alias.as_deref().and_then(mark::parse_alias);
        alias.is_some_and(|(project, _)| project == settled.project)
    };
    let links = seen.host.links.iter().filter(of_project);
    let links: Vec<&str> = links.map(|l| l.name.as_str()).collect();
    let limited = host_rules(&rules, kernel)?;
    out.extend(limited.iter().filter_map(|r| r.drops_of(&nets, &links)));
    Ok(out)
}

/// The same without rules about some packets alone, with the routing rules as read before.
pub(super) fn diverted_by(
    rules: &[RoutingRule],
    kernel: &mut Kernel,
    seen: &Observed,
    settled: &Settled,
) -> Result<Vec<Diverted>, KernelError> {
    let mut out = by_rules(kernel, rules, seen, settled)?;
    out.extend(by_longer_routes(settled, seen));
    Ok(out)
}

/// The routing rules of the host before the table main, in their order, with what is in their tables.
pub(super) fn host_rules(
    rules: &[RoutingRule],
    kernel: &mut Kernel,
) -> Result<Vec<HostRule>, KernelError> {
    if !use_other_tables(rules) {
        return Ok(Vec::new());
    }
    let (routes, links) = (kernel.routes()?, kernel.links()?);
    let link = |route: &RouteInfo| {
        let mut all = links.iter();
        let found = all.find(|l| Some(l.index) == route.interface)?;
        Some((found.name.clone(), found.group))
    };
    let has_vrf = links.iter().any(|l| l.kind.as_deref() == Some("vrf"));
    let mut out = Vec::new();
    for version in [IpVersion::V4, IpVersion::V6] {
        let mut rules: Vec<&RoutingRule> = rules.iter().filter(|r| r.version == version).collect();
        rules.sort_by_key(|rule| rule.priority);
        let before = rules.iter().take_while(|rule| !is_main(rule));
        out.extend(before.filter_map(|rule| host_rule(rule, &routes, &link, has_vrf)));
    }
    Ok(out)
}

type LinkOf<'a> = dyn Fn(&RouteInfo) -> Option<(String, u32)> + 'a;

fn host_rule(
    rule: &RoutingRule,
    routes: &[RouteInfo],
    link: &LinkOf<'_>,
    has_vrf: bool,
) -> Option<HostRule> {
    let shortest = rule
        .suppress_prefix_length
        .map_or(0, |s| s.saturating_add(1));
    let looks = match rule.action {
        RuleAction::Table(LOCAL_TABLE) | RuleAction::Goto(_) | RuleAction::Nothing => return None,
        RuleAction::Table(MAIN_TABLE) => {
            Looks::Main(u8::try_from(shortest.saturating_sub(1)).ok()?)
        }
        RuleAction::Table(table) => {
            Looks::Table(table, destinations(table, shortest, routes, link))
        }
        action => Looks::Nowhere(dropping_of(action)),
    };
    Some(HostRule {
        version: ip_version(rule.version),
        priority: rule.priority,
        from: rule.from,
        to: rule.to,
        iif: rule.iif.clone(),
        mark: rule.mark,
        ip_protocol: rule.ip_protocol,
        source_ports: rule.source_ports,
        ports: rule.ports,
        never: rule.oif.is_some() || rule.l3mdev && !has_vrf,
        not: rule.not,
        others: rule.has_others || rule.l3mdev && has_vrf,
        looks,
    })
}

/// How a rule without a table drops packets.
fn dropping_of(action: RuleAction) -> Dropping {
    match action {
        RuleAction::Unreachable => Dropping::Unreachable,
        RuleAction::Prohibit => Dropping::Prohibited,
        _ => Dropping::Silently,
    }
}

/// The routes of a table: of equal ones, the one with the lowest metric is used. Without those by which the
/// next rule is tried.
fn destinations(
    table: u32,
    shortest: u32,
    routes: &[RouteInfo],
    link: &LinkOf<'_>,
) -> Vec<TableRoute> {
    let mut of_table: Vec<&RouteInfo> = (routes
        .iter()
        .filter(|r| r.table == table && !r.dead && r.tos == 0))
    .collect();
    of_table.sort_by_key(|r| (r.to, r.metric));
    of_table.dedup_by_key(|r| r.to);
    let used = of_table
        .into_iter()
        .filter(|r| r.kind != RouteType::Throw && u32::from(r.to.prefix_len()) >= shortest);
    used.map(|r| TableRoute {
        to: r.to,
        drops: dropping(r.kind),
        link: link(r),
        no_carrier: r.no_carrier,
    })
    .collect()
}

fn subnets(settled: &Settled) -> impl Iterator<Item = IpNet> {
    settled
        .inner_networks()
        .flat_map(|n| &n.subnets)
        .map(|s| s.net)
}

/// The networks of the project whose packets follow such a rule, and the parts of them in which nodes
/// have addresses.
fn by_rules(
    kernel: &mut Kernel,
    rules: &[RoutingRule],
    seen: &Observed,
    settled: &Settled,
) -> Result<Vec<Diverted>, KernelError> {
    let addresses = settled.nodes.iter().flat_map(Node::port_addresses);
    let addresses: BTreeSet<IpAddr> = addresses.collect();
    let is_used = |net: &IpNet| {
        addresses
            .range(net.network()..=net.broadcast())
            .next()
            .is_some()
    };
    let local = seen.host.routes.iter().filter(|r| r.table == LOCAL_TABLE);
    let local: BTreeSet<IpNet> = local.map(|r| r.to).collect();
    let all_main = subnets(settled).all(|net| has_main(rules, IpVersion::of(net.addr())));
    if !use_other_tables(rules) && all_main && !local.iter().any(is_used) {
        return Ok(Vec::new());
    }
    let routes = kernel.routes()?;
    let looked_up = routes
        .iter()
        .filter(|r| r.table != MAIN_TABLE && is_used(&r.to));
    let named = rules.iter().filter_map(|r| r.to).filter(is_used);
    let parts: BTreeSet<IpNet> = looked_up.map(|r| r.to).chain(named).collect();
    let mut out = Vec::new();
    for subnet in subnets(settled) {
        let whole = of_net(rules, &routes, &seen.host.links, subnet);
        let inside = |net: &&IpNet| subnet.contains(*net) && **net != subnet;
        let parts = parts.iter().filter(inside);
        let parts = parts.filter_map(|net| of_net(rules, &routes, &seen.host.links, *net));
        let same = |part: &Diverted| whole.as_ref().is_some_and(|w| w.by == part.by);
        let parts: Vec<Diverted> = parts.filter(|part| !same(part)).collect();
        out.extend(whole.into_iter().chain(parts));
    }
    Ok(out)
}

fn of_net(
    all_rules: &[RoutingRule],
    routes: &[RouteInfo],
    links: &[SeenLink],
    net: IpNet,
) -> Option<Diverted> {
    let version = IpVersion::of(net.addr());
    let mut rules: Vec<&RoutingRule> = all_rules.iter().filter(|r| r.version == version).collect();
    rules.sort_by_key(|rule| rule.priority);
    let with_main = has_main(all_rules, version);
    for rule in rules.into_iter().filter(|r| applies(r, &net)) {
        let looks_at = |length: u8| {
            rule.suppress_prefix_length
                .is_none_or(|s| u32::from(length) > s)
        };
        let before = Remedy::RuleBefore(rule.priority.saturating_sub(1));
        let (by, remedy, drops) = match rule.action {
            RuleAction::Goto(_) | RuleAction::Nothing => continue,
            RuleAction::Table(MAIN_TABLE) if looks_at(net.prefix_len()) => return None,
            RuleAction::Table(table) => {
                let covers = |r: &&RouteInfo| r.table == table && r.to.contains(&net);
                let found = routes.iter().filter(covers);
                // A route of the kind throw ends the lookup in this table.
                let Some(route) = found
                    .max_by_key(|r| r.to.prefix_len())
                    .filter(|r| looks_at(r.to.prefix_len()) && r.kind != RouteType::Throw)
                else {
                    continue;
                };
                let (name, remedy) = match table {
                    LOCAL_TABLE => ("local".to_owned(), Remedy::WithoutLocal(route.to)),
                    table => (table.to_string(), before),
                };
                let by = format!(
                    "{} of table {name}, which the routing rule {} looks up before the table main",
                    words(route, links),
                    rule.priority
                );
                (by, remedy, dropping(route.kind))
            }
            action => {
                let by = format!("the routing rule {}, which drops packets", rule.priority);
                (by, before, Some(dropping_of(action)))
            }
        };
        return Some(Diverted {
            net,
            by,
            remedy,
            drops,
        });
    }
    let all = Diverted {
        net,
        by: "no route, since no routing rule looks up the table main".to_owned(),
        remedy: Remedy::MainRule,
        drops: Some(Dropping::Unreachable),
    };
    (!with_main).then_some(all)
}

/// Whether a rule leads every packet to the table main. A kernel without routing rules has none, and
/// looks there.
fn has_main(rules: &[RoutingRule], version: IpVersion) -> bool {
    let mut of_version = rules.iter().filter(|r| r.version == version).peekable();
    of_version.peek().is_none() || of_version.any(is_main)
}

/// Whether every packet that no rule before decided about is looked up in the table main.
fn is_main(rule: &RoutingRule) -> bool {
    rule.is_unconditional() && rule.action == RuleAction::Table(MAIN_TABLE)
}

/// Whether a packet to the network matches the rule, whatever its source. Packets of nodes have no
/// mark.
fn applies(rule: &RoutingRule, net: &IpNet) -> bool {
    let by_link = rule.iif.is_some() || rule.oif.is_some();
    let limited = rule.from.is_some() || by_link || rule.is_by_service();
    let matches = rule.mark.is_none() && !rule.l3mdev && rule.to.is_none_or(|to| to.contains(net));
    !limited && !rule.has_others && matches != rule.not
}

fn words(route: &RouteInfo, links: &[SeenLink]) -> String {
    let link = links.iter().find(|l| Some(l.index) == route.interface);
    match link {
        Some(link) => format!("the route {} by {}", route.to, link.name),
        None => format!("the route {}", route.to),
    }
}

#[cfg(test)]
mod tests {
    use hallway_kernel::addr::Scope;

    use super::*;

    fn route(to: &str, table: u32, kind: RouteType) -> RouteInfo {
        RouteInfo {
            to: to.parse().unwrap(),
            via: None,
            interface: None,
            source: None,
            protocol: 4,
            kind,
            scope: Scope::Universe,
            metric: 0,
            table,
            metrics: Default::default(),
            multipath: None,
            tos: 0,
            no_carrier: false,
            dead: false,
        }
    }

    fn rule(priority: u32, table: u32) -> RoutingRule {
        RoutingRule::to_table(IpVersion::V4, priority, table)
    }

    fn found(further: RoutingRule, to: &str) -> bool {
        let rules = [rule(0, 255), rule(32766, 254), rule(32767, 253), further];
        let table = match rules[3].action {
            RuleAction::Table(table) => table,
            _ => 0,
        };
        let route = route(to, table, RouteType::Unicast);
        of_net(&rules, &[route], &[], "10.20.0.0/24".parse().unwrap()).is_some()
    }

    #[test]
    fn a_route_of_a_table_before_main_diverts_what_it_covers() {
        assert!(found(rule(220, 220), "10.0.0.0/8"));
        assert!(found(rule(5270, 52), "0.0.0.0/0"));
        assert!(!found(rule(220, 220), "10.21.0.0/16"));
        assert!(!found(rule(40000, 220), "10.0.0.0/8"));
        let mark = RoutingRule {
            mark: Some((1, u32::MAX)),
            ..rule(220, 220)
        };
        assert!(!found(mark.clone(), "10.0.0.0/8"));
        // A kernel without routing rules looks in the table main.
        assert!(of_net(&[], &[], &[], "10.20.0.0/24".parse().unwrap()).is_none());
        assert!(found(RoutingRule { not: true, ..mark }, "10.0.0.0/8"));
        let to = |to: &str| RoutingRule {
            to: Some(to.parse().unwrap()),
            ..rule(220, 220)
        };
        assert!(found(to("10.20.0.0/16"), "0.0.0.0/0"));
        assert!(!found(to("10.30.0.0/16"), "0.0.0.0/0"));
        let not = |to| RoutingRule { not: true, ..to };
        assert!(found(not(to("10.30.0.0/16")), "0.0.0.0/0"));
        assert!(!found(not(to("10.20.0.0/16")), "0.0.0.0/0"));
        let drops = RoutingRule {
            action: RuleAction::Blackhole,
            ..rule(10, 0)
        };
        assert!(found(drops, "10.0.0.0/8"));
    }

    /// As wg-quick(8) does it: routes of main but the default one come first.
    #[test]
    fn main_without_its_default_route_before_the_table() {
        let rules = [
            RoutingRule {
                suppress_prefix_length: Some(0),
                ..rule(32764, 254)
            },
            rule(32765, 51820),
        ];
        let net = "10.20.0.0/24".parse().unwrap();
        let routes = [route("0.0.0.0/0", 51820, RouteType::Unicast)];
        assert!(of_net(&rules, &routes, &[], net).is_none());
    }

    #[test]
    fn of_two_routes_the_longer_one_decides() {
        let rules = [rule(220, 220), rule(32766, 254)];
        let net = "10.20.0.0/24".parse().unwrap();
        let mut routes = vec![
            route("10.0.0.0/8", 220, RouteType::Unicast),
            route("10.20.0.0/24", 220, RouteType::Throw),
        ];
        assert!(of_net(&rules, &routes, &[], net).is_none());
        routes.reverse();
        assert!(of_net(&rules, &routes, &[], net).is_none());
        routes.push(route("10.20.0.0/24", 220, RouteType::Blackhole));
        routes.remove(0);
        assert!(of_net(&rules, &routes, &[], net).is_some());
    }
}
