//! The subject of a question: a project with its rules, from a file or from the running project.

use hallway_engine::{Engine, Failure, OtherNamespaces, Reason, read};
use hallway_plan::Settled;
use hallway_plan::reach::{Environment, Location, Party, Question, World};
use hallway_plan::rules::{self, Ruleset};
use hallway_spec::{
    Endpoint, Expect, Name, PortName, PortNames, PortProto, Service, UnresolvedPort, listed,
};

use crate::args::{Common, FileArg, PairArgs};
use crate::diagnose::VerbError;
use crate::places;
use crate::scope::{self, Scope};
use crate::source::{self, Input};

/// A project for which questions can be answered.
pub(crate) struct Subject {
    pub(crate) settled: Settled,
    pub(crate) expects: Vec<Expect>,
    /// The name of the file in explanations.
    pub(crate) file: String,
    port_names: PortNames,
    rules: Ruleset,
    environment: Environment,
    text: String,
}

impl Subject {
    /// From a file alone, without reading any kernel state.
    pub(crate) fn of_file(common: &Common, file: &FileArg) -> Result<Self, VerbError> {
        let input = source::read(common, file)?;
        let planned =
            Engine::plan_from_nothing(&input.project.topology, &[], OtherNamespaces::Assumed)
                .map_err(|f| VerbError::of(f, &input.path, &input.text))?;
        Ok(Self::new(planned.settled, &input, Environment::default()))
    }

    /// From the running project, with the relevant properties of the host.
    pub(crate) fn of_scope(common: &Common, scope: &Scope) -> Result<Self, VerbError> {
        let (project, settled) = scope::present(common, &scope.engine)?;
        let record = scope.engine.record(&project)?;
        let record = record.ok_or_else(|| scope::not_up(&scope.engine, &project))?;
        let path = record.path.clone().unwrap_or_else(|| project.to_string());
        let mut input = source::parse(common, &path, record.source.as_bytes())?;
        places::of_expects(&mut input.project.topology.expects, &record);
        let environment = read::environment::environment(&settled).map_err(Failure::from)?;
        Ok(Self::new(settled, &input, environment))
    }

    /// From the given file; otherwise the running project; otherwise from the file of this directory.
    pub(crate) fn any(common: &Common, file: &FileArg) -> Result<Self, VerbError> {
        if file.path().is_none()
            && let Some(scope) = Scope::existing(common)?
            && let Ok(subject) = Self::of_scope(common, &scope)
        {
            scope::say_which(common, &subject.settled.project);
            return Ok(subject);
        }
        Self::of_file(common, file)
    }

    fn new(settled: Settled, input: &Input, environment: Environment) -> Self {
        let name = std::path::Path::new(&input.path).file_name();
        Self {
            port_names: PortNames::of(&input.project.topology),
            rules: rules::ruleset(&settled),
            settled,
            expects: input.project.topology.expects.clone(),
            file: name.map_or_else(|| "-".into(), |n| n.to_string_lossy().into_owned()),
            environment,
            text: input.source.clone(),
        }
    }

    /// Whether it was made from that text.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        self.text == text
    }

    /// The properties of the host that its answers depend on.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The port that a name means for a server.
    pub(crate) fn port(
        &self,
        world: &World<'_>,
        server: &Party,
        name: &PortName,
    ) -> Result<PortProto, UnresolvedPort> {
        let to = match world.place(server) {
            Location::Node(node) => Endpoint::Node(node),
            Location::Host => Endpoint::Host,
            Location::Outside => Endpoint::Outside,
        };
        self.port_names.port(name, &to)
    }

    /// The service that a text after the server's name means; ping without one.
    fn service(
        &self,
        world: &World<'_>,
        server: &Party,
        text: Option<&str>,
    ) -> Result<Service, (String, String)> {
        let Some(text) = text else {
            return Ok(Service::Icmp);
        };
        match text.parse::<PortName>() {
            Ok(name) => match self.port(world, server, &name) {
                Ok(port) => Ok(Service::Port(port)),
                Err(unresolved) => Err((unresolved.to_string(), unresolved.help())),
            },
            Err(_not_a_name) => text
                .parse()
                .map_err(|e: hallway_spec::InvalidService| (e.to_string(), String::new())),
        }
    }

    pub(crate) fn world(&self) -> Result<World<'_>, VerbError> {
        World::new(&self.settled, &self.rules, self.environment.clone())
            .ok_or_else(|| Failure::from(Reason::Bug("the rules have no tables")).into())
    }
}

