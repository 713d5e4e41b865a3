//! Startup files: the commands that set addresses and routes.

use std::io::ErrorKind;

use hallway_spec::Place;
use hallway_spec::problem::ImportProblem;
use ipnet::IpNet;

use super::lab::{Address, Machine, Route};
use crate::containerlab::exec::{Setting, settings};
use crate::findings::Findings;
use crate::script::{Command, Line, commands};
use crate::sources::{Sources, join, parent};
use crate::surroundings::{File, Surroundings};

/// Reads the startup files of a machine, as far as there are any: that of all, and its own.
pub(super) fn read(
    machine: &mut Machine,
    file: &File,
    surroundings: &Surroundings<'_>,
    sources: &mut Sources,
    findings: &mut Findings,
) {
    let directory = parent(&file.path);
    for name in ["shared", &machine.name.clone()] {
        let path = join(&directory, &format!("{name}.startup"));
        // A machine need not have one.
        let text = match (surroundings.read)(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                let problem = ImportProblem::Unreadable {
                    path,
                    error: error.to_string(),
                    optional: false,
                };
                findings.problem(&Place::default(), problem);
                continue;
            }
        };
        let lines = sources.lines(&path, &text, &directory).into_iter();
        let lines = lines.map(|(place, text)| {
            let key = format!("{name}.startup");
            let place = Place { key, ..place };
            Line { text, place }
        });
        for command in commands(lines.collect()) {
            match command {
                Command::Plain(line) => machine.run(line),
                Command::Unread(line) => machine.others.push(line),
            }
        }
    }
}

impl Machine {
    /// Notes what a command sets.
    fn run(&mut self, line: Line) {
        let mut known = true;
        for setting in settings(&line.text).into_iter().flatten() {
            known &= self.set_up(setting, &line);
        }
        if !known || settings(&line.text).is_none() {
            self.others.push(line);
        }
    }

    /// Whether the setting can be one of the node.
    fn set_up(&mut self, setting: Setting, line: &Line) -> bool {
        let number = |interface: &str| interface.strip_prefix("eth")?.parse::<u32>().ok();
        match setting {
            Setting::Address { interface, address } => {
                let (Some(interface), Ok(net)) = (number(&interface), address.parse()) else {
                    return false;
                };
                let line = line.clone();
                self.addresses.push(Address {
                    interface,
                    net,
                    line,
                });
            }
            Setting::NoAddress { interface, address } => {
                let net = address.map(|a| a.parse::<IpNet>());
                let (Some(interface), Ok(net)) = (number(&interface), net.transpose()) else {
                    return false;
                };
                let gone = |a: &Address| a.interface == interface && net.is_none_or(|n| n == a.net);
                self.addresses.retain(|a| !gone(a));
            }
            Setting::Route { to, via } => {
                let line = line.clone();
                // The kernel refuses a second one, unless it replaces the first.
                if let Some(there) = self.routes.iter_mut().find(|r| r.to == to) {
                    let replaces = line.text.contains("replace");
                    if replaces {
                        *there = Route { to, via, line };
                    }
                    return replaces;
                }
                self.routes.push(Route { to, via, line });
            }
            Setting::NoRoute { to } => self.routes.retain(|r| r.to != to),
            Setting::Forwarding => self.forwarding = true,
        }
        true
    }
}
