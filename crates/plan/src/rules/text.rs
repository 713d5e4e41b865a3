//! Rules in nft's own words, as `nft list ruleset` shows them and `nft -f` loads them.

use std::fmt::Write as _;

use super::ir::{Act, Chain, Element, Family, Field, Hook, Item, Match, Rule, Ruleset, Set, Table};
use crate::mark;

/// The longest comment nf_tables keeps, in bytes.
const COMMENT_MAX: usize = 127;

/// All tables.
#[must_use]
pub fn ruleset(rules: &Ruleset) -> String {
    rules.tables.iter().map(table).collect()
}

/// A table with everything in it.
#[must_use]
pub fn table(table: &Table) -> String {
    let mut out = format!("table {} {} {{\n", family(table.family), table.name);
    line(&mut out, 1, &comment(mark::TABLE_COMMENT));
    let sets = table.sets.iter().map(set);
    let chains = table.chains.iter().map(|c| chain(c, table.family));
    let parts: Vec<String> = sets.chain(chains).collect();
    out.push_str(&parts.join("\n"));
    out.push_str("}\n");
    out
}

/// The family's name.
#[must_use]
pub fn family(family: Family) -> &'static str {
    match family {
        Family::Inet => "inet",
        Family::Bridge => "bridge",
    }
}

/// A set or map with its elements, as it stands in a table.
#[must_use]
pub fn set(set: &Set) -> String {
    let mut out = String::new();
    let kind = if set.value.is_some() { "map" } else { "set" };
    line(&mut out, 1, &format!("{kind} {} {{", set.name));
    let mut types = joined(&set.key, type_name);
    if let Some(value) = &set.value {
        let _ = write!(types, " : {}", joined(value, type_name));
    }
    line(&mut out, 2, &format!("type {types}"));
    if set.interval {
        line(&mut out, 2, "flags interval");
    }
    if !set.elements.is_empty() {
        let elements: Vec<String> = set.elements.iter().map(element).collect();
        let between = ",\n\t\t\t     ";
        line(
            &mut out,
            2,
            &format!("elements = {{ {} }}", elements.join(between)),
        );
    }
    line(&mut out, 1, "}");
    out
}

/// An element: its key, its comment, and in a map its value.
#[must_use]
pub fn element(element: &Element) -> String {
    let mut out = joined(&element.key, item);
    if let Some(text) = &element.comment {
        let _ = write!(out, " {}", comment(text));
    }
    if !element.value.is_empty() {
        let _ = write!(out, " : {}", joined(&element.value, item));
    }
    out
}

/// A hook's name.
#[must_use]
pub fn hook(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
    }
}

/// A chain with its rules, as it stands in a table.
#[must_use]
pub fn chain(chain: &Chain, family: Family) -> String {
    let mut out = String::new();
    line(&mut out, 1, &format!("chain {} {{", chain.name));
    if let Some(base) = &chain.base {
        let kind = if base.nat { "nat" } else { "filter" };
        let hook = hook(base.hook);
        line(
            &mut out,
            2,
            &format!(
                "type {kind} hook {hook} priority {}; policy accept;",
                base.priority
            ),
        );
    }
    for rule in &chain.rules {
        // With every condition said, also those that nft leaves out when it lists: those it puts
        // in by itself are not quite the same.
        let all = words(rule.matches.iter(), rule, family);
        line(&mut out, 2, &format!("{all} {}", comment(&rule.comment)));
    }
    line(&mut out, 1, "}");
    out
}

/// A rule as nft lists it, without its comment.
#[must_use]
pub fn rule(rule: &Rule, family: Family) -> String {
    let following = |at: usize| rule.matches.get(at + 1..).unwrap_or_default();
    let shown = rule
        .matches
        .iter()
        .enumerate()
        .filter(|(at, m)| !implied(m, following(*at)))
        .map(|(_, m)| m);
    words(shown, rule, family)
}

fn words<'a>(matches: impl Iterator<Item = &'a Match>, rule: &Rule, family: Family) -> String {
    let mut words: Vec<String> = matches.map(condition).collect();
    if rule.counter {
        words.push("counter".into());
    }
    words.push(act(&rule.act, family));
    words.join(" ")
}

/// A rule as nft lists it, with its comment.
#[must_use]
pub fn rule_with_comment(this: &Rule, family: Family) -> String {
    format!("{} {}", rule(this, family), comment(&this.comment))
}

/// Whether nft leaves out a condition because a field that follows cannot be read without it.
fn implied(condition: &Match, following: &[Match]) -> bool {
    let Match::Is(Field::EtherType, Item::EtherType(kind)) = condition else {
        return false;
    };
    following.iter().any(|m| {
        let (one, many): (Option<Field>, &[Field]) = match m {
            Match::Is(field, _) | Match::IsNot(field, _) => (Some(*field), &[]),
            Match::In(fields, _) | Match::NotIn(fields, _) => (None, fields),
            _ => (None, &[]),
        };
        one.iter()
            .chain(many)
            .any(|f| ether_type_of(*f) == Some(*kind))
    })
}

