//! The path of a packet, hop by hop, and its outcome: what a prediction and a trace both yield.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use hallway_spec::{Name, Place, Service};
use serde::{Serialize, Serializer};

use super::code::ReasonCode;
use super::packet::Flow;

/// Where a packet is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// In the namespace that holds the bridges.
    Host,
    /// In a node.
    Node(Name),
    /// Beyond the host's uplink.
    Outside,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.pad("host"),
            Self::Node(name) => f.pad(name.as_ref()),
            Self::Outside => f.pad("outside"),
        }
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// Where.
    pub at: Location,
    /// What happens.
    #[serde(flatten)]
    pub event: HopEvent,
    /// The packet's addresses and ports as it comes there; after it, where they are translated.
    pub flow: Flow,
}

/// What happens at a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "hop", rename_all = "snake_case")]
pub enum HopEvent {
    /// Leaves by an interface.
    Leaves {
        /// The interface.
        interface: String,
    },
    /// Passes a link of the host: the far end of a node's interface, or a bridge.
    Link {
        /// Its name.
        link: String,
        /// `port`, `bridge` or `uplink`.
        kind: &'static str,
    },
    /// A chain of the packet filter decides.
    Chain {
        /// The table's family: `inet`, `bridge`, `ip`, `ip6`, ...
        family: String,
        /// The table.
        table: String,
        /// The chain of the deciding rule.
        chain: String,
        /// Where the kernel calls it, like `forward`; empty when that is not known.
        hook: String,
        /// The deciding rule as nft prints it; `None` when the chain's policy decided.
        rule: Option<String>,
        /// The rule's comment: for rules of hallway's own, what it is for.
        comment: String,
        /// `accept`, `drop`, `reject`, `dnat`, `masquerade`, ...
        verdict: String,
        /// Whether the table is hallway's.
        ours: bool,
    },
    /// Source or destination were translated.
    Translated {
        /// Before.
        before: Flow,
    },
    /// A route is chosen.
    Route {
        /// The next hop, when it is not the destination itself.
        via: Option<IpAddr>,
        /// The interface it leaves by; `local` when the packet is for this place itself.
        interface: String,
    },
    /// Connection tracking has this entry for it.
    Connection {
        /// Its original direction.
        original: Flow,
        /// As replies come.
        reply: Flow,
        /// Like `SYN_SENT`, where there is one.
        state: String,
    },
    /// Comes in by an interface.
    Arrives {
        /// The interface.
        interface: String,
    },
    /// A socket receives it.
    Listener {
        /// Whose socket it is.
        who: String,
    },
}

/// How an attempt ends, for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There is an answer.
    Open,
    /// The server refuses: nothing listens.
    Refused,
    /// A rule on the path drops it, silently or with "prohibited".
    Filtered,
    /// There is no route, or no neighbour.
    Unreachable,
    /// Others decide, which is not predicted.
    Unknown,
}

impl Outcome {
    /// Whether the server is reached.
    #[must_use]
    pub fn reachable(self) -> bool {
        self == Self::Open
    }

    /// Whether a result of packets is as this predicts.
    #[must_use]
    pub fn agrees(self, measured: Self) -> bool {
        self == Self::Unknown || self.reachable() == measured.reachable()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::Filtered => "filtered",
            Self::Unreachable => "unreachable",
            Self::Unknown => "not known",
        })
    }
}

/// The reason for the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutcomeReason {
    /// A stable code.
    pub code: ReasonCode,
    /// In one sentence.
    pub text: String,
    /// The place in the file.
    #[serde(serialize_with = "place")]
    pub place: Option<Place>,
    /// What would change it; empty if nothing needs to be changed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
}

fn place<S: Serializer>(place: &Option<Place>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Short<'a> {
        #[serde(skip_serializing_if = "str::is_empty")]
        file: &'a str,
        line: u32,
        column: u32,
        key: &'a str,
    }
    place
        .as_ref()
        .map(|p| Short {
            file: &p.file,
            line: p.line,
            column: p.column,
            key: &p.key,
        })
        .serialize(serializer)
}

/// The path of a request and of its reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Path {
    /// The client.
    pub from: String,
    /// The server.
    pub to: String,
    /// The server's address; `None` when the client could use none.
    pub address: Option<IpAddr>,
    /// A port of the server, or ping.
    pub service: Service,
    /// How it ends.
    pub outcome: Outcome,
    /// Why.
    pub reason: OutcomeReason,
    /// The request's hops, up to where it ends.
    pub request: Vec<Hop>,
    /// The reply's hops.
    pub reply: Vec<Hop>,
    /// Where the request arrives, or would if nothing dropped it.
    #[serde(skip)]
    pub target: Option<(Location, SocketAddr)>,
}

impl Path {
    /// Where the request ends up, and the addresses and ports it has there, if it gets through.
    #[must_use]
    pub fn destination(&self) -> Option<(&Location, &Flow)> {
        let last = self.request.last()?;
        matches!(last.event, HopEvent::Listener { .. }).then_some((&last.at, &last.flow))
    }
}
