//! What prevents users of this machine from making user namespaces, and how to allow it.

/// What prevents a user from making a user namespace (user_namespaces(7)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserNamespaceRefusal {
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
        "a user namespace cannot be made ({0}), as in a chroot or a container whose seccomp profile forbids it"
    )]
    Other(String),
    /// A later step, such as a mount, was refused.
    #[error("{0}, as in a container whose seccomp or AppArmor profile forbids it")]
    Step(String),
}

impl UserNamespaceRefusal {
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
                "as root: hallway install apparmor, then apparmor_parser -r /etc/apparmor.d/hallway; or run hallway as root"
            }
            Self::LimitReached => {
                "as root: raise user.max_user_namespaces, or end sandboxes you no longer need (hallway sandbox ls)"
            }
            Self::Other(_) if rustix::process::geteuid().is_root() => {
                "build with --host, which needs no user namespace; or run hallway outside of the chroot, or the container with a profile that allows unshare and mount (docker run --privileged, or --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined)"
            }
            Self::Step(_) if rustix::process::geteuid().is_root() => {
                "run the container with a profile that allows unshare and mount (docker run --privileged, or --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined), or hallway outside of it"
            }
            Self::Other(_) | Self::Step(_) => {
                "run hallway as root, or the container with a profile that allows unshare (docker run --security-opt seccomp=unconfined)"
            }
        }
    }
}
