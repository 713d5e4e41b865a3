//! Rules → nf_tables transactions.

use std::net::IpAddr;

use hallway_nftables::Family;
use hallway_nftables::expr::{CtKey, Expr, Meta, PayloadBase, Reg, Verdict};
use hallway_nftables::key::{Key, KeyType};
use hallway_nftables::transaction::{Base, ChainSpec, Element, Hook, SetSpec, Transaction};
use hallway_plan::rules::delta::Change;
use hallway_plan::rules::ir::{self, Act, Field, Item, Match};
use ipnet::IpNet;

const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const IPPROTO_ICMP: u8 = 1;
const IPPROTO_ICMPV6: u8 = 58;
/// enum ip_conntrack_info as bits (NF_CT_STATE_BIT).
const STATE_INVALID: u32 = 1;
const STATE_ESTABLISHED_RELATED: u32 = 2 | 4;
/// IPS_DST_NAT.
const STATUS_DNAT: u32 = 1 << 5;
const RTN_LOCAL: u32 = 2;

pub(crate) fn family(family: ir::Family) -> Family {
    match family {
        ir::Family::Inet => Family::Inet,
        ir::Family::Bridge => Family::Bridge,
    }
}

/// A transaction that leaves exactly these tables, whatever was there under their names.
pub(crate) fn replace(rules: &ir::Ruleset, comment: &str) -> Transaction {
    let mut out = Transaction::new();
    for table in &rules.tables {
        let family = family(table.family);
        // Deleting what is not there would fail the transaction; adding first makes it be there.
        out.add_table(family, &table.name, comment);
        out.delete_table(family, &table.name);
        out.add_table(family, &table.name, comment);
        for set in &table.sets {
            let key: Vec<KeyType> = set.key.iter().map(|f| key_type(*f)).collect();
            let value: Option<Vec<KeyType>> = set
                .value
                .as_ref()
                .map(|v| v.iter().map(|f| key_type(*f)).collect());
            out.add_set(
                family,
                &table.name,
                &SetSpec {
                    name: &set.name,
                    key: &key,
                    value: value.as_deref(),
                    interval: set.interval,
                },
            );
        }
        for chain in &table.chains {
            out.add_chain(
                family,
                &table.name,
                &ChainSpec {
                    name: &chain.name,
                    base: chain.base.as_ref().map(base),
                },
            );
        }
        for set in &table.sets {
            let elements = elements(&set.elements, Shape::of(set.key.len(), set.interval));
            out.add_elements(family, &table.name, &set.name, &elements);
        }
        for chain in &table.chains {
            for rule in &chain.rules {
                let exprs = rule_exprs(rule, table.family);
                out.add_rule(family, (&table.name, &chain.name), &exprs, &rule.comment);
            }
        }
    }
    out
}

/// A transaction that changes elements only.
pub(crate) fn change(table: &str, changes: &[Change]) -> Transaction {
    let mut out = Transaction::new();
    for change in changes {
        let family = family(change.family);
        let shape = Shape::of(change.fields, change.interval);
        out.delete_elements(family, table, &change.set, &elements(&change.remove, shape));
        out.add_elements(family, table, &change.set, &elements(&change.add, shape));
    }
    out
}

fn base(base: &ir::Base) -> Base {
    let hook = match base.hook {
        ir::Hook::Prerouting => Hook::Prerouting,
        ir::Hook::Input => Hook::Input,
        ir::Hook::Forward => Hook::Forward,
        ir::Hook::Output => Hook::Output,
        ir::Hook::Postrouting => Hook::Postrouting,
    };
    Base {
        nat: base.nat,
        hook,
        priority: base.priority,
    }
}

fn key_type(field: Field) -> KeyType {
    match field {
        Field::IifName => KeyType::Ifname,
        Field::IifGroup | Field::OifGroup | Field::OifGroupOrdered => KeyType::DevGroup,
        Field::L4Proto | Field::Icmp6Type | Field::IcmpType => KeyType::InetProto,
        Field::Ip4Saddr | Field::Ip4Daddr | Field::ArpSaddrIp => KeyType::Ipv4,
        Field::Ip6Saddr | Field::Ip6Daddr => KeyType::Ipv6,
        Field::Dport | Field::EtherType => KeyType::InetService,
        Field::EtherSaddr | Field::ArpSaddrEther => KeyType::EtherAddr,
    }
}

/// How the elements of a set are written.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Fields are padded.
    joined: bool,
    /// One field with intervals: each element is a pair of a start and an end.
    pairs: bool,
    /// Several fields with intervals: each element has both keys, equal ones too.
    both: bool,
}

impl Shape {
    fn of(fields: usize, interval: bool) -> Self {
        let joined = fields > 1;
        Self {
            joined,
            pairs: !joined && interval,
            both: joined && interval,
        }
    }
}

