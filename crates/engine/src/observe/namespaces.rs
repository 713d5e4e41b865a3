//! Named namespaces: their owners, and the content of the project's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hallway_kernel::netns::{self, Netns};
use hallway_kernel::rule::RuleAction;
use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::mark::{self, Role};
use hallway_plan::observed::{NamespaceState, Seen, SeenNamespace, SeenSpace};
use hallway_plan::rules::ip_version;
use hallway_plan::target::RoutingRule;
use hallway_spec::{NETNS_DIRECTORY, Name, NetnsName, SysctlKey};

use super::{Depth, neighbours, space};
use crate::Record;

/// Threads that examine namespaces: the kernel works on several in parallel.
const THREADS: usize = 4;
/// With more than this, settings that only files show are not read.
const FEW: usize = 128;
/// Fewer than this are examined by the calling thread.
const WORTH_THREADS: usize = 16;

/// Reads all of them, in the order of their names.
pub(crate) fn read(
    kernel: &Kernel,
    project: &Name,
    record: Option<&Record>,
    depth: &Depth,
) -> Result<Vec<SeenNamespace>, KernelError> {
    let mut all = entries()?;
    let known: BTreeSet<(&NetnsName, u64)> = record
        .into_iter()
        .flat_map(|r| &r.inodes)
        .map(|(name, inode)| (name, *inode))
        .collect();
    let examined: Vec<&mut SeenNamespace> = all
        .iter_mut()
        .filter(|n| match n.state {
            // The owner of one that this project made is on record, with its inode number.
            NamespaceState::Mounted(inode) => {
                let made = known.contains(&(&n.name, inode));
                !made || depth.includes(&n.name)
            }
            NamespaceState::PlainFile | NamespaceState::Covered | NamespaceState::Other => false,
        })
        .collect();
    let further = Further {
        with_files: examined.len() <= FEW,
        ..further(project, record)
    };
    examine_all(kernel, examined, &further);
    remove_second_names(&mut all, &known);
    let recorded: BTreeSet<&NetnsName> = record
        .into_iter()
        .flat_map(|r| &r.inodes)
        .map(|(name, _)| name)
        .collect();
    for namespace in &mut all {
        let NamespaceState::Mounted(inode) = namespace.state else {
            continue;
        };
        let made = known.contains(&(&namespace.name, inode));
        // Not examined, or its loopback has lost its mark: it is found by its inode number.
        if made && namespace.owner.is_none() {
            namespace.owner = recorded_owner(project, record, &namespace.name);
        }
        let foreign = namespace
            .owner
            .as_ref()
            .is_none_or(|(owner, _)| owner != project);
        // A namespace that replaced one of this project may be removed if it is not used.
        let replaced = recorded.contains(&namespace.name) && namespace.is_unused();
        if foreign && !made && !replaced {
            namespace.inside = Seen::Unseen;
        }
    }
    Ok(all)
}

fn entries() -> Result<Vec<SeenNamespace>, KernelError> {
    let mounted = netns::mounted(Path::new(NETNS_DIRECTORY))?;
    let entries = match std::fs::read_dir(NETNS_DIRECTORY) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(KernelError::io("list", NETNS_DIRECTORY, &e)),
    };
    let mut out = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| KernelError::io("list", NETNS_DIRECTORY, &e))?;
        // A name that is not text is never one of hallway.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let state = match mounted.get(&name) {
            Some(Some(inode)) => NamespaceState::Mounted(*inode),
            Some(None) => NamespaceState::Covered,
            None if entry.file_type().is_ok_and(|t| t.is_file()) => NamespaceState::PlainFile,
            None => NamespaceState::Other,
        };
        let Ok(name) = NetnsName::try_from(name) else {
            continue;
        };
        out.push(SeenNamespace {
            name,
            state,
            owner: None,
            inside: Seen::Unseen,
        });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}

/// A further name that another program gave a namespace (`ip netns attach`) has no owner: it is
/// neither used nor removed. The first name is the one on record, or that of the node, or the first in
/// the order of names. A name on record stays, whatever is mounted there.
fn remove_second_names(all: &mut [SeenNamespace], known: &BTreeSet<(&NetnsName, u64)>) {
    let mut first: BTreeMap<u64, (u8, &NetnsName)> = BTreeMap::new();
    let inode = |n: &SeenNamespace| match n.state {
        NamespaceState::Mounted(inode) => Some(inode),
        _ => None,
    };
    let rank = |n: &SeenNamespace, inode| match &n.owner {
        _ if known.contains(&(&n.name, inode)) => 0,
        Some((_, node)) if node.as_ref() == n.name.as_ref() => 1,
        _ => 2,
    };
    for namespace in all.iter() {
        let Some(inode) = inode(namespace) else {
            continue;
        };
        let found = (rank(namespace, inode), &namespace.name);
        let least = first.entry(inode).or_insert(found);
        *least = found.min(*least);
    }
    let on_record = |n: &NetnsName| known.iter().any(|(name, _)| *name == n);
    let further = |n: &SeenNamespace| {
        let of = inode(n).and_then(|inode| first.get(&inode));
        of.is_some_and(|(_, first)| **first != n.name) && !on_record(&n.name)
    };
    let further: Vec<bool> = all.iter().map(further).collect();
    for (namespace, further) in all.iter_mut().zip(further) {
        if further {
            namespace.owner = None;
            namespace.inside = Seen::Unseen;
        }
    }
}

