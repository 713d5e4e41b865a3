//! The files that programs in other nodes read, when one node is added or removed.

use std::path::PathBuf;

use hallway_plan::hosts;
use hallway_plan::settled::{Node, Settled};
use hallway_spec::Name;

use crate::record::store::{self, list};
use crate::{Engine, Failure};

impl Engine {
    /// Whether the new node's hosts file exists already, and its own lines are the same in those of
    /// all others.
    pub(super) fn sees_hosts_of_others(&self, settled: &Settled, node: &Node) -> bool {
        let known = hosts::lines(settled, node).is_some();
        known && self.hosts_file(&settled.project, node).exists()
    }

    /// Adds the node to the hosts files, and writes its own files.
    pub(super) fn add_to_files(&self, settled: &Settled, node: &Node) -> Result<(), Failure> {
        let lines = hosts::lines(settled, node).unwrap_or_default();
        self.change_hosts(&settled.project, |text| text.push_str(&lines))?;
        self.write_resolv(&settled.project, node)
    }

    /// Removes the node from the hosts files, and its own files.
    pub(super) fn remove_from_files(&self, project: &Name, node: &Node) -> Result<(), Failure> {
        let gone = hosts::every_line(node).unwrap_or_default();
        self.change_hosts(project, |text| {
            let kept = text.split_inclusive('\n');
            *text = kept.filter(|line| !gone.contains(*line)).collect();
        })?;
        let directory = self.directory(project);
        let own = [
            directory.join("hosts").join(hosts::own_file_name(node)),
            directory.join("resolv").join(node.name.as_ref()),
            directory.join("logs").join(format!("{}.log", node.name)),
            directory
                .join("logs")
                .join(format!("{}.log.times", node.name)),
        ];
        for path in own.iter().filter(|path| path.exists()) {
            self.store().remove_file(path)?;
        }
        Ok(())
    }

    fn change_hosts(&self, project: &Name, change: impl Fn(&mut String)) -> Result<(), Failure> {
        for path in self.hosts_files(project)? {
            let Some(text) = store::read(&path)? else {
                continue; // removed meanwhile
            };
            let mut text = String::from_utf8_lossy(&text).into_owned();
            change(&mut text);
            self.store().write_in_place(&path, text.as_bytes())?;
        }
        Ok(())
    }

    fn hosts_files(&self, project: &Name) -> Result<Vec<PathBuf>, Failure> {
        let directory = self.directory(project).join("hosts");
        let entries = list(&directory)?.into_iter();
        Ok(entries.map(|entry| directory.join(entry.name)).collect())
    }
}
