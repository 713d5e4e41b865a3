//! Names that resemble a name: suggestions for misspelt words.

/// The most similar of `names`, if any is similar at all.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|n| (strsim::damerau_levenshtein(name, n), n))
        .filter(|(distance, n)| *distance <= 1 + n.len().min(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, n)| n)
}
