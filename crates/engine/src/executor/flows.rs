//! Tracked connections that must not live on.

use hallway_kernel::KernelError;
use hallway_kernel::conntrack::Connection;
use hallway_plan::reach::{self, Environment, World};
use hallway_plan::rules::elements::protocol_number;
use hallway_plan::rules::ruleset;
use hallway_plan::step::Flows;

use super::Executor;

impl Executor {
    /// Deletes the connections that the plan names.
    pub(super) fn forget_flows(&mut self, flows: &Flows) -> Result<(), KernelError> {
        let rules = flows.denied.as_ref().map(ruleset);
        let world = (flows.denied.as_ref().zip(rules.as_ref())).and_then(|(wanted, rules)| {
            let environment = Environment {
                host_addresses: flows.host.clone(),
                ..Environment::default()
            };
            World::new(wanted, rules, environment)
        });
        for connection in self.kernel.connections()? {
            if must_end(&connection, flows, world.as_ref()) {
                self.kernel.delete_connection(&connection)?;
            }
        }
        Ok(())
    }
}

fn must_end(connection: &Connection, flows: &Flows, world: Option<&World<'_>>) -> bool {
    let (original, reply) = (&connection.original, &connection.reply);
    let ends = [original.from, original.to, reply.from, reply.to];
    let of_prefix = flows
        .prefixes
        .iter()
        .any(|p| ends.iter().any(|a| p.contains(a)));
    let of_port = flows.host.contains(&original.to)
        && flows.ports.iter().any(|published| {
            original.protocol == protocol_number(published.protocol)
                && published.ports.contains(original.port)
        });
    of_prefix || of_port || world.is_some_and(|w| !may_begin(w, connection))
}

/// A connection as a question: could it begin now?
fn may_begin(world: &World<'_>, connection: &Connection) -> bool {
    let (original, reply) = (&connection.original, &connection.reply);
    let flow = reach::Flow {
        from: original.from,
        to: reply.from,
        protocol: original.protocol,
        source_port: original.source_port,
        port: reply.source_port,
    };
    world.may_begin(&flow, original.to != reply.from)
}
