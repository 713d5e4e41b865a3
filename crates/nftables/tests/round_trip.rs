//! Any encoded table decodes to the same values, and differences are found.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::collections::BTreeSet;

use hallway_nftables::compare::What;
use hallway_nftables::decode::{self, TableBuilder};
use hallway_nftables::expr::{Expr, Verdict};
use hallway_nftables::wire::Writer;
use hallway_nftables::{
    Action, Base, Chain, ChainPolicy, ChainType, DataType, Dnat, Element, Family, Field, Hook,
    IpVersion, Match, Priority, Rate, Rule, Ruleset, Set, Table, Transaction, Value, compare,
    message,
};
use ipnet::{Ipv4Net, Ipv6Net};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A value of a type; a range if ranges are possible.
fn value(kind: DataType, ranges: bool) -> BoxedStrategy<Value> {
    match (kind, ranges) {
        (DataType::Ipv4, true) => (any::<u32>(), 0_u8..=32)
            .prop_map(|(bits, length)| Value::V4Net(Ipv4Net::new(bits.into(), length).unwrap()))
            .boxed(),
        (DataType::Ipv6, true) => (any::<u128>(), 0_u8..=128)
            .prop_map(|(bits, length)| Value::V6Net(Ipv6Net::new(bits.into(), length).unwrap()))
            .boxed(),
        (DataType::Service, true) => (any::<u16>(), any::<u16>())
            .prop_map(|(a, b)| Value::Ports(a.min(b), a.max(b)))
            .boxed(),
        (DataType::Ipv4, _) => any::<u32>().prop_map(|a| Value::V4(a.into())).boxed(),
        (DataType::Ipv6, _) => any::<u128>().prop_map(|a| Value::V6(a.into())).boxed(),
        (DataType::Service, _) => any::<u16>().prop_map(Value::Port).boxed(),
        (DataType::IfName, _) => "[a-z][a-z0-9.-]{0,14}".prop_map(Value::Ifname).boxed(),
        (DataType::DevGroup, _) => any::<u32>().prop_map(Value::Group).boxed(),
        (DataType::InetProto, _) => any::<u8>().prop_map(Value::Proto).boxed(),
        (DataType::Ether, _) => any::<[u8; 6]>().prop_map(Value::Ether).boxed(),
        (DataType::EtherType, _) => any::<u16>().prop_map(Value::EtherType).boxed(),
        (DataType::Number, _) => bytes(2),
        (DataType::Bytes4 | DataType::Bytes6 | DataType::Bytes16, _) => bytes(kind.length()),
        _ => any::<u8>().prop_map(Value::Byte).boxed(),
    }
}

fn bytes(length: usize) -> BoxedStrategy<Value> {
    vec(any::<u8>(), length)
        .prop_map(|b| Value::bytes(&b))
        .boxed()
}

const TYPES: [DataType; 9] = [
    DataType::Ipv4,
    DataType::Ipv6,
    DataType::Service,
    DataType::IfName,
    DataType::DevGroup,
    DataType::InetProto,
    DataType::Ether,
    DataType::EtherType,
    DataType::IcmpType,
];

fn values(types: &[DataType], ranges: bool) -> BoxedStrategy<Vec<Value>> {
    let all: Vec<_> = types.iter().map(|kind| value(*kind, ranges)).collect();
    all.boxed()
}

fn comment() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-zä ]{1,150}")
}

fn element(key: &[DataType], value: &[DataType], ranges: bool) -> BoxedStrategy<Element> {
    (values(key, ranges), values(value, false), comment())
        .prop_map(|(key, value, comment)| Element {
            key,
            value,
            comment,
        })
        .boxed()
}

/// Types of keys and values, intervals or not.
fn shapes() -> impl Strategy<Value = (Vec<DataType>, Vec<DataType>, bool)> {
    let types = |many| vec(select(TYPES.to_vec()), many);
    (types(1..4), types(0..3), any::<bool>())
}

