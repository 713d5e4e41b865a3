//! Tables, chains, sets, elements and rules from the messages in which the kernel lists them.

mod set;

use crate::expr::Expr;
use crate::wire::{Attrs, be32_of, be64_of, string_of};
use crate::{Base, Chain, ChainPolicy, ChainType, Family, Hook, Priority, Rule, Table};
pub use set::RawSet;
pub(crate) use set::{Data, RawElement, last_before};

/// A message lacks a part that the kernel always sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kernel lists a {object} without {part}")]
pub struct DecodeError {
    /// The object of the message.
    pub object: &'static str,
    /// The part that is missing or unknown.
    pub part: &'static str,
}

/// A chain, without its rules, and its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChain {
    /// The family of its table.
    pub family: Family,
    /// Its table.
    pub table: String,
    /// The chain.
    pub chain: Chain,
    /// The devices whose packets pass it, for chains of devices. The end of a name that is left open is
    /// a star.
    pub devices: Vec<String>,
}

/// A rule as expressions, and its chain and table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRule {
    /// The family of its table.
    pub family: Family,
    /// Its table.
    pub table: String,
    /// Its chain.
    pub chain: String,
    /// The kernel's number for it, as in `nft -a list ruleset`.
    pub handle: u64,
    /// Its expressions.
    pub expressions: Vec<Expr>,
    /// Its comment; empty for none.
    pub comment: String,
}

impl ListedRule {
    /// The names of the sets it uses.
    #[must_use]
    pub fn sets(&self) -> Vec<String> {
        self.expressions.iter().filter_map(set_named).collect()
    }
}

fn set_named(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lookup { set, .. } => Some(set.clone()),
        Expr::Raw { name, attributes } => {
            let attribute = match name.as_str() {
                "lookup" | "dynset" => 1,
                "objref" => 4,
                _ => return None,
            };
            Attrs(attributes).find(attribute).map(string_of)
        }
        _ => None,
    }
}

/// The family and the attributes of a message of the list of these objects.
fn parts<'a>(body: &'a [u8], object: &'static str) -> Result<(Family, Attrs<'a>), DecodeError> {
    match body {
        [family, _, _, _, attrs @ ..] => Ok((Family::of(*family), Attrs(attrs))),
        _ => Err(DecodeError {
            object,
            part: "a family",
        }),
    }
}

fn text(
    attrs: Attrs<'_>,
    kind: u16,
    object: &'static str,
    part: &'static str,
) -> Result<String, DecodeError> {
    let found = attrs.find(kind).map(string_of);
    found.ok_or(DecodeError { object, part })
}

/// The comment in user data: type, length, string.
fn comment(mut data: &[u8]) -> Option<String> {
    while let [kind, length, rest @ ..] = data {
        let value = rest.get(..usize::from(*length))?;
        if *kind == 0 {
            return Some(string_of(value));
        }
        data = rest.get(usize::from(*length)..)?;
    }
    None
}

/// A table without its content, from the body of a message.
///
/// # Errors
/// When it has no name.
pub fn table(body: &[u8]) -> Result<Table, DecodeError> {
    let (family, attrs) = parts(body, "table")?;
    /// NFT_TABLE_F_DORMANT.
    const DORMANT: u32 = 1;
    let flags = attrs.find(2).and_then(be32_of).unwrap_or(0);
    Ok(Table {
        dormant: flags & DORMANT != 0,
        comment: attrs.find(6).and_then(comment).unwrap_or_default(),
        ..Table::new(family, text(attrs, 1, "table", "a name")?)
    })
}

/// A chain without its rules, from the body of a message.
///
/// # Errors
/// When it lacks its name, its table, or its hook.
pub fn chain(body: &[u8]) -> Result<ListedChain, DecodeError> {
    let (family, attrs) = parts(body, "chain")?;
    let base = match attrs.find(4) {
        None => None,
        Some(hook) => Some(base(family, attrs, Attrs(hook))?),
    };
    Ok(ListedChain {
        family,
        table: text(attrs, 1, "chain", "a table")?,
        chain: Chain {
            name: text(attrs, 3, "chain", "a name")?,
            base,
            rules: Vec::new(),
        },
        devices: attrs.find(4).map(devices).unwrap_or_default(),
    })
}

