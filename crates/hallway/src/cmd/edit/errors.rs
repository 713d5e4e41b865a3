//! Why a change by a command is not made, in words of the command line.

use hallway_spec::problem::{NameProblem, ProblemKind, ValueProblem};
use hallway_spec::{EditError, Name, Problems};

use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::other_scopes::is_elsewhere;

/// A change that the project does not allow. `places` are the flags of other projects that have a network.
pub(super) fn refused(why: &EditError, places: impl Fn(&Name) -> Vec<String>) -> VerbError {
    if let EditError::NoNetwork(network) = why {
        let places = places(network);
        if !places.is_empty() {
            let help = is_elsewhere("network", network, &places);
            return VerbError::refused(why).with_help(help);
        }
    }
    VerbError::refused(why)
}

/// Problems of the edited text, in words of the command line: the user has not written that text.
/// `places` are the flags of other projects that have a network.
pub(super) fn of_arguments(
    mut problems: Problems,
    places: impl Fn(&Name) -> Vec<String>,
) -> VerbError {
    for problem in &mut problems.problems {
        if let ProblemKind::Name(NameProblem::UnknownNetwork {
            network, nearest, ..
        }) = &problem.kind
        {
            let places = places(network);
            let help = match nearest {
                _ if !places.is_empty() => is_elsewhere("network", network, &places),
                Some(near) => format!("did you mean {near}?"),
                None => format!(
                    "hallway network add {network} adds it; hallway network ls lists the others"
                ),
            };
            return VerbError::usage(
                CommandCode::NoSuchNetwork,
                format!("there is no network {network}"),
                help,
            );
        }
        if let ProblemKind::Value(ValueProblem::Unexpected { path, .. }) = &mut problem.kind
            && let Some((_, key)) = path.rsplit_once('.')
        {
            let option = match key.split('[').next().unwrap_or(key) {
                "ports" => "--port",
                "subnet" => "--subnet",
                "gateway" => "--gateway",
                "address" => "--address",
                "ready" => "--ready",
                "mtu" => "--mtu",
                "vlan" => "--vlan",
                "parent" => "--parent",
                _ => continue,
            };
            *path = option.to_owned();
        }
    }
    VerbError::Argument(problems)
}
