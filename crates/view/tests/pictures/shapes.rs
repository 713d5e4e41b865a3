//! Rings, chains, stars, leaves and spines are drawn as such; many nodes fit on a page.

use hallway_view::graph::Graph;
use hallway_view::graph::drawing::{Drawn, Layout, Rect};

use super::settled;

/// A project of cables between these pairs of nodes.
fn cabled(pairs: &[(&str, &str)]) -> Graph {
    let mut names: Vec<&str> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    names.sort_unstable();
    names.dedup();
    let mut file = String::from("name: cables\nlinks:\n");
    for (position, (a, b)) in pairs.iter().enumerate() {
        let net = format!("10.{}.{}", position / 200, position % 200);
        file.push_str(&format!(
            "- endpoints: {{ {a}: {net}.1/30, {b}: {net}.2/30 }}\n"
        ));
    }
    Graph::new(&settled(&file))
}

fn ring(count: usize) -> Graph {
    let names: Vec<String> = (0..count).map(|i| format!("r{i}")).collect();
    let pairs: Vec<(&str, &str)> = (0..count)
        .map(|i| (names[i].as_str(), names[(i + 1) % count].as_str()))
        .collect();
    cabled(&pairs)
}

/// The number of pairs of cables that cross.
fn crossings(layout: &Layout) -> usize {
    let pieces: Vec<[(i32, i32); 2]> = layout.wires.iter().flat_map(|w| w.pieces.clone()).collect();
    let side = |[a, b]: [(i32, i32); 2], p: (i32, i32)| {
        let (x, y) = (i64::from(b.0 - a.0), i64::from(b.1 - a.1));
        (x * i64::from(p.1 - a.1) - y * i64::from(p.0 - a.0)).signum()
    };
    let mut count = 0;
    for (position, one) in pieces.iter().enumerate() {
        for other in &pieces[position + 1..] {
            let across = side(*one, other[0]) * side(*one, other[1]) < 0;
            count += usize::from(across && side(*other, one[0]) * side(*other, one[1]) < 0);
        }
    }
    count
}

/// The positions of the nodes' cards, by name.
fn cards(graph: &Graph) -> std::collections::BTreeMap<String, (i32, i32)> {
    let layout = Layout::new(graph);
    let all = layout.cards.iter().flat_map(|card| {
        let names = card
            .nodes
            .iter()
            .map(|node| graph.nodes[*node].name.clone());
        names.map(|name| (name, (card.rect.x, card.rect.y)))
    });
    all.collect()
}

#[test]
fn a_torus_is_not_one_row() {
    let name = |x: usize, y: usize| format!("n{}-{}", x % 4, y % 4);
    let places = (0..16).map(|i| (i / 4, i % 4));
    let pairs: Vec<(String, String)> = places
        .flat_map(|(x, y)| [(name(x, y), name(x + 1, y)), (name(x, y), name(x, y + 1))])
        .collect();
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let cards = cards(&cabled(&pairs));
    let rows: std::collections::BTreeSet<i32> = cards.values().map(|(_, y)| *y).collect();
    assert!((4..=6).contains(&rows.len()), "{cards:?}");
}

#[test]
fn spines_are_above_leaves_with_networks() {
    let mut file = String::from("networks:\n");
    for leaf in 0..4 {
        file.push_str(&format!(
            "  lan{leaf}: {{ subnet: 10.1.{leaf}.0/24, mode: lan }}\n"
        ));
    }
    file.push_str("nodes:\n");
    for leaf in 0..4 {
        file.push_str(&format!(
            "  leaf{leaf}: {{ networks: [lan{leaf}], forwarding: true }}\n"
        ));
    }
    file.push_str("links:\n");
    for (spine, leaf) in (0..8).map(|i| (i / 4, i % 4)) {
        let net = format!("10.2.{spine}.{}", leaf * 4);
        let net = net.rsplit_once('.').map_or("", |(net, _)| net);
        file.push_str(&format!(
            "- endpoints: {{ leaf{leaf}: {net}.{}/30, spine{spine}: {net}.{}/30 }}\n",
            leaf * 4 + 1,
            leaf * 4 + 2
        ));
    }
    let cards = cards(&Graph::new(&settled(&file)));
    assert!(cards["spine0"].1 < cards["leaf0"].1, "{cards:?}");
}

#[test]
fn rings_chains_and_stars_have_no_crossings() {
    for count in 3..24 {
        let layout = Layout::new(&ring(count));
        assert_eq!(crossings(&layout), 0, "a ring of {count}");
        let chain = ring(count);
        let chain = Graph {
            cables: chain.cables[1..].to_vec(),
            ..chain
        };
        assert_eq!(crossings(&Layout::new(&chain)), 0, "a chain of {count}");
        let names: Vec<String> = (0..count).map(|i| format!("spoke{i}")).collect();
        let star: Vec<(&str, &str)> = names.iter().map(|n| ("hub", n.as_str())).collect();
        let layout = Layout::new(&cabled(&star));
        assert_eq!(crossings(&layout), 0, "a star of {count}");
        let upright = |w: &&Drawn| w.pieces.iter().all(|[a, b]| (a.0 - b.0).abs() < 2);
        assert_eq!(layout.wires.iter().filter(upright).count(), count);
    }
}

