//! Reading what is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hallway_kernel::netns::{self, Netns};
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::{Family, IpVersion};
use hallway_plan::mark::{self, Role};
use hallway_plan::observed::{
    NamespaceState, Observed, SeenAddress, SeenLink, SeenNamespace, SeenRoute, SeenTable,
};
use hallway_plan::rules::sets::FORWARDING;
use hallway_spec::Name;

use crate::Record;

/// Where named namespaces are.
pub(crate) const NETNS_DIRECTORY: &str = "/run/netns";

/// The path of a named namespace.
pub(crate) fn netns_path(netns: &str) -> PathBuf {
    PathBuf::from(NETNS_DIRECTORY).join(netns)
}

/// Reads the calling thread's namespace. Namespaces that the record knows by inode are not
/// entered; others are asked whose they are.
pub(crate) fn observe(project: &Name, record: Option<&Record>) -> Result<Observed, KernelError> {
    let mut seen = network()?;
    seen.namespaces = namespaces(project, record)?;
    Ok(seen)
}

/// The part for which no record is needed: everything but the named namespaces.
pub(crate) fn network() -> Result<Observed, KernelError> {
    let mut kernel = Kernel::new();
    let links = kernel
        .links()?
        .into_iter()
        .map(|l| SeenLink {
            index: l.index,
            name: l.name,
            alias: l.alias,
            group: l.group,
            master: l.master,
            up: l.up,
        })
        .collect();
    let routes = kernel
        .routes()?
        .into_iter()
        .map(|r| SeenRoute {
            to: r.to,
            interface: r.interface,
            protocol: r.protocol,
            unreachable: r.is_unreachable(),
            table: r.table,
            via: r.via,
        })
        .collect();
    let addresses = kernel
        .addresses()?
        .into_iter()
        .map(|a| SeenAddress {
            interface: a.index,
            net: a.net,
        })
        .collect();
    Ok(Observed {
        links,
        routes,
        addresses,
        tables: tables(&mut kernel)?,
        namespaces: Vec::new(),
    })
}

pub(crate) fn namespaces(
    project: &Name,
    record: Option<&Record>,
) -> Result<Vec<SeenNamespace>, KernelError> {
    let mut known: BTreeMap<&str, (u64, Option<&Name>)> = BTreeMap::new();
    if let Some(record) = record {
        let nodes: BTreeMap<&str, &Name> = record
            .applied
            .iter()
            .flat_map(|s| &s.nodes)
            .map(|n| (n.netns.as_str(), &n.name))
            .collect();
        for (name, inode) in &record.inodes {
            known.insert(name, (*inode, nodes.get(name.as_str()).copied()));
        }
    }
    let mut out = Vec::new();
    let mounted = netns::mounted(Path::new(NETNS_DIRECTORY))?;
    let Ok(entries) = std::fs::read_dir(NETNS_DIRECTORY) else {
        return Ok(out);
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let (state, owner) = match mounted.get(&name) {
            Some(inode) => {
                let owner = match known.get(name.as_str()) {
                    Some((recorded, Some(node))) if recorded == inode => {
                        Some((project.clone(), (*node).clone()))
                    }
                    _ => owner(&entry.path()),
                };
                (NamespaceState::Mounted(*inode), owner)
            }
            None if entry.file_type().is_ok_and(|t| t.is_file()) => {
                (NamespaceState::PlainFile, None)
            }
            None => (NamespaceState::Other, None),
        };
        out.push(SeenNamespace { name, state, owner });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}

/// Whose namespace it is: the alias of its loopback says.
fn owner(path: &Path) -> Option<(Name, Name)> {
    let namespace = Netns::open(path).ok()?;
    let _inside = netns::enter(&namespace).ok()?;
    let links = Kernel::new().links().ok()?;
    let lo = links.iter().find(|l| l.name == "lo")?;
    match mark::parse_alias(lo.alias.as_deref()?)? {
        (project, Role::Node(node)) => Some((project, node)),
        _ => None,
    }
}

fn tables(kernel: &mut Kernel) -> Result<Vec<SeenTable>, KernelError> {
    let mut out = Vec::new();
    for table in kernel.tables()? {
        let Some(project) = mark::project_of_table(&table.name) else {
            continue;
        };
        let bridge_family = table.family == Family::Bridge;
        let mut names = |version| {
            let set = FORWARDING.of(version);
            if table.family != set.family {
                return Vec::new();
            }
            kernel
                .interfaces_in(set.family, &table.name, set.name)
                .unwrap_or_default()
        };
        let (forwarding4, forwarding6) = (names(IpVersion::V4), names(IpVersion::V6));
        out.push(SeenTable {
            project,
            bridge_family,
            fingerprint: Some(table.comment).filter(|text| !text.is_empty()),
            forwarding4,
            forwarding6,
        });
    }
    Ok(out)
}
