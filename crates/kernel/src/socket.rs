//! A netlink socket with its sequence numbers and receive buffer: batches, queries, dumps and
//! transactions. Used only by [`Kernel`](crate::Kernel).

use std::os::fd::OwnedFd;

use netlink_sys::{Socket, SocketAddr};
use rustix::io::Errno;
use rustix::net::sockopt;

use crate::KernelError;
use crate::request::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, Request};
use crate::wire::{self, Messages};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
const NFNL_SUBSYS_NFTABLES: u8 = 10;
const NLM_F_DUMP_INTR: u16 = 0x10;
/// The kernel makes no dump datagram larger than 32 KiB (netlink_dump in net/netlink).
pub(crate) const BUFFER: usize = 64 * 1024;
/// How often a dump that a concurrent change has cut is requested again.
const DUMP_TRIES: usize = 8;

/// Type and body of a message.
pub(crate) type Body = (u16, Vec<u8>);

#[derive(Debug)]
pub(crate) struct Channel {
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

impl Channel {
    /// Opens a socket in the namespace of the calling thread.
    pub(crate) fn open(protocol: isize) -> Result<Self, KernelError> {
        let socket = open_socket(protocol)?;
        if protocol == netlink_sys::protocols::NETLINK_ROUTE {
            // The kernel applies filters of dumps since Linux 4.20; before, there are none to set.
            match socket.set_netlink_get_strict_chk(true) {
                Err(e) if e.raw_os_error() != Some(Errno::NOPROTOOPT.raw_os_error()) => {
                    return Err(KernelError::io("open a netlink socket", "", &e));
                }
                _ => {}
            }
        }
        Ok(Self {
            socket,
            sequence: 0,
            buffer: Vec::with_capacity(BUFFER),
        })
    }