/// A set of any shape. Intervals of one field do not overlap: the kernel does not allow it.
fn set(name: &'static str) -> impl Strategy<Value = Set> {
    shapes()
        .prop_flat_map(|(key, value, interval)| {
            let elements = vec(element(&key, &value, interval), 0..8);
            (Just((key, value, interval)), elements)
        })
        .prop_map(move |((key, value, interval), mut elements)| {
            let mut keys = BTreeSet::new();
            elements.retain(|e| keys.insert(e.canonical().key));
            if interval && key.len() == 1 {
                elements.truncate(1);
            }
            Set {
                value: (!value.is_empty()).then_some(value),
                interval,
                elements,
                ..Set::new(name, &key)
            }
        })
}

fn field() -> impl Strategy<Value = Field> {
    select(Field::ALL.to_vec())
}

/// Fields that one packet can have together.
fn fields() -> impl Strategy<Value = Vec<Field>> {
    prop_oneof![
        field().prop_map(|one| vec![one]),
        Just(vec![Field::IifName, Field::Ip4Saddr]),
        Just(vec![Field::OifGroup, Field::Ip6Saddr]),
        Just(vec![Field::IifGroup, Field::OifGroup]),
        Just(vec![Field::Ip4Daddr, Field::L4Proto, Field::Dport]),
        Just(vec![Field::IifName, Field::ArpSaddrEther]),
        Just(vec![Field::IifName, Field::QuotedDaddr4]),
        Just(vec![Field::OifName, Field::Ip6Daddr]),
    ]
}

