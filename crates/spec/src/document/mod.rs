//! A file in its written form, for editing and printing: short forms are kept. This is the only
//! list of the file's keys: the parser and the JSON Schema are made from it.

mod keys;
mod read;
mod schema;
mod values;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use keys::ImpairmentKeys;
use keys::mapping;
use values::{flag, number};

pub use schema::schema;
pub(crate) use values::{OneOrMany, Scalar};

mapping! {
    /// A hallway file: container networks for Linux.
    #[derive(Default)]
    #[schemars(title = "hallway")]
    pub struct Document read as FileKeys {
        /// The project's name; by default that of the file.
        name: Option<String>,
        /// Subnets that nodes share.
        #[serde(default)]
        networks: IndexMap<String, Option<NetworkDoc>>,
        /// Named network namespaces.
        #[serde(default)]
        nodes: IndexMap<String, Option<NodeDoc>>,
        /// Cables between two nodes.
        #[serde(default)]
        links: Vec<LinkDoc>,
        /// Which connections are allowed; the first that matches decides, replies always pass.
        #[serde(default)]
        policies: Vec<PolicyDoc>,
        /// What must be true.
        #[serde(default)]
        expect: Vec<ExpectDoc>,
    }
}

mapping! {
    /// A subnet that nodes share.
    #[derive(Default)]
    pub struct NetworkDoc read as NetworkKeys {
        /// One prefix, or one of each family; chosen when absent.
        subnet: Option<OneOrMany<String>>,
        /// The host's address; the first by default.
        gateway: Option<OneOrMany<String>>,
        /// False: its nodes have only the addresses that the file gives them.
        #[serde(default, deserialize_with = "flag")]
        assign: Option<bool>,
        /// No route to other networks and no published ports: no default route, no masquerade.
        #[serde(default, deserialize_with = "flag")]
        internal: Option<bool>,
        /// Its nodes represent the outside.
        #[serde(default, deserialize_with = "flag")]
        outside: Option<bool>,
        /// False: its nodes reach outside with their own addresses, and policies may let outside
        /// reach them.
        #[serde(default, deserialize_with = "flag")]
        nat: Option<bool>,
        /// `bridge` (the default), `routed` or `lan`.
        mode: Option<String>,
        /// True: a bridge of the host that is there already.
        #[serde(default, deserialize_with = "flag")]
        external: Option<bool>,
        /// The name of that bridge.
        bridge: Option<String>,
        /// An interface of the host, which each member gets a macvlan interface of.
        parent: Option<String>,
        /// The number of a VLAN on it, which the members are in.
        #[serde(default, deserialize_with = "number")]
        vlan: Option<u16>,
        /// Bytes.
        #[serde(default, deserialize_with = "number")]
        mtu: Option<u32>,
    }
}

mapping! {
    /// A named network namespace.
    #[derive(Default)]
    pub struct NodeDoc read as NodeKeys {
        /// Networks in order: a list of names, or a mapping with addresses.
        networks: Option<NetworksDoc>,
        /// Published ports: `[name=][ip:]host[-range]:node[-range][/tcp|udp|sctp]`.
        ports: Option<OneOrMany<PortDoc>>,
        /// Names of ports that are not published, like { web: 80/tcp }.
        port_names: Option<IndexMap<String, Scalar>>,
        /// The program that runs inside: a line, or a list of words.
        command: Option<OneOrMany<Scalar>>,
        /// `up` waits until these listen, like `80/tcp`.
        ready: Option<OneOrMany<Scalar>>,
        /// A command that checks whether the program works.
        healthcheck: Option<HealthcheckDoc>,
        /// Variables, as a mapping or a list of NAME=value.
        environment: Option<EnvironmentDoc>,
        /// Where `command` runs.
        working_dir: Option<String>,
        /// The user `command` runs as: a name, a number, or numbers of user and group.
        user: Option<Scalar>,
        /// When `command` is started again: no, on-failure, always or unless-stopped.
        restart: Option<Scalar>,
        /// true: if `command` ends with an error, `up` warns and goes on.
        #[serde(default, deserialize_with = "flag")]
        may_fail: Option<bool>,
        /// Nodes whose command is started before, with conditions for that.
        depends_on: Option<DependsDoc>,
        /// The host name for programs; the node's name when absent.
        hostname: Option<String>,
        /// Settings of its network namespace, like net.ipv4.tcp_syncookies.
        sysctls: Option<EnvironmentDoc>,
        /// Name servers.
        dns: Option<OneOrMany<String>>,
        /// Domains in which names without a dot are looked up.
        dns_search: Option<OneOrMany<String>>,
        /// Further lines of /etc/hosts: names with addresses, or a list of name:address. host-gateway
        /// means the host.
        extra_hosts: Option<EnvironmentDoc>,
        /// `node:NAME`: the program runs in the namespace of that node. `netns:NAME`, a path,
        /// `pid:NUMBER`, `container:NAME`: that namespace is joined.
        namespace: Option<String>,
        /// false: its networks give it no default route.
        #[serde(default, deserialize_with = "flag")]
        default_route: Option<bool>,
        /// Static routes.
        routes: Option<OneOrMany<RouteDoc>>,
        /// Forward packets between its own interfaces.
        #[serde(default, deserialize_with = "flag")]
        forwarding: Option<bool>,
        /// How much it may use of the host's resources.
        limits: Option<LimitsDoc>,
    }
}

