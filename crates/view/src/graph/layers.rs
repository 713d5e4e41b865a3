//! Layers of a graph: every edge connects two nodes of one layer or of two adjacent ones. Of
//! several possible layers, those with the fewest crossings are chosen.

/// With more edges than this, only one choice is tried, and nodes of a layer are not exchanged.
const MANY: usize = 400;
/// The number of nodes from which layers are tried.
const STARTS: usize = 24;
/// How often the order is improved.
const SWEEPS: usize = 12;

/// The cost of a choice of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    crossings: usize,
    /// The number of nodes between two of one layer that have an edge.
    between: usize,
    layers: usize,
}

impl Cost {
    fn none(&self) -> bool {
        self.total() == 0
    }

    fn total(&self) -> usize {
        self.crossings + self.between
    }
}

/// The layers from the top, and whether each takes the whole width.
pub(super) fn rows(near: &[Vec<usize>]) -> (Vec<Vec<usize>>, bool) {
    if let Some(rows) = two_sides(near) {
        return (rows, true);
    }
    let edges: usize = near.iter().map(Vec::len).sum::<usize>() / 2;
    let least = near.iter().map(Vec::len).min().unwrap_or(0);
    let ends: Vec<usize> = (0..near.len())
        .filter(|n| near.get(*n).is_some_and(|o| o.len() == least))
        .collect();
    let mut by_degree = ordered(near, &ends, edges);
    by_degree.0.reverse();
    if by_degree.1.none() || edges > MANY {
        return (by_degree.0, false);
    }
    let starts = 0..near.len().min(STARTS);
    let best = starts
        .map(|start| ordered(near, &[start], edges))
        .min_by_key(|(_, cost)| (cost.total(), *cost));
    let level = by_degree.0.iter().any(|row| {
        let joined = |n: &usize| {
            near.get(*n)
                .is_some_and(|o| o.iter().any(|o| row.contains(o)))
        };
        row.iter().any(joined)
    });
    match best {
        // A hierarchy is kept, unless there is another drawing without crossings.
        // Many cables in one row, as of a torus, cover one another.
        Some((rows, cost)) if cost.none() || (level && cost.total() < by_degree.1.total()) => {
            (rows, false)
        }
        _ => (by_degree.0, false),
    }
}

/// Two sets, if every node of one has an edge to all of the other: the smaller, and the larger.
fn two_sides(near: &[Vec<usize>]) -> Option<Vec<Vec<usize>>> {
    let other = near.first()?;
    let this: Vec<usize> = (0..near.len()).filter(|n| !other.contains(n)).collect();
    let all = |side: &[usize], others: &[usize]| {
        side.iter()
            .all(|n| near.get(*n).is_some_and(|o| o == others))
    };
    if this.len() < 2 || other.len() < 2 || !all(&this, other) || !all(other, &this) {
        return None;
    }
    let mut rows = vec![this, other.clone()];
    rows.sort_by_key(Vec::len);
    Some(rows)
}

/// Layers by the number of edges from the given nodes, each in an order with few crossings.
fn ordered(near: &[Vec<usize>], from: &[usize], edges: usize) -> (Vec<Vec<usize>>, Cost) {
    let mut rows = by_distance(near, from);
    let mut best = (rows.clone(), cost(near, &rows));
    for sweep in 0..SWEEPS {
        if best.1.none() {
            break;
        }
        let positions = positions(near.len(), &rows);
        let order: Vec<usize> = match sweep % 2 {
            0 => (0..rows.len()).collect(),
            _ => (0..rows.len()).rev().collect(),
        };
        let mut now = positions;
        for row in order {
            let Some(nodes) = rows.get_mut(row) else {
                continue;
            };
            sort(near, nodes, &now, row, sweep % 2 == 0);
            for (at, node) in nodes.iter().enumerate() {
                if let Some(place) = now.get_mut(*node) {
                    *place = (row, at);
                }
            }
        }
        if edges <= MANY {
            exchange(near, &mut rows);
        }
        let found = cost(near, &rows);
        if found < best.1 {
            best = (rows.clone(), found);
        }
    }
    best
}

