//! Transactions: messages that the kernel carries out together or not at all.

use crate::element_writer::{ElementWriter, comment};
use crate::expr::Expr;
use crate::made_of;
use crate::message::{self, SET_CONCAT, SET_EVAL, SET_INTERVAL, SET_MAP, SET_TIMEOUT, TABLE_OWNER};
use crate::ruleset::Layout;
use crate::wire::Writer;
use crate::{Chain, DataType, Element, Family, Rule, Set, Table};

const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;
/// A list of elements is one attribute, whose length is a 16-bit number.
const LIST_MAX: usize = 60_000;
/// struct nlmsghdr, and padding.
const HEADER: usize = 20;

/// One message of a transaction.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its type within nf_tables (NFT_MSG_*).
    pub kind: u16,
    /// NLM_F_*, without those of the transport.
    pub flags: u16,
    /// The part after the message's header.
    pub body: Writer,
    /// Its object, for error messages.
    pub object: String,
}

/// A set that exists in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetRef<'a> {
    /// The family of its table.
    pub family: Family,
    /// Its table.
    pub table: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The form of its elements.
    pub layout: Layout,
}

/// The type of a message (NFT_MSG_*) and its flags (NLM_F_*).
#[derive(Debug, Clone, Copy)]
struct Command {
    kind: u16,
    flags: u16,
}

impl Command {
    const fn create(kind: u16) -> Self {
        Self {
            kind,
            flags: NLM_F_CREATE,
        }
    }

    const fn delete(kind: u16) -> Self {
        Self { kind, flags: 0 }
    }
}

/// Changes that are made together or not at all.
///
/// ```
/// use hallway_nftables::{DataType, Element, Family, Set, Table, Transaction, Value};
///
/// let mut table = Table::new(Family::Inet, "example");
/// let mut set = Set::new("ports", &[DataType::Service]);
/// set.elements.push(Element::new(vec![Value::Port(80)]));
/// table.sets.push(set);
/// let mut transaction = Transaction::new();
/// transaction.replace(&table);
/// // Table made, removed with what was there before, and made again; set; elements.
/// assert_eq!(transaction.messages().len(), 5);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    messages: Vec<Message>,
}

