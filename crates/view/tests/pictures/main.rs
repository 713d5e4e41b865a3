//! Pictures: nothing overlaps, and names cannot break the syntax of any format.
#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use hallway_plan::observed::{Counters, Live};
use hallway_plan::{Observed, Settled, Surroundings, settle};
use hallway_view::graph::{Arrow, Graph, Party, dot, mermaid, svg, text};

mod random;
mod shapes;

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
│  └─ box  eth0 10.9.0.2/30
├─ links
│  └─ api eth2 10.9.0.1/30 ── box eth0 10.9.0.2/30
└─ policies
   ├─ allow web → db 5432/tcp
   └─ deny  web ↔ api
"
    );
    let narrow = text(&graph, 30);
    assert!(narrow.lines().all(|l| l.chars().count() <= 30), "{narrow}");
}

/// The ways out of the project are told apart, and no name is lost where lines are short.
#[test]
fn ways_out_of_a_tree() {
    let mut file = "name: p\nnetworks:\n  pub: { nat: false }\n".to_owned();
    let names: Vec<String> = (0..9).map(|n| format!("department{n}")).collect();
    for name in &names {
        file += &format!("  {name}: {{}}\n");
    }
    file += "nodes: { a: { networks: [pub] } }\n";
    let tree = text(&Graph::new(&settled(&file)), 60);
    assert!(tree.lines().all(|l| l.chars().count() <= 60), "{tree}");
    let ways: Vec<&str> = tree.lines().filter(|l| l.contains(" out  ")).collect();
    assert!(ways.iter().all(|l| !l.contains('…')), "{tree}");
    assert!(
        tree.contains("out  pub, with their own addresses\n"),
        "{tree}"
    );
    for name in &names {
        let of = |l: &&&str| l.contains(name.as_str()) && l.ends_with("masqueraded");
        assert_eq!(ways.iter().filter(of).count(), 1, "{tree}");
    }
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
        "  node1 ===|\"eth2 10.9.0.1/30 — eth0 10.9.0.2/30\"| node4",
        "  node0 -->|\"allow 5432/tcp\"| node2",
        "  node0 x--x|\"deny\"| node1",
        "  linkStyle 9 stroke:#b5300b,color:#b5300b",
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
    let graph = Graph::new(&settled).with(&settled, &live, &[]);
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

/// Names cannot be like this now, but programs can, and names of a later file format.
#[test]
fn no_text_breaks_out() {
    let nasty = "a\"b<c>&d'`\\e#]\u{1b}\n--x;</text>";
    let mut graph = Graph::new(&settled(SHOP));
    graph.project = nasty.into();
    for node in &mut graph.nodes {
        node.name = nasty.into();
        node.commands = vec![nasty.into()];
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

#[test]
fn arrows_name_networks_and_nodes() {
    let graph = Graph::new(&settled(SHOP));
    let arrow = |from, to, both| Arrow { from, to, both };
    assert_eq!(
        graph.policies[0].arrows,
        [arrow(Party::Node(0), Party::Node(2), false)]
    );
    assert_eq!(graph.policies[0].services, "5432/tcp");
    assert_eq!(
        graph.policies[1].arrows,
        [arrow(Party::Node(0), Party::Node(1), true)]
    );
    let more = SHOP.replace(
        "policies: [",
        "policies: [{ from: apps, to: store }, { from: apps, to: 10.200.0.0/16 }, { from: any, to: outside }, ",
    );
    let graph = Graph::new(&settled(&more));
    let of = |n: usize| graph.policies[n].arrows.clone();
    assert_eq!(of(0), [arrow(Party::Network(0), Party::Network(1), false)]);
    let prefix = Party::Prefix("10.200.0.0/16".into());
    assert_eq!(of(1), [arrow(Party::Network(0), prefix, false)]);
    assert_eq!(of(2), [arrow(Party::Any, Party::Outside, false)]);
}

/// What is not of every project: a lan, programs in one namespace, ranges of ports.
#[test]
fn lans_programs_of_one_namespace_and_ranges() {
    let file = "name: odd
networks: { l: { mode: lan }, n: { subnet: 10.0.0.0/24 } }
nodes:
  web:
    networks: [n]
    command: sleep 100
    ports: ['8000:80', '8001:80', '8002-8003:80-81', '443:443/udp', '443:443', '127.0.0.1:444:443']
  side: { namespace: 'node:web', command: [\"sleep\\n10\", \"\\e[2J\"] }
  x: { networks: [l] }
";
    let graph = Graph::new(&settled(file));
    let tree = text(&graph, 200);
    assert!(tree.contains("─ l  br-l  lan, without the host"), "{tree}");
    assert!(tree.contains("sleep 100  side: sleep 10  [2J"), "{tree}");
    let chart = mermaid(&graph);
    assert!(
        chart.contains("[[\"l<br/>lan, without the host\"]]"),
        "{chart}"
    );
    assert!(chart.contains("  net0 --- node1\n"), "{chart}");
    assert!(dot(&graph).contains("label=\"l\\nlan, without the host\""));
    let picture = svg(&graph);
    let ports = "in, to published ports: 443, 8000-8003, 127.0.0.1:444, 443/udp";
    assert!(picture.contains(ports), "{picture}");
    assert!(picture.contains(">side: sleep 10"), "{picture}");
}

/// In a sandbox, a port without an address is on localhost alone, and 0.0.0.0 is not.
#[test]
fn an_address_of_a_published_port_is_shown() {
    let named = SHOP.replace("8080:80", "0.0.0.0:8080:80");
    let settled = settled(&named);
    let tree = hallway_view::tree::project(&settled, &[]);
    for drawn in [text(&Graph::new(&settled), 100), tree] {
        assert!(drawn.contains("0.0.0.0:8080 → 80/tcp"), "{drawn}");
    }
}
