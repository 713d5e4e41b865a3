//! Random projects: no boxes, lines or names overlap, and every format is valid.

use hallway_spec::{Mode, Protocol};
use hallway_view::graph::drawing::{Layout, Rect};
use hallway_view::graph::{
    Arrow, Cable, End, Graph, Interface, Network, Node, Party, Policy, Port, Presence, dot,
    mermaid, svg, text,
};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z][a-z0-9-]{0,12}",
        1 => "[A-Zmw_][A-ZMW_.]{20,62}",
    ]
}

prop_compose! {
    fn network()(name in name(), six in any::<bool>(), internal in any::<bool>(),
                 kind in 0..5u8) -> Network {
        let mut subnets = vec!["172.200.100.0/24".to_owned()];
        let mut gateways = vec!["172.200.100.1".to_owned()];
        if six {
            subnets.push("fd00:1234:5678:9abc::/64".into());
            gateways.push("fd00:1234:5678:9abc::1".into());
        }
        let outside = kind == 0;
        Network {
            name, subnets, gateways, internal: internal && !outside, outside,
            nat: kind != 2 || internal,
            mode: match (kind, internal) {
                (3, true) => Mode::Lan,
                (4, true) => Mode::Macvlan,
                _ => Mode::Bridge,
            },
            bridge: (kind != 1).then(|| "br".into()), state: Presence::Present,
        }
    }
}

prop_compose! {
    fn node(networks: usize)(
        name in name(),
        on in proptest::collection::vec(any::<prop::sample::Index>(), 0..if networks == 0 { 1 } else { 4 }),
        ports in 0..4usize,
        command in proptest::option::of("[a-z ]{0,80}"),
    ) -> Node {
        let on = if on.len() > 1 && on[0].index(3) > 0 { &on[..1] } else { &on[..] };
        Node {
            name,
            interfaces: on.iter().enumerate().map(|(i, at)| Interface {
                name: format!("eth{i}"),
                addresses: vec!["172.200.100.200".into(), "fd00:1234:5678:9abc::beef".into()],
                network: Some(at.index(networks)),
                notes: if i == 0 { "delay 50ms loss 1%".into() } else { String::new() },
                state: Presence::Present,
                counters: None,
            }).collect(),
            ports: (0..ports).map(|p| Port { host: format!("{p}"), node: "80/tcp".into(), address: None, ports: (p as u16, p as u16), protocol: Protocol::Tcp }).collect(),
            commands: command.into_iter().collect(),
            router: false,
            joined: None,
            state: Presence::Missing,
            faults: Vec::new(),
        }
    }
}

/// The end of a cable, at a new interface of a node.
fn end(node: usize, nodes: &mut [Node]) -> End {
    let interface = format!("eth{}", nodes[node].interfaces.len());
    nodes[node].interfaces.push(Interface {
        name: interface.clone(),
        addresses: vec!["10.9.0.1".into()],
        network: None,
        notes: String::new(),
        state: Presence::Present,
        counters: None,
    });
    End {
        node,
        interface,
        addresses: vec!["10.9.0.1/30".into()],
        notes: String::new(),
    }
}

/// An end of an arrow.
fn party((at, any): (prop::sample::Index, u8), networks: usize, nodes: usize) -> Party {
    match any {
        0 => Party::Any,
        1 => Party::Host,
        2 => Party::Outside,
        3 => Party::Prefix("10.0.0.0/8".into()),
        n if n % 2 == 0 && nodes > 0 => Party::Node(at.index(nodes)),
        _ if networks > 0 => Party::Network(at.index(networks)),
        _ => Party::Any,
    }
}