impl Transaction {
    /// An empty transaction.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Its messages, in order.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// How many bytes it takes with the headers of its messages, or a few more.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.messages.iter().map(|m| m.body.len() + HEADER).sum()
    }

    /// The same messages in several transactions, each of at most `limit` bytes, or of one message. Packets
    /// pass what the first ones make before the last one is committed: it is for what no packet passes yet.
    ///
    /// ```
    /// use hallway_nftables::{Family, Table, Transaction};
    ///
    /// let mut transaction = Transaction::new();
    /// transaction.replace(&Table::new(Family::Inet, "filter"));
    /// assert_eq!(transaction.clone().parts(4096).len(), 1);
    /// assert_eq!(transaction.parts(0).len(), 3);
    /// ```
    #[must_use]
    pub fn parts(self, limit: usize) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        let mut length = 0;
        for message in self.messages {
            let bytes = message.body.len() + HEADER;
            length += bytes;
            match parts.last_mut().filter(|_| length <= limit) {
                Some(part) => part.messages.push(message),
                None => {
                    length = bytes;
                    parts.push(Self {
                        messages: vec![message],
                    });
                }
            }
        }
        parts
    }

    fn push(
        &mut self,
        family: Family,
        command: Command,
        object: String,
        fill: impl FnOnce(&mut Writer),
    ) {
        let mut body = Writer::with_header(&[family.number(), 0, 0, 0]);
        fill(&mut body);
        self.messages.push(Message {
            kind: command.kind,
            flags: command.flags,
            body,
            object,
        });
    }

    /// Makes a table as wanted, whatever had its name before.
    pub fn replace(&mut self, table: &Table) {
        self.replace_with(table, Self::add_table);
    }

    /// The same for a table that is removed when the socket it is made by is closed. Only that
    /// socket can change it.
    pub fn replace_owned(&mut self, table: &Table) {
        self.replace_with(table, Self::add_owned_table);
    }

    /// The same with only its sets and their elements, which must not name chains;
    /// [`Self::add_chains`] adds the rest.
    ///
    /// The kernel makes elements of concatenated intervals visible only after the rules of the same
    /// transaction: for a moment, rules do not find them. Two transactions avoid that if the table
    /// was not in use before.
    pub fn replace_sets(&mut self, table: &Table) {
        let sets = Table {
            chains: Vec::new(),
            ..table.clone()
        };
        self.replace(&sets);
    }

    /// Makes the chains of a table with their rules; its sets must exist.
    pub fn add_chains(&mut self, table: &Table) {
        for chain in &table.chains {
            self.add_chain(table.family, &table.name, chain);
        }
        self.add_rules(table);
    }

    fn add_rules(&mut self, table: &Table) {
        for chain in &table.chains {
            for rule in &chain.rules {
                self.add_rule(table, &chain.name, rule);
            }
        }
    }

    fn replace_with(&mut self, table: &Table, add: fn(&mut Self, &Table)) {
        // Removing a missing table would fail the transaction; after adding it, it exists.
        add(self, table);
        self.delete_table(table.family, &table.name);
        add(self, table);
        for set in &table.sets {
            self.add_set(table.family, &table.name, set);
        }
        for chain in &table.chains {
            self.add_chain(table.family, &table.name, chain);
        }
        for set in &table.sets {
            let made = SetRef {
                family: table.family,
                table: &table.name,
                name: &set.name,
                layout: set.layout(),
            };
            self.add_elements(made, &set.elements);
        }
        self.add_rules(table);
    }

    /// Makes a table without content, or keeps an existing one.
    pub fn add_table(&mut self, table: &Table) {
        self.table(table, 0);
    }

    fn table(&mut self, table: &Table, flags: u32) {
        let command = Command::create(message::NEWTABLE);
        self.push(
            table.family,
            command,
            format!("table {}", table.name),
            |w| {
                w.str(1, &table.name);
                w.be32(2, flags);
                comment(w, 6, &table.comment);
            },
        );
    }

    /// Makes a table that is removed when the socket it was made by is closed.
    pub fn add_owned_table(&mut self, table: &Table) {
        self.table(table, TABLE_OWNER);
    }

    /// Removes a table with everything in it.
    pub fn delete_table(&mut self, family: Family, name: &str) {
        let command = Command::delete(message::DELTABLE);
        self.push(family, command, format!("table {name}"), |w| w.str(1, name));
    }

    /// Makes a chain, without its rules.
    pub fn add_chain(&mut self, family: Family, table: &str, chain: &Chain) {
        let command = Command::create(message::NEWCHAIN);
        self.push(family, command, format!("chain {}", chain.name), |w| {
            w.str(1, table);
            w.str(3, &chain.name);
            if let Some(base) = chain.base {
                w.nest(4, |w| {
                    if let Some(number) = base.hook.number(family) {
                        w.be32(1, number);
                    }
                    w.be32(2, base.priority.0 as u32);
                });
                w.be32(5, base.policy.number());
                w.str(7, base.kind.name());
            }
        });
    }

    /// Makes a set or map, without its elements.
    pub fn add_set(&mut self, family: Family, table: &str, set: &Set) {
        let id = self.messages.len() as u32 + 1;
        let ranges_joined = set.interval && set.key.len() > 1;
        let mut flags = set.other_flags;
        for (is, flag) in [
            (set.interval, SET_INTERVAL),
            (ranges_joined, SET_CONCAT),
            (set.value.is_some(), SET_MAP),
            (set.dynamic, SET_EVAL),
            (set.expiring, SET_TIMEOUT),
        ] {
            flags |= if is { flag } else { 0 };
        }
        let command = Command::create(message::NEWSET);
        self.push(family, command, format!("set {}", set.name), |w| {
            w.str(1, table);
            w.str(2, &set.name);
            w.be32(3, flags);
            w.be32(4, DataType::joined(&set.key));
            w.be32(5, DataType::joined_length(&set.key) as u32);
            if let Some(value) = &set.value {
                w.be32(6, DataType::joined(value));
                w.be32(7, DataType::joined_length(value) as u32);
            }
            if ranges_joined {
                w.nest(9, |w| {
                    w.nest(2, |w| {
                        for field in &set.key {
                            w.nest(1, |w| w.be32(1, field.length() as u32));
                        }
                    });
                });
            }
            if set.dynamic {
                w.nest(9, |w| w.be32(1, DYNAMIC_SIZE));
            }
            w.be32(10, id);
            w.attr_with(13, |w| made_of::write(w, &set.key, &set.made_of));
        });
    }

    /// Adds elements to a set.
    pub fn add_elements(&mut self, set: SetRef<'_>, elements: &[Element]) {
        let writer = ElementWriter::new(set.layout, true);
        self.elements(set, Command::create(message::NEWSETELEM), writer, elements);
    }

    /// Removes elements of a set; all must exist.
    pub fn delete_elements(&mut self, set: SetRef<'_>, elements: &[Element]) {
        let writer = ElementWriter::new(set.layout, false);
        self.elements(set, Command::delete(message::DELSETELEM), writer, elements);
    }

    /// Removes every element of a set.
    pub fn flush_set(&mut self, family: Family, table: &str, set: &str) {
        let command = Command::delete(message::DELSETELEM);
        self.push(family, command, format!("elements of {set}"), |w| {
            w.str(1, table);
            w.str(2, set);
        });
    }

    fn elements(
        &mut self,
        set: SetRef<'_>,
        command: Command,
        mut scratch: ElementWriter,
        elements: &[Element],
    ) {
        let mut rest = elements.iter().peekable();
        while rest.peek().is_some() {
            self.push(
                set.family,
                command,
                format!("elements of {}", set.name),
                |w| {
                    w.str(1, set.table);
                    w.str(2, set.name);
                    w.nest(3, |w| {
                        let most = w.len() + LIST_MAX;
                        while w.len() < most
                            && let Some(element) = rest.next()
                        {
                            scratch.write(w, element);
                        }
                    });
                },
            );
        }
    }

    /// Appends a rule to a chain. `table` contains the sets that the rule uses.
    pub fn add_rule(&mut self, table: &Table, chain: &str, rule: &Rule) {
        let exprs = rule.expressions(table);
        self.append(table, chain, &exprs, &rule.comment);
    }

    /// Puts a rule at the beginning of a chain that another program has made.
    pub fn insert_rule(&mut self, family: Family, table: &str, chain: &str, rule: &Rule) {
        let exprs = rule.expressions(&Table::new(family, table));
        let command = Command::create(message::NEWRULE);
        let object = format!("rule of {chain} ({})", rule.comment);
        self.push(family, command, object, |w| {
            w.str(1, table);
            w.str(2, chain);
            w.nest(4, |w| exprs.iter().for_each(|expr| expr.write(w)));
            comment(w, 7, &rule.comment);
        });
    }

    /// Removes the rule of that number.
    pub fn delete_rule(&mut self, family: Family, table: &str, chain: &str, handle: u64) {
        let command = Command::delete(message::DELRULE);
        self.push(family, command, format!("rule {handle} of {chain}"), |w| {
            w.str(1, table);
            w.str(2, chain);
            w.attr(3, &handle.to_be_bytes());
        });
    }

    fn append(&mut self, table: &Table, chain: &str, exprs: &[Expr], note: &str) {
        let command = Command {
            kind: message::NEWRULE,
            flags: NLM_F_CREATE | NLM_F_APPEND,
        };
        let object = format!("rule of {chain} ({note})");
        self.push(table.family, command, object, |w| {
            w.str(1, &table.name);
            w.str(2, chain);
            w.nest(4, |w| exprs.iter().for_each(|expr| expr.write(w)));
            comment(w, 7, note);
        });
    }
}

/// The size that nft sets for a dynamic set without one.
pub(crate) const DYNAMIC_SIZE: u32 = 65_535;
