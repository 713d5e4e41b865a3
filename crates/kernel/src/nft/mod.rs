//! nf_tables (linux/netfilter/nf_tables.h): one transaction, one system call.

mod listing;
mod trace;

use hallway_nftables::Transaction;
use hallway_nftables::message::SUBSYSTEM;
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::net::sockopt;

pub use trace::{Trace, is_watching};

use crate::KernelError;
use crate::rtnl::{first_error, open_socket};
use crate::wire;

/// The operation, in errors.
const CHANGE: &str = "change the packet filter";
const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;

/// An nf_tables socket.
#[derive(Debug)]
pub struct Nft {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Nft {
    /// Opens a socket.
    ///
    /// # Errors
    /// When the kernel has no netfilter netlink.
    pub fn open() -> Result<Self, KernelError> {
        let socket = open_socket(NETLINK_NETFILTER)?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: vec![0; 128 * 1024],
        })
    }

    /// The number by which the kernel knows this socket in its namespace.
    fn port(&self) -> Result<u32, KernelError> {
        let mut address = netlink_sys::SocketAddr::new(0, 0);
        self.socket
            .get_address(&mut address)
            .map_err(|e| KernelError::io("read the port of a netlink socket", "", &e))?;
        Ok(address.port_number())
    }

    /// Carries out a transaction: all of it, or nothing.
    ///
    /// # Errors
    /// The first thing the kernel refused.
    pub fn commit(&mut self, transaction: &Transaction) -> Result<(), KernelError> {
        let messages = transaction.messages();
        if messages.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(transaction.bytes());
        let first = self.sequence + 1;
        self.put(
            &mut bytes,
            NFNL_MSG_BATCH_BEGIN,
            NLM_F_REQUEST,
            &[0, 0, 0, 10],
        );
        for (position, message) in messages.iter().enumerate() {
            let ack = match position + 1 == messages.len() {
                true => NLM_F_ACK,
                false => 0,
            };
            let body = message
                .body
                .as_bytes()
                .map_err(|e| KernelError::too_long(CHANGE, message.object.clone(), e))?;
            let flags = message.flags | NLM_F_REQUEST | ack;
            self.put(&mut bytes, SUBSYSTEM | message.kind, flags, body);
        }
        let last = self.sequence;
        self.put(
            &mut bytes,
            NFNL_MSG_BATCH_END,
            NLM_F_REQUEST,
            &[0, 0, 0, 10],
        );
        self.make_room(bytes.len())?;
        self.socket
            .send(&bytes, 0)
            .map_err(|e| KernelError::io(CHANGE, "", &e))?;
        match first_error(&self.socket, &mut self.buffer, (first, last))? {
            None => Ok(()),
            Some((sequence, errno, detail)) => {
                let position = sequence.wrapping_sub(first + 1) as usize;
                let object = messages
                    .get(position)
                    .map_or_else(String::new, |m| m.object.clone());
                Err(KernelError {
                    operation: CHANGE,
                    object,
                    errno,
                    detail,
                })
            }
        }
    }

    fn put(&mut self, bytes: &mut Vec<u8>, kind: u16, flags: u16, body: &[u8]) {
        self.sequence += 1;
        wire::message(bytes, kind, flags, self.sequence, body);
    }

    /// A transaction is one datagram, and the kernel refuses one larger than the send buffer.
    fn make_room(&self, length: usize) -> Result<(), KernelError> {
        let size = length * 2 + 64 * 1024;
        // Beyond the limit of the machine only with CAP_NET_ADMIN; else up to it.
        if sockopt::set_socket_send_buffer_size_force(&self.socket, size).is_ok() {
            return Ok(());
        }
        sockopt::set_socket_send_buffer_size(&self.socket, size)
            .map_err(|errno| KernelError::new(CHANGE, "", errno))
    }
}
