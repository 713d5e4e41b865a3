//! Reading tables: their headers, rules as nft prints them, whole tables as values.

use hallway_nftables::decode::{self, DecodeError, ListedChain, ListedRule, TableBuilder};
use hallway_nftables::message::{self, GETCHAIN, GETRULE, GETSET, GETSETELEM, GETTABLE};
use hallway_nftables::print::{self, RuleInfo, Sets};
use hallway_nftables::{Element, Family, Ruleset, SetRef, Table, Transaction, Value};

use super::SUBSYSTEM;
use crate::gate::{Operation, OperationKind};
use crate::request::Request;
use crate::{Kernel, KernelError};

/// How often a table that changes between its lists is read again.
const TRIES: usize = 8;
/// NFNETLINK_V0's resource id in a message of a list: the generation of the ruleset, 16 bits of it.
const GENERATION: std::ops::Range<usize> = 2..4;

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

fn unreadable(what: &'static str, error: DecodeError) -> KernelError {
    let mut out = KernelError::new(what, "", rustix::io::Errno::BADMSG);
    out.detail = Some(error.to_string());
    out
}

fn changing(what: &'static str) -> KernelError {
    let mut error = KernelError::new(what, "", rustix::io::Errno::AGAIN);
    error.detail = Some("the list kept changing while it was read".into());
    error
}

