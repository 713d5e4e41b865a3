//! How a command acts in a network namespace.

use hallway_spec::NetnsRef;

use super::quote::quote;

/// A program that acts in a namespace: by its name, or by a path.
pub(super) fn within(program: &str, netns: &NetnsRef) -> String {
    match netns {
        NetnsRef::Path(_) => format!("{}{program}", run_in(netns)),
        NetnsRef::Named(_) | NetnsRef::Container(_) => {
            format!("{program} -n {}", quote(&netns.to_string()))
        }
    }
}

/// What a command that runs in a namespace begins with.
pub(super) fn run_in(netns: &NetnsRef) -> String {
    let word = quote(&netns.to_string());
    match netns {
        NetnsRef::Path(_) => format!("nsenter --net={word} "),
        NetnsRef::Named(_) | NetnsRef::Container(_) => format!("ip netns exec {word} "),
    }
}
