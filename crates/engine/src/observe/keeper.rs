//! What the project's keeper runs and serves.

use std::path::Path;

use crate::Cancel;
use crate::keeper::{Client, Forward, KeeperError, Namespace, ProgramState, ProgramStatus};
use hallway_plan::observed::{Seen, SeenKeeper, SeenProgram};
use hallway_plan::target::Listener;

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

/// The exit code of a program that SIGTERM ended.
const STOPPED: i32 = 128 + 15;

fn program(status: ProgramStatus) -> (String, SeenProgram) {
    // One without a code was stopped by a command: by SIGTERM.
    let code = status.exit_code.unwrap_or(STOPPED);
    let state = match status.state {
        ProgramState::Waiting | ProgramState::Starting | ProgramState::Running => SeenProgram::Runs,
        ProgramState::Restarting => SeenProgram::Restarting(code),
        ProgramState::Exited => SeenProgram::Ended(code),
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
