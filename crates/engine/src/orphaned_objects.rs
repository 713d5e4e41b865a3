//! What is in the kernel of projects that are not on record, and whose it is.

use std::collections::BTreeSet;

use hallway_kernel::Kernel;
use hallway_nftables::{Family, Value};
use hallway_plan::observed::{SeenLink, SeenRoute};
use hallway_plan::rules::{nf_version, sets};
use hallway_plan::{Observed, Settled, mark};
use hallway_spec::{IpVersion, Name};
use ipnet::IpNet;

use crate::keeper::{Elsewhere, KeeperError, marks};
use crate::observe::{self, Depth};
use crate::record;
use crate::{Engine, Failure, Reason};

/// What is left of projects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrphanedObjects {
    /// Projects that have left marks in the kernel but are on record nowhere.
    pub projects: Vec<Name>,
    /// Unreachable routes with hallway's marks to prefixes of no project.
    pub routes: Vec<IpNet>,
    /// Projects that are on record in another state directory, where their keepers run.
    pub elsewhere: Vec<Elsewhere>,
}

impl Engine {
    /// Looks for what is left of projects in the namespace of the calling thread.
    ///
    /// # Errors
    /// When the kernel's state cannot be read.
    pub fn orphaned_objects(&self) -> Result<OrphanedObjects, Failure> {
        let mut kernel = self.kernel();
        let none: Name = "none"
            .parse()
            .map_err(|_invalid| Reason::Bug("a name that is not valid"))?;
        let mut observed = observe::network(&mut kernel, &none)?;
        observed.namespaces = observe::namespaces(&kernel, &none, None, &Depth::Owners)?;
        let links = observed.host.links.iter();
        let aliases = links.filter_map(|l| Some(mark::parse_alias(l.alias.as_deref()?)?.0));
        let namespaces = observed.namespaces.iter();
        let owners = namespaces.filter_map(|n| Some(n.owner.as_ref()?.0.clone()));
        let tables = observed.tables.iter().map(|t| t.project.clone());
        let accepts = observed.entries.iter().flat_map(|e| &e.accepts);
        let accepts = accepts.map(|(project, _, _)| project.clone());
        let (keepers, elsewhere) = marks::projects(self.marked_scope());
        let marked: BTreeSet<Name> = aliases
            .chain(owners)
            .chain(tables)
            .chain(accepts)
            .chain(keepers)
            .collect();
        let mut known = self.projects();
        known.extend(elsewhere.iter().map(|e| e.project.clone()));
        let routes = self.unclaimed(&mut kernel, &observed, &elsewhere, None)?;
        Ok(OrphanedObjects {
            projects: marked.into_iter().filter(|p| !known.contains(p)).collect(),
            routes: routes.into_iter().collect(),
            elsewhere,
        })
    }

    /// Fails if the project is on record in another state directory, where its keeper runs.
    pub(crate) fn not_elsewhere(&self, project: &Name) -> Result<(), Failure> {
        let (_, elsewhere) = marks::projects(self.marked_scope());
        let found = elsewhere.into_iter().find(|e| e.project == *project);
        found.map_or(Ok(()), |found| {
            Err(KeeperError::Elsewhere {
                project: project.clone(),
                directory: found.state_directory().to_owned(),
                given: marks::state_directory(self.marked_scope()).to_owned(),
            }
            .into())
        })
    }

    /// The unreachable routes with hallway's marks that no project but `except` needs: by its record, by
    /// its tables, or by the addresses and routes of its links.
    pub(crate) fn unclaimed(
        &self,
        kernel: &mut Kernel,
        seen: &Observed,
        elsewhere: &[Elsewhere],
        except: Option<&Name>,
    ) -> Result<BTreeSet<IpNet>, Failure> {
        let marked = seen.host.routes.iter().filter(|r| is_marked(r));
        let mut routes: BTreeSet<IpNet> = marked.map(|r| r.to).collect();
        if routes.is_empty() {
            return Ok(routes);
        }
        let other = |project: &Name| Some(project) != except;
        let ours = self.projects().into_iter().map(|p| (self.scope(), p));
        let theirs = elsewhere.iter().map(|e| (&*e.scope, e.project.clone()));
        for (scope, project) in ours.chain(theirs).filter(|(_, p)| other(p)) {
            // Of one that cannot be read, what is in the kernel is known.
            let record = record::load(scope, &project).ok().flatten();
            let settled = record
                .iter()
                .flat_map(|r| r.applied.iter().chain(&r.pending));
            for net in settled
                .flat_map(Settled::inner_networks)
                .flat_map(|n| &n.subnets)
            {
                routes.remove(&net.net);
            }
        }
        for table in seen.tables.iter().filter(|t| other(&t.project)) {
            for net in prefixes(kernel, &table.project)? {
                routes.remove(&net);
            }
        }
        let of_other = |link: &&SeenLink| {
            let alias = link.alias.as_deref().and_then(mark::parse_alias);
            alias.is_some_and(|(project, _)| other(&project))
        };
        for link in seen.host.links.iter().filter(of_other) {
            let addresses = seen.host.addresses.iter();
            let addresses = addresses.filter(|a| a.interface == link.index);
            let by_it = seen.host.routes.iter();
            let by_it = by_it.filter(|r| r.interface == Some(link.index));
            let used: Vec<IpNet> = addresses
                .map(|a| a.net)
                .chain(by_it.map(|r| r.to))
                .collect();
            routes.retain(|route| !used.iter().any(|net| route.contains(net)));
        }
        Ok(routes)
    }
}

fn is_marked(route: &SeenRoute) -> bool {
    let marked = route.protocol == mark::ROUTE_PROTOCOL && route.metric == mark::UNREACHABLE_METRIC;
    marked && route.unreachable
}

/// The prefixes of a project's own networks in its tables.
fn prefixes(kernel: &mut Kernel, project: &Name) -> Result<Vec<IpNet>, Failure> {
    let rules = kernel.tables_named(&mark::table(project))?;
    let names = IpVersion::ALL.map(|version| sets::PREFIXES.of(nf_version(version)).name);
    let table = rules.table(Family::Inet).into_iter();
    let sets = table
        .flat_map(|t| &t.sets)
        .filter(|s| names.contains(&&*s.name));
    let net = |value: &Value| match value {
        Value::V4Net(net) => Some(IpNet::V4(*net)),
        Value::V6Net(net) => Some(IpNet::V6(*net)),
        Value::V4(address) => Some(IpNet::from(std::net::IpAddr::V4(*address))),
        Value::V6(address) => Some(IpNet::from(std::net::IpAddr::V6(*address))),
        _ => None,
    };
    let keys = sets.flat_map(|s| &s.elements).flat_map(|e| &e.key);
    Ok(keys.filter_map(net).collect())
}
