//! Routes (linux/rtnetlink.h).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::KernelError;
use crate::addr::family;
use crate::rtnl::{NLM_F_CREATE, NLM_F_REPLACE, Request, Rtnl};
use crate::wire::{Attrs, Writer, address_bytes, address_of, u32_of};

const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_TABLE: u16 = 15;
const RT_TABLE_MAIN: u8 = 254;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RT_SCOPE_NOWHERE: u8 = 255;
const RTA_SRC: u16 = 2;
const RTA_IIF: u16 = 3;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
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
    /// Packets to it are refused.
    pub unreachable: bool,
    /// Lower is preferred.
    pub metric: Option<u32>,
    /// Who adds it (RTA protocol).
    pub protocol: u8,
}

fn body(spec: &RouteSpec, remove: bool) -> Writer {
    let (scope, kind) = match (spec.unreachable, spec.via, remove) {
        (true, ..) => (RT_SCOPE_UNIVERSE, RTN_UNREACHABLE),
        (_, _, true) => (RT_SCOPE_NOWHERE, 0),
        (_, None, _) if spec.to.addr().is_ipv4() => (RT_SCOPE_LINK, RTN_UNICAST),
        _ => (RT_SCOPE_UNIVERSE, RTN_UNICAST),
    };
    let protocol = if remove { 0 } else { spec.protocol };
    let head = [
        family(spec.to.addr()),
        spec.to.prefix_len(),
        0,
        0,
        RT_TABLE_MAIN,
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
    w
}

/// Adds a route, or replaces the one with the same destination and metric.
#[must_use]
pub fn replace_route(spec: &RouteSpec) -> Request {
    Request {
        kind: RTM_NEWROUTE,
        flags: NLM_F_CREATE | NLM_F_REPLACE,
        body: body(spec, false),
        operation: "add the route",
        object: spec.to.to_string(),
    }
}

/// Removes a route.
#[must_use]
pub fn delete_route(spec: &RouteSpec) -> Request {
    Request {
        kind: RTM_DELROUTE,
        flags: 0,
        body: body(spec, true),
        operation: "remove the route",
        object: spec.to.to_string(),
    }
}

/// A route as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteInfo {
    /// Destination.
    pub to: IpNet,
    /// Next hop.
    pub via: Option<IpAddr>,
    /// Outgoing interface.
    pub interface: Option<u32>,
    /// Who added it.
    pub protocol: u8,
    /// Packets to it are refused.
    pub unreachable: bool,
    /// Main is 254, local 255.
    pub table: u32,
}

fn parse(body: &[u8]) -> Option<RouteInfo> {
    let v4 = *body.first()? == 2;
    let prefix = *body.get(1)?;
    let attrs = Attrs(body.get(12..)?);
    let any: IpAddr = if v4 {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    };
    let to = attrs.find(RTA_DST).and_then(address_of).unwrap_or(any);
    Some(RouteInfo {
        to: IpNet::new(to, prefix).ok()?,
        via: attrs.find(RTA_GATEWAY).and_then(address_of),
        interface: attrs.find(RTA_OIF).and_then(u32_of),
        protocol: *body.get(5)?,
        unreachable: *body.get(7)? == RTN_UNREACHABLE,
        table: attrs
            .find(RTA_TABLE)
            .and_then(u32_of)
            .unwrap_or(u32::from(*body.get(4)?)),
    })
}

/// A packet for which a route is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteQuestion {
    /// Destination.
    pub to: IpAddr,
    /// Source.
    pub from: Option<IpAddr>,
    /// The interface it came in by, for one that is passed on.
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
    /// It goes nowhere: unreachable, prohibited or swallowed.
    pub refused: bool,
}

impl Rtnl {
    /// Which route the kernel would choose (`ip route get`).
    ///
    /// # Errors
    /// ENETUNREACH, EHOSTUNREACH and their like when there is none.
    pub fn route_for(&mut self, question: &RouteQuestion) -> Result<RouteAnswer, KernelError> {
        let address = |w: &mut Writer, kind, address: IpAddr| w.attr(kind, &address_bytes(address));
        let bits = if question.to.is_ipv4() { 32 } else { 128 };
        let source_bits = question.from.map_or(0, |_| bits);
        let head = [
            family(question.to),
            bits,
            source_bits,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        let mut w = Writer::with_header(&head);
        address(&mut w, RTA_DST, question.to);
        if let Some(from) = question.from {
            address(&mut w, RTA_SRC, from);
        }
        if let Some(iif) = question.iif {
            w.u32(RTA_IIF, iif);
        }
        let request = Request {
            kind: RTM_GETROUTE,
            flags: 0,
            body: w,
            operation: "look up the route",
            object: question.to.to_string(),
        };
        let body = self.ask(&request)?;
        let attrs = Attrs(body.get(12..).unwrap_or_default());
        let kind = body.get(7).copied().unwrap_or_default();
        Ok(RouteAnswer {
            via: attrs.find(RTA_GATEWAY).and_then(address_of),
            interface: attrs.find(RTA_OIF).and_then(u32_of),
            local: kind == RTN_LOCAL,
            refused: kind >= RTN_BLACKHOLE,
        })
    }

    /// Every route of the namespace, of all tables.
    ///
    /// # Errors
    /// When the list could not be read whole.
    pub fn routes(&mut self) -> Result<Vec<RouteInfo>, KernelError> {
        let mut out = Vec::new();
        self.dump(RTM_GETROUTE, &[0; 12], "list the routes", |kind, body| {
            if kind == RTM_NEWROUTE {
                out.extend(parse(body));
            }
        })?;
        Ok(out)
    }
}
