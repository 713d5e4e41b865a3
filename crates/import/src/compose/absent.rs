//! Services without a node, which policies, expectations and links of `x-hallway` may name.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Value, ValueKind, listed};

use super::service::active;
use crate::entries::Entries;
use crate::findings::Findings;
use crate::surroundings::Options;

/// Services of the file that have no node, each with the reason.
pub(super) struct Absent(BTreeMap<String, String>);

impl Absent {
    pub(super) fn of(file: &Value, nodes_of: &BTreeMap<&str, bool>, options: &Options) -> Self {
        let services = file.get("services").map(Value::entries).unwrap_or_default();
        let services = services.iter().filter(|e| !e.key.starts_with("x-"));
        let without = services.filter(|e| nodes_of.get(e.key.as_str()) != Some(&true));
        let reason = |value: &Value| {
            let profiles = value.get("profiles").map(Value::items).unwrap_or_default();
            let profile = profiles.first().and_then(Value::text);
            match profile.filter(|_| !active(value, options)) {
                Some(profile) => format!("of profile {profile}; --profile {profile} adds it"),
                None => "no node here".to_owned(),
            }
        };
        let all = without.map(|e| (e.key.clone(), reason(&e.value)));
        // A node of hallway's own may have the name.
        let ours = file.get("x-hallway").and_then(|x| x.get("nodes"));
        let ours = ours.map(Value::entries).unwrap_or_default();
        let all = all.filter(|(name, _)| !ours.iter().any(|e| e.key == *name));
        Self(all.collect())
    }

    /// The service without a node that a name means.
    fn meant<'t>(&self, text: &'t str) -> Option<&'t str> {
        let name = text.strip_prefix("node:").unwrap_or(text);
        self.0.contains_key(name).then_some(name)
    }

    /// A policy or expectation without these names; `None` if none is left on one side. Adds the names to
    /// `named`.
    pub(super) fn without(&self, item: &Value, named: &mut BTreeSet<String>) -> Option<Value> {
        let mut item = item.clone();
        let ValueKind::Map(entries) = &mut item.kind else {
            return Some(item);
        };
        for entry in entries {
            let fewest = match entry.key.as_str() {
                "from" | "to" => 1,
                "between" => 2,
                _ => continue,
            };
            let given = entry.value.items();
            let is_absent = |v: &&Value| v.text().is_some_and(|t| self.meant(t).is_some());
            let (gone, kept): (Vec<&Value>, Vec<&Value>) = given.iter().partition(is_absent);
            if gone.is_empty() {
                continue;
            }
            let names = gone.iter().filter_map(|v| self.meant(v.text()?));
            named.extend(names.map(str::to_owned));
            if kept.len() < fewest {
                return None;
            }
            let kept = kept.into_iter().cloned().collect();
            entry.value = Value::of_list(&entry.value.place, kept);
        }
        Some(item)
    }

    /// Whether an end of a link is one of these services.
    pub(super) fn has_end(&self, link: &Value, named: &mut BTreeSet<String>) -> bool {
        let Some(ends) = link.get("endpoints") else {
            return false;
        };
        let keys = ends.entries().iter().map(|e| e.key.as_str());
        let texts = if ends.is_list() { ends.items() } else { &[] };
        let texts = texts.iter().filter_map(Value::text);
        let nodes = texts.filter_map(|text| text.split(':').next());
        let absent = keys.chain(nodes).find(|name| self.0.contains_key(*name));
        named.extend(absent.map(str::to_owned));
        absent.is_some()
    }

    /// Says once which services the parts name that are left out.
    pub(super) fn say(&self, named: &BTreeSet<String>, findings: &mut Findings) {
        let words = named.iter().filter_map(|name| {
            let reason = self.0.get(name)?;
            Some(format!("{name} ({reason})"))
        });
        let words: Vec<String> = words.collect();
        if !words.is_empty() {
            findings.note(format!(
                "x-hallway: policies, expectations and links hold without the services that have no node, and are left out if they are only about these: {}",
                listed(&words)
            ));
        }
    }
}

/// For each service whether one of its nodes is in the translation.
pub(super) fn nodes_of<'s>(
    services: &'s [super::service::Service],
    nodes: &Entries,
) -> BTreeMap<&'s str, bool> {
    let all: BTreeSet<&str> = nodes.0.iter().map(|e| e.key.as_str()).collect();
    let has = |s: &super::service::Service| s.nodes.iter().any(|n| all.contains(n.as_str()));
    services.iter().map(|s| (s.name.as_str(), has(s))).collect()
}
