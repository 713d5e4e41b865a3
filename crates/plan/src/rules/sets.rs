//! The sets and maps of a project: each has its name, its family and its types here, and nowhere
//! else. Those of policies are named after their line.

use hallway_nftables::{DataType, Element, Family, Field, Set, Value};

pub use super::definition::{ByVersion, Definition};

use super::definition::both;
use crate::observed::Uplink;

use DataType::{
    Bytes4, Bytes6, Bytes16, DevGroup, Ether, IcmpType, Icmpv6Type, IfName, InetProto, Ipv4, Ipv6,
    Service,
};

/// Device groups of networks.
pub static NETWORKS: Definition = Definition::inet("nets", &[DevGroup]);
/// Groups of networks that are not internal.
pub static EGRESS: Definition = Definition::inet("egress", &[DevGroup]);
/// Groups of networks whose nodes reach outside with the host's address.
pub static MASQUERADED: Definition = Definition::inet("masqueraded", &[DevGroup]);
/// Groups of networks whose nodes represent the outside.
pub static OUTSIDES: Definition = Definition::inet("outsides", &[DevGroup]);
/// Pairs of groups between which everything may pass: a network and itself.
pub static INTRA: Definition = Definition::inet("intra", &[DevGroup, DevGroup]);
static PREFIXES4: Definition = Definition::inet("net4", &[Ipv4]).of_intervals();
static PREFIXES6: Definition = Definition::inet("net6", &[Ipv6]).of_intervals();
static HIDDEN4: Definition = Definition::inet("hidden4", &[Ipv4]).of_intervals();
static HIDDEN6: Definition = Definition::inet("hidden6", &[Ipv6]).of_intervals();
static SOURCES4: Definition = Definition::inet("ep4", &[IfName, Ipv4]);
static SOURCES6: Definition = Definition::inet("ep6", &[IfName, Ipv6]);
static ROUTED4: Definition = Definition::inet("routed4", &[IfName, Ipv4]).of_intervals();
static ROUTED6: Definition = Definition::inet("routed6", &[IfName, Ipv6]).of_intervals();
static HAIRPIN4: Definition = Definition::inet("hair4", &[DevGroup, Ipv4]).of_intervals();
static HAIRPIN6: Definition = Definition::inet("hair6", &[DevGroup, Ipv6]).of_intervals();
static KEPT4: Definition = Definition::inet("kept4", &[Ipv4]).of_intervals();
static KEPT6: Definition = Definition::inet("kept6", &[Ipv6]).of_intervals();
static SECOND4: Definition = Definition::inet("second4", &[Ipv4]);
static SECOND6: Definition = Definition::inet("second6", &[Ipv6]);
static SHARED4: Definition = Definition::inet("shared4", &[Ipv4, Ipv4]).of_intervals();
static SHARED6: Definition = Definition::inet("shared6", &[Ipv6, Ipv6]).of_intervals();
static PORTS4: Definition = Definition::inet("pub4", &[InetProto, Service]).to(&[Ipv4, Service]);
static PORTS6: Definition = Definition::inet("pub6", &[InetProto, Service]).to(&[Ipv6, Service]);
static PORTS_AT4: Definition =
    Definition::inet("pubip4", &[Ipv4, InetProto, Service]).to(&[Ipv4, Service]);
static PORTS_AT6: Definition =
    Definition::inet("pubip6", &[Ipv6, InetProto, Service]).to(&[Ipv6, Service]);
static PORT_RANGES4: Definition = Definition::inet("pubr4", &[InetProto, Service])
    .to(&[Ipv4])
    .of_intervals();
static PORT_RANGES6: Definition = Definition::inet("pubr6", &[InetProto, Service])
    .to(&[Ipv6])
    .of_intervals();
static PORT_RANGES_AT4: Definition = Definition::inet("pubipr4", &[Ipv4, InetProto, Service])
    .to(&[Ipv4])
    .of_intervals();
static PORT_RANGES_AT6: Definition = Definition::inet("pubipr6", &[Ipv6, InetProto, Service])
    .to(&[Ipv6])
    .of_intervals();
static TARGETS4: Definition = Definition::inet("dst4", &[Ipv4, InetProto, Service]);
static TARGETS6: Definition = Definition::inet("dst6", &[Ipv6, InetProto, Service]);
static TARGET_RANGES4: Definition =
    Definition::inet("dstr4", &[Ipv4, InetProto, Service]).of_intervals();
static TARGET_RANGES6: Definition =
    Definition::inet("dstr6", &[Ipv6, InetProto, Service]).of_intervals();
