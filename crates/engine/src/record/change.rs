//! One node that was added or removed, as a value.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use hallway_plan::Settled;
use hallway_spec::{Edit, Name, NetnsName, NewNode, PortProto};
use serde::{Deserialize, Serialize};

use super::member::Member;

/// One node that was added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndpointChange {
    /// The generation of the record that it changes.
    pub(crate) generation: u64,
    /// Nanoseconds since 1970: nodes are in the order in which they were added.
    pub(crate) at: u64,
    pub(crate) name: Name,
    pub(crate) change: NodeChange,
}

/// What has happened to the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeChange {
    /// It exists like this, whatever had its name before.
    Added {
        member: Box<Member>,
        /// Of its namespace; 0 before that exists.
        inode: u64,
        text: NodeText,
    },
    /// It does not exist any more.
    Removed,
}

/// A node as it was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeText {
    networks: Vec<(Name, Vec<IpAddr>)>,
    ports: Vec<String>,
    command: Vec<String>,
    ready: Vec<PortProto>,
}

impl NodeText {
    /// Of an edit that adds a node.
    pub(crate) fn of(edit: &Edit) -> Option<Self> {
        match edit {
            Edit::NodeAdd(NewNode {
                networks,
                ports,
                command,
                ready,
                ..
            }) => Some(Self {
                networks: networks.clone(),
                ports: ports.clone(),
                command: command.clone(),
                ready: ready.clone(),
            }),
            _ => None,
        }
    }

    pub(super) fn edit(&self, name: &Name) -> Edit {
        let Self {
            networks,
            ports,
            command,
            ready,
        } = self.clone();
        Edit::NodeAdd(NewNode {
            name: name.clone(),
            networks,
            ports,
            command,
            ready,
        })
    }
}

impl EndpointChange {
    pub(crate) fn new(generation: u64, name: Name, change: NodeChange) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            generation,
            at: now.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
            name,
            change,
        }
    }

    /// What was built, with this change.
    pub(super) fn apply(&self, settled: &mut Settled, inodes: &mut Vec<(NetnsName, u64)>) {
        let before = settled.nodes.iter().find(|n| n.name == self.name);
        if let Some(netns) = before.map(|n| n.netns.clone()) {
            inodes.retain(|(name, _)| netns != *name);
        }
        settled.nodes.retain(|n| n.name != self.name);
        settled.publishes.retain(|p| p.node != self.name);
        if let NodeChange::Added { member, inode, .. } = &self.change {
            inodes.extend(member.node.netns.name().map(|name| (name.clone(), *inode)));
            settled.nodes.push(member.node.clone());
            settled.publishes.extend(member.publishes.iter().cloned());
        }
    }
}
