//! Routes (linux/rtnetlink.h).

mod metrics;

use std::net::IpAddr;

use hallway_nftables::IpVersion;
use ipnet::IpNet;

use crate::addr::{Scope, family};
use crate::gate::OperationKind;
use crate::request::{NLM_F_CREATE, NLM_F_REPLACE, Request};
use crate::wire::{Attrs, Writer, address_bytes, address_of, u32_of};
use crate::{Kernel, KernelError};

pub use metrics::RouteMetrics;

pub(crate) const RTM_NEWROUTE: u16 = 24;
pub(crate) const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const RT_TABLE_MAIN: u8 = 254;
const RT_TABLE_LOCAL: u8 = 255;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RT_SCOPE_NOWHERE: u8 = 255;
const RTA_SRC: u16 = 2;
const RTA_IIF: u16 = 3;
const RTNH_F_DEAD: u32 = 1;
const RTNH_F_LINKDOWN: u32 = 16;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
const RTN_MULTICAST: u8 = 5;
const RTN_BLACKHOLE: u8 = 6;
const RTN_UNREACHABLE: u8 = 7;

/// A route to add or remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteSpec {
    /// Destination.
    pub to: IpNet,
    /// Next hop.
    pub via: Option<IpAddr>,
    /// Outgoing interface.
    pub interface: Option<u32>,
    /// What it does with packets: [`RouteType::Unicast`], [`RouteType::Unreachable`], or in the table
    /// local [`RouteType::Multicast`].
    pub kind: RouteType,
    /// Lower is preferred.
    pub metric: Option<u32>,
    /// Who adds it (RTPROT_*).
    pub protocol: u8,
    /// The source address of local packets whose sender chooses none.
    pub source: Option<IpAddr>,
}

fn body(spec: &RouteSpec, remove: bool) -> Writer {
    let (scope, kind) = match (spec.kind, spec.via, remove) {
        (RouteType::Unreachable, ..) => (RT_SCOPE_UNIVERSE, RTN_UNREACHABLE),
        (RouteType::Multicast, ..) => (RT_SCOPE_UNIVERSE, RTN_MULTICAST),
        (_, _, true) => (RT_SCOPE_NOWHERE, 0),
        (_, None, _) if spec.to.addr().is_ipv4() => (RT_SCOPE_LINK, RTN_UNICAST),
        _ => (RT_SCOPE_UNIVERSE, RTN_UNICAST),
    };
    let table = match spec.kind {
        RouteType::Multicast => RT_TABLE_LOCAL,
        _ => RT_TABLE_MAIN,
    };
    let protocol = if remove { 0 } else { spec.protocol };
    let head = [
        family(spec.to.addr()),
        spec.to.prefix_len(),
        0,
        0,
        table,
        protocol,
        scope,
        kind,
        0,
        0,
        0,
        0,
    ];
    let mut w = Writer::with_header(&head);
    if spec.to.prefix_len() > 0 {
        w.attr(RTA_DST, &address_bytes(spec.to.network()));
    }
    if let Some(via) = spec.via {
        w.attr(RTA_GATEWAY, &address_bytes(via));
    }
    if let Some(interface) = spec.interface {
        w.u32(RTA_OIF, interface);
    }
    if let Some(metric) = spec.metric {
        w.u32(RTA_PRIORITY, metric);
    }
    if let Some(source) = spec.source {
        w.attr(RTA_PREFSRC, &address_bytes(source));
    }
    w
}

/// Adds a route, even if there is another one with the same destination and metric: for IPv4 before
/// that one.
#[must_use]
pub fn add_route(spec: &RouteSpec) -> Request {
    Request {
        flags: NLM_F_CREATE,
        ..replace_route(spec)
    }
}

/// Adds a route, or replaces the first with the same destination and metric.
#[must_use]
pub fn replace_route(spec: &RouteSpec) -> Request {
    Request {
        acts_on: OperationKind::Route,
        kind: RTM_NEWROUTE,
        flags: NLM_F_CREATE | NLM_F_REPLACE,
        body: body(spec, false).finish(),
        operation: "add the route",
        object: spec.to.to_string(),
    }
}

