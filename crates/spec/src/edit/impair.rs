//! Edits of impairments.

use super::change::{Impaired, ImpairmentChange};
use super::entry::node_mut;
use super::error::EditError;
use super::networks;
use crate::Impairments;
use crate::document::{Document, EndDoc, FullEndDoc, LinkDoc, Scalar};

/// The keys of one mapping.
struct Keys<'d> {
    impairments: [&'d mut Option<Scalar>; Impairments::KEYS.len()],
    rate: &'d mut Option<Scalar>,
}

macro_rules! keys {
    ($mapping:expr) => {{
        let it = $mapping;
        Keys {
            impairments: [
                &mut it.delay,
                &mut it.jitter,
                &mut it.loss,
                &mut it.duplicate,
                &mut it.corrupt,
                &mut it.reorder,
            ],
            rate: &mut it.rate,
        }
    }};
}

impl Keys<'_> {
    fn clear(&mut self) {
        self.impairments.iter_mut().for_each(|key| **key = None);
        *self.rate = None;
    }

    fn set(&mut self, set: &Impairments, rate: Option<crate::Bandwidth>) {
        for (name, text) in set.given() {
            let position = Impairments::KEYS.iter().position(|key| *key == name);
            if let Some(key) = position.and_then(|p| self.impairments.get_mut(p)) {
                **key = Some(text.as_str().into());
            }
        }
        if let Some(rate) = rate {
            *self.rate = Some(rate.to_string().as_str().into());
        }
    }
}

pub(super) fn apply(document: &mut Document, change: &ImpairmentChange) -> Result<(), EditError> {
    let ImpairmentChange {
        at,
        clear,
        set,
        rate,
    } = change;
    for one in at {
        let change = |mut keys: Keys<'_>| {
            if *clear {
                keys.clear();
            }
            keys.set(set, *rate);
        };
        match one {
            Impaired::Attachment { node, network } => {
                let node = node_mut(document, node)?;
                networks::change(node, network, |attachment| {
                    if rate.is_some() {
                        attachment.bandwidth = None; // the other name of the same limit
                    }
                    change(keys!(attachment));
                });
            }
            Impaired::CableEnd { node, link } => {
                let link = document.links.get_mut(*link);
                let link = link.filter(|l| l.endpoints.contains_key(node.as_ref()));
                let link = link.ok_or_else(|| EditError::NoNode(node.clone()))?;
                if *clear {
                    spread(link);
                }
                let end = link.endpoints.entry(node.to_string()).or_default();
                change_end(end, |end| change(keys!(end)));
            }
        }
    }
    Ok(())
}

/// Copies the impairments of the whole cable to each end, so that one end can be changed alone.
fn spread(link: &mut LinkDoc) {
    let mut of_link = keys!(&mut *link);
    let whole = of_link.impairments.each_mut().map(|key| key.take());
    let rate = of_link.rate.take();
    if whole.iter().all(Option::is_none) && rate.is_none() {
        return;
    }
    for end in link.endpoints.values_mut() {
        change_end(end, |end| {
            let of_end = keys!(end);
            for (to, from) in of_end.impairments.into_iter().zip(&whole) {
                if to.is_none() {
                    to.clone_from(from);
                }
            }
            if of_end.rate.is_none() {
                of_end.rate.clone_from(&rate);
            }
        });
    }
}

/// Changes the keys of an end; if it has only addresses, they become a key.
fn change_end(end: &mut Option<EndDoc>, with: impl FnOnce(&mut FullEndDoc)) {
    let mut keys = match end.take() {
        Some(EndDoc::Full(keys)) => *keys,
        Some(EndDoc::Addresses(address)) => FullEndDoc {
            address: Some(address),
            ..FullEndDoc::default()
        },
        None => FullEndDoc::default(),
    };
    with(&mut keys);
    *end = (keys != FullEndDoc::default()).then(|| EndDoc::Full(Box::new(keys)));
}
