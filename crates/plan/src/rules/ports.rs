//! Policies for frames that a bridge sends to several members: by the ports they come in and go out
//! by, since such a frame has no single receiver.

use std::collections::BTreeSet;

use hallway_nftables::{DataType, Element, Field, Match, Set, Value};

use super::covered::Covered;
use crate::settled::{Policy, PolicySide};

/// Conditions of a policy between members of one network.
pub(super) fn conditions(
    policy: &Policy,
    covered: &Covered<'_>,
    sets: &mut Vec<Set>,
) -> Vec<Vec<Match>> {
    let filtered = |side: &PolicySide| {
        covered
            .ports(side)
            .filter(|p| p.filtered)
            .collect::<Vec<_>>()
    };
    let sides = policy
        .pairs
        .iter()
        .map(|(from, to)| (filtered(from), filtered(to)));
    let sides: Vec<_> = sides
        .filter(|(from, to)| {
            from.iter()
                .any(|f| to.iter().any(|t| f.network == t.network))
        })
        .collect();
    let name = |what: &str| format!("policy{}_{what}", policy.number());
    match sides.as_slice() {
        [] => Vec::new(),
        // Two sets grow with the members, not with the pairs of them.
        [(from, to)] => {
            let sides = [
                (Field::IifName, from, name("from_ports")),
                (Field::OifName, to, name("to_ports")),
            ];
            let conditions = sides.map(|(field, ports, name)| {
                let elements = ports.iter().map(|p| vec![p.link]).collect();
                sets.push(set(&name, elements));
                Match::In(vec![field], name)
            });
            vec![conditions.to_vec()]
        }
        many => {
            let pairs = many.iter().flat_map(|(from, to)| {
                from.iter().flat_map(move |f| {
                    let near = to.iter().filter(move |t| t.network == f.network);
                    near.map(move |t| vec![f.link, t.link])
                })
            });
            let name = name("port_pairs");
            sets.push(set(&name, pairs.collect()));
            vec![vec![Match::In(vec![Field::IifName, Field::OifName], name)]]
        }
    }
}

fn set(name: &str, links: BTreeSet<Vec<&str>>) -> Set {
    let fields = links.first().map_or(1, Vec::len);
    let key = |links: Vec<&str>| {
        links
            .into_iter()
            .map(|l| Value::Ifname(l.to_owned()))
            .collect()
    };
    Set {
        elements: links.into_iter().map(|l| Element::new(key(l))).collect(),
        ..Set::new(name, &vec![DataType::IfName; fields])
    }
}
