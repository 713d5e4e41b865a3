//! Matches and targets of iptables that iptables-nft puts into rules as they are.

use super::{Fields, Rule};
use crate::wire::string_of;

impl Rule<'_> {
    pub(super) fn xt_match(&mut self, fields: Fields<'_>) -> Option<()> {
        let name = fields.text(1);
        let info = fields.bytes(3).unwrap_or_default();
        match name.as_str() {
            "comment" => self.comment = Some(string_of(info)),
            _ => self.say(format!("xt match {name}")),
        }
        Some(())
    }

    pub(super) fn xt_target(&mut self, fields: Fields<'_>) -> Option<()> {
        let name = fields.text(1);
        self.say(format!("xt target {name}"));
        Some(())
    }
}
