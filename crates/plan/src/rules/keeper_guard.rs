//! The guard: two small tables beside the project's own. The keeper loads them by a socket, which
//! owns them (NFT_TABLE_F_OWNER). A `nft flush ruleset` of another program removes the project's
//! own tables, but not these.
//!
//! The project's own chains set a bit in the mark of every packet that concerns the project. The
//! chains here come last at the same hooks, drop what concerns the project and has no bit, and
//! clear the bit. So no packet passes while the own tables are missing, and the guard changes
//! nothing while they exist.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Action, Chain, ChainType, Element, Family, Field, Hook, IpVersion, Match, Priority, Rule,
    Ruleset, Table, Value,
};
use hallway_spec::Name;
use ipnet::IpNet;

use super::elements::of_network;
use super::parts::{base, member, rule};
use super::purpose;
use super::sets::{Definition, NETWORKS, PREFIXES};
use crate::mark::{self, FROM_BIT, TO_BIT};
use crate::settled::Settled;

/// After every other chain, and before a new connection is confirmed (NF_IP_PRI_CONNTRACK_CONFIRM is
/// the largest number).
const LAST: Priority = Priority(i32::MAX - 1);
/// In the bridge family, before the frame passes the inet hooks (NF_BR_PRI_BRNF is 0,
/// linux/netfilter_bridge.h), where rules of others set marks.
const BEFORE_INET: Priority = Priority(-1);

/// What a guard protects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guarded {
    /// Device groups of networks.
    pub groups: Vec<u32>,
    /// Their prefixes.
    pub prefixes: Vec<IpNet>,
}

impl Guarded {
    /// Of a project: every network that its rules are about.
    #[must_use]
    pub fn of(settled: &Settled) -> Self {
        let mut out = Self::default();
        for (definition, element) in settled.networks.iter().flat_map(of_network) {
            let is = |other: &Definition| other.name == definition.name;
            let prefix = is(PREFIXES.of(IpVersion::V4)) || is(PREFIXES.of(IpVersion::V6));
            match element.key.first() {
                Some(Value::Group(group)) if is(&NETWORKS) => out.groups.push(*group),
                Some(Value::V4Net(net)) if prefix => out.prefixes.push(IpNet::V4(*net)),
                Some(Value::V6Net(net)) if prefix => out.prefixes.push(IpNet::V6(*net)),
                _ => {}
            }
        }
        out.groups.sort_unstable();
        out.prefixes.sort_unstable();
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
        let groups = || {
            let mut set = NETWORKS.empty();
            let all = self.groups.iter().map(|g| vec![Value::Group(*g)]);
            set.elements = all.map(Element::new).collect();
            set
        };
        let prefixes = |version| {
            let mut set = PREFIXES.of(version).empty();
            let of_version = self
                .prefixes
                .iter()
                .filter(|p| IpVersion::of(p.addr()) == version);
            set.elements = of_version
                .map(|p| Element::new(vec![Value::net(*p)]))
                .collect();
            set
        };
        let sets = vec![groups(), prefixes(IpVersion::V4), prefixes(IpVersion::V6)];
        let inet = table(Family::Inet, sets, vec![input(), forward(), output()]);
        let bridge = table(Family::Bridge, vec![groups()], vec![frames()]);
        Ruleset {
            tables: vec![inet, bridge],
        }
    }
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
