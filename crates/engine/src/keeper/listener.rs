//! Sockets that listen: bound before anything is built, so that a port in use is detected before
//! anything is changed.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use hallway_spec::Protocol;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Listen, Namespace};
use crate::failure::{Detail, FailureCode};
use crate::{Failure, Reason};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Descriptors that must stay free for everything else that is opened.
const RESERVE: u64 = 64;

/// What to do when a process may not open as many files.
pub(super) const OPEN_FILES_HELP: &str = "raise the limit (ulimit -n 65536; as root beyond the hard limit, which ulimit -Hn shows), or publish fewer ports: on localhost each takes one file for IPv4 and one for IPv6, in a sandbox twice that";

/// A bound socket, and where it is bound.
#[derive(Debug)]
pub struct BoundSocket {
    /// Where.
    pub listen: Listen,
    /// The socket.
    pub socket: OwnedFd,
}

/// A socket could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}/{}{}", .listen.address, .listen.protocol, match .listen.namespace { Namespace::Machine => " of this machine", Namespace::Project => "" })]
pub struct BindError {
    /// Where.
    pub listen: Listen,
    /// Why.
    #[source]
    pub cause: BindCause,
    /// The program that listens there, if its name can be read.
    pub by: Option<String>,
}

/// Why a socket could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindCause {
    /// Another socket listens there (EADDRINUSE).
    #[error("the port is in use by another program")]
    InUse,
    /// This user may not listen there (EACCES, EPERM): ports below
    /// net.ipv4.ip_unprivileged_port_start.
    #[error("this user may not listen there")]
    NotPermitted,
    /// The machine has no such address, or not this IP version (EADDRNOTAVAIL, EAFNOSUPPORT).
    #[error("there is no such address here")]
    NoSuchAddress,
    /// This process may not open more files (EMFILE).
    #[error("this process may have {limit} files open")]
    OpenFiles {
        /// The limit (RLIMIT_NOFILE, soft).
        limit: u64,
    },
    /// Anything else.
    #[error("{0}")]
    Other(#[source] std::io::Error),
}

impl BindError {
    /// With the cause that belongs to an errno.
    #[must_use]
    pub fn new(listen: Listen, error: std::io::Error) -> Self {
        let errno = Errno::from_io_error(&error);
        let cause = match errno {
            Some(Errno::ADDRINUSE) => BindCause::InUse,
            Some(Errno::ACCESS | Errno::PERM) => BindCause::NotPermitted,
            Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT) => BindCause::NoSuchAddress,
            Some(Errno::MFILE) => BindCause::OpenFiles {
                limit: open_files_limit(),
            },
            _ => BindCause::Other(error),
        };
        Self {
            listen,
            cause,
            by: None,
        }
    }

    /// A stable code.
    #[must_use]
    pub fn code(&self) -> FailureCode {
        match self.cause {
            BindCause::InUse => FailureCode::PortInUse,
            BindCause::OpenFiles { .. } => FailureCode::OpenFiles,
            BindCause::NotPermitted | BindCause::NoSuchAddress | BindCause::Other(_) => {
                FailureCode::Listener
            }
        }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        let port = self.listen.address.port();
        match self.cause {
            BindCause::InUse => {
                format!("find it with: ss -lnp 'sport = :{port}'; end it, or publish another port")
            }
            BindCause::NotPermitted => {
                "publish a port from 1024 up, or lower net.ipv4.ip_unprivileged_port_start".into()
            }
            BindCause::NoSuchAddress => "see the addresses with: ip address show dev lo".into(),
            BindCause::OpenFiles { .. } => OPEN_FILES_HELP.into(),
            BindCause::Other(_) => "publish another port".into(),
        }
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        Reason::NotBound(Detail {
            code: error.code(),
            message: format!("{error}: {}", error.cause),
            help: error.help(),
        })
        .into()
    }
}

/// A listening (tcp) or bound (udp) socket in the network namespace of this thread. IPv6 sockets
/// receive IPv6 only, so that the same port can be bound for both versions.
///
/// # Errors
/// With the cause; EMFILE is reported while 32 descriptors are still free, so that later
/// operations have some.
pub fn bind(listen: Listen) -> Result<BoundSocket, BindError> {
    match bind_socket(listen.address, listen.protocol).and_then(with_reserve) {
        Ok(socket) => Ok(BoundSocket { listen, socket }),
        Err(error) => Err(BindError::new(listen, error)),
    }
}

pub(super) fn with_reserve(socket: OwnedFd) -> std::io::Result<OwnedFd> {
    let number = u64::try_from(socket.as_raw_fd()).unwrap_or(0);
    if number.saturating_add(RESERVE) >= open_files_limit() {
        return Err(Errno::MFILE.into());
    }
    Ok(socket)
}

pub(super) fn bind_socket(address: SocketAddr, protocol: Protocol) -> std::io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let kind = match protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
        Protocol::Sctp => return Err(Errno::PROTONOSUPPORT.into()),
    };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if protocol == Protocol::Tcp {
        // Earlier connections in TIME_WAIT must not block the port; a listener still blocks it.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    if protocol == Protocol::Tcp {
        listen_on(&socket)?;
    }
    Ok(socket)
}

fn listen_on(socket: &impl std::os::fd::AsFd) -> std::io::Result<()> {
    Ok(rustix::net::listen(socket, BACKLOG)?)
}

/// Listens again on a TCP socket that another program closed. It is still bound, but shut down, which
/// accepted connections would inherit; a connection to no address ends that (connect(2), AF_UNSPEC).
///
/// # Errors
/// Those of listen(2).
pub fn listen_again(socket: &impl std::os::fd::AsFd) -> std::io::Result<()> {
    rustix::net::connect_unspec(socket)?;
    listen_on(socket)
}

/// The number of the user whose socket a TCP connection in the network namespace of this thread comes
/// from; none if the kernel does not report it, or the socket is not in this namespace.
#[must_use]
pub fn user_of(from: SocketAddr, to: SocketAddr) -> Option<u32> {
    hallway_kernel::listening::user_of(from, to).ok()
}

/// A bound socket of the standard library.
#[derive(Debug)]
pub enum StdSocket {
    /// It listens.
    Tcp(TcpListener),
    /// It is bound.
    Udp(UdpSocket),
}

impl From<BoundSocket> for StdSocket {
    fn from(listener: BoundSocket) -> Self {
        match listener.listen.protocol {
            Protocol::Tcp => Self::Tcp(listener.socket.into()),
            // No socket can be bound for SCTP.
            Protocol::Udp | Protocol::Sctp => Self::Udp(listener.socket.into()),
        }
    }
}

/// How many files this process may have open (RLIMIT_NOFILE, soft; getrlimit(2)).
#[must_use]
pub fn open_files_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many files a process may have open after it has raised its limit as far as it may.
pub(crate) fn most_open_files() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Raises the soft limit on open files to the hard one. Returns the former limit, which programs
/// must get: some loop over all possible descriptors, some use select(2).
pub fn raise_open_files() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    // The hard limit stays, so this is always allowed. If it failed, the lower limit would remain, and
    // be reported when it is reached.
    setrlimit(Resource::Nofile, raised).ok();
    before.current.unwrap_or(u64::MAX)
}
