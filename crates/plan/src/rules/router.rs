//! The table inside a node that translates addresses: what it forwards by some of its interfaces gets
//! the address of that interface.

use hallway_nftables::{
    Action, Chain, ChainType, Family, Field, Hook, Match, Priority, Rule, Ruleset, Table, Value,
};
use hallway_spec::Name;

use super::parts::{base, rule};
use super::purpose;
use crate::mark;
use crate::settled::{Interface, Node};

/// The table; none where the node translates nothing.
#[must_use]
pub fn ruleset(project: &Name, node: &Node) -> Option<Ruleset> {
    let by = |interface: &Interface| -> Rule {
        let leaves = Match::Is(Field::OifName, Value::Ifname(interface.name.clone()));
        let masquerade = Action::Masquerade { random: false };
        rule(vec![leaves], masquerade, purpose::ROUTER)
    };
    let translating = node.interfaces.iter().filter(|i| i.masquerade);
    let rules: Vec<Rule> = translating.map(by).collect();
    if rules.is_empty() {
        return None;
    }
    let chain = Chain {
        name: "nat_postrouting".into(),
        base: base(ChainType::Nat, Hook::Postrouting, Priority::SRCNAT),
        rules,
    };
    let table = Table {
        comment: mark::TABLE_COMMENT.to_owned(),
        chains: vec![chain],
        ..Table::new(Family::Inet, mark::table(project))
    };
    Some(Ruleset {
        tables: vec![table],
    })
}
