//! What a ruleset does with one packet: the rules themselves, carried out as the kernel would. A
//! prediction by these cannot differ from what is loaded, since it is the same value.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::ir::{Act, Chain, Element, Family, Field, Hook, Item, Match, Ruleset, Table};

/// What rules can see of a packet at a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight<'a> {
    /// The interface it came in by: a bridge for frames of its ports, `lo`, empty on output.
    pub iif: &'a str,
    /// That interface's device group.
    pub iif_group: u32,
    /// The group of the interface it leaves by, where that is known.
    pub oif_group: u32,
    /// The frame's source, in the bridge family.
    pub mac: [u8; 6],
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Destination port, of protocols that have ports.
    pub port: Option<u16>,
    /// ICMP or ICMPv6 type.
    pub icmp: Option<u8>,
    /// It belongs to a connection that has seen both ways, or is related to one.
    pub established: bool,
    /// It fits no connection.
    pub invalid: bool,
    /// Its connection was destination-NATed.
    pub dnated: bool,
    /// Its destination is an address of the host.
    pub to_local: bool,
}

/// What became of a packet in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on.
    Accept,
    /// Discarded in silence.
    Drop,
    /// Discarded with an ICMP error.
    Reject,
    /// Goes on to another destination; a port where that changes too.
    Dnat(IpAddr, Option<u16>),
    /// Goes on with the address of the interface it leaves by.
    Masquerade,
}

/// The verdict of a base chain, with the rule that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What was said.
    pub verdict: Verdict,
    /// The chain the deciding rule is in; the base chain itself when no rule decided.
    pub chain: String,
    /// The position of that rule in its chain.
    pub rule: Option<usize>,
    /// The rule's comment.
    pub comment: String,
    /// The comment of the map's element that decided, if one did.
    pub element: Option<String>,
}

/// A table ready to be asked.
#[derive(Debug)]
pub struct Evaluator<'a> {
    table: &'a Table,
    exact: BTreeMap<&'a str, BTreeMap<&'a [Item], &'a Element>>,
}

impl<'a> Evaluator<'a> {
    /// Prepares the table of a family; `None` when the ruleset has none.
    #[must_use]
    pub fn new(rules: &'a Ruleset, family: Family) -> Option<Self> {
        let table = rules.tables.iter().find(|t| t.family == family)?;
        let exact = table
            .sets
            .iter()
            .filter(|s| !s.interval)
            .map(|s| {
                let elements = s.elements.iter().map(|e| (e.key.as_slice(), e)).collect();
                (s.name.as_str(), elements)
            })
            .collect();
        Some(Self { table, exact })
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &'a str {
        &self.table.name
    }

