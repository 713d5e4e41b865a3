//! Expectations that cannot both be true.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::problem::PolicyProblem;
use crate::{Endpoint, Expect, Name, Node, Problem, Topology};

/// Each expectation that an earlier one contradicts: the same service, and a client and a server of both.
pub(super) fn contradictions(topology: &Topology, problems: &mut Vec<Problem>) {
    let members = Members::of(topology);
    let mut known = BTreeMap::new();
    // Those about networks and addresses are compared with every other.
    let mut wide: Vec<&Expect> = Vec::new();
    let mut narrow: Vec<&Expect> = Vec::new();
    for expect in &topology.expects {
        let key = (&expect.from, &expect.to, expect.service);
        let same = known.entry(key).or_insert(expect);
        let is_wide = members.is_set(&expect.from) || members.is_set(&expect.to);
        let others = wide.iter().chain(narrow.iter().filter(|_| is_wide));
        let mut others = others.filter(|e| e.reachable != expect.reachable);
        let first = match same.reachable == expect.reachable {
            false => Some(&same.place),
            true => others
                .find(|e| e.service == expect.service && members.share_a_pair(e, expect))
                .map(|e| &e.place),
        };
        if let Some(first) = first {
            let first = first.clone();
            let kind = PolicyProblem::ExpectContradiction { first };
            problems.push(Problem::new(&expect.place, kind));
        }
        match is_wide {
            true => wide.push(expect),
            false => narrow.push(expect),
        }
    }
}

/// The nodes that endpoints stand for. A node that is connected to several networks is left out where an
/// endpoint is about one of them: its addresses may be reached differently.
struct Members<'a> {
    of_networks: BTreeMap<&'a Name, BTreeSet<&'a Name>>,
    by_address: BTreeMap<IpAddr, &'a Name>,
    /// Nodes with one network only.
    single: BTreeSet<&'a Name>,
}

impl<'a> Members<'a> {
    fn of(topology: &'a Topology) -> Self {
        let mut out = Self {
            of_networks: BTreeMap::new(),
            by_address: BTreeMap::new(),
            single: BTreeSet::new(),
        };
        let single = |node: &&Node| node.attachments.len() == 1;
        for node in topology.nodes.iter().filter(single) {
            out.single.insert(&node.name);
            for attachment in &node.attachments {
                let members = out.of_networks.entry(&attachment.network).or_default();
                members.insert(&node.name);
                let addresses = attachment.addresses.iter();
                out.by_address.extend(addresses.map(|a| (*a, &node.name)));
            }
        }
        out
    }

    fn address(&self, endpoint: &Endpoint) -> Option<&'a Name> {
        match endpoint {
            Endpoint::Cidr(net) if net.prefix_len() == net.max_prefix_len() => {
                self.by_address.get(&net.addr()).copied()
            }
            _ => None,
        }
    }

    /// Whether it may stand for nodes that it does not name.
    fn is_set(&self, endpoint: &Endpoint) -> bool {
        matches!(endpoint, Endpoint::Network(_)) || self.address(endpoint).is_some()
    }

    /// The nodes of an endpoint; none for one that is no node.
    fn nodes(&self, endpoint: &'a Endpoint) -> BTreeSet<&'a Name> {
        match endpoint {
            Endpoint::Node(name) => self.single.get(name).copied().into_iter().collect(),
            Endpoint::Network(name) => self.of_networks.get(name).cloned().unwrap_or_default(),
            other => self.address(other).into_iter().collect(),
        }
    }

    /// Whether two expectations are about one client and one other server.
    fn share_a_pair(&self, one: &'a Expect, other: &'a Expect) -> bool {
        let common = |a: &'a Endpoint, b: &'a Endpoint| {
            let two_addresses = |a, b| self.address(a).is_some() && self.address(b).is_some();
            if a != b && two_addresses(a, b) {
                return BTreeSet::new(); // of one node too: each may be reached differently
            }
            let (a, b) = (self.nodes(a), self.nodes(b));
            a.intersection(&b).copied().collect::<BTreeSet<&Name>>()
        };
        let from = common(&one.from, &other.from);
        let to = common(&one.to, &other.to);
        match (one.from == other.from, one.to == other.to) {
            (true, true) => true,
            (true, false) if from.is_empty() => !to.is_empty(),
            (false, true) if to.is_empty() => !from.is_empty(),
            _ => from.iter().any(|f| to.iter().any(|t| f != t)),
        }
    }
}
