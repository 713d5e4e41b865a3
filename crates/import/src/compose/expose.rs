//! `expose:` of a service.

use hallway_spec::Value;

use super::ports::{Range, range};

/// Reads `expose:`, as ranges with their protocol.
pub(super) fn exposed(value: &Value) -> Vec<(Range, String)> {
    let mut out = Vec::new();
    for item in value.items() {
        let text = item.text().unwrap_or_default();
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        // One that cannot be read is reported with the keys of the file.
        if let Some(range) = range(ports) {
            out.push((range, protocol.to_ascii_lowercase()));
        }
    }
    out
}
