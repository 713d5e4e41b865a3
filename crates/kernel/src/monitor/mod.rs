//! Notifications of changes in a network namespace, made by any process or by the kernel
//! (rtnetlink(7), nf_tables, conntrack).

mod event;
mod nftables;
mod nftables_event;

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use hallway_nftables::message::SUBSYSTEM;
use netlink_sys::Socket;
use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt;

pub use event::{Event, Existence};
pub use nftables::{Generation, NfChange, NfObject};

use crate::KernelError;
use crate::addr;
use crate::conntrack;
use crate::forwarding;
use crate::link;
use crate::neighbour;
use crate::netconf;
use crate::qdisc;
use crate::request::{NLM_F_CREATE, NLM_F_EXCL};
use crate::route;
use crate::rule;
use crate::socket::{BUFFER, open_socket, receive};
use crate::wire::{Message, Messages};

const RECEIVE: &str = "receive notifications";

/// The topics of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Links and bridge ports.
    Link,
    /// IPv4 and IPv6 addresses.
    Address,
    /// IPv4 and IPv6 routes.
    Route,
    /// Routing policy rules.
    Rule,
    /// Neighbours, and entries of bridges.
    Neighbour,
    /// Queueing disciplines.
    Qdisc,
    /// Forwarding and other settings of interfaces (`ip netconf`).
    Netconf,
    /// nf_tables transactions and what they change.
    Nftables,
    /// Tracked connections.
    Connection,
}

impl Topic {
    /// The protocol and its groups (RTNLGRP_*, NFNLGRP_*).
    fn groups(self) -> (isize, &'static [u32]) {
        match self {
            Self::Link => (NETLINK_ROUTE, &[1]),
            Self::Address => (NETLINK_ROUTE, &[5, 9]),
            Self::Route => (NETLINK_ROUTE, &[7, 11]),
            Self::Rule => (NETLINK_ROUTE, &[8, 19]),
            Self::Neighbour => (NETLINK_ROUTE, &[3]),
            Self::Qdisc => (NETLINK_ROUTE, &[4]),
            Self::Netconf => (NETLINK_ROUTE, &[24, 25]),
            Self::Nftables => (NETLINK_NETFILTER, &[7]),
            Self::Connection => (NETLINK_NETFILTER, &[1, 2, 3]),
        }
    }
}

/// Receives notifications of the namespace it was opened in. Earlier changes are not reported: open
/// it first, then read the lists.
///
/// ```no_run
/// use std::time::Duration;
/// use hallway_kernel::KernelError;
/// use hallway_kernel::monitor::{Event, Monitor, Existence, Topic};
///
/// fn print_removed_links() -> Result<(), KernelError> {
///     let mut monitor = Monitor::open(&[Topic::Link])?;
///     loop {
///         for event in monitor.events(Some(Duration::from_secs(1)))? {
///             if let Event::Link(Existence::Removed, link) = event {
///                 println!("{} was removed", link.name);
///             }
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Monitor {
    route: Option<Socket>,
    netfilter: Option<Socket>,
    buffer: Vec<u8>,
}

impl Monitor {
    /// Bytes of notifications that may wait until they are read.
    const RECEIVE_BUFFER: usize = 4 << 20;

    /// Starts to receive, in the namespace of the calling thread.
    ///
    /// # Errors
    /// EPERM for nf_tables and conntrack without CAP_NET_ADMIN; ENOENT for groups that this kernel
    /// does not have.
    pub fn open(topics: &[Topic]) -> Result<Self, KernelError> {
        Self::with_receive_buffer(topics, Self::RECEIVE_BUFFER)
    }

    /// The same with room for another number of bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_receive_buffer(topics: &[Topic], bytes: usize) -> Result<Self, KernelError> {
        let mut monitor = Self {
            route: None,
            netfilter: None,
            buffer: Vec::with_capacity(BUFFER),
        };
        for topic in topics {
            let (protocol, groups) = topic.groups();
            let slot = match protocol {
                NETLINK_ROUTE => &mut monitor.route,
                _ => &mut monitor.netfilter,
            };
            let socket = match slot {
                Some(socket) => socket,
                none => none.insert(open(protocol, bytes)?),
            };
            for group in groups {
                socket
                    .add_membership(*group)
                    .map_err(|e| KernelError::io("subscribe to notifications", "", &e))?;
            }
        }
        Ok(monitor)
    }

    /// The rtnetlink topics are received also from all other network namespaces that have an id
    /// here (NETLINK_LISTEN_ALL_NSID): those at the other end of a link. Notifications do not
    /// contain their namespace.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN.
    pub fn listen_everywhere(&self) -> Result<(), KernelError> {
        let all = self
            .route
            .as_ref()
            .map(|s| s.set_listen_all_namespaces(true));
        all.unwrap_or(Ok(()))
            .map_err(|e| KernelError::io("receive notifications of all namespaces", "", &e))
    }

    /// The sockets, to poll together with others; readable when there are events.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [&self.route, &self.netfilter]
            .into_iter()
            .flatten()
            .map(|socket| socket.as_fd())
    }

    /// What has changed. Waits at most `timeout`, or without a limit; none if nothing came in time
    /// or a signal arrived. Changes of one source come in order.
    ///
    /// # Errors
    /// When a socket cannot be read.
    pub fn events(&mut self, timeout: Option<Duration>) -> Result<Vec<Event>, KernelError> {
        let mut fds: Vec<PollFd<'_>> = [&self.route, &self.netfilter]
            .into_iter()
            .flatten()
            .map(|socket| PollFd::new(socket, PollFlags::IN))
            .collect();
        let limit = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(e) => return Err(KernelError::new(RECEIVE, "", e)),
        }
        let mut out = Vec::new();
        if let Some(socket) = &self.route {
            drain(socket, &mut self.buffer, &mut out, route_event)?;
        }
        if let Some(socket) = &self.netfilter {
            drain(socket, &mut self.buffer, &mut out, netfilter_event)?;
        }
        Ok(out)
    }
}

