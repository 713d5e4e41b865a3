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

/// What is said of addresses of a network whose subnet could not be read follows from that.
#[test]
fn addresses_below_a_wrong_subnet_are_no_problem() {
    for (subnet, gateway) in [
        ("10.1.0.5/24", ""),
        ("10.1.0.0/33", ""),
        ("10.1.0.0/31", ""),
        ("ten", ""),
        ("[10.1.0.5/24, 'fd00::1/64']", "gateway: 10.1.0.1, "),
        ("['fd00::/64', 10.1.0.5/24]", "gateway: 10.1.0.1, "),
    ] {
        let text = format!(
            "networks: {{ a: {{ {gateway}subnet: {subnet} }} }}\n\
             nodes: {{ w: {{ networks: {{ a: {{ address: 10.1.0.10 }} }} }} }}\n"
        );
        let found = parse("f.yaml", &text).unwrap_err();
        let keys = found.problems.iter().map(|p| p.place.key.as_str());
        let keys: Vec<_> = keys.collect();
        assert!(
            keys.iter().all(|k| k.starts_with("networks.a.subnet")),
            "{text}: {keys:?}"
        );
    }
    let text = "networks: { a: { subnet: 10.1.0.5/24 }, b: { subnet: 10.2.0.0/24 } }\n\
                nodes: { w: { networks: { b: { address: 10.1.0.10 } } } }\n";
    assert_eq!(parse("f.yaml", text).unwrap_err().problems.len(), 2);
}

/// What follows from a name or a command that could not be read is not said.
#[test]
fn what_follows_from_a_name_or_a_command_is_no_problem() {
    for (text, key) in [
        (
            "nodes: { w: {}, 'x y': {} }\npolicies: [ { from: w, to: 'x y' } ]\n",
            "nodes.",
        ),
        (
            "nodes: { x: { depends_on: [y] , command: sleep 9 }, y: { command: [1, {}], ready: 80/tcp } }\n",
            "nodes.y.command",
        ),
    ] {
        let found = parse("f.yaml", text).unwrap_err();
        assert_eq!(found.problems.len(), 1, "{text}: {found:?}");
        assert!(found.problems[0].place.key.starts_with(key), "{found:?}");
    }
}

/// Policies are counted from 1.
#[test]
fn policies_have_numbers() {
    let text = "nodes: { a: {}, b: {} }\npolicies: [ { from: a, to: b, action: block }, 7 ]\n";
    let found = parse("f.yaml", text).unwrap_err();
    let all: Vec<String> = found.problems.iter().map(Diagnostic::message).collect();
    assert!(all[0].starts_with("action of policy 1 must be"), "{all:?}");
    assert!(all[1].starts_with("policy 2 must be"), "{all:?}");
}