fn ether_type_of(field: Field) -> Option<u16> {
    match field {
        Field::Ip4Saddr | Field::Ip4Daddr | Field::IcmpType => Some(0x0800),
        Field::Ip6Saddr | Field::Ip6Daddr | Field::Icmp6Type => Some(0x86dd),
        Field::ArpSaddrEther | Field::ArpSaddrIp => Some(0x0806),
        _ => None,
    }
}

fn condition(condition: &Match) -> String {
    match condition {
        Match::Is(field, value) => format!("{} {}", field_name(*field), of_field(*field, value)),
        Match::IsNot(field, value) => {
            format!("{} != {}", field_name(*field), of_field(*field, value))
        }
        Match::In(fields, set) => format!("{} @{set}", joined(fields, field_ref)),
        Match::NotIn(fields, set) => format!("{} != @{set}", joined(fields, field_ref)),
        Match::Version(version) => nfproto(*version).into(),
        Match::Established => "ct state established,related".into(),
        Match::Invalid => "ct state invalid".into(),
        Match::Dnated => "ct status dnat".into(),
        Match::ToLocal => "fib daddr type local".into(),
    }
}

fn nfproto(version: u8) -> &'static str {
    if version == 4 {
        "meta nfproto ipv4"
    } else {
        "meta nfproto ipv6"
    }
}

fn act(act: &Act, family: Family) -> String {
    match act {
        Act::Accept => "accept".into(),
        Act::Drop => "drop".into(),
        Act::Return => "return".into(),
        Act::Jump(chain) => format!("jump {chain}"),
        Act::Reject => "reject with icmpx admin-prohibited".into(),
        Act::Dnat {
            version, key, map, ..
        } => {
            let ip = if *version == 4 { "ip" } else { "ip6" };
            // Where the key says which version it is, nft leaves it out.
            let says = key.iter().any(|f| ether_type_of(*f).is_some());
            let first = if says || family == Family::Bridge {
                String::new()
            } else {
                format!("{} ", nfproto(*version))
            };
            format!("{first}dnat {ip} to {} map @{map}", joined(key, field_ref))
        }
        Act::Masquerade { random: false } => "masquerade".into(),
        Act::Masquerade { random: true } => "masquerade fully-random".into(),
    }
}

fn field_ref(field: &Field) -> String {
    field_name(*field).into()
}

fn field_name(field: Field) -> &'static str {
    match field {
        Field::IifName => "iifname",
        Field::IifGroup => "iifgroup",
        Field::OifGroup | Field::OifGroupOrdered => "oifgroup",
        Field::L4Proto => "meta l4proto",
        Field::Ip4Saddr => "ip saddr",
        Field::Ip4Daddr => "ip daddr",
        Field::Ip6Saddr => "ip6 saddr",
        Field::Ip6Daddr => "ip6 daddr",
        Field::Dport => "th dport",
        Field::EtherType => "ether type",
        Field::EtherSaddr => "ether saddr",
        Field::ArpSaddrEther => "arp saddr ether",
        Field::ArpSaddrIp => "arp saddr ip",
        Field::Icmp6Type => "icmpv6 type",
        Field::IcmpType => "icmp type",
    }
}

fn type_name(field: &Field) -> String {
    match field {
        Field::IifName => "ifname",
        Field::IifGroup | Field::OifGroup | Field::OifGroupOrdered => "devgroup",
        Field::L4Proto => "inet_proto",
        Field::Ip4Saddr | Field::Ip4Daddr | Field::ArpSaddrIp => "ipv4_addr",
        Field::Ip6Saddr | Field::Ip6Daddr => "ipv6_addr",
        Field::Dport => "inet_service",
        Field::EtherType => "ether_type",
        Field::EtherSaddr | Field::ArpSaddrEther => "ether_addr",
        Field::Icmp6Type => "icmpv6_type",
        Field::IcmpType => "icmp_type",
    }
    .into()
}

/// A value as nft writes it beside that field.
fn of_field(field: Field, value: &Item) -> String {
    match (field, value) {
        (Field::IcmpType, Item::Byte(kind)) => icmp(*kind).map_or_else(|| item(value), Into::into),
        (Field::Icmp6Type, Item::Byte(kind)) => {
            icmp6(*kind).map_or_else(|| item(value), Into::into)
        }
        _ => item(value),
    }
}

fn icmp(kind: u8) -> Option<&'static str> {
    match kind {
        0 => Some("echo-reply"),
        5 => Some("redirect"),
        8 => Some("echo-request"),
        _ => None,
    }
}

