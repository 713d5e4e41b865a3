//! Forwarding on interfaces of other programs.

use hallway_kernel::KernelError;
use hallway_nftables::{Element, Transaction};
use hallway_plan::rules::{nf_version, sets};
use hallway_plan::step::Uplink;
use hallway_plan::target::Setting;

use super::Executor;
use super::outcome::absent_is_done;

impl Executor<'_> {
    /// Each uplink is noted in the project's table before it forwards, so that it can be turned off
    /// again even without a record.
    pub(super) fn forward_uplinks(
        &mut self,
        table: &str,
        uplinks: &[Uplink],
        bridges: &[String],
    ) -> Result<(), KernelError> {
        let mut transaction = Transaction::new();
        note_bridges(&mut transaction, table, bridges);
        self.kernel.commit(&transaction)?;
        for uplink in uplinks {
            let mut transaction = Transaction::new();
            note(&mut transaction, table, uplink);
            self.kernel.commit(&transaction)?;
            absent_is_done(self.kernel.write_sysctl(&key(uplink), "1"))?;
        }
        Ok(())
    }

    pub(super) fn remove_uplinks(
        &mut self,
        table: &str,
        uplinks: &[Uplink],
        bridges: &[String],
    ) -> Result<(), KernelError> {
        for uplink in uplinks {
            let set = sets::FORWARDING.of(nf_version(uplink.version));
            self.forget(table, set, sets::forwarding(uplink))?;
        }
        for bridge in bridges {
            self.forget(table, &sets::BRIDGED, sets::bridged(bridge))?;
        }
        Ok(())
    }

    /// A note that was only in the file of the scope is not in the set.
    fn forget(
        &mut self,
        table: &str,
        set: &sets::Definition,
        element: Element,
    ) -> Result<(), KernelError> {
        let mut transaction = Transaction::new();
        transaction.delete_elements(set.in_table(table), &[element]);
        match self.kernel.commit(&transaction) {
            Err(e) if e.is_not_found() => Ok(()),
            other => other,
        }
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
    transaction.add_elements(set.in_table(table), &[sets::forwarding(uplink)]);
}

/// The same of bridges.
pub(super) fn note_bridges(transaction: &mut Transaction, table: &str, bridges: &[String]) {
    let set = &sets::BRIDGED;
    let elements: Vec<Element> = bridges.iter().map(|b| sets::bridged(b)).collect();
    if !elements.is_empty() {
        transaction.add_elements(set.in_table(table), &elements);
    }
}

/// IPv6 is forwarded by interface since Linux 6.17 (force_forwarding); before, by all or by none,
/// which is noted as `all`.
fn key(uplink: &Uplink) -> String {
    let link = (uplink.link != "all").then_some(uplink.link.as_str());
    Setting::Forwarding(uplink.version).key(link)
}
