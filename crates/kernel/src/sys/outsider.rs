//! Root of the machine in a sandbox that has another root.

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

/// Does something as root of the sandbox, if this process [`is_outsider`]: the kernel lets it create no
/// files in file systems that were mounted there (EOVERFLOW), since its user has no number there. Nor
/// could it change its user back, so a thread does the work.
///
/// # Errors
/// Those of `work`; EPERM.
pub fn as_its_root<T: Send>(
    work: impl FnOnce() -> Result<T, KernelError> + Send,
) -> Result<T, KernelError> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
    const NAME: &str = "become root of the sandbox";
    if !is_outsider() {
        return work();
    }
    std::thread::scope(|scope| {
        let change = || {
            set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)
                .and_then(|()| set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT))
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