/// Removes a route.
#[must_use]
pub fn delete_route(spec: &RouteSpec) -> Request {
    Request {
        acts_on: OperationKind::Route,
        kind: RTM_DELROUTE,
        flags: 0,
        body: body(spec, true).finish(),
        operation: "remove the route",
        object: spec.to.to_string(),
    }
}

/// What a route does with a packet (RTN_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RouteType {
    /// Sends it to one receiver.
    #[default]
    Unicast,
    /// Receives it here.
    Local,
    /// Receives it here, as a broadcast.
    Broadcast,
    /// Receives it here, as an anycast.
    Anycast,
    /// Sends it to a multicast group.
    Multicast,
    /// Drops it without an answer.
    Blackhole,
    /// Drops it, and answers that the destination is unreachable.
    Unreachable,
    /// Drops it, and answers that it is not allowed.
    Prohibit,
    /// Ends the lookup in this table.
    Throw,
    /// Another number, without a name in this version.
    Other(u8),
}

impl RouteType {
    fn of(number: u8) -> Self {
        match number {
            RTN_UNICAST => Self::Unicast,
            RTN_LOCAL => Self::Local,
            3 => Self::Broadcast,
            4 => Self::Anycast,
            RTN_MULTICAST => Self::Multicast,
            RTN_BLACKHOLE => Self::Blackhole,
            RTN_UNREACHABLE => Self::Unreachable,
            8 => Self::Prohibit,
            9 => Self::Throw,
            other => Self::Other(other),
        }
    }
}

/// A route in the form of the kernel's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteInfo {
    /// Destination.
    pub to: IpNet,
    /// Next hop; can be an IPv6 address for IPv4 destinations (RTA_VIA).
    pub via: Option<IpAddr>,
    /// Outgoing interface.
    pub interface: Option<u32>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// Who added it (RTPROT_*): 2 the kernel, 3 at boot, 4 an administrator, 9 router advertisement.
    pub protocol: u8,
    /// What it does with packets.
    pub kind: RouteType,
    /// How far away its destinations are.
    pub scope: Scope,
    /// Lower is preferred; 0 where none is reported.
    pub metric: u32,
    /// Main is 254, local 255.
    pub table: u32,
    /// What it sets for packets.
    pub metrics: RouteMetrics,
    /// The outgoing interface of the first of several next hops, which are not read further.
    pub multipath: Option<u32>,
    /// It is only for packets with this type of service; 0 for all.
    pub tos: u8,
    /// Its interface has no carrier (RTNH_F_LINKDOWN).
    pub no_carrier: bool,
    /// The kernel does not use it (RTNH_F_DEAD): without a carrier, where the interface is set so.
    pub dead: bool,
}

impl RouteInfo {
    /// Packets to it are dropped, and answered with an ICMP error.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.kind == RouteType::Unreachable
    }
}

/// Reads RTM_NEWROUTE or RTM_DELROUTE.
pub(crate) fn parse(body: &[u8]) -> Option<RouteInfo> {
    let v4 = match *body.first()? {
        2 => true,
        10 => false,
        _ => return None, // multicast routing tables and others
    };
    let prefix = *body.get(1)?;
    let attrs = Attrs(body.get(12..)?);
    let any: IpAddr = if v4 {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    };
    let to = attrs.find(RTA_DST).and_then(address_of).unwrap_or(any);
    let flags = u32_of(body.get(8..12)?)?;
    Some(RouteInfo {
        to: IpNet::new(to, prefix).ok()?,
        via: next_hop(attrs),
        interface: attrs.find(RTA_OIF).and_then(u32_of),
        source: attrs.find(RTA_PREFSRC).and_then(address_of),
        protocol: *body.get(5)?,
        kind: RouteType::of(*body.get(7)?),
        scope: Scope::of(*body.get(6)?),
        metric: attrs
            .find(RTA_PRIORITY)
            .and_then(u32_of)
            .unwrap_or_default(),
        table: attrs
            .find(RTA_TABLE)
            .and_then(u32_of)
            .unwrap_or(u32::from(*body.get(4)?)),
        metrics: (attrs.find(RTA_METRICS))
            .map(|metrics| RouteMetrics::parse(Attrs(metrics)))
            .unwrap_or_default(),
        multipath: attrs.find(RTA_MULTIPATH).and_then(first_interface),
        // For IPv6 the kernel does not compare it.
        tos: if v4 { *body.get(3)? } else { 0 },
        no_carrier: flags & RTNH_F_LINKDOWN != 0,
        dead: flags & RTNH_F_DEAD != 0,
    })
}

