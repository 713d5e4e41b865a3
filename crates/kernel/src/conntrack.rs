//! Connections the kernel tracks (linux/netfilter/nfnetlink_conntrack.h): listed and deleted.

use std::net::IpAddr;

use hallway_nftables::IpVersion;

use crate::gate::{Operation, OperationKind};
use crate::request::Request;
use crate::wire::{AttributeTooLong, Attrs, Writer, address_bytes, address_of, be16_of, be32_of};
use crate::{Kernel, KernelError};

const SUBSYSTEM: u16 = 1 << 8;
/// IPCTNL_MSG_CT_NEW.
pub(crate) const MESSAGE_NEW: u16 = SUBSYSTEM;
/// IPCTNL_MSG_CT_DELETE.
pub(crate) const MESSAGE_DELETE: u16 = SUBSYSTEM | 2;
const IPCTNL_MSG_CT_GET: u16 = 1;
const IPCTNL_MSG_CT_GET_STATS: u16 = 5;
const CTA_STATS_GLOBAL_ENTRIES: u16 = 1;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_PROTOINFO: u16 = 4;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_FILTER: u16 = 25;
const CTA_FILTER_ORIG_FLAGS: u16 = 1;
const CTA_FILTER_REPLY_FLAGS: u16 = 2;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
/// CTA_FILTER_FLAG of each field (net/netfilter/nf_conntrack_netlink.c).
const FILTER_IP_SRC: u32 = 1;
const FILTER_IP_DST: u32 = 1 << 1;
const FILTER_PROTO_NUM: u32 = 1 << 3;
const FILTER_PROTO_DST_PORT: u32 = 1 << 5;

const EBADMSG: i32 = 74;
const LIST: &str = "list the connections";
const DELETE: &str = "delete a connection";

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Source.
    pub from: IpAddr,
    /// Destination.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// 0 for protocols without ports.
    pub source_port: u16,
    /// 0 for protocols without ports.
    pub port: u16,
}

/// A tracked connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// As its first packet was sent.
    pub original: Tuple,
    /// The flow of replies; it differs from `original` reversed if addresses are translated.
    pub reply: Tuple,
    /// The state of a TCP connection, as `conntrack -L` prints it; empty for other protocols.
    pub state: &'static str,
    family: u8,
    key: Vec<(u16, Vec<u8>)>,
}

/// The direction of a connection that a filter is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionDirection {
    /// The direction of the first packet.
    #[default]
    Original,
    /// The direction of replies.
    Reply,
}

/// Conditions for one direction of a connection; all that are given must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionFilter {
    /// Source address.
    pub from: Option<IpAddr>,
    /// Destination address.
    pub to: Option<IpAddr>,
    /// IP protocol number.
    pub protocol: Option<u8>,
    /// Destination port; only together with a protocol.
    pub port: Option<u16>,
}

impl ConnectionFilter {
    /// Whether the original direction of a connection satisfies the conditions.
    #[must_use]
    pub fn matches(&self, connection: &Connection) -> bool {
        let tuple = &connection.original;
        self.from.is_none_or(|a| a == tuple.from)
            && self.to.is_none_or(|a| a == tuple.to)
            && self.protocol.is_none_or(|p| p == tuple.protocol)
            && self.port.is_none_or(|p| p == tuple.port)
    }

    fn body_of(&self, direction: ConnectionDirection) -> Result<Vec<u8>, AttributeTooLong> {
        let family = self.from.or(self.to).map_or(0, family);
        let (tuple, of_direction) = match direction {
            ConnectionDirection::Original => (CTA_TUPLE_ORIG, CTA_FILTER_ORIG_FLAGS),
            ConnectionDirection::Reply => (CTA_TUPLE_REPLY, CTA_FILTER_REPLY_FLAGS),
        };
        let mut flags = 0;
        let mut w = Writer::with_header(&[family, 0, 0, 0]);
        w.nest(tuple, |w| {
            w.nest(CTA_TUPLE_IP, |w| {
                for (address, position, flag) in
                    [(self.from, 0, FILTER_IP_SRC), (self.to, 1, FILTER_IP_DST)]
                {
                    if let Some(address) = address {
                        w.attr(ip_attribute(address) + position, &address_bytes(address));
                        flags |= flag;
                    }
                }
            });
            if let Some(protocol) = self.protocol {
                w.nest(CTA_TUPLE_PROTO, |w| {
                    w.u8(CTA_PROTO_NUM, protocol);
                    flags |= FILTER_PROTO_NUM;
                    if let Some(port) = self.port {
                        w.attr(CTA_PROTO_DST_PORT, &port.to_be_bytes());
                        flags |= FILTER_PROTO_DST_PORT;
                    }
                });
            }
        });
        w.nest(CTA_FILTER, |w| w.u32(of_direction, flags));
        w.finish()
    }
}

