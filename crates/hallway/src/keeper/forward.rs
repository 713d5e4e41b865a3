//! Published ports on localhost: connections and datagrams are passed on to the node.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, UdpSocket as MioUdp};
use mio::{Events, Interest, Poll, Token, Waker};

use super::ForwardSpec;
use super::porter::{Bound, of_fd};

/// Connections at once; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 1024;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A datagram's sender that was silent this long is forgotten.
const UDP_IDLE: Duration = Duration::from_secs(60);
const UDP_SENDERS_MAX: usize = 4096;
const WAKE: Token = Token(0);

enum Command {
    Add(ForwardSpec, OwnedFd),
    Remove(ForwardSpec),
}

type Streams = Arc<Mutex<BTreeMap<usize, (TcpStream, TcpStream)>>>;

/// The forwarding thread's handle.
pub(super) struct Forwarder {
    commands: Sender<Command>,
    waker: Waker,
    held: Vec<ForwardSpec>,
}

impl Forwarder {
    pub(super) fn start() -> std::io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (commands, receiver) = channel();
        std::thread::spawn(move || Loop::new(poll, receiver).run());
        Ok(Self {
            commands,
            waker,
            held: Vec::new(),
        })
    }

    pub(super) fn held(&self) -> Vec<ForwardSpec> {
        self.held.clone()
    }

    /// Serves exactly these from now on; `fresh` are listeners for those not served yet.
    pub(super) fn sync(
        &mut self,
        wanted: &[ForwardSpec],
        fresh: Vec<(ForwardSpec, OwnedFd)>,
    ) -> usize {
        let mut changed = 0;
        let gone: Vec<ForwardSpec> = self
            .held
            .iter()
            .filter(|h| !wanted.contains(h))
            .cloned()
            .collect();
        for spec in gone {
            self.held.retain(|h| h != &spec);
            self.commands.send(Command::Remove(spec)).ok();
            changed += 1;
        }
        for (spec, fd) in fresh {
            if !self.held.contains(&spec) {
                self.held.push(spec.clone());
                self.commands.send(Command::Add(spec, fd)).ok();
                changed += 1;
            }
        }
        self.waker.wake().ok();
        changed
    }
}

enum Source {
    Tcp {
        spec: ForwardSpec,
        listener: TcpListener,
        streams: Streams,
    },
    Udp {
        spec: ForwardSpec,
        socket: MioUdp,
        senders: BTreeMap<SocketAddr, Token>,
    },
    /// Towards the node, on behalf of one sender.
    Reply {
        listener: Token,
        sender: SocketAddr,
        socket: MioUdp,
        last: Instant,
    },
}

struct Loop {
    poll: Poll,
    commands: Receiver<Command>,
    sources: BTreeMap<Token, Source>,
    next: usize,
    open: Arc<AtomicUsize>,
}

impl Loop {
    fn new(poll: Poll, commands: Receiver<Command>) -> Self {
        Self {
            poll,
            commands,
            sources: BTreeMap::new(),
            next: 1,
            open: Arc::default(),
        }
    }

    fn run(&mut self) {
        let mut events = Events::with_capacity(256);
        let mut swept = Instant::now();
        loop {
            match self.poll.poll(&mut events, Some(Duration::from_secs(1))) {
                Ok(()) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            }
            while let Ok(command) = self.commands.try_recv() {
                self.command(command);
            }
            let tokens: Vec<Token> = events
                .iter()
                .map(mio::event::Event::token)
                .filter(|t| *t != WAKE)
                .collect();
            for token in tokens {
                self.ready(token);
            }
            if swept.elapsed() > Duration::from_secs(5) {
                self.sweep();
                swept = Instant::now();
            }
        }
    }