    /// A chain of the table.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&'a Chain> {
        self.table.chains.iter().find(|c| c.name == name)
    }

    /// Every base chain of a hook in the order packets pass them, of the NAT kind or of the other.
    pub fn hooked(&self, hook: Hook, nat: bool) -> Vec<&'a Chain> {
        let mut out: Vec<(i32, &Chain)> = self
            .table
            .chains
            .iter()
            .filter_map(|c| Some((c.base?, c)))
            .filter(|(b, _)| b.hook == hook && b.nat == nat)
            .map(|(b, c)| (b.priority, c))
            .collect();
        out.sort_by_key(|(priority, _)| *priority);
        out.into_iter().map(|(_, chain)| chain).collect()
    }

    /// What a base chain says of a packet.
    #[must_use]
    pub fn ask(&self, chain: &'a Chain, sight: &Sight<'_>) -> Ruling {
        self.within(chain, sight, 0).unwrap_or_else(|| Ruling {
            verdict: Verdict::Accept,
            chain: chain.name.clone(),
            rule: None,
            comment: String::new(),
            element: None,
        })
    }

    /// `None` when the packet comes out at the chain's end, or returns.
    fn within(&self, chain: &'a Chain, sight: &Sight<'_>, depth: usize) -> Option<Ruling> {
        if depth > 16 {
            return None; // NFT_JUMP_STACK_SIZE, linux/netfilter/nf_tables.h
        }
        for (position, rule) in chain.rules.iter().enumerate() {
            if !rule.matches.iter().all(|m| self.holds(m, sight)) {
                continue;
            }
            let (verdict, element) = match &rule.act {
                Act::Accept => (Verdict::Accept, None),
                Act::Drop => (Verdict::Drop, None),
                Act::Reject => (Verdict::Reject, None),
                Act::Return => return None,
                Act::Masquerade { .. } => (Verdict::Masquerade, None),
                Act::Jump(name) => {
                    let target = self.chain(name)?;
                    match self.within(target, sight, depth + 1) {
                        Some(ruling) => return Some(ruling),
                        None => continue,
                    }
                }
                Act::Dnat {
                    version, key, map, ..
                } => {
                    if sight.to.is_ipv4() != (*version == 4) {
                        continue;
                    }
                    let Some(element) = self.lookup(map, key, sight) else {
                        continue; // no such key: the expression breaks off
                    };
                    let Some((address, port)) = target(element) else {
                        continue;
                    };
                    (Verdict::Dnat(address, port), element.comment.clone())
                }
            };
            return Some(Ruling {
                verdict,
                chain: chain.name.clone(),
                rule: Some(position),
                comment: rule.comment.clone(),
                element,
            });
        }
        None
    }

    fn holds(&self, condition: &Match, sight: &Sight<'_>) -> bool {
        match condition {
            Match::Is(field, item) => value(*field, sight).is_some_and(|v| covers(item, &v)),
            Match::IsNot(field, item) => value(*field, sight).is_some_and(|v| !covers(item, &v)),
            Match::In(fields, set) => {
                readable(fields, sight) && self.lookup(set, fields, sight).is_some()
            }
            Match::NotIn(fields, set) => {
                readable(fields, sight) && self.lookup(set, fields, sight).is_none()
            }
            Match::Version(version) => sight.from.is_ipv4() == (*version == 4),
            Match::Established => sight.established,
            Match::Invalid => sight.invalid,
            Match::Dnated => sight.dnated,
            Match::ToLocal => sight.to_local,
        }
    }

    fn lookup(&self, set: &str, fields: &[Field], sight: &Sight<'_>) -> Option<&'a Element> {
        let key: Vec<Item> = fields
            .iter()
            .map(|f| value(*f, sight))
            .collect::<Option<_>>()?;
        if let Some(exact) = self.exact.get(set) {
            return exact.get(key.as_slice()).copied();
        }
        self.table.set(set)?.elements.iter().find(|element| {
            element.key.len() == key.len()
                && element.key.iter().zip(&key).all(|(e, k)| covers(e, k))
        })
    }
}

/// Whether a packet has all these fields; one that has not matches neither a set nor its opposite.
fn readable(fields: &[Field], sight: &Sight<'_>) -> bool {
    fields.iter().all(|f| value(*f, sight).is_some())
}

fn target(element: &Element) -> Option<(IpAddr, Option<u16>)> {
    let address = match element.value.first()? {
        Item::V4(a) => IpAddr::V4(*a),
        Item::V6(a) => IpAddr::V6(*a),
        _ => return None,
    };
    let port = element.value.get(1).and_then(|item| match item {
        Item::Port(port) => Some(*port),
        _ => None,
    });
    Some((address, port))
}

/// What a packet has in a field.
fn value(field: Field, sight: &Sight<'_>) -> Option<Item> {
    let address = |address: IpAddr, v4: bool| match address {
        IpAddr::V4(a) if v4 => Some(Item::V4(a)),
        IpAddr::V6(a) if !v4 => Some(Item::V6(a)),
        _ => None,
    };
    match field {
        Field::IifName => Some(Item::Ifname(sight.iif.to_owned())),
        Field::IifGroup => Some(Item::Group(sight.iif_group)),
        Field::OifGroup => Some(Item::Group(sight.oif_group)),
        Field::OifGroupOrdered => Some(Item::GroupOrdered(sight.oif_group)),
        Field::L4Proto => Some(Item::Proto(sight.protocol)),
        Field::Ip4Saddr => address(sight.from, true),
        Field::Ip4Daddr => address(sight.to, true),
        Field::Ip6Saddr => address(sight.from, false),
        Field::Ip6Daddr => address(sight.to, false),
        Field::Dport => sight.port.map(Item::Port),
        Field::EtherType => Some(Item::EtherType(if sight.from.is_ipv4() {
            0x0800
        } else {
            0x86dd
        })),
        Field::EtherSaddr => Some(Item::Ether(sight.mac)),
        Field::ArpSaddrEther | Field::ArpSaddrIp => None,
        Field::IcmpType => sight.icmp.filter(|_| sight.protocol == 1).map(Item::Byte),
        Field::Icmp6Type => sight.icmp.filter(|_| sight.protocol == 58).map(Item::Byte),
    }
}

/// Whether a rule's or element's item covers a packet's value.
fn covers(item: &Item, value: &Item) -> bool {
    match (item, value) {
        (Item::V4Net(net), Item::V4(a)) => net.contains(a),
        (Item::V6Net(net), Item::V6(a)) => net.contains(a),
        (Item::Ports(first, last), Item::Port(port)) => (first..=last).contains(&port),
        (a, b) => a == b,
    }
}
