//! Cycles of names, each of which leads to one other.

/// The cycle that begins and ends with `start`; `None` if there is none. A cycle that only leads away from
/// `start` is found from its own names.
pub fn cycle_of<T: PartialEq + Clone>(start: &T, next: impl Fn(&T) -> Option<T>) -> Option<Vec<T>> {
    let mut path = vec![start.clone()];
    loop {
        let after = next(path.last()?)?;
        if after == *start {
            path.push(after);
            return Some(path);
        }
        if path.contains(&after) {
            return None;
        }
        path.push(after);
    }
}
