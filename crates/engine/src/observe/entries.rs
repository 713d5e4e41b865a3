//! Chains of other firewalls, with the accepts of projects in them.

use hallway_kernel::{Kernel, KernelError};
use hallway_plan::firewall_accepts::{FIREWALL_CHAINS, Pass};
use hallway_plan::observed::SeenEntry;

/// Reads those that exist.
pub(super) fn read(kernel: &mut Kernel) -> Result<Vec<SeenEntry>, KernelError> {
    let names = kernel.tables()?;
    let exists = |table: &str| names.iter().any(|t| t.name == table);
    if !FIREWALL_CHAINS.iter().any(|e| exists(e.table)) {
        return Ok(Vec::new());
    }
    let chains = kernel.chains()?;
    let mut out = Vec::new();
    for entry in FIREWALL_CHAINS {
        let is = |c: &hallway_nftables::decode::ListedChain| {
            (c.family, c.table.as_str(), c.chain.name.as_str())
                == (entry.family, entry.table, entry.chain)
        };
        if !chains.iter().any(is) {
            continue;
        }
        let rules = match kernel.listed_rules(entry.family, entry.table, entry.chain) {
            Err(e) if e.is_not_found() => continue,
            other => other?,
        };
        let accepts = rules.iter().filter_map(|rule| {
            let (project, pass) = Pass::parse(&rule.comment)?;
            Some((project, pass, rule.handle))
        });
        out.push(SeenEntry {
            entry,
            accepts: accepts.collect(),
        });
    }
    Ok(out)
}
