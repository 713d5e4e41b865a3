//! Namespaces of other programs that nodes join.

use std::collections::{BTreeMap, BTreeSet};

use hallway_kernel::netns::Netns;
use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::observed::{PresentNamespace, SeenJoined, SeenSpace};
use hallway_plan::settled::Settled;
use hallway_spec::{Joined, NetnsRef, SysctlKey, Topology};

use super::{neighbours, space};
use crate::containers::SilentRuntimes;

/// What is to be read of each.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    keys: BTreeMap<Joined, BTreeSet<SysctlKey>>,
    /// Where those on record were found, with their inode numbers.
    known: BTreeMap<Joined, Known>,
}

/// What refers to one, and its inode number.
type Known = (NetnsRef, u64);

impl Wanted {
    /// Those of a project that is on record.
    pub(crate) fn add(&mut self, settled: &Settled) {
        for node in &settled.nodes {
            if let Some(joined) = &node.joined {
                let known = (node.netns.clone(), joined.inode);
                self.known.insert(joined.reference.clone(), known);
                let keys = self.keys.entry(joined.reference.clone()).or_default();
                keys.extend(node.sysctls.keys().cloned());
                keys.extend(joined.before.sysctls.keys().cloned());
            }
        }
    }

    /// Those of a file.
    pub(crate) fn add_topology(&mut self, topology: &Topology) {
        for node in &topology.nodes {
            if let Some(joined) = &node.namespace {
                let keys = self.keys.entry(joined.clone()).or_default();
                keys.extend(node.sysctls.keys().cloned());
            }
        }
    }
}

/// Reads them.
pub(crate) fn read(kernel: &Kernel, wanted: &Wanted) -> BTreeMap<Joined, SeenJoined> {
    let mut silent = SilentRuntimes::default();
    let all = wanted.keys.iter();
    all.map(|(joined, keys)| {
        let netns = file(joined, wanted.known.get(joined), &mut silent);
        (joined.clone(), examine(kernel, joined, netns, keys))
    })
    .collect()
}

/// What refers to a namespace; or why it is not known. If the container runtime does not answer, it is
/// the namespace that the container was in, if that still exists.
fn file(
    joined: &Joined,
    known: Option<&Known>,
    silent: &mut SilentRuntimes,
) -> Result<NetnsRef, String> {
    let name = match NetnsRef::from(joined) {
        NetnsRef::Container(name) => name,
        known => return Ok(known),
    };
    let there = known.filter(|(file, inode)| {
        let opened = Netns::open(&file.path());
        opened
            .and_then(|netns| netns.inode())
            .is_ok_and(|found| found == *inode)
    });
    match (silent.process_of(&name, there.is_some()), there) {
        (Ok(pid), _) => Ok(NetnsRef::of_process(pid)),
        (Err(unfound), Some((file, _))) if !unfound.answered => Ok(file.clone()),
        (Err(unfound), _) => Err(unfound.why),
    }
}

/// Container names are looked up again: a container that was started again is another process.
pub(crate) fn look_up(settled: &mut Settled) {
    let mut silent = SilentRuntimes::default();
    for node in &mut settled.nodes {
        if let Some(joined) = &node.joined
            && let Joined::Container(_) = joined.reference
        {
            let known = (node.netns.clone(), joined.inode);
            let found = file(&joined.reference, Some(&known), &mut silent);
            node.netns = found.unwrap_or_else(|_gone| (&joined.reference).into());
        }
    }
}

fn examine(
    kernel: &Kernel,
    joined: &Joined,
    netns: Result<NetnsRef, String>,
    keys: &BTreeSet<SysctlKey>,
) -> SeenJoined {
    let netns = match netns {
        Ok(netns) => netns,
        Err(why) => return SeenJoined::Absent(why),
    };
    let keys: Vec<SysctlKey> = keys.iter().cloned().collect();
    let entered = || -> Result<PresentNamespace, KernelError> {
        let opened = Netns::open(&netns.path())?;
        let inode = opened.inode()?;
        let is_host = Netns::current()?.inode()? == inode;
        let mut sysctls = SysctlReader::for_many();
        let inside = kernel.sibling().inside(&opened, |own| {
            let mut inside = space::read(own, &mut sysctls, &keys)?;
            neighbours::add(own, &mut inside)?;
            Ok::<SeenSpace, KernelError>(inside)
        })?;
        Ok(PresentNamespace {
            netns: netns.clone(),
            inode,
            is_host,
            inside,
        })
    };
    let path = netns.path();
    let path = path.display();
    match entered() {
        Ok(present) => SeenJoined::Present(Box::new(present)),
        Err(e) if e.is_not_found() => SeenJoined::Absent(match joined {
            Joined::Process(pid) => format!("there is no process {pid}"),
            _ => format!("there is no {path}"),
        }),
        Err(e) if e.is_not_permitted() => SeenJoined::Refused(format!(
            "the kernel does not allow hallway to enter {path} from here"
        )),
        Err(_not_a_namespace) => SeenJoined::Absent(format!("{path} is not a network namespace")),
    }
}
