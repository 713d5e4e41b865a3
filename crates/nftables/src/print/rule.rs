//! Rules in nft syntax.

use super::values::{Values, comment};
use super::{Printer, Sets};
use crate::decode::{ListedRule, RawSet};
use crate::expr::Expr;
use crate::lower::{Context, act, matched};
use crate::wire::{Attrs, Writer};
use crate::{Action, DataType, Family, Field, IpVersion, Match, Rule};

/// A rule that the kernel lists, as text for users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// The kernel's number for it, as in `nft -a list ruleset`.
    pub handle: u64,
    /// The text by nft, without the comment and the counter's values.
    pub text: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// A rule that the kernel lists. `sets` contains those it uses, anonymous ones with their elements;
/// `interface` returns the names of interfaces by index.
#[must_use]
pub fn listed(
    rule: &ListedRule,
    sets: &Sets,
    interface: &dyn Fn(u32) -> Option<String>,
) -> RuleInfo {
    let mut printer = Printer::new(rule.family, sets, Values(interface));
    printer.expressions(&rule.expressions, false);
    let (text, matched) = printer.finish();
    let own = Some(&rule.comment).filter(|text| !text.is_empty());
    RuleInfo {
        handle: rule.handle,
        text,
        comment: own.cloned().or(matched),
    }
}

/// A rule as nft lists it, without its comment.
#[must_use]
pub fn rule(rule: &Rule, family: Family) -> String {
    words(rule, family, false)
}

/// A rule as nft lists it, with its comment.
#[must_use]
pub fn rule_with_comment(this: &Rule, family: Family) -> String {
    commented(rule(this, family), &this.comment)
}

fn commented(words: String, text: &str) -> String {
    match text {
        "" => words,
        text => format!("{words} {}", comment(text)),
    }
}

/// A rule to be loaded, with all its conditions, also those that nft omits when it lists rules:
/// those that nft adds itself when it loads them are not quite the same.
pub(super) fn whole_rule(this: &Rule, family: Family) -> String {
    commented(words(this, family, true), &this.comment)
}

fn words(rule: &Rule, family: Family, whole: bool) -> String {
    printed(rule, family, &outlines(rule), whole)
}

/// A rule that uses these sets.
pub(super) fn words_with(rule: &Rule, family: Family, sets: &Sets) -> String {
    printed(rule, family, sets, false)
}

fn printed(rule: &Rule, family: Family, sets: &Sets, whole: bool) -> String {
    let context = Context {
        family,
        interval: &|_| false,
    };
    let no_names = |_| None;
    let mut printer = Printer::new(family, sets, Values(&no_names));
    let mut exprs = Vec::new();
    for condition in &rule.matches {
        exprs.clear();
        matched(&mut exprs, condition, context);
        printer.expressions(&exprs, whole && is_of_header(condition));
    }
    exprs.clear();
    if rule.counter {
        exprs.push(Expr::Counter);
    }
    act(&mut exprs, &rule.action, context);
    printer.expressions(&exprs, false);
    printer.finish().0
}

/// Whether a condition only matches the type of a header.
fn is_of_header(condition: &Match) -> bool {
    matches!(
        condition,
        Match::Version(_) | Match::Is(Field::EtherType | Field::L4Proto, _)
    )
}

/// The sets that a rule uses, as far as the rule shows their types.
fn outlines(rule: &Rule) -> Sets {
    let types = |fields: &[Field]| fields.iter().map(|f| f.data_type()).collect::<Vec<_>>();
    let mut out = Sets::new();
    for condition in &rule.matches {
        if let Match::In(fields, set)
        | Match::NotIn(fields, set)
        | Match::Note { fields, set, .. } = condition
        {
            out.insert(set.clone(), RawSet::outline(set, &types(fields), &[]));
        }
        if let Match::CountOver { field, set, .. } | Match::RateOver { field, set, .. } = condition
        {
            out.insert(set.clone(), RawSet::outline(set, &[field.data_type()], &[]));
        }
    }
    if let Action::Dnat(dnat) = &rule.action {
        let mut value = vec![match dnat.version {
            IpVersion::V4 => DataType::Ipv4,
            IpVersion::V6 => DataType::Ipv6,
        }];
        value.extend(dnat.port.then_some(DataType::Service));
        let outline = RawSet::outline(&dnat.map, &types(&dnat.key), &value);
        out.insert(dnat.map.clone(), outline);
    }
    out
}

impl Printer<'_> {
    fn expressions(&mut self, exprs: &[Expr], pinned: bool) {
        let mut list = Writer::default();
        exprs.iter().for_each(|expr| expr.write(&mut list));
        // Expressions of this crate are short; those of the kernel have fitted into a message.
        let list = list.as_bytes().unwrap_or_default();
        for (_, expression) in Attrs(list) {
            self.print(expression, pinned);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Verdict;
    use crate::{Dnat, Value};

    fn with(matches: Vec<Match>, action: impl Into<Action>) -> Rule {
        let action = action.into();
        Rule {
            counter: action == Action::Verdict(Verdict::Drop),
            ..Rule::new(matches, action, "why")
        }
    }

    #[test]
    fn a_rule_reads_as_nft_lists_it() {
        let ether = |kind| Match::Is(Field::EtherType, Value::EtherType(kind));
        let not_in = |fields: &[Field], set: &str| Match::NotIn(fields.to_vec(), set.into());
        let guard = not_in(&[Field::IifName, Field::Ip4Saddr], "ep4");
        let arp = not_in(&[Field::IifName, Field::ArpSaddrIp], "port_ip4");
        let solicit = Match::Is(Field::Icmp6Type, Value::Byte(135));
        let dnat = Dnat {
            version: IpVersion::V4,
            key: vec![Field::L4Proto, Field::Dport],
            map: "pub4".into(),
            port: true,
        };
        let cases = [
            (
                with(vec![guard], Verdict::Drop),
                Family::Inet,
                "iifname . ip saddr != @ep4 counter drop",
            ),
            (
                with(vec![solicit], Verdict::Accept),
                Family::Inet,
                "icmpv6 type nd-neighbor-solicit accept",
            ),
            (
                with(vec![ether(0x0806), arp], Verdict::Drop),
                Family::Bridge,
                "iifname . arp saddr ip != @port_ip4 counter drop",
            ),
            (
                with(vec![ether(0x0800)], Verdict::Accept),
                Family::Bridge,
                "ether type ip accept",
            ),
            (
                with(vec![], dnat),
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
    fn a_rule_to_be_loaded_says_all_its_conditions() {
        let ether = Match::Is(Field::EtherType, Value::EtherType(0x0806));
        let fields = vec![Field::IifName, Field::ArpSaddrIp];
        let arp = Match::NotIn(fields, "port_ip4".into());
        assert_eq!(
            whole_rule(&with(vec![ether, arp], Verdict::Drop), Family::Bridge),
            "ether type arp iifname . arp saddr ip != @port_ip4 counter drop comment \"why\""
        );
    }
}
