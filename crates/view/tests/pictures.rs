//! Pictures: nothing stands on anything else, and names cannot break out of any format.
#![allow(clippy::unwrap_used)]

use hallway_plan::observed::{Counters, Live};
use hallway_plan::{Observed, Settled, Surroundings, settle};
use hallway_view::graph::drawing::{Layout, Rect};
use hallway_view::graph::{
    Cable, End, Graph, Interface, Network, Node, Policy, Port, State, dot, mermaid, svg, text,
};
use proptest::prelude::*;

fn settled(text: &str) -> Settled {
    let topology = hallway_spec::parse("t.yaml", text).unwrap().topology;
    let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
    settle(&topology, None, &around).unwrap()
}

const SHOP: &str = "name: shop
networks:
  apps: { subnet: 10.0.0.0/24 }
  store: { subnet: 10.1.0.0/24, internal: true }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  web: { networks: [apps], ports: ['8080:80'], command: hallway serve 80 }
  api: { networks: [apps, store] }
  db: { networks: [store] }
  visitor: { networks: [world] }
links: [{ endpoints: { api: 10.9.0.1/30, box: 10.9.0.2/30 } }]
policies: [{ from: web, to: db, ports: [5432/tcp] }, { action: deny, between: [web, api] }]
";

#[test]
fn a_tree() {
    let graph = Graph::new(&settled(SHOP));
    assert_eq!(
        text(&graph, 100),
        "shop
├─ outside
│  ├─ in   8080 → web 80/tcp
│  ├─ out  apps, masqueraded
│  └─ world  203.0.113.0/24  br-world
│     └─ visitor  203.0.113.2
├─ host
│  ├─ apps  10.0.0.0/24  br-apps
│  │  ├─ web  10.0.0.2  8080 → 80/tcp  hallway serve 80
│  │  └─ api  10.0.0.3  (also on store)
│  ├─ store  10.1.0.0/24  br-store  internal
│  │  ├─ api  10.1.0.2  (also on apps)
│  │  └─ db  10.1.0.3
│  └─ box  10.9.0.2
├─ cables
│  └─ api 10.9.0.1/30 ── box 10.9.0.2/30
└─ policies
   ├─ allow web → db 5432/tcp
   └─ deny  web ↔ api
"
    );
    let narrow = text(&graph, 30);
    assert!(narrow.lines().all(|l| l.chars().count() <= 30), "{narrow}");
}

#[test]
fn a_flowchart() {
    let chart = mermaid(&Graph::new(&settled(SHOP)));
    for line in [
        "  net2[[\"world<br/>203.0.113.0/24\"]]:::network",
        "    net1[[\"store<br/>10.1.0.0/24<br/>internal\"]]:::network",
        "    node0[\"web\"]:::member",
        "  net0 ---|\"10.0.0.3\"| node1",
        "  net1 ---|\"10.1.0.2\"| node1",
        "  outside -->|\"8080 → 80/tcp\"| node0",
        "  node1 ===|\"10.9.0.1/30 — 10.9.0.2/30\"| node4",
        "  policies>\"allow web → db 5432/tcp<br/>deny web ↔ api\"]",
    ] {
        assert!(chart.lines().any(|l| l == line), "{line}:\n{chart}");
    }
}

#[test]
fn what_is_missing_is_marked() {
    let settled = settled(SHOP);
    let mut live = Live {
        links: vec!["br-apps".into(), "br-world".into()],
        ..Live::default()
    };
    let counters = Counters {
        received: 1500,
        sent: 12,
    };
    let eth0 = [("eth0".to_owned(), counters)];
    live.nodes
        .insert("web".parse().unwrap(), eth0.into_iter().collect());
    let graph = Graph::new(&settled).with(&settled, &live);
    let tree = text(&graph, 100);
    for words in [
        "✓ apps",
        "✗ missing: store",
        "✗ missing: db",
        "✗ web",
        "↓ 1.5 kB ↑ 12 B",
    ] {
        assert!(tree.contains(words), "{words}:\n{tree}");
    }
    assert!(graph.missing() > 4);
    let drawing = svg(&graph);
    assert!(drawing.contains("bridge missing"));
    assert!(drawing.contains("class=\"card missing\""));
}

/// Names cannot be like this, but programs and a later file format could.
#[test]
fn no_text_breaks_out() {
    let nasty = "a\"b<c>&d'`\\e#]\u{1b}\n--x;</text>";
    let mut graph = Graph::new(&settled(SHOP));
    graph.project = nasty.into();
    for node in &mut graph.nodes {
        node.name = nasty.into();
        node.command = Some(nasty.into());
    }
    graph.policies[0].words = nasty.into();
    let drawing = svg(&graph);
    assert!(!drawing.contains("<c>") && !drawing.contains("&d"));
    assert!(!drawing.contains('\u{1b}'));
    assert_eq!(
        drawing.matches("<text").count(),
        drawing.matches("</text>").count()
    );
    let chart = mermaid(&graph);
    assert!(chart.contains("a#quot;b#lt;c#gt;#amp;d'#96;#92;e#35;] "));
    assert!(dot(&graph).contains("\"a\\\"b<c>&d'`\\\\e#]"));
}

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
            nat: kind != 2 || internal, lan: kind == 3 && internal,
            bridge: (kind != 1).then(|| "br".into()), state: State::Present,
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
                state: State::Present,
                counters: None,
            }).collect(),
            ports: (0..ports).map(|p| Port { host: format!("{p}"), node: "80/tcp".into() }).collect(),
            command,
            router: false,
            state: State::Missing,
        }
    }
}

fn graph() -> impl Strategy<Value = Graph> {
    let networks = proptest::collection::vec(network(), 0..9);
    networks
        .prop_flat_map(|networks| {
            let nodes = proptest::collection::vec(node(networks.len()), 0..40);
            let ends = any::<(prop::sample::Index, prop::sample::Index)>();
            let cables = proptest::collection::vec(ends, 0..12);
            let policies = proptest::collection::vec("[a-z →]{1,120}", 0..14);
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
                let end = |node: usize, nodes: &mut Vec<Node>| {
                    let interface = format!("eth{}", nodes[node].interfaces.len());
                    nodes[node].interfaces.push(Interface {
                        name: interface.clone(),
                        addresses: vec!["10.9.0.1".into()],
                        network: None,
                        state: State::Present,
                        counters: None,
                    });
                    End {
                        node,
                        interface,
                        addresses: vec!["10.9.0.1/30".into()],
                    }
                };
                made.push(Cable {
                    a: end(a, &mut nodes),
                    b: end(b, &mut nodes),
                });
            }
            let policies = policies
                .into_iter()
                .map(|words| Policy { allow: true, words });
            Graph {
                project: "random".into(),
                networks,
                nodes,
                cables: made,
                policies: policies.collect(),
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

/// Two lines that lie in each other, so that they look like one.
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
        prop_assert_eq!(layout.cards.len(), graph.nodes.len());
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
    fn every_format_takes_every_project(graph in graph()) {
        prop_assert!(svg(&graph).ends_with("</svg>\n"));
        let end = dot(&graph).ends_with("}\n");
        prop_assert!(end);
        prop_assert!(mermaid(&graph).contains("flowchart"));
        let lines = text(&graph, 80);
        prop_assert!(lines.lines().all(|l| l.chars().count() <= 80 || !l.starts_with(['├', '└', '│'])));
    }
}
