//! Stand-in until merged.
use super::ir::{Family, Rule};
/// Text.
#[must_use]
pub fn rule(rule: &Rule, _family: Family) -> String {
    rule.comment.clone()
}
