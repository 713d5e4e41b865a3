//! Reading tables and elements back.

use hallway_nftables::Family;
use hallway_nftables::listing::{TableInfo, table};

use super::{SUBSYSTEM, header};
use crate::gate::{Operation, OperationKind};
use crate::wire::{Attrs, string_of};
use crate::{Kernel, KernelError};

const NFT_MSG_GETTABLE: u16 = 1;
const NFT_MSG_GETSETELEM: u16 = 13;

impl Kernel {
    pub(super) fn list(
        &mut self,
        kind: u16,
        body: &[u8],
        operation: &'static str,
    ) -> Result<Vec<Vec<u8>>, KernelError> {
        self.note_read(&Operation::new(OperationKind::NfTransaction, operation, ""));
        let messages = self.netfilter()?.dump(SUBSYSTEM | kind, body, operation)?;
        Ok(messages.into_iter().map(|(_, body)| body).collect())
    }

    /// Every table of the namespace.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn tables(&mut self) -> Result<Vec<TableInfo>, KernelError> {
        let bodies = self.list(NFT_MSG_GETTABLE, &[0, 0, 0, 0], "list the tables")?;
        Ok(bodies.iter().filter_map(|body| table(body)).collect())
    }

    /// The keys of a set of a table.
    ///
    /// # Errors
    /// ENOENT when there is no such set.
    pub fn keys(
        &mut self,
        family: Family,
        table: &str,
        set: &str,
    ) -> Result<Vec<Vec<u8>>, KernelError> {
        let what = "list the elements";
        let request = header(family as u8, &[(1, table), (2, set)], what)?;
        let bodies = self.list(NFT_MSG_GETSETELEM, &request, what)?;
        let mut out = Vec::new();
        for body in &bodies {
            let list = body
                .get(4..)
                .and_then(|attrs| Attrs(attrs).find(3))
                .unwrap_or_default();
            for (_, element) in Attrs(list) {
                let key = Attrs(element).find(1).and_then(|key| Attrs(key).find(1));
                out.extend(key.map(<[u8]>::to_vec));
            }
        }
        Ok(out)
    }

    /// The same as link names, for a set of interfaces.
    ///
    /// # Errors
    /// ENOENT when there is no such set.
    pub fn names(
        &mut self,
        family: Family,
        table: &str,
        set: &str,
    ) -> Result<Vec<String>, KernelError> {
        Ok(self
            .keys(family, table, set)?
            .iter()
            .map(|key| string_of(key))
            .collect())
    }
}
