//! Why an exchange ends as it does: one sentence, with the line of the file it comes from and what
//! would change it.

mod builder;
mod dropped;
mod open;
mod others;
mod reserved;
mod simple;

use std::net::IpAddr;

use super::code::ReasonCode;
use super::path::{Outcome, OutcomeReason};
use super::question::Question;
use super::result::ExchangeResult;
use super::world::World;
use builder::Reasons;

/// The outcome of an exchange with its reason. `address` is the server's.
pub(super) fn conclude(
    world: &World<'_>,
    question: &Question,
    address: Option<IpAddr>,
    found: &ExchangeResult,
) -> (Outcome, OutcomeReason) {
    let reasons = Reasons { world, question };
    let (mut outcome, mut reason) = match &found.failure {
        Some(failure) => (failure.outcome(), reasons.failure(failure, address, found)),
        None => reasons.success(found),
    };
    let by_foreign = reason.code == ReasonCode::ForeignRule;
    match &found.changed {
        Some(changed) if !outcome.reachable() && !by_foreign => {
            reason.code = ReasonCode::ForeignRule;
            reason.text = format!("{}; after that: {}", changed.words, reason.text);
            reason.help.clone_from(&changed.help);
        }
        Some(changed) if outcome.reachable() => {
            reason.text = format!("{}; {}", reason.text, changed.words);
        }
        _ => {}
    }
    if let (Some(net), true) = (reasons.untranslated(found), outcome.reachable()) {
        let more = format!(
            "; replies arrive only if the machine outside has a route to {net} by this host"
        );
        reason.text.push_str(&more);
    }
    if let (Some(rule), true) = (&found.unsure, found.failure.is_none()) {
        let more =
            format!("; whether {rule} lets it pass is not known: hallway trace shows what happens");
        reason.text.push_str(&more);
        outcome = Outcome::Unknown;
    }
    (outcome, reason)
}
