//! The vocabulary of rules: nf_tables' own notions, with nothing left to choose.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// The tables of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruleset {
    /// The inet table, then the bridge table.
    pub tables: Vec<Table>,
}

/// Which hooks a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// Frames on bridge ports.
    Bridge,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Sets and maps.
    pub sets: Vec<Set>,
    /// Chains, in the order they must be made.
    pub chains: Vec<Chain>,
}

/// One field of a key: what is compared, and so its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // named as nft names them
pub enum Field {
    IifName,
    IifGroup,
    OifGroup,
    /// In the network's byte order, as keys of ranges must be.
    OifGroupOrdered,
    L4Proto,
    Ip4Saddr,
    Ip4Daddr,
    Ip6Saddr,
    Ip6Daddr,
    /// Destination port of tcp and udp.
    Dport,
    EtherType,
    EtherSaddr,
    ArpSaddrEther,
    ArpSaddrIp,
    Icmp6Type,
    IcmpType,
}

/// A value of one field, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Item {
    Ifname(String),
    Group(u32),
    /// A device group in the network's byte order.
    GroupOrdered(u32),
    Proto(u8),
    Port(u16),
    Ports(u16, u16),
    V4(Ipv4Addr),
    V4Net(Ipv4Net),
    V6(Ipv6Addr),
    V6Net(Ipv6Net),
    Ether([u8; 6]),
    EtherType(u16),
    Byte(u8),
}

/// A set or a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// The key's fields.
    pub key: Vec<Field>,
    /// For a map: the fields of the value.
    pub value: Option<Vec<Field>>,
    /// Whether elements may be ranges or prefixes.
    pub interval: bool,
    /// Its elements.
    pub elements: Vec<Element>,
}

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// One item per field of the key.
    pub key: Vec<Item>,
    /// One item per field of the value; empty in a set.
    pub value: Vec<Item>,
    /// Where it comes from.
    pub comment: Option<String>,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where packets enter it; `None` for one that is only jumped to.
    pub base: Option<Base>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// A hook with its priority; the policy is always accept: hallway speaks only for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// `nat`, as opposed to `filter`.
    pub nat: bool,
    /// The hook.
    pub hook: Hook,
    /// Lower comes first (linux/netfilter_ipv4.h).
    pub priority: i32,
}

/// Netfilter hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// All must hold.
    pub matches: Vec<Match>,
    /// Whether it counts packets.
    pub counter: bool,
    /// What is done.
    pub act: Act,
    /// What it is for, and which line of the file it comes from.
    pub comment: String,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The field has (or has not) this value.
    Is(Field, Item),
    /// The field has not this value.
    IsNot(Field, Item),
    /// The concatenated fields are in the set.
    In(Vec<Field>, String),
    /// They are not.
    NotIn(Vec<Field>, String),
    /// The packet is IPv4, or IPv6.
    Version(u8),
    /// Established or related.
    Established,
    /// Invalid.
    Invalid,
    /// Its connection was destination-NATed.
    Dnated,
    /// Its destination is an address of the host.
    ToLocal,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Let pass (this table's say).
    Accept,
    /// Discard.
    Drop,
    /// Back to the calling chain.
    Return,
    /// Go through another chain.
    Jump(String),
    /// Refuse with ICMP "administratively prohibited".
    Reject,
    /// DNAT to what the map says of the fields. `port` tells whether the map gives a port.
    Dnat {
        /// 4 or 6.
        version: u8,
        /// The key.
        key: Vec<Field>,
        /// The map.
        map: String,
        /// Whether the map's value has a port.
        port: bool,
    },
    /// Source NAT to the address of the outgoing interface.
    Masquerade {
        /// Choose source ports at random.
        random: bool,
    },
}

impl Table {
    /// The set of that name.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.iter().find(|s| s.name == name)
    }
}