static FORWARDING4: Definition = Definition::inet("forwarding4", &[IfName]);
static FORWARDING6: Definition = Definition::inet("forwarding6", &[IfName]);
/// Pairs of a bridge with itself, for those on which forwarding was turned on.
pub static BRIDGED: Definition = Definition::inet("bridged", &[IfName, IfName]);
static ASKED4: Definition = Definition::inet("asked4", &[Ipv4]);
static ASKED6: Definition = Definition::inet("asked6", &[Ipv6]);
static NEAR4: Definition = Definition::inet("near4", &[Ipv4]).of_intervals();
static NEAR6: Definition = Definition::inet("near6", &[Ipv6]).of_intervals();
static COUNTED4: Definition = Definition::inet("counted4", &[Ipv4]).dynamic();
static COUNTED6: Definition = Definition::inet("counted6", &[Ipv6]).dynamic();
static OPENED4: Definition = Definition::inet("counted_new4", &[Ipv4])
    .dynamic()
    .expiring();
static OPENED6: Definition = Definition::inet("counted_new6", &[Ipv6])
    .dynamic()
    .expiring();
static HALVES4: Definition = Definition::inet("halves4", &[Ipv4]);
static HALVES6: Definition = Definition::inet("halves6", &[Ipv6]);
static QUARTERS4: Definition = Definition::inet("quarters4", &[Ipv4]);
static QUARTERS6: Definition = Definition::inet("quarters6", &[Ipv6]);
static EIGHTHS4: Definition = Definition::inet("eighths4", &[Ipv4]);
static EIGHTHS6: Definition = Definition::inet("eighths6", &[Ipv6]);
static ENDED4: Definition = Definition::inet("ended4", &[Ipv4, Ipv4, Service, Service])
    .dynamic()
    .expiring();
static ENDED6: Definition = Definition::inet("ended6", &[Ipv6, Ipv6, Service, Service])
    .dynamic()
    .expiring();
/// MAC addresses of routers that masquerade, on bridges.
pub static ROUTER_MACS: Definition = Definition::inet("router_mac", &[Ether]);
/// Links of routed networks whose nodes are not routers.
pub static ROUTED_PORTS: Definition = Definition::inet("routed_ports", &[IfName]);
/// Links by which router advertisements may come in, by their names in the inet hooks.
pub static ADVERTISED: Definition = Definition::inet("advertised", &[IfName]);
/// Types of ICMP errors.
pub static ERRORS: Definition = Definition::inet("icmp_errors", &[IcmpType]);
/// Types of ICMPv6 errors.
pub static ERRORS6: Definition = Definition::inet("icmp6_errors", &[Icmpv6Type]).of_intervals();
/// Types of neighbour discovery.
pub static DISCOVERY: Definition = Definition::inet("nd_types", &[Icmpv6Type]);
/// Types of messages about multicast listeners.
pub static LISTENERS: Definition = Definition::inet("mld_types", &[Icmpv6Type]);
static QUOTED4: Definition =
    Definition::inet("quoted4", &[IfName, Bytes4]).made_of(&[Field::IifName, Field::QuotedDaddr4]);
static QUOTED6: Definition =
    Definition::inet("quoted6", &[IfName, Bytes16]).made_of(&[Field::IifName, Field::QuotedDaddr6]);
/// Broadcast addresses of networks.
pub static BROADCASTS: Definition = Definition::bridge("broadcast4", &[Ipv4]);
/// Ports of nodes that forward.
pub static TRANSIT: Definition = Definition::bridge("transit", &[IfName]);
/// Ports of nodes that may be DHCP servers.
pub static DHCP_SERVERS: Definition = Definition::bridge("dhcp_servers", &[IfName]);
/// Ports of nodes that may send router advertisements.
pub static ADVERTISERS: Definition = Definition::bridge("advertisers", &[IfName]);
/// Types of ICMPv6 that a node without an address sends.
pub static WITHOUT_ADDRESS: Definition = Definition::bridge("without_address", &[Icmpv6Type]);
/// The same of a node on a routed network, whose port has no chain of its own for neighbour discovery.
pub static WITHOUT_ADDRESS_ROUTED: Definition = Definition::inet("without_address", &[Icmpv6Type]);
/// [`ERRORS`] of the bridge table.
pub static PORT_ERRORS: Definition = Definition::bridge("icmp_errors", &[IcmpType]);
/// [`ERRORS6`] of the bridge table.
pub static PORT_ERRORS6: Definition =
    Definition::bridge("icmp6_errors", &[Icmpv6Type]).of_intervals();
/// Addresses that a node may use in neighbour discovery, by port.
pub static ND_TARGETS: Definition =
    Definition::bridge("nd_target", &[IfName, Bytes16]).made_of(&[Field::IifName, Field::NdTarget]);