    fn token(&mut self) -> Token {
        self.next += 1;
        Token(self.next)
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Add(spec, fd) => {
                let token = self.token();
                let registry = self.poll.registry();
                let source = match of_fd(fd, spec.protocol) {
                    Bound::Tcp(listener) => {
                        listener.set_nonblocking(true).ok();
                        let mut listener = TcpListener::from_std(listener);
                        registry
                            .register(&mut listener, token, Interest::READABLE)
                            .ok();
                        Source::Tcp {
                            spec,
                            listener,
                            streams: Streams::default(),
                        }
                    }
                    Bound::Udp(socket) => {
                        socket.set_nonblocking(true).ok();
                        let mut socket = MioUdp::from_std(socket);
                        registry
                            .register(&mut socket, token, Interest::READABLE)
                            .ok();
                        Source::Udp {
                            spec,
                            socket,
                            senders: BTreeMap::new(),
                        }
                    }
                };
                self.sources.insert(token, source);
            }
            Command::Remove(gone) => {
                let mut replies = Vec::new();
                self.sources.retain(|_, source| match source {
                    Source::Tcp { spec, streams, .. } if *spec == gone => {
                        close(streams);
                        false
                    }
                    Source::Udp { spec, senders, .. } if *spec == gone => {
                        replies.extend(senders.values().copied());
                        false
                    }
                    _ => true,
                });
                self.sources.retain(|token, _| !replies.contains(token));
            }
        }
    }

    fn ready(&mut self, token: Token) {
        match self.sources.get(&token) {
            Some(Source::Tcp {
                spec,
                listener,
                streams,
            }) => loop {
                match listener.accept() {
                    Ok((client, _)) if self.open.load(Ordering::Relaxed) < CONNECTIONS_MAX => {
                        serve(
                            client.into(),
                            spec.target,
                            Arc::clone(streams),
                            Arc::clone(&self.open),
                        );
                    }
                    Ok(_) => {} // closed at once: too many
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            },
            Some(Source::Udp { .. }) => self.datagrams(token),
            Some(Source::Reply {
                listener, sender, ..
            }) => {
                let (listener, sender) = (*listener, *sender);
                self.replies(token, listener, sender);
            }
            None => {}
        }
    }

    fn datagrams(&mut self, token: Token) {
        let mut buffer = [0; 65536];
        loop {
            let Some(Source::Udp {
                spec,
                socket,
                senders,
            }) = self.sources.get(&token)
            else {
                return;
            };
            let Ok((length, sender)) = socket.recv_from(&mut buffer) else {
                return;
            };
            let (target, known, full) = (
                spec.target,
                senders.get(&sender).copied(),
                senders.len() >= UDP_SENDERS_MAX,
            );
            let reply = match known {
                Some(reply) => reply,
                None if full => continue,
                None => {
                    let Ok(mut socket) = towards(target) else {
                        continue;
                    };
                    let reply = self.token();
                    if self
                        .poll
                        .registry()
                        .register(&mut socket, reply, Interest::READABLE)
                        .is_err()
                    {
                        continue;
                    }
                    let source = Source::Reply {
                        listener: token,
                        sender,
                        socket,
                        last: Instant::now(),
                    };
                    self.sources.insert(reply, source);
                    if let Some(Source::Udp { senders, .. }) = self.sources.get_mut(&token) {
                        senders.insert(sender, reply);
                    }
                    reply
                }
            };
            if let Some(Source::Reply { socket, last, .. }) = self.sources.get_mut(&reply) {
                *last = Instant::now();
                socket.send(buffer.get(..length).unwrap_or_default()).ok();
            }
        }
    }

    fn replies(&mut self, token: Token, listener: Token, sender: SocketAddr) {
        let mut buffer = [0; 65536];
        loop {
            let Some(Source::Reply { socket, last, .. }) = self.sources.get_mut(&token) else {
                return;
            };
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(e) if e.kind() == ErrorKind::ConnectionRefused => continue,
                Err(_) => return,
            };
            *last = Instant::now();
            if let Some(Source::Udp { socket, .. }) = self.sources.get(&listener) {
                socket
                    .send_to(buffer.get(..length).unwrap_or_default(), sender)
                    .ok();
            }
        }
    }

    fn sweep(&mut self) {
        let old: Vec<(Token, Token, SocketAddr)> = self
            .sources
            .iter()
            .filter_map(|(token, source)| match source {
                Source::Reply {
                    listener,
                    sender,
                    last,
                    ..
                } if last.elapsed() > UDP_IDLE => Some((*token, *listener, *sender)),
                _ => None,
            })
            .collect();
        for (token, listener, sender) in old {
            self.sources.remove(&token);
            if let Some(Source::Udp { senders, .. }) = self.sources.get_mut(&listener) {
                senders.remove(&sender);
            }
        }
    }
}

fn towards(target: SocketAddr) -> std::io::Result<MioUdp> {
    let any: SocketAddr = if target.is_ipv4() {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(target)?;
    socket.set_nonblocking(true)?;
    Ok(MioUdp::from_std(socket))
}

fn close(streams: &Streams) {
    for (client, node) in streams
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .values()
    {
        client.shutdown(Shutdown::Both).ok();
        node.shutdown(Shutdown::Both).ok();
    }
}

/// Serves one connection in threads of its own.
fn serve(client: TcpStream, target: SocketAddr, streams: Streams, open: Arc<AtomicUsize>) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    open.fetch_add(1, Ordering::Relaxed);
    let started = std::thread::Builder::new().stack_size(128 * 1024).spawn({
        let open = Arc::clone(&open);
        move || {
            pass(&client, target, &streams, number);
            open.fetch_sub(1, Ordering::Relaxed);
        }
    });
    if started.is_err() {
        open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn pass(client: &TcpStream, target: SocketAddr, streams: &Streams, number: usize) {
    client.set_nonblocking(false).ok();
    let Ok(node) = TcpStream::connect_timeout(&target, CONNECT_LIMIT) else {
        return;
    };
    client.set_nodelay(true).ok();
    node.set_nodelay(true).ok();
    let (Ok(a), Ok(b)) = (client.try_clone(), node.try_clone()) else {
        return;
    };
    streams
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(number, (a, b));
    std::thread::scope(|scope| {
        let there = std::thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn_scoped(scope, || copy(client, &node));
        copy(&node, client);
        if there.is_err() {
            client.shutdown(Shutdown::Both).ok();
        }
    });
    streams
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&number);
}

/// One direction; its end is passed on, the other direction goes on.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    std::io::copy(&mut from, &mut to).ok();
    to.shutdown(Shutdown::Write).ok();
}
