//! One mistake gives one message: problems that follow from another one are omitted.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{
    NameProblem, NetworkProblem, NodeProblem, PolicyProblem, ProblemKind, ValueProblem,
};
use crate::tree::Tree;
use crate::{InvalidName, Problem, UnresolvedPort};

/// The problems without those that follow from others.
pub(super) fn left_out(tree: &Tree, problems: Vec<Problem>) -> Vec<Problem> {
    let causes = Causes::of(tree, &problems);
    let mut said = BTreeSet::new();
    let (_, kept): (Vec<Problem>, Vec<Problem>) =
        (problems.into_iter()).partition(|p| causes.explain(p) || causes.is_repeated(p, &mut said));
    kept
}

/// Mistakes that explain other problems.
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
}

impl Causes {
    fn of(tree: &Tree, problems: &[Problem]) -> Self {
        let mut out = Self {
            unexpected: BTreeSet::new(),
            odd: BTreeSet::new(),
            read_as: BTreeSet::new(),
            names: BTreeMap::new(),
            delays: Vec::new(),
            subnets: BTreeSet::new(),
            commands: BTreeSet::new(),
            ports: false,
        };
        let mut bad = BTreeSet::new();
        for problem in problems {
            out.ports |= is_of_ports(problem);
            let delay = problem.place.key.strip_suffix(".delay");
            out.delays.extend(delay.map(str::to_owned));
            out.subnets.extend(network_of_subnet(&problem.place.key));
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
                ProblemKind::Value(ValueProblem::Name(_)) => {
                    bad.insert(problem.place.offset);
                }
                _ => {}
            }
        }
        if !bad.is_empty() {
            out.names.extend(tree.texts_at(&bad));
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
            ProblemKind::Value(ValueProblem::Unexpected { path, .. }) => {
                self.read_as.contains(path)
            }
            ProblemKind::Network(NetworkProblem::AddressOutside { network, .. }) => {
                self.subnets.contains(&format!("networks.{network}"))
            }
            ProblemKind::Network(NetworkProblem::GatewayWithoutSubnet(_)) => {
                let network = place.key.rsplit_once(".gateway");
                network.is_some_and(|(network, _)| self.subnets.contains(network))
            }
            ProblemKind::Node(NodeProblem::DependencyWithoutCommand { dependency, .. }) => {
                self.commands.contains(&format!("nodes.{dependency}"))
            }
            ProblemKind::Node(NodeProblem::ReadyWithoutCommand(node)) => {
                self.commands.contains(&format!("nodes.{node}"))
            }
            ProblemKind::Name(NameProblem::UnknownEndpoint { name, .. }) => {
                self.names.values().any(|text| text == name)
            }
            ProblemKind::Name(NameProblem::UnknownNetwork { network, .. }) => {
                let begin = format!("{network}:"); // `apps:{ … }` is one name
                self.names.values().any(|text| text.starts_with(&begin))
            }
            ProblemKind::Policy(PolicyProblem::PortName(UnresolvedPort::Unknown { .. })) => {
                self.ports
            }
            _ => false,
        }
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

/// The mapping of the network, of a key that is its `subnet` or part of it.
fn network_of_subnet(key: &str) -> Option<String> {
    let (network, _) = key.rsplit_once(".subnet")?;
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