fn family(address: IpAddr) -> u8 {
    crate::addr::family(address)
}

/// CTA_IP_V4_SRC or CTA_IP_V6_SRC; the destination's number is the next.
fn ip_attribute(address: IpAddr) -> u16 {
    if address.is_ipv4() { 1 } else { 3 }
}

fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let attrs = Attrs(bytes);
    let ip = attrs.find(CTA_TUPLE_IP)?;
    let mut addresses = Attrs(ip).filter_map(|(kind, value)| Some((kind, address_of(value)?)));
    let (_, from) = addresses.next()?;
    let (_, to) = addresses.next()?;
    let proto = Attrs(attrs.find(CTA_TUPLE_PROTO)?);
    let port = |kind| proto.find(kind).and_then(be16_of).unwrap_or(0);
    Some(Tuple {
        from,
        to,
        protocol: *proto.find(CTA_PROTO_NUM)?.first()?,
        source_port: port(CTA_PROTO_SRC_PORT),
        port: port(CTA_PROTO_DST_PORT),
    })
}

/// Reads IPCTNL_MSG_CT_NEW or IPCTNL_MSG_CT_DELETE.
pub(crate) fn parse(body: &[u8]) -> Option<Connection> {
    let attrs = Attrs(body.get(4..)?);
    let original = attrs.find(CTA_TUPLE_ORIG)?;
    let mut key = vec![(CTA_TUPLE_ORIG, original.to_vec())];
    for kind in [CTA_ID, CTA_ZONE] {
        key.extend(attrs.find(kind).map(|v| (kind, v.to_vec())));
    }
    Some(Connection {
        original: tuple(original)?,
        reply: tuple(attrs.find(CTA_TUPLE_REPLY)?)?,
        state: tcp_state(attrs).unwrap_or_default(),
        family: *body.first()?,
        key,
    })
}

