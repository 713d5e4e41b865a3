//! Observation: the kernel's state, read whole each time. Nothing here is taken from a record but
//! the question which namespaces are worth examining.

mod keeper;
mod namespaces;
mod space;
mod tables;

use std::collections::BTreeSet;
use std::path::PathBuf;

use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::observed::Seen;
use hallway_plan::{Observed, mark};
use hallway_spec::Name;

use crate::Record;

/// Where named namespaces are.
pub(crate) const NETNS_DIRECTORY: &str = "/run/netns";

/// How closely named namespaces are examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only whose they are.
    Owners,
    /// What the project's own of these names hold.
    Some(BTreeSet<String>),
    /// What the project's own hold.
    Inside,
}

impl Depth {
    /// Whether what a namespace of the project holds is asked for.
    fn includes(&self, netns: &str) -> bool {
        match self {
            Self::Owners => false,
            Self::Some(names) => names.contains(netns),
            Self::Inside => true,
        }
    }
}

/// The path of a named namespace.
pub(crate) fn netns_path(netns: &str) -> PathBuf {
    PathBuf::from(NETNS_DIRECTORY).join(netns)
}

/// Reads everything but the named namespaces, of the calling thread's network namespace, with the
/// tables of that project.
pub(crate) fn network(kernel: &mut Kernel, project: &Name) -> Result<Observed, KernelError> {
    Ok(Observed {
        host: space::read(kernel, &mut SysctlReader::default())?,
        namespaces: Vec::new(),
        tables: tables::read(kernel)?,
        rules: Seen::Present(kernel.tables_named(&mark::table(project))?),
        keeper: keeper::read(project),
    })
}

pub(crate) use namespaces::examine_one as examine;
pub(crate) use space::link;

/// Reads the named namespaces.
pub(crate) fn namespaces(
    kernel: &Kernel,
    project: &Name,
    record: Option<&Record>,
    depth: &Depth,
) -> Result<Vec<hallway_plan::observed::SeenNamespace>, KernelError> {
    namespaces::read(kernel, project, record, depth)
}
