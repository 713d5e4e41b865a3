//! What notifications of nf_tables contain.

use hallway_nftables::Family;

/// A change of a part of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NfChange {
    /// The table's family.
    pub family: Family,
    /// The table.
    pub table: String,
    /// The part of it.
    pub object: NfObject,
}

/// A part of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NfObject {
    /// The table itself.
    Table,
    /// A chain.
    Chain(String),
    /// A rule.
    Rule {
        /// Its chain.
        chain: String,
        /// Its handle.
        handle: u64,
    },
    /// A set or map.
    Set(String),
    /// Elements of a set or map.
    Elements {
        /// The set.
        set: String,
        /// Their keys.
        keys: Vec<Vec<u8>>,
    },
}

/// The end of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The number of transactions in this namespace, with this one.
    pub id: u32,
    /// The process that made it, in the kernel's first pid namespace.
    pub process: u32,
    /// The process's name.
    pub program: String,
}
