//! What is left of removed nodes until the kernel has removed it.
//!
//! The kernel removes a namespace and the links connected to it in a thread of its own, one after
//! another, each in 20 to 50 ms; and it closes an nf_tables socket only when what was removed from
//! tables is no longer in use.

use std::time::{Duration, Instant};

use hallway_kernel::{Kernel, KernelError, link};
use hallway_plan::mark::{self, Role};
use hallway_spec::Name;

use super::Remains;

const PAUSE: Duration = Duration::from_millis(5);

/// Waits until the kernel has removed what remains. A link that still exists after `limit` is in
/// use by a program in the namespace, and is removed alone.
///
/// # Errors
/// When a link cannot be removed.
pub fn remove_remains(
    project: &Name,
    remains: Remains,
    limit: Duration,
) -> Result<(), KernelError> {
    drop(remains.socket);
    let mut kernel = Kernel::new();
    let end = Instant::now() + limit;
    for link in &remains.links {
        while is_there(&mut kernel, project, link)? {
            if Instant::now() < end {
                std::thread::sleep(PAUSE);
                continue;
            }
            match kernel.run(link::delete_link(link)) {
                Err(e) if !e.is_not_found() => return Err(e),
                _ => break,
            }
        }
    }
    Ok(())
}

fn is_there(kernel: &mut Kernel, project: &Name, link: &str) -> Result<bool, KernelError> {
    let found = kernel.link_named(link)?;
    let role = found.and_then(|l| mark::parse_alias(l.alias.as_deref()?));
    Ok(role.is_some_and(|(of, role)| of == *project && matches!(role, Role::Removed(_))))
}
