//! The result of an exchange.

use super::packet::Flow;
use super::path::{Hop, Location, Outcome};
use super::walk::{DropReason, ForeignRule};
use hallway_nftables::Hook;
use hallway_nftables::evaluate::RuleVerdict;
use hallway_spec::{IpVersion, Name};

/// The result of an exchange.
#[derive(Debug)]
pub(super) struct ExchangeResult {
    /// The rule by which the host accepted the request.
    pub(super) passed: Option<(Hook, RuleVerdict)>,
    pub(super) request: Vec<Hop>,
    pub(super) reply: Vec<Hop>,
    /// Where the request arrived.
    pub(super) end: Option<(Location, Flow)>,
    pub(super) failure: Option<ExchangeFailure>,
    /// A rule of another program on the path that could not be evaluated.
    pub(super) unsure: Option<String>,
    /// A rule of another program that changes what becomes of the connection.
    pub(super) changed: Option<ForeignRule>,
}

/// Why an exchange fails.
#[derive(Debug)]
pub(super) enum ExchangeFailure {
    /// The server has no address that the client could use.
    NoAddress,
    /// The two have addresses in common, but none of the IP version that was asked for.
    NotOfVersion(IpVersion),
    /// The address leads to this node, which has it on another link than the server.
    Namesake(Name),
    /// The server is localhost, and nothing is published there.
    NotPublished,
    /// The request is dropped.
    Request(DropReason),
    /// The reply is dropped.
    Reply(DropReason),
    /// The reply does not belong to the request: its addresses are others.
    Mismatch(Flow),
    /// What the request arrives at does not answer pings, by this setting.
    Silent(&'static str),
    /// The address is not one machine's: the outcome, and what becomes of the packet.
    Special(Outcome, String),
    /// Both are machines outside: the outcome, and what becomes of the packet.
    BetweenOthers(Outcome, String),
    /// A packet after the first two of a handshake is dropped.
    LaterPacket,
}

impl ExchangeResult {
    /// A failure that is found before any packet is sent.
    pub(super) fn failed(failure: ExchangeFailure) -> Self {
        Self {
            passed: None,
            request: Vec::new(),
            reply: Vec::new(),
            end: None,
            failure: Some(failure),
            unsure: None,
            changed: None,
        }
    }

    /// Whether the far end is the host itself.
    pub(super) fn ends_at_host(&self) -> bool {
        matches!(&self.end, Some((Location::Host, _)))
    }
}

impl ExchangeFailure {
    /// The outcome for the client.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Request(dropped) => dropped.outcome(),
            Self::Reply(dropped) if dropped.outcome() == Outcome::Unknown => Outcome::Unknown,
            Self::NoAddress | Self::NotOfVersion(_) | Self::Namesake(_) => Outcome::Unreachable,
            Self::NotPublished => Outcome::Refused,
            Self::Special(outcome, _) | Self::BetweenOthers(outcome, _) => *outcome,
            Self::Reply(_) | Self::Mismatch(_) | Self::Silent(_) | Self::LaterPacket => {
                Outcome::Filtered
            }
        }
    }
}
