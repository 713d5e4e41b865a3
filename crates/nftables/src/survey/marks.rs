//! Which tables change the marks of packets.

use crate::expr::Expr;
use crate::{Action, Match, Rule, Table};

/// Whether a rule of the table may set the mark of a packet, by which routes are chosen. An expression
/// that is not known by its parts counts where it is of a kind that can.
#[must_use]
pub fn may_mark(table: &Table) -> bool {
    let mut rules = table.chains.iter().flat_map(|chain| &chain.rules);
    rules.any(rule)
}

fn rule(rule: &Rule) -> bool {
    let mut expressions = rule.matches.iter().flat_map(|part| match part {
        Match::Expressions(all) => all.as_slice(),
        _ => &[],
    });
    matches!(rule.action, Action::Mark(_) | Action::Unmark(_)) || expressions.any(expression)
}

/// Targets of iptables have names: MARK, CONNMARK, and those that others have added.
fn expression(expression: &Expr) -> bool {
    let contains = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    match expression {
        Expr::SetMark { .. } => true,
        Expr::Raw { name, attributes } => match name.as_str() {
            "target" => contains(attributes, b"MARK"),
            "meta" => true,
            _ => false,
        },
        _ => false,
    }
}