fn graph() -> impl Strategy<Value = Graph> {
    let networks = proptest::collection::vec(network(), 0..9);
    networks
        .prop_flat_map(|networks| {
            let nodes = proptest::collection::vec(node(networks.len()), 0..40);
            let ends = any::<(prop::sample::Index, prop::sample::Index)>();
            let cables = proptest::collection::vec(ends, 0..16);
            let arrow = (
                any::<prop::sample::Index>(),
                any::<prop::sample::Index>(),
                0..12u8,
                0..12u8,
                any::<bool>(),
            );
            let arrows = proptest::collection::vec(arrow, 0..6);
            let policies = proptest::collection::vec(("[a-z →]{1,120}", arrows), 0..14);
            (Just(networks), nodes, cables, policies)
        })
        .prop_map(|(networks, mut nodes, cables, policies)| {
            let mut made = Vec::new();
            for (a, b) in cables {
                let (a, b) = match nodes.len() {
                    0 | 1 => continue,
                    n => (a.index(n), b.index(n)),
                };
                if a == b {
                    continue;
                }
                made.push(Cable {
                    a: end(a, &mut nodes),
                    b: end(b, &mut nodes),
                });
            }
            let arrow = |(from, to, a, b, both)| Arrow {
                from: party((from, a), networks.len(), nodes.len()),
                to: party((to, b), networks.len(), nodes.len()),
                both,
            };
            let policies: Vec<Policy> = policies
                .into_iter()
                .map(|(words, arrows)| Policy {
                    allow: words.len() % 2 == 0,
                    services: words.clone(),
                    arrows: arrows.into_iter().map(arrow).collect(),
                    words,
                })
                .collect();
            Graph {
                project: "random".into(),
                networks,
                nodes,
                cables: made,
                policies,
            }
        })
}

/// A line without its ends, as a box without thickness.
fn inner([(x1, y1), (x2, y2)]: [(i32, i32); 2]) -> Rect {
    let (x, y) = (x1.min(x2), y1.min(y2));
    Rect {
        x,
        y,
        width: (x2 - x1).abs(),
        height: (y2 - y1).abs(),
    }
}

fn crosses(line: Rect, card: Rect) -> bool {
    line.x < card.right()
        && card.x < line.right().max(line.x + 1)
        && line.y < card.bottom()
        && card.y < line.bottom().max(line.y + 1)
        && !(line.width == 0 && (line.x <= card.x || line.x >= card.right()))
        && !(line.height == 0 && (line.y <= card.y || line.y >= card.bottom()))
}

/// Two lines on each other, so that they look like one.
fn merge(a: Rect, b: Rect) -> bool {
    (a.width == 0 && b.width == 0 && a.x == b.x && a.y < b.bottom() && b.y < a.bottom())
        || (a.height == 0 && b.height == 0 && a.y == b.y && a.x < b.right() && b.x < a.right())
}

