//! Plans for a place where nothing of the project is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_kernel::Kernel;
use hallway_plan::diff::Recorded;
use hallway_plan::firewall_accepts::{FIREWALL_CHAINS, Firewall};
use hallway_plan::observed::{
    PresentNamespace, SeenAddress, SeenEntry, SeenJoined, SeenLink, SeenSpace, SourceRouting,
};
use hallway_plan::{Observed, Surroundings, diff, settle};
use hallway_spec::{InterfaceName, Joined, Network, Topology};
use ipnet::IpNet;

use crate::engine::conflicts;
use crate::observe::{self, Depth};
use crate::{Engine, Failure, Planned, Reason};

/// What is taken for granted of namespaces of other programs that nodes join, of bridges that are external
/// networks, and of parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherNamespaces {
    /// None is there: that of a sandbox that does not run yet.
    Absent,
    /// They are there and hold nothing: for pictures and predictions.
    Assumed,
    /// As they are here.
    Examined,
}

impl Engine {
    /// The steps if nothing at all of the project were there, and nothing else in its way. The
    /// firewalls that packets are to be let through are taken to be there.
    ///
    /// # Errors
    /// Conflicts within the topology itself, and with namespaces that its nodes join.
    pub fn plan_for_empty_host(
        topology: &Topology,
        allow_through: &[Firewall],
        others: OtherNamespaces,
    ) -> Result<Planned, Failure> {
        let entries = FIREWALL_CHAINS.into_iter();
        let entries = entries.filter(|e| allow_through.contains(&e.firewall));
        let observed = Observed {
            entries: entries.map(SeenEntry::without_accepts).collect(),
            joined: joined(topology, others),
            host: SeenSpace {
                source_routing: source_routing(others)?,
                ..host(topology, others)?
            },
            ..Observed::default()
        };
        let mut around = Surroundings::new(&topology.name, &observed, &[]);
        around.sandbox = others == OtherNamespaces::Absent;
        let mut settled = settle(topology, None, &around).map_err(conflicts)?;
        settled.allow_through = allow_through.to_vec();
        let plan = diff(
            &topology.name,
            Recorded::default(),
            Some(&settled),
            &observed,
        );
        Ok(Planned {
            plan,
            settled,
            record: None,
            observed,
            depth: Depth::Inside,
            dropped: Vec::new(),
            edited_from: None,
        })
    }
}

fn joined(topology: &Topology, others: OtherNamespaces) -> BTreeMap<Joined, SeenJoined> {
    let mut wanted = observe::joined::Wanted::default();
    match others {
        OtherNamespaces::Absent => BTreeMap::new(),
        OtherNamespaces::Examined => {
            wanted.add_topology(topology);
            observe::joined::read(&Kernel::new(), &wanted)
        }
        OtherNamespaces::Assumed => {
            let all = topology.nodes.iter().filter_map(|n| n.namespace.as_ref());
            let assumed = |(joined, inode): (&Joined, u64)| {
                let present = PresentNamespace {
                    netns: joined.into(),
                    inode,
                    is_host: false,
                    inside: SeenSpace::default(),
                };
                (joined.clone(), SeenJoined::Present(Box::new(present)))
            };
            all.zip(1..).map(assumed).collect()
        }
    }
}

/// The addresses of the host that have routes of their own.
fn source_routing(others: OtherNamespaces) -> Result<SourceRouting, Failure> {
    match others {
        OtherNamespaces::Examined => observe::source_routing::alone(&mut Kernel::new())
            .map_err(|e| Failure::caused(Reason::Kernel, e)),
        OtherNamespaces::Absent | OtherNamespaces::Assumed => Ok(SourceRouting::default()),
    }
}

/// The bridges of external networks, and parents of networks, with the host's addresses on them.
fn host(topology: &Topology, others: OtherNamespaces) -> Result<SeenSpace, Failure> {
    let of_host = |n: &&Network| n.external.is_some() || n.parent.is_some();
    let networks = || topology.networks.iter().filter(of_host);
    let mut out = SeenSpace::default();
    if others == OtherNamespaces::Absent || networks().next().is_none() {
        return Ok(out);
    }
    if others == OtherNamespaces::Examined {
        let seen = observe::network(&mut Kernel::new(), &topology.name)
            .map_err(|e| Failure::caused(Reason::Kernel, e))?;
        // A parent is named by the links on it, too.
        let is_parent = networks().any(|n| n.parent.is_some());
        let named = |name: &str| {
            let is = |bridge: &InterfaceName| bridge.as_ref() == name;
            networks().any(|n| n.external.as_ref().is_some_and(is))
        };
        out.links = seen.host.links;
        out.links.retain(|link| is_parent || named(&link.name));
        out.addresses = seen.host.addresses;
        let indexes: Vec<u32> = out.links.iter().map(|l| l.index).collect();
        out.addresses.retain(|a| indexes.contains(&a.interface));
        return Ok(out);
    }
    for (network, index) in networks().zip(1..) {
        assumed(topology, network, index, &mut out);
    }
    Ok(out)
}

/// A bridge or parent that is taken for granted.
fn assumed(topology: &Topology, network: &Network, index: u32, out: &mut SeenSpace) {
    let members = topology.nodes.iter().flat_map(|n| &n.attachments);
    let member = members
        .filter(|a| a.network == network.name)
        .flat_map(|a| &a.addresses);
    // Where the file has none: a subnet of the usual size.
    let around = member.filter_map(|a| match a {
        IpAddr::V4(_) => IpNet::new(*a, 24).ok(),
        IpAddr::V6(_) => IpNet::new(*a, 64).ok(),
    });
    let given: Vec<IpNet> = network.subnets.iter().map(|s| s.net).collect();
    let mut nets: Vec<IpNet> = match given.is_empty() {
        true => around.map(|net| net.trunc()).collect(),
        false => given,
    };
    nets.sort();
    nets.dedup();
    let link = network.external.as_ref().or(network.parent.as_ref());
    let link = link.map_or("", AsRef::as_ref);
    out.links.push(SeenLink {
        index,
        name: link.to_owned(),
        kind: network.external.is_some().then(|| "bridge".into()),
        mac: Some([2, 0, 0, 0, 0, 1]),
        mtu: u32::MAX,
        up: true,
        ..SeenLink::default()
    });
    // The addresses of a parent matter only where the file gives no subnet.
    nets.retain(|_| network.external.is_some() || network.subnets.is_empty());
    let host = nets.iter().filter_map(|net| {
        let last = IpNet::new(net.broadcast(), net.prefix_len());
        let first = net.hosts().find(|a| *a != net.network())?;
        let first = IpNet::new(first, net.prefix_len());
        // A member may have the first; none has the last.
        if network.parent.is_some() {
            last
        } else {
            first
        }
        .ok()
    });
    out.addresses.extend(host.map(|net| SeenAddress {
        secondary: false,
        fault: None,
        interface: index,
        net,
        peer: None,
    }));
}
