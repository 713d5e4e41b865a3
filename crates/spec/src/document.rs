//! A file as it is written, for editing and printing: the short forms people use stay as they are.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A hallway file: container networks for Linux.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "hallway")]
pub struct Document {
    /// The project's name; by default the file's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Subnets that nodes share.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub networks: IndexMap<String, NetworkDoc>,
    /// Named network namespaces.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub nodes: IndexMap<String, Option<NodeDoc>>,
    /// Cables straight between two nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkDoc>,
    /// Who may talk to whom; the first that matches decides, replies always pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyDoc>,
    /// What must be true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<ExpectDoc>,
}

/// One or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// Several; tried first, because a struct can be read from a list too.
    Many(Vec<T>),
    /// One.
    One(T),
}

impl<T> OneOrMany<T> {
    /// The shortest way to write these.
    pub(crate) fn of(mut items: Vec<T>) -> Self {
        match items.pop() {
            Some(only) if items.is_empty() => Self::One(only),
            Some(last) => {
                items.push(last);
                Self::Many(items)
            }
            None => Self::Many(items),
        }
    }

    pub(crate) fn items(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A number or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A number.
    Number(i64),
    /// A truth value.
    Flag(bool),
    /// A text.
    Text(String),
    /// Nothing.
    Nothing(()),
}

impl Scalar {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Flag(b) => b.to_string(),
            Self::Text(t) => t.clone(),
            Self::Nothing(()) => String::new(),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

type Opt<T> = Option<T>;

/// A subnet that nodes share.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkDoc {
    /// One prefix, or one of each family.
    pub subnet: Opt<OneOrMany<String>>,
    /// The host's address; the first by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Opt<OneOrMany<String>>,
    /// No way out: no default route, no masquerade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal: Opt<bool>,
    /// Its nodes stand for the outside world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Opt<bool>,
    /// `bridge` (the default) or `routed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Opt<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Opt<u32>,
}

/// A named network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeDoc {
    /// Networks in order: a list of names, or a mapping with addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Opt<NetworksDoc>,
    /// Published ports: `[ip:]host[-range]:node[-range][/tcp|udp]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Opt<OneOrMany<PortDoc>>,
    /// The program that runs inside: a line, or a list of words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Opt<OneOrMany<Scalar>>,
    /// `up` waits until these listen, like `80/tcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Opt<OneOrMany<Scalar>>,
    /// Variables, as a mapping or a list of NAME=value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Opt<EnvironmentDoc>,
    /// Where `command` runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Opt<String>,
    /// When `command` is started again: no, on-failure, always or unless-stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Opt<Scalar>,
    /// Nodes whose command is started, and ready, before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depends_on: Opt<DependsDoc>,
    /// Name servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Opt<OneOrMany<String>>,
    /// Static routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Opt<OneOrMany<RouteDoc>>,
    /// Forward packets between its own interfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding: Opt<bool>,
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

/// A node's place on a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentDoc {
    /// A fixed address, or one of each family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Opt<OneOrMany<String>>,
    /// A fixed MAC address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Opt<String>,
    /// The interface's name inside; at most 15 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Opt<String>,
    /// Like `10mbit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Opt<Scalar>,
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

/// A published port, key by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPortDoc {
    /// The node's port.
    pub target: Scalar,
    /// The host's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Opt<Scalar>,
    /// Only this address of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_ip: Opt<String>,
    /// tcp or udp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Opt<String>,
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
    Map(IndexMap<String, serde_json::Value>),
}

/// A static route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteDoc {
    /// A prefix, or `default`.
    pub to: String,
    /// The next hop.
    pub via: String,
}

/// A cable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkDoc {
    /// Two nodes with their addresses.
    pub endpoints: IndexMap<String, Option<EndDoc>>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Opt<u32>,
    /// Like `10mbit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Opt<Scalar>,
}

/// One end of a cable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EndDoc {
    /// Addresses with prefix lengths.
    Addresses(OneOrMany<String>),
    /// With settings.
    Full(FullEndDoc),
}

/// One end of a cable, key by key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FullEndDoc {
    /// Addresses with prefix lengths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Opt<OneOrMany<String>>,
    /// The interface's name inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Opt<String>,
    /// A fixed MAC address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Opt<String>,
}

/// Who may talk to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDoc {
    /// `allow` (the default) or `deny`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Opt<String>,
    /// A node, a network, host, outside, any or a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Opt<OneOrMany<String>>,
    /// The same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Opt<OneOrMany<String>>,
    /// Both ways among these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Opt<Vec<String>>,
    /// Like `3306/tcp`, `8000-8010/udp`, `icmp`; everything when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Opt<OneOrMany<Scalar>>,
}

/// What must be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectDoc {
    /// Who sends.
    pub from: String,
    /// Who is to be reached.
    pub to: String,
    /// Like `80/tcp`; ping when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Opt<Scalar>,
    /// True unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachable: Opt<bool>,
}

impl Document {
    /// The document a text stands for; `None` when the text does not parse.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        crate::parse::document(text)
    }

    /// The document as a file.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).unwrap_or_default()
    }
}

/// The JSON Schema of a file, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut value = schemars::schema_for!(Document).to_value();
    allow_extensions(&mut value);
    value
}

/// `x-` keys are anybody's, everywhere.
fn allow_extensions(value: &mut serde_json::Value) {
    if let Some(object) = value.as_object_mut() {
        if object.contains_key("properties") {
            object.insert("patternProperties".into(), serde_json::json!({ "^x-": {} }));
        }
        for (_, inner) in object.iter_mut() {
            allow_extensions(inner);
        }
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(allow_extensions);
    }
}
