//! Expectations that cannot both be true.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::problem::PolicyProblem;
use crate::{Endpoint, Expect, Name, Network, Node, Problem, Topology};

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

/// The nodes that endpoints stand for.
struct Members<'a> {
    nodes: BTreeSet<&'a Name>,
    of_networks: BTreeMap<&'a Name, BTreeSet<&'a Name>>,
    by_address: BTreeMap<IpAddr, BTreeSet<&'a Name>>,
    /// The nodes with one network and no cable: only for these an address stands for the node. Others may be
    /// reached differently by their other addresses.
    single: BTreeSet<&'a Name>,
    /// The nodes that have IPv6, and those that have IPv4.
    of_version: [BTreeSet<&'a Name>; 2],
    /// The prefixes and fixed addresses in which nodes have an address.
    within: Vec<(IpNet, &'a Name)>,
    /// The host's addresses on the first network of each node, by which the node reaches it.
    of_host: BTreeSet<(&'a Name, IpAddr)>,
    /// Those on networks that represent outside.
    outsiders: BTreeSet<&'a Name>,
}

impl<'a> Members<'a> {
    fn of(topology: &'a Topology) -> Self {
        let mut out = Self {
            nodes: topology.nodes.iter().map(|n| &n.name).collect(),
            of_networks: BTreeMap::new(),
            by_address: BTreeMap::new(),
            single: BTreeSet::new(),
            of_version: [BTreeSet::new(), BTreeSet::new()],
            within: Vec::new(),
            of_host: BTreeSet::new(),
            outsiders: BTreeSet::new(),
        };
        let networks: BTreeMap<&Name, &Network> =
            topology.networks.iter().map(|n| (&n.name, n)).collect();
        for end in topology.links.iter().flat_map(|link| &link.ends) {
            for net in &end.addresses {
                let having = out.by_address.entry(net.addr()).or_default();
                having.insert(&end.node);
                out.has_version(&end.node, net.addr());
            }
        }
        let ends = topology.links.iter().flat_map(|link| &link.ends);
        let cabled: BTreeSet<&Name> = ends.map(|end| &end.node).collect();
        for node in &topology.nodes {
            if node.attachments.len() == 1 && !cabled.contains(&node.name) {
                out.single.insert(&node.name);
            }
            for (position, attachment) in node.attachments.iter().enumerate() {
                let members = out.of_networks.entry(&attachment.network).or_default();
                members.insert(&node.name);
                for address in &attachment.addresses {
                    let having = out.by_address.entry(*address).or_default();
                    having.insert(&node.name);
                    out.has_version(&node.name, *address);
                    out.within.push((IpNet::from(*address), &node.name));
                }
                if let Some(network) = networks.get(&attachment.network) {
                    out.add(node, network, position == 0);
                }
            }
        }
        out
    }

    fn has_version(&mut self, node: &'a Name, address: IpAddr) {
        if let Some(having) = self.of_version.get_mut(usize::from(address.is_ipv4())) {
            having.insert(node);
        }
    }

    fn add(&mut self, node: &'a Node, network: &Network, first: bool) {
        if network.outside || network.external.is_some() {
            self.outsiders.insert(&node.name);
        }
        for subnet in &network.subnets {
            self.has_version(&node.name, subnet.net.addr());
        }
        if network.subnets.is_empty() && network.mode.passes_host() {
            self.has_version(&node.name, Ipv4Addr::UNSPECIFIED.into()); // one is chosen
        }
        let nets = network.subnets.iter().map(|s| s.net);
        self.within.extend(nets.map(|net| (net, &node.name)));
        if first && network.mode.passes_host() && network.external.is_none() {
            let own = network.subnets.iter().filter_map(|s| s.gateway);
            self.of_host.extend(own.map(|a| (&node.name, a)));
        }
    }

    fn address(&self, endpoint: &Endpoint) -> Option<&'a Name> {
        let having = self.by_address.get(&single(endpoint)?)?;
        let only = having.first().copied().filter(|_| having.len() == 1);
        only.filter(|node| self.single.contains(node))
    }

    /// Whether it may stand for what it does not name.
    fn is_set(&self, endpoint: &Endpoint) -> bool {
        matches!(
            endpoint,
            Endpoint::Network(_) | Endpoint::Any | Endpoint::Cidr(_)
        )
    }

    /// The nodes of an endpoint; none for one that is not a node.
    fn nodes(&self, endpoint: &'a Endpoint) -> BTreeSet<&'a Name> {
        match endpoint {
            Endpoint::Node(name) => BTreeSet::from([name]),
            Endpoint::Network(name) => self.of_networks.get(name).cloned().unwrap_or_default(),
            Endpoint::Any => self.nodes.clone(),
            Endpoint::Cidr(wide) if single(endpoint).is_none() => {
                let inside = self.within.iter().filter(|(net, _)| wide.contains(net));
                inside.map(|(_, node)| *node).collect()
            }
            other => self.address(other).into_iter().collect(),
        }
    }

    /// Whether two expectations are about one client and one other server.
    fn share_a_pair(&self, one: &'a Expect, other: &'a Expect) -> bool {
        let common = |a: &'a Endpoint, b: &'a Endpoint| {
            let of_address = |e| single(e).is_some();
            if a != b && of_address(a) && of_address(b) {
                return BTreeSet::new(); // of one node too: each may be reached differently
            }
            let (a, b) = (self.nodes(a), self.nodes(b));
            a.intersection(&b).copied().collect::<BTreeSet<&Name>>()
        };
        let mut from = common(&one.from, &other.from);
        let mut to = common(&one.to, &other.to);
        let host = |a: &Endpoint, b: &Endpoint| *a == Endpoint::Host && single(b).is_some();
        if host(&one.to, &other.to) || host(&other.to, &one.to) {
            let address = single(&one.to).or_else(|| single(&other.to));
            return address.is_some_and(|a| from.iter().any(|f| self.of_host.contains(&(f, a))));
        }
        // Of several nodes, one that represents outside is not asked for itself.
        for (nodes, end) in [(&mut from, &one.to), (&mut to, &one.from)] {
            if *end == Endpoint::Outside {
                nodes.retain(|n| !self.outsiders.contains(n));
            }
        }
        // An address is asked with its IP version alone, which the other end must have.
        let addresses = [&one.from, &one.to, &other.from, &other.to];
        for address in addresses.into_iter().filter_map(single) {
            let having = self.of_version.get(usize::from(address.is_ipv4()));
            for nodes in [&mut from, &mut to] {
                let named = !nodes.is_empty();
                nodes.retain(|node| having.is_none_or(|having| having.contains(node)));
                if named && nodes.is_empty() {
                    return false;
                }
            }
        }
        match (one.from == other.from, one.to == other.to) {
            (true, true) => true,
            (true, false) if from.is_empty() => !to.is_empty(),
            (false, true) if to.is_empty() => !from.is_empty(),
            _ => from.iter().any(|f| to.iter().any(|t| f != t)),
        }
    }
}

/// The address of an endpoint that is one.
fn single(endpoint: &Endpoint) -> Option<IpAddr> {
    match endpoint {
        Endpoint::Cidr(net) if net.prefix_len() == net.max_prefix_len() => Some(net.addr()),
        _ => None,
    }
}
