//! Between the project and other machines.

use std::net::IpAddr;

use hallway_spec::Name;

use super::super::code::ReasonCode;
use super::super::path::OutcomeReason;
use super::super::result::ExchangeResult;
use super::builder::{Reasons, reason};
use crate::settled::Network;

impl Reasons<'_> {
    /// What other machines do with it is not known.
    pub(super) fn by_others(&self, network: &Name, to: IpAddr) -> OutcomeReason {
        let found = self.world.settled().network(network);
        let beyond = |n: &Network| !n.subnets.iter().any(|s| s.net.contains(&to));
        let text = match found.and_then(Network::parent) {
            Some(parent) => {
                format!("packets to {to} pass other machines on {parent} (network {network})")
            }
            None if found.is_some_and(beyond) => format!(
                "{to} is outside, and packets from the external network {network} to {to} are handled by machines that hallway does not know"
            ),
            None => format!(
                "{to} is not a node of the project: it is on the external network {network}"
            ),
        };
        reason(ReasonCode::External, text).help(
            "what other machines do with it is not predicted: hallway reach and hallway trace test it",
        )
    }

    /// Between a machine outside and a node on a network that stands for the outside, or is of other programs.
    pub(super) fn not_really_outside(&self, found: &ExchangeResult) -> OutcomeReason {
        let to = found.request.last().map(|hop| hop.flow.to);
        let network = to.and_then(|to| self.world.network(self.world.network_of(to)?));
        if let Some(network) = network.filter(|n| n.external) {
            let text = format!(
                "nothing is forwarded from machines outside to the external network {}",
                network.name
            );
            return reason(ReasonCode::NotOurs, text)
                .help("put the node on a network of the project too, and publish a port there");
        }
        reason(
            ReasonCode::NotOurs,
            "a network with outside: true is not connected to the machines that are really outside",
        )
        .help("give the node a network without outside: true, and publish a port there")
    }
}
