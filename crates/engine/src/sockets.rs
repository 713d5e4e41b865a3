//! Programs of the host that listen on ports, from the kernel's list of sockets.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hallway_kernel::listening::{self, OpenPort};
use hallway_spec::Protocol;
use procfs::net::{TcpState, UdpState};
use procfs::process::{FDTarget, Process};
use rustix::process::Pid;

/// A socket that receives packets to its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenSocket {
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
    /// It receives no IPv4 packets. Not known, and false, where it is read from /proc.
    only_v6: bool,
    /// The link by which its packets come in; none for every link. Not known, and none, where it is read from /proc.
    pub(crate) link: Option<u32>,
    inode: u64,
}

/// Every socket of the calling thread's network namespace that listens (tcp) or is bound without a
/// peer (udp), of these protocols. If the kernel cannot list these alone, they are read from /proc,
/// with all others.
pub(crate) fn bound(protocols: impl IntoIterator<Item = Protocol>) -> Vec<OpenSocket> {
    let protocols: BTreeSet<Protocol> = protocols.into_iter().collect();
    let numbers: Vec<u8> = protocols.iter().map(|p| p.number()).collect();
    let Ok(open) = listening::open_ports(&numbers) else {
        let all = bound_in_proc().into_iter();
        return all.filter(|b| protocols.contains(&b.protocol)).collect();
    };
    let one = |port: OpenPort| {
        let protocol = protocols.iter().find(|p| p.number() == port.protocol)?;
        Some(OpenSocket::open(port, *protocol))
    };
    open.into_iter().filter_map(one).collect()
}

/// Every UDP socket of the calling thread's network namespace that has a peer; none if the kernel cannot
/// list these.
pub(crate) fn with_peer() -> Vec<OpenSocket> {
    let open = listening::udp_ports_with_peers().unwrap_or_default();
    let all = open.into_iter();
    all.map(|port| OpenSocket::open(port, Protocol::Udp))
        .collect()
}

/// The program that prevents a listener there, if it can be read.
pub(crate) fn holder(address: SocketAddr, protocol: Protocol) -> Option<String> {
    let mut all = bound([protocol]).into_iter();
    all.find(|b| b.is_at(address, protocol))?.program()
}

fn bound_in_proc() -> Vec<OpenSocket> {
    let tcp = [procfs::net::tcp(), procfs::net::tcp6()];
    let udp = [procfs::net::udp(), procfs::net::udp6()];
    // Without IPv6 there is no such list.
    let tcp = tcp.into_iter().flatten().flatten();
    let udp = udp.into_iter().flatten().flatten();
    let listening = tcp.filter(|e| e.state == TcpState::Listen);
    let open = udp.filter(|e| e.state == UdpState::Close);
    listening
        .map(|e| OpenSocket::new(e.local_address, Protocol::Tcp, e.inode))
        .chain(open.map(|e| OpenSocket::new(e.local_address, Protocol::Udp, e.inode)))
        .collect()
}

impl OpenSocket {
    fn open(port: OpenPort, protocol: Protocol) -> Self {
        Self {
            only_v6: port.only_v6,
            link: port.link,
            ..Self::new(port.address, protocol, port.inode)
        }
    }

    fn new(address: SocketAddr, protocol: Protocol, inode: u64) -> Self {
        Self {
            address: SocketAddr::new(address.ip().to_canonical(), address.port()),
            protocol,
            only_v6: false,
            link: None,
            inode,
        }
    }

    /// Whether a listener there would receive its packets.
    pub(crate) fn is_at(&self, address: SocketAddr, protocol: Protocol) -> bool {
        (self.address.port(), self.protocol) == (address.port(), protocol)
            && self.takes(address.ip())
    }

    /// Whether it receives packets to an address, as far as the address decides this.
    pub(crate) fn takes(&self, address: IpAddr) -> bool {
        let own = self.address.ip();
        let same_version = own.is_ipv4() == address.is_ipv4();
        own == address || own.is_unspecified() && (same_version || self.is_of_both())
    }

    /// Whether it receives packets of both IP versions.
    fn is_of_both(&self) -> bool {
        self.address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !self.only_v6
    }

    /// The program that has the socket, if it can be read: not for processes of other users.
    pub(crate) fn program(&self) -> Option<String> {
        let owner = self.process()?;
        if let Some(project) = keeper_of(&owner) {
            return Some(format!("{project} (process {})", owner.pid));
        }
        let name = owner.stat().map_or_else(|_| "a program".into(), |s| s.comm);
        // Each program chooses its own name: it must not begin a line of a message.
        let name = name.replace(char::is_control, " ");
        Some(format!("{name} (process {})", owner.pid))
    }

    /// Whether one of these processes has the socket.
    pub(crate) fn is_of(&self, processes: &[Pid]) -> bool {
        let owner = self.process().and_then(|p| Pid::from_raw(p.pid));
        owner.is_some_and(|pid| processes.contains(&pid))
    }

    fn process(&self) -> Option<Process> {
        let socket = FDTarget::Socket(self.inode);
        let mut processes = procfs::process::all_processes().ok()?.flatten();
        processes.find(|process| {
            let open = process.fd().into_iter().flatten().flatten();
            open.into_iter().any(|fd| fd.target == socket)
        })
    }
}

/// The project and the sandbox of a keeper.
fn keeper_of(process: &Process) -> Option<String> {
    let command = process.cmdline().ok()?;
    let [_, mark, project, ..] = command.as_slice() else {
        return None;
    };
    if mark != "__keeper" {
        return None;
    }
    let spaces = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let sandbox = spaces(process.pid).and_then(|net| {
        let all = procfs::process::all_processes().ok()?.flatten();
        let mut holders = all.filter(|p| spaces(p.pid).as_ref() == Some(&net));
        holders.find_map(|p| {
            let words = p.cmdline().ok()?;
            let [_, mark, directory, ..] = words.as_slice() else {
                return None;
            };
            let name = std::path::Path::new(directory).file_name()?;
            (mark == "__hold").then(|| name.to_string_lossy().into_owned())
        })
    });
    Some(match sandbox {
        Some(name) => format!("project {project} in sandbox {name}"),
        None => format!("project {project}"),
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn both_ways_to_list_give_the_same() {
        let own = Ipv4Addr::LOCALHOST;
        let tcp = TcpListener::bind((own, 0)).expect("a listener");
        let udp = UdpSocket::bind((own, 0)).expect("a socket");
        let ports = [
            tcp.local_addr().expect("an address"),
            udp.local_addr().expect("an address"),
        ];
        // Other programs of the machine open and close ports at the same time.
        let own = |mut all: Vec<OpenSocket>| {
            all.retain(|b| ports.contains(&b.address));
            all
        };
        let listed = own(bound([Protocol::Tcp, Protocol::Udp]));
        assert_eq!(listed.len(), 2);
        assert_eq!(listed, own(bound_in_proc()));
    }
}
