//! `policies:` and `expect:`.

use std::collections::BTreeSet;

use super::endpoints::Names;
use super::values::items;
use crate::document::{ExpectKeys, PolicyKeys};
use crate::problem::{PolicyProblem, Required, ValueProblem};
use crate::reader::{At, Reader};
use crate::service::AnyProtocol;
use crate::{
    Action, Endpoint, Expect, Policy, PolicyService, PortName, PortRange, Protocol, Service,
    ServiceText,
};

pub(super) fn read(r: &mut Reader<'_>, at: Option<&At>, names: &Names) -> Vec<Policy> {
    let mut out = Vec::new();
    for (index, item) in items(r, at).into_iter().enumerate() {
        let before = r.problems.len();
        let keys = PolicyKeys::read(r, &item, "a mapping like { from: web, to: db }");
        let action = match &keys.action {
            Some(at) => action(r, at),
            None => Some(Action::Allow),
        };
        let known = out.iter().map(|p: &Policy| p.pairs.len()).sum();
        let pairs = pairs(r, &item, &keys, known, names);
        // The meaning of a name is not known before that of the destinations.
        let complete = r.problems.len() == before;
        let to: BTreeSet<&Endpoint> = pairs
            .iter()
            .filter(|_| complete)
            .map(|(_, to)| to)
            .collect();
        let to: Vec<&Endpoint> = to.into_iter().collect();
        let mut services = Vec::new();
        for port in items(r, keys.ports.as_ref()) {
            services.extend(service(r, &port, &to, names));
        }
        if let Some(action) = action
            && r.problems.len() == before
        {
            out.push(Policy {
                index,
                action,
                pairs,
                services,
                place: r.place(&item),
            });
        }
    }
    out
}

fn action(r: &mut Reader<'_>, at: &At) -> Option<Action> {
    match r.text(at, "allow or deny")?.as_str() {
        "allow" => Some(Action::Allow),
        "deny" => Some(Action::Deny),
        _ => {
            r.unexpected(at, "allow or deny");
            None
        }
    }
}

/// Pairs of endpoints that all policies of a file may have: each is an element of a set.
const PAIRS_MAX: usize = 200_000;

/// The directed pairs of endpoints that a policy applies to.
fn pairs(
    r: &mut Reader<'_>,
    item: &At,
    keys: &PolicyKeys,
    known: usize,
    names: &Names,
) -> Vec<(Endpoint, Endpoint)> {
    let many = |r: &mut Reader<'_>, one: usize, other: usize| {
        let pairs = one.saturating_mul(other).saturating_add(known);
        let limit = PAIRS_MAX;
        if pairs > limit {
            r.report(item, PolicyProblem::TooManyPairs { pairs, limit });
        }
        pairs > limit
    };
    let side = |r: &mut Reader<'_>, at: Option<&At>| -> Option<Vec<Endpoint>> {
        let items = r.items(at?);
        if items.is_empty() {
            r.report(at?, ValueProblem::Missing(Required::SideName));
        }
        Some(
            items
                .iter()
                .filter_map(|at| names.read(r, at, true))
                .collect(),
        )
    };
    let before = r.problems.len();
    let from = side(r, keys.from.as_ref());
    let to = side(r, keys.to.as_ref());
    let between = side(r, keys.between.as_ref());
    // Names that could not be read are missing.
    let complete = r.problems.len() == before;
    match (from, to, between) {
        (Some(from), Some(to), None) => {
            if many(r, from.len(), to.len()) {
                return Vec::new();
            }
            let out = directed(&from, &to);
            if complete && out.is_empty() && !from.is_empty() && !to.is_empty() {
                r.report(item, PolicyProblem::ToItself);
            }
            out
        }
        (None, None, Some(members)) => {
            if many(r, members.len(), members.len()) {
                return Vec::new();
            }
            if complete && members.len() == 1 {
                r.report(item, ValueProblem::Missing(Required::SecondName));
            }
            mutual(&members)
        }
        (from, to, between) => {
            let required = match (from, to, between) {
                (Some(_), None, None) => Required::OtherSide("from", "to"),
                (None, Some(_), None) => Required::OtherSide("to", "from"),
                _ => Required::Sides,
            };
            r.report(item, ValueProblem::Missing(required));
            Vec::new()
        }
    }
}

