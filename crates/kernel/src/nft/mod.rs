//! nf_tables (linux/netfilter/nf_tables.h): transactions of `hallway-nftables` committed, and lists
//! read back. The values themselves are that crate's.

mod listing;
mod read;
mod trace;

use hallway_nftables::transaction::Transaction;

pub use trace::{Trace, is_watching};

use crate::gate::{Operation, OperationKind};
use crate::socket::{BatchMessage, Channel};
use crate::wire::Writer;
use crate::{Kernel, KernelError};

pub(crate) const SUBSYSTEM: u16 = 10 << 8;
const COMMIT: &str = "change the packet filter";

/// A request's body: the family, and strings by attribute.
fn header(family: u8, strings: &[(u16, &str)], what: &'static str) -> Result<Vec<u8>, KernelError> {
    let mut w = Writer::with_header(&[family, 0, 0, 0]);
    for (kind, text) in strings {
        w.str(*kind, text);
    }
    w.finish()
        .map_err(|error| KernelError::too_long(what, "", error))
}

impl Kernel {
    /// Commits a transaction: all of it, or nothing. An empty one does nothing.
    ///
    /// # Errors
    /// The first message that the kernel refused, by the name of its object.
    pub fn commit(&mut self, transaction: &Transaction) -> Result<(), KernelError> {
        let Some(last) = transaction.messages().last() else {
            return Ok(());
        };
        // Borrowed apart from the gate: the operation is done with the socket.
        let mut netfilter = self.take_netfilter()?;
        let operation = Operation::new(OperationKind::NfTransaction, COMMIT, &last.object);
        let result = self.perform(&operation, || commit(&mut netfilter, transaction));
        self.put_netfilter(netfilter);
        result
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
