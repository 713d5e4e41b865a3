//! What is created, with everything that belongs to it.

use std::collections::BTreeMap;

use hallway_nftables::{Family, Ruleset, Table};
use hallway_spec::{Name, NetnsName, NetnsRef, SysctlKey};

use crate::observed::Uplink;
use crate::settled::Vlan;
use crate::target::{Link, Route, Setting};

/// Tables to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRules {
    /// All of them.
    pub rules: Ruleset,
    /// Tables that another program has removed, or from which it has removed all rules. The guard
    /// closes the project until everything is loaded again, so they are loaded in parts: sets,
    /// rules at hooks without the guard, the other rules.
    pub lost: Vec<Family>,
    /// What closes the project until the rules are loaded, where rules exist before.
    pub closing: Option<Table>,
    /// Notes of uplinks that forward because of this project, which are kept.
    pub noted: Vec<Uplink>,
    /// The bridges among them.
    pub bridges: Vec<String>,
}

/// A bridge to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBridge {
    /// The network.
    pub network: Name,
    /// The bridge.
    pub link: Link,
    /// It is this VLAN instead.
    pub vlan: Option<Vlan>,
}

/// A namespace to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNamespace {
    /// The node.
    pub node: Name,
    /// Its name in /run/netns.
    pub netns: NetnsName,
    /// The alias of its loopback.
    pub alias: String,
    /// Settings of the namespace.
    pub settings: Vec<(Setting, u32)>,
    /// Those for programs without capabilities.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// The table of a node that translates addresses.
    pub rules: Option<Ruleset>,
}

/// A node's interface on a network to create, with both its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPort {
    /// The node.
    pub node: Name,
    /// Its namespace.
    pub netns: NetnsRef,
    /// The network.
    pub network: Name,
    /// The host's end.
    pub outer: Link,
    /// Routes of the host that leave by it.
    pub outer_routes: Vec<Route>,
    /// The node's end.
    pub inner: Link,
    /// Routes of the node that leave by it.
    pub inner_routes: Vec<Route>,
    /// What the node may send from there besides its own addresses, in words. The rules have it; here
    /// it is for the words of the step alone.
    pub sources: Option<String>,
    /// The namespace is one of other programs: the link does not begin with the settings it must have.
    pub joined: bool,
}

/// A macvlan interface to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMacvlan {
    /// The link of the host that it is of.
    pub parent: String,
    /// The network.
    pub network: Name,
    /// The interface, with its node.
    pub end: CableEnd,
}

/// A cable to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCable {
    /// One end.
    pub a: CableEnd,
    /// The other.
    pub b: CableEnd,
}

/// An interface that is made inside a node: one end of a cable, or a macvlan interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CableEnd {
    /// The node.
    pub node: Name,
    /// Its namespace.
    pub netns: NetnsRef,
    /// The interface.
    pub link: Link,
    /// Routes that leave by it.
    pub routes: Vec<Route>,
    /// The namespace is one of other programs: the link does not begin with the settings it must have.
    pub joined: bool,
}
