//! Observation: the kernel's state, read completely each time. Only the choice of the namespaces to
//! examine comes from a record.

mod entries;
mod forwarding;
pub(crate) mod in_use;
pub(crate) mod joined;
mod keeper;
mod namespaces;
mod neighbours;
pub(crate) mod source_routing;
mod space;
mod tables;

pub(crate) use source_routing::routing_rules;
pub(crate) use space::dropping;

use std::collections::BTreeSet;
use std::path::Path;

use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::observed::{Seen, SeenKeeper};
use hallway_plan::rules::nf_version;
use hallway_plan::target::Setting;
use hallway_plan::{Observed, mark};
use hallway_spec::{IpVersion, Name, NetnsName};

use crate::keeper::KeeperError;

/// How closely named namespaces are examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only their owners.
    Owners,
    /// The content of the project's own among these names.
    Some(BTreeSet<NetnsName>),
    /// The content of all of the project's own.
    Inside,
}

impl Depth {
    /// Whether the content of a namespace of the project is to be read.
    fn includes(&self, netns: &NetnsName) -> bool {
        match self {
            Self::Owners => false,
            Self::Some(names) => names.contains(netns),
            Self::Inside => true,
        }
    }
}

/// Reads the network namespace of the calling thread, with the tables of that project; without the
/// named namespaces, the keeper, the files and the notes of the scope.
pub(crate) fn network(kernel: &mut Kernel, project: &Name) -> Result<Observed, KernelError> {
    let mut sysctls = SysctlReader::default();
    let mut host = space::read(kernel, &mut sysctls, &[])?;
    // Rtnetlink has this only for single links.
    let forced = sysctls.read(kernel, [Setting::ForcedForwarding.key(None)])?;
    let forced = forced
        .into_iter()
        .flatten()
        .next()
        .and_then(|v| v.parse().ok());
    host.settings
        .extend(forced.map(|on| (Setting::ForcedForwarding, on)));
    for version in IpVersion::ALL {
        let new = kernel.settings_of_new(nf_version(version))?;
        if let Some(on) = new.and_then(|new| new.forwarding) {
            host.settings
                .insert(Setting::NewForwarding(version), u32::from(on));
        }
        host.new_rp_filter = host.new_rp_filter.or(new.and_then(|new| new.rp_filter));
    }
    host.source_routing = source_routing::read(kernel, &host)?;
    neighbours::add(kernel, &mut host)?;
    Ok(Observed {
        host,
        noted: Vec::new(),
        namespaces: Vec::new(),
        joined: Default::default(),
        tables: tables::read(kernel)?,
        entries: entries::read(kernel)?,
        in_use: Vec::new(),
        unclaimed: BTreeSet::new(),
        rules: Seen::Present(kernel.tables_named(&mark::table(project))?),
        guard: Seen::Present(kernel.tables_named(&mark::guard_table(project))?),
        keeper: Seen::Unseen,
        files: Seen::Unseen,
    })
}

/// Asks the keeper of the project whose state is in that directory.
pub(crate) fn keeper(directory: &Path) -> (Seen<SeenKeeper>, Option<KeeperError>) {
    keeper::read(directory)
}
pub(crate) use forwarding::read as forwarding;
pub(crate) use namespaces::{examine_one as examine, read as namespaces};
pub(crate) use space::link;
