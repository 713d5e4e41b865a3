//! Stable codes of reasons.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// Why an attempt ends as it does; the text is stable and documented.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ReasonCode {
            /// Every code.
            #[must_use]
            pub fn all() -> &'static [Self] {
                &[$(Self::$variant,)+]
            }

            /// Its text, like `default-deny`.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }
        }
    };
}

codes! {
    /// A policy of the file denies it.
    PolicyDeny = "policy-deny",
    /// No policy lets one network reach the other.
    DefaultDeny = "default-deny",
    /// The network is internal: it is not connected to the outside, and its nodes do not use published ports.
    Internal = "internal",
    /// Nodes do not reach the host's services unless a policy allows it.
    HostServices = "host-services",
    /// From outside, a node is reached by published ports only, never by routing to its address.
    DirectRouting = "direct-routing",
    /// No node publishes that port of the host.
    NotPublished = "not-published",
    /// A node, or the host, has no route to the address.
    NoRoute = "no-route",
    /// The request arrives, but the server has no route back.
    NoReplyRoute = "no-reply-route",
    /// The namespace that a node joins has a route of its own to the address, past the networks of the project.
    OtherRoute = "other-route",
    /// A route, or a routing rule of the host (ip rule), of another program leads past the network.
    Diverted = "diverted",
    /// A route of the host drops the packet: one of the kind blackhole, prohibit or unreachable.
    DroppingRoute = "dropping-route",
    /// The link that the host sends the packet by has no carrier.
    NoCarrier = "no-carrier",
    /// The packet goes to other machines by an external network: what they do is not predicted.
    External = "external",
    /// The host and macvlan interfaces of one of its links do not reach one another by that link.
    PastHost = "past-host",
    /// No node on the link has the address of the next hop.
    NeighbourUnreachable = "neighbour-unreachable",
    /// The packet comes to a node that it is not for and that does not forward.
    NotForwarding = "not-forwarding",
    /// The interface that the packet would leave by has a loss of 100 %.
    Impaired = "impaired",
    /// A routing loop: routers forward the packet to each other.
    Loop = "loop",
    /// The source address is not the sender's on that network.
    SpoofedSource = "spoofed-source",
    /// The guard of the node's port drops it.
    Guard = "guard",
    /// Another rule of hallway's drops it.
    Rule = "rule",
    /// Requests pass the host and replies do not, or a reply comes from another address.
    Asymmetric = "asymmetric",
    /// The address is not one machine's: multicast, broadcast, or the localhost of a machine outside.
    SpecialAddress = "special-address",
    /// Both are machines outside, for which hallway makes the host forward nothing.
    BothOutside = "both-outside",
    /// The server ignores echo requests, by a setting of the kernel there (echo_ignore_all).
    EchoIgnored = "echo-ignored",
    /// The two have no addresses of one IP version.
    NoCommonFamily = "no-common-family",
    /// A rule or a chain's policy that is not hallway's drops it.
    ForeignRule = "foreign-rule",
    /// A rule that is not hallway's sets the whole mark of packets, and the keeper's guard drops them.
    LostMark = "lost-mark",
    /// `trace`: a rule of hallway's drops it, different from the prediction.
    OwnRule = "own-rule",
    /// `trace`: the request arrives, and nothing listens there.
    NoListener = "no-listener",
    /// The route back to the sender is by another interface, and rp_filter drops it.
    ReversePathFilter = "wrong-way",
    /// `trace`: the request arrives, and nothing answers.
    Silent = "silent",
    /// `trace`: the reply is dropped with no nftrace event.
    ReplyLost = "reply-lost",
    /// `trace`: the request is dropped with no nftrace event.
    Lost = "lost",
    /// `trace`: no packet left the client.
    NotSent = "not-sent",
    /// Both are on one network.
    SameNetwork = "same-network",
    /// Routers of the project forward it, and no policy concerns it.
    Forwarded = "forwarded",
    /// A link leads from one to the other.
    Cable = "cable",
    /// A policy of the file allows it.
    PolicyAllow = "policy-allow",
    /// The network is not internal: its nodes reach outside with the address of the host.
    Egress = "egress",
    /// A node publishes that port of the host.
    Published = "published",
    /// The host reaches its nodes.
    Host = "host",
    /// A program of the host listens on that port.
    HostProgram = "host-program",
    /// The host answers pings.
    HostPing = "host-ping",
    /// Neither end is on a network that hallway filters.
    NotOurs = "not-ours",
    /// The address is the client's own.
    Own = "self",
    /// `trace`: packets pass, against the prediction.
    Open = "open",
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}
