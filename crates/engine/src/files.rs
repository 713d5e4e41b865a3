//! Files that programs in nodes find below /etc.

use std::path::PathBuf;

use hallway_plan::hosts;
use hallway_plan::settled::Settled;
use hallway_spec::Name;

use crate::record::Store;
use crate::record::store::list;
use crate::{Engine, Failure, names};

/// The directory of resolv.conf files.
const RESOLV: &str = "resolv";
/// The one of nodes that have no servers of their own; no node is called like that.
const OF_HOST: &str = ".host";

/// Whether a node has a resolv.conf of its own.
fn has_own_servers(node: &hallway_plan::settled::Node) -> bool {
    !node.dns.is_empty() || !node.dns_search.is_empty()
}

impl Engine {
    /// The hosts file of a node.
    #[must_use]
    pub fn hosts_file(&self, project: &Name, node: &hallway_plan::settled::Node) -> PathBuf {
        self.directory(project)
            .join("hosts")
            .join(hosts::file_name(node))
    }

    /// The resolv.conf of a node: its own, where the file names servers, else the one of all nodes.
    #[must_use]
    pub fn resolv_file(&self, project: &Name, node: &hallway_plan::settled::Node) -> PathBuf {
        let directory = self.directory(project).join(RESOLV);
        match has_own_servers(node) {
            true => directory.join(node.name.as_ref()),
            false => directory.join(OF_HOST),
        }
    }

    /// Writes the servers of the host, as far as nodes can reach them, for nodes that have none of
    /// their own. Programs that run see the change. Nothing is written where no node of the project
    /// has run yet.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn refresh_name_servers(&self, project: &Name) -> Result<(), Failure> {
        let path = self.directory(project).join(RESOLV).join(OF_HOST);
        match path.exists() {
            true => self
                .store()
                .write_in_place(&path, names::of_host().text.as_bytes()),
            false => Ok(()),
        }
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
        let resolv = self.directory(&settled.project).join(RESOLV);
        store.make_directory(&resolv)?;
        store.write_in_place(&resolv.join(OF_HOST), names::of_host().text.as_bytes())?;
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
        if !has_own_servers(node) {
            return Ok(());
        }
        let path = self.resolv_file(project, node);
        let store = self.store();
        store.make_directory(&self.directory(project).join(RESOLV))?;
        let servers = node.dns.iter().map(|d| format!("nameserver {d}\n"));
        let mut text: String = servers.collect();
        if node.dns.is_empty() {
            let of_host = names::of_host().text;
            let other = of_host
                .lines()
                .filter(|line| !line.trim_start().starts_with("search"));
            text = other.map(|line| format!("{line}\n")).collect();
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
        let runs = |name: &str| settled.programs().any(|p| p.name.as_ref() == name);
        let keep = |directory: &str, name: &str| match directory {
            "hosts" => views.contains_key(name),
            RESOLV => name == OF_HOST || is_node(name),
            _ => name
                .strip_suffix(".log")
                .is_some_and(|n| is_node(n) || runs(n)),
        };
        for directory in ["hosts", RESOLV, "logs"] {
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
