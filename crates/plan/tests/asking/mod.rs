//! Questions about projects that are not built.

use hallway_plan::reach::{Environment, Path, Question, Service, World};
use hallway_plan::rules::ruleset;
use hallway_plan::{Observed, Settled, Surroundings, settle};

/// A topology with everything decided, on a machine with nothing.
pub(crate) fn settled(text: &str) -> Settled {
    let topology = hallway_spec::parse("p.yaml", text).unwrap().topology;
    let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
    settle(&topology, None, &around).unwrap()
}

/// Asks on a host without a route to outside.
pub(crate) fn ask(text: &str, from: &str, to: &str) -> Vec<Path> {
    let settled = settled(text);
    let rules = ruleset(&settled);
    let environment = Environment {
        uplink: false,
        ..Environment::default()
    };
    let world = World::new(&settled, &rules, environment).unwrap();
    let from = world.party(from).unwrap();
    let (to, port) = world.target(&from, to);
    let (to, service) = (to[0].clone(), service(port).unwrap());
    Question { from, to, service }.predict(&world)
}

/// The service of a target; an echo without a port.
pub(crate) fn service(port: Option<&str>) -> Result<Service, hallway_spec::InvalidService> {
    port.map_or(Ok(Service::Icmp), str::parse)
}
