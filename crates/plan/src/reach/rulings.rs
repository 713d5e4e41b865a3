//! What rules of hallway decide, as hops of a walk.

use super::packet::Flow;
use super::path::{HopEvent, Location};
use super::walk::{DropReason, Walk};
use hallway_nftables::evaluate::{Evaluator, PacketVerdict, RuleVerdict};
use hallway_nftables::{Family, Hook, print};

impl Walk<'_> {
    /// Adds a ruling of the project's own rules to the hops; a packet that is dropped goes no
    /// further.
    pub(super) fn ruled(
        &mut self,
        ruling: &RuleVerdict,
        hook: Hook,
        family: Family,
        flow: Flow,
    ) -> Result<(), DropReason> {
        let world = self.world;
        let rules = match family {
            Family::Bridge => &world.bridge,
            _ => &world.inet,
        };
        self.note_ruling(rules, ruling, hook, family, flow);
        refused(ruling, hook)
    }

    /// The same of rules for IP of any project.
    pub(super) fn ruled_by(
        &mut self,
        rules: &Evaluator<'_>,
        ruling: &RuleVerdict,
        hook: Hook,
        flow: Flow,
    ) -> Result<(), DropReason> {
        self.note_ruling(rules, ruling, hook, Family::Inet, flow);
        refused(ruling, hook)
    }

    /// A chain without a deciding rule is not shown.
    pub(super) fn note_ruling(
        &mut self,
        rules: &Evaluator<'_>,
        ruling: &RuleVerdict,
        hook: Hook,
        family: Family,
        flow: Flow,
    ) {
        self.note_ruling_at(Location::Host, rules, ruling, hook, family, flow);
    }

    /// The same at any place.
    pub(super) fn note_ruling_at(
        &mut self,
        at: Location,
        rules: &Evaluator<'_>,
        ruling: &RuleVerdict,
        hook: Hook,
        family: Family,
        flow: Flow,
    ) {
        let Some(position) = ruling.rule else { return };
        let rule = (rules.chain(&ruling.chain)).and_then(|c| c.rules.get(position));
        let event = HopEvent::Chain {
            family: family.name().to_owned(),
            table: rules.table().to_owned(),
            chain: ruling.chain.clone(),
            hook: hook.name().to_owned(),
            rule: rule.map(|r| print::rule(r, family)),
            comment: ruling.comment.clone(),
            verdict: verdict_name(&ruling.verdict).to_owned(),
            ours: true,
        };
        self.hop(at, event, flow);
    }
}

fn refused(ruling: &RuleVerdict, hook: Hook) -> Result<(), DropReason> {
    match ruling.verdict {
        PacketVerdict::Drop | PacketVerdict::Reject => Err(DropReason::Rule {
            hook,
            ruling: ruling.clone(),
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
