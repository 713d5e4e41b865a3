//! The project's tables.

use std::collections::BTreeSet;

use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::expr::Verdict;
use hallway_nftables::{Action, Family, Hook, SetRef, Table, Transaction};
use hallway_plan::rules::{Delta, sets};
use hallway_plan::step::NewRules;

use super::{Executor, uplinks};

/// The chains of a table in two parts: first those at hooks without the guard, then those that show
/// the guard, at its hooks, that the rules are loaded. A packet that passed the first hooks before
/// the first part was loaded has left before the second part is loaded.
fn stages(table: &Table) -> [Table; 2] {
    let guarded = |hook: Hook| match table.family {
        Family::Bridge => hook == Hook::Prerouting,
        _ => matches!(hook, Hook::Input | Hook::Forward | Hook::Output),
    };
    let unguarded = table.chains.iter().filter(|chain| {
        let base = chain.base.as_ref();
        base.is_some_and(|base| !guarded(base.hook))
    });
    let mut first: BTreeSet<&str> = unguarded.map(|chain| chain.name.as_str()).collect();
    // Chains that these call, directly or through others.
    let mut open: Vec<&str> = first.iter().copied().collect();
    while let Some(name) = open.pop() {
        let chain = table.chains.iter().find(|chain| chain.name == name);
        for rule in chain.iter().flat_map(|chain| &chain.rules) {
            if let Action::Verdict(Verdict::Jump(to) | Verdict::Goto(to)) = &rule.action
                && first.insert(to)
            {
                open.push(to);
            }
        }
    }
    [true, false].map(|early| Table {
        chains: table
            .chains
            .iter()
            .filter(|chain| first.contains(chain.name.as_str()) == early)
            .cloned()
            .collect(),
        ..table.clone()
    })
}

/// Makes the tables; those of which `only_sets` is true without their chains.
fn tables_of(new: &NewRules, only_sets: impl Fn(&Table) -> bool) -> Transaction {
    let mut transaction = Transaction::new();
    for table in &new.rules.tables {
        match only_sets(table) {
            true => transaction.replace_sets(table),
            false => transaction.replace(table),
        }
    }
    if let Some(table) = new.rules.tables.first() {
        for uplink in &new.noted {
            uplinks::note(&mut transaction, &table.name, uplink);
        }
        uplinks::note_bridges(&mut transaction, &table.name, &new.bridges);
    }
    transaction
}

impl Executor<'_> {
    pub(super) fn replace_rules(&mut self, new: &NewRules) -> Result<(), KernelError> {
        // Its tables are removed with its socket, at the end of this function.
        let mut closing = Kernel::new();
        if let Some(table) = &new.closing {
            let mut transaction = Transaction::new();
            transaction.replace_owned(table);
            closing.commit(&transaction)?;
        }
        let mut transaction = tables_of(new, |table| new.lost.contains(&table.family));
        let wanted = transaction.bytes();
        let room = self.kernel.room(wanted)?;
        // No packet passes a table without chains, so its sets can be made in several transactions.
        let in_parts = room < wanted;
        if in_parts {
            transaction = tables_of(new, |_| true);
        }
        let is_lost = |table: &&Table| in_parts || new.lost.contains(&table.family);
        for part in transaction.parts(room) {
            self.kernel.commit(&part)?;
        }
        let lost: Vec<[Table; 2]> = new
            .rules
            .tables
            .iter()
            .filter(is_lost)
            .map(stages)
            .collect();
        for stage in 0..2 {
            let mut rules = Transaction::new();
            for table in lost.iter().filter_map(|stages| stages.get(stage)) {
                rules.add_chains(table);
            }
            self.kernel.commit(&rules)?;
        }
        Ok(())
    }

    pub(super) fn change_rules(&mut self, table: &str, delta: &Delta) -> Result<(), KernelError> {
        let Delta::Elements(changes) = delta else {
            return Ok(());
        };
        let mut transaction = Transaction::new();
        for change in changes {
            let set = SetRef {
                family: change.family,
                table,
                name: &change.set,
                layout: change.layout,
            };
            transaction.delete_elements(set, &change.remove);
            transaction.add_elements(set, &change.add);
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
