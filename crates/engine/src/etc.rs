//! The /etc/hosts and /etc/resolv.conf of a node, mounted over those of the machine for its programs.

use std::fs::File;
use std::path::{Path, PathBuf};

use hallway_kernel::gate::{Operation, OperationKind};
use hallway_kernel::mount::is_mount_point;
use hallway_kernel::{Kernel, KernelError, files};
use hallway_plan::Settled;
use hallway_plan::settled::Node;
use serde::{Deserialize, Serialize};

/// The machine's file with the names of hosts.
pub const HOSTS: &str = "/etc/hosts";
/// The machine's file with the name servers.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// A node's own files; none: the machine's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcFiles {
    /// Mounted over /etc/hosts.
    pub hosts: Option<PathBuf>,
    /// Mounted over /etc/resolv.conf.
    pub resolv_conf: Option<PathBuf>,
}

impl EtcFiles {
    /// Mounts them for a program that is about to start, in the mount namespace of this process, which
    /// must be its own.
    ///
    /// # Errors
    /// EPERM.
    pub fn mount_first(&self) -> Result<(), KernelError> {
        self.mount_over(before_first)
    }

    /// Mounts them in the mount namespace of this process, which must be its own, replacing earlier
    /// ones. Processes that have those open continue to use them.
    ///
    /// # Errors
    /// EPERM.
    pub fn mount(&self) -> Result<(), KernelError> {
        // The kernel cannot mount over a file that has been removed, and the earlier one may have been.
        self.mount_over(|_own, over| Kernel::new().unmount(over).map(|_| true))
    }

    /// Mounts those again of which the mount was lost: the kernel removes it in every namespace when the
    /// machine's file is replaced by another of the same name (rename(2)), or is removed.
    ///
    /// # Errors
    /// EPERM.
    pub fn mount_lost(&self) -> Result<(), KernelError> {
        self.mount_over(|own, over| {
            let lost = own && !is_mount_point(over);
            if lost {
                before_first(own, over)?;
            }
            Ok(lost)
        })
    }

    /// Mounts each over that of the machine for which `prepare` returns true.
    fn mount_over(
        &self,
        prepare: impl Fn(bool, &Path) -> Result<bool, KernelError>,
    ) -> Result<(), KernelError> {
        let kernel = Kernel::new();
        let (hosts, resolv) = (self.hosts.as_deref(), self.resolv_conf.as_deref());
        for (path, other, over) in [(hosts, resolv, HOSTS), (resolv, hosts, RESOLV_CONF)] {
            let over = match place(over) {
                None => place_in_replaced(over)?,
                found => found,
            };
            let Some(over) = over else { continue };
            let own = path.map(files::open).transpose()?.flatten();
            if !prepare(own.is_some(), &over)? {
                continue;
            }
            let other = other.and_then(Path::parent);
            match (path.zip(other), own) {
                (Some((path, other)), Some(own)) => {
                    let view = kernel.bind_view(path, other, &over);
                    // Where the kernel has no overlays, or refuses them here.
                    view.or_else(|_refused| kernel.bind_read_only(own, &over))
                }
                (_, own) => {
                    let open = || File::open(&over);
                    let file = own.map_or_else(open, Ok);
                    let file =
                        file.map_err(|e| KernelError::io("open", over.to_string_lossy(), &e))?;
                    kernel.bind_read_only(file, &over)
                }
            }?;
        }
        Ok(())
    }
}

/// Where a node's file is mounted: over the machine's own, or the file that its name leads to. None if that
/// is not a regular file: nothing is created on the machine for a node, and nothing is mounted over a device
/// (the name may lead to /dev/null) or a directory.
fn place(name: &str) -> Option<PathBuf> {
    let path = std::fs::canonicalize(name).ok()?;
    let is_file = std::fs::metadata(&path).is_ok_and(|m| m.is_file());
    is_file.then_some(path)
}

/// The same where the name leads into a directory of a service that was replaced for this program, and to a
/// file that was not there then.
fn place_in_replaced(name: &str) -> Result<Option<PathBuf>, KernelError> {
    let Ok(target) = std::fs::read_link(name) else {
        return Ok(None);
    };
    let path = Path::new("/etc").join(target);
    let directory = path.parent().and_then(|d| std::fs::canonicalize(d).ok());
    let replaced = directory.filter(|d| d.join(REPLACED).exists());
    let Some((directory, file)) = replaced.zip(path.file_name()) else {
        return Ok(None);
    };
    let file = directory.join(file);
    hallway_kernel::sys::as_user(None, || create(&Kernel::new(), &file))?;
    Ok(Some(file))
}

/// The files that nodes of a project cannot have, since this machine has none of that name, with what
/// their programs lack: /etc/hosts, and /etc/resolv.conf if a node has one of its own.
pub(crate) fn without_place(settled: &Settled) -> Vec<(&'static str, &'static str)> {
    let of_nodes = |n: &Node| !n.dns.is_empty() || !n.dns_search.is_empty();
    let own = settled.nodes.iter().any(of_nodes);
    let hosts = (HOSTS, "their programs do not resolve the names of nodes");
    let resolv_conf = (
        RESOLV_CONF,
        "their programs do not use dns and dns_search of the file",
    );
    let wanted = [Some(hosts), own.then_some(resolv_conf)]
        .into_iter()
        .flatten();
    wanted.filter(|(name, _)| place(name).is_none()).collect()
}

/// Prepares a file for the first mount over it.
fn before_first(own: bool, over: &Path) -> Result<bool, KernelError> {
    if own && is_written_by_a_service(over) {
        replace_directory(over)?;
    }
    Ok(true)
}

/// The directories of services that write resolv.conf: systemd-resolved, NetworkManager, resolvconf, ConnMan.
const SERVICES: [&str; 4] = [
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
];

/// Whether a file is in the directory of a service, which replaces it by another of the same name at any
/// time: the kernel then removes what is mounted over it. The sockets of the service are in the same place,
/// and programs of a node must not resolve names by them.
fn is_written_by_a_service(file: &Path) -> bool {
    file.parent()
        .is_some_and(|directory| SERVICES.iter().any(|s| directory == Path::new(s)))
}

/// A file in each directory that [`replace_directory`] has mounted.
const REPLACED: &str = ".hallway";

/// Mounts an empty directory over that of a file, with an empty file in its place. The directory of
/// the host is not changed.
fn replace_directory(file: &Path) -> Result<(), KernelError> {
    hallway_kernel::sys::as_user(None, || {
        let kernel = Kernel::new();
        if let Some(directory) = file.parent() {
            kernel.mount_tmpfs(directory)?;
            create(&kernel, &directory.join(REPLACED))?;
        }
        create(&kernel, file)
    })
}

fn create(kernel: &Kernel, file: &Path) -> Result<(), KernelError> {
    const CREATE: &str = "create";
    let name = file.to_string_lossy();
    let operation = Operation::new(OperationKind::FileWrite, CREATE, &name);
    kernel.perform(&operation, || {
        let created = File::create(file).map(drop);
        created.map_err(|e| KernelError::io(CREATE, name.clone(), &e))
    })
}
