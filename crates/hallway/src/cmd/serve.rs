//! `serve`: a small server for trying networks out. A client is told which node answered and which
//! source address it saw, so that NAT can be seen with any client. The node's name is the host name
//! of its UTS namespace (uname(2)): nothing is looked up.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallway_engine::Failure;
use hallway_engine::keeper::{BindCause, Bound, Listen, Namespace, bind};
use hallway_spec::PortProto;

use crate::diagnose::Trouble;
use crate::ui;

/// Clients at once; more wait in the listener's queue.
const CLIENTS_MAX: usize = 64;
const CLIENT_LIMIT: Duration = Duration::from_secs(2);
static CLIENTS: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn run(ports: &[PortProto]) -> Result<ExitCode, Trouble> {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let mut threads = Vec::new();
    for port in ports {
        for any in [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ] {
            let listen = Listen {
                address: SocketAddr::new(any, port.port),
                protocol: port.protocol,
                namespace: Namespace::Project,
            };
            let name = name.clone();
            match bind(listen).map(Bound::from) {
                Ok(Bound::Tcp(listener)) => {
                    threads.push(std::thread::spawn(move || tcp(&listener, &name)));
                }
                Ok(Bound::Udp(socket)) => {
                    threads.push(std::thread::spawn(move || udp(&socket, &name)));
                }
                // No IPv6 here: IPv4 serves alone.
                Err(e) if any.is_ipv6() && matches!(e.cause, BindCause::NoSuchAddress) => {}
                Err(e) => return Err(Failure::from(e).into()),
            }
        }
        ui::line(format!("{name} serves {}/{}", port.port, port.protocol));
    }
    for thread in threads {
        thread.join().ok();
    }
    Ok(ExitCode::SUCCESS)
}

fn greeting(name: &str, from: SocketAddr) -> String {
    format!("{name} greets {}\n", from.ip().to_canonical())
}

fn tcp(listener: &TcpListener, name: &str) {
    listener.set_nonblocking(false).ok();
    while let Ok((stream, from)) = listener.accept() {
        while CLIENTS.load(Ordering::Relaxed) >= CLIENTS_MAX {
            std::thread::sleep(Duration::from_millis(5));
        }
        CLIENTS.fetch_add(1, Ordering::Relaxed);
        let text = greeting(name, from);
        std::thread::spawn(move || {
            answer(stream, &text);
            CLIENTS.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// An HTTP answer, whatever was asked.
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
        socket.send_to(greeting(name, from).as_bytes(), from).ok();
    }
}
