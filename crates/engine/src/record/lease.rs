//! Leases: which address is allocated to which node, one file per address.
//!
//! A lease is claimed by creating its file, which fails if the file exists (`link(2)`), so that
//! processes that share only the state directory never allocate one address twice, with or without
//! a lock. A lease remains when the process that claimed it ends. A released address is used again
//! last: first come addresses that were never used, then the one that was released first.
//!
//! Layout of `SCOPE/leases/PROJECT/NETWORK`: `ADDRESS` for an address in use, `ADDRESS.released`
//! for one that was released (its modification time is the time of the release).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use hallway_kernel::Kernel;
use hallway_spec::Name;
use serde::{Deserialize, Serialize};

use super::{Store, store};
use crate::{Failure, Reason};

const VERSION: u32 = 1;
const RELEASED: &str = ".released";
/// The file of the addresses that were allocated last.
const LAST: &str = ".last";

/// The content of a lease's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LeaseFile {
    version: u32,
    node: Name,
}

/// The leases of one network of a project.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use hallway_engine::lease::{Claim, Leases};
/// # let scope = std::env::temp_dir().join(format!("hallway-lease-{}", std::process::id()));
/// let leases = Leases::of(&scope, &"shop".parse()?, &"frontend".parse()?);
/// let address = "10.0.0.2".parse()?;
/// assert_eq!(leases.claim(address, &"a".parse()?)?, Claim::Granted);
/// assert_eq!(leases.claim(address, &"b".parse()?)?, Claim::Held("a".parse()?));
/// # std::fs::remove_dir_all(&scope)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Leases {
    directory: PathBuf,
    store: Store,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The address belongs to the node, now or already before.
    Granted,
    /// The address belongs to another node.
    Held(Name),
}

/// The addresses of a network that are or were in use.
#[derive(Debug, Default)]
struct KnownAddresses {
    in_use: Vec<IpAddr>,
    released: BTreeMap<IpAddr, SystemTime>,
}

impl Leases {
    /// The leases of a network.
    #[must_use]
    pub fn of(scope: &Path, project: &Name, network: &Name) -> Self {
        Self::through(Store::new(Kernel::new(), scope), project, network)
    }

    /// As [`Self::of`], with files written through that store.
    pub(crate) fn through(store: Store, project: &Name, network: &Name) -> Self {
        let project = project_directory(store.scope(), project);
        Self {
            directory: project.join(network.as_ref()),
            store,
        }
    }

    /// Claims an address for a node.
    ///
    /// # Errors
    /// When the directory cannot be used, or a lease cannot be read.
    pub fn claim(&self, address: IpAddr, node: &Name) -> Result<Claim, Failure> {
        self.store.make_directory(&self.directory)?;
        loop {
            if self.create(address, node)? {
                return Ok(Claim::Granted);
            }
            match self.holder(address)? {
                Some(holder) if holder == *node => return Ok(Claim::Granted),
                Some(holder) => return Ok(Claim::Held(holder)),
                None => {} // released in between
            }
        }
    }

