//! What rules of hallway decide, as hops of a walk.

use super::packet::Flow;
use super::path::{HopEvent, Location};
use super::walk::{DropReason, Walk};
use hallway_nftables::evaluate::{Evaluator, PacketVerdict, RuleVerdict};
use hallway_nftables::{Family, Hook, print};

impl Walk<'_> {
    /// Adds a verdict of the project's own rules to the hops; a packet that is dropped goes no
    /// further.
    pub(super) fn apply_verdict(
        &mut self,
        verdict: &RuleVerdict,
        hook: Hook,
        family: Family,
        flow: Flow,
    ) -> Result<(), DropReason> {
        let world = self.world;
        let rules = match family {
            Family::Bridge => &world.bridge,
            _ => &world.inet,
        };
        self.record_verdict(rules, verdict, hook, family, flow);
        refused(verdict, hook)
    }

    /// The same of rules for IP of any project.
    pub(super) fn apply_verdict_of(
        &mut self,
        rules: &Evaluator<'_>,
        verdict: &RuleVerdict,
        hook: Hook,
        flow: Flow,
    ) -> Result<(), DropReason> {
        self.record_verdict(rules, verdict, hook, Family::Inet, flow);
        refused(verdict, hook)
    }

    /// A chain without a deciding rule is not shown.
    pub(super) fn record_verdict(
        &mut self,
        rules: &Evaluator<'_>,
        verdict: &RuleVerdict,
        hook: Hook,
        family: Family,
        flow: Flow,
    ) {
        self.record_verdict_at(Location::Host, rules, verdict, hook, family, flow);
    }

    /// The same at any place.
    pub(super) fn record_verdict_at(
        &mut self,
        at: Location,
        rules: &Evaluator<'_>,
        verdict: &RuleVerdict,
        hook: Hook,
        family: Family,
        flow: Flow,
    ) {
        let Some(position) = verdict.rule else { return };
        let rule = (rules.chain(&verdict.chain)).and_then(|c| c.rules.get(position));
        let event = HopEvent::Chain {
            family: family.name().to_owned(),
            table: rules.table().to_owned(),
            chain: verdict.chain.clone(),
            hook: hook.name().to_owned(),
            rule: rule.map(|r| print::rule(r, family)),
            comment: verdict.comment.clone(),
            verdict: verdict_name(&verdict.verdict).to_owned(),
            ours: true,
        };
        self.hop(at, event, flow);
    }
}

fn refused(verdict: &RuleVerdict, hook: Hook) -> Result<(), DropReason> {
    match verdict.verdict {
        PacketVerdict::Drop | PacketVerdict::Reject => Err(DropReason::Rule {
            hook,
            verdict: verdict.clone(),
        }),
        _ => Ok(()),
    }
}

fn verdict_name(verdict: &PacketVerdict) -> &'static str {
    match verdict {
        PacketVerdict::Accept => "accept",
        PacketVerdict::Drop => "drop",
        PacketVerdict::Reject => "reject",
        PacketVerdict::Dnat(..) => "dnat",
        PacketVerdict::Masquerade => "masquerade",
    }
}