/// Every pair of one of `from` and one of `to`, except an endpoint with itself.
fn directed(from: &[Endpoint], to: &[Endpoint]) -> Vec<(Endpoint, Endpoint)> {
    let single = |e: &Endpoint| matches!(e, Endpoint::Node(_) | Endpoint::Host);
    let pairs = from.iter().flat_map(|a| to.iter().map(move |b| (a, b)));
    pairs
        .filter(|(a, b)| a != b || !single(a))
        .map(|(a, b)| (a.clone(), b.clone()))
        .collect()
}

/// Every pair of two members, in both directions.
fn mutual(members: &[Endpoint]) -> Vec<(Endpoint, Endpoint)> {
    let mut out = Vec::new();
    for (i, a) in members.iter().enumerate() {
        for (j, b) in members.iter().enumerate() {
            if i != j {
                out.push((a.clone(), b.clone()));
            }
        }
    }
    out
}

/// A service of a policy with these destinations; none if they could not be read.
fn service(r: &mut Reader<'_>, at: &At, to: &[&Endpoint], names: &Names) -> Option<PolicyService> {
    const EXPECTED: &str = "a port like 3306/tcp, a range like 8000-8010/udp, the name of a port, or an IP protocol like tcp, udp, sctp, icmp, gre or ip/47";
    let text = r.text(at, EXPECTED)?;
    match AnyProtocol::read(&text) {
        Some(Ok(AnyProtocol::Icmp)) => return Some(PolicyService::Icmp),
        Some(Ok(AnyProtocol::Ports(protocol))) => return Some(PolicyService::Protocol(protocol)),
        Some(Ok(AnyProtocol::Other(other))) => return Some(PolicyService::Other(other)),
        Some(Err(error)) => {
            r.report(at, ValueProblem::Service(error));
            return None;
        }
        None => {}
    }
    if let Ok(name) = text.parse::<PortName>() {
        if to.is_empty() {
            return None;
        }
        return match names.ports.ports(&name, to) {
            Ok((range, protocol)) => Some(PolicyService::Ports(range, protocol)),
            Err(unresolved) => {
                r.report(at, PolicyProblem::PortName(unresolved));
                None
            }
        };
    }
    let (range, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    match (range.parse::<PortRange>(), protocol.parse::<Protocol>()) {
        (Ok(range), Ok(protocol)) => Some(PolicyService::Ports(range, protocol)),
        _ => {
            r.unexpected(at, EXPECTED);
            None
        }
    }
}

pub(super) fn read_expects(r: &mut Reader<'_>, at: Option<&At>, names: &Names) -> Vec<Expect> {
    items(r, at)
        .iter()
        .filter_map(|item| expect(r, item, names))
        .collect()
}

fn service_of(
    r: &mut Reader<'_>,
    at: &At,
    to: Option<&Endpoint>,
    names: &Names,
) -> Option<Service> {
    let text = r.text(
        at,
        "a port like 80/tcp, the name of a port, or an IP protocol like icmp or gre",
    )?;
    match text.parse() {
        Ok(ServiceText::Service(service)) => Some(service),
        Ok(ServiceText::Named(name)) => match names.ports.port(&name, to?) {
            Ok(port) => Some(Service::Port(port)),
            Err(unresolved) => {
                r.report(at, PolicyProblem::PortName(unresolved));
                None
            }
        },
        Err(error) => {
            r.report(at, ValueProblem::Service(error));
            None
        }
    }
}

fn expect(r: &mut Reader<'_>, item: &At, names: &Names) -> Option<Expect> {
    let keys = ExpectKeys::read(r, item, "a mapping like { from: web, to: db }");
    let mut end = |at: Option<&At>, key: &'static str| {
        let Some(at) = at else {
            r.report(item, ValueProblem::Missing(Required::OfExpect(key)));
            return None;
        };
        names.read(r, at, false)
    };
    let from = end(keys.from.as_ref(), "from");
    let to = end(keys.to.as_ref(), "to");
    // Every value is read, to find every problem, before the function returns for a missing one.
    let service = match &keys.port {
        Some(at) => service_of(r, at, to.as_ref(), names),
        None => Some(Service::Icmp),
    };
    let reachable = match &keys.reachable {
        Some(at) => r.boolean(at),
        None => Some(true),
    };
    Some(Expect {
        from: from?,
        to: to?,
        service: service?,
        reachable: reachable?,
        place: r.place(item),
    })
}
