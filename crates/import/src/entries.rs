//! Mappings of a translation, key by key.

use hallway_spec::{Entry, Place, Value};

/// A mapping under construction.
#[derive(Debug, Default)]
pub(crate) struct Entries(pub(crate) Vec<Entry>);

impl Entries {
    /// Sets a key; an existing one gets the new value.
    pub(crate) fn set(&mut self, key: &str, place: &Place, value: Value) {
        let entry = Entry {
            key: key.to_owned(),
            place: place.clone(),
            value,
        };
        match self.0.iter_mut().find(|e| e.key == key) {
            Some(there) => *there = entry,
            None => self.0.push(entry),
        }
    }

    /// Whether a key is set.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|e| e.key == key)
    }

    /// Sets a key to a text.
    pub(crate) fn text(&mut self, key: &str, value: &Value) {
        if let Some(text) = value.text() {
            self.set(key, &value.place, Value::of_text(&value.place, text));
        }
    }

    /// Sets a key to a list, unless it is empty.
    pub(crate) fn list(&mut self, key: &str, place: &Place, items: Vec<Value>) {
        if !items.is_empty() {
            self.set(key, place, Value::of_list(place, items));
        }
    }

    /// Sets a key to one value, or to a list of several.
    pub(crate) fn one_or_many(&mut self, key: &str, place: &Place, mut items: Vec<Value>) {
        match items.pop() {
            Some(only) if items.is_empty() => self.set(key, place, only),
            Some(last) => {
                items.push(last);
                self.list(key, place, items);
            }
            None => {}
        }
    }

    /// Sets the keys of hallway's mapping, `x-hallway`.
    pub(crate) fn extend(&mut self, extension: Option<&Value>) {
        for entry in extension.iter().flat_map(|e| e.entries()) {
            self.set(&entry.key, &entry.place, entry.value.clone());
        }
    }

    pub(crate) fn into_map(self, place: &Place) -> Value {
        Value::of_map(place, self.0)
    }
}
