//! Why this machine does not let its users make user namespaces, and how to allow it.

use rustix::io::Errno;

use crate::{Failure, Reason};

/// What prevents a user from making a user namespace (user_namespaces(7)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Debian's setting.
    #[error("unprivileged user namespaces are turned off (kernel.unprivileged_userns_clone = 0)")]
    TurnedOff,
    /// The limit is zero.
    #[error("no user namespaces are allowed (user.max_user_namespaces = 0)")]
    LimitZero,
    /// Ubuntu's AppArmor restriction.
    #[error(
        "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns = 1)"
    )]
    AppArmor,
    /// The limit is reached.
    #[error("the limit of user namespaces is reached")]
    LimitReached,
    /// The kernel refused for a reason that its settings do not show.
    #[error(
        "a user namespace cannot be made ({0}), probably because this is a container whose seccomp profile forbids it"
    )]
    Other(String),
}

impl Refusal {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::TurnedOff => {
                "as root: sysctl -w kernel.unprivileged_userns_clone=1, or run hallway as root"
            }
            Self::LimitZero => {
                "as root: sysctl -w user.max_user_namespaces=15000, or run hallway as root"
            }
            Self::AppArmor => {
                "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give hallway an AppArmor profile with `userns,`, or run hallway as root"
            }
            Self::LimitReached => {
                "as root: raise user.max_user_namespaces, or end sandboxes you no longer need (hallway sandbox ls)"
            }
            Self::Other(_) => {
                "run hallway as root, or the container with a profile that allows unshare (docker run --security-opt seccomp=unconfined)"
            }
        }
    }

    /// The kernel's settings that forbid user namespaces to ordinary users.
    fn by_settings() -> Option<Self> {
        if setting("kernel/unprivileged_userns_clone") == Some(0) {
            return Some(Self::TurnedOff);
        }
        if setting("user/max_user_namespaces") == Some(0) {
            return Some(Self::LimitZero);
        }
        (setting("kernel/apparmor_restrict_unprivileged_userns") == Some(1)).then_some(Self::AppArmor)
    }
}

fn setting(path: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/sys/{path}")).ok()?;
    text.trim().parse().ok()
}

/// Why unshare(2) failed with that error number.
pub(super) fn explain(errno: i32) -> Failure {
    let refusal = Refusal::by_settings().unwrap_or_else(|| match errno == Errno::NOSPC.raw_os_error() {
        true => Refusal::LimitReached,
        false => Refusal::Other(std::io::Error::from_raw_os_error(errno).to_string()),
    });
    Reason::NoUserNamespaces(refusal).into()
}

/// The machine's settings that forbid user namespaces, if any do.
pub(crate) fn forbidden() -> Option<Refusal> {
    Refusal::by_settings()
}
