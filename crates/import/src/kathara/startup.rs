//! Startup files: the commands that set addresses and routes.

use hallway_spec::{Place, Value};

use super::lab::{Address, Line, Machine};
use crate::containerlab::exec::{Setting, settings};
use crate::entries::Entries;
use crate::sources::{Sources, join, parent};
use crate::surroundings::{File, Surroundings};

/// Reads the startup files of a machine, as far as there are any: that of all, and its own.
pub(super) fn read(
    machine: &mut Machine,
    file: &File,
    surroundings: &Surroundings<'_>,
    sources: &mut Sources,
) {
    let directory = parent(&file.path);
    for name in ["shared", &machine.name.clone()] {
        let path = join(&directory, &format!("{name}.startup"));
        // A machine need not have one.
        let Ok(text) = (surroundings.read)(&path) else {
            continue;
        };
        for (place, text) in sources.lines(&path, &text, &directory) {
            let key = format!("{name}.startup");
            let place = Place { key, ..place };
            machine.run(Line { text, place });
        }
    }
}

impl Machine {
    /// Notes what a command sets.
    fn run(&mut self, line: Line) {
        let Some(settings) = settings(&line.text) else {
            self.others.push(line);
            return;
        };
        for setting in settings {
            let place = &line.place;
            match setting {
                Setting::Address { interface, address } => {
                    let number = interface.strip_prefix("eth").and_then(|n| n.parse().ok());
                    match (number, address.parse()) {
                        (Some(interface), Ok(net)) => self.addresses.push(Address {
                            interface,
                            net,
                            line: line.clone(),
                        }),
                        _ => self.others.push(line.clone()),
                    }
                }
                Setting::Route { to, via } => {
                    let mut route = Entries::default();
                    route.set("to", place, Value::of_text(place, to));
                    route.set("via", place, Value::of_text(place, via));
                    self.routes.push(route.into_map(place));
                }
                Setting::Forwarding => self.forwarding = true,
            }
        }
    }
}