mapping! {
    /// How much a node may use of the host's resources.
    #[derive(Default)]
    pub struct LimitsDoc read as LimitsKeys {
        /// Connections of each of its addresses at the same time; 8192 when absent.
        #[serde(default, deserialize_with = "number")]
        connections: Option<u32>,
    }
}

/// A node's networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NetworksDoc {
    /// Names only.
    List(Vec<String>),
    /// Names with settings.
    Map(IndexMap<String, Option<AttachmentDoc>>),
    /// One name.
    One(String),
}

mapping! {
    /// A node's connection to a network. Impairments apply to what the node sends.
    #[derive(Default)]
    pub struct AttachmentDoc read as AttachmentKeys with impairments {
        /// A fixed address, or one of each family.
        address: Option<OneOrMany<String>>,
        /// A fixed MAC address.
        mac: Option<String>,
        /// The interface's name inside; at most 15 characters.
        interface: Option<String>,
        /// Further names of the node for other nodes.
        aliases: Option<OneOrMany<String>>,
        /// Like `10mbit`.
        bandwidth: Option<Scalar>,
        /// It may answer as a DHCP server.
        #[serde(default, deserialize_with = "flag")]
        dhcp_server: Option<bool>,
        /// It may send IPv6 router advertisements.
        #[serde(default, deserialize_with = "flag")]
        router: Option<bool>,
        /// Addresses besides its own that it may send from and answer for: prefixes, or `any`.
        sources: Option<OneOrMany<String>>,
        /// What the node forwards into this network gets the node's address there.
        #[serde(default, deserialize_with = "flag")]
        masquerade: Option<bool>,
        /// Another name of `bandwidth`.
        rate: Option<Scalar>,
    }
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PortDoc {
    /// Compose's short syntax.
    Short(Scalar),
    /// Compose's long syntax.
    Long(LongPortDoc),
}

mapping! {
    /// A published port, key by key.
    pub struct LongPortDoc read as PortKeys {
        /// The node's port.
        target: Scalar,
        /// The host's port.
        published: Option<Scalar>,
        /// Only this address of the host.
        host_ip: Option<String>,
        /// tcp, udp or sctp.
        protocol: Option<String>,
        /// The name of the node's port.
        name: Option<String>,
        /// Which protocol is used there; without effect.
        app_protocol: Option<String>,
        /// `host` or `ingress`, which mean the same here.
        mode: Option<String>,
    }
}

/// Variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EnvironmentDoc {
    /// NAME=value.
    List(Vec<String>),
    /// A mapping.
    Map(IndexMap<String, Scalar>),
}

/// Dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum DependsDoc {
    /// Names.
    List(Vec<String>),
    /// Compose's form with conditions.
    Map(IndexMap<String, Option<DependencyDoc>>),
}

mapping! {
    /// The condition for a dependency.
    #[derive(Default)]
    pub struct DependencyDoc read as DependencyKeys {
        /// service_started (the default), service_healthy or service_completed_successfully.
        condition: Option<String>,
        /// false: if the other program fails, this one is started nevertheless; true when absent.
        #[serde(default, deserialize_with = "flag")]
        required: Option<bool>,
    }
}

