//! Files that programs in nodes find below /etc.

use std::path::PathBuf;

use hallway_plan::hosts;
use hallway_plan::settled::Settled;
use hallway_spec::Name;

use crate::record::Store;
use crate::record::store::list;
use crate::{Engine, Failure};

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
        (!node.dns.is_empty() || !node.dns_search.is_empty()).then(|| {
            self.directory(project)
                .join("resolv")
                .join(node.name.as_ref())
        })
    }

    /// Writes what programs in nodes find below /etc, and removes files of nodes that are gone.
    /// Files are written in place: running programs have them mounted.
    pub(crate) fn write_files(&self, settled: &Settled) -> Result<(), Failure> {
        let directory = self.directory(&settled.project).join("hosts");
        let store = self.store();
        store.make_directory(&directory)?;
        for (name, text) in hosts::files(settled) {
            store.write_in_place(&directory.join(name), text.as_bytes())?;
        }
        for node in &settled.nodes {
            self.write_resolv(&settled.project, node)?;
        }
        self.prune_files(&store, settled)
    }

    /// Writes a node's own resolv.conf, if it has one.
    pub(crate) fn write_resolv(
        &self,
        project: &Name,
        node: &hallway_plan::settled::Node,
    ) -> Result<(), Failure> {
        let Some(path) = self.resolv_file(project, node) else {
            return Ok(());
        };
        let store = self.store();
        store.make_directory(&self.directory(project).join("resolv"))?;
        let servers = node.dns.iter().map(|d| format!("nameserver {d}\n"));
        let mut text: String = servers.collect();
        if node.dns.is_empty() {
            // With the servers that the machine names.
            text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
            let other = |line: &&str| !line.trim_start().starts_with("search");
            text = text
                .lines()
                .filter(other)
                .map(|l| format!("{l}\n"))
                .collect();
        }
        if !node.dns_search.is_empty() {
            let domains: Vec<&str> = node.dns_search.iter().map(AsRef::as_ref).collect();
            text.push_str(&format!("search {}\n", domains.join(" ")));
        }
        store.write_in_place(&path, text.as_bytes())
    }

    /// Removes files of nodes that are gone.
    fn prune_files(&self, store: &Store, settled: &Settled) -> Result<(), Failure> {
        let views = hosts::files(settled);
        let is_node = |name: &str| settled.nodes.iter().any(|n| n.name.as_ref() == name);
        let keep = |directory: &str, name: &str| match directory {
            "hosts" => views.contains_key(name),
            "resolv" => is_node(name),
            _ => name.strip_suffix(".log").is_some_and(is_node),
        };
        for directory in ["hosts", "resolv", "logs"] {
            let path = self.directory(&settled.project).join(directory);
            for entry in list(&path)? {
                if !keep(directory, &entry.name.to_string_lossy()) {
                    store.remove_file(&path.join(&entry.name))?;
                }
            }
        }
        Ok(())
    }
}