/// struct rtnexthop: length, flags, hops, interface.
fn first_interface(hops: &[u8]) -> Option<u32> {
    hops.get(4..8).and_then(u32_of)
}

fn next_hop(attrs: Attrs<'_>) -> Option<IpAddr> {
    attrs
        .find(RTA_GATEWAY)
        .and_then(address_of)
        // struct rtvia: family, address.
        .or_else(|| attrs.find(RTA_VIA)?.get(2..).and_then(address_of))
}

/// A packet for which a route is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteQuestion {
    /// Destination.
    pub to: IpAddr,
    /// Source.
    pub from: Option<IpAddr>,
    /// The interface it came in by, for one that is forwarded.
    pub iif: Option<u32>,
}

/// The route the kernel chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteAnswer {
    /// Next hop; the destination itself when absent.
    pub via: Option<IpAddr>,
    /// Outgoing interface.
    pub interface: Option<u32>,
    /// It is for this namespace itself.
    pub local: bool,
    /// It is dropped: the route is of the kind blackhole, unreachable, prohibit or throw.
    pub refused: bool,
}

impl Kernel {
    /// Which route the kernel would choose (`ip route get`).
    ///
    /// # Errors
    /// ENETUNREACH, EHOSTUNREACH and their like when there is none.
    pub fn route_for(&mut self, question: &RouteQuestion) -> Result<RouteAnswer, KernelError> {
        let address = |w: &mut Writer, kind, address: IpAddr| w.attr(kind, &address_bytes(address));
        let bits = if question.to.is_ipv4() { 32 } else { 128 };
        let source_bits = question.from.map_or(0, |_| bits);
        let mut head = [0; 12];
        head[..3].copy_from_slice(&[family(question.to), bits, source_bits]);
        let mut w = Writer::with_header(&head);
        address(&mut w, RTA_DST, question.to);
        if let Some(from) = question.from {
            address(&mut w, RTA_SRC, from);
        }
        if let Some(iif) = question.iif {
            w.u32(RTA_IIF, iif);
        }
        let request = Request {
            acts_on: OperationKind::Route,
            kind: RTM_GETROUTE,
            flags: 0,
            body: w.finish(),
            operation: "look up the route",
            object: question.to.to_string(),
        };
        self.note_read(&request.operation());
        let body = self.route()?.query(&request)?;
        let attrs = Attrs(body.get(12..).unwrap_or_default());
        let kind = body.get(7).copied().unwrap_or_default();
        Ok(RouteAnswer {
            via: next_hop(attrs),
            interface: attrs.find(RTA_OIF).and_then(u32_of),
            local: kind == RTN_LOCAL,
            refused: kind >= RTN_BLACKHOLE,
        })
    }

    /// The addresses of one IP version that the namespace receives packets for. Read from the local
    /// table, whose length does not depend on the number of links.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn local_addresses(&mut self, version: IpVersion) -> Result<Vec<IpAddr>, KernelError> {
        const OPERATION: &str = "list the local addresses";
        // struct rtmsg: the kernel compares table and type with those of the request.
        let mut header = [0; 12];
        header[0] = version.nfproto();
        header[4] = RT_TABLE_LOCAL;
        header[7] = RTN_LOCAL;
        let routes = self.list_objects(
            OperationKind::Route,
            OPERATION,
            RTM_GETROUTE,
            &header,
            parse,
        )?;
        let whole = |r: &RouteInfo| r.to.prefix_len() == r.to.max_prefix_len();
        let local = routes
            .iter()
            .filter(|r| r.kind == RouteType::Local && whole(r));
        Ok(local.map(|r| r.to.addr()).collect())
    }

    /// Every route of the namespace, of all tables.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn routes(&mut self) -> Result<Vec<RouteInfo>, KernelError> {
        self.list_objects(
            OperationKind::Route,
            "list the routes",
            RTM_GETROUTE,
            &[0; 12],
            parse,
        )
    }
}
