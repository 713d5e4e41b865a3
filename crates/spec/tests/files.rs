//! Valid and invalid files: the place of each problem, that nothing makes the parser panic, and
//! that a written file has the same meaning.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failing helper is a failing test

mod cases;

use cases::CASES;
use hallway_spec::{Code, Document, parse, parse_bytes};
use hallway_testkit::projects::without_places;
use proptest::prelude::*;

/// The problems of a text: code, and the text at its place.
fn problems(text: &str) -> Vec<(Code, String)> {
    match parse("test.yaml", text) {
        Ok(_) => Vec::new(),
        Err(all) => all
            .problems
            .iter()
            .map(|p| {
                let place = &p.place;
                let pointed = text.get(place.offset..place.offset + place.length);
                (p.kind.code(), pointed.unwrap_or_default().to_owned())
            })
            .collect(),
    }
}

const NETS: &str =
    "networks: { n: { subnet: 10.1.0.0/24 }, i: { subnet: 10.2.0.0/24, internal: true } }\n";

/// Codes that only files of other formats have; tests of the translation cover them.
const OF_OTHER_FORMATS: [Code; 7] = [
    Code::BadInterpolation,
    Code::MissingVariable,
    Code::FileUnreadable,
    Code::ImportCycle,
    Code::InactiveProfile,
    Code::ExternalNetwork,
    Code::NotSupported,
];

