//! The guard: two small tables beside the project's own. The keeper loads them by a socket, which
//! owns them (NFT_TABLE_F_OWNER). A `nft flush ruleset` of another program removes the project's
//! own tables, but not these.
//!
//! The project's own chains set a bit in the mark of every packet that concerns the project. The
//! chains here come last at the same hooks (that of source addresses right after the project's), drop
//! what concerns the project and has no bit, and clear the bit. So no packet passes while the own tables
//! are missing, and the guard changes nothing while they exist. Before them, the rules about packets
//! between other links are repeated: the links that forward because of hallway alone still do so while the
//! own tables are missing. So is the rule about packets that leave without a translation.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Action, Chain, ChainType, Element, Family, Field, Hook, IpVersion, Match, Priority, Rule,
    Ruleset, Set, Table, Value,
};
use hallway_spec::Name;
use ipnet::IpNet;

use super::elements::of_network;
use super::parts::{base, from_lan, member, rule};
use super::sets::{
    self, BRIDGED, Definition, FORWARDING, HIDDEN, MASQUERADED, NETWORKS, OUTSIDES, PREFIXES,
};
use super::{bridge, foreign, guard, nat, nf_version, purpose};
use crate::mark::{self, FROM_BIT, TO_BIT};
use crate::observed::Uplink;
use crate::settled::Settled;

/// After every other chain, and before a new connection is confirmed (NF_IP_PRI_CONNTRACK_CONFIRM is
/// the largest number).
const LAST: Priority = Priority(i32::MAX - 1);
/// Before the guard of any project clears a bit.
const BEFORE_CLEARED: Priority = Priority(LAST.0 - 1);
/// In the bridge family, before the frame passes the inet hooks (NF_BR_PRI_BRNF is 0,
/// linux/netfilter_bridge.h), where rules of other programs set marks.
const BEFORE_INET: Priority = Priority(-1);

/// After the project's rules have checked source addresses, and before connection tracking.
const AFTER_SOURCES: Priority = Priority(guard::SOURCES.0 + 1);

/// What a guard protects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guarded {
    /// Device groups of networks.
    pub groups: Vec<u32>,
    /// Their prefixes.
    pub prefixes: Vec<IpNet>,
    /// Device groups of networks whose packets get the host's address where they leave.
    pub masqueraded: Vec<u32>,
    /// Prefixes that are not seen outside.
    pub hidden: Vec<IpNet>,
    /// Device groups of networks that represent the outside.
    pub outsides: Vec<u32>,
    /// Links that forward because of hallway alone.
    pub uplinks: Vec<Uplink>,
    /// Those of them that are bridges.
    pub bridges: Vec<String>,
}

impl Guarded {
    /// Of a project: every network that its rules are about, and the links that forward because of it.
    #[must_use]
    pub fn of(settled: &Settled, uplinks: &[Uplink], is_bridge: impl Fn(&str) -> bool) -> Self {
        let mut out = Self {
            uplinks: uplinks.to_vec(),
            bridges: uplinks.iter().map(|u| u.link.clone()).collect(),
            ..Self::default()
        };
        out.bridges.retain(|name| is_bridge(name));
        for (definition, element) in settled.networks.iter().flat_map(of_network) {
            let is = |other: &Definition| other.name == definition.name;
            let of =
                |both: &sets::ByVersion| is(both.of(IpVersion::V4)) || is(both.of(IpVersion::V6));
            let net = match element.key.first() {
                Some(Value::V4Net(net)) => Some(IpNet::V4(*net)),
                Some(Value::V6Net(net)) => Some(IpNet::V6(*net)),
                _ => None,
            };
            match element.key.first() {
                Some(Value::Group(group)) if is(&NETWORKS) => out.groups.push(*group),
                Some(Value::Group(group)) if is(&OUTSIDES) => out.outsides.push(*group),
                Some(Value::Group(group)) if is(&MASQUERADED) => out.masqueraded.push(*group),
                _ if of(&PREFIXES) => out.prefixes.extend(net),
                _ if of(&HIDDEN) => out.hidden.extend(net),
                _ => {}
            }
        }
        out.groups.sort_unstable();
        out.prefixes.sort_unstable();
        out.masqueraded.sort_unstable();
        out.hidden.sort_unstable();
        out.outsides.sort_unstable();
        out.uplinks.sort_unstable();
        out.bridges.sort_unstable();
        out.bridges.dedup();
        out
    }

