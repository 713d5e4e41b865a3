//! Files that programs in nodes find below /etc.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hallway_kernel::files::Access;
use hallway_plan::observed::{FileAccess, SeenFile, SeenFiles};
use hallway_plan::settled::Settled;
use hallway_plan::{hosts, resolv};
use hallway_spec::Name;

use crate::record::Store;
use crate::record::store::{self, list};
use crate::{Engine, Failure, names};

/// The directory of hosts files.
const HOSTS: &str = "hosts";
/// The directory of resolv.conf files.
const RESOLV: &str = "resolv";

impl Engine {
    /// The hosts file of a node.
    #[must_use]
    pub fn hosts_file(&self, project: &Name, node: &hallway_plan::settled::Node) -> PathBuf {
        self.directory(project)
            .join(HOSTS)
            .join(hosts::file_name(node))
    }

    /// The resolv.conf of a node: its own, if the file names servers, else the one of all nodes.
    #[must_use]
    pub fn resolv_file(&self, project: &Name, node: &hallway_plan::settled::Node) -> PathBuf {
        let directory = self.directory(project).join(RESOLV);
        directory.join(resolv::file_name(node))
    }

    /// Writes the servers of the host, as far as nodes can reach them, for nodes without servers of
    /// their own. Running programs see the change. Nothing is written if no node of the project has
    /// run yet.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn refresh_name_servers(&self, project: &Name) -> Result<(), Failure> {
        let path = self.directory(project).join(RESOLV).join(resolv::OF_HOST);
        let found = names::of_host();
        match path.exists() && found.unread.is_none() {
            true => self.store().write_view(&path, found.text.as_bytes()),
            false => Ok(()),
        }
    }

    /// Writes the files that programs in nodes find below /etc, and removes files of nodes that do
    /// not exist any more. Files are written in place: running programs have them mounted.
    pub(crate) fn write_files(&self, settled: &Settled) -> Result<(), Failure> {
        let store = self.store();
        let of_host = names::of_host().text;
        let views = [
            (HOSTS, hosts::files(settled)),
            (RESOLV, resolv::files(settled, &of_host)),
        ];
        for (name, files) in views {
            let directory = self.directory(&settled.project).join(name);
            store.make_directory(&directory)?;
            for (name, text) in files {
                store.write_view(&directory.join(name), text.as_bytes())?;
            }
        }
        self.prune_files(&store, settled)
    }

    /// Writes a node's own resolv.conf, if it has one.
    pub(crate) fn write_resolv(
        &self,
        project: &Name,
        node: &hallway_plan::settled::Node,
    ) -> Result<(), Failure> {
        if resolv::file_name(node) == resolv::OF_HOST {
            return Ok(());
        }
        let store = self.store();
        store.make_directory(&self.directory(project).join(RESOLV))?;
        let text = resolv::text(node, &names::of_host().text);
        store.write_view(&self.resolv_file(project, node), text.as_bytes())
    }

    /// Reads the files of a project. One that cannot be read as such counts as missing: it is
    /// written again.
    pub(crate) fn seen_files(&self, project: &Name) -> SeenFiles {
        let public = access(Access::public());
        let read_all = |directory: &str| -> BTreeMap<String, SeenFile> {
            let path = self.directory(project).join(directory);
            let entries = list(&path).unwrap_or_default().into_iter();
            let files = entries.filter_map(|entry| {
                let access = access(entry.access?);
                let text = match store::read(&path.join(&entry.name)) {
                    Ok(text) => text?,
                    // Then this is what differs.
                    Err(_) if access != public => Vec::new(),
                    Err(_) => return None,
                };
                let name = entry.name.to_string_lossy().into_owned();
                let text = String::from_utf8_lossy(&text).into_owned();
                Some((name, SeenFile { text, access }))
            });
            files.collect()
        };
        SeenFiles {
            hosts: read_all(HOSTS),
            resolv: read_all(RESOLV),
            of_host: names::of_host().text,
            access: public,
        }
    }

    /// Removes files of nodes that do not exist any more.
    fn prune_files(&self, store: &Store, settled: &Settled) -> Result<(), Failure> {
        let views = hosts::files(settled);
        let is_node = |name: &str| settled.nodes.iter().any(|n| n.name.as_ref() == name);
        let runs = |name: &str| settled.programs().any(|p| p.name.as_ref() == name);
        let keep = |directory: &str, name: &str| match directory {
            HOSTS => views.contains_key(name),
            RESOLV => name == resolv::OF_HOST || is_node(name),
            _ => name
                .trim_end_matches(".times")
                .strip_suffix(".log")
                .is_some_and(|n| is_node(n) || runs(n)),
        };
        for directory in [HOSTS, RESOLV, "logs"] {
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

fn access(of: Access) -> FileAccess {
    let Access { owner, mode } = of;
    FileAccess { owner, mode }
}