fn recorded_owner(
    project: &Name,
    record: Option<&Record>,
    netns: &NetnsName,
) -> Option<(Name, Name)> {
    let nodes = record
        .into_iter()
        .flat_map(|r| r.applied.iter().chain(&r.pending));
    let node = nodes.flat_map(|s| &s.nodes).find(|n| n.netns == *netns)?;
    Some((project.clone(), node.name.clone()))
}

/// What is looked at in a namespace because of the record.
#[derive(Default)]
struct OnRecord {
    /// Settings that the file gives.
    sysctls: Vec<SysctlKey>,
    /// The name of the table of a node that translates addresses.
    table: Option<String>,
}

/// What is looked at beside links, addresses and routes.
#[derive(Default)]
struct Further {
    /// By the name of the namespace.
    on_record: BTreeMap<NetnsName, OnRecord>,
    /// Settings that only files show.
    with_files: bool,
}

impl Further {
    fn examine(
        &self,
        kernel: &mut Kernel,
        sysctls: &mut SysctlReader,
        namespace: &mut SeenNamespace,
    ) {
        let nothing = OnRecord::default();
        let on_record = self.on_record.get(&namespace.name).unwrap_or(&nothing);
        examine(kernel, sysctls, namespace, on_record, Some(self));
    }
}

fn further(project: &Name, record: Option<&Record>) -> Further {
    let all = record.into_iter();
    let all = all.flat_map(|r| r.applied.iter().chain(&r.pending));
    let nodes = all.flat_map(|s| &s.nodes);
    let mut out = Further::default();
    for node in nodes.filter(|n| !n.sysctls.is_empty() || n.masquerades()) {
        let Some(name) = node.netns.name() else {
            continue; // it is joined, and examined with the others that are
        };
        let further = out.on_record.entry(name.clone()).or_default();
        further.sysctls.extend(node.sysctls.keys().cloned());
        if node.masquerades() {
            further.table = Some(mark::table(project));
        }
    }
    out
}

fn examine_all(kernel: &Kernel, mut namespaces: Vec<&mut SeenNamespace>, further: &Further) {
    if namespaces.len() < WORTH_THREADS {
        let (mut own, mut sysctls) = (kernel.sibling(), SysctlReader::default());
        for namespace in namespaces {
            further.examine(&mut own, &mut sysctls, namespace);
        }
        return;
    }
    let share = namespaces.len().div_ceil(THREADS);
    std::thread::scope(|scope| {
        for part in namespaces.chunks_mut(share) {
            let mut own = kernel.sibling();
            scope.spawn(move || {
                let mut sysctls = SysctlReader::for_many();
                for namespace in part {
                    further.examine(&mut own, &mut sysctls, namespace);
                }
            });
        }
    });
}

/// Examines one new namespace, which may be one of many. It has the routing rules that the kernel gave
/// it, and settings with these keys.
pub(crate) fn examine_one(kernel: &Kernel, namespace: &mut SeenNamespace, sysctls: Vec<SysctlKey>) {
    let on_record = OnRecord {
        sysctls,
        table: None,
    };
    examine(
        &mut kernel.sibling(),
        &mut SysctlReader::for_one(kernel),
        namespace,
        &on_record,
        None,
    );
}

/// One that cannot be examined stays `Unseen`: it may have been removed since it was listed.
fn examine(
    kernel: &mut Kernel,
    sysctls: &mut SysctlReader,
    namespace: &mut SeenNamespace,
    on_record: &OnRecord,
    further: Option<&Further>,
) {
    let Ok(opened) = Netns::open(&namespace.name.path()) else {
        return;
    };
    let read = |own: &mut Kernel| {
        let mut inside = space::read(own, sysctls, &on_record.sysctls)?;
        if further.is_some() {
            inside.routing_rules = routing_rules(own)?;
            inside.neighbours = neighbours::fixed(own, &inside.links)?;
        }
        if further.is_some_and(|all| all.with_files) {
            neighbours::read_files(own, sysctls, &mut inside)?;
        }
        if let Some(table) = &on_record.table {
            inside.rules = Seen::Present(own.tables_named(table)?);
        }
        Ok::<SeenSpace, KernelError>(inside)
    };
    if let Ok(inside) = kernel.inside(&opened, read) {
        namespace.owner = owner(&inside);
        namespace.inside = Seen::Present(inside);
    }
}

/// Those without conditions.
fn routing_rules(kernel: &mut Kernel) -> Result<Seen<BTreeSet<RoutingRule>>, KernelError> {
    let rules = match kernel.routing_rules() {
        Err(e) if e.is_unsupported() => return Ok(Seen::Unseen),
        other => other?,
    };
    let plain = rules.iter().filter(|rule| rule.is_unconditional());
    let plain = plain.filter_map(|rule| match rule.action {
        RuleAction::Table(table) => Some(RoutingRule {
            version: ip_version(rule.version),
            priority: rule.priority,
            table,
        }),
        _ => None,
    });
    Ok(Seen::Present(plain.collect()))
}

/// The project and node of a namespace, by the alias of its loopback.
fn owner(inside: &SeenSpace) -> Option<(Name, Name)> {
    match mark::parse_alias(inside.link("lo")?.alias.as_deref()?)? {
        (project, Role::Node(node)) => Some((project, node)),
        _ => None,
    }
}