    /// The tables of the guard.
    #[must_use]
    pub fn ruleset(&self, project: &Name) -> Ruleset {
        let table = |family, sets, chains| Table {
            comment: mark::TABLE_COMMENT.to_owned(),
            sets,
            chains,
            ..Table::new(family, mark::guard_table(project))
        };
        let groups = |of: &'static Definition, groups: &[u32]| {
            let all = groups.iter().map(|g| vec![Value::Group(*g)]);
            filled(of, all.map(Element::new))
        };
        let networks = || groups(&NETWORKS, &self.groups);
        let nets = |of: &'static sets::ByVersion, nets: &[IpNet], version| {
            let of_version = nets.iter().filter(|p| IpVersion::of(p.addr()) == version);
            let key = |p: &IpNet| Element::new(vec![Value::net(*p)]);
            filled(of.of(version), of_version.map(key))
        };
        let uplinks = |version| {
            let all = self.uplinks.iter();
            let of_version = all.filter(|u| nf_version(u.version) == version);
            filled(FORWARDING.of(version), of_version.map(sets::forwarding))
        };
        let sets = vec![
            networks(),
            nets(&PREFIXES, &self.prefixes, IpVersion::V4),
            nets(&PREFIXES, &self.prefixes, IpVersion::V6),
            groups(&MASQUERADED, &self.masqueraded),
            nets(&HIDDEN, &self.hidden, IpVersion::V4),
            nets(&HIDDEN, &self.hidden, IpVersion::V6),
            groups(&OUTSIDES, &self.outsides),
            uplinks(IpVersion::V4),
            uplinks(IpVersion::V6),
            filled(&BRIDGED, self.bridges.iter().map(|b| sets::bridged(b))),
        ];
        let chains = vec![sources(), input(), others(), forward(), output(), leaving()];
        let inet = table(Family::Inet, sets, chains);
        let bridge = table(Family::Bridge, vec![networks()], vec![frames(), to_host()]);
        Ruleset {
            tables: vec![inet, bridge],
        }
    }
}

fn filled(of: &'static Definition, elements: impl Iterator<Item = Element>) -> Set {
    let mut set = of.empty();
    set.elements = elements.collect();
    set
}

/// Drops packets without the bit.
fn closed(mut matches: Vec<Match>, bit: u32) -> Rule {
    matches.push(Match::Unmarked(bit));
    rule(matches, Verdict::Drop, purpose::UNGUARDED)
}

fn cleared(condition: Match, bit: u32) -> Rule {
    rule(vec![condition], Action::Unmark(bit), purpose::SEEN)
}

fn from_nodes() -> Match {
    member(Field::IifGroup, &NETWORKS, true)
}

fn to_nodes() -> Match {
    member(Field::OifGroup, &NETWORKS, true)
}

fn last(name: &str, hook: Hook, rules: Vec<Rule>) -> Chain {
    Chain {
        name: name.into(),
        base: base(ChainType::Filter, hook, LAST),
        rules,
    }
}

/// Packets that come in, whose source addresses the project's rules check: from nodes, and from elsewhere
/// with the address of a node. The kernel removes the chains of a table one after another, so the filter
/// may still accept what was not checked.
fn sources() -> Chain {
    let not_lo = Match::IsNot(Field::IifName, Value::Ifname("lo".into()));
    let checked = guard::shown().map(|(condition, bit)| match bit {
        FROM_BIT => closed(vec![condition], bit),
        _ => closed(vec![not_lo.clone(), condition], bit),
    });
    let mut rules = vec![rule(vec![from_lan()], Verdict::Accept, purpose::LAN)];
    rules.extend(checked);
    rules.extend(guard::cleared());
    Chain {
        base: base(ChainType::Filter, Hook::Prerouting, AFTER_SOURCES),
        ..last("guard_sources", Hook::Prerouting, rules)
    }
}

/// Packets that leave without the translation of their source address.
fn leaving() -> Chain {
    last("guard_leaving", Hook::Postrouting, nat::untranslated())
}

/// To the host: from nodes, and from elsewhere to its addresses on the project's networks.
fn input() -> Chain {
    let not_lo = || Match::IsNot(Field::IifName, Value::Ifname("lo".into()));
    let to = |version, field| member(field, PREFIXES.of(version), true);
    let both = [
        (IpVersion::V4, Field::Ip4Daddr),
        (IpVersion::V6, Field::Ip6Daddr),
    ];
    let mut rules = vec![closed(vec![from_nodes()], FROM_BIT)];
    rules.extend(both.map(|(v, field)| closed(vec![not_lo(), to(v, field)], TO_BIT)));
    rules.push(cleared(from_nodes(), FROM_BIT));
    rules.extend(both.map(|(v, field)| cleared(to(v, field), TO_BIT)));
    last("guard_input", Hook::Input, rules)
}

/// Packets of other machines.
fn others() -> Chain {
    Chain {
        base: base(ChainType::Filter, Hook::Forward, BEFORE_CLEARED),
        ..last("guard_others", Hook::Forward, foreign::rules())
    }
}

/// Through the host, by routing or from port to port of a bridge whose frames pass this hook.
fn forward() -> Chain {
    let rules = vec![
        closed(vec![from_nodes()], FROM_BIT),
        closed(vec![to_nodes()], TO_BIT),
        cleared(from_nodes(), FROM_BIT),
        cleared(to_nodes(), TO_BIT),
    ];
    last("guard_forward", Hook::Forward, rules)
}

/// From the host to nodes.
fn output() -> Chain {
    let rules = vec![
        closed(vec![to_nodes()], TO_BIT),
        cleared(to_nodes(), TO_BIT),
    ];
    last("guard_output", Hook::Output, rules)
}

/// Frames of lans to the host, which the project's own rules drop as well: the rules about source addresses
/// let all packets of lans pass.
fn to_host() -> Chain {
    last("guard_to_host", Hook::Input, vec![bridge::of_lan()])
}

/// Frames that nodes send: their addresses are checked by the project's own rules.
fn frames() -> Chain {
    let rules = vec![
        closed(vec![from_nodes()], FROM_BIT),
        cleared(from_nodes(), FROM_BIT),
    ];
    Chain {
        base: base(ChainType::Filter, Hook::Prerouting, BEFORE_INET),
        ..last("guard_frames", Hook::Prerouting, rules)
    }
}
