//! A state directory that cannot be used: its owner or its mode is wrong, something else is in its
//! place, or its file system is read-only. What runs is found, ended and removed by its marks; nothing in the directory is read or changed.

use std::path::PathBuf;

use hallway_engine::sandbox::{self, Sandbox};
use hallway_engine::state::Substitute;
use hallway_engine::{Engine, Failure, Reason, Workplace, state};

use crate::args::Common;
use crate::state_dir::named_state_dir;
use crate::ui;

/// The host's state, and what is used instead.
pub(crate) struct Unusable {
    why: Failure,
    /// The scope that marks name.
    scope: PathBuf,
    substitute: Substitute,
}

/// The host's state, if it cannot be used and something of a project is in the kernel.
///
/// # Errors
/// Why it cannot be used, if nothing is there to remove.
pub(crate) fn host(common: &Common) -> Result<Option<Unusable>, Failure> {
    let named = named_state_dir(common)?;
    let scope = named.join("host");
    let Err(why) = state::directory(&named)
        .and_then(|_| state::check(&scope))
        .and_then(|()| state::check(&scope.join("projects")))
        .and_then(|()| state::check_lock(&scope))
    else {
        return Ok(None);
    };
    let unusable = Unusable {
        why,
        scope,
        substitute: Substitute::make()?,
    };
    let left = unusable.engine().orphaned_objects()?;
    match left.projects.is_empty() && left.routes.is_empty() {
        true => Err(unusable.why),
        false => Ok(Some(unusable)),
    }
}

impl Unusable {
    /// It acts by the marks in the kernel.
    pub(crate) fn engine(&self) -> Engine {
        let workplace = Workplace {
            instead_of: Some(self.scope.clone()),
            ..Workplace::default()
        };
        Engine::new(&self.substitute.path().join("host"), workplace)
    }

    /// Tells what is left.
    pub(crate) fn say(&self, common: &Common) {
        say(common, &self.why);
    }
}

/// A sandbox that runs, and why its state cannot be used.
pub(crate) fn sandbox(common: &Common, name: &str) -> Option<(Sandbox, Failure)> {
    let state = named_state_dir(common).ok()?;
    let why = sandbox::usable(&state, name).err()?;
    Some((sandbox::marked(&state, name)?, why))
}

/// Ends a sandbox whose state cannot be used.
pub(crate) fn end(common: &Common, sandbox: &Sandbox, why: &Failure) -> Result<(), Failure> {
    sandbox.end()?;
    let text = format!("sandbox {} has been ended by its marks", sandbox.name);
    ui::note(common, text);
    say(common, why);
    Ok(())
}

fn say(common: &Common, why: &Failure) {
    let mut text =
        format!("the state directory has not been used, and its files are still there: {why}");
    if matches!(why.reason, Reason::StateUnsafe { .. }) {
        text.push_str("; remove it, or give it to your user (chown, chmod 700)");
    }
    ui::note(common, text);
}