    /// Claims the first of `candidates` that was never used, else the free one that was released
    /// first. `None` when all are in use.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub fn allocate(
        &self,
        candidates: impl Iterator<Item = IpAddr>,
        node: &Name,
    ) -> Result<Option<IpAddr>, Failure> {
        let known = self.known()?;
        let mut resting = Vec::new();
        for address in candidates.filter(|a| !known.in_use.contains(a)) {
            if let Some(at) = known.released.get(&address) {
                resting.push((*at, address));
            } else if self.claim(address, node)? == Claim::Granted {
                return Ok(Some(address));
            }
        }
        resting.sort();
        for (_, address) in resting {
            if self.claim(address, node)? == Claim::Granted {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// Releases an address if the node holds it.
    ///
    /// # Errors
    /// When the lease cannot be read or removed.
    pub fn release(&self, address: IpAddr, node: &Name) -> Result<(), Failure> {
        if self.holder(address)?.as_ref() != Some(node) {
            return Ok(());
        }
        let mut released = self.path(address).into_os_string();
        released.push(RELEASED);
        self.store.replace(Path::new(&released), b"")?;
        self.store.remove_file(&self.path(address))
    }

    /// Removes a claim of a run that did not succeed: the address was never in use, so it may be
    /// allocated again at once.
    ///
    /// # Errors
    /// When the lease cannot be read or removed.
    pub fn withdraw(&self, address: IpAddr, node: &Name) -> Result<(), Failure> {
        match self.holder(address)?.as_ref() == Some(node) {
            true => self.store.remove_file(&self.path(address)),
            false => Ok(()),
        }
    }

    /// The node that an address belongs to.
    ///
    /// # Errors
    /// [`Reason::RecordDamaged`] or [`Reason::RecordVersion`] for a lease that cannot be read.
    pub fn holder(&self, address: IpAddr) -> Result<Option<Name>, Failure> {
        let path = self.path(address);
        let Some(text) = store::read(&path)? else {
            return Ok(None);
        };
        let lease: LeaseFile = match serde_json::from_slice(&text) {
            Ok(lease) => lease,
            Err(e) => {
                return Err(Reason::RecordDamaged {
                    path,
                    error: e.to_string(),
                }
                .into());
            }
        };
        match lease.version {
            VERSION => Ok(Some(lease.node)),
            version => Err(Reason::RecordVersion {
                path,
                version: version.into(),
            }
            .into()),
        }
    }

    /// The addresses in use.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn in_use_names(&self) -> Result<BTreeSet<IpAddr>, Failure> {
        Ok(self.known()?.in_use.into_iter().collect())
    }

    /// The addresses that were allocated last, since the record of this generation was written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn last(&self, generation: u64) -> Result<Vec<IpAddr>, Failure> {
        let text = store::read(&self.directory.join(LAST))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut words = text.split_whitespace();
        match words.next().and_then(|w| w.parse().ok()) {
            Some(of) if of == generation => Ok(words.filter_map(|w| w.parse().ok()).collect()),
            Some::<u64>(_) | None => Ok(Vec::new()),
        }
    }

    /// Notes the addresses that were allocated last.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn note_last(&self, generation: u64, last: &[IpAddr]) -> Result<(), Failure> {
        let words: Vec<String> = last.iter().map(ToString::to_string).collect();
        let text = format!("{generation} {}", words.join(" "));
        let path = self.directory.join(LAST);
        match path.exists() {
            // A rename onto a file makes ext4 write it to the disk. A note that is cut short names
            // another address to begin with, which is examined like every other.
            true => self.store.write_in_place(&path, text.as_bytes()),
            false => self.store.replace(&path, text.as_bytes()),
        }
    }

    /// Whether an address was in use before and is free now.
    pub(crate) fn was_used(&self, address: IpAddr) -> bool {
        self.directory.join(format!("{address}{RELEASED}")).exists()
    }

    /// Whether an address is in use.
    pub(crate) fn in_use_at(&self, address: IpAddr) -> bool {
        self.path(address).exists()
    }

    /// The addresses in use, each with its node.
    ///
    /// # Errors
    /// When a lease cannot be read.
    pub fn in_use(&self) -> Result<BTreeMap<IpAddr, Name>, Failure> {
        let mut out = BTreeMap::new();
        for address in self.known()?.in_use {
            if let Some(node) = self.holder(address)? {
                out.insert(address, node);
            }
        }
        Ok(out)
    }

    fn known(&self) -> Result<KnownAddresses, Failure> {
        let mut known = KnownAddresses::default();
        for entry in store::list(&self.directory)? {
            let Some(name) = entry.name.to_str() else {
                continue;
            };
            match name.strip_suffix(RELEASED) {
                None => known.in_use.extend(name.parse::<IpAddr>()),
                Some(address) => {
                    let address = address.parse::<IpAddr>();
                    known.released.extend(address.map(|a| (a, entry.modified)));
                }
            }
        }
        Ok(known)
    }

    fn path(&self, address: IpAddr) -> PathBuf {
        self.directory.join(address.to_string())
    }

    /// Whether the lease was made; `false` if it exists already. It is written under a temporary
    /// name first, so that a visible lease is complete.
    fn create(&self, address: IpAddr, node: &Name) -> Result<bool, Failure> {
        static DRAFTS: AtomicU64 = AtomicU64::new(0);
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let draft = self
            .directory
            .join(format!(".draft-{}-{number}", std::process::id()));
        let path = self.path(address);
        let lease = LeaseFile {
            version: VERSION,
            node: node.clone(),
        };
        let text =
            serde_json::to_vec(&lease).map_err(|_not_json| Reason::Bug("a lease is not JSON"))?;
        let create = || {
            // What a failed write left is not used.
            self.store.create(&draft, &text).inspect_err(|_failed| {
                drop(self.store.remove_file(&draft));
            })
        };
        while !create()? {
            // From a killed process that had this process id.
            self.store.remove_file(&draft)?;
        }
        let linked = self.store.link(&draft, &path);
        self.store.remove_file(&draft)?;
        linked
    }
}

fn project_directory(scope: &Path, project: &Name) -> PathBuf {
    scope.join("leases").join(project.as_ref())
}

/// Removes every lease of a project, and returns what is left. `others` are the projects with a record.
pub(super) fn remove_all(store: &Store, project: &Name, others: &[Name]) -> Vec<Failure> {
    let leases = store.scope().join("leases");
    // Another program has put a link in the place of the directory. It is never followed. Projects that
    // are up need the leases that it hides, so only the last one removes it.
    let is_link = std::fs::symlink_metadata(&leases).is_ok_and(|m| m.file_type().is_symlink());
    if is_link && others.iter().all(|other| other == project) {
        return store.remove_file(&leases).err().into_iter().collect();
    }
    let left = store.clear_tree(&project_directory(store.scope(), project));
    // Where something is mounted, that is the only thing to say.
    store
        .remove_unless_used(&leases)
        .map_or(left, |mounted| vec![mounted])
}
