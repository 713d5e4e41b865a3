//! Where an exchange ended, why, and what would change it: from the observations, with the
//! prediction's reason if that is right.

use std::net::IpAddr;

use hallway_plan::reach::{
    Hop, HopEvent, ListenerKind, Location, Measured, Outcome, OutcomeReason, Path, ReasonCode,
    Service,
};
use hallway_plan::rules::purpose;
use hallway_plan::settled::Settled;

use super::hops::PathEnd;

/// What was observed of one exchange.
pub(super) struct Observations<'a> {
    pub(super) settled: &'a Settled,
    pub(super) predicted: &'a Path,
    pub(super) measured: &'a Measured,
    /// The last place each of the two packets was seen at, and how that ended.
    pub(super) request: Option<(Location, PathEnd)>,
    pub(super) reply: Option<(Location, PathEnd)>,
    /// The request reached its target.
    pub(super) arrived: bool,
    /// A neighbour that did not answer: where, and its address.
    pub(super) silent: Option<(Location, IpAddr)>,
    /// Chains that nftrace does not report.
    pub(super) unseen: Vec<String>,
    pub(super) hops: &'a [Hop],
    pub(super) reply_hops: &'a [Hop],
}

const BUT_NOT_THE_REPLY: &str = "the request arrives, but not the reply: ";

/// Reasons for which the host has no way for a packet.
const OF_ROUTES: [ReasonCode; 2] = [ReasonCode::NoRoute, ReasonCode::DroppingRoute];

fn reason(code: ReasonCode, text: impl Into<String>, help: impl Into<String>) -> OutcomeReason {
    OutcomeReason {
        code,
        text: text.into(),
        place: None,
        help: help.into(),
    }
}

