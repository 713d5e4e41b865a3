//! Datagrams. Each sender gets a separate socket to the node, so that answers reach it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hallway_engine::keeper::open_files_limit;
use rustix::net::SendFlags;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

/// The socket of a sender is closed if no datagram was sent or received for this long.
const IDLE: Duration = Duration::from_secs(60);
/// Senders of one listener; a further one takes the place of one that is idle.
const SENDERS_MAX: usize = 4096;
/// Each listener has at least as many, even if few files may be open.
const SENDERS_MIN: usize = 16;
/// Each sender takes a file; the senders of all listeners take this part of those that may be open.
const FILES_PART: u64 = 4;
/// The part of the senders that lose their places at a time: to look for one each time takes too long.
const LOST_PART: usize = 16;
/// The largest datagram (16 bit length, RFC 768).
const DATAGRAM_MAX: usize = 65_535;
/// Datagrams passed on before other sockets are read.
const BURST: usize = 64;

#[derive(Debug)]
struct Sender {
    towards_node: Arc<UdpSocket>,
    last: Arc<Mutex<Instant>>,
    /// It has sent more than one datagram.
    again: bool,
    task: AbortHandle,
}

/// Who has sent lately.
type Senders = BTreeMap<SocketAddr, Sender>;

/// All listeners for datagrams of a forwarder.
#[derive(Debug, Default)]
pub(super) struct Listeners(AtomicUsize);

impl Listeners {
    /// How many senders each of them may have.
    fn senders_max(&self) -> usize {
        let files = usize::try_from(open_files_limit() / FILES_PART).unwrap_or(usize::MAX);
        let each = files / self.0.load(Ordering::Relaxed).max(1);
        each.clamp(SENDERS_MIN, SENDERS_MAX)
    }
}

/// Counts one listener, until it is dropped.
struct Counted(Arc<Listeners>);

impl Counted {
    fn new(all: Arc<Listeners>) -> Self {
        all.0.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Passes datagrams to the target, and answers back, until aborted. When the target changes every
/// sender gets a new socket with its next datagram.
pub(super) async fn serve(
    socket: UdpSocket,
    mut target: watch::Receiver<SocketAddr>,
    listeners: Arc<Listeners>,
) {
    let socket = Arc::new(socket);
    let counted = Counted::new(listeners);
    let mut senders = Senders::new();
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
            Some(ended) = tasks.join_next_with_id() => forget(&mut senders, ended),
            readable = socket.readable() => {
                if readable.is_ok() {
                    let target = *target.borrow();
                    let most = counted.0.senders_max();
                    receive(&socket, target, most, &mut senders, &mut tasks);
                    // The tasks of senders that have lost their places end.
                    tokio::task::yield_now().await;
                }
            }
        }
        while let Some(ended) = tasks.try_join_next_with_id() {
            forget(&mut senders, ended);
        }
    }
}

/// The task of a sender has ended. One that was aborted has no place any more.
fn forget(senders: &mut Senders, ended: Result<(Id, SocketAddr), JoinError>) {
    match ended {
        Ok((id, from)) => {
            if senders.get(&from).is_some_and(|s| s.task.id() == id) {
                senders.remove(&from);
            }
        }
        Err(error) if error.is_cancelled() => {}
        Err(error) => senders.retain(|_, sender| sender.task.id() != error.id()),
    }
}

/// Makes room for one more: the longest idle senders lose their places, those of a single datagram first.
fn make_room(senders: &mut Senders, most: usize) {
    if senders.len() < most {
        return;
    }
    let idle = |(from, sender): (&SocketAddr, &Sender)| {
        let last = *sender.last.lock().unwrap_or_else(PoisonError::into_inner);
        (sender.again, last, *from)
    };
    let mut all: Vec<_> = senders.iter().map(idle).collect();
    all.sort_unstable();
    let lost = senders.len() - most + most.div_ceil(LOST_PART);
    for (_, _, from) in all.into_iter().take(lost) {
        if let Some(sender) = senders.remove(&from) {
            sender.task.abort();
        }
    }
}

/// Passes on the datagrams that have arrived.
fn receive(
    socket: &Arc<UdpSocket>,
    target: SocketAddr,
    most: usize,
    senders: &mut Senders,
    tasks: &mut JoinSet<SocketAddr>,
) {
    let mut buffer = [0; DATAGRAM_MAX];
    for _ in 0..BURST {
        let (length, from) = match socket.try_recv_from(&mut buffer) {
            Ok(received) => received,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return,
            Err(_of_an_earlier_answer) => continue,
        };
        if let Some(known) = senders.get_mut(&from) {
            known.again = true;
        } else {
            make_room(senders, most);
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
        tasks: &mut JoinSet<SocketAddr>,
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
            again: false,
            task,
        })
    }
}

/// Passes answers of the node back to one sender, until there was none for a while; returns the sender.
async fn answers(
    node: Arc<UdpSocket>,
    listener: Arc<UdpSocket>,
    to: SocketAddr,
    last: Arc<Mutex<Instant>>,
) -> SocketAddr {
    let last_time = || *last.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let idle_at = last_time() + IDLE;
        match timeout_at(idle_at, node.readable()).await {
            Ok(Ok(())) => {
                *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                pass_back(&node, &listener, to);
            }
            Ok(Err(_broken)) => return to,
            Err(_elapsed) if last_time() + IDLE <= Instant::now() => return to,
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
