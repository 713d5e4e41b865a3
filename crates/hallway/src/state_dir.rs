//! The directory for state.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use hallway_engine::{Engine, Failure, Reason, Workplace, account, sandbox, state};

use crate::args::Common;

/// The same directory as [`state_dir`], as marks of what runs have it, also if it cannot be used.
pub(crate) fn named_state_dir(common: &Common) -> Result<PathBuf, Failure> {
    state::named(&chosen(common)?)
}

/// The directory for state, if it can be used.
pub(crate) fn state_dir(common: &Common) -> Result<PathBuf, Failure> {
    state::directory(&chosen(common)?)
}

/// Where state is kept: --state-dir; for root /run/hallway; else the user's runtime directory, from
/// XDG_RUNTIME_DIR or made by a login; else the user's home. Never a directory that another user
/// could have made.
fn chosen(common: &Common) -> Result<PathBuf, Failure> {
    let user = rustix::process::geteuid();
    Ok(
        match (&common.state_dir, std::env::var_os("XDG_RUNTIME_DIR")) {
            (Some(chosen), _) => chosen.clone(),
            (None, _) if user.is_root() => PathBuf::from("/run/hallway"),
            (None, Some(directory)) if !directory.is_empty() => {
                PathBuf::from(directory).join("hallway")
            }
            (None, _) => {
                let user = user.as_raw();
                let runtime =
                    Some(PathBuf::from(format!("/run/user/{user}"))).filter(|d| d.is_dir());
                match runtime.or_else(|| state_home(user)) {
                    Some(directory) => directory.join("hallway"),
                    None => return Err(Reason::NoStateDirectory { user }.into()),
                }
            }
        },
    )
}

/// The directory for state in the user's home (XDG Base Directory Specification). HOME must be this
/// user's home in the machine's list of users, and a directory of this user.
fn state_home(user: u32) -> Option<PathBuf> {
    let home = account::home_of(user)?;
    let named = std::env::var_os("HOME").is_some_and(|named| named == home.as_os_str());
    let owner = std::fs::metadata(&home).ok()?.uid();
    (named && owner == user).then(|| home.join(".local/state"))
}

/// An engine that only reads the records of the command line's scope; no sandbox is entered. `None`
/// if the scope does not exist.
pub(crate) fn records(common: &Common) -> Option<Engine> {
    let state = state_dir(common).ok()?;
    let scope = match common.host {
        true => state.join("host"),
        false => sandbox::find(&state, common.sandbox.as_ref())?
            .scope()
            .to_owned(),
    };
    Some(Engine::new(&scope, Workplace::default()))
}
