//! The program of a service, with its arguments.

use hallway_spec::Value;

use crate::findings::Findings;

/// `entrypoint` and `command` as words.
pub(super) fn of(value: &Value, findings: &mut Findings) -> Option<Value> {
    let mut all = Vec::new();
    let mut place = None;
    for key in ["entrypoint", "command"] {
        let Some(part) = value.get(key) else { continue };
        place.get_or_insert_with(|| part.place.clone());
        if part.is_list() {
            let text = |item: &Value| Value::of_text(&item.place, item.text().unwrap_or_default());
            all.extend(part.items().iter().map(text));
            continue;
        }
        match shell_words::split(part.text().unwrap_or_default()) {
            Ok(words) => all.extend(words.iter().map(|w| Value::of_text(&part.place, w))),
            Err(_) => findings.unexpected(part, "a command whose quotes are closed"),
        }
    }
    let place = place.filter(|_| !all.is_empty())?;
    Some(Value::of_list(&place, all))
}
