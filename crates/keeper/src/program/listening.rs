//! Whether ports listen in the network namespace of this process.

use hallway_engine::keeper::message::{Port, Protocol};
use procfs::net::TcpState;

/// Whether every port listens (tcp) or is bound (udp), on any address.
pub(super) fn all_listen(ports: &[Port]) -> bool {
    ports.iter().all(|port| match port.protocol {
        Protocol::Tcp => [procfs::net::tcp(), procfs::net::tcp6()]
            .into_iter()
            .flatten() // no such file without IPv6
            .flatten()
            .any(|e| e.state == TcpState::Listen && e.local_address.port() == port.port),
        Protocol::Udp => [procfs::net::udp(), procfs::net::udp6()]
            .into_iter()
            .flatten()
            .flatten()
            .any(|e| e.local_address.port() == port.port),
        // A file cannot contain one.
        Protocol::Sctp => false,
    })
}
