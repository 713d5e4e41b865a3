//! Networks of a project that the host does not reach, since a rule of another program finds a route
//! in a table of its own before the table main is asked (ip-rule(8)). VPNs add such rules.

use hallway_kernel::rule::{RoutingRule, RuleAction, RuleFamily};
use hallway_plan::observed::{SeenRoute, SeenSpace};
use hallway_plan::reach::Diverted;
use hallway_plan::settled::Settled;
use hallway_spec::IpVersion;
use ipnet::IpNet;

/// RT_TABLE_LOCAL and RT_TABLE_MAIN, linux/rtnetlink.h.
const LOCAL_TABLE: u32 = 255;
const MAIN_TABLE: u32 = 254;

/// Whether a rule asks another table than the kernel's own.
pub(crate) fn asks_others(rules: &[RoutingRule]) -> bool {
    let known = |table| matches!(table, LOCAL_TABLE | MAIN_TABLE | 253);
    let others = |rule: &RoutingRule| !matches!(rule.action, RuleAction::Table(t) if known(t));
    rules.iter().any(others)
}

/// The networks of the project whose packets follow such a route.
pub(super) fn diverted(
    rules: &[RoutingRule],
    host: &SeenSpace,
    settled: &Settled,
) -> Vec<Diverted> {
    let nets = settled.inner_networks().flat_map(|n| &n.subnets);
    nets.filter_map(|subnet| of_net(rules, host, subnet.net))
        .collect()
}

fn of_net(rules: &[RoutingRule], host: &SeenSpace, net: IpNet) -> Option<Diverted> {
    let family = match IpVersion::of(net.addr()) {
        IpVersion::V4 => RuleFamily::V4,
        IpVersion::V6 => RuleFamily::V6,
    };
    let mut rules: Vec<&RoutingRule> = rules.iter().filter(|r| r.family == family).collect();
    rules.sort_by_key(|rule| rule.priority);
    for rule in rules.into_iter().filter(|r| applies(r, &net)) {
        let looks_at = |length: u8| {
            rule.suppress_prefix_length
                .is_none_or(|s| u32::from(length) > s)
        };
        let by = match rule.action {
            RuleAction::Table(LOCAL_TABLE) | RuleAction::Goto(_) | RuleAction::Nothing => continue,
            RuleAction::Table(MAIN_TABLE) if looks_at(net.prefix_len()) => return None,
            RuleAction::Table(table) => {
                let mut routes = host.routes.iter().filter(|r| r.table == table);
                let found = routes.find(|r| r.to.contains(&net) && looks_at(r.to.prefix_len()));
                let Some(route) = found else { continue };
                format!(
                    "{} of table {table}, which the routing rule {} looks up before the table main",
                    words(route, host),
                    rule.priority
                )
            }
            _ => format!("the routing rule {}, which drops packets", rule.priority),
        };
        return Some(Diverted {
            net,
            by,
            before: rule.priority.saturating_sub(1),
        });
    }
    None
}

/// Whether a packet to the network matches the rule, whatever its source. Packets of nodes have no
/// mark.
fn applies(rule: &RoutingRule, net: &IpNet) -> bool {
    let marked = rule.mark.is_some() != rule.not;
    let limited = rule.from.is_some() || rule.iif.is_some() || rule.oif.is_some();
    !marked && !limited && !rule.has_others && rule.to.is_none_or(|to| to.contains(net))
}

fn words(route: &SeenRoute, host: &SeenSpace) -> String {
    let link = host.links.iter().find(|l| Some(l.index) == route.interface);
    match link {
        Some(link) => format!("the route {} by {}", route.to, link.name),
        None => format!("the route {}", route.to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(to: &str, table: u32) -> SeenSpace {
        let route = SeenRoute {
            to: to.parse().unwrap(),
            interface: None,
            protocol: 4,
            unreachable: false,
            table,
            metric: 0,
            via: None,
        };
        SeenSpace {
            routes: vec![route],
            ..SeenSpace::default()
        }
    }

    fn rule(priority: u32, table: u32) -> RoutingRule {
        RoutingRule::to_table(RuleFamily::V4, priority, table)
    }

    fn found(further: RoutingRule, to: &str) -> bool {
        let rules = [rule(0, 255), rule(32766, 254), rule(32767, 253), further];
        let table = match rules[3].action {
            RuleAction::Table(table) => table,
            _ => 0,
        };
        of_net(&rules, &host(to, table), "10.20.0.0/24".parse().unwrap()).is_some()
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
        assert!(found(RoutingRule { not: true, ..mark }, "10.0.0.0/8"));
        let to = |to: &str| RoutingRule {
            to: Some(to.parse().unwrap()),
            ..rule(220, 220)
        };
        assert!(found(to("10.20.0.0/16"), "0.0.0.0/0"));
        assert!(!found(to("10.30.0.0/16"), "0.0.0.0/0"));
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
        assert!(of_net(&rules, &host("0.0.0.0/0", 51820), net).is_none());
    }
}
