//! Addresses of the host whose packets have routes of their own: policy routing by the source.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_kernel::rule::{RoutingRule, RuleAction};
use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::IpVersion;
use hallway_plan::mark;
use hallway_plan::observed::{SeenAddress, SeenLink, SeenSpace, SourceRouting};
use hallway_plan::target::{DEFAULT_TABLE, LOCAL_TABLE, MAIN_TABLE};
use ipnet::IpNet;

use super::space;

/// The routing rules; none on a kernel without them.
pub(crate) fn routing_rules(kernel: &mut Kernel) -> Result<Vec<RoutingRule>, KernelError> {
    match kernel.routing_rules() {
        Err(e) if e.is_unsupported() => Ok(Vec::new()),
        other => other,
    }
}

/// The reverse path filter that accepts no packet from an address of another link.
const STRICT: u32 = 1;

/// Reads them; the links, addresses and routes of the host are those given.
pub(super) fn read(kernel: &mut Kernel, host: &SeenSpace) -> Result<SourceRouting, KernelError> {
    let found = source_routing(&routing_rules(kernel)?, host);
    if !found.addresses.iter().any(IpAddr::is_ipv4) {
        return Ok(found);
    }
    let of_all = kernel.settings_of_all(IpVersion::V4)?;
    let of_all = of_all.and_then(|all| all.rp_filter).unwrap_or(0);
    Ok(match host.new_rp_filter.unwrap_or(0).max(of_all) {
        STRICT => without_ipv4(found),
        _ => found,
    })
}

/// The same, without anything else of the host.
pub(crate) fn alone(kernel: &mut Kernel) -> Result<SourceRouting, KernelError> {
    if !any_rules(kernel)? {
        return Ok(SourceRouting::default());
    }
    let mut host = space::read(kernel, &mut SysctlReader::default(), &[])?;
    let new = kernel.settings_of_new(IpVersion::V4)?;
    host.new_rp_filter = new.and_then(|new| new.rp_filter);
    read(kernel, &host)
}

/// Whether there are rules by which an address of the host could be one of them.
pub(crate) fn any_rules(kernel: &mut Kernel) -> Result<bool, KernelError> {
    let rules = routing_rules(kernel)?;
    Ok(rules.iter().any(|rule| of_source(rule).is_some()))
}

/// With a strict reverse path filter on its links, the host drops what comes in by them with an address of
/// its own: answers keep the routes that they have.
fn without_ipv4(mut found: SourceRouting) -> SourceRouting {
    found.addresses.retain(IpAddr::is_ipv6);
    match found.addresses.is_empty() {
        true => SourceRouting::default(),
        false => found,
    }
}

fn source_routing(rules: &[RoutingRule], host: &SeenSpace) -> SourceRouting {
    let nets: Vec<IpNet> = rules.iter().filter_map(of_source).collect();
    let link = |index: u32| host.links.iter().find(|l| l.index == index);
    let ours = |link: &SeenLink| {
        let alias = link.alias.as_deref().and_then(mark::parse_alias);
        alias.is_some() || mark::slot_of(link.group).is_some()
    };
    let concerned = |address: &&SeenAddress| {
        let own = address.net.addr();
        let of_project = link(address.interface).is_some_and(ours);
        !of_project && is_far(own) && nets.iter().any(|net| net.contains(&own))
    };
    let addresses = host.addresses.iter().filter(concerned);
    let addresses: BTreeSet<IpAddr> = addresses.map(|a| a.net.addr()).collect();
    if addresses.is_empty() {
        return SourceRouting::default();
    }
    let near = host.routes.iter().filter(|route| {
        let straight = route.via.is_none() && !route.multipath && route.drops.is_none();
        straight
            && route.table == MAIN_TABLE
            && route.to.prefix_len() > 0
            && is_far(route.to.addr())
    });
    SourceRouting {
        addresses,
        near: IpNet::aggregate(&near.map(|route| route.to).collect()),
    }
}

