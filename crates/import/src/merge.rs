//! How one Compose file changes another: mappings are merged, lists appended, others replaced.

use hallway_spec::{Entry, Place, Value, ValueKind};

/// Lists that a later file replaces.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// Keys of a service with one text or a list of them: a later file adds to the earlier ones in either form.
const TEXTS: [&str; 6] = [
    "dns",
    "dns_opt",
    "dns_search",
    "env_file",
    "label_file",
    "tmpfs",
];

/// Keys of a service whose list form represents a mapping.
const MAPPINGS: [&str; 7] = [
    "environment",
    "depends_on",
    "networks",
    "labels",
    "sysctls",
    "annotations",
    "args",
];

/// Converts every service of a file to the forms that can be merged.
pub(crate) fn normalise(file: &mut Value) {
    let Some(services) = child_mut(file, "services") else {
        return;
    };
    if let ValueKind::Map(entries) = &mut services.kind {
        for entry in entries {
            service(&mut entry.value);
        }
    }
}

/// Lists of a service that represent mappings become mappings.
fn service(value: &mut Value) {
    let ValueKind::Map(entries) = &mut value.kind else {
        return;
    };
    for entry in entries {
        if entry.key == "extra_hosts" && entry.value.is_map() {
            // As Compose does: a later file adds addresses.
            if let Some(list) = lines(&entry.value) {
                entry.value = list;
            }
        }
        if MAPPINGS.contains(&entry.key.as_str()) && entry.value.is_list() {
            let assigned = !["depends_on", "networks"].contains(&entry.key.as_str());
            if let Some(mapping) = mapping(&entry.value, assigned) {
                entry.value = mapping;
            }
        }
    }
}

/// A mapping from names to addresses as a list. `None` if it contains anything but texts.
fn lines(mapping: &Value) -> Option<Value> {
    let mut out = Vec::new();
    for entry in mapping.entries() {
        for address in entry.value.items() {
            let line = format!("{}={}", entry.key, address.text()?);
            out.push(Value::of_text(&address.place, line));
        }
    }
    let list = Value::of_list(&mapping.place, out);
    Some(Value {
        tag: mapping.tag.clone(),
        ..list
    })
}

/// A list as a mapping: `NAME=value`, or names only. `None` if it contains anything but texts.
fn mapping(list: &Value, assigned: bool) -> Option<Value> {
    let entries = list.items().iter().map(|item| {
        let text = item.text()?;
        let (key, value) = match text.split_once('=') {
            Some((key, value)) if assigned => (key, Value::of_text(&item.place, value)),
            _ => (text, null(&item.place)),
        };
        Some(Entry {
            key: key.to_owned(),
            place: item.place.clone(),
            value,
        })
    });
    Some(Value {
        tag: list.tag.clone(),
        ..Value::of_map(&list.place, entries.collect::<Option<_>>()?)
    })
}

/// No value, at a place.
pub(crate) fn null(place: &Place) -> Value {
    Value {
        place: place.clone(),
        ..Value::default()
    }
}

/// Merges a later file into `base`.
pub(crate) fn merge(base: &mut Value, later: Value) {
    merge_at(base, later, &mut Vec::new());
}

/// Merges a later definition of a service into `base`.
pub(crate) fn merge_service(base: &mut Value, later: Value) {
    merge_at(base, later, &mut vec!["services".into(), "".into()]);
}

/// `path`: the keys to the value.
fn merge_at(base: &mut Value, later: Value, path: &mut Vec<String>) {
    if matches!(later.tag.as_deref(), Some("!override" | "!reset")) {
        *base = later;
        return;
    }
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    let replaced = keys.last().is_some_and(|key| REPLACED.contains(key));
    let of_network = matches!(keys.as_slice(), ["networks", _, "ipam", "config"]);
    if matches!(keys.as_slice(), ["services", _, key] if TEXTS.contains(key)) {
        as_list(base);
        let mut later = later;
        as_list(&mut later);
        return merge_kinds(base, later, path, false);
    }
    match (&mut base.kind, &later.kind) {
        (ValueKind::List(items), ValueKind::List(more)) if of_network => by_subnet(items, more),
        _ => merge_kinds(base, later, path, replaced),
    }
}