/// A request for a list: the message's type, the family, names by attribute, and the operation's
/// name for errors.
type Question<'a> = (u16, Family, &'a [(u16, &'a str)], &'static str);

impl Kernel {
    fn list(
        &mut self,
        (kind, family, names, what): Question<'_>,
    ) -> Result<Vec<Vec<u8>>, KernelError> {
        let body = message::request(family, names)
            .map_err(|error| KernelError::too_long(what, "", error))?;
        self.note_read(&Operation::new(OperationKind::NfTransaction, what, ""));
        let messages = self.netfilter()?.dump(SUBSYSTEM | kind, &body, what)?;
        Ok(messages.into_iter().map(|(_, body)| body).collect())
    }

    /// Every table of the namespace, without its content.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn tables(&mut self) -> Result<Vec<Table>, KernelError> {
        let what = "list the tables";
        let bodies = self.list((GETTABLE, Family::Other(0), &[], what))?;
        let tables = bodies.iter().map(|body| decode::table(body));
        tables
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(what, error))
    }

    /// Every chain of the namespace, of all families, without its rules.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn chains(&mut self) -> Result<Vec<ListedChain>, KernelError> {
        let what = "list the chains";
        let bodies = self.list((GETCHAIN, Family::Other(0), &[], what))?;
        let chains = bodies.iter().map(|body| decode::chain(body));
        chains
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(what, error))
    }

    /// The rules of a chain, in order; none when there is no such chain.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn rules(
        &mut self,
        family: Family,
        table: &str,
        chain: &str,
    ) -> Result<Vec<RuleInfo>, KernelError> {
        let rules = self.listed_rules(family, table, chain)?;
        let sets = self.sets_of(family, table, &rules)?;
        Ok(rules
            .iter()
            .map(|rule| print::listed(rule, &sets, &interface))
            .collect())
    }

    /// The same as expressions.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn listed_rules(
        &mut self,
        family: Family,
        table: &str,
        chain: &str,
    ) -> Result<Vec<ListedRule>, KernelError> {
        let what = "list the rules";
        let bodies = self.list((GETRULE, family, &[(1, table), (2, chain)], what))?;
        let rules = bodies.iter().map(|body| decode::rule(body));
        let mut rules: Vec<ListedRule> = rules
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(what, error))?;
        // Kernels before 4.10 list those of all chains.
        rules.retain(|r| (r.family, r.table.as_str(), r.chain.as_str()) == (family, table, chain));
        Ok(rules)
    }

    /// The sets that rules use, anonymous ones with their elements.
    fn sets_of(
        &mut self,
        family: Family,
        table: &str,
        rules: &[ListedRule],
    ) -> Result<Sets, KernelError> {
        let names: Vec<String> = rules.iter().flat_map(ListedRule::sets).collect();
        let mut out = Sets::new();
        if names.is_empty() {
            return Ok(out);
        }
        let what = "list the sets";
        for body in self.list((GETSET, family, &[(1, table)], what))? {
            let (_, mut set) = decode::set(&body).map_err(|error| unreadable(what, error))?;
            let name = set.name().to_owned();
            if !names.contains(&name) {
                continue;
            }
            if set.anonymous() {
                match self.elements(family, table, &name) {
                    Ok(bodies) => bodies.iter().for_each(|body| set.add_elements(body)),
                    // Its rule has been removed meanwhile.
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error),
                }
            }
            out.insert(name, set);
        }
        Ok(out)
    }

    fn elements(
        &mut self,
        family: Family,
        table: &str,
        set: &str,
    ) -> Result<Vec<Vec<u8>>, KernelError> {
        let names = [(1, table), (2, set)];
        self.list((GETSETELEM, family, &names, "list the elements"))
    }

    /// A table with everything in it, from one moment; `None` when there is no such table.
    ///
    /// # Errors
    /// When it could not be read completely.
    pub fn table(&mut self, family: Family, name: &str) -> Result<Option<Table>, KernelError> {
        for _ in 0..TRIES {
            match self.table_once(family, name) {
                Ok(Some(table)) => return Ok(table),
                Ok(None) => {}
                // A set that was listed has been removed meanwhile.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Err(changing("read the table"))
    }

    /// The tables of a name, of all families.
    ///
    /// # Errors
    /// When they could not be read completely.
    pub fn tables_named(&mut self, name: &str) -> Result<Ruleset, KernelError> {
        let mut tables = Vec::new();
        for listed in self.tables()?.iter().filter(|table| table.name == name) {
            tables.extend(self.table(listed.family, name)?);
        }
        Ok(Ruleset { tables })
    }

    /// `None` if something changed between the lists that a table is read from.
    fn table_once(
        &mut self,
        family: Family,
        name: &str,
    ) -> Result<Option<Option<Table>>, KernelError> {
        let what = "read the table";
        let read = |result: Result<(), DecodeError>| result.map_err(|e| unreadable(what, e));
        let mut lists = vec![self.list((GETTABLE, family, &[], what))?];
        let mut builder = None;
        for body in lists.iter().flatten() {
            let table = decode::table(body).map_err(|error| unreadable(what, error))?;
            if (table.family, table.name.as_str()) == (family, name) {
                builder = Some(TableBuilder::new(table));
            }
        }
        let Some(mut builder) = builder else {
            return Ok(Some(None));
        };
        let of_table = [(1, name)];
        let chains = self.list((GETCHAIN, family, &of_table, what))?;
        for body in &chains {
            read(builder.chain(body))?;
        }
        let sets = self.list((GETSET, family, &of_table, what))?;
        for body in &sets {
            let set = builder.set(body).map_err(|e| unreadable(what, e))?;
            let Some(set) = set else { continue };
            let elements = self.elements(family, name, &set)?;
            elements
                .iter()
                .for_each(|body| builder.elements(&set, body));
            lists.push(elements);
        }
        let rules = self.list((GETRULE, family, &of_table, what))?;
        for body in &rules {
            read(builder.rule(body))?;
        }
        lists.extend([chains, sets, rules]);
        let mut generations = lists.iter().flatten().map(|body| body.get(GENERATION));
        let first = generations.next();
        let same = generations.all(|generation| Some(generation) == first);
        Ok(same.then(|| Some(builder.finish())))
    }

    /// Whether a set of a table has an element of this key; also false when there is no such set.
    ///
    /// # Errors
    /// EPERM.
    pub fn has_element(&mut self, set: SetRef<'_>, element: &Element) -> Result<bool, KernelError> {
        let what = "look for an element";
        let mut transaction = Transaction::new();
        // The request has the same form as one to delete it.
        transaction.delete_elements(set, std::slice::from_ref(element));
        self.note_read(&Operation::new(
            OperationKind::NfTransaction,
            what,
            set.name,
        ));
        for message in transaction.messages() {
            let request = Request {
                acts_on: OperationKind::NfTransaction,
                kind: SUBSYSTEM | GETSETELEM,
                flags: 0,
                body: message.body.as_bytes().map(<[u8]>::to_vec),
                operation: what,
                object: set.name.to_owned(),
            };
            match self.netfilter()?.query(&request) {
                Ok(_element) => {}
                Err(e) if e.is_not_found() => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// The names in a set of interfaces; none when there is no such set.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn interfaces_in(
        &mut self,
        family: Family,
        table: &str,
        set: &str,
    ) -> Result<Vec<String>, KernelError> {
        let what = "list the sets";
        let mut out = Vec::new();
        for body in self.list((GETSET, family, &[(1, table)], what))? {
            let (_, mut listed) = decode::set(&body).map_err(|error| unreadable(what, error))?;
            if listed.name() != set {
                continue;
            }
            for body in self.elements(family, table, set)? {
                listed.add_elements(&body);
            }
            for element in listed.typed().elements {
                out.extend(element.key.into_iter().filter_map(|value| match value {
                    Value::Ifname(name) => Some(name),
                    _ => None,
                }));
            }
        }
        Ok(out)
    }
}
