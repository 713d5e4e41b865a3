//! Published ports.

use std::net::IpAddr;

use hallway_plan::settled;
use hallway_spec::{PortName, Protocol};
use serde::Serialize;

/// A published port or range.
#[derive(Debug, Serialize)]
pub struct Published {
    /// The name of the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<PortName>,
    /// Only on this address; on all when absent.
    pub host_address: Option<IpAddr>,
    /// Like `8080` or `5000-5010`.
    pub host_ports: String,
    /// Likewise.
    pub node_ports: String,
    /// The transport protocol.
    pub protocol: Protocol,
}

impl Published {
    pub(super) fn new(publish: &settled::Publish) -> Self {
        Self {
            name: publish.name.clone(),
            host_address: publish.host_address,
            host_ports: publish.host_ports.to_string(),
            node_ports: publish.node_ports.to_string(),
            protocol: publish.protocol,
        }
    }
}
