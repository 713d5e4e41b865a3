//! Leases of a project's addresses: claimed before anything is built, released after their owners
//! have been removed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_plan::Settled;
use hallway_spec::Name;
use ipnet::IpNet;

use crate::lease::{Claim, Leases};
use crate::{Engine, Failure, Reason};

/// The node of each address, network by network.
type Addresses<'s> = BTreeMap<&'s Name, BTreeMap<IpAddr, &'s Name>>;

impl Engine {
    /// Makes the leases of a project those of `settled`: addresses it no longer uses are released,
    /// new ones are claimed.
    ///
    /// # Errors
    /// When a lease file cannot be used, or another process has allocated an address meanwhile.
    pub(super) fn lease_addresses(
        &self,
        before: Option<&Settled>,
        settled: &Settled,
    ) -> Result<(), Failure> {
        let (old, new) = (
            before.map(addresses).unwrap_or_default(),
            addresses(settled),
        );
        let empty = BTreeMap::new();
        self.end_leases(&settled.project, &old, &new, Leases::release)?;
        for (network, wanted) in &new {
            let leases = Leases::through(self.store(), &settled.project, network);
            let held = old.get(network).unwrap_or(&empty);
            // A record of an older version has no leases: those are claimed too.
            let known = leases.in_use_names()?;
            for (address, node) in wanted {
                if held.get(address) == Some(node) && known.contains(address) {
                    continue;
                }
                if let Claim::Held(by) = leases.claim(*address, node)? {
                    let address = *address;
                    return Err(Reason::AddressLeased { address, node: by }.into());
                }
            }
        }
        Ok(())
    }

    /// Removes the claims of a run that did not succeed; those of `kept` stay.
    ///
    /// # Errors
    /// When a lease file cannot be used.
    pub(super) fn withdraw_addresses(
        &self,
        pending: &Settled,
        kept: &[&Settled],
    ) -> Result<(), Failure> {
        let mut all = Addresses::new();
        for (network, used) in kept.iter().copied().flat_map(addresses) {
            all.entry(network).or_default().extend(used);
        }
        self.end_leases(
            &pending.project,
            &addresses(pending),
            &all,
            Leases::withdraw,
        )
    }

    fn end_leases(
        &self,
        project: &Name,
        old: &Addresses<'_>,
        new: &Addresses<'_>,
        end: impl Fn(&Leases, IpAddr, &Name) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (network, used) in old {
            let leases = Leases::through(self.store(), project, network);
            let still = new.get(network);
            let stays =
                |a: &IpAddr, n: &Name| still.and_then(|s| s.get(a)).is_some_and(|by| *by == n);
            for (address, node) in used.iter().filter(|(a, n)| !stays(a, n)) {
                end(&leases, *address, node)?;
            }
        }
        Ok(())
    }
}

fn addresses(settled: &Settled) -> Addresses<'_> {
    let mut out = Addresses::new();
    for node in &settled.nodes {
        for (interface, network) in node.memberships() {
            let of = out.entry(network).or_default();
            of.extend(
                interface
                    .addresses
                    .iter()
                    .map(|a| (IpNet::addr(a), &node.name)),
            );
        }
    }
    out
}