fn icmp6(kind: u8) -> Option<&'static str> {
    match kind {
        128 => Some("echo-request"),
        129 => Some("echo-reply"),
        133 => Some("nd-router-solicit"),
        134 => Some("nd-router-advert"),
        135 => Some("nd-neighbor-solicit"),
        136 => Some("nd-neighbor-advert"),
        137 => Some("nd-redirect"),
        _ => None,
    }
}

/// A value on its own.
#[must_use]
pub fn item(item: &Item) -> String {
    match item {
        Item::Ifname(name) => quoted(name),
        Item::Group(group) | Item::GroupOrdered(group) => group.to_string(),
        Item::Proto(protocol) => match protocol {
            1 => "icmp".into(),
            6 => "tcp".into(),
            17 => "udp".into(),
            58 => "ipv6-icmp".into(),
            other => other.to_string(),
        },
        Item::Port(port) => port.to_string(),
        Item::Ports(first, last) if first == last => first.to_string(),
        Item::Ports(first, last) => format!("{first}-{last}"),
        Item::V4(address) => address.to_string(),
        Item::V4Net(net) if net.prefix_len() == 32 => net.addr().to_string(),
        Item::V4Net(net) => net.trunc().to_string(),
        Item::V6(address) => address.to_string(),
        Item::V6Net(net) if net.prefix_len() == 128 => net.addr().to_string(),
        Item::V6Net(net) => net.trunc().to_string(),
        Item::Ether([a, b, c, d, e, f]) => {
            format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
        }
        Item::EtherType(0x0800) => "ip".into(),
        Item::EtherType(0x0806) => "arp".into(),
        Item::EtherType(0x86dd) => "ip6".into(),
        Item::EtherType(kind) => format!("0x{kind:04x}"),
        Item::Byte(byte) => byte.to_string(),
    }
}

fn joined<T>(items: &[T], word: impl Fn(&T) -> String) -> String {
    items.iter().map(word).collect::<Vec<_>>().join(" . ")
}

fn comment(text: &str) -> String {
    let mut end = text.len().min(COMMENT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("comment {}", quoted(text.get(..end).unwrap_or_default()))
}

/// nft knows no way to write a quotation mark or a line's end within quotation marks.
fn quoted(text: &str) -> String {
    let inner: String = text
        .chars()
        .map(|c| match c {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    format!("\"{inner}\"")
}

fn line(out: &mut String, depth: usize, text: &str) {
    for _ in 0..depth {
        out.push('\t');
    }
    out.push_str(text);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(matches: Vec<Match>, act: Act) -> Rule {
        Rule {
            matches,
            counter: matches!(act, Act::Drop),
            act,
            comment: "why".into(),
        }
    }

    #[test]
    fn a_rule_reads_as_nft_lists_it() {
        let ether = |kind| Match::Is(Field::EtherType, Item::EtherType(kind));
        let cases = [
            (
                with(
                    vec![Match::NotIn(
                        vec![Field::IifName, Field::Ip4Saddr],
                        "ep4".into(),
                    )],
                    Act::Drop,
                ),
                Family::Inet,
                "iifname . ip saddr != @ep4 counter drop",
            ),
            (
                with(
                    vec![Match::Is(Field::Icmp6Type, Item::Byte(135))],
                    Act::Accept,
                ),
                Family::Inet,
                "icmpv6 type nd-neighbor-solicit accept",
            ),
            (
                with(
                    vec![
                        ether(0x0806),
                        Match::NotIn(vec![Field::IifName, Field::ArpSaddrIp], "port_ip4".into()),
                    ],
                    Act::Drop,
                ),
                Family::Bridge,
                "iifname . arp saddr ip != @port_ip4 counter drop",
            ),
            (
                with(vec![ether(0x0800)], Act::Accept),
                Family::Bridge,
                "ether type ip accept",
            ),
            (
                with(
                    vec![],
                    Act::Dnat {
                        version: 4,
                        key: vec![Field::L4Proto, Field::Dport],
                        map: "pub4".into(),
                        port: true,
                    },
                ),
                Family::Inet,
                "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @pub4",
            ),
        ];
        for (this, family, text) in cases {
            assert_eq!(rule(&this, family), text);
            assert_eq!(
                rule_with_comment(&this, family),
                format!("{text} comment \"why\"")
            );
        }
    }

    #[test]
    fn an_element_has_key_comment_and_value() {
        let this = Element {
            key: vec![Item::Proto(6), Item::Ports(5000, 5010)],
            value: vec![Item::V4([10, 0, 0, 2].into())],
            comment: Some("a \"b\"".into()),
        };
        assert_eq!(
            element(&this),
            "tcp . 5000-5010 comment \"a 'b'\" : 10.0.0.2"
        );
    }

    #[test]
    fn long_comments_are_cut_between_characters() {
        let text = comment(&"ä".repeat(100));
        assert_eq!(text, format!("comment \"{}\"", "ä".repeat(63)));
    }
}