mapping! {
    /// A command that checks whether a program works.
    #[derive(Default)]
    pub struct HealthcheckDoc read as HealthcheckKeys {
        /// A line for a shell, or a list that begins with CMD, CMD-SHELL or NONE.
        test: Option<OneOrMany<Scalar>>,
        /// The pause between two checks, like 30s (the default).
        interval: Option<Scalar>,
        /// A check that takes longer has failed; 30s when absent.
        timeout: Option<Scalar>,
        /// This number of failures in a row means unhealthy; 3 when absent.
        #[serde(default, deserialize_with = "number")]
        retries: Option<u32>,
        /// Failures within this time of the start do not count.
        start_period: Option<Scalar>,
        /// The pause between two checks in that time; 1s when absent.
        start_interval: Option<Scalar>,
        /// Turns the check off.
        #[serde(default, deserialize_with = "flag")]
        disable: Option<bool>,
    }
}

mapping! {
    /// A static route.
    pub struct RouteDoc read as RouteKeys {
        /// A prefix, or `default`.
        to: String,
        /// The next hop.
        via: String,
    }
}

mapping! {
    /// A cable. Impairments apply to what each end sends.
    #[derive(Default)]
    pub struct LinkDoc read as LinkKeys with impairments {
        /// Two nodes with their addresses.
        endpoints: IndexMap<String, Option<EndDoc>>,
        /// Bytes.
        #[serde(default, deserialize_with = "number")]
        mtu: Option<u32>,
        /// Like `10mbit`.
        bandwidth: Option<Scalar>,
        /// Another name of `bandwidth`.
        rate: Option<Scalar>,
    }
}

/// One end of a cable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EndDoc {
    /// Addresses with prefix lengths.
    Addresses(OneOrMany<String>),
    /// With settings.
    Full(Box<FullEndDoc>),
}

mapping! {
    /// One end of a cable, key by key. Impairments apply to what this end sends.
    #[derive(Default)]
    pub struct FullEndDoc read as EndKeys with impairments {
        /// Addresses with prefix lengths.
        address: Option<OneOrMany<String>>,
        /// The interface's name inside.
        interface: Option<String>,
        /// A fixed MAC address.
        mac: Option<String>,
        /// What the node forwards by this end gets the address that the node has here.
        #[serde(default, deserialize_with = "flag")]
        masquerade: Option<bool>,
        /// The limit of what this end sends, like `10mbit`.
        rate: Option<Scalar>,
    }
}

mapping! {
    /// Which connections are allowed.
    #[derive(Default)]
    pub struct PolicyDoc read as PolicyKeys {
        /// `allow` (the default) or `deny`.
        action: Option<String>,
        /// A node, a network, host, outside, any or a prefix.
        from: Option<OneOrMany<String>>,
        /// The same.
        to: Option<OneOrMany<String>>,
        /// Both directions among these.
        between: Option<Vec<String>>,
        /// Like `3306/tcp`, `8000-8010/udp`, `icmp`, or the name of a port; everything when absent.
        ports: Option<OneOrMany<Scalar>>,
    }
}

mapping! {
    /// What must be true.
    pub struct ExpectDoc read as ExpectKeys {
        /// The client.
        from: String,
        /// The server.
        to: String,
        /// Like `80/tcp`, or the name of a port; ping when absent.
        port: Option<Scalar>,
        /// True by default.
        #[serde(default, deserialize_with = "flag")]
        reachable: Option<bool>,
    }
}

/// A mapping of the file whose keys have equivalents in other formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// A node.
    Node,
    /// A node's connection to a network.
    Attachment,
}

impl Section {
    /// Whether a mapping of this kind may have that key.
    #[must_use]
    pub fn has(self, key: &str) -> bool {
        let known = match self {
            Self::Node => NodeKeys::KNOWN,
            Self::Attachment => AttachmentKeys::KNOWN,
        };
        known.contains(&key)
    }
}

impl Document {
    /// The names of its nodes, without those that only links name.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// The document as a file.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).unwrap_or_default()
    }
}
