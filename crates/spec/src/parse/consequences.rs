//! One mistake gives one message: problems that follow from another one are omitted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::problem::{
    Found, NameProblem, NetworkProblem, NodeProblem, PolicyProblem, ProblemKind, ValueProblem,
};
use crate::tree::Tree;
use crate::{InvalidName, Name, Problem, UnresolvedPort};

/// The problems without those that follow from others.
pub(super) fn left_out(tree: &Tree, problems: Vec<Problem>) -> Vec<Problem> {
    let causes = Causes::of(tree, &problems);
    let mut said = BTreeSet::new();
    let (_, kept): (Vec<Problem>, Vec<Problem>) =
        (problems.into_iter()).partition(|p| causes.explain(p) || causes.is_repeated(p, &mut said));
    kept
}

/// Mistakes that explain other problems.
#[derive(Default)]
struct Causes {
    /// Values of the wrong type, by offset and length.
    unexpected: BTreeSet<(usize, usize)>,
    /// Mappings with a key that is not similar to any: it may replace one that is missing.
    odd: BTreeSet<String>,
    /// Places of values that were read as those of another key.
    read_as: BTreeSet<String>,
    /// Texts that cannot be names, by offset.
    names: BTreeMap<usize, String>,
    /// Mappings whose `delay` could not be read.
    delays: Vec<String>,
    /// Networks with a subnet that could not be read, as `networks.NAME`.
    subnets: BTreeSet<String>,
    /// Nodes whose command could not be read, as `nodes.NAME`.
    commands: BTreeSet<String>,
    /// Whether ports of nodes, which may have names, could not be read.
    ports: bool,
    /// Ends of links whose interface has another link, by offset.
    interfaces: BTreeSet<usize>,
    /// Nodes of which it could not be read when they are ready, as `nodes.NAME`.
    readiness: BTreeSet<String>,
    /// Programs that share the namespace of a node that is not there.
    homeless: BTreeSet<Name>,
    /// Subnets that overlap.
    overlaps: Vec<(IpNet, IpNet)>,
    /// Gateways outside of their subnet.
    gateways: BTreeSet<IpAddr>,
    /// Nodes with an address outside of the network, as `nodes.NAME`.
    outside: BTreeSet<String>,
    /// Whether the networks or the nodes could not be read at all.
    sections: bool,
}

impl Causes {
    fn of(tree: &Tree, problems: &[Problem]) -> Self {
        let mut out = Self::default();
        let mut bad = BTreeSet::new();
        for problem in problems {
            out.ports |= is_of_ports(problem);
            let delay = problem.place.key.strip_suffix(".delay");
            out.delays.extend(delay.map(str::to_owned));
            out.subnets.extend(network_of_subnet(&problem.place.key));
            out.sections |= ["networks", "nodes"].contains(&problem.place.key.as_str());
            let value = matches!(problem.kind, ProblemKind::Value(_));
            let ready = [".ready", ".healthcheck"].iter();
            let node = ready.filter_map(|key| problem.place.key.split_once(key));
            let node = node.map(|(node, _)| node.to_owned()).filter(|_| value);
            out.readiness.extend(node);
            let command = problem.place.key.rsplit_once(".command");
            out.commands
                .extend(command.map(|(node, _)| node.to_owned()));
            match &problem.kind {
                ProblemKind::Value(ValueProblem::Unexpected { .. }) => {
                    let place = &problem.place;
                    out.unexpected.insert((place.offset, place.length));
                }
                ProblemKind::Value(ValueProblem::UnknownKey { path, nearest, .. }) => {
                    match nearest {
                        Some(nearest) => out.read_as.insert(joined(path, nearest)),
                        None => out.odd.insert(path.clone()),
                    };
                }
                ProblemKind::Node(NodeProblem::InterfaceInUse { .. }) => {
                    out.interfaces.insert(problem.place.offset);
                }
                ProblemKind::Name(NameProblem::UnknownOwner { node, .. }) => {
                    out.homeless.insert(node.clone());
                }
                ProblemKind::Network(NetworkProblem::SubnetOverlap { net, other_net, .. }) => {
                    out.overlaps.push((*net, *other_net));
                }
                ProblemKind::Network(NetworkProblem::GatewayOutside { gateway, .. }) => {
                    out.gateways.insert(*gateway);
                }
                ProblemKind::Network(NetworkProblem::AddressOutside { .. }) => {
                    let node = problem.place.key.split_once(".networks");
                    out.outside.extend(node.map(|(node, _)| node.to_owned()));
                }
                ProblemKind::Value(ValueProblem::Name(_)) => {
                    bad.insert(problem.place.offset);
                }
                _ => {}
            }
        }
        if !bad.is_empty() {
            // At a place of a translated file there may be other texts, too.
            let is_bad = |text: &str| text.parse::<Name>().is_err();
            let texts = tree.texts_at(&bad);
            out.names.extend(texts.filter(|(_, text)| is_bad(text)));
        }
        out
    }

