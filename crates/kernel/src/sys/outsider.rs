//! Work of another user; root of the machine in a sandbox that has another root.

use crate::KernelError;

/// Whether this process has an id that its user namespace does not have, and capabilities there:
/// root of the machine in a sandbox with another root (user_namespaces(7)).
#[must_use]
pub fn is_outsider() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    /// How such an id is shown (/proc/sys/kernel/overflowuid).
    const OVERFLOW: u32 = 65534;
    rustix::process::geteuid().as_raw() == OVERFLOW
        && capabilities(None).is_ok_and(|c| c.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Does something as another user, by number, with that group; without one as root of the sandbox if this
/// process [`is_outsider`], else as this user. Files that are created belong to that user; an outsider could
/// create none in file systems that were mounted in the sandbox (EOVERFLOW). Since not every user can change
/// back, a thread does the work.
///
/// # Errors
/// Those of `work`; EPERM.
pub fn as_user<T: Send>(
    user: Option<(u32, u32)>,
    work: impl FnOnce() -> Result<T, KernelError> + Send,
) -> Result<T, KernelError> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
    const NAME: &str = "become another user";
    let (user, group) = match user {
        Some((user, group)) => (Uid::from_raw(user), Gid::from_raw(group)),
        None if is_outsider() => (Uid::ROOT, Gid::ROOT),
        None => return work(),
    };
    std::thread::scope(|scope| {
        let change = || {
            set_thread_res_gid(group, group, group)
                .and_then(|()| set_thread_res_uid(user, user, user))
                .map_err(|e| KernelError::new(NAME, "", e))?;
            work()
        };
        let thread = std::thread::Builder::new().spawn_scoped(scope, change);
        let thread = thread.map_err(|e| KernelError::io(NAME, "", &e))?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
