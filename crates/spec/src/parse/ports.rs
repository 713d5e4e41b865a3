//! `ports:` of a node.

use crate::document::PortKeys;
use crate::problem::{Required, ValueProblem};
use crate::reader::{At, Reader};
use crate::{Publish, PublishText};

/// One published port, in compose's short or long syntax.
pub(super) fn publish(r: &mut Reader<'_>, at: &At) -> Option<Publish> {
    let text = if r.is_map(at.id) {
        long(r, at)?
    } else {
        r.text(at, "a port like 8080:80")?
    };
    match text.parse::<PublishText>() {
        Ok(read) => Some(Publish {
            host_address: read.host_address,
            host_ports: read.host_ports,
            node_ports: read.node_ports,
            protocol: read.protocol,
            place: r.place(at),
        }),
        Err(error) => {
            r.report(at, ValueProblem::Publish(error));
            None
        }
    }
}

const MODES: &str = "host or ingress";

/// The long syntax, written as the short one.
fn long(r: &mut Reader<'_>, at: &At) -> Option<String> {
    let keys = PortKeys::read(r, at, "a port");
    let mut text = |at: Option<&At>| at.and_then(|at| r.text(at, "a value"));
    let target = text(keys.target.as_ref());
    let published = text(keys.published.as_ref());
    let host_ip = text(keys.host_ip.as_ref());
    let protocol = text(keys.protocol.as_ref());
    text(keys.name.as_ref());
    text(keys.app_protocol.as_ref());
    if let Some(at) = &keys.mode {
        let mode = r.text(at, MODES);
        if mode.is_some_and(|m| !["host", "ingress"].contains(&m.as_str())) {
            r.unexpected(at, MODES);
        }
    }
    let Some(target) = target else {
        r.report(at, ValueProblem::Missing(Required::Target));
        return None;
    };
    let host = host_ip.map(|ip| format!("[{ip}]:")).unwrap_or_default();
    let published = published.unwrap_or_else(|| target.clone());
    let protocol = protocol.unwrap_or_else(|| "tcp".into());
    Some(format!("{host}{published}:{target}/{protocol}"))
}
