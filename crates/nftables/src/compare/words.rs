//! Differences in words.

use super::{RulesetDifference, What};
use crate::{Rule, print};

impl std::fmt::Display for RulesetDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "table {} {}", self.family.name(), self.table)?;
        let element = print::element;
        let rule = |rule: &Rule| print::rule_with_comment(rule, self.family);
        match &self.what {
            What::MissingTable => write!(f, " is missing"),
            What::ExtraTable => write!(f, " is not wanted"),
            What::ChangedTable { wanted, found } => {
                write!(f, " has the comment {found:?} instead of {wanted:?}")
            }
            What::DormantTable { found: true } => {
                write!(f, " is dormant: none of its rules has an effect")
            }
            What::DormantTable { found: false } => write!(f, " is not dormant"),
            What::MissingSet(set) => write!(f, ": set {set} is missing"),
            What::ExtraSet(set) => write!(f, ": set {set} is not wanted"),
            What::ChangedSet(set) => write!(f, ": set {set} is defined in another way"),
            What::MissingElement { set, element: e } => {
                write!(f, ": set {set} lacks element {}", element(e))
            }
            What::ExtraElement { set, element: e } => {
                write!(
                    f,
                    ": set {set} has element {}, which is not wanted",
                    element(e)
                )
            }
            What::ChangedElement { set, wanted, found } => {
                let (wanted, found) = (element(wanted), element(found));
                write!(f, ": set {set} has element {found} instead of {wanted}")
            }
            What::MissingChain(chain) => write!(f, ": chain {chain} is missing"),
            What::ExtraChain(chain) => write!(f, ": chain {chain} is not wanted"),
            What::ChangedChain { chain, .. } => {
                write!(
                    f,
                    ": chain {chain} has another hook, type, priority or policy"
                )
            }
            What::MissingRule { chain, rule: r, .. } => {
                write!(f, ": chain {chain} lacks the rule {}", rule(r))
            }
            What::ExtraRule { chain, rule: r, .. } => {
                write!(
                    f,
                    ": chain {chain} has the rule {}, which is not wanted",
                    rule(r)
                )
            }
        }
    }
}