/// The MAC address a node may use in neighbour discovery, by port.
pub static ND_MACS: Definition =
    Definition::bridge("nd_mac", &[IfName, Bytes6]).made_of(&[Field::IifName, Field::NdOptionMac]);
static PORT_QUOTED4: Definition = Definition::bridge("quoted4", &[IfName, Bytes4])
    .made_of(&[Field::IifName, Field::QuotedDaddr4]);
static PORT_QUOTED6: Definition = Definition::bridge("quoted6", &[IfName, Bytes16])
    .made_of(&[Field::IifName, Field::QuotedDaddr6]);
/// Ports of bridges that belong to nodes.
pub static BRIDGE_PORTS: Definition = Definition::bridge("ports", &[IfName]);
/// The MAC address a node may send from, by port.
pub static PORT_MACS: Definition = Definition::bridge("port_mac", &[IfName, Ether]);
static PORT_ADDRESSES4: Definition = Definition::bridge("port_ip4", &[IfName, Ipv4]);
static PORT_ADDRESSES6: Definition = Definition::bridge("port_ip6", &[IfName, Ipv6]);
static PORT_ROUTED4: Definition =
    Definition::bridge("port_routed4", &[IfName, Ipv4]).of_intervals();
static PORT_ROUTED6: Definition =
    Definition::bridge("port_routed6", &[IfName, Ipv6]).of_intervals();
/// IPv4 prefixes besides its own addresses that a node may answer for in ARP, by port.
pub static PORT_CLAIMS4: Definition =
    Definition::bridge("port_claims4", &[IfName, Ipv4]).of_intervals();
/// The same for IPv6 in neighbour discovery.
pub static PORT_CLAIMS6: Definition = Definition::bridge("port_claims6", &[IfName, Bytes16])
    .made_of(&[Field::IifName, Field::NdTarget])
    .of_intervals();

/// Prefixes of networks.
pub static PREFIXES: ByVersion = both(&PREFIXES4, &PREFIXES6);
/// Prefixes that outside reaches by published ports only.
pub static HIDDEN: ByVersion = both(&HIDDEN4, &HIDDEN6);
/// Source addresses, by the interface they may come in by.
pub static SOURCES: ByVersion = both(&SOURCES4, &SOURCES6);
/// Prefixes behind routers, and those that the file lets a node send from, by the interface they may
/// come in by.
pub static ROUTED: ByVersion = both(&ROUTED4, &ROUTED6);
/// The same by port.
pub static PORT_ROUTED: ByVersion = both(&PORT_ROUTED4, &PORT_ROUTED6);
/// Groups of networks with their prefixes: a connection from one to itself by a published port.
pub static HAIRPIN: ByVersion = both(&HAIRPIN4, &HAIRPIN6);
/// Addresses of nodes, each with the prefixes of the other networks that its node is on.
pub static SHARED: ByVersion = both(&SHARED4, &SHARED6);
/// Prefixes of internal networks and of `outside` ones: no packet from there leaves the host, whatever way
/// it takes.
pub static KEPT: ByVersion = both(&KEPT4, &KEPT6);
/// Addresses of nodes on networks other than the one by which their default route leads: a UDP socket
/// for any address answers a distant client from the address of that one.
pub static SECOND: ByVersion = both(&SECOND4, &SECOND6);
/// Published ports: protocol and port to address and port.
pub static PORTS: ByVersion = both(&PORTS4, &PORTS6);
/// The same at one address of the host.
pub static PORTS_AT: ByVersion = both(&PORTS_AT4, &PORTS_AT6);
/// Published ranges whose node ports are the same: to an address.
pub static PORT_RANGES: ByVersion = both(&PORT_RANGES4, &PORT_RANGES6);
/// The same at one address of the host.
pub static PORT_RANGES_AT: ByVersion = both(&PORT_RANGES_AT4, &PORT_RANGES_AT6);
/// Where published ports lead to.
pub static TARGETS: ByVersion = both(&TARGETS4, &TARGETS6);
/// Where published ranges lead to.
pub static TARGET_RANGES: ByVersion = both(&TARGET_RANGES4, &TARGET_RANGES6);
/// Links on which forwarding was turned on, to be turned off again.
pub static FORWARDING: ByVersion = both(&FORWARDING4, &FORWARDING6);
/// Addresses of the host from which its packets have routes of their own.
pub static ASKED: ByVersion = both(&ASKED4, &ASKED6);
/// Where answers from these addresses go by the same routes as any others.
pub static NEAR: ByVersion = both(&NEAR4, &NEAR6);
/// Connections by the address that began them.
pub static COUNTED: ByVersion = both(&COUNTED4, &COUNTED6);
/// Connections of TCP by the address that began them, to count how fast it opens them.
pub static OPENED: ByVersion = both(&OPENED4, &OPENED6);
/// Addresses that have a part of their node's share only, since the node has several: with the number
/// of parts.
pub static PARTS: [(u32, ByVersion); 3] = [
    (2, both(&HALVES4, &HALVES6)),
    (4, both(&QUARTERS4, &QUARTERS6)),
    (8, both(&EIGHTHS4, &EIGHTHS6)),
];
/// Connections that a RST has ended: from whom to whom it was.
pub static ENDED: ByVersion = both(&ENDED4, &ENDED6);
/// The destinations of packets that a node of a routed network may send ICMP errors about.
pub static QUOTED: ByVersion = both(&QUOTED4, &QUOTED6);
/// The same by the port of a bridge.
pub static PORT_QUOTED: ByVersion = both(&PORT_QUOTED4, &PORT_QUOTED6);
/// The addresses a node may send from, by port.
pub static PORT_ADDRESSES: ByVersion = both(&PORT_ADDRESSES4, &PORT_ADDRESSES6);

