//! Services without a node, and names of nodes that services have.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_import::{File, Imported, Options, Surroundings, import};

fn imported(text: &str) -> Imported {
    let file = File {
        path: "shop/compose.yaml".to_owned(),
        text: text.to_owned(),
    };
    import(&[file], &Options::default(), Surroundings::bare()).unwrap()
}

const OURS: &str = "x-hallway:
  policies:
    - { action: deny, from: c, to: a }
    - { action: deny, from: [c, b], to: a }
    - { action: deny, between: [a, c] }
    - { action: deny, from: h, to: a }
    - { action: deny, from: z, to: a }
  expect: [{ from: a, to: c, reachable: false }, { from: a, to: b, reachable: true }]
  links: [{ endpoints: { a: 10.1.0.1/24, c: 10.1.0.2/24 } }]
";

#[test]
fn parts_about_services_without_a_node_are_left_out() {
    let services = "services:
  a: { image: x }
  b: { image: x }
  c: { image: x, profiles: [q] }
  h: { image: x, network_mode: host }
  z: { image: x, scale: 0 }
";
    let imported = imported(&format!("{services}{OURS}"));
    let topology = &imported.project.topology;
    let found = (
        topology.policies.len(),
        topology.expects.len(),
        topology.links.len(),
    );
    assert_eq!(found, (1, 1, 0), "{}", imported.text);
    let notes = imported.notes.iter();
    let notes: Vec<&String> = notes.filter(|n| n.starts_with("x-hallway")).collect();
    assert_eq!(notes.len(), 1);
    let ends = ": c (of profile q; --profile q adds it), h (no node here), z (no node here)";
    assert!(notes[0].ends_with(ends), "{}", notes[0]);
}

#[test]
fn a_replica_has_a_name_that_no_service_has() {
    let imported = imported(
        "services:
  web: { image: x, scale: 2, ports: [\"8900-8901:80\"] }
  web-1: { image: y, ports: [\"8905:81\"] }
",
    );
    let nodes = &imported.project.topology.nodes;
    let names: Vec<&str> = nodes.iter().map(|n| n.name.as_ref()).collect();
    assert_eq!(names, ["web", "web-2", "web-1"]);
    let said = |n: &String| n.starts_with("web has 2 nodes, web and web-2");
    assert!(imported.notes.iter().any(said), "{:?}", imported.notes);
}