    /// The socket alone.
    pub(crate) fn into_descriptor(self) -> Result<OwnedFd, KernelError> {
        rustix::io::fcntl_dupfd_cloexec(&self.socket, 0)
            .map_err(|e| KernelError::new("copy a descriptor", "", e))
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends requests with one system call; one answer for each request, in order.
    pub(crate) fn submit(
        &mut self,
        requests: &[&Request],
    ) -> Result<Vec<Result<(), KernelError>>, KernelError> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.send(requests, NLM_F_ACK)?;
        let mut answers: Vec<Option<Result<(), KernelError>>> = vec![None; requests.len()];
        let mut missing = requests.len();
        while missing > 0 {
            receive(&self.socket, &mut self.buffer)?;
            for message in Messages(&self.buffer) {
                let position = message.sequence.wrapping_sub(first) as usize;
                let (Some(slot), Some(request)) =
                    (answers.get_mut(position), requests.get(position))
                else {
                    continue;
                };
                if message.kind == NLMSG_ERROR
                    && slot.is_none()
                    && let Some((errno, detail)) = wire::answer(&message)
                {
                    missing -= 1;
                    *slot = Some(match errno {
                        0 => Ok(()),
                        errno => Err(request.error(errno, detail)),
                    });
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Sends one request; returns the body of the message that answers it.
    pub(crate) fn query(&mut self, request: &Request) -> Result<Vec<u8>, KernelError> {
        let answers = self.query_each(std::slice::from_ref(request))?.into_iter();
        let mut answers = answers.map(|answer| answer.map(|(_, body)| body));
        let none = || Err(request.error(EIO, None));
        answers.next().unwrap_or_else(none)
    }

    /// Sends requests that are each answered by one message, which may be an error; the answers, in
    /// order. Their number is limited by the receive buffer.
    pub(crate) fn query_each(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<Result<Body, KernelError>>, KernelError> {
        let all: Vec<&Request> = requests.iter().collect();
        let first = self.send(&all, 0)?;
        let mut out = Vec::with_capacity(requests.len());
        while out.len() < requests.len() {
            receive(&self.socket, &mut self.buffer)?;
            for message in Messages(&self.buffer) {
                let Some(request) = requests.get(out.len()) else {
                    break;
                };
                // Answers come in the order of the requests.
                if message.sequence != first.wrapping_add(out.len() as u32) {
                    continue;
                }
                out.push(match message.kind {
                    NLMSG_ERROR => {
                        let (errno, detail) = wire::answer(&message).unwrap_or((EIO, None));
                        Err(request.error(errno, detail))
                    }
                    kind => Ok((kind, message.body.to_vec())),
                });
            }
        }
        Ok(out)
    }

    /// The sequence number of the first.
    fn send(&mut self, requests: &[&Request], flags: u16) -> Result<u32, KernelError> {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::with_capacity(requests.len() * 192);
        for request in requests {
            let sequence = self.next_sequence();
            let flags = request.flags | NLM_F_REQUEST | flags;
            wire::message(&mut bytes, request.kind, flags, sequence, request.bytes()?);
        }
        send(&self.socket, &bytes, "send to the kernel")?;
        Ok(first)
    }

    /// A whole list; requested again if a change has cut it.
    pub(crate) fn dump(
        &mut self,
        kind: u16,
        body: &[u8],
        operation: &'static str,
    ) -> Result<Vec<Body>, KernelError> {
        for _ in 0..DUMP_TRIES {
            if let (out, true) = self.dump_once(kind, body, operation)? {
                return Ok(out);
            }
        }
        let mut error = KernelError::new(operation, "", Errno::AGAIN);
        error.detail = Some("the list kept changing while it was read".into());
        Err(error)
    }

    /// A list, and whether it is complete: not cut by a concurrent change.
    pub(crate) fn dump_once(
        &mut self,
        kind: u16,
        body: &[u8],
        operation: &'static str,
    ) -> Result<(Vec<Body>, bool), KernelError> {
        let sequence = self.next_sequence();
        let mut bytes = Vec::with_capacity(body.len() + 20);
        wire::message(&mut bytes, kind, NLM_F_REQUEST | NLM_F_DUMP, sequence, body);
        send(&self.socket, &bytes, operation)?;
        let mut out = Vec::new();
        let mut whole = true;
        loop {
            receive(&self.socket, &mut self.buffer)?;
            for message in Messages(&self.buffer) {
                if message.sequence != sequence {
                    continue;
                }
                whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match message.kind {
                    NLMSG_DONE => return done(&message, operation).map(|()| (out, whole)),
                    NLMSG_ERROR => {
                        let (errno, detail) = wire::answer(&message).unwrap_or((EIO, None));
                        return Err(refusal(operation, "", errno, detail));
                    }
                    kind => out.push((kind, message.body.to_vec())),
                }
            }
        }
    }

    /// Sends the messages of an nf_tables transaction as one datagram, between the messages of its
    /// beginning and end; the kernel does all of them or none. The answer is the first refusal: the
    /// position of the message, errno and text.
    pub(crate) fn transact(
        &mut self,
        messages: &[BatchMessage<'_>],
        operation: &'static str,
    ) -> Result<Option<Refusal>, KernelError> {
        let length = messages.iter().map(|m| m.body.len() + 20).sum();
        let room = self.room(length, operation)?;
        if room < length {
            let kibibytes = |bytes: usize| bytes.div_ceil(1024);
            let detail = format!(
                "it has {} KiB, and the kernel takes {} KiB at once from this user",
                kibibytes(length),
                kibibytes(room)
            );
            let errno = Errno::MSGSIZE.raw_os_error();
            return Err(refusal(operation, "", errno, Some(detail)));
        }
        let mut bytes = Vec::with_capacity(length);
        // struct nfgenmsg: the resource identifier is the subsystem.
        let mark = [0, 0, 0, NFNL_SUBSYS_NFTABLES];
        let begin = self.next_sequence();
        wire::message(
            &mut bytes,
            NFNL_MSG_BATCH_BEGIN,
            NLM_F_REQUEST,
            begin,
            &mark,
        );
        let count = messages.len();
        for (position, message) in messages.iter().enumerate() {
            // One acknowledgement, of the last message, covers all.
            let ack = if position + 1 == count { NLM_F_ACK } else { 0 };
            let sequence = self.next_sequence();
            let flags = message.flags | NLM_F_REQUEST | ack;
            wire::message(&mut bytes, message.kind, flags, sequence, message.body);
        }
        let end = self.next_sequence();
        wire::message(&mut bytes, NFNL_MSG_BATCH_END, NLM_F_REQUEST, end, &mark);
        send(&self.socket, &bytes, operation)?;
        self.transaction_answer(begin, count)
    }

    fn transaction_answer(
        &mut self,
        begin: u32,
        count: usize,
    ) -> Result<Option<Refusal>, KernelError> {
        loop {
            receive(&self.socket, &mut self.buffer)?;
            for message in Messages(&self.buffer) {
                // 0 is the message of the beginning, which is refused without permission.
                let position = message.sequence.wrapping_sub(begin) as usize;
                if message.kind != NLMSG_ERROR || position > count {
                    continue;
                }
                match wire::answer(&message) {
                    Some((0, _)) if position == count => return Ok(None),
                    Some((0, _)) | None => {}
                    Some((errno, detail)) => {
                        return Ok(Some(Refusal {
                            position: position.checked_sub(1),
                            errno,
                            detail,
                        }));
                    }
                }
            }
        }
    }

    /// How many bytes the messages of a transaction can have: as many as `wanted`, or fewer.
    ///
    /// A transaction is one datagram, and the kernel refuses one larger than the send buffer. With
    /// CAP_NET_ADMIN over the first user namespace the buffer may be of any size, else as large as
    /// net.core.wmem_max allows.
    pub(crate) fn room(
        &self,
        wanted: usize,
        operation: &'static str,
    ) -> Result<usize, KernelError> {
        let failed = |e: rustix::io::Errno| KernelError::new(operation, "", e);
        // The messages of the beginning and the end, and what the kernel keeps for itself.
        const OTHERS: usize = 256;
        let size = wanted + BUFFER;
        if sockopt::set_socket_send_buffer_size_force(&self.socket, size).is_err() {
            sockopt::set_socket_send_buffer_size(&self.socket, size).map_err(failed)?;
        }
        let is = sockopt::socket_send_buffer_size(&self.socket).map_err(failed)?;
        Ok(is.saturating_sub(OTHERS).min(wanted))
    }

    /// The port number of this socket in its namespace (netlink(7), nl_pid).
    pub(crate) fn port(&self) -> Result<u32, KernelError> {
        let mut address = SocketAddr::new(0, 0);
        self.socket
            .get_address(&mut address)
            .map_err(|e| KernelError::io("read a netlink socket's port", "", &e))?;
        Ok(address.port_number())
    }
}

/// A message of a transaction.
pub(crate) struct BatchMessage<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) body: &'a [u8],
}

/// Why a transaction was not done.
pub(crate) struct Refusal {
    /// The position of the message; none if the whole was refused.
    pub(crate) position: Option<usize>,
    pub(crate) errno: i32,
    pub(crate) detail: Option<String>,
}

fn refusal(
    operation: &'static str,
    object: &str,
    errno: i32,
    detail: Option<String>,
) -> KernelError {
    KernelError {
        operation,
        object: object.to_owned(),
        errno,
        detail,
    }
}

/// NLMSG_DONE has a negative errno if a dump failed before its end.
fn done(message: &wire::Message<'_>, operation: &'static str) -> Result<(), KernelError> {
    match message.body.first_chunk().map(|n| i32::from_ne_bytes(*n)) {
        Some(errno @ ..0) => Err(refusal(operation, "", errno.saturating_neg(), None)),
        _ => Ok(()),
    }
}

/// The error for an answer that cannot be read.
const EIO: i32 = 5;

fn send(socket: &Socket, bytes: &[u8], operation: &'static str) -> Result<(), KernelError> {
    loop {
        match socket.send(bytes, 0) {
            Ok(_) => return Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(KernelError::io(operation, "", &e)),
        }
    }
}

/// Receives a datagram into the capacity of the buffer; one that does not fit is an error, not a
/// shorter datagram.
pub(crate) fn receive(socket: &Socket, buffer: &mut Vec<u8>) -> Result<(), KernelError> {
    const OPERATION: &str = "receive from the kernel";
    loop {
        buffer.clear();
        match socket.recv(buffer, libc::MSG_TRUNC) {
            Ok(length) if length == buffer.len() => return Ok(()),
            Ok(_) => return Err(KernelError::new(OPERATION, "", Errno::MSGSIZE)),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(KernelError::io(OPERATION, "", &e)),
        }
    }
}
