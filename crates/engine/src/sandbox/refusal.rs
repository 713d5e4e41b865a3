//! Why this machine does not allow its users to make user namespaces.

use rustix::io::Errno;

use crate::failure::UserNamespaceRefusal;
use crate::{Failure, Reason};

/// The setting of this machine that forbids user namespaces to ordinary users, if one does.
fn forbidden() -> Option<UserNamespaceRefusal> {
    if setting("kernel/unprivileged_userns_clone") == Some(0) {
        return Some(UserNamespaceRefusal::TurnedOff);
    }
    if setting("user/max_user_namespaces") == Some(0) {
        return Some(UserNamespaceRefusal::LimitZero);
    }
    (setting("kernel/apparmor_restrict_unprivileged_userns") == Some(1))
        .then_some(UserNamespaceRefusal::AppArmor)
}

fn setting(path: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/sys/{path}")).ok()?;
    text.trim().parse().ok()
}

/// Why unshare(2) failed with that error number.
pub(super) fn explain(errno: i32) -> Failure {
    Reason::NoUserNamespaces(refused(errno)).into()
}

/// Why a step in the user namespace was not permitted. AppArmor allows the user namespace, but refuses what
/// needs rights in it.
pub(super) fn of_step(error: &str) -> UserNamespaceRefusal {
    let root = rustix::process::geteuid().is_root();
    let setting = forbidden().filter(|_| !root);
    setting.unwrap_or_else(|| UserNamespaceRefusal::Step(error.to_owned()))
}

/// The same as a value.
fn refused(errno: i32) -> UserNamespaceRefusal {
    forbidden().unwrap_or_else(|| match errno == Errno::NOSPC.raw_os_error() {
        true => UserNamespaceRefusal::LimitReached,
        false => UserNamespaceRefusal::Other(std::io::Error::from_raw_os_error(errno).to_string()),
    })
}
