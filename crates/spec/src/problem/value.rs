//! Problems of single keys and values.

use std::fmt;

use super::{Code, Details, example, foreign_keys, list};
use crate::command::InvalidCommand;
use crate::{
    InvalidBandwidth, InvalidImpairment, InvalidInterfaceName, InvalidMac, InvalidName,
    InvalidPort, InvalidPortName, InvalidService, InvalidSysctl, Label, Name, Place,
};

/// A longer list of known keys is not shown.
const LISTED_MAX: usize = 30;

/// Problems of one key or value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueProblem {
    /// An unknown key.
    #[error("unknown key `{key}`{}", of(.path))]
    UnknownKey {
        /// The key.
        key: String,
        /// The path of the mapping; empty for the file itself.
        path: String,
        /// The most similar known key.
        nearest: Option<&'static str>,
        /// Every key that is known there.
        known: &'static [&'static str],
    },
    /// A key that is written twice in one mapping.
    #[error("duplicate key `{key}`")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it is written first.
        first: Place,
    },
    /// A network that is listed twice for one node.
    #[error("network {network} is listed twice")]
    NetworkListedTwice {
        /// The network.
        network: Name,
        /// Where it is listed first.
        first: Place,
    },
    /// A value of another type or form.
    #[error("{} must be {expected}, but is {found}", subject(.path))]
    Unexpected {
        /// The path of the value; empty for the file itself.
        path: String,
        /// What is expected, like `true or false`.
        expected: &'static str,
        /// What was found.
        found: Found,
    },
    /// A value with a variable, as Compose files have them, that is not a valid value.
    #[error("{0} is not replaced: a hallway file has no variables")]
    Variable(String),
    /// A port that cannot be read.
    #[error(transparent)]
    Port(#[from] InvalidPort),
    /// A published port that cannot be read.
    #[error(transparent)]
    Publish(InvalidPort),
    /// The name of a port that is not allowed.
    #[error(transparent)]
    PortName(#[from] InvalidPortName),
    /// A service that is neither a port nor an IP protocol.
    #[error(transparent)]
    Service(#[from] InvalidService),
    /// A MAC address that cannot be read.
    #[error(transparent)]
    Mac(#[from] InvalidMac),
    /// A bandwidth that cannot be read or is out of range.
    #[error(transparent)]
    Bandwidth(#[from] InvalidBandwidth),
    /// An impairment that cannot be read or is out of range.
    #[error(transparent)]
    Impairment(#[from] InvalidImpairment),
    /// Jitter or reordering without a delay.
    #[error("{0} has no effect without a delay")]
    NeedsDelay(&'static str),
    /// `bandwidth` and `rate` in one mapping.
    #[error("bandwidth and rate are two names of one limit")]
    TwoLimits,
    /// A command that cannot be run.
    #[error(transparent)]
    Command(#[from] InvalidCommand),
    /// A setting that a node cannot have.
    #[error(transparent)]
    Sysctl(#[from] InvalidSysctl),
    /// A name that is not allowed.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// An interface name that is not allowed.
    #[error(transparent)]
    Interface(#[from] InvalidInterfaceName),
    /// `host`, `outside` or `any` as the name of a node or network.
    #[error("{0} has a meaning of its own and cannot be a name")]
    ReservedName(Name),
    /// A required key is missing.
    #[error(transparent)]
    Missing(#[from] Required),
    /// A link with more or fewer than two ends.
    #[error("a link has two ends, this has {0}")]
    LinkEnds(usize),
}

/// What a file must have in some place, and is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Required {
    /// The two ends of a link.
    #[error("a link needs endpoints")]
    Endpoints,
    /// The subnet of a network with a gateway.
    #[error("a network with a gateway needs its subnet, too")]
    SubnetOfGateway,
    /// The node's port of a published port.
    #[error("a published port needs a target, the port in the node")]
    Target,
    /// The command of a program that shares a namespace.
    #[error("a program that shares the namespace of a node needs a command")]
    OfSidecar,
    /// The link that a VLAN is on.
    #[error("vlan needs parent, the name of an interface of the host")]
    ParentOfVlan,
    /// The bridge of an external network.
    #[error("an external network needs bridge, the name of a bridge of the host")]
    OfExternal,
    /// The command of a health check.
    #[error("a healthcheck needs a test")]
    Test,
    /// A key of a route.
    #[error("a route needs `{0}`")]
    OfRoute(&'static str),
    /// A key of an expectation.
    #[error("an expectation needs `{0}`")]
    OfExpect(&'static str),
    /// The other side of a policy.
    #[error("a policy with `{0}` needs `{1}`")]
    OtherSide(&'static str, &'static str),
    /// The two sides of a policy.
    #[error("a policy has either from and to, or between")]
    Sides,
    /// A name in `from`, `to` or `between`.
    #[error("a policy needs a name on each side, and this list is empty")]
    SideName,
    /// The second name in `between`.
    #[error("between needs at least two names")]
    SecondName,
    /// The condition of a dependency in a Compose file.
    #[error("a dependency with keys of its own needs a condition")]
    Condition,
    /// The file of an entry of `include`.
    #[error("an entry of include needs a path")]
    PathOfInclude,
    /// The file of an entry of `env_file`.
    #[error("an entry of env_file needs a path")]
    PathOfEnvFile,
    /// The nodes of a containerlab topology.
    #[error("a topology needs nodes")]
    NodesOfLab,
    /// The ends of a link of containerlab.
    #[error("a link needs endpoints")]
    EndpointsOfLab,
    /// A key of an endpoint of containerlab.
    #[error("an endpoint needs `{0}`")]
    OfEndpoint(&'static str),
    /// The service that another extends.
    #[error("extends needs a service")]
    ServiceOfExtends,
}

/// What a file has in place of something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No value, or `null`.
    Nothing,
    /// A scalar with this text.
    Scalar(String),
    /// A number where a text is expected.
    Number(String),
    /// A truth value where a text is expected.
    Truth(String),
    /// A list.
    List,
    /// A mapping.
    Mapping,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("empty"),
            Self::Scalar(text) => write!(f, "{text:?}"),
            Self::Number(text) => write!(f, "the number {text}"),
            Self::Truth(text) => write!(f, "the truth value {text}"),
            Self::List => f.write_str("a list"),
            Self::Mapping => f.write_str("a mapping"),
        }
    }
}

/// What to do about an unknown key.
fn unknown(key: &str, nearest: Option<&str>, known: &[&str]) -> String {
    if let Some(instead) = foreign_keys::instead(key, known) {
        return instead.to_owned();
    }
    // Only the file itself has both.
    let is_file = ["nodes", "expect"].iter().all(|k| known.contains(k));
    if let Some(of) = other_file(key).filter(|_| is_file && nearest.is_none()) {
        return of;
    }
    match nearest {
        Some(near) if known.len() > LISTED_MAX => format!("did you mean {near}?"),
        Some(near) => format!("did you mean {near}? Known keys: {}", list(known)),
        None if known.len() > LISTED_MAX => {
            "remove it, or begin it with x-: such keys are ignored".into()
        }
        None => format!("known keys: {}", list(known)),
    }
}

/// What a misspelt key means by which files of other formats are recognised.
fn other_file(key: &str) -> Option<String> {
    let formats = [
        ("services", "a Compose file"),
        ("topology", "a containerlab topology"),
    ];
    let near = crate::nearest(key, formats.iter().map(|(key, _)| *key))?;
    let (_, format) = formats.iter().find(|(key, _)| *key == near)?;
    Some(format!(
        "did you mean {near}? With that key this is {format}; a hallway file has nodes"
    ))
}

fn of(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" in {}", subject(path))
    }
}

/// A key path in words: policies are counted from 1, as everywhere else.
fn subject(path: &str) -> String {
    let policy = || {
        let (position, key) = path.strip_prefix("policies[")?.split_once(']')?;
        let number = position.parse::<usize>().ok()?.checked_add(1)?;
        Some(match key.strip_prefix('.') {
            Some(key) => format!("{key} of policy {number}"),
            None => format!("policy {number}"),
        })
    };
    match path {
        "" => "the file".to_owned(),
        path => policy().unwrap_or_else(|| path.to_owned()),
    }
}

impl Details for ValueProblem {
    fn code(&self) -> Code {
        match self {
            Self::UnknownKey { .. } => Code::UnknownKey,
            Self::DuplicateKey { .. } | Self::NetworkListedTwice { .. } => Code::DuplicateKey,
            Self::Name(_) | Self::Interface(_) | Self::ReservedName(_) | Self::PortName(_) => {
                Code::BadName
            }
            Self::Missing(_) => Code::Missing,
            Self::Unexpected { .. }
            | Self::Port(_)
            | Self::Service(_)
            | Self::Publish(_)
            | Self::Mac(_)
            | Self::Bandwidth(_)
            | Self::Impairment(_)
            | Self::NeedsDelay(_)
            | Self::TwoLimits
            | Self::Command(_)
            | Self::Sysctl(_)
            | Self::Variable(_)
            | Self::LinkEnds(_) => Code::BadValue,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::UnknownKey { .. } => "unknown key".into(),
            Self::DuplicateKey { .. } | Self::NetworkListedTwice { .. } => "written again".into(),
            Self::Unexpected { expected, .. } => format!("expected {expected}"),
            _ => "here".into(),
        }
    }

    fn others(&self) -> Vec<Label> {
        match self {
            Self::DuplicateKey { first, .. } | Self::NetworkListedTwice { first, .. } => {
                vec![Label::new(first, "first here")]
            }
            _ => Vec::new(),
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::UnknownKey {
                key,
                nearest,
                known,
                ..
            } => unknown(key, *nearest, known),
            Self::DuplicateKey { .. } | Self::NetworkListedTwice { .. } => {
                "remove one of the two".into()
            }
            Self::Variable(variable) if variable.starts_with("{{") => {
                "write the value itself, or render the template first: helm template CHART | hallway up -".into()
            }
            Self::Variable(_) => "write the value itself, or have another program fill it in: envsubst < FILE | hallway up -; in Compose files variables are replaced, except in keys".into(),
            Self::Publish(_) => {
                "write [ip:]host-port[-range]:node-port[-range][/tcp|udp|sctp], like \"8080:80\"".into()
            }
            Self::Port(_) => "write a port like 80/tcp, or 53/udp".into(),
            Self::PortName(_) => "choose a name like web or http-admin".into(),
            Self::Name(InvalidName::Character(':')) => "write a space after the ':'".into(),
            Self::Name(_) => "choose a name like web-1 or db.internal".into(),
            Self::ReservedName(_) => "choose another name".into(),
            Self::Interface(_) => {
                "use at most 15 letters, digits, '-', '_' and '.', like eth0".into()
            }
            Self::Command(InvalidCommand::ShellOperator(word)) if word.contains('=') => {
                "write the variable in environment: { NAME: value }, or sh -c '…' around the whole line"
                    .into()
            }
            Self::Command(InvalidCommand::ShellOperator(_)) => {
                "write sh -c '…' around the whole line".into()
            }
            Self::Command(_) => {
                "write a line like nginx -g 'daemon off;', or a list of words".into()
            }
            Self::NeedsDelay("reorder") => {
                "packets that are not delayed are sent before those that are: write delay: 10ms, too"
                    .into()
            }
            Self::NeedsDelay(_) => {
                "the delay differs by it, up and down: write delay: 10ms, too".into()
            }
            Self::TwoLimits => "remove one of the two".into(),
            Self::Sysctl(_) => "remove it".into(),
            Self::LinkEnds(_) => "write one link for each pair of nodes".into(),
            Self::Unexpected {
                found: Found::Number(text) | Found::Truth(text),
                ..
            } => format!("write it in quotes: {text:?}"),
            Self::Unexpected { path, expected, .. } => return example::help(path, expected),
            Self::Missing(required) => return required.help().map(Into::into),
            _ => return None,
        };
        Some(help)
    }
}

impl Required {
    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Endpoints => Some("write endpoints: { a: 10.0.1.1/24, b: 10.0.1.2/24 }"),
            Self::SubnetOfGateway => Some("give it a subnet, or remove the gateway"),
            Self::Target => Some("write { target: 80, published: 8080 }"),
            Self::OfSidecar => Some("give it a command, or remove namespace"),
            Self::ParentOfVlan => Some("write parent: eth0, as ip link shows it"),
            Self::OfExternal => Some("write bridge: br0, as ip link shows it"),
            Self::Test => Some(
                "write test: curl -f http://localhost/, or test: [CMD, program, argument]; or disable: true",
            ),
            Self::OfRoute(_) => Some("write { to: 10.0.0.0/8, via: 10.10.0.2 }"),
            Self::OfExpect(_) => Some("write { from: a, to: b }"),
            Self::OtherSide(..) | Self::Sides => Some(
                "write { from: a, to: b }, or { action: deny, between: [a, b] } for both directions",
            ),
            Self::SideName => Some("write { from: a, to: b }; any is everything"),
            Self::SecondName => Some("write between: [a, b]"),
            Self::Condition => Some(
                "write condition: service_started, service_healthy or service_completed_successfully",
            ),
            Self::NodesOfLab => Some("write nodes: { r1: { kind: linux }, r2: { kind: linux } }"),
            Self::EndpointsOfLab => Some("write endpoints: [\"a:eth1\", \"b:eth1\"]"),
            Self::OfEndpoint(_) => Some("write { node: a, interface: eth1 }, or a:eth1"),
            Self::PathOfInclude => Some("write { path: db.yaml }, or the path alone"),
            Self::PathOfEnvFile => Some("write { path: app.env }, or the path alone"),
            Self::ServiceOfExtends => Some(
                "write { service: web, file: base.yaml }, or the name of a service of this file alone",
            ),
        }
    }
}