/// Maps of published ports, which are emptied before links are removed.
pub static PUBLISHED: [&Definition; 8] = [
    &PORTS4,
    &PORTS6,
    &PORTS_AT4,
    &PORTS_AT6,
    &PORT_RANGES4,
    &PORT_RANGES6,
    &PORT_RANGES_AT4,
    &PORT_RANGES_AT6,
];

/// Every set, in the order in which they are made.
pub static ALL: [&Definition; 81] = [
    &NETWORKS,
    &EGRESS,
    &MASQUERADED,
    &OUTSIDES,
    &INTRA,
    &PREFIXES4,
    &PREFIXES6,
    &HIDDEN4,
    &HIDDEN6,
    &SOURCES4,
    &SOURCES6,
    &ROUTED4,
    &ROUTED6,
    &HAIRPIN4,
    &HAIRPIN6,
    &KEPT4,
    &KEPT6,
    &SECOND4,
    &SECOND6,
    &SHARED4,
    &SHARED6,
    &PORTS4,
    &PORTS6,
    &PORTS_AT4,
    &PORTS_AT6,
    &PORT_RANGES4,
    &PORT_RANGES6,
    &PORT_RANGES_AT4,
    &PORT_RANGES_AT6,
    &TARGETS4,
    &TARGETS6,
    &TARGET_RANGES4,
    &TARGET_RANGES6,
    &FORWARDING4,
    &FORWARDING6,
    &BRIDGED,
    &ASKED4,
    &ASKED6,
    &NEAR4,
    &NEAR6,
    &COUNTED4,
    &COUNTED6,
    &OPENED4,
    &OPENED6,
    &HALVES4,
    &HALVES6,
    &QUARTERS4,
    &QUARTERS6,
    &EIGHTHS4,
    &EIGHTHS6,
    &ENDED4,
    &ENDED6,
    &ROUTER_MACS,
    &ROUTED_PORTS,
    &ADVERTISED,
    &ERRORS,
    &ERRORS6,
    &DISCOVERY,
    &LISTENERS,
    &WITHOUT_ADDRESS_ROUTED,
    &QUOTED4,
    &QUOTED6,
    &BRIDGE_PORTS,
    &PORT_MACS,
    &PORT_ADDRESSES4,
    &PORT_ADDRESSES6,
    &BROADCASTS,
    &TRANSIT,
    &DHCP_SERVERS,
    &ADVERTISERS,
    &WITHOUT_ADDRESS,
    &PORT_ERRORS,
    &PORT_ERRORS6,
    &ND_TARGETS,
    &ND_MACS,
    &PORT_QUOTED4,
    &PORT_QUOTED6,
    &PORT_ROUTED4,
    &PORT_ROUTED6,
    &PORT_CLAIMS4,
    &PORT_CLAIMS6,
];

/// The element of [`FORWARDING`] for an uplink.
#[must_use]
pub fn forwarding(uplink: &Uplink) -> Element {
    Element::new(vec![Value::Ifname(uplink.link.clone())])
}

/// The element of [`BRIDGED`] for a bridge.
#[must_use]
pub fn bridged(bridge: &str) -> Element {
    let name = || Value::Ifname(bridge.to_owned());
    Element::new(vec![name(), name()])
}

/// The empty sets of one of the project's tables.
#[must_use]
pub fn of(family: Family) -> Vec<Set> {
    let mine = ALL.iter().filter(|definition| definition.family == family);
    mine.map(|definition| definition.empty()).collect()
}
