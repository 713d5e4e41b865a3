//! A wrong name that a file has in several places is one mistake, and one message.

use hallway_spec::problem::{ImportProblem, NameProblem, ProblemKind};
use hallway_spec::{Diagnostic, Label, Place, Problem, listed};

/// What a wrong name should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Network,
    Node,
    Service,
    /// Either a network or a node.
    Any,
}

/// A problem, and the other places of the same mistake.
pub(super) struct Repeated<'p> {
    problem: &'p Problem,
    name: Option<(What, &'p str)>,
    more: Vec<&'p Place>,
    /// The file that the project was read from.
    path: &'p str,
}

impl Diagnostic for Repeated<'_> {
    fn code(&self) -> &'static str {
        self.problem.code()
    }

    fn message(&self) -> String {
        let message = self.problem.message();
        let main = self.problem.place.file(self.path);
        let place = |place: &&Place| match place.file(self.path) {
            file if file == main => place.line.to_string(),
            file => format!("{} of {file}", place.line),
        };
        let mut lines: Vec<String> = self.more.iter().map(place).collect();
        lines.dedup();
        let name = self.name.map_or("", |(_, name)| name);
        let distinct = lines.len();
        let lines = match lines.as_slice() {
            [one] => format!("line {one}"),
            several => format!("lines {}", listed(several)),
        };
        match self.more.len() {
            0 => message,
            1 => format!("{message}; {name} is in 1 other place: {lines}"),
            count if distinct < count => {
                format!("{message}; {name} is in {count} other places, on {lines}")
            }
            count => format!("{message}; {name} is in {count} other places: {lines}"),
        }
    }

    fn help(&self) -> Option<String> {
        self.problem.help()
    }

    fn help_with(&self, hallway: &str) -> Option<String> {
        self.problem.help_with(hallway)
    }

    fn labels(&self) -> Vec<Label> {
        self.problem.labels()
    }
}

/// The problems, each wrong name once.
pub(super) fn once<'p>(problems: &'p [Problem], path: &'p str) -> Vec<Repeated<'p>> {
    let mut out: Vec<Repeated<'p>> = Vec::new();
    for problem in problems {
        let name = wrong_name(problem);
        let same = out.iter_mut().find(|before| same(before.name, name));
        match same {
            // Nodes of one service of a Compose file have one place.
            Some(before) if before.problem.place == problem.place => {}
            Some(before) => before.more.push(&problem.place),
            None => out.push(Repeated {
                problem,
                name,
                more: Vec::new(),
                path,
            }),
        }
    }
    out
}

fn same(a: Option<(What, &str)>, b: Option<(What, &str)>) -> bool {
    let Some(((what, name), (other, other_name))) = a.zip(b) else {
        return false;
    };
    name == other_name && (what == other || [what, other].contains(&What::Any))
}

fn wrong_name(problem: &Problem) -> Option<(What, &str)> {
    match &problem.kind {
        ProblemKind::Name(NameProblem::UnknownNetwork { network, .. }) => {
            Some((What::Network, network.as_ref()))
        }
        ProblemKind::Name(NameProblem::UnknownOwner { owner: node, .. })
        | ProblemKind::Name(NameProblem::UnknownDependency {
            dependency: node, ..
        }) => Some((What::Node, node.as_ref())),
        ProblemKind::Name(NameProblem::UnknownEndpoint { name, .. }) => {
            Some(match name.split_once(':') {
                Some(("node", name)) => (What::Node, name),
                Some(("network", name)) => (What::Network, name),
                _ => (What::Any, name),
            })
        }
        ProblemKind::Import(ImportProblem::UnknownService { service, .. }) => {
            Some((What::Service, service))
        }
        ProblemKind::Import(ImportProblem::UnknownNode { node, .. }) => Some((What::Node, node)),
        _ => None,
    }
}
