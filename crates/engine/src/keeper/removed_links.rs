//! What remains of removed nodes until the kernel has removed it.
//!
//! The kernel removes a namespace and the links connected to it in a thread of its own, one after
//! another, each in 20 to 50 ms.

use std::time::{Duration, Instant};

use hallway_kernel::link::LinkInfo;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::mark::{self, Role};
use hallway_spec::Name;

const PAUSE: Duration = Duration::from_millis(5);

/// Waits until the kernel has removed what remains. A link that still exists after `limit` is in
/// use by a program in the namespace, and is removed alone.
///
/// # Errors
/// When a link cannot be removed.
pub fn finish_removed_links(
    project: &Name,
    links: &[String],
    limit: Duration,
) -> Result<(), KernelError> {
    let mut kernel = Kernel::new();
    let end = Instant::now() + limit;
    for link in links {
        while kernel
            .link_named(link)?
            .is_some_and(|found| is_removed(project, &found))
        {
            if Instant::now() < end {
                std::thread::sleep(PAUSE);
                continue;
            }
            kernel.remove_link(link, |found| is_removed(project, found))?;
            break;
        }
    }
    Ok(())
}

fn is_removed(project: &Name, link: &LinkInfo) -> bool {
    let role = link.alias.as_deref().and_then(mark::parse_alias);
    role.is_some_and(|(of, role)| of == *project && matches!(role, Role::Removed(_)))
}
