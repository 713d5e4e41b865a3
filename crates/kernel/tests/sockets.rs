//! Which sockets are listed as open ports.
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt as _;

use hallway_kernel::listening::{OpenPort, open_ports};

const TCP: u8 = 6;
const UDP: u8 = 17;

fn of(socket: &impl AsRawFd, found: &[OpenPort]) -> Option<OpenPort> {
    let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
    let inode = std::fs::metadata(path).unwrap().ino();
    found.iter().find(|p| p.inode == inode).copied()
}

fn those_that_receive_what_comes_to_a_port() {
    let own = Ipv4Addr::LOCALHOST;
    let listener = TcpListener::bind((own, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connected = TcpStream::connect(address).unwrap();
    let open = UdpSocket::bind((own, 0)).unwrap();
    let peer = UdpSocket::bind((own, 0)).unwrap();
    peer.connect(open.local_addr().unwrap()).unwrap();
    let found = open_ports(&[TCP, UDP]).unwrap();
    let tcp = of(&listener, &found).unwrap();
    assert_eq!((tcp.protocol, tcp.address), (TCP, address));
    assert_eq!(of(&open, &found).unwrap().protocol, UDP);
    assert_eq!(of(&connected, &found), None);
    assert_eq!(of(&peer, &found), None);
}

fn of_one_protocol() {
    let own = Ipv4Addr::LOCALHOST;
    let listener = TcpListener::bind((own, 0)).unwrap();
    let open = UdpSocket::bind((own, 0)).unwrap();
    let found = open_ports(&[UDP]).unwrap();
    assert_eq!(of(&listener, &found), None);
    assert!(of(&open, &found).is_some());
    assert_eq!(open_ports(&[]).unwrap(), []);
}

fn of_ipv6() {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let found = open_ports(&[TCP]).unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(of(&listener, &found).unwrap().address, address);
}

hallway_testkit::tests![
    those_that_receive_what_comes_to_a_port,
    of_one_protocol,
    of_ipv6,
];