impl Observations<'_> {
    /// The reason for its end.
    pub(super) fn reason(&self) -> OutcomeReason {
        let outcome = self.measured.outcome;
        let agrees = outcome == self.predicted.outcome;
        if outcome.reachable() {
            return if agrees {
                self.predicted.reason.clone()
            } else {
                reason(
                    ReasonCode::Open,
                    match self.predicted.outcome {
                        Outcome::Unknown => "packets pass both ways",
                        _ => "packets pass both ways, although the prediction differs",
                    },
                    "",
                )
            };
        }
        let dropped =
            |ended: &Option<(Location, PathEnd)>| matches!(ended, Some((_, PathEnd::Dropped)));
        if dropped(&self.request) {
            return self.dropped_by_rule(self.hops, "");
        }
        if dropped(&self.reply) {
            return self.dropped_by_rule(self.reply_hops, BUT_NOT_THE_REPLY);
        }
        if let Some((at, PathEnd::NoRoute(to))) = &self.request {
            return self.or_predicted(&OF_ROUTES, || no_route(at, *to, ""));
        }
        for (end, before) in [(&self.request, ""), (&self.reply, BUT_NOT_THE_REPLY)] {
            if let Some((at, PathEnd::WrongInterface(from, by))) = end {
                return reverse_path_filter(at, *from, by, before);
            }
        }
        if outcome == Outcome::Refused {
            return self.refused();
        }
        if let (Some((at, next)), false) = (&self.silent, self.arrived) {
            let known = [ReasonCode::NeighbourUnreachable, ReasonCode::PastHost];
            return self.or_predicted(&known, || {
                reason(
                    ReasonCode::NeighbourUnreachable,
                    format!("{at} requests the MAC address of {next}, and no answer comes"),
                    "check that the node and its link are up, and that it has that address",
                )
            });
        }
        if self.arrived {
            return self.unanswered();
        }
        let known = [
            ReasonCode::NotForwarding,
            ReasonCode::OtherRoute,
            ReasonCode::External,
            ReasonCode::PastHost,
            ReasonCode::Diverted,
            ReasonCode::DroppingRoute,
            ReasonCode::NoCarrier,
            // Chains of devices are not reported.
            ReasonCode::ForeignRule,
            ReasonCode::LostMark,
            ReasonCode::SpoofedSource,
            ReasonCode::NoCommonFamily,
            ReasonCode::Asymmetric,
            ReasonCode::ReversePathFilter,
            ReasonCode::NeighbourUnreachable,
        ];
        self.or_predicted(&known, || self.lost())
    }

    /// The prediction's reason, if it is one of these.
    fn or_predicted(
        &self,
        codes: &[ReasonCode],
        otherwise: impl FnOnce() -> OutcomeReason,
    ) -> OutcomeReason {
        let predicted = &self.predicted.reason;
        let fits = codes.contains(&predicted.code) && !self.predicted.outcome.reachable();
        if fits { predicted.clone() } else { otherwise() }
    }

    /// A chain dropped it: which one, and by which rule.
    fn dropped_by_rule(&self, hops: &[Hop], before: &str) -> OutcomeReason {
        let last = hops.iter().rev().find_map(|hop| match &hop.event {
            HopEvent::Chain { verdict, .. } if ["drop", "reject"].contains(&verdict.as_str()) => {
                Some((hop, &hop.event))
            }
            _ => None,
        });
        let Some((
            hop,
            HopEvent::Chain {
                family,
                table,
                chain,
                rule,
                comment,
                verdict,
                ours,
                ..
            },
        )) = last
        else {
            return self.lost();
        };
        if *ours {
            return self.own_rule(comment, before);
        }
        let at = match &hop.at {
            Location::Host => String::new(),
            place => format!("in {place}, "),
        };
        let what = match rule {
            Some(rule) => format!("the rule: {rule}"),
            None => format!("the chain's policy: {verdict}"),
        };
        reason(
            ReasonCode::ForeignRule,
            format!(
                "{before}{at}chain {chain} of table {family} {table}, which is not hallway's, drops it by {what}"
            ),
            format!(
                "nft -a list chain {family} {table} {chain} shows it; accept this traffic there"
            ),
        )
    }

    /// A rule of hallway: the prediction's reason if that names the rule, else the rule's comment.
    fn own_rule(&self, comment: &str, before: &str) -> OutcomeReason {
        let predicted = &self.predicted;
        let same = !predicted.outcome.reachable()
            && predicted.request.iter().chain(&predicted.reply).any(|h| {
                matches!(&h.event, HopEvent::Chain { comment: c, verdict, .. }
                    if c == comment && ["drop", "reject"].contains(&verdict.as_str()))
            });
        if same {
            return predicted.reason.clone();
        }
        let policy = purpose::policy_of(comment)
            .and_then(|index| self.settled.policies.iter().find(|p| p.index == index));
        match policy {
            Some(policy) => OutcomeReason {
                place: (policy.place.line > 0).then(|| policy.place.clone()),
                ..reason(
                    ReasonCode::PolicyDeny,
                    format!(
                        "{before}policy {} denies it: {}",
                        policy.number(),
                        policy.told()
                    ),
                    "change it, or allow this in a line before",
                )
            },
            None => reason(
                code_of(comment),
                format!("{before}a rule of hallway's drops it: {comment}"),
                match comment {
                    purpose::SHARE => {
                        "close connections of that node, or give it more: limits: { connections: … }"
                    }
                    purpose::OPENED => {
                        "wait, keep connections open for several requests, or give the node more: limits: { connections: … }"
                    }
                    _ => {
                        "hallway explain shows the result of the file; hallway up repairs what differs from the file"
                    }
                },
            ),
        }
    }

    fn refused(&self) -> OutcomeReason {
        if self.predicted.outcome == Outcome::Refused {
            return self.predicted.reason.clone();
        }
        let who = &self.predicted.to;
        reason(
            ReasonCode::NoListener,
            format!("nothing listens on {} of {who}", self.predicted.service),
            format!(
                "give {who} a program that listens there; hallway logs and hallway status show its state"
            ),
        )
    }

    /// The request has arrived, and no reply came back.
    fn unanswered(&self) -> OutcomeReason {
        if let Some((at, PathEnd::NoRoute(to))) = &self.reply {
            return self.or_predicted(&[ReasonCode::NoReplyRoute], || OutcomeReason {
                code: ReasonCode::NoReplyRoute,
                ..no_route(at, *to, BUT_NOT_THE_REPLY)
            });
        }
        let known = [
            ReasonCode::NoReplyRoute,
            ReasonCode::Asymmetric,
            ReasonCode::NotForwarding,
            ReasonCode::ReversePathFilter,
            ReasonCode::ForeignRule,
        ];
        self.or_predicted(&known, || match &self.reply {
            Some((at, _)) => reason(
                ReasonCode::ReplyLost,
                format!("the request arrives; the reply was last seen at {at}"),
                self.suspects(),
            ),
            None => reason(
                ReasonCode::Silent,
                match self.measured.listener {
                    ListenerKind::Service => {
                        "the request arrives, and the program there does not answer"
                    }
                    _ => "the request arrives, and nothing answers",
                },
                "check the program: hallway logs",
            ),
        })
    }

    /// What drops packets without a report.
    fn suspects(&self) -> String {
        let words = "legacy iptables, rp_filter, tc or a link that is down may have dropped it";
        match self.unseen.join(", ") {
            unseen if unseen.is_empty() => words.to_owned(),
            unseen => format!("{unseen}, which nftrace does not report, or {words}"),
        }
    }

    /// Dropped with no nftrace event.
    fn lost(&self) -> OutcomeReason {
        let service = match self.predicted.service {
            Service::Icmp => "echo request".to_owned(),
            Service::Port(port) => format!("packet to {port}"),
            Service::Protocol(protocol) => format!("{protocol} packet"),
        };
        match &self.request {
            None => reason(
                ReasonCode::NotSent,
                format!("no {service} was seen at all"),
                self.measured.detail.clone(),
            ),
            Some((at, _)) => reason(
                ReasonCode::Lost,
                format!("the {service} was last seen at {at}, and no reported rule dropped it"),
                self.suspects(),
            ),
        }
    }
}

/// The code of a prediction that has the same rule as its reason.
fn code_of(comment: &str) -> ReasonCode {
    match comment {
        purpose::SPOOFED => ReasonCode::SpoofedSource,
        purpose::DIRECT => ReasonCode::DirectRouting,
        purpose::INVALID | purpose::MID_STREAM => ReasonCode::Asymmetric,
        purpose::NOT_ADDRESSEE => ReasonCode::NotForwarding,
        purpose::UNUSED_ADDRESS => ReasonCode::NeighbourUnreachable,
        purpose::HOST_DEFAULT => ReasonCode::HostServices,
        purpose::DEFAULT => ReasonCode::DefaultDeny,
        _ => ReasonCode::OwnRule,
    }
}

fn reverse_path_filter(at: &Location, from: IpAddr, by: &str, before: &str) -> OutcomeReason {
    reason(
        ReasonCode::ReversePathFilter,
        format!("{before}{at} has no route back to {from} by {by}, so rp_filter drops its packets"),
        format!("correct the route to {from} there, or set net.ipv4.conf.*.rp_filter to 2"),
    )
}

fn no_route(at: &Location, to: IpAddr, before: &str) -> OutcomeReason {
    reason(
        ReasonCode::NoRoute,
        format!("{before}{at} has no route to {to}"),
        "ip route there shows its routes",
    )
}
