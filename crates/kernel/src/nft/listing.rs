//! Chains and rules of every family and table, printed as nft prints them.

use hallway_nftables::listing::{self, ChainInfo, RuleInfo, Sets};

use super::header;
use crate::{Kernel, KernelError};

const NFT_MSG_GETCHAIN: u16 = 4;
const NFT_MSG_GETRULE: u16 = 7;
const NFT_MSG_GETSET: u16 = 10;
const NFT_MSG_GETSETELEM: u16 = 13;

/// The name of the interface with this index, in the namespace of the calling thread.
fn interface(index: u32) -> Option<String> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::DGRAM,
        None,
    );
    socket
        .and_then(|socket| rustix::net::netdevice::index_to_name(socket, index))
        .ok()
}

impl Kernel {
    /// Every chain of the namespace, of all families.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn chains(&mut self) -> Result<Vec<ChainInfo>, KernelError> {
        let bodies = self.list(NFT_MSG_GETCHAIN, &[0, 0, 0, 0], "list the chains")?;
        Ok(bodies
            .iter()
            .filter_map(|body| listing::chain(body))
            .collect())
    }

    /// The rules of a chain, in order; none when there is no such chain.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn rules(
        &mut self,
        family: u8,
        table: &str,
        chain: &str,
    ) -> Result<Vec<RuleInfo>, KernelError> {
        let request = header(family, &[(1, table), (2, chain)], "list the rules")?;
        let mut bodies = self.list(NFT_MSG_GETRULE, &request, "list the rules")?;
        // Kernels before 4.10 do not filter.
        bodies.retain(|body| listing::is_rule_of(body, family, table, chain));
        let sets = self.sets_of(family, table, &bodies)?;
        Ok(bodies
            .iter()
            .filter_map(|body| listing::rule(body, &sets, &interface))
            .collect())
    }

    /// The sets that rules name, anonymous ones with their elements.
    fn sets_of(&mut self, family: u8, table: &str, rules: &[Vec<u8>]) -> Result<Sets, KernelError> {
        let names: Vec<String> = rules
            .iter()
            .flat_map(|body| listing::sets_named(body))
            .collect();
        let mut out = Sets::default();
        if names.is_empty() {
            return Ok(out);
        }
        let request = header(family, &[(1, table)], "list the sets")?;
        for body in self.list(NFT_MSG_GETSET, &request, "list the sets")? {
            let Some(name) = out.add(&body, &names) else {
                continue;
            };
            let what = "list the elements";
            let request = header(family, &[(1, table), (2, &name)], what)?;
            match self.list(NFT_MSG_GETSETELEM, &request, what) {
                Ok(bodies) => bodies.iter().for_each(|body| out.add_elements(&name, body)),
                // Its rule has been removed since.
                Err(error) if error.is_not_found() => out.remove(&name),
                Err(error) => return Err(error),
            }
        }
        Ok(out)
    }
}