    /// Whether a problem follows from another one.
    fn explain(&self, problem: &Problem) -> bool {
        let place = &problem.place;
        match &problem.kind {
            ProblemKind::Value(ValueProblem::Missing(_) | ValueProblem::LinkEnds(_)) => {
                self.unexpected.contains(&(place.offset, place.length))
                    || self.odd.contains(&place.key)
            }
            // A cable's delay is that of its ends.
            ProblemKind::Value(ValueProblem::NeedsDelay(_)) => {
                let mut delays = self.delays.iter();
                delays.any(|key| place.key.starts_with(key.as_str()))
            }
            ProblemKind::Value(ValueProblem::Unexpected { path, found, .. }) => {
                self.is_read_as(path) || path.ends_with(".namespace") && self.is_of_bad_name(found)
            }
            ProblemKind::Value(problem) if is_of_text(problem) => self.is_read_as(&place.key),
            ProblemKind::Network(NetworkProblem::AddressOutside { network, .. }) => {
                self.subnets.contains(&format!("networks.{network}"))
            }
            ProblemKind::Network(NetworkProblem::LinkOverlap { .. }) => {
                self.interfaces.contains(&place.offset)
            }
            ProblemKind::Network(NetworkProblem::GatewayWithoutSubnet(_)) => {
                let network = place.key.rsplit_once(".gateway");
                network.is_some_and(|(network, _)| self.subnets.contains(network))
            }
            ProblemKind::Node(NodeProblem::DependencyWithoutCommand { dependency, .. }) => {
                self.commands.contains(&format!("nodes.{dependency}"))
            }
            ProblemKind::Node(
                NodeProblem::ReadyWithoutCommand(node)
                | NodeProblem::HealthcheckWithoutCommand(node),
            ) => self.commands.contains(&format!("nodes.{node}")),
            ProblemKind::Node(NodeProblem::DependencyWithoutHealth { dependency, .. }) => {
                self.readiness.contains(&format!("nodes.{dependency}"))
            }
            ProblemKind::Node(NodeProblem::NextHop { node, via, .. }) => {
                self.gateways.contains(via) || self.outside.contains(&format!("nodes.{node}"))
            }
            ProblemKind::Network(NetworkProblem::AddressInUse { address, .. }) => {
                let mut overlaps = self.overlaps.iter();
                overlaps.any(|(a, b)| a.contains(address) && b.contains(address))
            }
            ProblemKind::Name(NameProblem::UnknownDependency { dependency, .. }) => {
                self.sections || self.homeless.contains(dependency)
            }
            ProblemKind::Name(NameProblem::UnknownOwner { .. }) => self.sections,
            ProblemKind::Name(NameProblem::UnknownEndpoint { name, .. }) => {
                self.sections || self.names.values().any(|text| text == name)
            }
            ProblemKind::Name(NameProblem::UnknownNetwork { network, .. }) => {
                let begin = format!("{network}:"); // `apps:{ … }` is one name
                self.sections || self.names.values().any(|text| text.starts_with(&begin))
            }
            ProblemKind::Policy(PolicyProblem::PortName(UnresolvedPort::Unknown { .. })) => {
                self.ports
            }
            _ => false,
        }
    }

    /// Whether a value, or one of a list, is that of a misspelt key, and so perhaps of another kind.
    fn is_read_as(&self, key: &str) -> bool {
        let item = key.strip_suffix(']').and_then(|key| key.rsplit_once('['));
        let list = item.map_or(key, |(list, _)| list);
        self.read_as.contains(key) || self.read_as.contains(list)
    }

    /// Whether a value is `node:` and a name that is refused where it is defined.
    fn is_of_bad_name(&self, found: &Found) -> bool {
        let Found::Scalar(text) = found else {
            return false;
        };
        let owner = text.strip_prefix("node:");
        owner.is_some_and(|owner| self.names.values().any(|bad| bad == owner))
    }

    /// Whether the same name was refused before: it is invalid where it is defined, and written in
    /// the same way where it is used.
    fn is_repeated(&self, problem: &Problem, said: &mut BTreeSet<String>) -> bool {
        let ProblemKind::Value(ValueProblem::Name(error)) = &problem.kind else {
            return false;
        };
        let text = self.names.get(&problem.place.offset);
        *error != InvalidName::Empty && text.is_some_and(|text| !said.insert(text.clone()))
    }
}

/// Whether a text is not one of the kind that its key takes.
fn is_of_text(problem: &ValueProblem) -> bool {
    matches!(
        problem,
        ValueProblem::Port(_)
            | ValueProblem::Service(_)
            | ValueProblem::Publish(_)
            | ValueProblem::Mac(_)
            | ValueProblem::Bandwidth(_)
            | ValueProblem::Impairment(_)
            | ValueProblem::Command(_)
            | ValueProblem::Name(_)
            | ValueProblem::PortName(_)
    )
}

/// The mapping of the network, of a key that decides about its subnet.
fn network_of_subnet(key: &str) -> Option<String> {
    let found = [".ipam.", ".subnet", ".mode"].iter();
    let (network, _) = found.filter_map(|part| key.split_once(part)).next()?;
    network.starts_with("networks.").then(|| network.to_owned())
}

/// Whether a problem is a value among the ports of a node, or their names.
fn is_of_ports(problem: &Problem) -> bool {
    let key = &problem.place.key;
    let is_below = |keys: [&str; 2]| keys.iter().any(|k| key.contains(k));
    matches!(problem.kind, ProblemKind::Value(_))
        && is_below([".ports", ".port_names"])
        && !is_below(["policies[", "expect["])
}

fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}
