//! Plans for a place where nothing of the project is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_kernel::Kernel;
use hallway_plan::diff::Recorded;
use hallway_plan::observed::{
    PresentNamespace, SeenAddress, SeenEntry, SeenJoined, SeenLink, SeenSpace,
};
use hallway_plan::through::{ENTRIES, Firewall};
use hallway_plan::{Observed, Surroundings, diff, settle};
use hallway_spec::{Joined, Topology};
use ipnet::IpNet;

use crate::engine::conflicts;
use crate::observe::{self, Depth};
use crate::{Engine, Failure, Planned, Reason};

/// What is taken for granted of namespaces of others that nodes join, and of bridges that are external
/// networks.
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
    pub fn plan_from_nothing(
        topology: &Topology,
        allow_through: &[Firewall],
        others: OtherNamespaces,
    ) -> Result<Planned, Failure> {
        let entries = ENTRIES.into_iter();
        let entries = entries.filter(|e| allow_through.contains(&e.firewall));
        let observed = Observed {
            entries: entries.map(SeenEntry::without_accepts).collect(),
            joined: joined(topology, others),
            host: bridges(topology, others)?,
            ..Observed::default()
        };
        let around = Surroundings::new(&topology.name, &observed, &[]);
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
                    netns: joined.file().unwrap_or_else(|| joined.to_string()),
                    inode,
                    is_host: false,
                    inside: SeenSpace::default(),
                };
                (joined.clone(), SeenJoined::Present(present))
            };
            all.zip(1..).map(assumed).collect()
        }
    }
}

/// The bridges of external networks, with the host's addresses on them.
fn bridges(topology: &Topology, others: OtherNamespaces) -> Result<SeenSpace, Failure> {
    let external = || topology.networks.iter().filter(|n| n.external.is_some());
    let mut out = SeenSpace::default();
    if others == OtherNamespaces::Absent || external().next().is_none() {
        return Ok(out);
    }
    if others == OtherNamespaces::Examined {
        let seen = observe::network(&mut Kernel::new(), &topology.name)
            .map_err(|e| Failure::caused(Reason::Kernel, e))?;
        let named = |name: &str| {
            external().any(|n| n.external.as_ref().is_some_and(|b| b.as_ref() == name))
        };
        out.links = seen.host.links;
        out.links.retain(|link| named(&link.name));
        out.addresses = seen.host.addresses;
        let indexes: Vec<u32> = out.links.iter().map(|l| l.index).collect();
        out.addresses.retain(|a| indexes.contains(&a.interface));
        return Ok(out);
    }
    for (network, index) in external().zip(1..) {
        let members = topology.nodes.iter().flat_map(|n| &n.attachments);
        let member = members
            .filter(|a| a.network == network.name)
            .flat_map(|a| &a.addresses);
        // As far as the file does not say it: a subnet of the usual size.
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
        out.links.push(SeenLink {
            index,
            name: network
                .external
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            kind: Some("bridge".into()),
            ..SeenLink::default()
        });
        let host = nets.iter().filter_map(|net| {
            let first = net.hosts().find(|a| *a != net.network())?;
            IpNet::new(first, net.prefix_len()).ok()
        });
        out.addresses.extend(host.map(|net| SeenAddress {
            secondary: false,
            usable: true,
            interface: index,
            net,
        }));
    }
    Ok(out)
}