fn open(protocol: isize, bytes: usize) -> Result<Socket, KernelError> {
    let socket = open_socket(protocol)?;
    socket
        .set_non_blocking(true)
        .map_err(|e| KernelError::io("open a netlink socket", "", &e))?;
    // Beyond net.core.rmem_max only with CAP_NET_ADMIN over the first user namespace.
    if sockopt::set_socket_recv_buffer_size_force(&socket, bytes).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)
            .map_err(|e| KernelError::new("open a netlink socket", "", e))?;
    }
    Ok(socket)
}

/// Reads all notifications that have arrived.
fn drain(
    socket: &Socket,
    buffer: &mut Vec<u8>,
    out: &mut Vec<Event>,
    event: fn(&Message<'_>) -> Option<Event>,
) -> Result<(), KernelError> {
    loop {
        match receive(socket, buffer) {
            Ok(()) => out.extend(Messages(buffer).filter_map(|message| event(&message))),
            Err(e) if e.errno == Errno::AGAIN.raw_os_error() => return Ok(()),
            // The queue was full, or a datagram did not fit: something is missing.
            Err(e)
                if [Errno::NOBUFS, Errno::MSGSIZE]
                    .map(Errno::raw_os_error)
                    .contains(&e.errno) =>
            {
                out.push(Event::Overrun);
            }
            Err(e) => {
                return Err(KernelError {
                    operation: RECEIVE,
                    ..e
                });
            }
        }
    }
}

fn route_event(message: &Message<'_>) -> Option<Event> {
    use Existence::{Present, Removed};
    let body = message.body;
    let is_port = body.first() == Some(&link::AF_BRIDGE);
    match message.kind {
        link::RTM_NEWLINK if is_port => Some(Event::BridgePort(Present, link::parse(body)?)),
        link::RTM_DELLINK if is_port => Some(Event::BridgePort(Removed, link::parse(body)?)),
        link::RTM_NEWLINK => Some(Event::Link(Present, link::parse(body)?)),
        link::RTM_DELLINK => Some(Event::Link(Removed, link::parse(body)?)),
        addr::RTM_NEWADDR => Some(Event::Address(Present, addr::parse(body)?)),
        addr::RTM_DELADDR => Some(Event::Address(Removed, addr::parse(body)?)),
        route::RTM_NEWROUTE => Some(Event::Route(Present, route::parse(body)?)),
        route::RTM_DELROUTE => Some(Event::Route(Removed, route::parse(body)?)),
        rule::RTM_NEWRULE => Some(Event::Rule(Present, rule::parse(body)?)),
        rule::RTM_DELRULE => Some(Event::Rule(Removed, rule::parse(body)?)),
        neighbour::RTM_NEWNEIGH if is_port => {
            Some(Event::Forwarding(Present, forwarding::parse(body)?))
        }
        neighbour::RTM_DELNEIGH if is_port => {
            Some(Event::Forwarding(Removed, forwarding::parse(body)?))
        }
        neighbour::RTM_NEWNEIGH => Some(Event::Neighbour(Present, neighbour::parse(body)?)),
        neighbour::RTM_DELNEIGH => Some(Event::Neighbour(Removed, neighbour::parse(body)?)),
        qdisc::RTM_NEWQDISC => Some(Event::Qdisc(Present, qdisc::parse(body)?)),
        qdisc::RTM_DELQDISC => Some(Event::Qdisc(Removed, qdisc::parse(body)?)),
        netconf::RTM_NEWNETCONF => Some(Event::Netconf(Present, netconf::parse(body)?)),
        netconf::RTM_DELNETCONF => Some(Event::Netconf(Removed, netconf::parse(body)?)),
        _ => None,
    }
}

fn netfilter_event(message: &Message<'_>) -> Option<Event> {
    let body = message.body;
    let created = message.flags & (NLM_F_CREATE | NLM_F_EXCL) != 0;
    match message.kind {
        conntrack::MESSAGE_NEW if created => Some(Event::ConnectionNew(conntrack::parse(body)?)),
        conntrack::MESSAGE_NEW => Some(Event::ConnectionChanged(conntrack::parse(body)?)),
        conntrack::MESSAGE_DELETE => Some(Event::ConnectionEnded(conntrack::parse(body)?)),
        kind if kind & 0xff00 == SUBSYSTEM => nftables_event::event(kind & 0xff, body),
        _ => None,
    }
}
