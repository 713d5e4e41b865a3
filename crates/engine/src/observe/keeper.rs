//! What the project's keeper runs and serves.

use std::path::Path;

use crate::Cancel;
use crate::keeper::{Client, Forward, KeeperError, Namespace, ProgramState, ProgramStatus};
use hallway_plan::exit::SeenProgram;
use hallway_plan::observed::{Seen, SeenKeeper};
use hallway_plan::target::Listener;
use hallway_spec::Health;

/// Asks the keeper of the project whose state is in that directory. One that does not answer, or is
/// of another version, is not examined; the reason is returned too.
pub(super) fn read(directory: &Path) -> (Seen<SeenKeeper>, Option<KeeperError>) {
    match ask(directory) {
        Ok(Some(keeper)) => (Seen::Present(keeper), None),
        Ok(None) => (Seen::Absent, None),
        Err(why) => (Seen::Unseen, Some(why)),
    }
}

fn ask(directory: &Path) -> Result<Option<SeenKeeper>, KeeperError> {
    let Some(client) = Client::connect(directory, &Cancel::default())? else {
        return Ok(None);
    };
    let programs = client.programs()?.into_iter().map(program).collect();
    let listeners = client.forwards()?.iter().filter_map(listener).collect();
    Ok(Some(SeenKeeper {
        programs,
        listeners,
    }))
}

fn program(status: ProgramStatus) -> (String, SeenProgram) {
    let state = match (status.state, status.exit) {
        (ProgramState::Running, _) if status.health == Some(Health::Unhealthy) => {
            SeenProgram::Unhealthy
        }
        (ProgramState::Waiting | ProgramState::Starting | ProgramState::Running, _) => {
            SeenProgram::Runs
        }
        (ProgramState::Restarting, Some(exit)) => SeenProgram::Restarting(exit),
        (ProgramState::Exited, Some(exit)) => SeenProgram::Ended(exit),
        // It did not end by itself.
        (ProgramState::Restarting | ProgramState::Exited, None) => SeenProgram::Stopped,
    };
    (status.node, state)
}

/// Listeners on the real host, for a sandbox, depend on what the user may bind there.
fn listener(forward: &Forward) -> Option<Listener> {
    let listen = forward.listen;
    (listen.namespace == Namespace::Project).then_some(Listener {
        address: listen.address,
        protocol: listen.protocol,
    })
}