proptest! {
    #[test]
    fn nothing_stands_on_anything_else(graph in graph()) {
        let layout = Layout::new(&graph);
        let sheet = Rect { x: 0, y: 0, width: layout.width, height: layout.height };
        prop_assert!(sheet.contains(&layout.host));
        let mut shown: Vec<usize> = layout.cards.iter().flat_map(|c| c.nodes.clone()).collect();
        shown.sort_unstable();
        prop_assert_eq!(shown, (0..graph.nodes.len()).collect::<Vec<_>>(), "each node once");
        prop_assert_eq!(layout.groups.len(), graph.networks.len());
        if let Some(outside) = layout.outside {
            prop_assert!(sheet.contains(&outside) && !outside.overlaps(&layout.host));
        }
        if let Some(table) = layout.table {
            prop_assert!(sheet.contains(&table) && !table.overlaps(&layout.host));
        }
        for (position, card) in layout.cards.iter().enumerate() {
            for other in &layout.cards[position + 1..] {
                prop_assert!(!card.rect.overlaps(&other.rect), "{card:?} {other:?}");
            }
            let within = layout.groups.iter().filter(|g| g.rect.overlaps(&card.rect));
            let within: Vec<_> = within.collect();
            match within.as_slice() {
                [] => prop_assert!(layout.host.contains(&card.rect)),
                [group] => {
                    prop_assert!(group.rect.contains(&card.rect));
                    prop_assert!(card.rect.y >= group.rect.y + group.heading);
                }
                _ => prop_assert!(false, "in two networks"),
            }
            let mut high = 0;
            for line in &card.lines {
                high += if line.text.is_empty() { 0 } else { 16 };
            }
            prop_assert!(high <= card.rect.height);
        }
        for (position, group) in layout.groups.iter().enumerate() {
            for other in &layout.groups[position + 1..] {
                prop_assert!(!group.rect.overlaps(&other.rect));
            }
            let home = if graph.networks[group.network].outside {
                layout.outside.unwrap()
            } else {
                layout.host
            };
            prop_assert!(home.contains(&group.rect), "{:?} in {home:?}", group.rect);
        }
    }

    #[test]
    fn lines_run_between_boxes_and_apart(graph in graph()) {
        let layout = Layout::new(&graph);
        let boxes: Vec<Rect> = layout.cards.iter().map(|c| c.rect)
            .chain(layout.groups.iter().map(|g| g.rect))
            .chain(layout.world)
            .collect();
        let tabs: Vec<Rect> = layout.wires.iter().flat_map(|w| &w.tabs).map(|t| t.rect).collect();
        prop_assert_eq!(tabs.len(), 2 * graph.cables.len());
        for (position, tab) in tabs.iter().enumerate() {
            prop_assert!(layout.host.contains(tab), "{tab:?}");
            for other in boxes.iter().chain(&tabs[position + 1..]) {
                prop_assert!(!tab.overlaps(other), "{tab:?} {other:?}");
            }
        }
        for (position, wire) in layout.wires.iter().enumerate() {
            for piece in &wire.pieces {
                let line = inner(*piece);
                for rect in &boxes {
                    prop_assert!(!crosses(line, *rect), "{wire:?} {rect:?}");
                }
                for other in &layout.wires[position + 1..] {
                    for theirs in &other.pieces {
                        prop_assert!(!merge(line, inner(*theirs)), "{wire:?} {other:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn policies_stand_within_the_page(graph in graph()) {
        let layout = Layout::new(&graph);
        let Some(table) = layout.table else {
            prop_assert!(graph.policies.is_empty());
            return Ok(());
        };
        for (position, column) in layout.columns.iter().enumerate() {
            prop_assert!(table.contains(&column.rect) && column.foot <= table.bottom());
            let heading = Rect { width: 290, height: 36, ..table };
            prop_assert!(!column.rect.overlaps(&heading));
            for other in &layout.columns[position + 1..] {
                prop_assert!(!column.rect.overlaps(&other.rect));
            }
        }
        let middle = |party: &Party| {
            let column = layout.columns.iter().find(|c| c.party == *party).unwrap();
            column.rect.x + column.rect.width / 2
        };
        for arrow in &layout.arrows {
            let (x, y) = arrow.from;
            prop_assert!(y > table.y && y < table.bottom() && x > table.x);
            let of = &graph.policies[arrow.policy].arrows;
            prop_assert!(of.iter().any(|a| (middle(&a.from), middle(&a.to)) == (x, arrow.to)));
        }
        for position in 0..graph.policies.len() {
            let words = layout.rows.iter().filter(|r| r.policy == position && !r.text.is_empty());
            prop_assert_eq!(words.count(), 1);
        }
        for row in &layout.rows {
            prop_assert!(row.at.1 > table.y && row.at.1 < table.bottom());
        }
    }

    #[test]
    fn every_format_takes_every_project(graph in graph()) {
        prop_assert!(svg(&graph).ends_with("</svg>\n"));
        let end = dot(&graph).ends_with("}\n");
        prop_assert!(end);
        prop_assert!(mermaid(&graph).contains("flowchart"));
        let lines = text(&graph, 80);
        prop_assert!(lines.lines().all(|l| l.chars().count() <= 80 || !l.starts_with(['├', '└', '│'])));
    }
}
