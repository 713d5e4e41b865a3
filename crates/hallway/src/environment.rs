//! What this process gets from its caller: the environment, and the calling user.

use std::collections::BTreeMap;
use std::ffi::OsString;

use hallway_engine::account::CallingUser;
use hallway_engine::{Failure, Reason, sandbox};
use hallway_spec::listed;

/// The words of the command line, for what looks at them before or after clap. One that is not UTF-8
/// is not a valid value; clap reports it.
pub(crate) fn words() -> impl Iterator<Item = String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned())
}

/// The variables of this environment for programs in nodes; no others are passed on.
const PASSED_ON: [&str; 9] = [
    "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TZ", "USER",
];

/// The variables that programs in nodes get, and the locale (`LC_…`).
pub(crate) fn passed_on() -> BTreeMap<OsString, OsString> {
    std::env::vars_os()
        .filter(|(name, _)| {
            name.to_str()
                .is_some_and(|name| PASSED_ON.contains(&name) || name.starts_with("LC_"))
        })
        .collect()
}

/// The user who called hallway as root, from variables of sudo(8) and pkexec(1).
///
/// # Errors
/// [`Reason::CallingUser`]: without the user, programs of nodes would run as root.
pub(crate) fn calling_user() -> Result<Option<CallingUser>, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    if let Some(user) = number("SUDO_UID")? {
        let group = number("SUDO_GID")?;
        return Ok(Some(CallingUser { user, group }));
    }
    let user = number("PKEXEC_UID")?;
    Ok(user.map(|user| CallingUser { user, group: None }))
}

/// Where to look if root has nothing: the sandboxes that the user who called with sudo or pkexec has.
pub(crate) fn of_caller() -> Option<String> {
    let user = calling_user().ok()??.user;
    let sandboxes = sandbox::of_user(user);
    let words = match sandboxes.as_slice() {
        [] => return None,
        [one] => format!("sandbox {one} runs"),
        several => format!("sandboxes {} run", listed(several)),
    };
    Some(format!(
        "for user {user}, who called with sudo, {words}: call hallway without sudo"
    ))
}

fn number(variable: &'static str) -> Result<Option<u32>, Failure> {
    let Some(value) = std::env::var_os(variable) else {
        return Ok(None);
    };
    let value = value.to_string_lossy().into_owned();
    match value.parse() {
        // setresuid(2) takes the largest number as "no change".
        Ok(number) if number != u32::MAX => Ok(Some(number)),
        _no_user => Err(Reason::CallingUser { variable, value }.into()),
    }
}
