//! `policies:` and `expect:`.

use super::endpoints::Names;
use super::reader::{At, Fields, Reader};
use crate::{
    Action, Code, Endpoint, Expect, Policy, PortProto, PortRange, Problem, Protocol, Service,
};

pub(crate) const KEYS: &[&str] = &["action", "from", "to", "between", "ports"];
pub(crate) const EXPECT_KEYS: &[&str] = &["from", "to", "port", "reachable"];

pub(super) fn read(r: &mut Reader<'_>, at: &At, names: &Names) -> Vec<Policy> {
    let mut out = Vec::new();
    for (index, item) in r.items(at).into_iter().enumerate() {
        let before = r.problems.len();
        let fields = r.fields(&item, Some(KEYS), "a mapping with from and to, or between");
        let field = |key: &str| {
            fields.get(key).map(|id| At {
                id,
                path: format!("{}.{key}", item.path),
            })
        };
        let action = match field("action") {
            None => Action::Allow,
            Some(at) => match r.text(&at, "allow or deny").as_deref() {
                Some("allow") => Action::Allow,
                Some("deny") => Action::Deny,
                Some(_) => {
                    r.wrong(&at, "allow or deny");
                    continue;
                }
                None => continue,
            },
        };
        let pairs = pairs(r, &item, &fields, names);
        let mut services = Vec::new();
        for port in field("ports").map(|at| r.items(&at)).unwrap_or_default() {
            services.extend(service(r, &port));
        }
        if r.problems.len() == before {
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

fn pairs(
    r: &mut Reader<'_>,
    item: &At,
    fields: &Fields,
    names: &Names,
) -> Vec<(Endpoint, Endpoint)> {
    let side = |r: &mut Reader<'_>, key: &str| -> Option<Vec<Endpoint>> {
        let at = At {
            id: fields.get(key)?,
            path: format!("{}.{key}", item.path),
        };
        Some(
            r.items(&at)
                .iter()
                .filter_map(|at| names.read(r, at, true))
                .collect(),
        )
    };
    let (from, to, between) = (side(r, "from"), side(r, "to"), side(r, "between"));
    let place = r.place(item);
    let mut out = Vec::new();
    match (from, to, between) {
        (Some(from), Some(to), None) => {
            for from in &from {
                for to in &to {
                    if from == to && matches!(from, Endpoint::Node(_) | Endpoint::Host) {
                        continue;
                    }
                    out.push((from.clone(), to.clone()));
                }
            }
            if out.is_empty() && !from.is_empty() && !to.is_empty() {
                r.report(Problem::new(
                    Code::PolicyNoEffect,
                    &place,
                    "a policy from a node to itself has no effect",
                ));
            }
        }
        (None, None, Some(members)) => {
            for (i, a) in members.iter().enumerate() {
                for (j, b) in members.iter().enumerate() {
                    if i != j {
                        out.push((a.clone(), b.clone()));
                    }
                }
            }
            if members.len() == 1 {
                r.report(Problem::new(
                    Code::Missing,
                    &place,
                    "between needs at least two names",
                ));
            }
        }
        _ => r.report(
            Problem::new(
                Code::Missing,
                &place,
                "a policy has either from and to, or between",
            )
            .help("write { from: a, to: b }, or { action: deny, between: [a, b] } for both ways"),
        ),
    }
    out
}

fn service(r: &mut Reader<'_>, at: &At) -> Option<Service> {
    const EXPECTED: &str = "a port like 3306/tcp, a range like 8000-8010/udp, or tcp, udp or icmp";
    let text = r.text(at, EXPECTED)?;
    match text.as_str() {
        "icmp" => return Some(Service::Icmp),
        "tcp" => return Some(Service::Protocol(Protocol::Tcp)),
        "udp" => return Some(Service::Protocol(Protocol::Udp)),
        _ => {}
    }
    let (range, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    match (range.parse::<PortRange>(), protocol.parse::<Protocol>()) {
        (Ok(range), Ok(protocol)) => Some(Service::Ports(range, protocol)),
        _ => {
            r.wrong(at, EXPECTED);
            None
        }
    }
}

pub(super) fn read_expects(r: &mut Reader<'_>, at: &At, names: &Names) -> Vec<Expect> {
    let mut out = Vec::new();
    for item in r.items(at) {
        let fields = r.fields(&item, Some(EXPECT_KEYS), "a mapping with from and to");
        let place = r.place(&item);
        let mut end = |key: &str| {
            let Some(id) = fields.get(key) else {
                r.report(Problem::new(
                    Code::Missing,
                    &place,
                    format!("an expectation needs {key}"),
                ));
                return None;
            };
            names.read(
                r,
                &At {
                    id,
                    path: format!("{}.{key}", item.path),
                },
                false,
            )
        };
        let (from, to) = (end("from"), end("to"));
        let field = |key: &str| {
            fields.get(key).map(|id| At {
                id,
                path: format!("{}.{key}", item.path),
            })
        };
        let port = field("port")
            .map(|at| r.checked::<PortProto>(&at, "a port like 80/tcp", Code::BadValue));
        let reachable = field("reachable").map_or(Some(true), |at| r.boolean(&at));
        if let (Some(from), Some(to), Some(reachable), false) =
            (from, to, reachable, port == Some(None))
        {
            out.push(Expect {
                from,
                to,
                port: port.flatten(),
                reachable,
                place,
            });
        }
    }
    out
}
