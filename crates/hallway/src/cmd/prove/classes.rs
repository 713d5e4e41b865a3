//! Nodes that reach the same destinations and are reached from the same sources form one class:
//! usually the members of a network. So the grid of a project of 100 nodes can be read.

use std::collections::BTreeMap;

/// Names of one class, each by its number.
pub(super) type Class = Vec<usize>;

/// The classes of `count` names, in the order of their first names. `cell` is the text for a client
/// and a server.
pub(super) fn of(count: usize, cell: &dyn Fn(usize, usize) -> String) -> Vec<Class> {
    // Numbers can be compared faster than texts.
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut table: Vec<Vec<usize>> = Vec::new();
    for from in 0..count {
        let row = (0..count).map(|to| {
            let next = known.len();
            *known.entry(cell(from, to)).or_insert(next)
        });
        table.push(row.collect());
    }
    let mut out: Vec<Class> = Vec::new();
    for name in 0..count {
        let alike = |class: &&mut Class| class.first().is_some_and(|a| are_alike(&table, *a, name));
        match out.iter_mut().find(alike) {
            Some(class) => class.push(name),
            None => out.push(vec![name]),
        }
    }
    out
}

/// Whether two have the same results with every other one, in both directions, and with each other.
fn are_alike(table: &[Vec<usize>], a: usize, b: usize) -> bool {
    let cell = |from: usize, to: usize| table.get(from).and_then(|row| row.get(to));
    let mut others = (0..table.len()).filter(|x| *x != a && *x != b);
    cell(a, b) == cell(b, a) && others.all(|x| cell(a, x) == cell(b, x) && cell(x, a) == cell(x, b))
}

/// The label of a class: the name of its only member, of the network with the same members, or of
/// its first member.
pub(super) fn label(class: &Class, names: &[&str], networks: &[(String, Vec<String>)]) -> String {
    let members: Vec<&str> = class
        .iter()
        .filter_map(|i| names.get(*i).copied())
        .collect();
    let network = networks.iter().find(|(_, of)| {
        of.len() == members.len() && of.iter().all(|name| members.contains(&name.as_str()))
    });
    match (members.as_slice(), network) {
        ([], _) => String::new(),
        ([only], _) => (*only).to_owned(),
        (all, Some((network, _))) => format!("{network} ({})", all.len()),
        ([first, rest @ ..], None) => format!("{first} +{}", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two networks of three nodes; 0 and 3 have different results for the other's network.
    fn cell(from: usize, to: usize) -> String {
        match (from, to) {
            _ if from == to => String::new(),
            (0, 3) => "80/tcp".into(),
            _ if from / 3 == to / 3 => "all".into(),
            _ => "-".into(),
        }
    }

    #[test]
    fn those_that_behave_alike_are_one() {
        let classes = of(6, &cell);
        assert_eq!(classes, [vec![0], vec![1, 2], vec![3], vec![4, 5]]);
        let names = ["a0", "a1", "a2", "b0", "b1", "b2"];
        let networks = [("b".to_owned(), vec!["b1".to_owned(), "b2".to_owned()])];
        let labels: Vec<String> = classes
            .iter()
            .map(|c| label(c, &names, &networks))
            .collect();
        assert_eq!(labels, ["a0", "a1 +1", "b0", "b (2)"]);
    }
}
