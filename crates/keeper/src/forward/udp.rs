//! Datagrams. Each sender gets a separate socket to the node, so that answers reach it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

/// The socket of a sender is closed if no datagram was sent or received for this long.
const IDLE: Duration = Duration::from_secs(60);
/// Senders of one listener; datagrams of further ones are dropped.
const SENDERS_MAX: usize = 4096;
/// The largest datagram (16 bit length, RFC 768).
const DATAGRAM_MAX: usize = 65_535;
/// Datagrams passed on before other sockets are read.
const BURST: usize = 64;

#[derive(Debug)]
struct Sender {
    towards_node: Arc<UdpSocket>,
    last: Arc<Mutex<Instant>>,
    task: AbortHandle,
}

/// Passes datagrams to the target, and answers back, until aborted. When the target changes every
/// sender gets a new socket with its next datagram.
pub(super) async fn serve(socket: UdpSocket, mut target: watch::Receiver<SocketAddr>) {
    let socket = Arc::new(socket);
    let mut senders: BTreeMap<SocketAddr, Sender> = BTreeMap::new();
    // Dropped with this task, and the senders' tasks with it.
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            changed = target.changed() => match changed {
                Ok(()) => {
                    senders.clear();
                    tasks.shutdown().await;
                }
                Err(_forwarder_gone) => return,
            },
            Some(ended) = tasks.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => error.id(),
                };
                senders.retain(|_, sender| sender.task.id() != id);
            }
            readable = socket.readable() => {
                if readable.is_ok() {
                    let target = *target.borrow();
                    receive(&socket, target, &mut senders, &mut tasks);
                }
            }
        }
    }
}

/// Passes on the datagrams that have arrived.
fn receive(
    socket: &Arc<UdpSocket>,
    target: SocketAddr,
    senders: &mut BTreeMap<SocketAddr, Sender>,
    tasks: &mut JoinSet<()>,
) {
    let mut buffer = [0; DATAGRAM_MAX];
    for _ in 0..BURST {
        let (length, from) = match socket.try_recv_from(&mut buffer) {
            Ok(received) => received,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return,
            Err(_of_an_earlier_answer) => continue,
        };
        if !senders.contains_key(&from) {
            if senders.len() >= SENDERS_MAX {
                continue;
            }
            // No socket can be opened: the datagram is lost, as UDP allows.
            let Ok(sender) = Sender::new(socket, from, target, tasks) else {
                continue;
            };
            senders.insert(from, sender);
        }
        if let Some(sender) = senders.get(&from) {
            *sender.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            let datagram = buffer.get(..length).unwrap_or_default();
            // Lost if there is no room, or the node refused an earlier one. Not with `try_send`:
            // the runtime has not registered yet that a new socket can be written to.
            rustix::net::send(&*sender.towards_node, datagram, SendFlags::DONTWAIT).ok();
        }
    }
}

impl Sender {
    fn new(
        listener: &Arc<UdpSocket>,
        from: SocketAddr,
        target: SocketAddr,
        tasks: &mut JoinSet<()>,
    ) -> std::io::Result<Self> {
        let any: SocketAddr = match target {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(target)?;
        socket.set_nonblocking(true)?;
        let towards_node = Arc::new(UdpSocket::from_std(socket)?);
        let last = Arc::new(Mutex::new(Instant::now()));
        let task = tasks.spawn(answers(
            Arc::clone(&towards_node),
            Arc::clone(listener),
            from,
            Arc::clone(&last),
        ));
        Ok(Self {
            towards_node,
            last,
            task,
        })
    }
}

/// Passes answers of the node back to one sender, until there was none for a while.
async fn answers(
    node: Arc<UdpSocket>,
    listener: Arc<UdpSocket>,
    to: SocketAddr,
    last: Arc<Mutex<Instant>>,
) {
    let last_time = || *last.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let idle_at = last_time() + IDLE;
        match timeout_at(idle_at, node.readable()).await {
            Ok(Ok(())) => {
                *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                pass_back(&node, &listener, to);
            }
            Ok(Err(_broken)) => return,
            Err(_elapsed) if last_time() + IDLE <= Instant::now() => return,
            Err(_elapsed) => {} // a datagram went the other way meanwhile
        }
    }
}

fn pass_back(node: &UdpSocket, listener: &UdpSocket, to: SocketAddr) {
    let mut buffer = [0; DATAGRAM_MAX];
    for _ in 0..BURST {
        match node.try_recv(&mut buffer) {
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                // Lost if there is no room.
                rustix::net::sendto(listener, datagram, SendFlags::DONTWAIT, &to).ok();
            }
            // The node refuses the port: it may listen later.
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => {}
            Err(_nothing_more) => return,
        }
    }
}
