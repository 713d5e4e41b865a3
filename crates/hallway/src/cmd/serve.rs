//! `serve`: a small server for testing networks. A client gets the name of the node that answered
//! and the client's address at that node, which shows NAT with any client.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallway_engine::keeper::{Listen, Namespace, StdSocket, bind};
use hallway_spec::{PortProto, Protocol};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::diagnose::VerbError;
use crate::failure::CommandError;
use crate::ui;

/// The limit of simultaneous clients; more wait in the listener's queue.
const CLIENTS_MAX: usize = 64;
const CLIENT_LIMIT: Duration = Duration::from_secs(2);
static CLIENTS: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn run(ports: &[PortProto]) -> Result<ExitCode, VerbError> {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let mut threads = Vec::new();
    for port in ports {
        let bound = open(*port).map_err(|e| {
            let port = format!("{}/{}", port.port, port.protocol);
            CommandError::Serve { port, error: e }
        })?;
        let own = name.clone();
        threads.push(match bound {
            StdSocket::Tcp(listener) => std::thread::spawn(move || tcp(&listener, &own)),
            StdSocket::Udp(socket) => std::thread::spawn(move || udp(&socket, &own)),
        });
        ui::line(format!("{name} serves {}/{}", port.port, port.protocol));
    }
    for thread in threads {
        thread.join().ok();
    }
    Ok(ExitCode::SUCCESS)
}

/// One socket for IPv4 and IPv6, so that both versions of the port are served from the same time;
/// only IPv4 if the machine has no IPv6.
fn open(port: PortProto) -> std::io::Result<StdSocket> {
    let kind = match port.protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
        Protocol::Sctp => return Err(Errno::PROTONOSUPPORT.into()),
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = match rustix::net::socket_with(AddressFamily::INET6, kind, flags, None) {
        Err(Errno::AFNOSUPPORT) => {
            let at = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port.port);
            let listen = Listen {
                address: at,
                protocol: port.protocol,
                namespace: Namespace::Project,
            };
            return bind(listen)
                .map(StdSocket::from)
                .map_err(std::io::Error::other);
        }
        other => other?,
    };
    sockopt::set_ipv6_v6only(&socket, false)?;
    let tcp = port.protocol == Protocol::Tcp;
    // Earlier connections in TIME_WAIT must not block the port.
    sockopt::set_socket_reuseaddr(&socket, tcp)?;
    let at = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port.port);
    rustix::net::bind(&socket, &at)?;
    if tcp {
        rustix::net::listen(&socket, 1024)?;
    }
    Ok(match port.protocol {
        Protocol::Tcp => StdSocket::Tcp(socket.into()),
        Protocol::Udp | Protocol::Sctp => StdSocket::Udp(socket.into()),
    })
}

fn reply_text(name: &str, from: SocketAddr) -> String {
    format!("{name} answers {}\n", from.ip().to_canonical())
}

fn tcp(listener: &TcpListener, name: &str) {
    listener.set_nonblocking(false).ok();
    while let Ok((stream, from)) = listener.accept() {
        while CLIENTS.load(Ordering::Relaxed) >= CLIENTS_MAX {
            std::thread::sleep(Duration::from_millis(5));
        }
        CLIENTS.fetch_add(1, Ordering::Relaxed);
        let text = reply_text(name, from);
        std::thread::spawn(move || {
            answer(stream, &text);
            CLIENTS.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// An HTTP answer to any request.
fn answer(mut stream: TcpStream, text: &str) {
    stream.set_read_timeout(Some(CLIENT_LIMIT)).ok();
    stream.set_write_timeout(Some(CLIENT_LIMIT)).ok();
    BufReader::new(&stream).fill_buf().ok();
    let head = "HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\nconnection: close";
    stream
        .write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len()).as_bytes())
        .ok();
}

fn udp(socket: &UdpSocket, name: &str) {
    socket.set_nonblocking(false).ok();
    let mut datagram = [0; 2048];
    while let Ok((_, from)) = socket.recv_from(&mut datagram) {
        socket.send_to(reply_text(name, from).as_bytes(), from).ok();
    }
}
