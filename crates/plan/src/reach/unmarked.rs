//! Rules of other programs that set the whole mark of packets: with it they remove the bits by which the
//! keeper's guard recognises that a packet has passed the project's own rules, and the guard drops it.

use hallway_nftables::evaluate::{Evaluator, PacketContext, PacketVerdict};
use hallway_nftables::survey::Passage;
use hallway_nftables::{Chain, ChainType, Family, Hook, Priority, Table};

use super::foreign::{rule_words, shown_by};
use super::packet::Flow;
use super::passing::Passing;
use super::walk::{DropReason, ForeignRule, Unmarking, Walk};
use crate::mark::{FROM_BIT, TO_BIT};

impl<'w> Walk<'w> {
    /// Notes a chain that removes bits which hallway's rules have set before it.
    pub(super) fn notes_bits(
        &mut self,
        table: &Table,
        chain: &Chain,
        passing: &Passing<'_>,
        passage: &Passage,
    ) {
        let own = passing.context.mark & !self.mark.value & (FROM_BIT | TO_BIT);
        let lost = own & !passage.mark.value;
        let priority = chain.base.map_or(0, |base| base.priority.0);
        // Which of two chains of one priority comes first depends on when they were made.
        let own_priority = Priority::FILTER.0;
        let Some(place) = &passage.marked_by else {
            return;
        };
        if lost == 0 || priority < own_priority || self.unmarking.is_some() {
            return;
        }
        let command = shown_by(table, place);
        self.unmarking = Some(Unmarking {
            bits: lost,
            certain: lost & passage.mark.known != 0 && priority > own_priority,
            rule: ForeignRule {
                words: rule_words(table, place),
                help: format!(
                    "{command} shows the rule; keep the bits {own:#x} there: meta mark set mark and {own:#x} or VALUE"
                ),
            },
        });
    }

    /// What the keeper's guard does with a packet, after all other chains of a hook.
    pub(super) fn by_keeper_guard(
        &mut self,
        hook: Hook,
        context: &PacketContext<'_>,
        flow: Flow,
    ) -> Result<(), DropReason> {
        let world = self.world;
        let Some(found) = self.unmarking.take() else {
            return Ok(());
        };
        let rules = Evaluator::new(&world.guard, Family::Inet);
        let Some(rules) = rules.filter(|_| world.environment.guarded) else {
            return Ok(());
        };
        let unmarked = PacketContext {
            mark: context.mark & !found.bits,
            ..*context
        };
        for chain in rules.hooked(hook, ChainType::Filter) {
            let verdict = rules.evaluate(chain, &unmarked);
            if verdict.verdict != PacketVerdict::Drop {
                continue;
            }
            if !found.certain {
                self.unsure.get_or_insert(found.rule.words);
                return Ok(());
            }
            self.record_verdict(&rules, &verdict, hook, Family::Inet, flow);
            return Err(DropReason::Unmarked(found.rule));
        }
        Ok(())
    }
}
