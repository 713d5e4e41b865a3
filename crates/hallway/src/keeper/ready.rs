//! Whether a node's ports listen, read from /proc/PID/net of its program (proc(5)).

use std::os::unix::fs::MetadataExt;

use hallway_spec::{PortProto, Protocol};

/// TCP_LISTEN, net/tcp_states.h.
const LISTEN: &str = "0A";

/// Whether the process is in that network namespace and has become the program; before, /proc
/// shows another's sockets, and the program may turn out not to exist.
pub(super) fn is_inside(pid: i32, inode: u64) -> bool {
    let inside = std::fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|m| m.ino() == inode);
    inside
        && std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split(|b| *b == 0).nth(1) != Some(b"__enter"))
        // One that is ending has lost its command line before its namespaces.
        && std::fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

/// Whether every port is bound (udp) or listening (tcp), on whatever address.
pub(super) fn all_listen(pid: i32, ports: &[PortProto]) -> bool {
    ports.iter().all(|port| {
        let (files, tcp) = match port.protocol {
            Protocol::Tcp => (["tcp", "tcp6"], true),
            Protocol::Udp => (["udp", "udp6"], false),
        };
        files.iter().any(|file| {
            std::fs::read_to_string(format!("/proc/{pid}/net/{file}"))
                .is_ok_and(|t| listens(&t, port.port, tcp))
        })
    })
}

fn listens(table: &str, port: u16, tcp: bool) -> bool {
    let wanted = format!(":{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1).unwrap_or_default();
        let state = fields.nth(1).unwrap_or_default();
        local.ends_with(&wanted) && (!tcp || state == LISTEN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n   1: 0100007F:0050 0100007F:9999 01 00000000:00000000\n";

    #[test]
    fn a_listening_port_is_seen_and_a_connected_one_is_not() {
        assert!(listens(TABLE, 8080, true));
        assert!(!listens(TABLE, 80, true));
        assert!(!listens(TABLE, 8081, true));
    }
}
