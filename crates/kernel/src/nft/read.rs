//! Reading tables and elements back.

use hallway_nftables::Family;
use hallway_nftables::listing::{TableInfo, table};

use super::{Nft, SUBSYSTEM, header};
use crate::KernelError;
use crate::rtnl::dump_once;
use crate::wire::{Attrs, string_of};

const NFT_MSG_GETTABLE: u16 = 1;
const NFT_MSG_GETSETELEM: u16 = 13;
/// Lists cut short by another's transaction are asked for again this often.
const TRIES: usize = 8;

impl Nft {
    pub(super) fn list(
        &mut self,
        kind: u16,
        body: &[u8],
        what: &'static str,
    ) -> Result<Vec<Vec<u8>>, KernelError> {
        for _ in 0..TRIES {
            self.sequence += 1;
            let mut out = Vec::new();
            let id = (SUBSYSTEM | kind, self.sequence);
            if dump_once(&self.socket, &mut self.buffer, id, body, what, &mut out)? {
                return Ok(out.into_iter().map(|(_, body)| body).collect());
            }
        }
        let mut error = KernelError::new(what, "", rustix::io::Errno::AGAIN);
        error.detail = Some("the list kept changing while it was read".into());
        Err(error)
    }

    /// Every table of the namespace.
    ///
    /// # Errors
    /// When the list could not be read whole.
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
