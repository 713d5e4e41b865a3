//! `lab.conf`: machines with their interfaces, line by line.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};

use hallway_spec::problem::{Found, ValueProblem};
use hallway_spec::{Place, Value};
use ipnet::IpNet;

use crate::entries::Entries;
use crate::findings::Findings;
use crate::script::Line;
use crate::sources::{Sources, parent};
use crate::surroundings::File;

/// A lab.
#[derive(Debug, Default)]
pub(super) struct Lab {
    pub(super) name: Option<String>,
    /// In the order in which they are named first.
    pub(super) machines: Vec<Machine>,
}

/// A machine of a lab.
#[derive(Debug, Default)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) place: Place,
    /// By number.
    pub(super) interfaces: BTreeMap<u32, Interface>,
    pub(super) bridged: Option<Place>,
    pub(super) ports: Vec<Value>,
    pub(super) environment: Vec<Value>,
    pub(super) sysctls: Entries,
    pub(super) forwarding: bool,
    /// Of its startup file.
    pub(super) addresses: Vec<Address>,
    /// Those that an interface cannot have here, and why.
    pub(super) unset: Vec<(Address, String)>,
    pub(super) routes: Vec<Route>,
    /// Commands that no key of a node replaces.
    pub(super) others: Vec<Line>,
}

/// A machine's interface.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) domain: String,
    pub(super) mac: Option<String>,
    pub(super) place: Place,
}

/// A command that gives an interface an address.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// The number of the interface.
    pub(super) interface: u32,
    pub(super) net: IpNet,
    pub(super) line: Line,
}

/// A command that adds a route.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) to: String,
    pub(super) via: String,
    pub(super) line: Line,
}

/// The keys of a machine that do not concern its network.
const OTHER_KEYS: [&str; 11] = [
    "image",
    "mem",
    "cpus",
    "shell",
    "num_terms",
    "privileged",
    "ulimit",
    "args",
    "entrypoint",
    "ipv6",
    "volume",
];

const CLOSED: &str = "a line whose quotes are closed";
const FORM: &str = "a line like r1[0]=\"A\", or a comment that begins with #";

pub(super) fn read(file: &File, sources: &mut Sources, findings: &mut Findings) -> Lab {
    let lines = sources.lines(&file.path, &file.text, &parent(&file.path));
    let mut lab = Lab::default();
    for (place, text) in lines {
        let bad = |findings: &mut Findings| {
            findings.unexpected(&Value::of_text(&place, &text), FORM);
        };
        let Some((left, right)) = text.split_once('=') else {
            bad(findings);
            continue;
        };
        let Some(value) = without_comment(right) else {
            findings.unexpected(&Value::of_text(&place, &text), CLOSED);
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']);
        let Some((machine, key)) = left
            .trim()
            .strip_suffix(']')
            .and_then(|l| l.split_once('['))
        else {
            match left.trim() {
                "LAB_NAME" => lab.name = Some(value.to_owned()),
                word if word.starts_with("LAB_") => {}
                _ => bad(findings),
            }
            continue;
        };
        let key = key.trim_matches(['"', '\'']);
        let place = Place {
            key: left.trim().to_owned(),
            ..place
        };
        if let Some(machine) = lab.machine(machine.trim(), &place) {
            machine.set(key, value, &place, findings);
        }
    }
    for machine in &lab.machines {
        machine.check_numbers(findings);
    }
    lab
}

/// A comment begins with `#` after a space, outside of quotes. `None` if a quote is not closed.
fn without_comment(text: &str) -> Option<&str> {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') if before.is_whitespace() => return text.get(..at),
            _ => {}
        }
        before = c;
    }
    quote.is_none().then_some(text)
}

impl Lab {
    fn machine(&mut self, name: &str, place: &Place) -> Option<&mut Machine> {
        if !self.machines.iter().any(|m| m.name == name) {
            self.machines.push(Machine {
                name: name.to_owned(),
                place: place.clone(),
                ..Machine::default()
            });
        }
        self.machines.iter_mut().find(|m| m.name == name)
    }
}

impl Machine {
    fn set(&mut self, key: &str, value: &str, place: &Place, findings: &mut Findings) {
        let text = || Value::of_text(place, value);
        if let Ok(number) = key.parse::<u32>() {
            // The quotes may be around the domain alone.
            let value = value.replace(['"', '\''], "");
            let (domain, mac) = match value.split_once('/') {
                Some((domain, mac)) => (domain.to_owned(), Some(mac.to_owned())),
                None => (value, None),
            };
            let interface = Interface {
                domain,
                mac,
                place: place.clone(),
            };
            match self.interfaces.entry(number) {
                Occupied(first) => {
                    let first = first.get().place.clone();
                    let key = place.key.clone();
                    findings.problem(place, ValueProblem::DuplicateKey { key, first });
                }
                Vacant(free) => {
                    free.insert(interface);
                }
            }
            return;
        }
        match key {
            "bridged" => {
                let on = ["true", "True", "1", "yes"].contains(&value);
                self.bridged = on.then(|| place.clone());
            }
            "port" => self.ports.push(text()),
            "env" => self.environment.push(text()),
            "exec" => self.others.push(Line {
                text: value.to_owned(),
                place: place.clone(),
            }),
            "sysctl" => self.sysctl(value, place, findings),
            _ if OTHER_KEYS.contains(&key) => findings.ignore(key),
            _ => findings.problem(
                place,
                ValueProblem::Unexpected {
                    path: format!("the key in {}", place.key),
                    expected: "a number, bridged, port, env, exec or sysctl",
                    found: Found::Scalar(key.to_owned()),
                },
            ),
        }
    }

    /// As in Kathara, interfaces have the numbers from 0.
    fn check_numbers(&self, findings: &mut Findings) {
        let mut numbered = (0..).zip(&self.interfaces);
        let gap = numbered.find(|(expected, (number, _))| expected != *number);
        if let Some((missing, (_, interface))) = gap {
            let (key, name) = (&interface.place.key, &self.name);
            findings.not_supported(
                &interface.place,
                format!("{key} without {name}[{missing}]"),
                "number the interfaces of a machine from 0 without gaps, as Kathara does",
            );
        }
    }

    /// Forwarding has a key of its own in a hallway file.
    fn sysctl(&mut self, value: &str, place: &Place, findings: &mut Findings) {
        let Some((name, number)) = value.split_once('=') else {
            findings.unexpected(
                &Value::of_text(place, value),
                "a setting like net.ipv4.ip_forward=1",
            );
            return;
        };
        match name {
            "net.ipv4.ip_forward" | "net.ipv6.conf.all.forwarding" => {
                self.forwarding |= number == "1"
            }
            _ => self.sysctls.set(name, place, Value::of_text(place, number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::without_comment;

    #[test]
    fn comments_are_cut_outside_of_quotes() {
        assert_eq!(without_comment("\"A\"   # left"), Some("\"A\"   "));
        assert_eq!(without_comment("\"a # b\""), Some("\"a # b\""));
        assert_eq!(without_comment("a#b"), Some("a#b"));
        assert_eq!(without_comment("\"a"), None);
    }
}
