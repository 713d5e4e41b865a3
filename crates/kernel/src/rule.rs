//! Routing policy rules (`ip rule`; linux/fib_rules.h): which table a packet's route is looked up
//! in.

use hallway_nftables::IpVersion;
use ipnet::IpNet;

use crate::gate::OperationKind;
use crate::request::{NLM_F_CREATE, NLM_F_EXCL, Request};
use crate::wire::{AttributeTooLong, Attrs, Writer, address_bytes, address_of, string_of, u32_of};
use crate::{Kernel, KernelError};

pub(crate) const RTM_NEWRULE: u16 = 32;
pub(crate) const RTM_DELRULE: u16 = 33;
const RTM_GETRULE: u16 = 34;

const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_GOTO: u16 = 4;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_SUPPRESS_IFGROUP: u16 = 13;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FRA_OIFNAME: u16 = 17;
const FRA_L3MDEV: u16 = 19;
const FRA_PROTOCOL: u16 = 21;
const FRA_IP_PROTO: u16 = 22;
const FRA_SPORT_RANGE: u16 = 23;
const FRA_DPORT_RANGE: u16 = 24;
/// FRA_FLOW, FRA_TUN_ID, FRA_UID_RANGE, FRA_DSCP, FRA_FLOWLABEL.
const OTHERS: [u16; 5] = [11, 12, 20, 25, 26];
const FIB_RULE_INVERT: u32 = 2;

/// What a rule does with a packet that it matches (FR_ACT_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleAction {
    /// Looks the route up in this table.
    Table(u32),
    /// Continues at the rule with this priority.
    Goto(u32),
    /// Nothing; the next rule is tried.
    Nothing,
    /// Drops it without an answer.
    Blackhole,
    /// Drops it, and answers that the destination is unreachable.
    Unreachable,
    /// Drops it, and answers that it is not allowed.
    Prohibit,
    /// Another number, without a name in this version.
    Other(u8),
}

/// A routing policy rule, to be added or in the form of the kernel's messages. All given conditions
/// must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingRule {
    /// IP version.
    pub version: IpVersion,
    /// Lower is tried first.
    pub priority: u32,
    /// Source addresses.
    pub from: Option<IpNet>,
    /// Destination addresses.
    pub to: Option<IpNet>,
    /// The interface it came in by.
    pub iif: Option<String>,
    /// The interface it must leave by.
    pub oif: Option<String>,
    /// Packet mark: value and mask.
    pub mark: Option<(u32, u32)>,
    /// Packets that pass a VRF, whose table is looked up; never set in a rule to be added.
    pub l3mdev: bool,
    /// IP protocol; never set in a rule to be added.
    pub ip_protocol: Option<u8>,
    /// The first and the last source port; never set in a rule to be added.
    pub source_ports: Option<(u16, u16)>,
    /// The same of the destination.
    pub ports: Option<(u16, u16)>,
    /// It applies to packets that do not match.
    pub not: bool,
    /// What it does.
    pub action: RuleAction,
    /// Routes with prefixes of this length or shorter are ignored.
    pub suppress_prefix_length: Option<u32>,
    /// Who added it (RTPROT_*).
    pub protocol: u8,
    /// It has conditions that are not among these; never set in a rule to be added.
    pub has_others: bool,
}

impl RoutingRule {
    /// A rule that sends every packet of an IP version to a table.
    #[must_use]
    pub fn to_table(version: IpVersion, priority: u32, table: u32) -> Self {
        Self {
            version,
            priority,
            from: None,
            to: None,
            iif: None,
            oif: None,
            mark: None,
            l3mdev: false,
            ip_protocol: None,
            source_ports: None,
            ports: None,
            not: false,
            action: RuleAction::Table(table),
            suppress_prefix_length: None,
            protocol: 0,
            has_others: false,
        }
    }

    /// Whether it applies to every packet.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        let nets = self.from.is_none() && self.to.is_none();
        let links = self.iif.is_none() && self.oif.is_none();
        let given = self.mark.is_some() || self.suppress_prefix_length.is_some();
        nets && links
            && !given
            && !self.not
            && !self.l3mdev
            && !self.is_by_service()
            && !self.has_others
    }

    /// Whether it is about some protocols or ports.
    #[must_use]
    pub fn is_by_service(&self) -> bool {
        self.ip_protocol.is_some() || self.source_ports.is_some() || self.ports.is_some()
    }

    fn object(&self) -> String {
        let version = match self.version {
            IpVersion::V4 => 4,
            IpVersion::V6 => 6,
        };
        format!("{} of IPv{version}", self.priority)
    }

    /// struct fib_rule_hdr and its attributes.
    fn body(&self) -> Result<Vec<u8>, AttributeTooLong> {
        let (action, table) = match self.action {
            RuleAction::Table(table) => (1, table),
            RuleAction::Goto(_) => (2, 0),
            RuleAction::Nothing => (3, 0),
            RuleAction::Blackhole => (6, 0),
            RuleAction::Unreachable => (7, 0),
            RuleAction::Prohibit => (8, 0),
            RuleAction::Other(number) => (number, 0),
        };
        let mut head = [0_u8; 12];
        head[0] = self.version.nfproto(); // the same number as AF_INET or AF_INET6
        head[1] = self.to.map_or(0, |net| net.prefix_len());
        head[2] = self.from.map_or(0, |net| net.prefix_len());
        // A table beyond 255 is in FRA_TABLE alone.
        head[4] = u8::try_from(table).unwrap_or(0);
        head[7] = action;
        let flags = if self.not { FIB_RULE_INVERT } else { 0 };
        head[8..12].copy_from_slice(&flags.to_ne_bytes());
        let mut w = Writer::with_header(&head);
        w.u32(FRA_PRIORITY, self.priority);
        for (kind, net) in [(FRA_SRC, self.from), (FRA_DST, self.to)] {
            if let Some(net) = net {
                w.attr(kind, &address_bytes(net.network()));
            }
        }
        for (kind, name) in [(FRA_IIFNAME, &self.iif), (FRA_OIFNAME, &self.oif)] {
            if let Some(name) = name {
                w.str(kind, name);
            }
        }
        if let Some((value, mask)) = self.mark {
            w.u32(FRA_FWMARK, value);
            w.u32(FRA_FWMASK, mask);
        }
        match self.action {
            RuleAction::Table(table) => w.u32(FRA_TABLE, table),
            RuleAction::Goto(priority) => w.u32(FRA_GOTO, priority),
            _ => {}
        }
        if let Some(length) = self.suppress_prefix_length {
            w.u32(FRA_SUPPRESS_PREFIXLEN, length);
        }
        if self.protocol != 0 {
            w.u8(FRA_PROTOCOL, self.protocol);
        }
        w.finish()
    }
}

