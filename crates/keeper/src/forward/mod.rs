//! Published ports on localhost: connections and datagrams are proxied to the node.
//!
//! A listener is identified by address, port, protocol and namespace. When its target changes the
//! socket stays open, and what waits in its queue goes to the new target; only connections to the
//! former target are closed.
//!
//! ```
//! use hallway_engine::keeper::{Forward, Listen, Namespace, bind};
//! use hallway_keeper::forward::Forwarder;
//! use hallway_spec::Protocol;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listen = Listen {
//!     address: "127.0.0.1:0".parse()?,
//!     protocol: Protocol::Tcp,
//!     namespace: Namespace::Project,
//! };
//! let forward = |target: &str| Ok::<_, std::net::AddrParseError>(Forward { listen, target: target.parse()? });
//! let mut forwarder = Forwarder::default();
//! forwarder.sync(vec![forward("10.9.0.10:80")?], vec![bind(listen)?]).await?;
//! let changed = forwarder.sync(vec![forward("10.9.0.11:80")?], Vec::new()).await?;
//! assert_eq!(changed, 1); // retargeted: no listener was needed
//! # Ok(())
//! # }
//! ```

mod copy;
mod share;
mod tcp;
mod udp;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hallway_engine::keeper::{BoundSocket, Forward, Listen, StdSocket};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use share::Connections;
pub use share::EventSink;

/// Everything that is served.
pub struct Forwarder {
    held: BTreeMap<Listen, ServedSocket>,
    connections: Arc<Connections>,
    datagrams: Arc<udp::Listeners>,
    events: EventSink,
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder")
            .field("held", &self.held)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct ServedSocket {
    target: watch::Sender<SocketAddr>,
    /// Whether the socket listens; another program can end that.
    listens: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Default for Forwarder {
    fn default() -> Self {
        Self::new(Arc::new(|_not_recorded| {}))
    }
}

/// A listener of the runtime.
enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Socket {
    fn new(listener: BoundSocket) -> std::io::Result<Self> {
        match StdSocket::from(listener) {
            StdSocket::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket).map(Self::Tcp)
            }
            StdSocket::Udp(socket) => {
                socket.set_nonblocking(true)?;
                UdpSocket::from_std(socket).map(Self::Udp)
            }
        }
    }
}

impl Forwarder {
    /// Serves nothing yet.
    #[must_use]
    pub fn new(events: EventSink) -> Self {
        Self {
            held: BTreeMap::new(),
            connections: Arc::default(),
            datagrams: Arc::default(),
            events,
        }
    }

    /// The forwards that are served.
    pub fn held(&self) -> impl Iterator<Item = Forward> {
        let served = self.held.iter().filter(|(_, held)| held.is_open());
        served.map(|(listen, held)| Forward {
            listen: *listen,
            target: *held.target.borrow(),
        })
    }

    /// Serves exactly `wanted` from now on; `fresh` are listeners for what is not served yet. A
    /// forward with no listener at all is not served. Returns how many were added, removed or
    /// retargeted. Listeners that are removed are closed when this returns.
    ///
    /// # Errors
    /// When the kernel refuses a fresh listener; then nothing has changed.
    pub async fn sync(
        &mut self,
        wanted: Vec<Forward>,
        fresh: Vec<BoundSocket>,
    ) -> std::io::Result<usize> {
        let sockets = sockets(fresh)?;
        let wanted: BTreeMap<Listen, SocketAddr> =
            wanted.into_iter().map(|f| (f.listen, f.target)).collect();
        let mut changed = 0;
        let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(listen, _)| wanted.contains_key(listen));
        self.held = kept;
        for held in gone.into_values() {
            changed += 1;
            held.close().await;
        }
        Ok(changed + self.add(wanted, sockets))
    }

    /// Closes these listeners and serves `wanted` besides the present ones; `fresh` as in
    /// [`Self::sync`]. Returns how many were added, removed or retargeted.
    ///
    /// # Errors
    /// When the kernel refuses a fresh listener; then nothing has changed.
    pub async fn change(
        &mut self,
        close: &[Listen],
        wanted: Vec<Forward>,
        fresh: Vec<BoundSocket>,
    ) -> std::io::Result<usize> {
        let sockets = sockets(fresh)?;
        let mut changed = 0;
        for held in close
            .iter()
            .filter_map(|listen| self.held.remove(listen))
            .collect::<Vec<_>>()
        {
            changed += 1;
            held.close().await;
        }
        let wanted = wanted.into_iter().map(|f| (f.listen, f.target));
        Ok(changed + self.add(wanted.collect(), sockets))
    }

    /// Whether anything is served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn add(
        &mut self,
        wanted: BTreeMap<Listen, SocketAddr>,
        mut sockets: BTreeMap<Listen, Socket>,
    ) -> usize {
        let mut changed = 0;
        self.held.retain(|_, held| {
            let open = held.is_open();
            if !open {
                held.task.abort();
            }
            open
        });
        for (listen, target) in wanted {
            if let Some(held) = self.held.get(&listen) {
                let moved = |current: &mut SocketAddr| std::mem::replace(current, target) != target;
                changed += usize::from(held.target.send_if_modified(moved));
            } else if let Some(socket) = sockets.remove(&listen) {
                changed += 1;
                self.held.insert(listen, self.serve(listen, socket, target));
            }
        }
        changed
    }

    /// Closes every listener and connection.
    pub async fn close(&mut self) {
        for (_, held) in std::mem::take(&mut self.held) {
            held.close().await;
        }
    }

    fn serve(&self, listen: Listen, socket: Socket, target: SocketAddr) -> ServedSocket {
        let (sender, target) = watch::channel(target);
        let listens = Arc::new(AtomicBool::new(true));
        let task = match socket {
            Socket::Tcp(listener) => {
                let service = tcp::TcpListenerTask {
                    listen,
                    listens: Arc::clone(&listens),
                    connections: Arc::clone(&self.connections),
                    events: Arc::clone(&self.events),
                };
                tokio::spawn(service.serve(listener, target))
            }
            Socket::Udp(socket) => {
                let all = Arc::clone(&self.datagrams);
                tokio::spawn(udp::serve(socket, target, all))
            }
        };
        ServedSocket {
            target: sender,
            listens,
            task,
        }
    }
}

fn sockets(fresh: Vec<BoundSocket>) -> std::io::Result<BTreeMap<Listen, Socket>> {
    let one = |listener: BoundSocket| Ok((listener.listen, Socket::new(listener)?));
    fresh.into_iter().map(one).collect()
}

impl ServedSocket {
    fn is_open(&self) -> bool {
        !self.task.is_finished() && self.listens.load(Ordering::Relaxed)
    }

    /// Closes its connections; the listener is closed when this returns.
    async fn close(self) {
        self.task.abort();
        // The error is that it was aborted.
        self.task.await.ok();
    }
}