/// The source of a rule that looks routes up in a table of its own, if it asks for nothing else.
fn of_source(rule: &RoutingRule) -> Option<IpNet> {
    let own = match rule.action {
        RuleAction::Table(table) => ![LOCAL_TABLE, MAIN_TABLE, DEFAULT_TABLE].contains(&table),
        _ => false,
    };
    let further = rule.to.is_some() || rule.iif.is_some() || rule.oif.is_some();
    let further = further || rule.mark.is_some() || rule.l3mdev || rule.is_by_service();
    let further = further || rule.not || rule.has_others;
    rule.from.filter(|_| own && !further)
}

/// Not of one link alone.
fn is_far(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => !a.is_loopback() && !a.is_link_local(),
        IpAddr::V6(a) => !a.is_loopback() && !a.is_unicast_link_local() && !a.is_multicast(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> SeenSpace {
        let link = |index, name: &str, group| SeenLink {
            index,
            name: name.into(),
            group,
            ..SeenLink::default()
        };
        let address = |interface, net: &str| SeenAddress {
            interface,
            net: net.parse().unwrap(),
            peer: None,
            secondary: false,
            fault: None,
        };
        SeenSpace {
            links: vec![
                link(2, "eth1", 0),
                link(3, "br-apps", mark::group(1, 1, false)),
            ],
            addresses: vec![
                address(2, "192.168.7.1/24"),
                address(2, "192.168.2.10/24"),
                address(2, "fd07::1/64"),
                address(2, "fe80::1/64"),
                address(3, "172.20.0.1/24"),
            ],
            ..SeenSpace::default()
        }
    }

    fn rule(from: &str) -> RoutingRule {
        let from: IpNet = from.parse().unwrap();
        RoutingRule {
            from: Some(from),
            ..RoutingRule::to_table(IpVersion::of(from.addr()), 100, 77)
        }
    }

    fn found(rules: &[RoutingRule]) -> Vec<String> {
        let all = source_routing(rules, &host()).addresses;
        all.iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn addresses_with_rules_of_their_own() {
        assert_eq!(found(&[rule("192.168.7.1/32")]), ["192.168.7.1"]);
        assert_eq!(found(&[rule("fd07::/16")]), ["fd07::1"]);
        let both = [rule("192.168.0.0/16"), rule("fe80::/10")];
        assert_eq!(found(&both), ["192.168.2.10", "192.168.7.1"]);
        // Those of the project's networks, and of others.
        assert!(found(&[rule("172.16.0.0/12"), rule("10.0.0.0/8")]).is_empty());
    }

    #[test]
    fn rules_that_are_about_something_else_as_well() {
        let plain = || rule("192.168.7.1/32");
        let main = RuleAction::Table(MAIN_TABLE);
        for other in [
            RoutingRule {
                not: true,
                ..plain()
            },
            RoutingRule {
                has_others: true,
                ..plain()
            },
            RoutingRule {
                mark: Some((1, 1)),
                ..plain()
            },
            RoutingRule {
                iif: Some("eth0".into()),
                ..plain()
            },
            RoutingRule {
                oif: Some("eth0".into()),
                ..plain()
            },
            RoutingRule {
                action: main,
                ..plain()
            },
            RoutingRule {
                action: RuleAction::Blackhole,
                ..plain()
            },
            RoutingRule {
                from: None,
                ..plain()
            },
        ] {
            assert!(found(std::slice::from_ref(&other)).is_empty(), "{other:?}");
        }
    }

    #[test]
    fn a_strict_filter_is_one_of_ipv4() {
        let all = source_routing(&[rule("192.168.7.1/32"), rule("fd07::1/128")], &host());
        let left = without_ipv4(all).addresses;
        assert_eq!(left.len(), 1);
        assert!(left.iter().all(IpAddr::is_ipv6));
    }
}
