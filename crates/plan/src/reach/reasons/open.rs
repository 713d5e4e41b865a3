//! Why the server is reached, or refuses.

use hallway_spec::Service;
use ipnet::IpNet;

use super::super::code::ReasonCode;
use super::super::path::{HopEvent, Location, Outcome, OutcomeReason};
use super::super::result::ExchangeResult;
use super::builder::{Reasons, reason};
use crate::rules::purpose;
use crate::settled::{Network, Publish};
use hallway_nftables::Hook;
use hallway_nftables::evaluate::RuleVerdict;

impl Reasons<'_> {
    pub(super) fn success(&self, found: &ExchangeResult) -> (Outcome, OutcomeReason) {
        let open = |reason| (Outcome::Open, reason);
        if found.ends_at_host() && self.question.service != Service::Icmp {
            return self.input(found);
        }
        let own = || open(reason(ReasonCode::Own, "it is its own address"));
        let to_itself = self.world.place(&self.question.from) == self.place_of_end(found);
        // Its localhost is not the host's, where a port may be published.
        if to_itself && found.request.iter().all(|hop| hop.at != Location::Host) {
            return own();
        }
        if let Some(publish) = self.published(found) {
            return open(self.by_publish(publish));
        }
        if to_itself {
            return own();
        }
        match &found.passed {
            None => open(self.direct(found)),
            Some((hook, verdict)) => open(self.by_rule(*hook, verdict, found)),
        }
    }

    fn place_of_end(&self, found: &ExchangeResult) -> Location {
        found
            .end
            .as_ref()
            .map_or(Location::Outside, |(at, _)| at.clone())
    }

    fn by_publish(&self, publish: &Publish) -> OutcomeReason {
        let text = format!(
            "{} publishes {} as the host's {}/{}",
            publish.node, publish.node_ports, publish.host_ports, publish.protocol
        );
        reason(ReasonCode::Published, text).place(&publish.place)
    }

    fn by_rule(&self, hook: Hook, verdict: &RuleVerdict, found: &ExchangeResult) -> OutcomeReason {
        if let Some(reason) = self.policy(verdict, ReasonCode::PolicyAllow, "allows it") {
            return reason;
        }
        let from = &self.question.from;
        match (hook, verdict.comment.as_str()) {
            (_, purpose::INSIDE) => self.direct(found),
            (_, purpose::EGRESS) => {
                let network = self.network_of_source(found);
                let begins = self.forwarded_by(found);
                let text = match network {
                    Some(n) if !n.nat => format!(
                        "network {} is not internal: its nodes reach outside, with their own addresses",
                        n.name
                    ),
                    Some(n) => format!(
                        "network {} is not internal: its nodes reach outside with the host's address",
                        n.name
                    ),
                    None => format!("{from} reaches outside with the host's address"),
                };
                let reason = reason(ReasonCode::Egress, format!("{begins}{text}"));
                network.map_or(reason.clone(), |n| reason.place(&n.place))
            }
            (_, purpose::PING) | (Hook::Input, _) => {
                reason(ReasonCode::HostPing, "the host answers pings")
            }
            (Hook::Output, _) if self.place_of_end(found) != Location::Outside => {
                reason(ReasonCode::Host, "the host reaches its nodes")
            }
            _ => reason(
                ReasonCode::NotOurs,
                "neither end is on an inner network, and hallway filters only those",
            ),
        }
    }

    fn network_of_source(&self, found: &ExchangeResult) -> Option<&Network> {
        let near = || found.request.iter().map(|hop| &hop.at);
        let of = |source| self.world.network(self.world.network_near(source, near())?);
        // A router may have masqueraded it since it was made.
        let decided = found.request.iter().rev().find(|hop| {
            matches!(&hop.event, HopEvent::Chain { comment, .. } if comment == purpose::EGRESS)
        });
        of(decided.or(found.request.first())?.flow.from)
    }

    /// The subnet of a node whose own address a machine outside receives as the source, which is not a node:
    /// its routes are not known.
    pub(super) fn untranslated(&self, found: &ExchangeResult) -> Option<IpNet> {
        let (at, flow) = found.end.as_ref()?;
        let near = found.request.iter().map(|hop| &hop.at);
        let own = *at == Location::Outside && !self.world.is_host(flow.from);
        let position = self.world.network_near(flow.from, near).filter(|_| own)?;
        let mut subnets = self.world.network(position)?.subnets.iter();
        subnets.find(|s| s.net.contains(&flow.from)).map(|s| s.net)
    }

    fn served(&self, found: &ExchangeResult) -> bool {
        let end = found.end.as_ref();
        end.is_some_and(|(_, flow)| self.world.environment.serves(flow))
    }

    /// A port of the host itself: its own services are not hallway's, unless a policy names them.
    fn input(&self, found: &ExchangeResult) -> (Outcome, OutcomeReason) {
        let allowed = found
            .passed
            .as_ref()
            .and_then(|(_, verdict)| self.policy(verdict, ReasonCode::PolicyAllow, "allows it"));
        match allowed {
            Some(reason) => (Outcome::Open, reason),
            None if self.served(found) => (
                Outcome::Open,
                reason(
                    ReasonCode::HostProgram,
                    "a program of the host listens there",
                ),
            ),
            None => (Outcome::Refused, self.not_published(found)),
        }
    }
}
