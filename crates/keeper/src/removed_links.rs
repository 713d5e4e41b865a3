//! What the kernel has not removed yet of removed nodes.

use std::time::Duration;

use hallway_engine::keeper::finish_removed_links;
use hallway_spec::Name;

use crate::options::eprint;

const LIMIT: Duration = Duration::from_secs(1);

/// Waits for the kernel in a separate thread.
pub(crate) fn finish(project: Name, links: Vec<String>) {
    if links.is_empty() {
        return;
    }
    let wait = move || {
        if let Err(error) = finish_removed_links(&project, &links, LIMIT) {
            eprint(&format!("a link of a removed node is left: {error}"));
        }
    };
    let thread = std::thread::Builder::new().name("remains".into());
    // Without a thread, the next `up` or `down` removes the links.
    if let Err(error) = thread.spawn(wait) {
        eprint(&format!(
            "links of removed nodes are not waited for: {error}"
        ));
    }
}
