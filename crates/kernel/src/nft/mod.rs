//! nf_tables (linux/netfilter/nf_tables.h): transactions of `hallway-nftables` are committed, and
//! lists read. The types are in that crate.

mod listing;
mod trace;

use hallway_nftables::Transaction;
use hallway_nftables::message::SUBSYSTEM;

pub use trace::Trace;

use crate::gate::{Operation, OperationKind};
use crate::socket::{BatchMessage, Channel};
use crate::{Kernel, KernelError};

const COMMIT: &str = "change the packet filter";

impl Kernel {
    /// Commits a transaction, completely or not at all. An empty one does nothing.
    ///
    /// # Errors
    /// The first message that the kernel refused, with the name of its object.
    pub fn commit(&mut self, transaction: &Transaction) -> Result<(), KernelError> {
        let Some(last) = transaction.messages().last() else {
            return Ok(());
        };
        // Taken out of the handle: the gate is borrowed while the operation uses the socket.
        let mut netfilter = self.take_netfilter()?;
        let operation = Operation::new(OperationKind::NfTransaction, COMMIT, &last.object);
        let result = self.perform(&operation, || commit(&mut netfilter, transaction));
        self.put_netfilter(netfilter);
        result
    }

    /// How many bytes of `wanted` a transaction can have: fewer than all for an ordinary user's process
    /// (net.core.wmem_max).
    ///
    /// # Errors
    /// When no socket can be opened.
    pub fn room(&mut self, wanted: usize) -> Result<usize, KernelError> {
        let netfilter = self.take_netfilter()?;
        let room = netfilter.room(wanted, COMMIT);
        self.put_netfilter(netfilter);
        room
    }
}

/// Commits a transaction on a socket.
fn commit(channel: &mut Channel, transaction: &Transaction) -> Result<(), KernelError> {
    let messages = transaction
        .messages()
        .iter()
        .map(|message| {
            let body = message
                .body
                .as_bytes()
                .map_err(|e| KernelError::too_long(COMMIT, message.object.clone(), e))?;
            Ok(BatchMessage {
                kind: SUBSYSTEM | message.kind,
                flags: message.flags,
                body,
            })
        })
        .collect::<Result<Vec<_>, KernelError>>()?;
    let Some(refusal) = channel.transact(&messages, COMMIT)? else {
        return Ok(());
    };
    let object = refusal
        .position
        .and_then(|position| transaction.messages().get(position))
        .map_or_else(String::new, |message| message.object.clone());
    Err(KernelError {
        operation: COMMIT,
        object,
        errno: refusal.errno,
        detail: refusal.detail,
    })
}
