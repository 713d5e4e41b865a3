//! Rulesets are loaded into the kernel, read back as values and compared with what was sent.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use hallway_kernel::Kernel;
use hallway_nftables::compare::What;
use hallway_nftables::{
    DataType, Element, Family, IpVersion, Ruleset, RulesetDifference, Set, Table, Transaction,
    Value, compare, print,
};
use hallway_plan::rules::ruleset;
use hallway_plan::{Surroundings, mark, settle};
use hallway_testkit::sh;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// Policies of every kind, ports of every kind, both versions.
const EVERYTHING: &str = r#"
networks:
  apps: { subnet: [10.9.0.0/24, "fd09::/64"] }
  store: { subnet: [10.8.0.0/24, "fd08::/64"], internal: true }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  web: { networks: [apps], ports: ["8080:80", "5000-5010:5000-5010/udp", "6000-6003:7000-7003"] }
  b: { networks: [apps], ports: ["127.0.0.2:8081:80", "[::1]:8081:80"] }
  db: { networks: [store] }
  visitor: { networks: [world] }
policies:
  - { from: apps, to: db, ports: [3306/tcp, 5000-5010/udp, icmp] }
  - { action: deny, between: [web, b] }
  - { from: apps, to: host, ports: [22/tcp] }
  - { action: deny, from: host, to: store }
  - { from: 10.8.0.0/25, to: web }
"#;

fn rules_of(name: &str, text: &str) -> Ruleset {
    let project = hallway_spec::parse(name, text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let settled = settle(&project.topology, None, &Surroundings::default()).unwrap();
    ruleset(&settled)
}

/// Rulesets of the examples and of the file above, by name.
fn all() -> Vec<(String, Ruleset)> {
    let mut out = vec![("everything".into(), rules_of("everything", EVERYTHING))];
    for example in std::fs::read_dir(EXAMPLES).unwrap() {
        let path = example.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path).unwrap();
            out.push((name.clone(), rules_of(&name, &text)));
        }
    }
    assert!(out.len() > 3);
    out
}

fn load(rules: &Ruleset) {
    let mut transaction = Transaction::new();
    rules.tables.iter().for_each(|t| transaction.replace(t));
    Kernel::new().commit(&transaction).unwrap();
}

fn found(rules: &Ruleset) -> Ruleset {
    let name = &rules.tables[0].name;
    Kernel::new().tables_named(name).unwrap()
}

#[track_caller]
fn assert_same(name: &str, wanted: &Ruleset) {
    let differences = compare(wanted, &found(wanted));
    let words: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert!(words.is_empty(), "{name}:\n{}", words.join("\n"));
}

fn what_is_loaded_reads_back_as_it_was_sent() {
    for (name, rules) in all() {
        load(&rules);
        assert_same(&name, &rules);
        // The values themselves are equal, too, with rules as they were written.
        for (sent, read) in rules.tables.iter().zip(found(&rules).tables) {
            let read = Table {
                sets: Vec::new(),
                ..read
            };
            let chains = sent.chains.iter().cloned();
            let canonical = chains.map(|mut chain| {
                chain.rules = chain.rules.iter().map(|r| r.canonical()).collect();
                chain
            });
            assert_eq!(read.chains, canonical.collect::<Vec<_>>(), "{name}");
        }
        let mut transaction = Transaction::new();
        for table in &rules.tables {
            transaction.delete_table(table.family, &table.name);
        }
        Kernel::new().commit(&transaction).unwrap();
        assert_eq!(found(&rules), Ruleset::default());
        assert_eq!(compare(&rules, &found(&rules)).len(), rules.tables.len());
    }
}

/// What nft loads from the printed text is the same for nft as what is sent. (As values some rules
/// differ: nft compares the first bytes of an address if a prefix ends at a byte.)
fn what_is_printed_loads_as_the_same() {
    for (name, rules) in all() {
        load(&rules);
        let sent = sh("nft -s list ruleset");
        sh("nft flush ruleset");
        std::fs::write("/run/rules", print::ruleset(&rules)).unwrap();
        sh("nft -f /run/rules");
        assert_eq!(sh("nft -s list ruleset"), sent, "{name}");
        sh("nft flush ruleset");
    }
}

fn whats(differences: Vec<RulesetDifference>) -> Vec<What> {
    differences.into_iter().map(|d| d.what).collect()
}

