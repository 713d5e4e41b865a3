//! What an attempt tests.

use std::net::{IpAddr, SocketAddr};

use hallway_plan::reach::{HopEvent, Location, Outcome, Path, Service};
use hallway_spec::Protocol;

/// An attempt to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// Where the attempt is made.
    pub from: Location,
    /// The destination address.
    pub to: IpAddr,
    /// The service that is tried.
    pub service: Service,
    /// Where it should arrive, by the prediction: a listener is started there if there is none.
    pub target: Option<(Location, SocketAddr)>,
    /// The interface by which it leaves: an address of a single link needs it.
    pub interface: Option<String>,
    /// Whether an answer is predicted.
    pub answered: bool,
    /// Whether the request is predicted to arrive, and the reply not: that it arrives does not show an
    /// answer then.
    pub one_way: bool,
}

impl Aim {
    /// The attempt that tests a prediction; `None` if the destination address or the sender is not
    /// known.
    #[must_use]
    pub fn of(path: &Path, from: &Location) -> Option<Self> {
        if *from == Location::Outside {
            return None;
        }
        // The host's own services are not tested, except what a policy allows. A listener is opened
        // for blocked traffic too: otherwise traffic that passes against the file would look
        // blocked.
        // Also where a doubt is all that is against it.
        let arrives = path.destination().is_some();
        let open = match path.outcome {
            Outcome::Unknown => arrives,
            outcome => outcome.reachable(),
        };
        let listens = path.service != Service::Icmp;
        let target = path.target.clone().filter(|(at, _)| match at {
            Location::Node(_) => listens,
            Location::Host => listens && open,
            Location::Outside => false,
        });
        Some(Self {
            from: from.clone(),
            to: path.address?,
            service: path.service,
            target,
            interface: path
                .request
                .iter()
                .find_map(|hop| match (&hop.event, from) {
                    (HopEvent::Leaves { interface }, Location::Node(_)) => Some(interface.clone()),
                    (HopEvent::Link { link, .. }, Location::Host) => Some(link.clone()),
                    _ => None,
                }),
            answered: open,
            one_way: arrives && !open,
        })
    }

    pub(super) fn is_without_port(&self) -> bool {
        matches!(self.service, Service::Protocol(_))
    }

    /// What is tried, as far as it determines the kind of sockets.
    pub(super) fn transport(&self) -> AimTransport {
        match self.service {
            Service::Port(port) => match port.protocol {
                Protocol::Tcp => AimTransport::Tcp,
                Protocol::Udp => AimTransport::Udp,
                Protocol::Sctp => AimTransport::Raw(port.protocol.number()),
            },
            Service::Protocol(protocol) => AimTransport::Raw(protocol.number()),
            Service::Icmp => AimTransport::Icmp,
        }
    }
}

/// The kind of sockets that an attempt is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AimTransport {
    Tcp,
    Udp,
    Icmp,
    /// Raw ones, of this IP protocol.
    Raw(u8),
}
