//! Accepts in the chains of other firewalls.

use hallway_kernel::KernelError;
use hallway_nftables::Transaction;
use hallway_plan::firewall_accepts::{FirewallChain, Pass};
use hallway_spec::Name;

use super::Executor;
use super::outcome::absent_is_done;

impl Executor<'_> {
    pub(super) fn accept_in_firewall(
        &mut self,
        entry: &FirewallChain,
        pass: &Pass,
        project: &Name,
    ) -> Result<(), KernelError> {
        let mut transaction = Transaction::new();
        let rule = pass.rule(project);
        transaction.insert_rule(entry.family, entry.table, entry.chain, &rule);
        self.kernel.commit(&transaction)
    }

    /// The firewall may have removed the rule since.
    pub(super) fn remove_accept(
        &mut self,
        entry: &FirewallChain,
        handle: u64,
    ) -> Result<(), KernelError> {
        let mut transaction = Transaction::new();
        transaction.delete_rule(entry.family, entry.table, entry.chain, handle);
        absent_is_done(self.kernel.commit(&transaction))
    }
}