fn elements(elements: &[ir::Element], shape: Shape) -> Vec<Element> {
    let mut out = Vec::with_capacity(elements.len());
    for element in elements {
        let (mut low, mut high) = (Key::default(), Key::default());
        for item in &element.key {
            push(&mut low, &mut high, item, shape.joined);
        }
        let value = (!element.value.is_empty()).then(|| {
            let (mut low, mut high) = (Key::default(), Key::default());
            let joined = element.value.len() > 1;
            element
                .value
                .iter()
                .for_each(|item| push(&mut low, &mut high, item, joined));
            low.0
        });
        let comment = element.comment.clone();
        if shape.pairs {
            out.push(Element {
                key: low.0,
                value,
                comment,
                ..Element::default()
            });
            if let Some(end) = one_more(high.0) {
                out.push(Element {
                    key: end,
                    interval_end: true,
                    ..Element::default()
                });
            }
        } else {
            let key_end = shape.both.then_some(high.0);
            out.push(Element {
                key: low.0,
                key_end,
                value,
                interval_end: false,
                comment,
            });
        }
    }
    out
}

/// The next key in byte order; `None` after the last.
fn one_more(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    for byte in bytes.iter_mut().rev() {
        let (sum, carry) = byte.overflowing_add(1);
        *byte = sum;
        if !carry {
            return Some(bytes);
        }
    }
    None
}

fn push(low: &mut Key, high: &mut Key, item: &Item, joined: bool) {
    let mut range = |first: IpAddr, last: IpAddr| {
        low.address(first);
        high.address(last);
    };
    match item {
        Item::V4(a) => range((*a).into(), (*a).into()),
        Item::V6(a) => range((*a).into(), (*a).into()),
        Item::V4Net(n) => range(n.network().into(), n.broadcast().into()),
        Item::V6Net(n) => range(n.network().into(), n.broadcast().into()),
        Item::Ports(first, last) => {
            low.port(*first, joined);
            high.port(*last, joined);
        }
        single => {
            for key in [low, high] {
                match single {
                    Item::Ifname(name) => key.ifname(name),
                    Item::Group(group) => key.group(*group),
                    Item::GroupOrdered(group) => key.group(group.to_be()),
                    Item::Proto(protocol) | Item::Byte(protocol) => key.protocol(*protocol, joined),
                    Item::Port(port) | Item::EtherType(port) => key.port(*port, joined),
                    Item::Ether(mac) => key.ether(*mac, joined),
                    _ => {}
                }
            }
        }
    }
}

fn rule_exprs(rule: &ir::Rule, table: ir::Family) -> Vec<Expr> {
    let mut out = Vec::new();
    for condition in &rule.matches {
        matched(&mut out, condition, table);
    }
    if rule.counter {
        out.push(Expr::Counter);
    }
    act(&mut out, &rule.act);
    out
}

fn compare(out: &mut Vec<Expr>, reg: Reg, data: Vec<u8>) {
    out.push(Expr::Compare {
        reg,
        equal: true,
        data,
    });
}

/// What must be true of a packet before a field of it can be read.
fn depends(out: &mut Vec<Expr>, fields: &[Field], table: ir::Family) {
    let version = fields.iter().find_map(|f| match f {
        Field::Ip4Saddr | Field::Ip4Daddr | Field::IcmpType => Some(NFPROTO_IPV4),
        Field::Ip6Saddr | Field::Ip6Daddr | Field::Icmp6Type => Some(NFPROTO_IPV6),
        _ => None,
    });
    // Rules of the bridge table have looked at the ethertype themselves.
    if let (Some(version), ir::Family::Inet) = (version, table) {
        out.push(Expr::Meta {
            key: Meta::NfProto,
            to: Reg(0),
        });
        compare(out, Reg(0), vec![version]);
    }
    let protocol = fields.iter().find_map(|f| match f {
        Field::IcmpType => Some(IPPROTO_ICMP),
        Field::Icmp6Type => Some(IPPROTO_ICMPV6),
        _ => None,
    });
    if let Some(protocol) = protocol {
        out.push(Expr::Meta {
            key: Meta::L4Proto,
            to: Reg(0),
        });
        compare(out, Reg(0), vec![protocol]);
    }
}

fn load(out: &mut Vec<Expr>, field: Field, to: Reg) {
    let payload = |base, offset, length| Expr::Payload {
        base,
        offset,
        length,
        to,
    };
    if field == Field::OifGroupOrdered {
        out.push(Expr::Meta {
            key: Meta::OifGroup,
            to,
        });
        out.push(Expr::NetworkOrder { reg: to });
        return;
    }
    out.push(match field {
        Field::IifName => Expr::Meta {
            key: Meta::IifName,
            to,
        },
        Field::IifGroup => Expr::Meta {
            key: Meta::IifGroup,
            to,
        },
        Field::OifGroup | Field::OifGroupOrdered => Expr::Meta {
            key: Meta::OifGroup,
            to,
        },
        Field::L4Proto => Expr::Meta {
            key: Meta::L4Proto,
            to,
        },
        Field::Ip4Saddr => payload(PayloadBase::Network, 12, 4),
        Field::Ip4Daddr => payload(PayloadBase::Network, 16, 4),
        Field::Ip6Saddr => payload(PayloadBase::Network, 8, 16),
        Field::Ip6Daddr => payload(PayloadBase::Network, 24, 16),
        Field::Dport => payload(PayloadBase::Transport, 2, 2),
        Field::EtherType => payload(PayloadBase::Link, 12, 2),
        Field::EtherSaddr => payload(PayloadBase::Link, 6, 6),
        Field::ArpSaddrEther => payload(PayloadBase::Network, 8, 6),
        Field::ArpSaddrIp => payload(PayloadBase::Network, 14, 4),
        Field::Icmp6Type | Field::IcmpType => payload(PayloadBase::Transport, 0, 1),
    });
}

