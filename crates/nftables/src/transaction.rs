//! Messages of a transaction.

use crate::Family;
use crate::expr::Expr;
use crate::key::{KeyType, KeyType as Type};
use crate::wire::Writer;

const NFT_MSG_NEWTABLE: u16 = 0;
const NFT_MSG_DELTABLE: u16 = 2;
const NFT_MSG_NEWCHAIN: u16 = 3;
const NFT_MSG_NEWRULE: u16 = 6;
const NFT_MSG_NEWSET: u16 = 9;
const NFT_MSG_NEWSETELEM: u16 = 12;
const NFT_MSG_DELSETELEM: u16 = 14;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;

const NFT_TABLE_F_OWNER: u32 = 0x2;
const NFT_SET_INTERVAL: u32 = 0x4;
const NFT_SET_MAP: u32 = 0x8;
const NFT_SET_CONCAT: u32 = 0x80;
/// nftables' own limit on comments, less the terminator.
const COMMENT_MAX: usize = 127;
/// A list of elements is one attribute, whose length is a 16-bit number.
const LIST_MAX: usize = 60_000;

/// One message of a transaction.
#[derive(Debug, Clone)]
pub struct Part {
    /// The message's type within nf_tables (enum nf_tables_msg_types).
    pub kind: u16,
    /// NLM_F_*, without those of the transport.
    pub flags: u16,
    /// What follows the message's header.
    pub body: Writer,
    /// What it is about, for error messages.
    pub object: String,
}

/// Changes that are made together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    messages: Vec<Part>,
}

/// Netfilter hooks of the inet and bridge families (enum nf_inet_hooks, NF_BR_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Hook {
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
}

/// Where a base chain is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// `nat` instead of `filter`.
    pub nat: bool,
    /// The hook.
    pub hook: Hook,
    /// Lower is earlier.
    pub priority: i32,
}

/// A chain to make; base chains accept what no rule decides.
#[derive(Debug, Clone, Copy)]
pub struct ChainSpec<'a> {
    /// Its name.
    pub name: &'a str,
    /// `None`: only jumped to.
    pub base: Option<Base>,
}

/// A set or map to make.
#[derive(Debug, Clone, Copy)]
pub struct SetSpec<'a> {
    /// Its name.
    pub name: &'a str,
    /// The key's fields.
    pub key: &'a [KeyType],
    /// The value's fields, for a map.
    pub value: Option<&'a [KeyType]>,
    /// Elements may be ranges.
    pub interval: bool,
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Fields joined.
    pub key: Vec<u8>,
    /// Upper ends of a joined key's ranges.
    pub key_end: Option<Vec<u8>>,
    /// The value, in a map.
    pub value: Option<Vec<u8>>,
    /// This is the (excluded) upper end of a range of a single-field set.
    pub interval_end: bool,
    /// Shown by `nft list`.
    pub comment: Option<String>,
}

fn joined_type(types: &[Type]) -> u32 {
    types.iter().fold(0, |sum, t| (sum << 6) | t.number())
}

fn joined_length(types: &[Type]) -> usize {
    match types {
        [one] => one.length(),
        many => many.iter().map(|t| t.length().next_multiple_of(4)).sum(),
    }
}

/// Userdata: type, length, string with its terminator (libnftnl's TLV).
fn comment(w: &mut Writer, attribute: u16, text: &str) {
    let mut bytes: Vec<u8> = text.bytes().filter(|b| *b != 0).take(COMMENT_MAX).collect();
    while std::str::from_utf8(&bytes).is_err() {
        bytes.pop();
    }
    bytes.push(0);
    w.attr_with(attribute, |w| {
        w.raw(&[0, bytes.len() as u8]);
        w.raw(&bytes);
    });
}

impl Transaction {
    /// An empty transaction.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Its messages, in order.
    #[must_use]
    pub fn messages(&self) -> &[Part] {
        &self.messages
    }