/// NFTA_HOOK_DEV and NFTA_HOOK_DEVS, with NFTA_DEVICE_NAME and NFTA_DEVICE_PREFIX.
fn devices(hook: &[u8]) -> Vec<String> {
    let attrs = Attrs(hook);
    let several = Attrs(attrs.find(4).unwrap_or_default());
    let named = several.map(|(kind, name)| match kind {
        2 => format!("{}*", string_of(name)),
        _ => string_of(name),
    });
    let mut out: Vec<String> = attrs.find(3).map(string_of).into_iter().collect();
    for name in named {
        if !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

fn base(family: Family, attrs: Attrs<'_>, hook: Attrs<'_>) -> Result<Base, DecodeError> {
    let object = "chain";
    let number = |kind, part| {
        let found = hook.find(kind).and_then(be32_of);
        found.ok_or(DecodeError { object, part })
    };
    let kind = text(attrs, 7, object, "a type")?;
    Ok(Base {
        kind: ChainType::of(&kind).ok_or(DecodeError {
            object,
            part: "a known type",
        })?,
        hook: Hook::of(family, number(1, "a hook")?),
        priority: Priority(number(2, "a priority")? as i32),
        policy: match attrs.find(5).and_then(be32_of) {
            Some(0) => ChainPolicy::Drop,
            _ => ChainPolicy::Accept,
        },
    })
}

/// A rule, from the body of a message.
///
/// # Errors
/// When it lacks its table, its chain or its handle.
pub fn rule(body: &[u8]) -> Result<ListedRule, DecodeError> {
    let (family, attrs) = parts(body, "rule")?;
    let handle = attrs.find(3).and_then(be64_of);
    Ok(ListedRule {
        family,
        table: text(attrs, 1, "rule", "a table")?,
        chain: text(attrs, 2, "rule", "a chain")?,
        handle: handle.ok_or(DecodeError {
            object: "rule",
            part: "a handle",
        })?,
        expressions: Expr::read_list(attrs.find(4).unwrap_or_default()),
        comment: attrs.find(7).and_then(comment).unwrap_or_default(),
    })
}

/// A set without its elements, from the body of a message; with the name of its table.
///
/// # Errors
/// When it lacks its name or its table.
pub fn set(body: &[u8]) -> Result<(String, RawSet), DecodeError> {
    let (_, attrs) = parts(body, "set")?;
    let table = text(attrs, 1, "set", "a table")?;
    Ok((table, RawSet::read(attrs)?))
}

/// Builds a table from the messages that list its content.
///
/// Messages about other tables are ignored, so that lists of all tables can be used, too.
#[derive(Debug)]
pub struct TableBuilder {
    table: Table,
    sets: Vec<RawSet>,
    rules: Vec<ListedRule>,
}

impl TableBuilder {
    /// From the table as [`table`] decodes it.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self {
            table,
            sets: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Adds a chain from a message.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn chain(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let listed = chain(body)?;
        if (listed.family, &listed.table) == (self.table.family, &self.table.name) {
            let bound = listed.devices.into_iter();
            let name = &listed.chain.name;
            (self.table.devices).extend(bound.map(|device| (name.clone(), device)));
            self.table.chains.push(listed.chain);
        }
        Ok(())
    }

    /// Adds a set from a message; returns the set's name, if it is of this table.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn set(&mut self, body: &[u8]) -> Result<Option<String>, DecodeError> {
        let (family, _) = parts(body, "set")?;
        let (table, set) = set(body)?;
        if (family, &table) != (self.table.family, &self.table.name) {
            return Ok(None);
        }
        let name = set.name.clone();
        self.sets.push(set);
        Ok(Some(name))
    }

    /// Adds elements of a set from a message.
    pub fn elements(&mut self, set: &str, body: &[u8]) {
        if let Some(set) = self.sets.iter_mut().find(|s| s.name == set) {
            set.add_elements(body);
        }
    }

    /// Adds a rule from a message.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn rule(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let listed = rule(body)?;
        if (listed.family, &listed.table) == (self.table.family, &self.table.name) {
            self.rules.push(listed);
        }
        Ok(())
    }

    /// The table. Anonymous sets are part of the rules that use them, and separate from the others.
    #[must_use]
    pub fn finish(mut self) -> Table {
        let (anonymous, named): (Vec<&RawSet>, Vec<&RawSet>) =
            self.sets.iter().partition(|set| set.anonymous());
        let typed = |sets: Vec<&RawSet>| sets.into_iter().map(RawSet::typed).collect();
        self.table.sets = typed(named);
        self.table.anonymous = typed(anonymous);
        for listed in self.rules {
            let rule = Rule::from_expressions(listed.expressions, listed.comment, &self.table);
            let chains = &mut self.table.chains;
            if let Some(chain) = chains.iter_mut().find(|c| c.name == listed.chain) {
                chain.rules.push(rule);
            }
        }
        self.table
    }
}
