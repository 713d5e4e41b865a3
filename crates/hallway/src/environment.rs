//! What this process gets from its caller: the environment, and the calling user.

use std::collections::BTreeMap;
use std::ffi::OsString;

use hallway_engine::account::CallingUser;

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
pub(crate) fn calling_user() -> Option<CallingUser> {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let sudo = || {
        Some(CallingUser {
            user: number("SUDO_UID")?,
            group: number("SUDO_GID"),
        })
    };
    let pkexec = || {
        Some(CallingUser {
            user: number("PKEXEC_UID")?,
            group: None,
        })
    };
    sudo().or_else(pkexec)
}
