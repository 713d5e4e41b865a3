//! How one Compose file changes another: mappings are merged, lists appended, others replaced.

use hallway_spec::{Entry, Place, Value, ValueKind};

/// Lists that a later file replaces.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

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
    merge_key(base, later, "");
}

fn merge_key(base: &mut Value, later: Value, key: &str) {
    if matches!(later.tag.as_deref(), Some("!override" | "!reset")) {
        *base = later;
        return;
    }
    match (&mut base.kind, later.kind) {
        (ValueKind::Map(entries), ValueKind::Map(more)) => {
            for entry in more {
                match entries.iter_mut().find(|e| e.key == entry.key) {
                    Some(there) => {
                        if !entry.value.is_null() || entry.value.tag.is_some() {
                            there.place = entry.place;
                            merge_key(&mut there.value, entry.value, &entry.key);
                        }
                    }
                    None => entries.push(entry),
                }
            }
        }
        (ValueKind::List(items), ValueKind::List(more)) if !REPLACED.contains(&key) => {
            append(items, more);
        }
        (ValueKind::List(items), scalar @ ValueKind::Scalar { .. })
            if ["dns", "dns_search", "env_file", "tmpfs"].contains(&key) =>
        {
            append(
                items,
                vec![Value {
                    kind: scalar,
                    ..later
                }],
            );
        }
        (_, kind) => *base = Value { kind, ..later },
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