/// Reads the client and the server of a pair: a question for each node that the names mean.
pub(crate) fn resolve(
    subject: &Subject,
    world: &World<'_>,
    pair: &PairArgs,
) -> Result<Vec<Question>, VerbError> {
    let clients = world.parties(&pair.from);
    if clients.is_empty() {
        return Err(no_party(world, &pair.from));
    }
    let mut out = Vec::new();
    for from in clients {
        let (servers, port) = world.target(&from, &pair.to);
        if servers.is_empty() {
            return Err(no_party(world, &pair.to));
        }
        for to in servers {
            check_resolved(world, &from, (&pair.to, port), &to)?;
            let service = subject
                .service(world, &to, port)
                .map_err(|(error, help)| match help.is_empty() {
                    true => VerbError::usage(format!("{}: {error}", pair.to), example(world)),
                    false => VerbError::usage(format!("{}: {error}", pair.to), help),
                })?;
            let from = from.clone();
            out.push(Question { from, to, service });
        }
    }
    Ok(out)
}

/// A host name is in the hosts file of its own node only.
fn check_resolved(
    world: &World<'_>,
    from: &Party,
    (text, port): (&str, Option<&str>),
    to: &Party,
) -> Result<(), VerbError> {
    let end = port.map_or(text.len(), |port| text.len() - port.len() - 1);
    let Some(Ok(name)) = text.get(..end).map(str::parse::<Name>) else {
        return Ok(());
    };
    let Party::Node(node) = to else {
        return Ok(());
    };
    let settled = world.settled();
    let known = settled.owner(&name).is_some()
        || settled.node(node).is_some_and(|node| node.has_alias(&name))
        || world.place(from) == Location::Node(node.clone());
    match known {
        true => Ok(()),
        false => Err(VerbError::usage(
            format!("{name} is the host name of {node}, which only {node} itself can resolve"),
            format!(
                "name the node: {node}{}",
                text.get(end..).unwrap_or_default()
            ),
        )),
    }
}

fn no_party(world: &World<'_>, text: &str) -> VerbError {
    VerbError::usage(
        format!("{text} is not a node, host, outside or an address"),
        example(world),
    )
}

fn example(world: &World<'_>) -> String {
    let nodes = world.settled().nodes.iter();
    let nodes: Vec<&str> = nodes.map(|n| n.name.as_ref()).collect();
    let example = nodes.first().unwrap_or(&"host");
    format!(
        "name a node ({}), host, outside or an address, with a port as in {example}:80 or {example}:53/udp",
        listed(&nodes),
    )
}

/// The target must have an address: the real outside world has none unless one is given.
pub(crate) fn check_target(world: &World<'_>, party: &Party) -> Result<(), VerbError> {
    match party {
        Party::Outside => location(world, party).map(|_| ()),
        Party::Node(_) | Party::Host | Party::Address(_) => Ok(()),
    }
}

/// The origin of a party's packets; a real attempt needs one.
pub(crate) fn location(world: &World<'_>, party: &Party) -> Result<Location, VerbError> {
    match world.place(party) {
        Location::Outside => Err(VerbError::usage(
            format!("no node represents {party}, so it cannot be tried"),
            "give the project a network with outside: true and a node on it; hallway explain predicts without",
        )),
        at => Ok(at),
    }
}
