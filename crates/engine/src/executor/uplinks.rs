//! Forwarding on interfaces that are not ours.

use hallway_kernel::KernelError;
use hallway_nftables::{Element, Transaction, Value};
use hallway_plan::rules::{nf_version, sets};
use hallway_plan::step::Uplink;
use hallway_plan::target::Setting;

use super::Executor;
use super::outcome::absent_is_done;

impl Executor<'_> {
    /// Each uplink is noted in the project's table before it forwards, so that it can be turned
    /// off again even when no record is left.
    pub(super) fn forward_uplinks(
        &mut self,
        table: &str,
        uplinks: &[Uplink],
    ) -> Result<(), KernelError> {
        for uplink in uplinks {
            let mut transaction = Transaction::new();
            note(&mut transaction, table, uplink);
            self.kernel.commit(&transaction)?;
            absent_is_done(self.kernel.write_sysctl(&key(uplink), "1"))?;
        }
        Ok(())
    }

    pub(super) fn restore_uplinks(&mut self, uplinks: &[Uplink]) -> Result<(), KernelError> {
        for uplink in uplinks {
            absent_is_done(self.kernel.write_sysctl(&key(uplink), "0"))?;
        }
        Ok(())
    }
}

/// Adds the note of an uplink to a transaction.
pub(super) fn note(transaction: &mut Transaction, table: &str, uplink: &Uplink) {
    let set = sets::FORWARDING.of(nf_version(uplink.version));
    let element = Element::new(vec![Value::Ifname(uplink.link.clone())]);
    let layout = set.empty().layout();
    transaction.add_elements(set.family, (table, set.name), layout, &[element]);
}

/// IPv6 forwards by interface since Linux 6.17 (force_forwarding); before, only everywhere or
/// nowhere, which is noted as `all`.
fn key(uplink: &Uplink) -> String {
    let link = (uplink.link != "all").then_some(uplink.link.as_str());
    Setting::Forwarding(uplink.version).key(link)
}