fn merge_kinds(base: &mut Value, later: Value, path: &mut Vec<String>, replaced: bool) {
    match (&mut base.kind, later.kind) {
        (ValueKind::Map(entries), ValueKind::Map(more)) => {
            for entry in more {
                match entries.iter_mut().find(|e| e.key == entry.key) {
                    Some(there) => {
                        if !entry.value.is_null() || entry.value.tag.is_some() {
                            there.place = entry.place;
                            path.push(entry.key);
                            merge_at(&mut there.value, entry.value, path);
                            path.pop();
                        }
                    }
                    None => entries.push(entry),
                }
            }
        }
        (ValueKind::List(items), ValueKind::List(more)) if !replaced => append(items, more),
        (_, kind) => *base = Value { kind, ..later },
    }
}

/// A text becomes a list of one; others are not changed.
fn as_list(value: &mut Value) {
    if matches!(value.kind, ValueKind::Scalar { .. }) {
        let items = (!value.is_null()).then(|| value.clone());
        *value = Value::of_list(&value.place, items.into_iter().collect());
    }
}

/// What a later file says about a subnet of a network is merged into the entry of that subnet.
fn by_subnet(items: &mut Vec<Value>, more: &[Value]) {
    let subnet = |value: &Value| {
        let subnet = value.get("subnet").and_then(Value::text);
        subnet.map(str::to_owned)
    };
    for item in more {
        let of_item = subnet(item);
        let same = |i: &&mut Value| i.is_map() && item.is_map() && subnet(i) == of_item;
        match items.iter_mut().find(same) {
            Some(there) => merge(there, item.clone()),
            None => items.push(item.clone()),
        }
    }
}

/// Appends items that are not in the list yet.
fn append(items: &mut Vec<Value>, more: Vec<Value>) {
    for item in more {
        if !items.iter().any(|there| same(there, &item)) {
            items.push(item);
        }
    }
}

/// Whether two values are equal, apart from their places.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (&a.kind, &b.kind) {
        (ValueKind::Scalar { text: x, .. }, ValueKind::Scalar { text: y, .. }) => {
            x == y || a.is_null() && b.is_null()
        }
        (ValueKind::List(a), ValueKind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (ValueKind::Map(a), ValueKind::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|a| {
                    let mut other = b.iter().filter(|b| b.key == a.key);
                    other.any(|b| same(&a.value, &b.value))
                })
        }
        _ => false,
    }
}

/// Removes the values that `!reset` resets.
pub(crate) fn reset(value: &mut Value) {
    match &mut value.kind {
        ValueKind::Map(entries) => {
            entries.retain(|e| e.value.tag.as_deref() != Some("!reset"));
            entries.iter_mut().for_each(|e| reset(&mut e.value));
        }
        ValueKind::List(items) => {
            items.retain(|item| item.tag.as_deref() != Some("!reset"));
            items.iter_mut().for_each(reset);
        }
        ValueKind::Scalar { .. } => {}
    }
}

/// The value of a key, to change it.
pub(crate) fn child_mut<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    match &mut value.kind {
        ValueKind::Map(entries) => {
            let entry = entries.iter_mut().find(|e| e.key == key)?;
            Some(&mut entry.value)
        }
        _ => None,
    }
}

/// Removes a key from a mapping.
pub(crate) fn take(value: &mut Value, key: &str) -> Option<Entry> {
    match &mut value.kind {
        ValueKind::Map(entries) => {
            let at = entries.iter().position(|e| e.key == key)?;
            Some(entries.remove(at))
        }
        _ => None,
    }
}