fn by_distance(near: &[Vec<usize>], from: &[usize]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; near.len()];
    let mut rows = Vec::new();
    let mut row = from.to_vec();
    for node in from {
        if let Some(seen) = seen.get_mut(*node) {
            *seen = true;
        }
    }
    while !row.is_empty() {
        let mut next = Vec::new();
        for other in row.iter().filter_map(|n| near.get(*n)).flatten() {
            if let Some(seen) = seen.get_mut(*other)
                && !*seen
            {
                *seen = true;
                next.push(*other);
            }
        }
        rows.push(std::mem::replace(&mut row, next));
    }
    rows
}

/// The row and the place there of every node.
fn positions(count: usize, rows: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut out = vec![(0, 0); count];
    for (row, nodes) in rows.iter().enumerate() {
        for (at, node) in nodes.iter().enumerate() {
            if let Some(place) = out.get_mut(*node) {
                *place = (row, at);
            }
        }
    }
    out
}

/// Sorts by the mean place of the neighbours in the row before, and in the same row.
fn sort(
    near: &[Vec<usize>],
    nodes: &mut [usize],
    positions: &[(usize, usize)],
    row: usize,
    down: bool,
) {
    let mean = |node: usize| {
        let others = near.get(node).into_iter().flatten();
        let places: Vec<usize> = others
            .filter_map(|o| positions.get(*o))
            .filter(|(r, _)| *r == row || (*r < row) == down)
            .map(|(_, at)| *at)
            .collect();
        let own = positions.get(node).map_or(0, |p| p.1);
        match places.len() {
            0 => own as u64 * 1000,
            count => places.iter().sum::<usize>() as u64 * 1000 / count as u64,
        }
    };
    nodes.sort_by_key(|n| mean(*n));
}

/// Exchanges neighbours while that reduces the cost.
fn exchange(near: &[Vec<usize>], rows: &mut [Vec<usize>]) {
    let mut best = cost(near, rows);
    for _ in 0..4 {
        let before = best;
        for row in 0..rows.len() {
            let count = rows.get(row).map_or(0, Vec::len);
            for at in 1..count {
                let swap = |rows: &mut [Vec<usize>]| {
                    if let Some(row) = rows.get_mut(row) {
                        row.swap(at - 1, at);
                    }
                };
                swap(rows);
                let found = cost(near, rows);
                if found < best {
                    best = found;
                } else {
                    swap(rows);
                }
            }
        }
        if best == before || best.none() {
            return;
        }
    }
}

fn cost(near: &[Vec<usize>], rows: &[Vec<usize>]) -> Cost {
    let places = positions(near.len(), rows);
    let mut lines: Vec<Vec<(usize, usize)>> = vec![Vec::new(); rows.len()];
    let mut out = Cost {
        crossings: 0,
        between: 0,
        layers: rows.len(),
    };
    for (node, others) in near.iter().enumerate() {
        let Some(&(row, at)) = places.get(node) else {
            continue;
        };
        for &(other_row, other) in others.iter().filter_map(|o| places.get(*o)) {
            if other_row == row && other > at {
                out.between += other - at - 1;
            } else if other_row == row + 1
                && let Some(lines) = lines.get_mut(row)
            {
                lines.push((at, other));
            }
        }
    }
    for lines in lines {
        for (position, (a, b)) in lines.iter().enumerate() {
            let later = lines.get(position + 1..).unwrap_or_default();
            let crossing = |(c, d): &&(usize, usize)| (a < c && b > d) || (a > c && b < d);
            out.crossings += later.iter().filter(crossing).count();
        }
    }
    out
}

