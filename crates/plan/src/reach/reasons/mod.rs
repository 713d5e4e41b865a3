//! Why an exchange ends as it does: one sentence, with the line of the file it comes from and what
//! would change it.

mod builder;
mod dropped;
mod open;
mod reserved;

use std::net::IpAddr;

use super::path::{Outcome, Reason};
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
) -> (Outcome, Reason) {
    let reasons = Reasons { world, question };
    match &found.failure {
        Some(failure) => (failure.outcome(), reasons.failure(failure, address, found)),
        None => {
            let (outcome, mut reason) = reasons.success(found);
            if let Some(rule) = &found.unsure {
                let more = format!(
                    "; whether {rule} lets it pass is not known: hallway trace shows what happens"
                );
                reason.text.push_str(&more);
            }
            (outcome, reason)
        }
    }
}
