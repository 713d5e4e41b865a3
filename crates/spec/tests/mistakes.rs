//! One mistake is one problem, in its place.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_spec::{Diagnostic, parse};

#[test]
fn a_port_of_many_nodes_is_one_problem() {
    let node = |i| {
        format!(
            "  n{i}: {{ networks: [n], ports: [\"8080:80\", \"10.0.0.1:99:{}\"] }}\n",
            i % 9 + 1
        )
    };
    let nodes = |count| (0..count).map(node).collect::<String>();
    let text = |count| {
        format!(
            "networks: {{ n: {{ subnet: 10.1.0.0/16 }} }}\nnodes:\n{}",
            nodes(count)
        )
    };
    let said = |text: &str| {
        let found = parse("f.yaml", text).unwrap_err();
        let all = found.problems.iter().map(Diagnostic::message);
        all.collect::<Vec<_>>()
    };
    let expected = |words: &str| {
        [8080, 99]
            .map(|port| format!("host port {port}/tcp of {words} is already published by node n0"))
    };
    let mut found = said(&text(3));
    found.sort();
    assert_eq!(found, expected("nodes n1, n2"));
    // The time does not grow with the square of their number.
    let many = said(&text(5000));
    let twice = many.iter().filter(|m| m.contains("already published"));
    assert_eq!(twice.count(), 2);
    let overlaps = "8000-8100:8000-8100";
    let file = format!(
        "networks: {{ n: {{ subnet: 10.1.0.0/24 }} }}\nnodes:\n  a: {{ networks: [n], ports: [\"{overlaps}\"] }}\n  b: {{ networks: [n], ports: [8050:1, \"10.0.0.1:8060:2\", \"10.0.0.2:8200:3\", \"10.0.0.1:8200:3\"] }}\n"
    );
    assert_eq!(
        said(&file),
        [8050, 8060].map(|p| format!("host port {p}/tcp of node b is already published by node a"))
    );
}

/// The parser's place is the end of the value before it.
#[test]
fn a_tab_is_shown_in_its_line() {
    for text in [
        "networks:\n  a:\n    subnet: 10.1.0.0/24\n\tb: {}\n",
        "nodes:\n  a: {}\n\n  # more\n\tb: {}\n",
        "nodes:\n\tb: {}\n",
    ] {
        let found = parse("f.yaml", text).unwrap_err();
        let place = &found.problems[0].place;
        let line = text.lines().position(|l| l.starts_with('\t')).unwrap() as u32 + 1;
        assert_eq!((place.line, place.column), (line, 2), "{text}: {found:?}");
    }
}

/// Two lans may have one subnet and the same addresses; a node may not be on both, and no network that the
/// host is on may have it.
#[test]
fn lans_with_one_subnet() {
    let lans =
        "networks: { a: { subnet: 10.1.0.0/24, mode: lan }, b: { subnet: 10.1.0.0/24, mode: lan }";
    let node = |name, of| format!("{name}: {{ networks: {{ {of}: {{ address: 10.1.0.9 }} }} }}");
    let said = |networks: &str, nodes: &[String]| {
        let nodes = nodes.join(", ");
        let text = format!("{networks} }}\nnodes: {{ {nodes} }}\n");
        let found = parse("f.yaml", &text).map_err(|p| p.problems);
        let found = found.err().unwrap_or_default();
        found.iter().map(Diagnostic::message).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(said(lans, &[node("x", "a"), node("y", "b")]), none);
    assert_eq!(
        said(lans, &[node("x", "a"), node("y", "a"), node("z", "b")]),
        ["address 10.1.0.9 of node y already belongs to node x"]
    );
    assert_eq!(
        said(lans, &["x: { networks: [a, b] }".to_owned()]),
        [
            "10.1.0.0/24 on lan b overlaps 10.1.0.0/24, which node x is already connected to by lan a"
        ]
    );
    let host = "networks: { a: { subnet: 10.1.0.0/24, mode: lan }, h: { subnet: 10.1.0.0/16 }";
    assert_eq!(
        said(host, &[]),
        ["subnet 10.1.0.0/16 of network h overlaps 10.1.0.0/24 of network a"]
    );
}