/// The lines of a ring are horizontal or vertical, and its cards surround the centre.
#[test]
fn twelve_nodes_in_a_ring() {
    let graph = ring(12);
    let layout = Layout::new(&graph);
    assert!(layout.width < 1100 && layout.height < 800, "{layout:?}");
    for wire in &layout.wires {
        let [[a, b]] = wire.pieces.as_slice() else {
            panic!("{wire:?}");
        };
        assert!(a.0 == b.0 || a.1 == b.1, "{wire:?}");
    }
    for (cable, wire) in graph.cables.iter().zip(&layout.wires) {
        let texts: Vec<&str> = wire.tabs.iter().map(|t| t.text.as_str()).collect();
        for end in [&cable.a, &cable.b] {
            assert!(texts.contains(&end.interface.as_str()));
            let card = layout.cards.iter().find(|c| c.nodes == [end.node]);
            let line = format!("{}\u{a0}{}", end.interface, end.addresses[0]);
            let card = card.unwrap();
            assert!(card.lines.iter().any(|l| l.text == line), "{line}");
            let near = |r: Rect| Rect {
                x: r.x - 1,
                y: r.y - 1,
                width: r.width + 2,
                height: r.height + 2,
            };
            let beside = wire.tabs.iter().find(|t| near(t.rect).overlaps(&card.rect));
            assert_eq!(beside.unwrap().text, end.interface, "at its own card");
        }
    }
}

/// Four spines and eight leaves: every cable runs straight from the upper row to the lower.
#[test]
fn leaves_and_spines() {
    let leaves: Vec<String> = (1..=8).map(|i| format!("leaf{i}")).collect();
    let pairs: Vec<(&str, &str)> = ["spine1", "spine2", "spine3", "spine4"]
        .into_iter()
        .flat_map(|spine| leaves.iter().map(move |leaf| (spine, leaf.as_str())))
        .collect();
    let graph = cabled(&pairs);
    let layout = Layout::new(&graph);
    let top = |name: &str| {
        let card = layout
            .cards
            .iter()
            .find(|c| graph.nodes[c.nodes[0]].name == name);
        card.unwrap().rect.y
    };
    for leaf in &leaves {
        assert!(top("spine1") < top(leaf) && top(leaf) == top("leaf1"));
    }
    assert!(layout.wires.iter().all(|w| w.pieces.len() == 1));
    // No drawing in two rows has fewer crossings: C(4, 2) times C(8, 2).
    assert_eq!(crossings(&layout), 6 * 28);
    assert!(layout.width < 1500, "{}", layout.width);
}

/// A hundred nodes in ten networks fit on a page, each with its name.
#[test]
fn a_hundred_nodes() {
    let mut file = String::from("name: hundred\nnetworks:\n");
    for net in 0..10 {
        file.push_str(&format!("  net{net}: {{ subnet: 10.0.{net}.0/24 }}\n"));
    }
    file.push_str("nodes:\n");
    for node in 0..100 {
        let net = node / 10;
        let ports = match node % 10 {
            0 => format!(", ports: ['{}:80']", 8000 + node),
            _ => String::new(),
        };
        file.push_str(&format!("  n{node}: {{ networks: [net{net}]{ports} }}\n"));
    }
    let graph = Graph::new(&settled(&file));
    let layout = Layout::new(&graph);
    assert!(
        layout.width < 1500 && layout.height < 1300,
        "{} {}",
        layout.width,
        layout.height
    );
    assert_eq!(
        layout.cards.len(),
        20,
        "a list in each network, and what is published"
    );
    let lines: Vec<&str> = layout
        .cards
        .iter()
        .flat_map(|c| &c.lines)
        .map(|l| l.text.as_str())
        .collect();
    for node in &graph.nodes {
        assert!(
            lines
                .iter()
                .any(|l| l.split('\u{a0}').next() == Some(&node.name)),
            "{}",
            node.name
        );
    }
}

/// If there are too many, the rest is counted.
#[test]
fn a_thousand_nodes_on_one_network() {
    let mut file = String::from("name: many\nnetworks: { lan: { subnet: 10.0.0.0/16 } }\nnodes:\n");
    for node in 0..1000 {
        file.push_str(&format!("  n{node}: {{ networks: [lan] }}\n"));
    }
    let layout = Layout::new(&Graph::new(&settled(&file)));
    let last = layout.cards.last().unwrap();
    assert_eq!(last.lines.last().unwrap().text, "and 881 more: n119 … n999");
    assert!(layout.height < 1300, "{}", layout.height);
}

/// Policies whose endpoints do not fit on a page beside the others have no arrow, and the picture says so; the
/// others keep theirs.
#[test]
fn more_endpoints_of_policies_than_fit() {
    let mut file = String::from("name: many\nnetworks:\n");
    for n in 0..20 {
        file.push_str(&format!("  net{n}: {{ subnet: 10.0.{n}.0/24 }}\n"));
    }
    file.push_str("nodes: { a: { networks: [net0] } }\npolicies:\n");
    for n in 1..20 {
        let from = n - 1;
        file.push_str(&format!(
            "  - {{ from: net{from}, to: net{n}, ports: [80/tcp] }}\n"
        ));
    }
    file.push_str("  - { from: net3, to: net1 }\n");
    let layout = Layout::new(&Graph::new(&settled(&file)));
    assert!(layout.arrows.len() > 8, "{}", layout.arrows.len());
    assert!(
        layout
            .columns
            .iter()
            .all(|c| c.rect.right() <= layout.width)
    );
    let notes = layout.rows.iter().filter(|r| !r.note.text.is_empty());
    assert_eq!(notes.count() + layout.arrows.len(), 20);
    // One with endpoints that are there already has its arrow.
    assert!(layout.arrows.iter().any(|a| a.policy == 19));
}