/// Removes each element, each rule and each chain in turn, and restores it.
fn one_thing_less_is_exactly_that_difference() {
    let whole = rules_of("everything", EVERYTHING);
    for (at, table) in whole.tables.iter().enumerate() {
        let check = |change: &dyn Fn(&mut Table), missing: What| {
            let mut less = whole.clone();
            change(&mut less.tables[at]);
            load(&less);
            assert_eq!(whats(compare(&whole, &found(&whole))), [missing]);
            load(&whole);
            let extra = whats(compare(&less, &found(&whole)));
            let [What::ExtraElement { .. } | What::ExtraRule { .. } | What::ExtraChain(_)] =
                extra.as_slice()
            else {
                panic!("{extra:?}")
            };
        };
        for (set, this) in table.sets.iter().enumerate() {
            // One of each set that has elements.
            let Some(element) = this.elements.first() else {
                continue;
            };
            let missing = What::MissingElement {
                set: this.name.clone(),
                element: element.canonical(),
            };
            let remove = |t: &mut Table| drop(t.sets[set].elements.remove(0));
            check(&remove, missing);
        }
        for (chain, this) in table.chains.iter().enumerate() {
            if this.base.is_some() {
                let remove = |t: &mut Table| drop(t.chains.remove(chain));
                check(&remove, What::MissingChain(this.name.clone()));
            }
            for position in [0, this.rules.len() / 2] {
                let Some(rule) = this.rules.get(position) else {
                    continue;
                };
                // Of equal rules in a row any may be the missing one.
                if this.rules.get(position + 1) == Some(rule) {
                    continue;
                }
                let missing = What::MissingRule {
                    chain: this.name.clone(),
                    position,
                    rule: rule.canonical(),
                };
                let remove = |t: &mut Table| drop(t.chains[chain].rules.remove(position));
                check(&remove, missing);
            }
        }
    }
}

/// Changes made with nft are reported correctly.
fn changes_by_hand_are_reported() {
    let rules = rules_of("everything", EVERYTHING);
    load(&rules);
    let name = mark::table(&"everything".parse().unwrap());
    assert_eq!(rules.tables[0].name, name);
    let reported = |commands: &str| {
        sh(&commands.replace("TABLE", &name));
        let words = compare(&rules, &found(&rules));
        load(&rules);
        words.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let table = format!("table inet {name}");
    assert_eq!(
        reported("nft add element inet TABLE net4 '{ 10.77.0.0/16 }'"),
        [format!(
            "{table}: set net4 has element 10.77.0.0/16, which is not wanted"
        )]
    );
    assert_eq!(
        reported("nft insert rule inet TABLE forward tcp dport 25 drop"),
        [format!(
            "{table}: chain forward has the rule tcp dport 25 drop, which is not wanted"
        )]
    );
    assert_eq!(
        reported("nft add chain inet TABLE forward '{ policy drop; }'"),
        [format!(
            "{table}: chain forward has another hook, type, priority or policy"
        )]
    );
    assert_eq!(
        reported("nft add set inet TABLE theirs '{ type ipv4_addr; flags timeout; }'"),
        [format!("{table}: set theirs is not wanted")]
    );
    assert_eq!(
        reported("nft delete table bridge TABLE"),
        [format!("table bridge {name} is missing")]
    );
    assert!(reported("true").is_empty());
}

/// Elements at the limits: adjacent ranges, ranges up to the highest value, and of all values.
fn intervals_at_the_edges_read_back() {
    let net = |text: &str| Value::net(text.parse().unwrap());
    let mut table = Table::new(Family::Inet, "edges");
    let intervals = |name: &str, key: &[DataType], elements: Vec<Vec<Value>>| Set {
        elements: elements.into_iter().map(Element::new).collect(),
        ..Set::new(name, key).of_intervals()
    };
    table.sets = vec![
        intervals(
            "touching",
            &[DataType::Ipv4],
            ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.1/32", "255.0.0.0/8"]
                .map(|text| vec![net(text)])
                .into(),
        ),
        intervals("all", &[DataType::Ipv6], vec![vec![net("::/0")]]),
        intervals(
            "ports",
            &[DataType::Service],
            vec![vec![Value::Ports(0, 79)], vec![Value::Ports(80, 65_535)]],
        ),
        intervals(
            "groups",
            &[DataType::DevGroup],
            vec![vec![Value::Group(0x6800_0001)], vec![Value::Group(7)]],
        ),
        intervals(
            "joined",
            &[DataType::DevGroup, DataType::Ipv4, DataType::Service],
            vec![vec![
                Value::Group(0x6800_0001),
                net("0.0.0.0/0"),
                Value::Ports(1, 65_535),
            ]],
        ),
    ];
    let rules = Ruleset {
        tables: vec![table],
    };
    load(&rules);
    assert_same("edges", &rules);
    let listed = sh("nft list ruleset");
    assert!(listed.contains("10.0.0.0/24"), "{listed}");
}

/// Many elements take several messages.
fn ten_thousand_elements_are_loaded_and_read_back() {
    let mut rules = rules_of("everything", EVERYTHING);
    let ports = hallway_plan::rules::sets::PORTS.of(IpVersion::V4);
    let set = rules.tables[0].sets.iter_mut();
    let set = set.into_iter().find(|s| s.name == ports.name).unwrap();
    set.elements = (1..10_001)
        .map(|port| Element {
            value: vec![Value::V4([10, 9, 0, 2].into()), Value::Port(port)],
            comment: Some("nodes.web.ports".to_owned()),
            ..Element::new(vec![Value::Proto(6), Value::Port(port)])
        })
        .collect();
    load(&rules);
    assert_same("many", &rules);
}

hallway_testkit::tests![
    what_is_loaded_reads_back_as_it_was_sent,
    what_is_printed_loads_as_the_same,
    one_thing_less_is_exactly_that_difference,
    changes_by_hand_are_reported,
    intervals_at_the_edges_read_back,
    ten_thousand_elements_are_loaded_and_read_back,
];