#[test]
fn every_problem_points_at_what_is_wrong() {
    let mut wrong = Vec::new();
    for (code, pointed, text) in CASES {
        let text = text.replacen("NETS ", NETS, 1);
        let found = problems(&text);
        let right = |(c, p): &(Code, String)| c == code && (p == pointed || pointed.is_empty());
        if !found.iter().any(right) {
            wrong.push(format!("{code:?} at {pointed:?} in:\n{text}{found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for code in Code::all().iter().filter(|c| !OF_OTHER_FORMATS.contains(c)) {
        assert!(CASES.iter().any(|(c, ..)| c == code), "no file has {code}");
    }
}

#[test]
fn all_at_once_and_none_twice() {
    let found = problems(
        "networks: { n: { subnet: 10.1.0.0/24, mode: bridged }, m: { subnet: 10.1.0.0/25 } }
nodes: { a: { networks: [o], prots: [] }, b: { ports: [\"x\"] } }
policies: [{ from: a, to: nobody }]
",
    );
    let codes: Vec<Code> = found.iter().map(|(c, _)| *c).collect();
    for code in [
        Code::BadValue,
        Code::SubnetOverlap,
        Code::UnknownName,
        Code::UnknownKey,
    ] {
        assert!(codes.contains(&code), "{code:?} in {found:?}");
    }
    assert_eq!(
        found.iter().filter(|(_, p)| p == "o").count(),
        1,
        "{found:?}"
    );
}

#[test]
fn aliases_cannot_blow_it_up() {
    let mut text = String::from("x-a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (from, to) in ('a'..'j').zip('b'..'k') {
        text.push_str(&format!(
            "x-{to}: &{to} [{}]\n",
            vec![format!("*{from}"); 9].join(", ")
        ));
    }
    text.push_str("nodes: { a: { command: *j } }\n");
    // 9^10 values if they were written out.
    assert!(!problems(&text).is_empty());
    let deep = format!("nodes: {}", "[".repeat(100_000));
    assert!(!problems(&deep).is_empty());
}

#[test]
fn bytes_that_are_no_text() {
    for bytes in [
        &[0xff, 0xfe, b'a'][..],
        b"",
        b"\0",
        b"\xef\xbb\xbf",
        b"--- a\n--- b\n",
    ] {
        assert!(parse_bytes("x.yaml", bytes).is_err());
    }
    assert!(
        parse_bytes("x.yaml", b"\xef\xbb\xbfnodes: { a: {} }\n").is_ok(),
        "a byte order mark"
    );
    assert!(
        parse_bytes("x.yaml", b"nodes:\r\n  a: {}\r\n").is_ok(),
        "lines of Windows"
    );
}

/// Texts similar to files.
fn texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "networks",
            "nodes",
            "links",
            "policies",
            "expect",
            "subnet",
            "address",
            "ports",
            "from",
            "to",
            "10.0.0.0/24",
            "10.0.0.0/0",
            "fd00::/8",
            "8080:80",
            "1-65535:1-65535",
            "any",
            "host",
            "null",
            "true",
            "1e999",
            "0x10",
            "*a",
            "&a",
            "!!binary",
            "<<",
            "---",
            "...",
            "|",
            ">-",
            "eth0",
            "x-y",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9./:-]{0,12}",
        any::<char>().prop_map(String::from),
    ];
    let gap = prop::sample::select(vec![
        ": ", ", ", "\n", "\n  ", "\n    - ", " {", "}", " [", "]", " ", "\t",
    ]);
    prop::collection::vec((word, gap), 0..40)
        .prop_map(|parts| parts.into_iter().map(|(w, g)| format!("{w}{g}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_it_panic(text in texts()) {
        if let Err(all) = parse("x.yaml", &text) {
            for problem in &all.problems {
                // The text at the place can be underlined.
                let place = &problem.place;
                prop_assert!(all.text.get(place.offset..place.offset + place.length).is_some(), "{place:?}");
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(parse_bytes("x.yaml", &bytes));
    }
}

/// A written file has the same meaning when it is read.
#[test]
fn documents_survive_being_written() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let written = Document::read(&text).unwrap().to_yaml();
        let name = path.to_str().unwrap();
        let (first, second) = (parse(name, &text).unwrap(), parse(name, &written).unwrap());
        assert_eq!(
            without_places(&first.topology),
            without_places(&second.topology),
            "{written}"
        );
        assert_eq!(Document::read(&written).unwrap().to_yaml(), written);
    }
}

proptest! {
    /// Examples with lines removed, cut off or repeated: whatever parses can be edited and written.
    #[test]
    fn what_parses_can_be_written(which in 0..9usize, lines in prop::collection::vec((0..40usize, 0..60usize, 0..3u8), 0..6)) {
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
        let mut paths: Vec<_> = std::fs::read_dir(examples).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        let whole = std::fs::read_to_string(&paths[which]).unwrap();
        let mut text: Vec<String> = whole.lines().map(str::to_owned).collect();
        for (line, at, what) in lines {
            let Some(old) = text.get(line).cloned() else { continue };
            match what {
                0 => drop(text.remove(line)),
                1 => text[line] = old.chars().take(at).collect(),
                _ => text.insert(line, old),
            }
        }
        let text = text.join("\n");
        if let Ok(project) = parse("x.yaml", &text) {
            let written = Document::read(&text).expect("it parses").to_yaml();
            let again = parse("x.yaml", &written);
            prop_assert!(again.is_ok(), "{text}\nwritten as\n{written}");
            prop_assert_eq!(without_places(&project.topology), without_places(&again.unwrap().topology));
        }
    }
}

/// A policy of many pairs is described by its first pairs, not by megabytes.
#[test]
fn words_of_long_policies_are_short() {
    let list: Vec<String> = (0..100).map(|i| format!("10.{i}.0.0/16")).collect();
    let list = list.join(", ");
    let text = format!(
        "networks: {{ n: {{ subnet: 172.16.0.0/24 }} }}\nnodes: {{ a: {{ networks: [n] }} }}\npolicies:\n  - {{ from: [{list}], to: [{list}] }}\n  - {{ from: a, to: host, ports: [1, 3, 5, 7, 9, 11, 13, 15, 17, 19] }}\n"
    );
    let policies = parse("x.yaml", &text).unwrap().topology.policies;
    let words = policies[0].to_string();
    assert!(words.len() < 500, "{} bytes", words.len());
    assert!(
        words.starts_with("allow 10.0.0.0/16 → 10.0.0.0/16, "),
        "{words}"
    );
    assert!(words.contains(" more"), "{words}");
    let ports = policies[1].to_string();
    assert!(ports.ends_with(", 13/tcp, 15/tcp and 2 more"), "{ports}");
}

/// A name means the same as the number; nodes without the name are not an obstacle.
#[test]
fn names_of_ports_mean_their_numbers() {
    let file = |web: &str, dns: &str, media: &str, on_host: &str| {
        let nodes = "
  a: { networks: [n], ports: [\"web=8080:80\", \"web=[::1]:8081:80\", { target: 53, protocol: udp, name: dns }] }
  b: { networks: [n], port_names: { web: 80/tcp, media: 7000-7010/udp } }
  c: { networks: [n, i] }
  s: { namespace: \"node:b\", command: x }
";
        let net = NETS.replace("10.1.0.0/24", "[10.1.0.0/24, fd01::/64]");
        format!(
            "{net}nodes:{nodes}policies:
  - {{ from: i, to: n, ports: [{web}] }}
  - {{ from: i, to: [s, i], ports: [{media}, 9/tcp] }}
  - {{ between: [a, b], ports: [{web}, {dns}, {media}] }}
  - {{ from: i, to: any, ports: {dns} }}
expect:
  - {{ from: c, to: s, port: {web} }}
  - {{ from: c, to: a, port: {dns} }}
  - {{ from: c, to: host, port: {on_host} }}
"
        )
    };
    let meaning = |text: &str| without_places(&parse("f.yaml", text).unwrap().topology);
    let named = file("web", "dns", "media", "dns");
    let numbers = file("80/tcp", "53/udp", "7000-7010/udp", "53/udp");
    assert_eq!(meaning(&named), meaning(&numbers));
    let several = file("web", "dns", "media", "web");
    assert_eq!(
        problems(&several),
        [(Code::PortNameAmbiguous, "web".to_owned())]
    );
}

/// One mistake gives one message.
#[test]
fn a_port_that_cannot_be_read_is_no_unknown_name() {
    let text = format!(
        "{NETS}nodes: {{ a: {{ networks: [n], ports: [\"web=808O:80\"] }}, b: {{ networks: [n] }} }}
policies: [{{ from: b, to: a, ports: [web] }}, {{ from: b, to: [x, a], ports: [web] }}]
"
    );
    let found: Vec<Code> = problems(&text).into_iter().map(|(code, _)| code).collect();
    assert_eq!(found, [Code::BadValue, Code::UnknownName]);
}

/// A node can be added without the nodes that nothing names, except those with names of ports.
#[test]
fn nodes_with_names_of_ports_are_needed_by_policies() {
    let text = format!(
        "{NETS}nodes: {{ a: {{ networks: [n], port_names: {{ web: 80 }} }}, b: {{ networks: [i] }} }}
policies: [{{ from: i, to: n, ports: [web] }}]
"
    );
    let (rest, named) = hallway_spec::rest(&Document::read(&text).unwrap());
    assert_eq!(named.iter().collect::<Vec<_>>(), ["a"]);
    parse("rest.yaml", &rest.to_yaml()).unwrap();
}