/// CTA_PROTOINFO_TCP_STATE (enum tcp_conntrack).
fn tcp_state(attrs: Attrs<'_>) -> Option<&'static str> {
    let tcp = Attrs(attrs.find(CTA_PROTOINFO)?).find(1)?;
    let state = *Attrs(tcp).find(1)?.first()?;
    Some(match state {
        1 => "SYN_SENT",
        2 => "SYN_RECV",
        3 => "ESTABLISHED",
        4 => "FIN_WAIT",
        5 => "CLOSE_WAIT",
        6 => "LAST_ACK",
        7 => "TIME_WAIT",
        8 => "CLOSE",
        9 => "SYN_SENT2",
        _ => "NONE",
    })
}

/// A request to delete the connection with this key.
fn delete(family: u8, object: String, fill: impl FnOnce(&mut Writer)) -> Request {
    let mut w = Writer::with_header(&[family, 0, 0, 0]);
    fill(&mut w);
    Request {
        acts_on: OperationKind::Conntrack,
        kind: MESSAGE_DELETE,
        flags: 0,
        body: w.finish(),
        operation: DELETE,
        object,
    }
}

/// The text for errors and gates.
fn object(tuple: &Tuple) -> String {
    format!(
        "{} from {} port {} to {} port {}",
        tuple.protocol, tuple.from, tuple.source_port, tuple.to, tuple.port
    )
}

impl Kernel {
    /// Every connection. A list cut by a concurrent change is still returned: what is missing began
    /// after the change because of which it is read.
    ///
    /// # Errors
    /// EPERM; EPROTONOSUPPORT on a kernel without conntrack.
    pub fn connections(&mut self) -> Result<Vec<Connection>, KernelError> {
        self.list_connections(&[0; 4])
    }

    /// The connections of one IP version, as [`Self::connections`].
    ///
    /// The kernel always walks its whole table of buckets, which takes 13 ms for the 262,144 of a
    /// machine with 24 GB, however few connections there are. [`Self::delete_tuple`] takes 30 µs.
    ///
    /// # Errors
    /// As [`Self::connections`].
    pub fn connections_of(&mut self, version: IpVersion) -> Result<Vec<Connection>, KernelError> {
        self.list_connections(&[version.nfproto(), 0, 0, 0])
    }

    /// How many connections the namespace tracks.
    ///
    /// # Errors
    /// As [`Self::connections`].
    pub fn connection_count(&mut self) -> Result<u32, KernelError> {
        const OPERATION: &str = "count the connections";
        self.note_read(&Operation::new(OperationKind::Conntrack, OPERATION, ""));
        let request = Request {
            acts_on: OperationKind::Conntrack,
            kind: SUBSYSTEM | IPCTNL_MSG_CT_GET_STATS,
            flags: 0,
            body: Ok(vec![0; 4]),
            operation: OPERATION,
            object: String::new(),
        };
        let body = self.netfilter()?.query(&request)?;
        let count = Attrs(body.get(4..).unwrap_or_default()).find(CTA_STATS_GLOBAL_ENTRIES);
        count
            .and_then(be32_of)
            .ok_or_else(|| request.error(EBADMSG, None))
    }

    fn list_connections(&mut self, body: &[u8]) -> Result<Vec<Connection>, KernelError> {
        self.note_read(&Operation::new(OperationKind::Conntrack, LIST, ""));
        let kind = SUBSYSTEM | IPCTNL_MSG_CT_GET;
        let (messages, _whole) = self.netfilter()?.dump_once(kind, body, LIST)?;
        Ok(messages
            .iter()
            .filter_map(|(_, body)| parse(body))
            .collect())
    }

    /// Deletes a connection; false when it has ended meanwhile.
    ///
    /// # Errors
    /// EPERM.
    pub fn delete_connection(&mut self, connection: &Connection) -> Result<bool, KernelError> {
        self.delete(delete(
            connection.family,
            object(&connection.original),
            |w| {
                for (kind, value) in &connection.key {
                    // Tuples contain attributes; the other parts of the key are numbers.
                    match *kind {
                        CTA_TUPLE_ORIG => w.nest(*kind, |w| w.raw(value)),
                        kind => w.attr(kind, value),
                    }
                }
            },
        ))
    }

    /// Deletes every connection that matches one of the filters, each by one of its directions.
    /// Each must have an IPv4 address and no IPv6 address. False when the kernel cannot do that and
    /// nothing may have been deleted: kernels before 6.8, which refuse the incomplete tuple.
    ///
    /// IPv6 is excluded since kernels up to at least 6.18 compare IPv6 addresses the wrong way round
    /// (`ctnetlink_filter_match_tuple`): such a filter deletes all connections but those meant.
    ///
    /// The kernel reads no bucket if the namespace tracks nothing; else it walks the table, in a
    /// fraction of the time that a list takes.
    ///
    /// # Errors
    /// EPERM; EPROTONOSUPPORT on a kernel without conntrack.
    pub fn delete_matching(
        &mut self,
        filters: &[(ConnectionDirection, ConnectionFilter)],
    ) -> Result<bool, KernelError> {
        let addresses = |(_, f): &(ConnectionDirection, ConnectionFilter)| [f.from, f.to];
        if (filters.iter().flat_map(addresses).flatten()).any(|a| a.is_ipv6()) {
            return Ok(false);
        }
        for (direction, filter) in filters {
            let Some(address) = filter.from.or(filter.to) else {
                return Ok(false); // without an address the kernel would delete all
            };
            let request = Request {
                acts_on: OperationKind::Conntrack,
                kind: MESSAGE_DELETE,
                flags: 0,
                body: filter.body_of(*direction),
                operation: DELETE,
                object: address.to_string(),
            };
            match self.delete(request) {
                Ok(_) => {}
                Err(e) if e.is_unsupported() => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Deletes the connection whose original direction is this, in the default zone; false when
    /// there is none. The kernel finds it by its hash: no list is read.
    ///
    /// # Errors
    /// EPERM; EINVAL for a protocol without ports.
    pub fn delete_tuple(&mut self, tuple: &Tuple) -> Result<bool, KernelError> {
        self.delete(delete(family(tuple.from), object(tuple), |w| {
            w.nest(CTA_TUPLE_ORIG, |w| {
                w.nest(CTA_TUPLE_IP, |w| {
                    let first = ip_attribute(tuple.from);
                    w.attr(first, &address_bytes(tuple.from));
                    w.attr(first + 1, &address_bytes(tuple.to));
                });
                w.nest(CTA_TUPLE_PROTO, |w| {
                    w.u8(CTA_PROTO_NUM, tuple.protocol);
                    w.attr(CTA_PROTO_SRC_PORT, &tuple.source_port.to_be_bytes());
                    w.attr(CTA_PROTO_DST_PORT, &tuple.port.to_be_bytes());
                });
            });
        }))
    }

    fn delete(&mut self, request: Request) -> Result<bool, KernelError> {
        let mut netfilter = self.take_netfilter()?;
        let result = self.perform(&request.operation(), || {
            netfilter.submit(&[&request])?.into_iter().collect()
        });
        self.put_netfilter(netfilter);
        match result {
            Err(e) if e.is_not_found() => Ok(false),
            other => other.map(|()| true),
        }
    }
}
