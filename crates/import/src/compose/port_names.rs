//! The names of a service's ports. Compose gives them no meaning; here each is the name of one port.

use hallway_spec::{InvalidPortName, PortName, Value};

use crate::findings::Findings;

/// First and last port, and the protocol.
pub(super) type Numbers = ((u16, u16), String);

/// The names of a service's ports so far.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(PortName, Numbers)>);

impl Names {
    /// The name of a port in the long form, unless it is only a text for people, or that of an
    /// earlier port.
    pub(super) fn read(
        &mut self,
        port: &Value,
        numbers: Numbers,
        findings: &mut Findings,
    ) -> Option<PortName> {
        let text = port.get("name").and_then(Value::text)?;
        let name = text.parse().map_err(|error: InvalidPortName| {
            findings.note(format!("a port has no name here: {error}"));
        });
        let name: PortName = name.ok()?;
        match self.0.iter().find(|(known, _)| *known == name) {
            Some((_, first)) if *first != numbers => {
                findings.note(format!(
                    "of the ports of one service with the name {name}, only the first has it here"
                ));
                return None;
            }
            Some(_) => {}
            None => self.0.push((name.clone(), numbers)),
        }
        Some(name)
    }
}
