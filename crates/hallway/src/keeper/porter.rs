//! The porter: stays outside when its parent moves into a sandbox, and binds ports there for it.
//! A socket belongs to the namespace it was made in, whoever uses it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use hallway_spec::Protocol;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::wire;

/// A running porter; it ends with its parent's end of the socket.
#[derive(Debug)]
pub(crate) struct Porter {
    socket: UnixStream,
    child: Child,
}

type Order = (SocketAddr, Protocol);

impl Porter {
    /// Starts one in the namespace this process is in now.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = Command::new("/proc/self/exe")
            .arg("__porter")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            socket: ours,
            child,
        })
    }

    /// Binds a port where the porter is.
    pub(crate) fn bind(&self, listen: SocketAddr, protocol: Protocol) -> std::io::Result<OwnedFd> {
        wire::send(&self.socket, &(listen, protocol))?;
        let errno: i32 = wire::receive(&self.socket)?;
        if errno != 0 {
            return Err(std::io::Error::from_raw_os_error(errno));
        }
        wire::receive_fds(&self.socket, 1)?
            .pop()
            .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

impl Drop for Porter {
    fn drop(&mut self) {
        self.socket.shutdown(std::net::Shutdown::Both).ok();
        self.child.wait().ok();
    }
}

/// What a porter does until its parent hangs up.
pub(crate) fn run() -> std::io::Result<()> {
    rustix::process::setsid().ok(); // Ctrl-C is for the parent, which may need ports to undo what it did
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    while let Ok((listen, protocol)) = wire::receive::<Order>(&socket) {
        match bind(listen, protocol) {
            Ok(fd) => {
                wire::send(&socket, &0)?;
                wire::send_fds(&socket, &[fd])?;
            }
            Err(e) => wire::send(&socket, &e.raw_os_error().unwrap_or(5))?,
        }
    }
    Ok(())
}

/// A listening (tcp) or bound (udp) socket. IPv6 sockets take IPv6 only, so that both can be bound.
pub(crate) fn bind(listen: SocketAddr, protocol: Protocol) -> std::io::Result<OwnedFd> {
    let family = if listen.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let kind = match protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
    };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if listen.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if protocol == Protocol::Tcp {
        // Connections of before in TIME_WAIT must not keep the port; a listener still does.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &listen)?;
    if protocol == Protocol::Tcp {
        rustix::net::listen(&socket, 1024)?;
    }
    Ok(socket)
}

/// A bound descriptor as what it is.
pub(crate) enum Bound {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

pub(crate) fn of_fd(fd: OwnedFd, protocol: Protocol) -> Bound {
    match protocol {
        Protocol::Tcp => Bound::Tcp(fd.into()),
        Protocol::Udp => Bound::Udp(fd.into()),
    }
}