/// Both can be true: by another cable, another IP version, another owner of the address.
#[test]
fn expectations_about_other_ways_are_no_contradiction() {
    for text in [
        "networks: { a: { subnet: 10.1.0.0/24 }, b: { subnet: 10.2.0.0/24 } }
nodes: { x: { networks: [a] }, r: { networks: { b: { address: 10.2.0.9 } } } }
links: [ { endpoints: { x: 10.5.0.1/30, r: 10.5.0.2/30 } } ]
expect: [ { from: x, to: r }, { from: x, to: 10.2.0.9, reachable: false } ]\n",
        "networks: { a: { subnet: 10.1.0.0/24 }, b: { subnet: [10.2.0.0/24, \"fd02::/64\"] } }
nodes: { x: { networks: [a] }, y: { networks: { b: { address: [10.2.0.9, \"fd02::9\"] } } } }
expect: [ { from: x, to: y }, { from: x, to: \"fd02::9\", reachable: false } ]\n",
        "networks: { a: { subnet: 10.1.0.0/24, mode: lan }, b: { subnet: 10.1.0.0/24, mode: lan }, c: {} }
nodes:
  x: { networks: [b] }
  y: { networks: { a: { address: 10.1.0.9 } } }
  z: { networks: { b: { address: 10.1.0.9 }, c: {} } }
expect: [ { from: x, to: y, reachable: false }, { from: x, to: 10.1.0.9 } ]\n",
    ] {
        assert!(parse("f.yaml", text).is_ok(), "{text}\n{:?}", parse("f.yaml", text));
    }
}

/// A network stands for its members, an address for the node that has it.
#[test]
fn expectations_about_one_pair_contradict_each_other() {
    let base = "networks: { a: { subnet: [10.1.0.0/24, \"fd01::/64\"] }, b: { subnet: 10.2.0.0/24 }, w: { subnet: 203.0.113.0/24, outside: true } }\n\
                nodes: { x: { networks: [a] }, y: { networks: { a: { address: [10.1.0.9, \"fd01::9\"] } } }, z: { networks: [a, b] }, v: { networks: [w] } }\n";
    let contradicts = |one: &str, other: &str| {
        let text = format!(
            "{base}expect:\n  - {{ {one}, port: 80/tcp }}\n  - {{ {other}, port: 80/tcp, reachable: false }}\n"
        );
        let problems = parse("f.yaml", &text).map_or_else(|e| e.problems, |_| Vec::new());
        assert!(problems.iter().all(|p| p.place.line == 5), "{problems:?}");
        !problems.is_empty()
    };
    for (one, other) in [
        ("from: x, to: y", "from: x, to: y"),
        ("from: x, to: a", "from: x, to: y"),
        ("from: x, to: y", "from: x, to: a"),
        ("from: a, to: y", "from: x, to: y"),
        ("from: a, to: a", "from: x, to: y"),
        ("from: host, to: a", "from: host, to: y"),
        ("from: x, to: y", "from: x, to: 10.1.0.9"),
        ("from: x, to: a", "from: x, to: 10.1.0.9"),
        ("from: a, to: outside", "from: x, to: outside"),
        // A node of several networks is asked as the same node.
        ("from: x, to: a", "from: x, to: z"),
        ("from: a, to: b", "from: x, to: z"),
        ("from: any, to: y", "from: z, to: y"),
        ("from: x, to: any", "from: a, to: b"),
        ("from: any, to: any", "from: y, to: x"),
        ("from: 10.0.0.0/8, to: y", "from: x, to: y"),
        ("from: x, to: 10.1.0.8/30", "from: a, to: y"),
        ("from: host, to: any", "from: host, to: z"),
        ("from: any, to: outside", "from: z, to: outside"),
        // A node reaches the host at its address on the node's first network.
        ("from: x, to: host", "from: x, to: 10.1.0.1"),
        ("from: a, to: \"fd01::1\"", "from: y, to: host"),
        ("from: any, to: host", "from: a, to: 10.1.0.1"),
        ("from: outside, to: a", "from: outside, to: z"),
    ] {
        assert!(contradicts(one, other), "{one}; {other}");
    }
    for (one, other) in [
        ("from: x, to: y", "from: y, to: x"),
        ("from: a, to: a", "from: x, to: x"), // a network with itself: other members
        ("from: x, to: b", "from: x, to: y"),
        ("from: host, to: a", "from: outside, to: y"),
        ("from: x, to: y", "from: x, to: 10.1.0.8"),
        ("from: z, to: host", "from: z, to: 10.2.0.1"), // not its first network
        ("from: outside, to: host", "from: outside, to: 10.1.0.1"),
        ("from: host, to: y", "from: any, to: y"),
        ("from: x, to: 10.1.0.64/26", "from: x, to: y"),
        ("from: x, to: z", "from: x, to: 10.2.0.9"),
        ("from: v, to: outside", "from: any, to: outside"), // v is outside itself
        ("from: x, to: 10.1.0.9", "from: x, to: \"fd01::9\""), // each may be different
    ] {
        assert!(!contradicts(one, other), "{one}; {other}");
    }
}

/// The help for the only problem of a text.
#[track_caller]
fn help(text: &str) -> String {
    let found = parse("f.yaml", text).unwrap_err().problems;
    let all: Vec<String> = found.iter().map(Diagnostic::message).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    found[0].help().unwrap()
}

#[test]
fn a_misspelt_key_is_the_only_problem_of_its_value() {
    let nodes = "nodes: { a: {}, b: {} }";
    for (text, said) in [
        (
            "expect: [{ from: a, to: b, prot: tcp }]",
            "did you mean port?",
        ),
        (
            "policies: [{ from: a, to: b, prots: [tpc/x] }]",
            "did you mean ports?",
        ),
    ] {
        assert!(
            help(&format!("{nodes}\n{text}\n")).starts_with(said),
            "{text}"
        );
    }
    assert!(
        help("servces: { a: { image: x } }\n")
            .starts_with("did you mean services? With that key this is a Compose file")
    );
}

#[test]
fn names_in_capitals_are_found() {
    let text = "nodes: { database: {}, b: {} }\npolicies: [{ from: b, to: DATABASE }]\n";
    assert_eq!(help(text), "did you mean database?");
}

#[test]
fn a_route_on_a_network_without_a_subnet_in_the_file() {
    let text = "nodes: { a: { networks: [n], routes: [{ to: 10.9.0.0/16, via: 10.0.0.5 }] } }\nnetworks: { n: {} }\n";
    assert_eq!(
        help(text),
        "the subnet of n is chosen when it is built: write the one that 10.0.0.5 is in, like subnet: 10.0.0.0/24"
    );
    let none = "nodes: { a: { routes: [{ to: 10.9.0.0/16, via: 10.0.0.5 }] } }\n";
    assert!(help(none).starts_with("put the node on a network"));
}

/// One name that several nodes have is written in one way; a node may have its own name in any.
#[test]
fn names_that_differ_only_in_case_are_one_name() {
    let file = |nodes: &str| {
        let text = format!("networks: {{ n: {{ subnet: 10.1.0.0/24 }} }}\nnodes:\n{nodes}");
        let said = parse("f.yaml", &text).err().map(|found| {
            let all = found.problems.iter().map(Diagnostic::message);
            all.collect::<Vec<_>>()
        });
        said.unwrap_or_default()
    };
    assert_eq!(
        file("  Web: { networks: [n] }\n  c: { networks: { n: { aliases: [web, WEB] } } }\n"),
        ["web of node c and Web of node Web differ only in case: names are looked up without case"]
    );
    for valid in [
        "  N: { networks: [n] }\n",
        "  db: { networks: { n: { aliases: [DB] } }, hostname: Db }\n",
        "  a: { networks: { n: { aliases: [web] } } }\n  b: { networks: { n: { aliases: [web] } } }\n",
    ] {
        assert_eq!(file(valid), [""; 0], "{valid}");
    }
}
