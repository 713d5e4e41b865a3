//! MTUs of links to a network. A network has one for all its interfaces.

use std::collections::BTreeMap;

use hallway_spec::{Value, listed};

use super::lab::{End, LabLink};
use crate::entries::Entries;
use crate::findings::Findings;

/// The links to networks, by the name of the network: the end, and the MTU.
#[derive(Debug, Default)]
pub(super) struct Mtus(BTreeMap<String, Vec<(String, Option<Value>)>>);

impl Mtus {
    pub(super) fn add(&mut self, network: &str, end: &End, link: &LabLink) {
        let all = self.0.entry(network.to_owned()).or_default();
        let interface = end.interface.as_deref().unwrap_or_default();
        all.push((format!("{}:{interface}", end.node), link.mtu.clone()));
    }

    /// Sets the MTU of a network, if all its links have the same; others are reported.
    pub(super) fn set(&self, network: &str, out: &mut Entries, findings: &mut Findings) {
        let Some(all) = self.0.get(network) else {
            return;
        };
        let text = |mtu: &Option<Value>| mtu.as_ref().and_then(Value::text).map(str::to_owned);
        let mut texts = all.iter().map(|(_, mtu)| text(mtu));
        let first = texts.next();
        if texts.all(|mtu| Some(mtu) == first) {
            if let Some((_, Some(mtu))) = all.first() {
                let value = Value::of_plain(&mtu.place, mtu.text().unwrap_or_default());
                out.set("mtu", &mtu.place, value);
            }
            return;
        }
        let words = all.iter().map(|(end, mtu)| match text(mtu) {
            Some(mtu) => format!("{end} {mtu}"),
            None => format!("{end} none"),
        });
        findings.note(format!(
            "the mtu of links to {network} is not set, since here a network has one for all its interfaces, and the links have different ones: {}",
            listed(&words.collect::<Vec<_>>())
        ));
    }
}
