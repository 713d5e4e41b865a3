//! Why this machine does not let its users make user namespaces, and how to allow it.

use crate::Failure;

fn setting(path: &str) -> Option<u64> {
    std::fs::read_to_string(format!("/proc/sys/{path}"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// The reason, by the kernel's settings, with the remedy.
pub(super) fn explain(errno: i32) -> Failure {
    let refused = |reason: &str, help: &str| {
        Failure::new(
            "no-user-namespaces",
            format!("this machine does not allow a sandbox: {reason}"),
        )
        .help(help)
    };
    if setting("kernel/unprivileged_userns_clone") == Some(0) {
        return refused(
            "unprivileged user namespaces are turned off (kernel.unprivileged_userns_clone = 0)",
            "as root: sysctl -w kernel.unprivileged_userns_clone=1, or run hallway as root",
        );
    }
    if setting("user/max_user_namespaces") == Some(0) {
        return refused(
            "no user namespaces are allowed (user.max_user_namespaces = 0)",
            "as root: sysctl -w user.max_user_namespaces=15000, or run hallway as root",
        );
    }
    if setting("kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return refused(
            "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns = 1)",
            "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give hallway an AppArmor profile with `userns,`, or run hallway as root",
        );
    }
    if errno == rustix::io::Errno::NOSPC.raw_os_error() {
        return refused(
            "the limit of user namespaces is reached",
            "as root: raise user.max_user_namespaces, or end sandboxes you no longer need (hallway sandbox ls)",
        );
    }
    let error = std::io::Error::from_raw_os_error(errno);
    refused(
        &format!(
            "a user namespace cannot be made ({error}), probably because this is a container whose seccomp profile forbids it"
        ),
        "run hallway as root, or the container with a profile that allows unshare (docker run --security-opt seccomp=unconfined)",
    )
}

/// Whether the machine's settings forbid user namespaces, in words.
pub(crate) fn forbidden() -> Option<Failure> {
    let zero = |path| setting(path) == Some(0);
    (zero("kernel/unprivileged_userns_clone")
        || zero("user/max_user_namespaces")
        || setting("kernel/apparmor_restrict_unprivileged_userns") == Some(1))
    .then(|| explain(1))
}
