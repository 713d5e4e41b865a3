//! Rulesets: tables with their sets, chains and rules, with no choices left.

use crate::expr::{Expr, Verdict};
use crate::rate::Rate;
use crate::stream::Stream;
use crate::{
    ChainPolicy, ChainType, DataType, Family, Field, Hook, IpVersion, Priority, Value, value,
};

/// Tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ruleset {
    /// The tables; a family has one of each name at most.
    pub tables: Vec<Table>,
}

impl Ruleset {
    /// The first table of a family.
    #[must_use]
    pub fn table(&self, family: Family) -> Option<&Table> {
        self.tables.iter().find(|t| t.family == family)
    }
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Its comment in `nft list`; empty for none.
    pub comment: String,
    /// Its base chains are not entered (NFT_TABLE_F_DORMANT).
    pub dormant: bool,
    /// Sets and maps.
    pub sets: Vec<Set>,
    /// Sets and maps that are written within a rule, as the kernel lists them: they are read, for rules
    /// of others, but neither made nor compared.
    pub anonymous: Vec<Set>,
    /// Chains, in the order in which they must be made.
    pub chains: Vec<Chain>,
    /// Chains of devices with the devices whose packets pass them, as the kernel lists them: they are
    /// read, for rules of other programs, but neither made nor compared.
    pub devices: Vec<(String, String)>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(family: Family, name: impl Into<String>) -> Self {
        Self {
            family,
            name: name.into(),
            comment: String::new(),
            dormant: false,
            sets: Vec::new(),
            anonymous: Vec::new(),
            chains: Vec::new(),
            devices: Vec::new(),
        }
    }

    /// The set of that name.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.iter().find(|s| s.name == name)
    }

    /// The chain of that name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|c| c.name == name)
    }
}

/// A set or a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// The types of the key's fields.
    pub key: Vec<DataType>,
    /// For a map: the types of the value's fields.
    pub value: Option<Vec<DataType>>,
    /// Whether elements may be ranges or prefixes.
    pub interval: bool,
    /// Rules add its elements as packets arrive; they are not read and not compared.
    pub dynamic: bool,
    /// Its elements are removed after a time.
    pub expiring: bool,
    /// The packet fields of its keys, if nft has no type for one of them. nft lists the set by
    /// these; they are not read back and not compared.
    pub made_of: Vec<Field>,
    /// The kernel's flags for properties that this crate does not model (NFT_SET_*): constant
    /// sets and others. Such a set can be read and compared; it cannot be made.
    pub other_flags: u32,
    /// Its elements.
    pub elements: Vec<Element>,
}

impl Set {
    /// An empty set of single values.
    #[must_use]
    pub fn new(name: impl Into<String>, key: &[DataType]) -> Self {
        Self {
            name: name.into(),
            key: key.to_vec(),
            value: None,
            interval: false,
            dynamic: false,
            expiring: false,
            made_of: Vec::new(),
            other_flags: 0,
            elements: Vec::new(),
        }
    }

    /// Whether it has the definition of another one: everything but the elements, and what is not read
    /// back.
    #[must_use]
    pub fn has_definition_of(&self, other: &Self) -> bool {
        let flags = |set: &Self| (set.interval, set.dynamic, set.expiring, set.other_flags);
        let same_types = self.key == other.key && self.value == other.value;
        self.name == other.name && same_types && flags(self) == flags(other)
    }

    /// The same as a map to values of these types.
    #[must_use]
    pub fn map_to(self, value: &[DataType]) -> Self {
        Self {
            value: Some(value.to_vec()),
            ..self
        }
    }

    /// The same, with ranges and prefixes as elements.
    #[must_use]
    pub fn of_intervals(self) -> Self {
        Self {
            interval: true,
            ..self
        }
    }

    /// How its elements are written.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout {
            fields: self.key.len(),
            interval: self.interval,
        }
    }
}

/// The properties of a set that are needed to write its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The number of fields of its key.
    pub fields: usize,
    /// Whether its elements may be ranges.
    pub interval: bool,
}

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// One value for each field of the key.
    pub key: Vec<Value>,
    /// One value for each field of the map's values; empty in a set.
    pub value: Vec<Value>,
    /// Its comment in `nft list`.
    pub comment: Option<String>,
}

impl Element {
    /// An element of a set, without a comment.
    #[must_use]
    pub fn new(key: Vec<Value>) -> Self {
        Self {
            key,
            value: Vec::new(),
            comment: None,
        }
    }

    /// The same element in the form in which the kernel returns it: a range of one value is that
    /// value, a prefix begins at its first address, and a long comment is cut.
    #[must_use]
    pub fn canonical(&self) -> Self {
        Self {
            key: self.key.iter().map(Value::canonical).collect(),
            value: self.value.iter().map(Value::canonical).collect(),
            comment: self.comment.as_deref().map(value::comment).map(Into::into),
        }
    }
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

/// Where a base chain is entered, and its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Its type.
    pub kind: ChainType,
    /// The hook.
    pub hook: Hook,
    /// Its place among the chains of that hook.
    pub priority: Priority,
    /// The verdict for packets that no rule decides.
    pub policy: ChainPolicy,
}

