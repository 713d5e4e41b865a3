//! Files that programs in nodes find below /etc.

use std::path::{Path, PathBuf};

use hallway_kernel::Kernel;
use hallway_plan::hosts;
use hallway_plan::settled::Settled;
use hallway_spec::Name;

use crate::{Engine, Failure, record};

impl Engine {
    /// The hosts file of a node.
    #[must_use]
    pub fn hosts_file(&self, project: &Name, node: &hallway_plan::settled::Node) -> PathBuf {
        self.directory(project)
            .join("hosts")
            .join(hosts::file_name(node))
    }

    /// A node's own resolv.conf, where the file names servers.
    #[must_use]
    pub fn resolv_file(
        &self,
        project: &Name,
        node: &hallway_plan::settled::Node,
    ) -> Option<PathBuf> {
        (!node.dns.is_empty()).then(|| {
            self.directory(project)
                .join("resolv")
                .join(node.name.as_ref())
        })
    }

    /// What programs in nodes find below /etc, and no file of a node that is gone. Hosts files are bound into running programs' view: they are written in place.
    pub(crate) fn write_files(&self, settled: &Settled) -> Result<(), Failure> {
        let directory = self.directory(&settled.project).join("hosts");
        record::make_directory(&directory)?;
        let kernel = Kernel::new();
        let write = |path: &Path, text: &str| {
            if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
                return Ok(());
            }
            kernel.write_file(path, text.as_bytes()).map_err(|e| {
                let error = std::io::Error::from_raw_os_error(e.errno);
                Failure::file("write", path, &error)
            })
        };
        for (name, text) in hosts::files(settled) {
            write(&directory.join(name), &text)?;
        }
        for node in &settled.nodes {
            if let Some(path) = self.resolv_file(&settled.project, node) {
                record::make_directory(&self.directory(&settled.project).join("resolv"))?;
                let text: String = node
                    .dns
                    .iter()
                    .map(|d| format!("nameserver {d}\n"))
                    .collect();
                write(&path, &text)?;
            }
        }
        self.prune_files(&kernel, settled);
        Ok(())
    }

    /// Removes files of nodes that are gone.
    fn prune_files(&self, kernel: &Kernel, settled: &Settled) {
        let views = hosts::files(settled);
        let is_node = |name: &str| settled.nodes.iter().any(|n| n.name.as_ref() == name);
        let keep = |directory: &str, name: &str| match directory {
            "hosts" => views.contains_key(name),
            "resolv" => is_node(name),
            _ => name.strip_suffix(".log").is_some_and(is_node),
        };
        for directory in ["hosts", "resolv", "logs"] {
            let path = self.directory(&settled.project).join(directory);
            for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
                if !keep(directory, &entry.file_name().to_string_lossy()) {
                    // A file left here is found again next time.
                    kernel.remove_file(&entry.path()).ok();
                }
            }
        }
    }
}
