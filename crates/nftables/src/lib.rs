//! nf_tables (linux/netfilter/nf_tables.h) as values: tables, sets, chains, rules, expressions.
//!
//! Everything here is pure: bytes are input and output, and the caller sends them.
//!
//! - [`Transaction`] encodes changes to netlink messages;
//! - [`decode`] converts the messages in which the kernel lists its tables to the same values;
//! - [`compare()`] gives the differences between a wanted ruleset and one that was found;
//! - [`evaluate`] applies a ruleset to a packet;
//! - [`mod@print`] writes all of them in nft syntax;
//! - [`trace`] marks packets and decodes the kernel's reports about them.
//!
//! ```
//! use hallway_nftables::expr::Verdict;
//! use hallway_nftables::{Base, Chain, ChainType, Family, Field, Hook, Match, Priority, Rule};
//! use hallway_nftables::{Table, Transaction, Value, print};
//!
//! let mut table = Table::new(Family::Inet, "example");
//! let web = vec![Match::Is(Field::L4Proto, Value::Proto(6)), Match::Is(Field::Dport, Value::Port(80))];
//! table.chains.push(Chain {
//!     name: "input".into(),
//!     base: Some(Base::accepting(ChainType::Filter, Hook::Input, Priority::FILTER)),
//!     rules: vec![Rule::new(web, Verdict::Drop, "no web server")],
//! });
//! let rule = &table.chains[0].rules[0];
//! assert_eq!(print::rule(rule, Family::Inet), "tcp dport 80 drop");
//!
//! let mut transaction = Transaction::new();
//! transaction.replace(&table);
//! assert!(transaction.messages().iter().all(|message| message.body.as_bytes().is_ok()));
//! ```

mod answer;
pub mod compare;
mod datatype;
pub mod decode;
mod element_writer;
pub mod evaluate;
pub mod expr;
mod family;
mod field;
mod lower;
mod made_of;
pub mod message;
pub mod print;
mod raise;
mod rate;
mod ruleset;
mod stream;
pub mod survey;
pub mod trace;
pub mod transaction;
mod value;
pub mod wire;

pub use compare::{RulesetDifference, compare};
pub use datatype::DataType;
pub use family::{ChainPolicy, ChainType, Family, Hook, IpVersion, Priority};
pub use field::Field;
pub use rate::Rate;
pub use ruleset::{Action, Base, Chain, Dnat, Element, Layout, Match, Rule, Ruleset, Set, Table};
pub use stream::Stream;
pub use transaction::{SetRef, Transaction};
pub use value::Value;