/// The centre of every card, as near as possible to the mean of its neighbours' centres.
pub(super) fn centres(
    near: &[Vec<usize>],
    rows: &[Vec<usize>],
    pitches: &[i32],
    width: i32,
) -> Vec<Vec<i32>> {
    let mut x: Vec<i32> = vec![0; near.len()];
    let span = |row: usize| {
        let count = rows.get(row).map_or(0, Vec::len) as i32;
        count * pitches.get(row).copied().unwrap_or(0)
    };
    let widest = (0..rows.len()).max_by_key(|r| (span(*r), std::cmp::Reverse(*r)));
    let widest = widest.unwrap_or(0);
    let mut set = |row: usize, wanted: &dyn Fn(usize, &[i32]) -> i32| {
        let nodes = rows.get(row).map_or(&[][..], Vec::as_slice);
        let pitch = pitches.get(row).copied().unwrap_or(0);
        let wanted: Vec<i32> = nodes.iter().map(|n| wanted(*n, &x)).collect();
        for (node, at) in nodes.iter().zip(spaced(&wanted, pitch, width)) {
            if let Some(x) = x.get_mut(*node) {
                *x = at;
            }
        }
    };
    let place = positions(near.len(), rows);
    let own = |node: usize| place.get(node).map_or(0, |p| p.1) as i32;
    let pitch = pitches.get(widest).copied().unwrap_or(0);
    set(widest, &|node, _| own(node) * pitch + pitch / 2);
    let mean = |node: usize, x: &[i32], row: usize| {
        let others = near.get(node).into_iter().flatten();
        let places: Vec<i32> = others
            .filter(|o| place.get(**o).is_some_and(|p| p.0 == row))
            .filter_map(|o| x.get(*o).copied())
            .collect();
        match places.len() as i32 {
            0 => width / 2,
            count => places.iter().sum::<i32>() / count,
        }
    };
    for row in (0..widest).rev() {
        set(row, &|node, x| mean(node, x, row + 1));
    }
    for row in widest + 1..rows.len() {
        set(row, &|node, x| mean(node, x, row - 1));
    }
    rows.iter()
        .map(|row| row.iter().filter_map(|n| x.get(*n).copied()).collect())
        .collect()
}

/// In this order, at least `pitch` apart and within `width`, and as near as possible to the wanted
/// positions: neighbours that are too near each other are moved together.
fn spaced(wanted: &[i32], pitch: i32, width: i32) -> Vec<i32> {
    // For each group the sum and number of its members' positions, less the distance to the first.
    let mut groups: Vec<(i64, i64)> = Vec::new();
    let mean = |(sum, count): (i64, i64)| sum.div_euclid(count.max(1));
    for (position, at) in wanted.iter().enumerate() {
        let mut last = (i64::from(*at) - position as i64 * i64::from(pitch), 1);
        while let Some(before) = groups.pop_if(|g| mean(*g) > mean(last)) {
            last = (last.0 + before.0, last.1 + before.1);
        }
        groups.push(last);
    }
    let most = i64::from(width) - wanted.len() as i64 * i64::from(pitch);
    let half = i64::from(pitch / 2);
    let mut out = Vec::new();
    for group in groups {
        let start = mean(group).clamp(half, half + most.max(0));
        for _ in 0..group.1 {
            out.push((start + out.len() as i64 * i64::from(pitch)) as i32);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(count: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
        let mut out = vec![Vec::new(); count];
        for (a, b) in edges {
            out[*a].push(*b);
            out[*b].push(*a);
        }
        out.iter_mut().for_each(|o: &mut Vec<usize>| o.sort());
        out
    }

    #[test]
    fn a_tree_has_no_crossings() {
        let edges = [(0, 1), (0, 2), (1, 3), (2, 4), (1, 5), (2, 6), (6, 7)];
        let near = near(8, &edges);
        let (rows, _) = rows(&near);
        assert!(cost(&near, &rows).none(), "{rows:?}");
    }

    #[test]
    fn a_grid_has_no_crossings() {
        let mut edges = Vec::new();
        for i in 0..4 {
            for j in 0..4 {
                edges.extend((j < 3).then_some((i * 4 + j, i * 4 + j + 1)));
                edges.extend((i < 3).then_some((i * 4 + j, i * 4 + j + 4)));
            }
        }
        let near = near(16, &edges);
        let (rows, _) = rows(&near);
        assert!(cost(&near, &rows).none(), "{rows:?}");
    }

    #[test]
    fn spines_stand_above_leaves() {
        let mut edges = Vec::new();
        for spine in 8..12 {
            edges.extend((0..8).map(|leaf| (leaf, spine)));
        }
        let (found, even) = rows(&near(12, &edges));
        assert!(even);
        assert_eq!(found, [(8..12).collect::<Vec<_>>(), (0..8).collect()]);
    }

    #[test]
    fn cards_keep_their_distance() {
        assert_eq!(spaced(&[50, 50, 50], 10, 100), [40, 50, 60]);
        assert_eq!(spaced(&[0, 0, 90], 10, 100), [5, 15, 90]);
        assert_eq!(spaced(&[100, 100], 10, 100), [85, 95]);
    }
}
