//! Tables of hallway, of every project.

use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::Family;
use hallway_plan::mark;
use hallway_plan::observed::SeenTable;
use hallway_plan::rules::{nf_version, sets};
use hallway_spec::IpVersion;

/// Reads them.
pub(super) fn read(kernel: &mut Kernel) -> Result<Vec<SeenTable>, KernelError> {
    let mut out = Vec::new();
    for table in kernel.tables()? {
        let Some(project) = mark::project_of_table(&table.name) else {
            continue;
        };
        let mut noted = |version| {
            let set = sets::FORWARDING.of(nf_version(version));
            if set.family != table.family {
                return Ok(Vec::new());
            }
            match kernel.interfaces_in(set.family, &table.name, set.name) {
                Err(e) if e.is_not_found() => Ok(Vec::new()),
                other => other,
            }
        };
        let (forwarding4, forwarding6) = (noted(IpVersion::V4)?, noted(IpVersion::V6)?);
        out.push(SeenTable {
            project,
            bridge_family: table.family == Family::Bridge,
            forwarding4,
            forwarding6,
        });
    }
    Ok(out)
}
