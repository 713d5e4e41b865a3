//! The keys for how a program runs.

use std::collections::BTreeMap;

use super::health;
use super::values::items;
use crate::document::NodeKeys;
use crate::reader::{At, Reader};
use crate::{NamedPort, PortProto, Program, Protocol, Restart, User};

/// How the program of a node runs, or one that shares a node's namespace.
pub(super) fn read(r: &mut Reader<'_>, keys: &NodeKeys, names: &[NamedPort]) -> Program {
    let mut out = Program::default();
    for item in items(r, keys.ready.as_ref()) {
        let Some(text) = r.text(&item, "a port like 80/tcp") else {
            continue;
        };
        // A port of the node that has a name.
        let named = names.iter().find(|p| p.name.to_string() == text);
        let port = match named.filter(|p| p.ports.len() == 1) {
            Some(named) => Some(PortProto {
                port: named.ports.first(),
                protocol: named.protocol,
            }),
            None => r.checked::<PortProto>(&item, "a port like 80/tcp"),
        };
        if port.is_some_and(|p| p.protocol == Protocol::Sctp) {
            r.unexpected(&item, "a port of tcp or udp");
        }
        out.ready.extend(port);
    }
    let healthcheck = keys.healthcheck.as_ref();
    out.healthcheck = healthcheck.and_then(|at| health::healthcheck(r, at));
    if let Some(at) = &keys.environment {
        out.environment = environment(r, at);
    }
    let working_dir = keys.working_dir.as_ref();
    out.working_dir = working_dir.and_then(|at| r.text(at, "a directory"));
    out.user = keys.user.as_ref().and_then(|at| {
        let expected = "a user: a name, a number, or numbers of user and group like 1000:1000";
        r.value::<User>(at, expected)
    });
    let restart = keys.restart.as_ref().and_then(|at| self::restart(r, at));
    out.restart = restart.unwrap_or_default();
    let may_fail = keys.may_fail.as_ref();
    out.may_fail = may_fail.and_then(|at| r.boolean(at)).unwrap_or(false);
    if let Some(at) = &keys.depends_on {
        out.depends_on = health::depends_on(r, at);
    }
    out
}

pub(super) fn environment(r: &mut Reader<'_>, at: &At) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut add = |r: &mut Reader<'_>, at: &At, name: &str, value: String| {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            r.unexpected(at, "a variable with a name");
        } else {
            out.insert(name.to_owned(), value);
        }
    };
    if r.is_map(at.id) {
        for field in r.fields(at, None, "a mapping of variables").0 {
            let here = at.key(&field.name, field.value);
            if let Some(value) = word(r, &here) {
                add(r, &here, &field.name, value);
            }
        }
    } else {
        for item in r.items(at) {
            let Some(text) = r.text(&item, "NAME=value") else {
                continue;
            };
            match text.split_once('=') {
                Some((name, value)) => add(r, &item, name, value.to_owned()),
                None => r.unexpected(&item, "NAME=value"),
            }
        }
    }
    out
}

fn restart(r: &mut Reader<'_>, at: &At) -> Option<Restart> {
    const EXPECTED: &str = "no, on-failure, always or unless-stopped";
    match r.text(at, EXPECTED)?.as_str() {
        "no" | "false" => Some(Restart::No),
        "on-failure" => Some(Restart::OnFailure),
        "always" => Some(Restart::Always),
        "unless-stopped" => Some(Restart::UnlessStopped),
        _ => {
            r.unexpected(at, EXPECTED);
            None
        }
    }
}

/// An argument may be an empty string.
pub(super) fn word(r: &mut Reader<'_>, at: &At) -> Option<String> {
    r.text_or_empty(at, "a word")
}
