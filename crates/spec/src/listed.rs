//! Long lists in sentences.

/// Names in a sentence: the first ones, and how many more there are.
#[must_use]
pub fn listed(names: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        1 => format!("{} and one other", shown.join(", ")),
        more => format!("{} and {more} others", shown.join(", ")),
    }
}