/// Adds a rule.
///
/// The kernel answers EEXIST if there is already one with the same priority and conditions.
#[must_use]
pub fn add_rule(rule: &RoutingRule) -> Request {
    Request {
        acts_on: OperationKind::Rule,
        kind: RTM_NEWRULE,
        flags: NLM_F_CREATE | NLM_F_EXCL,
        body: rule.body(),
        operation: "add the routing rule",
        object: rule.object(),
    }
}

/// Removes the first rule that has all properties of `rule`.
#[must_use]
pub fn delete_rule(rule: &RoutingRule) -> Request {
    Request {
        acts_on: OperationKind::Rule,
        kind: RTM_DELRULE,
        flags: 0,
        body: rule.body(),
        operation: "remove the routing rule",
        object: rule.object(),
    }
}

/// Reads RTM_NEWRULE or RTM_DELRULE.
pub(crate) fn parse(body: &[u8]) -> Option<RoutingRule> {
    // None: a rule of multicast routing.
    let version = IpVersion::of_nfproto(*body.first()?)?;
    let attrs = Attrs(body.get(12..)?);
    let number = |kind| attrs.find(kind).and_then(u32_of);
    let net = |kind, length: usize| {
        let address = attrs.find(kind).and_then(address_of)?;
        IpNet::new(address, *body.get(length)?).ok()
    };
    Some(RoutingRule {
        version,
        priority: number(FRA_PRIORITY).unwrap_or_default(),
        from: net(FRA_SRC, 2),
        to: net(FRA_DST, 1),
        iif: attrs.find(FRA_IIFNAME).map(string_of),
        oif: attrs.find(FRA_OIFNAME).map(string_of),
        l3mdev: attrs
            .find(FRA_L3MDEV)
            .is_some_and(|v| v.first() == Some(&1)),
        ip_protocol: attrs.find(FRA_IP_PROTO).and_then(|v| v.first().copied()),
        source_ports: attrs.find(FRA_SPORT_RANGE).and_then(ports),
        ports: attrs.find(FRA_DPORT_RANGE).and_then(ports),
        mark: number(FRA_FWMARK).map(|value| (value, number(FRA_FWMASK).unwrap_or(u32::MAX))),
        not: u32_of(body.get(8..)?)? & FIB_RULE_INVERT != 0,
        action: match *body.get(7)? {
            1 => RuleAction::Table(number(FRA_TABLE).unwrap_or(u32::from(*body.get(4)?))),
            2 => RuleAction::Goto(number(FRA_GOTO).unwrap_or_default()),
            3 => RuleAction::Nothing,
            6 => RuleAction::Blackhole,
            7 => RuleAction::Unreachable,
            8 => RuleAction::Prohibit,
            other => RuleAction::Other(other),
        },
        // -1 (all ones) if none is set.
        suppress_prefix_length: number(FRA_SUPPRESS_PREFIXLEN).filter(|n| *n != u32::MAX),
        protocol: attrs
            .find(FRA_PROTOCOL)
            .and_then(|v| v.first().copied())
            .unwrap_or_default(),
        has_others: body.get(3) != Some(&0)
            || OTHERS.iter().any(|kind| attrs.find(*kind).is_some())
            || number(FRA_SUPPRESS_IFGROUP).is_some_and(|group| group != u32::MAX),
    })
}

/// struct fib_rule_port_range.
fn ports(range: &[u8]) -> Option<(u16, u16)> {
    let number = |at: usize| Some(u16::from_ne_bytes(*range.get(at..)?.first_chunk()?));
    Some((number(0)?, number(2)?))
}

impl Kernel {
    /// Every routing policy rule of the namespace, of both IP versions.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read; EOPNOTSUPP on a kernel without them.
    pub fn routing_rules(&mut self) -> Result<Vec<RoutingRule>, KernelError> {
        self.list_objects(
            OperationKind::Rule,
            "list the routing rules",
            RTM_GETRULE,
            &[0; 12],
            parse,
        )
    }
}
