//! The project's tables.

use hallway_kernel::KernelError;
use hallway_nftables::{Family, Table, Transaction};
use hallway_plan::rules::{Delta, sets};
use hallway_plan::step::NewRules;

use super::{Executor, uplinks};

impl Executor {
    pub(super) fn replace_rules(&mut self, new: &NewRules) -> Result<(), KernelError> {
        let is_lost = |table: &&Table| new.lost.contains(&table.family);
        let mut transaction = Transaction::new();
        for table in &new.rules.tables {
            match is_lost(&table) {
                true => transaction.replace_sets(table),
                false => transaction.replace(table),
            }
        }
        if let Some(table) = new.rules.tables.first() {
            for uplink in &new.noted {
                uplinks::note(&mut transaction, &table.name, uplink);
            }
        }
        self.kernel.commit(&transaction)?;
        let mut rules = Transaction::new();
        for table in new.rules.tables.iter().filter(is_lost) {
            rules.add_chains(table);
        }
        self.kernel.commit(&rules)
    }

    pub(super) fn change_rules(&mut self, table: &str, delta: &Delta) -> Result<(), KernelError> {
        let Delta::Elements(changes) = delta else {
            return Ok(());
        };
        let mut transaction = Transaction::new();
        for change in changes {
            let name = (table, change.set.as_str());
            transaction.delete_elements(change.family, name, change.layout, &change.remove);
            transaction.add_elements(change.family, name, change.layout, &change.add);
        }
        self.kernel.commit(&transaction)
    }

    pub(super) fn unpublish(&mut self, table: &str) -> Result<(), KernelError> {
        let mut transaction = Transaction::new();
        for map in sets::PUBLISHED {
            transaction.flush_set(map.family, table, map.name);
        }
        match self.kernel.commit(&transaction) {
            Err(e) if e.is_not_found() => Ok(()), // only the bridge table is left
            other => other,
        }
    }

    pub(super) fn remove_rules(&mut self, name: &str) -> Result<(), KernelError> {
        let mut transaction = Transaction::new();
        for table in self.kernel.tables()?.iter().filter(|t| t.name == name) {
            if matches!(table.family, Family::Inet | Family::Bridge) {
                transaction.delete_table(table.family, name);
            }
        }
        self.kernel.commit(&transaction)
    }
}
