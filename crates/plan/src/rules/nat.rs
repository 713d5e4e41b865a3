//! Address translation: published ports inwards, masquerade outwards.

use super::build::{base, member, rule};
use super::ir::{Act, Chain, Field, Hook, Item, Match};
use super::purpose;

pub(super) fn published_dnat() -> Chain {
    use Field::{Dport, Ip4Daddr, Ip6Daddr, L4Proto};
    let dnat = |version, key: &[Field], map: &str, port| {
        rule(
            vec![],
            Act::Dnat {
                version,
                key: key.to_vec(),
                map: map.into(),
                port,
            },
            purpose::PUBLISHED,
        )
    };
    Chain {
        name: "published".into(),
        base: None,
        rules: vec![
            dnat(4, &[Ip4Daddr, L4Proto, Dport], "pubip4", true),
            dnat(4, &[L4Proto, Dport], "pub4", true),
            dnat(4, &[L4Proto, Dport], "pubr4", false),
            dnat(6, &[Ip6Daddr, L4Proto, Dport], "pubip6", true),
            dnat(6, &[L4Proto, Dport], "pub6", true),
            dnat(6, &[L4Proto, Dport], "pubr6", false),
        ],
    }
}

pub(super) fn prerouting() -> Chain {
    Chain {
        name: "nat_prerouting".into(),
        base: base(true, Hook::Prerouting, -100),
        rules: vec![rule(
            vec![Match::ToLocal],
            Act::Jump("published".into()),
            "addresses of the host only",
        )],
    }
}

pub(super) fn output() -> Chain {
    let loopback4 = "127.0.0.0/8".parse().map_or(Item::Byte(0), Item::V4Net);
    let loopback6 = Item::V6(std::net::Ipv6Addr::LOCALHOST);
    Chain {
        name: "nat_output".into(),
        base: base(true, Hook::Output, -100),
        rules: vec![
            rule(
                vec![Match::Is(Field::Ip4Daddr, loopback4)],
                Act::Return,
                "localhost is served by a listener",
            ),
            rule(
                vec![Match::Is(Field::Ip6Daddr, loopback6)],
                Act::Return,
                "localhost is served by a listener",
            ),
            rule(
                vec![Match::ToLocal],
                Act::Jump("published".into()),
                "the host's own addresses",
            ),
        ],
    }
}

pub(super) fn postrouting() -> Chain {
    let hairpin = |saddr, set: &str| {
        rule(
            vec![
                Match::Dnated,
                Match::In(vec![Field::OifGroupOrdered, saddr], set.into()),
            ],
            Act::Masquerade { random: false },
            "a published port asked for from its own network: the reply must pass here",
        )
    };
    let out = |net: Match| {
        rule(
            vec![
                member(Field::IifGroup, "egress", true),
                member(Field::OifGroup, "nets", false),
                net,
            ],
            Act::Masquerade { random: true },
            "to outside with the host's address",
        )
    };
    Chain {
        name: "nat_postrouting".into(),
        base: base(true, Hook::Postrouting, 100),
        rules: vec![
            hairpin(Field::Ip4Saddr, "hair4"),
            hairpin(Field::Ip6Saddr, "hair6"),
            out(member(Field::Ip4Saddr, "net4", true)),
            out(member(Field::Ip6Saddr, "net6", true)),
        ],
    }
}
