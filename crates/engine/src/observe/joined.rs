//! Namespaces of others that nodes join.

use std::collections::{BTreeMap, BTreeSet};

use hallway_kernel::netns::Netns;
use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::observed::{PresentNamespace, SeenJoined};
use hallway_plan::settled::Settled;
use hallway_spec::{Joined, SysctlKey, Topology, file_of_process};

use super::{netns_path, space};
use crate::containers;

/// What is to be read of each.
#[derive(Debug, Default)]
pub(crate) struct Wanted(BTreeMap<Joined, BTreeSet<SysctlKey>>);

impl Wanted {
    /// Those of a project that is on record.
    pub(crate) fn add(&mut self, settled: &Settled) {
        for node in &settled.nodes {
            if let Some(joined) = &node.joined {
                let keys = self.0.entry(joined.reference.clone()).or_default();
                keys.extend(node.sysctls.keys().cloned());
                keys.extend(joined.before.sysctls.keys().cloned());
            }
        }
    }

    /// Those of a file.
    pub(crate) fn add_topology(&mut self, topology: &Topology) {
        for node in &topology.nodes {
            if let Some(joined) = &node.namespace {
                let keys = self.0.entry(joined.clone()).or_default();
                keys.extend(node.sysctls.keys().cloned());
            }
        }
    }
}

/// Reads them.
pub(crate) fn read(kernel: &Kernel, wanted: &Wanted) -> BTreeMap<Joined, SeenJoined> {
    let all = wanted.0.iter();
    all.map(|(joined, keys)| (joined.clone(), examine(kernel, joined, keys)))
        .collect()
}

/// The file of a namespace; or why it is not known.
pub(crate) fn file(joined: &Joined) -> Result<String, String> {
    match (joined, joined.file()) {
        (_, Some(file)) => Ok(file),
        (Joined::Container(name), None) => containers::process_of(name).map(file_of_process),
        (_, None) => Err("it has no file".into()),
    }
}

/// Container names are looked up again: a container that was started again is another process.
pub(crate) fn look_up(settled: &mut Settled) {
    for node in &mut settled.nodes {
        if let Some(joined) = &node.joined
            && let Joined::Container(_) = joined.reference
        {
            let found = file(&joined.reference);
            node.netns = found.unwrap_or_else(|_gone| joined.reference.to_string());
        }
    }
}

fn examine(kernel: &Kernel, joined: &Joined, keys: &BTreeSet<SysctlKey>) -> SeenJoined {
    let netns = match file(joined) {
        Ok(netns) => netns,
        Err(why) => return SeenJoined::Absent(why),
    };
    let keys: Vec<SysctlKey> = keys.iter().cloned().collect();
    let entered = || -> Result<PresentNamespace, KernelError> {
        let opened = Netns::open(&netns_path(&netns))?;
        let inode = opened.inode()?;
        let is_host = Netns::current()?.inode()? == inode;
        let mut sysctls = SysctlReader::for_many();
        let inside = kernel
            .sibling()
            .inside(&opened, |own| space::read(own, &mut sysctls, &keys))?;
        Ok(PresentNamespace {
            netns: netns.clone(),
            inode,
            is_host,
            inside,
        })
    };
    let path = netns_path(&netns);
    let path = path.display();
    match entered() {
        Ok(present) => SeenJoined::Present(present),
        Err(e) if e.is_not_found() => SeenJoined::Absent(match joined {
            Joined::Process(pid) => format!("there is no process {pid}"),
            _ => format!("there is no {path}"),
        }),
        Err(e) if e.is_not_permitted() => SeenJoined::Refused(format!(
            "the kernel does not let hallway enter {path} from here"
        )),
        Err(_not_a_namespace) => SeenJoined::Absent(format!("{path} is not a network namespace")),
    }
}
