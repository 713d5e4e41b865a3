//! What the kernel has not removed yet of removed nodes.

use std::time::Duration;

use hallway_engine::keeper::{RemovedLinks, finish_removed_links};
use hallway_spec::Name;

use crate::options::eprint;

const LIMIT: Duration = Duration::from_secs(1);

/// Waits for the kernel in a separate thread.
pub(crate) fn finish(project: Name, remains: RemovedLinks) {
    if remains.links.is_empty() && remains.socket.is_none() {
        return;
    }
    let wait = move || {
        if let Err(error) = finish_removed_links(&project, remains, LIMIT) {
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