impl Base {
    /// A base chain that accepts packets that no rule decides.
    #[must_use]
    pub fn accepting(kind: ChainType, hook: Hook, priority: Priority) -> Self {
        Self {
            kind,
            hook,
            priority,
            policy: ChainPolicy::Accept,
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// All must hold.
    pub matches: Vec<Match>,
    /// Whether it counts packets.
    pub counter: bool,
    /// The action.
    pub action: Action,
    /// What it is for; empty for no comment.
    pub comment: String,
}

impl Rule {
    /// A rule that does not count.
    #[must_use]
    pub fn new(matches: Vec<Match>, action: impl Into<Action>, comment: &str) -> Self {
        Self {
            matches,
            counter: false,
            action: action.into(),
            comment: comment.to_owned(),
        }
    }

    /// The same rule in the form in which the kernel returns it: prefixes begin at their first
    /// address, and a long comment is cut.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let canonical = |condition: &Match| match condition {
            Match::Is(field, value) => Match::Is(*field, value.truncated()),
            Match::IsNot(field, value) => Match::IsNot(*field, value.truncated()),
            other => other.clone(),
        };
        Self {
            matches: self.matches.iter().map(canonical).collect(),
            comment: value::comment(&self.comment).to_owned(),
            ..self.clone()
        }
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The field has this value.
    Is(Field, Value),
    /// The packet has the field, and it has another value.
    IsNot(Field, Value),
    /// The concatenated fields are in the set.
    In(Vec<Field>, String),
    /// The packet has the fields, and they are not in the set.
    NotIn(Vec<Field>, String),
    /// With the packet's own, there are more connections of the field's value than the limit. They
    /// are counted in elements of a dynamic set, which the kernel adds itself.
    CountOver {
        /// The field whose connections are counted.
        field: Field,
        /// The set.
        set: String,
        /// The limit.
        limit: u32,
    },
    /// More packets of the field's value come than the limit. They are counted in elements of a dynamic
    /// set, which the kernel adds itself and removes some time after the last packet.
    RateOver {
        /// The field whose packets are counted.
        field: Field,
        /// The set.
        set: String,
        /// The limit.
        rate: Rate,
    },
    /// The packet is of this IP version.
    Version(IpVersion),
    /// Its connection has packets in both directions, or is related to one that has.
    Established,
    /// It belongs to no connection.
    Invalid,
    /// It is a packet of this protocol, belongs to no tracked connection, and does not begin one.
    MidStream(Stream),
    /// It is a segment of TCP that ends a connection at once (RST).
    Reset,
    /// Notes the concatenated fields in a dynamic set, for a time. It is false where the set is full.
    Note {
        /// The fields.
        fields: Vec<Field>,
        /// The set.
        set: String,
        /// How long they stay there, in milliseconds.
        millis: u64,
    },
    /// It is a fragment after the first: it has no header of its protocol. Chains that run before
    /// fragments are put together, and all chains of bridges, find other bytes in its place.
    LaterFragment(IpVersion),
    /// Its connection was destination-NATed.
    Dnated,
    /// It answers a destination-NATed connection, whose first packet was for an address in the set.
    AnswersFor(IpVersion, String),
    /// Its destination is an address of the machine.
    ToLocal,
    /// A socket of this machine receives it that is bound to one address or connected (nft writes
    /// `socket wildcard 0`).
    OfSocket,
    /// Its mark has none of these bits.
    Unmarked(u32),
    /// The device group of the link it came in by has this first byte.
    FromGroups(u8),
    /// Expressions without another variant. They may do more than match.
    Expressions(Vec<Expr>),
}

/// The action of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: the packet continues at the next rule.
    Continue,
    /// Ends or leaves the chain.
    Verdict(Verdict),
    /// Sets these bits of the packet's mark; the packet continues at the next rule.
    Mark(u32),
    /// Clears these bits of the packet's mark; the packet continues at the next rule.
    Unmark(u32),
    /// Exempts the packet from connection tracking; it continues at the next rule.
    NoTrack,
    /// Makes the destination of its connection's first packet the packet's source; it continues at the
    /// next rule. A condition before has checked the IP version.
    SourceAsAsked(IpVersion),
    /// Drops with ICMP "administratively prohibited".
    Reject,
    /// Translates the destination to the address in a map.
    Dnat(Dnat),
    /// Translates the source to the address of the outgoing interface.
    Masquerade {
        /// Choose source ports at random.
        random: bool,
    },
}

impl From<Verdict> for Action {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

/// A destination NAT by a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dnat {
    /// The IP version of packets and addresses.
    pub version: IpVersion,
    /// The key.
    pub key: Vec<Field>,
    /// The map's name.
    pub map: String,
    /// Whether the map contains a port, too.
    pub port: bool,
}

impl From<Dnat> for Action {
    fn from(dnat: Dnat) -> Self {
        Self::Dnat(dnat)
    }
}