    /// About how many bytes it takes with the headers of its messages.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.messages.iter().map(|m| m.body.len() + 20).sum()
    }

    fn push(
        &mut self,
        family: Family,
        (kind, flags): (u16, u16),
        object: String,
        fill: impl FnOnce(&mut Writer),
    ) {
        let mut w = Writer::with_header(&[family as u8, 0, 0, 0]);
        fill(&mut w);
        self.messages.push(Part {
            kind,
            flags,
            body: w,
            object,
        });
    }

    /// Makes a table, or leaves one that is there.
    pub fn add_table(&mut self, family: Family, table: &str, note: &str) {
        self.push(
            family,
            (NFT_MSG_NEWTABLE, NLM_F_CREATE),
            format!("table {table}"),
            |w| {
                w.str(1, table);
                w.be32(2, 0);
                comment(w, 6, note);
            },
        );
    }

    /// Makes a table that is gone as soon as the socket it was made by is closed.
    pub fn add_owned_table(&mut self, family: Family, table: &str) {
        let how = (NFT_MSG_NEWTABLE, NLM_F_CREATE);
        self.push(family, how, format!("table {table}"), |w| {
            w.str(1, table);
            w.be32(2, NFT_TABLE_F_OWNER);
        });
    }

    /// Removes a table with all in it.
    pub fn delete_table(&mut self, family: Family, table: &str) {
        self.push(
            family,
            (NFT_MSG_DELTABLE, 0),
            format!("table {table}"),
            |w| w.str(1, table),
        );
    }

    /// Makes a chain.
    pub fn add_chain(&mut self, family: Family, table: &str, chain: &ChainSpec<'_>) {
        self.push(
            family,
            (NFT_MSG_NEWCHAIN, NLM_F_CREATE),
            format!("chain {}", chain.name),
            |w| {
                w.str(1, table);
                w.str(3, chain.name);
                if let Some(base) = chain.base {
                    w.nest(4, |w| {
                        w.be32(1, base.hook as u32);
                        w.be32(2, base.priority as u32);
                    });
                    w.be32(5, 1);
                    w.str(7, if base.nat { "nat" } else { "filter" });
                }
            },
        );
    }

    /// Makes a set or map.
    pub fn add_set(&mut self, family: Family, table: &str, set: &SetSpec<'_>) {
        let id = self.messages.len() as u32 + 1;
        let mut flags = 0;
        if set.interval {
            flags |= NFT_SET_INTERVAL;
            if set.key.len() > 1 {
                flags |= NFT_SET_CONCAT;
            }
        }
        if set.value.is_some() {
            flags |= NFT_SET_MAP;
        }
        self.push(
            family,
            (NFT_MSG_NEWSET, NLM_F_CREATE),
            format!("set {}", set.name),
            |w| {
                w.str(1, table);
                w.str(2, set.name);
                w.be32(3, flags);
                w.be32(4, joined_type(set.key));
                w.be32(5, joined_length(set.key) as u32);
                if let Some(value) = set.value {
                    w.be32(6, joined_type(value));
                    w.be32(7, joined_length(value) as u32);
                }
                if set.interval && set.key.len() > 1 {
                    w.nest(9, |w| {
                        w.nest(2, |w| {
                            for field in set.key {
                                w.nest(1, |w| w.be32(1, field.length() as u32));
                            }
                        });
                    });
                }
                w.be32(10, id);
                let host = matches!(set.key, [one] if one.host_order());
                // NFTNL_UDATA_SET_KEYBYTEORDER: 1 the machine's, 2 the network's.
                let mut note = vec![0, 4];
                note.extend_from_slice(&(if host { 1_u32 } else { 2 }).to_ne_bytes());
                w.attr(13, &note);
            },
        );
    }

    /// Adds elements to a set.
    pub fn add_elements(&mut self, family: Family, table: &str, set: &str, elements: &[Element]) {
        self.elements(
            family,
            (NFT_MSG_NEWSETELEM, NLM_F_CREATE),
            (table, set),
            elements,
        );
    }

    /// Removes elements of a set; all must be there.
    pub fn delete_elements(
        &mut self,
        family: Family,
        table: &str,
        set: &str,
        elements: &[Element],
    ) {
        self.elements(family, (NFT_MSG_DELSETELEM, 0), (table, set), elements);
    }

    /// Removes every element of a set.
    pub fn flush_set(&mut self, family: Family, table: &str, set: &str) {
        self.push(
            family,
            (NFT_MSG_DELSETELEM, 0),
            format!("elements of {set}"),
            |w| {
                w.str(1, table);
                w.str(2, set);
            },
        );
    }

    fn elements(
        &mut self,
        family: Family,
        how: (u16, u16),
        (table, set): (&str, &str),
        elements: &[Element],
    ) {
        let mut rest = elements.iter().peekable();
        while rest.peek().is_some() {
            self.push(family, how, format!("elements of {set}"), |w| {
                w.str(1, table);
                w.str(2, set);
                w.nest(3, |w| {
                    let most = w.len() + LIST_MAX;
                    while w.len() < most
                        && let Some(element) = rest.next()
                    {
                        write_element(w, element, how.0 == NFT_MSG_NEWSETELEM);
                    }
                });
            });
        }
    }

    /// Appends a rule to a chain.
    pub fn add_rule(
        &mut self,
        family: Family,
        (table, chain): (&str, &str),
        exprs: &[Expr],
        note: &str,
    ) {
        let how = (NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
        self.push(family, how, format!("rule of {chain} ({note})"), |w| {
            w.str(1, table);
            w.str(2, chain);
            w.nest(4, |w| {
                for expr in exprs {
                    expr.write(w);
                }
            });
            comment(w, 7, note);
        });
    }
}

fn write_element(w: &mut Writer, element: &Element, adding: bool) {
    w.nest(1, |w| {
        w.nest(1, |w| w.attr(1, &element.key));
        if element.interval_end {
            w.be32(3, 1);
        }
        if let Some(value) = element.value.as_ref().filter(|_| adding) {
            w.nest(2, |w| w.attr(1, value));
        }
        if let Some(text) = element.comment.as_ref().filter(|_| adding) {
            comment(w, 6, text);
        }
        if let Some(end) = &element.key_end {
            w.nest(10, |w| w.attr(1, end));
        }
    });
}
