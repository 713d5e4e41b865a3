//! Notifications of nf_tables, from messages.

use hallway_nftables::{Family, message};

use super::event::{Event, Existence};
use super::nftables::{Generation, NfChange, NfObject};
use crate::wire::{Attrs, be32_of, be64_of, string_of};

const NFT_MSG_DELCHAIN: u16 = 5;
const NFT_MSG_DELRULE: u16 = 8;
const NFT_MSG_DELSET: u16 = 11;
const NFT_MSG_NEWGEN: u16 = 15;

/// Reads a message of the nf_tables subsystem.
pub(super) fn event(kind: u16, body: &[u8]) -> Option<Event> {
    let attrs = Attrs(body.get(4..)?);
    if kind == NFT_MSG_NEWGEN {
        return Some(Event::Generation(Generation {
            id: attrs.find(1).and_then(be32_of)?,
            process: attrs.find(2).and_then(be32_of).unwrap_or_default(),
            program: attrs.find(3).map(string_of).unwrap_or_default(),
        }));
    }
    let name = |kind| attrs.find(kind).map(string_of);
    let object = match kind {
        message::NEWTABLE | message::DELTABLE => NfObject::Table,
        message::NEWCHAIN | NFT_MSG_DELCHAIN => NfObject::Chain(name(3)?),
        message::NEWRULE | NFT_MSG_DELRULE => NfObject::Rule {
            chain: name(2)?,
            handle: attrs.find(3).and_then(be64_of)?,
        },
        message::NEWSET | NFT_MSG_DELSET => NfObject::Set(name(2)?),
        message::NEWSETELEM | message::DELSETELEM => NfObject::Elements {
            set: name(2)?,
            keys: Attrs(attrs.find(3)?)
                .filter_map(|(_, element)| Attrs(Attrs(element).find(1)?).find(1))
                .map(<[u8]>::to_vec)
                .collect(),
        },
        _ => return None,
    };
    let change = match kind {
        message::NEWTABLE
        | message::NEWCHAIN
        | message::NEWRULE
        | message::NEWSET
        | message::NEWSETELEM => Existence::Present,
        _ => Existence::Removed,
    };
    let table = name(1)?;
    let family = Family::of(*body.first()?);
    Some(Event::Nftables(
        change,
        NfChange {
            family,
            table,
            object,
        },
    ))
}
