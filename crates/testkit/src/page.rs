//! The page of errors.

/// The rows of the table in a section of docs/errors.md: code and meaning.
///
/// # Panics
/// When the page has no such section.
#[must_use]
#[track_caller]
pub fn documented(section: &str) -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    let page = std::fs::read_to_string(path).unwrap();
    let heading = format!("\n## {section}\n");
    let (_, rest) = page
        .split_once(&heading)
        .unwrap_or_else(|| panic!("no section {section}"));
    let rows = rest.split("\n## ").next().unwrap_or_default().lines();
    rows.filter_map(|row| {
        let (code, meaning) = row.strip_prefix("| `")?.split_once("` | ")?;
        let meaning = meaning.strip_suffix(" |")?;
        Some((code.to_owned(), meaning.to_owned()))
    })
    .collect()
}

/// Codes with their meanings, as in [`documented`].
pub fn pairs<'a>(codes: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    codes
        .map(|(code, meaning)| (code.to_owned(), meaning.to_owned()))
        .collect()
}