fn condition() -> impl Strategy<Value = Match> {
    let compared = (field(), any::<bool>())
        .prop_flat_map(|(field, ranges)| {
            let ranges = ranges && field.data_type().address();
            (Just(field), value(field.data_type(), ranges))
        })
        .boxed();
    let names = || select(vec!["a".to_owned(), "b".to_owned(), "unknown".to_owned()]);
    prop_oneof![
        compared
            .clone()
            .prop_map(|(field, value)| Match::Is(field, value)),
        compared.prop_map(|(field, value)| Match::IsNot(field, value)),
        (fields(), names()).prop_map(|(fields, set)| Match::In(fields, set)),
        (fields(), names()).prop_map(|(fields, set)| Match::NotIn(fields, set)),
        (field(), names(), any::<u32>()).prop_map(|(field, set, limit)| Match::CountOver {
            field,
            set,
            limit
        }),
        (field(), names(), any::<(u64, u32)>(), 1..u64::MAX).prop_map(
            |(field, set, (per_second, burst), millis)| Match::RateOver {
                field,
                set,
                rate: Rate {
                    per_second,
                    burst,
                    millis
                }
            }
        ),
        (fields(), names(), 1..u64::MAX).prop_map(|(fields, set, millis)| Match::Note {
            fields,
            set,
            millis
        }),
        Just(Match::Reset),
        select(vec![IpVersion::V4, IpVersion::V6]).prop_map(Match::Version),
        Just(Match::Established),
        Just(Match::Invalid),
        Just(Match::Dnated),
        Just(Match::ToLocal),
        (select(vec![IpVersion::V4, IpVersion::V6]), names())
            .prop_map(|(version, set)| Match::AnswersFor(version, set)),
        any::<u32>().prop_map(Match::Unmarked),
        any::<u8>().prop_map(Match::FromGroups),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let version = select(vec![IpVersion::V4, IpVersion::V6]);
    prop_oneof![
        Just(Action::Continue),
        Just(Verdict::Accept.into()),
        Just(Verdict::Drop.into()),
        Just(Verdict::Return.into()),
        Just(Verdict::Jump("other".into()).into()),
        Just(Action::NoTrack),
        select(vec![IpVersion::V4, IpVersion::V6]).prop_map(Action::SourceAsAsked),
        Just(Action::Reject),
        (1..u32::MAX).prop_map(Action::Mark),
        any::<u32>().prop_map(Action::Unmark),
        any::<bool>().prop_map(|random| Action::Masquerade { random }),
        (version, fields(), any::<bool>()).prop_map(|(version, mut key, port)| {
            // The key of a translation depends only on its version.
            key.retain(|f| f.protocol().is_none());
            key.push(Field::L4Proto);
            Action::Dnat(Dnat {
                version,
                key,
                map: "a".into(),
                port,
            })
        }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let parts = (vec(condition(), 0..5), any::<bool>(), action(), comment());
    parts.prop_map(|(matches, counter, action, comment)| Rule {
        matches,
        counter,
        action,
        comment: comment.unwrap_or_default(),
    })
}

fn base() -> impl Strategy<Value = Option<Base>> {
    let kinds = select(vec![ChainType::Filter, ChainType::Nat, ChainType::Route]);
    let hooks = select(vec![Hook::Prerouting, Hook::Forward, Hook::Postrouting]);
    let policies = select(vec![ChainPolicy::Accept, ChainPolicy::Drop]);
    let all = (kinds, hooks, any::<i32>(), policies);
    proptest::option::of(all.prop_map(|(kind, hook, priority, policy)| Base {
        kind,
        hook,
        priority: Priority(priority),
        policy,
    }))
}

fn table() -> impl Strategy<Value = Table> {
    let chains = (base(), vec(rule(), 0..6), vec(rule(), 0..3));
    let families = select(vec![Family::Inet, Family::Bridge]);
    (families, set("a"), set("b"), chains, comment()).prop_map(
        |(family, a, b, (base, rules, others), comment)| {
            let chain = |name: &str, base, rules| Chain {
                name: name.into(),
                base,
                rules,
            };
            Table {
                comment: comment.unwrap_or_default(),
                sets: vec![a, b],
                chains: vec![chain("other", None, others), chain("main", base, rules)],
                ..Table::new(family, "t")
            }
        },
    )
}

/// The table that the kernel would list after a transaction that made it.
fn listed(wanted: &Table) -> Table {
    let mut transaction = Transaction::new();
    transaction.replace(wanted);
    let mut builder = None;
    for (position, part) in transaction.messages().iter().enumerate() {
        let mut body: Writer = part.body.clone();
        if part.kind == message::NEWRULE {
            body.attr(3, &(position as u64).to_be_bytes());
        }
        let body = body.finish().unwrap();
        match (part.kind, &mut builder) {
            (message::NEWTABLE, _) => {
                builder = Some(TableBuilder::new(decode::table(&body).unwrap()));
            }
            (message::NEWSET, Some(builder)) => drop(builder.set(&body).unwrap()),
            (message::NEWCHAIN, Some(builder)) => builder.chain(&body).unwrap(),
            (message::NEWSETELEM, Some(builder)) => {
                let attrs = hallway_nftables::wire::Attrs(&body[4..]);
                let name = hallway_nftables::wire::string_of(attrs.find(2).unwrap());
                builder.elements(&name, &body);
            }
            (message::NEWRULE, Some(builder)) => builder.rule(&body).unwrap(),
            _ => {}
        }
    }
    builder.unwrap().finish()
}

fn ruleset(table: Table) -> Ruleset {
    Ruleset {
        tables: vec![table],
    }
}

proptest! {
    #[test]
    fn a_table_that_is_encoded_decodes_to_the_same(table in table()) {
        let found = listed(&table);
        let differences = compare(&ruleset(table), &ruleset(found));
        prop_assert!(differences.is_empty(), "{:#?}", differences);
    }

    /// Also a rule that starts with conditions that another condition depends on.
    #[test]
    fn the_expressions_of_a_rule_make_rules_with_the_same_expressions(rule in rule(), family in select(vec![Family::Inet, Family::Bridge])) {
        let table = Table::new(family, "t");
        let exprs = rule.expressions(&table);
        let again = Rule::from_expressions(exprs.clone(), String::new(), &table);
        prop_assert_eq!(again.expressions(&table), exprs);
    }

    #[test]
    fn a_rule_that_is_gone_is_the_only_difference(table in table(), at in any::<prop::sample::Index>()) {
        let mut less = table.clone();
        let rules = &mut less.chains[1].rules;
        prop_assume!(!rules.is_empty());
        let removed = rules.remove(at.index(rules.len())).canonical();
        let differences = compare(&ruleset(table.clone()), &ruleset(listed(&less)));
        let extra = compare(&ruleset(less), &ruleset(listed(&table)));
        prop_assert_eq!((differences.len(), extra.len()), (1, 1));
        let What::MissingRule { rule, .. } = &differences[0].what else {
            panic!("{differences:?}")
        };
        prop_assert_eq!(rule, &removed);
        let What::ExtraRule { rule, .. } = &extra[0].what else {
            panic!("{extra:?}")
        };
        prop_assert_eq!(rule, &removed);
    }
}

#[test]
fn rules_that_changed_places_are_extra_and_missing() {
    let rule = |port| {
        let port = Match::Is(Field::Dport, Value::Port(port));
        Rule::new(vec![port], Verdict::Accept, "")
    };
    let table = |ports: &[u16]| {
        let mut table = Table::new(Family::Inet, "t");
        table.chains.push(Chain {
            name: "c".into(),
            base: None,
            rules: ports.iter().map(|port| rule(*port)).collect(),
        });
        ruleset(table)
    };
    let differences = compare(&table(&[1, 2, 3, 4]), &table(&[1, 3, 2, 4]));
    let positions: Vec<(bool, usize)> = differences
        .iter()
        .map(|d| match d.what {
            What::MissingRule { position, .. } => (true, position),
            What::ExtraRule { position, .. } => (false, position),
            _ => panic!("{d}"),
        })
        .collect();
    assert_eq!(positions, [(true, 1), (false, 2)]);
}

#[test]
fn a_changed_comment_or_value_is_a_changed_element() {
    let table = |port, comment: &str| {
        let mut table = Table::new(Family::Inet, "t");
        let mut map = Set::new("m", &[DataType::Service]).map_to(&[DataType::Service]);
        map.elements.push(Element {
            value: vec![Value::Port(port)],
            comment: Some(comment.into()),
            ..Element::new(vec![Value::Port(80)])
        });
        table.sets.push(map);
        ruleset(table)
    };
    for other in [table(81, "a"), table(80, "b")] {
        let differences = compare(&table(80, "a"), &other);
        assert!(
            matches!(differences.as_slice(), [d] if matches!(d.what, What::ChangedElement { .. })),
            "{differences:?}"
        );
    }
}

#[test]
fn a_list_of_elements_longer_than_an_attribute_takes_several_messages() {
    let mut table = Table::new(Family::Inet, "t");
    let mut set = Set::new("s", &[DataType::Ipv4]);
    set.elements = (0_u32..10_000)
        .map(|n| Element {
            comment: Some("x".repeat(127)),
            ..Element::new(vec![Value::V4(n.into())])
        })
        .collect();
    table.sets.push(set);
    let mut transaction = Transaction::new();
    transaction.replace(&table);
    let lists = transaction.messages().iter();
    assert!(lists.filter(|m| m.kind == message::NEWSETELEM).count() > 20);
    assert_eq!(
        compare(&ruleset(table.clone()), &ruleset(listed(&table))),
        []
    );
}

#[test]
fn expressions_that_are_no_rule_of_this_vocabulary_are_kept() {
    let table = Table::new(Family::Inet, "t");
    let exprs = vec![
        Expr::Raw {
            name: "log".into(),
            attributes: Vec::new(),
        },
        Expr::Verdict(Verdict::Accept),
    ];
    let rule = Rule::from_expressions(exprs.clone(), "theirs".into(), &table);
    assert_eq!(rule.matches, [Match::Expressions(exprs.clone())]);
    assert_eq!(rule.expressions(&table), exprs);
}
