//! Programs and listeners of a project's keeper: those that must run, compared with those that run.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Difference, Fact, ObjectPlace};
use crate::exit::{Exit, SeenProgram};
use crate::observed::{Observed, Seen, SeenKeeper};
use crate::program::Program;
use crate::settled::Settled;
use crate::target::listeners;

/// Every difference; none when the keeper was not examined.
pub(crate) fn differences(wanted: &Settled, seen: &Observed) -> Vec<Difference> {
    let keeper = match &seen.keeper {
        Seen::Present(keeper) => Some(keeper),
        Seen::Absent => None,
        Seen::Unseen => return Vec::new(),
    };
    let mut out = Vec::new();
    for program in wanted.programs() {
        let serves = !program.service.ready.is_empty();
        if let Some(state) = stopped(program.name.as_ref(), serves, keeper) {
            let place = ObjectPlace::Node {
                node: program.name.clone(),
                netns: program.node.netns.clone(),
            };
            let keeper = keeper.and_then(|k| k.programs.get(program.name.as_ref()));
            let by_command = keeper == Some(&SeenProgram::Stopped);
            out.push(Difference {
                place,
                fact: Fact::ProgramStopped { state, by_command },
            });
        }
    }
    let local: BTreeSet<IpAddr> = seen.host.addresses.iter().map(|a| a.net.addr()).collect();
    for listener in listeners(wanted) {
        let address = listener.address.ip();
        // On a machine without IPv6 the port is served on IPv4 alone.
        let possible = address.is_ipv4() || local.contains(&address);
        if possible && !keeper.is_some_and(|k| k.listeners.contains(&listener)) {
            out.push(Difference {
                place: ObjectPlace::Host,
                fact: Fact::ListenerMissing { listener },
            });
        }
    }
    out
}

/// The programs whose health check fails. No run changes that, so it is no difference that a plan is made from.
#[must_use]
pub fn unhealthy(wanted: &Settled, seen: &Observed) -> Vec<Difference> {
    let Some(keeper) = seen.keeper.present() else {
        return Vec::new();
    };
    let is_ill = |name: &str| matches!(keeper.programs.get(name), Some(SeenProgram::Unhealthy));
    let ill = wanted.programs().filter(|p| is_ill(p.name.as_ref()));
    let difference = |program: Program<'_>| Difference {
        place: ObjectPlace::Node {
            node: program.name.clone(),
            netns: program.node.netns.clone(),
        },
        fact: Fact::ProgramUnhealthy,
    };
    ill.map(difference).collect()
}

/// Why a program does not run as it should, in words; `None` if nothing is wrong with it. A program
/// that ended with code 0 and is not started again has finished, unless it serves ports.
fn stopped(node: &str, serves: bool, keeper: Option<&SeenKeeper>) -> Option<String> {
    let Some(keeper) = keeper else {
        return Some("does not run: its keeper has ended".into());
    };
    match keeper.programs.get(node) {
        Some(SeenProgram::Runs | SeenProgram::Unhealthy) => None,
        Some(SeenProgram::Ended(Exit::Code(0))) if !serves => None,
        Some(SeenProgram::Ended(exit)) => Some(exit.to_string()),
        Some(SeenProgram::Restarting(exit)) => Some(format!("is being restarted: {exit}")),
        Some(SeenProgram::Stopped) => Some("stopped by hallway stop".into()),
        None => Some("does not run".into()),
    }
}