/// Loads joined fields into registers in a row.
fn load_key(out: &mut Vec<Expr>, fields: &[Field]) {
    let mut at = 0;
    for field in fields {
        load(out, *field, Reg(at));
        at += key_type(*field).length().div_ceil(4) as u8;
    }
}

fn matched(out: &mut Vec<Expr>, condition: &Match, table: ir::Family) {
    match condition {
        Match::Is(field, item) => single(out, *field, item, true, table),
        Match::IsNot(field, item) => single(out, *field, item, false, table),
        Match::In(fields, set) | Match::NotIn(fields, set) => {
            depends(out, fields, table);
            load_key(out, fields);
            let invert = matches!(condition, Match::NotIn(..));
            out.push(Expr::Lookup {
                reg: Reg(0),
                set: set.clone(),
                to: None,
                invert,
            });
        }
        Match::Version(version) => {
            out.push(Expr::Meta {
                key: Meta::NfProto,
                to: Reg(0),
            });
            compare(
                out,
                Reg(0),
                vec![if *version == 4 {
                    NFPROTO_IPV4
                } else {
                    NFPROTO_IPV6
                }],
            );
        }
        Match::Established => bits(out, CtKey::State, STATE_ESTABLISHED_RELATED),
        Match::Invalid => bits(out, CtKey::State, STATE_INVALID),
        Match::Dnated => bits(out, CtKey::Status, STATUS_DNAT),
        Match::ToLocal => {
            out.push(Expr::FibDestinationType { to: Reg(0) });
            compare(out, Reg(0), RTN_LOCAL.to_ne_bytes().to_vec());
        }
    }
}

fn bits(out: &mut Vec<Expr>, key: CtKey, mask: u32) {
    out.push(Expr::Ct { key, to: Reg(0) });
    out.push(Expr::Bitwise {
        reg: Reg(0),
        mask: mask.to_ne_bytes().to_vec(),
    });
    out.push(Expr::Compare {
        reg: Reg(0),
        equal: false,
        data: vec![0; 4],
    });
}

fn single(out: &mut Vec<Expr>, field: Field, item: &Item, equal: bool, table: ir::Family) {
    depends(out, &[field], table);
    load(out, field, Reg(0));
    let net = match item {
        Item::V4Net(n) => Some(IpNet::V4(*n)),
        Item::V6Net(n) => Some(IpNet::V6(*n)),
        _ => None,
    };
    if let Some(net) = net {
        let mut mask = Key::default();
        mask.address(net.netmask());
        out.push(Expr::Bitwise {
            reg: Reg(0),
            mask: mask.0,
        });
        let mut prefix = Key::default();
        prefix.address(net.network());
        out.push(Expr::Compare {
            reg: Reg(0),
            equal,
            data: prefix.0,
        });
        return;
    }
    let (mut low, mut high) = (Key::default(), Key::default());
    push(&mut low, &mut high, item, false);
    out.push(Expr::Compare {
        reg: Reg(0),
        equal,
        data: low.0,
    });
}

fn act(out: &mut Vec<Expr>, act: &Act) {
    let last = match act {
        Act::Accept => Expr::Verdict(Verdict::Accept),
        Act::Drop => Expr::Verdict(Verdict::Drop),
        Act::Return => Expr::Verdict(Verdict::Return),
        Act::Jump(chain) => Expr::Verdict(Verdict::Jump(chain.clone())),
        Act::Reject => Expr::Reject,
        Act::Masquerade { random } => Expr::Masquerade { random: *random },
        Act::Dnat {
            version,
            key,
            map,
            port,
        } => {
            let version_field = if *version == 4 {
                Field::Ip4Daddr
            } else {
                Field::Ip6Daddr
            };
            depends(out, &[version_field], ir::Family::Inet);
            load_key(out, key);
            out.push(Expr::Lookup {
                reg: Reg(0),
                set: map.clone(),
                to: Some(Reg(0)),
                invert: false,
            });
            let address_registers = if *version == 4 { 1 } else { 4 };
            Expr::Dnat {
                ipv6: *version == 6,
                address: Reg(0),
                port: port.then_some(Reg(address_registers)),
            }
        }
    };
    out.push(last);
}
