//! An rtnetlink socket that sends many requests at once and reads every answer.

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use crate::KernelError;
use crate::wire::{self, Messages, Writer};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
pub(crate) const NLM_F_REPLACE: u16 = 0x100;
pub(crate) const NLM_F_EXCL: u16 = 0x200;
pub(crate) const NLM_F_CREATE: u16 = 0x400;

/// Requests sent with one system call. Answers are small, but the receive buffer holds them all
/// before the first is read.
const CHUNK: usize = 64;
/// Dumps cut short by a change are asked for again this often.
const DUMP_TRIES: usize = 8;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) body: Writer,
    pub(crate) operation: &'static str,
    pub(crate) object: String,
}

/// Requests that are sent together. They are carried out in order, each on its own: one that
/// fails does not stop the next.
#[derive(Debug, Default)]
pub struct Batch(Vec<Request>);

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a request.
    pub fn push(&mut self, request: Request) {
        self.0.push(request);
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A NETLINK_ROUTE socket of the namespace its thread was in when it was opened.
#[derive(Debug)]
pub struct Rtnl {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

pub(crate) fn open_socket(protocol: isize) -> Result<Socket, KernelError> {
    let failed = |e: std::io::Error| KernelError::io("open a netlink socket", "", &e);
    let mut socket = Socket::new(protocol).map_err(failed)?;
    socket.bind_auto().map_err(failed)?;
    socket.connect(&SocketAddr::new(0, 0)).map_err(failed)?;
    socket.set_ext_ack(true).map_err(failed)?;
    socket.set_cap_ack(true).map_err(failed)?;
    Ok(socket)
}

impl Rtnl {
    /// Opens a socket.
    ///
    /// # Errors
    /// When the kernel has no netlink.
    pub fn open() -> Result<Self, KernelError> {
        let socket = open_socket(NETLINK_ROUTE)?;
        drop(socket.set_netlink_get_strict_chk(true));
        Ok(Self {
            socket,
            sequence: 0,
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Sends a batch; one answer per request, in order.
    ///
    /// # Errors
    /// When the socket itself fails; what happened to the requests is then unknown.
    pub fn submit(&mut self, batch: &Batch) -> Result<Vec<Result<(), KernelError>>, KernelError> {
        let mut out = Vec::with_capacity(batch.0.len());
        for chunk in batch.0.chunks(CHUNK) {
            self.submit_chunk(chunk, &mut out)?;
        }
        Ok(out)
    }

    /// Sends a batch of which every request must succeed.
    ///
    /// # Errors
    /// The first that failed.
    pub fn submit_all(&mut self, batch: &Batch) -> Result<(), KernelError> {
        self.submit(batch)?.into_iter().collect()
    }

    /// Sends one request.
    ///
    /// # Errors
    /// The kernel's.
    pub fn run(&mut self, request: Request) -> Result<(), KernelError> {
        self.submit_all(&Batch(vec![request]))
    }

    /// Sends one request and gives back the body of the message that answers it.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Vec<u8>, KernelError> {
        self.send(std::slice::from_ref(request), 0)?;
        loop {
            let length = receive(&self.socket, &mut self.buffer)?;
            for message in Messages(self.buffer.get(..length).unwrap_or_default()) {
                if message.sequence != self.sequence {
                    continue;
                }
                if message.kind != NLMSG_ERROR {
                    return Ok(message.body.to_vec());
                }
                let (errno, detail) = wire::answer(&message).unwrap_or((5, None));
                return Err(KernelError {
                    operation: request.operation,
                    object: request.object.clone(),
                    errno,
                    detail,
                });
            }
        }
    }

    /// Sends requests with one system call; the sequence number of the first.
    fn send(&mut self, requests: &[Request], flags: u16) -> Result<u32, KernelError> {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::with_capacity(requests.len() * 192);
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            let flags = request.flags | NLM_F_REQUEST | flags;
            let body = request.body.as_bytes().map_err(|error| {
                KernelError::too_long(request.operation, request.object.clone(), error)
            })?;
            wire::message(&mut bytes, request.kind, flags, self.sequence, body);
        }
        let failed = |e: std::io::Error| KernelError::io("talk to the kernel", "", &e);
        self.socket.send(&bytes, 0).map_err(failed)?;
        Ok(first)
    }

    fn submit_chunk(
        &mut self,
        chunk: &[Request],
        out: &mut Vec<Result<(), KernelError>>,
    ) -> Result<(), KernelError> {
        let first = self.send(chunk, NLM_F_ACK)?;
        let mut answers: Vec<Option<Result<(), KernelError>>> = vec![None; chunk.len()];
        let mut missing = chunk.len();
        while missing > 0 {
            let length = receive(&self.socket, &mut self.buffer)?;
            for message in Messages(self.buffer.get(..length).unwrap_or_default()) {
                let position = message.sequence.wrapping_sub(first) as usize;
                let (Some(slot), Some(request)) = (answers.get_mut(position), chunk.get(position))
                else {
                    continue;
                };
                if message.kind == NLMSG_ERROR
                    && slot.is_none()
                    && let Some((errno, detail)) = wire::answer(&message)
                {
                    missing -= 1;
                    *slot = Some(if errno == 0 {
                        Ok(())
                    } else {
                        Err(KernelError {
                            operation: request.operation,
                            object: request.object.clone(),
                            errno,
                            detail,
                        })
                    });
                }
            }
        }
        out.extend(answers.into_iter().map(|a| a.unwrap_or(Ok(()))));
        Ok(())
    }

    /// Asks for a list and calls `each` with every answer's body.
    pub(crate) fn dump(
        &mut self,
        kind: u16,
        body: &[u8],
        what: &'static str,
        mut each: impl FnMut(u16, &[u8]),
    ) -> Result<(), KernelError> {
        let mut collected = Vec::new();
        for _ in 0..DUMP_TRIES {
            self.sequence = self.sequence.wrapping_add(1);
            collected.clear();
            let whole = dump_once(
                &self.socket,
                &mut self.buffer,
                (kind, self.sequence),
                body,
                what,
                &mut collected,
            )?;
            if whole {
                for (kind, body) in &collected {
                    each(*kind, body);
                }
                return Ok(());
            }
        }
        let mut error = KernelError::new(what, "", rustix::io::Errno::AGAIN);
        error.detail = Some("the list kept changing while it was read".into());
        Err(error)
    }
}

fn receive(socket: &Socket, buffer: &mut [u8]) -> Result<usize, KernelError> {
    loop {
        match socket.recv(&mut &mut *buffer, 0) {
            Ok(length) => return Ok(length),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(KernelError::io("hear from the kernel", "", &e)),
        }
    }
}

/// Returns whether the list is whole (not cut by a change under way).
pub(crate) fn dump_once(
    socket: &Socket,
    buffer: &mut [u8],
    (kind, sequence): (u16, u32),
    body: &[u8],
    what: &'static str,
    out: &mut Vec<(u16, Vec<u8>)>,
) -> Result<bool, KernelError> {
    let mut bytes = Vec::new();
    wire::message(&mut bytes, kind, NLM_F_REQUEST | NLM_F_DUMP, sequence, body);
    socket
        .send(&bytes, 0)
        .map_err(|e| KernelError::io(what, "", &e))?;
    let mut whole = true;
    loop {
        let length = receive(socket, buffer)?;
        for message in Messages(buffer.get(..length).unwrap_or_default()) {
            if message.sequence != sequence {
                continue;
            }
            whole &= message.flags & NLM_F_DUMP_INTR == 0;
            match message.kind {
                NLMSG_DONE => return Ok(whole),
                NLMSG_ERROR => {
                    let (errno, detail) = wire::answer(&message).unwrap_or((5, None));
                    return Err(KernelError {
                        operation: what,
                        object: String::new(),
                        errno,
                        detail,
                    });
                }
                kind => out.push((kind, message.body.to_vec())),
            }
        }
    }
}

/// Waits for the acknowledgement of `last`; the first error of any message from `first` on, with
/// the sequence number it belongs to.
pub(crate) fn first_error(
    socket: &Socket,
    buffer: &mut [u8],
    (first_sequence, last): (u32, u32),
) -> Result<Option<(u32, i32, Option<String>)>, KernelError> {
    let mut first = None;
    loop {
        let length = receive(socket, buffer)?;
        for message in Messages(buffer.get(..length).unwrap_or_default()) {
            let ours = (first_sequence..=last).contains(&message.sequence);
            if message.kind != NLMSG_ERROR || !ours {
                continue;
            }
            if let Some((errno, detail)) = wire::answer(&message) {
                if errno != 0 && first.is_none() {
                    first = Some((message.sequence, errno, detail));
                }
                if message.sequence == last || errno != 0 {
                    return Ok(first);
                }
            }
        }
    }
}
