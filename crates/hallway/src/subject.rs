//! The subject of a question: a project with its rules, from a file or from the running project.

use std::collections::BTreeSet;

use hallway_engine::{Engine, Failure, OtherNamespaces, Reason, read};
use hallway_plan::Settled;
use hallway_plan::reach::{self, Environment, Location, Party, Question, World};
use hallway_plan::rules::{self, Ruleset};
use hallway_plan::settled::Node;
use hallway_spec::{
    Endpoint, Expect, Name, PortName, PortNames, PortProto, Service, UnresolvedPort, listed,
};
use hallway_view::path::Policies;

use crate::args::{Common, FileArg, PairArgs};
use crate::diagnose::VerbError;
use crate::failure::{CommandCode, CommandError};
use crate::scope::{self, Scope};
use crate::source::{self, Input, discover};
use crate::{named, places};

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
    /// It is the running project, not only a file.
    is_up: bool,
    /// Where the project was looked for.
    scope: Option<Scope>,
}

impl Subject {
    /// From a file alone, without reading any kernel state.
    pub(crate) fn of_file(common: &Common, file: &FileArg) -> Result<Self, VerbError> {
        let input = source::read(common, file)?;
        let planned =
            Engine::plan_for_empty_host(&input.project.topology, &[], OtherNamespaces::Assumed)
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
        let mut environment = read::environment::environment(&settled).map_err(Failure::from)?;
        environment.in_sandbox = Some(scope.sandbox.is_some());
        let mut subject = Self::new(settled, &input, environment);
        subject.is_up = true;
        Ok(subject)
    }

    /// From the given file; otherwise the running project; otherwise from the file of this directory. The question is
    /// about `ends`.
    pub(crate) fn any(common: &Common, file: &FileArg, ends: &[&str]) -> Result<Self, VerbError> {
        let scope = match file.path() {
            Some(_) => None,
            None => Scope::existing(common)?,
        };
        let running = match &scope {
            Some(scope) => scope::running(common, &scope.engine)
                .map_err(|error| named::located(common, Some(scope), ends, error))?
                .map(|name| (scope, name)),
            None => None,
        };
        let mut subject = match running {
            Some((scope, name)) => {
                let named = Common {
                    project: Some(name),
                    ..common.clone()
                };
                Self::of_scope(&named, scope)?
            }
            None if file.path().is_none()
                && scope.is_none()
                && discover(file)?.paths.is_empty()
                && scope::elsewhere(common, None).is_some() =>
            {
                return Err(named::located(common, None, ends, scope::not_here(common)));
            }
            None => Self::of_file(common, file)?,
        };
        subject.scope = scope;
        Ok(subject)
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
            is_up: false,
            scope: None,
        }
    }

    /// The policies, for the hops of a path.
    pub(crate) fn policies(&self) -> Policies<'_> {
        Policies {
            all: &self.settled.policies,
            file: &self.file,
        }
    }

    /// Reads what programs have changed in the nodes that the packets of these questions pass, and in
    /// those that may take further addresses.
    pub(crate) fn read_inside(&mut self, questions: &[Question]) -> Result<(), VerbError> {
        if !self.is_up {
            return Ok(());
        }
        let takes = |node: &&Node| node.interfaces.iter().any(|i| !i.sources.is_empty());
        let owners = self.settled.nodes.iter().filter(takes);
        let mut wanted: BTreeSet<Name> = owners.map(|n| n.name.clone()).collect();
        wanted.extend(self.may_have_asked(questions)?);
        let mut known = BTreeSet::new();
        // What was read may lead packets through further nodes.
        loop {
            let world = self.world()?;
            for question in questions {
                let paths = question.predict(&world);
                let hops = paths.iter().flat_map(|p| p.request.iter().chain(&p.reply));
                let from = world.place(&question.from);
                let ends = [world.seen_from(&from, &question.to), from];
                let places = hops.map(|hop| hop.at.clone()).chain(ends);
                wanted.extend(places.filter_map(|at| match at {
                    Location::Node(name) => Some(name),
                    Location::Host | Location::Outside => None,
                }));
            }
            wanted.retain(|name| !known.contains(name));
            if wanted.is_empty() {
                return Ok(());
            }
            let seen = read::inside::inside(&self.settled, &wanted);
            self.environment.inside.extend(seen);
            known.append(&mut wanted);
        }
    }

    /// The nodes whose programs may have added an address of these questions.
    fn may_have_asked(&self, questions: &[Question]) -> Result<BTreeSet<Name>, VerbError> {
        let world = self.world()?;
        let ends = questions.iter().flat_map(|q| [&q.from, &q.to]);
        let addresses = ends.filter_map(|end| match end {
            Party::Address(address) => Some(*address),
            _ => None,
        });
        let nodes = addresses.flat_map(|address| world.may_have_added(address));
        Ok(nodes.map(|node| node.name.clone()).collect())
    }

    /// The same for the questions of the file's `expect` lines.
    pub(crate) fn read_inside_for_expects(&mut self) -> Result<(), VerbError> {
        let expected = reach::expected(&self.world()?, &self.expects);
        let questions: Vec<Question> = expected.into_iter().map(|e| e.question).collect();
        self.read_inside(&questions)
    }

    /// The same of every node.
    pub(crate) fn read_inside_all(&mut self) {
        if self.is_up {
            let names = self.settled.nodes.iter().map(|n| n.name.clone());
            self.environment.inside = read::inside::inside(&self.settled, &names.collect());
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
        server: &Location,
        name: &PortName,
    ) -> Result<PortProto, UnresolvedPort> {
        let to = match server {
            Location::Node(node) => Endpoint::Node(node.clone()),
            Location::Host => Endpoint::Host,
            Location::Outside => Endpoint::Outside,
        };
        self.port_names.port(name, &to)
    }

    /// The service that a text after the server's name means; ping without one.
    fn service(&self, server: &Location, text: Option<&str>) -> Result<Service, (String, String)> {
        let Some(text) = text else {
            return Ok(Service::Icmp);
        };
        match text.parse::<PortName>() {
            Ok(name) => match self.port(server, &name) {
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

/// The questions of a pair; then what they depend on is known of the nodes.
pub(crate) fn asked(
    common: &Common,
    scope: Option<&Scope>,
    subject: &mut Subject,
    pair: &PairArgs,
) -> Result<Vec<Question>, VerbError> {
    let project = &subject.settled.project;
    let scope = scope.or(subject.scope.as_ref());
    let elsewhere = |node: &Name| named::elsewhere(common, scope, Some(project), node);
    let questions = resolve(subject, &subject.world()?, pair, &elsewhere)?;
    subject.read_inside(&questions)?;
    Ok(questions)
}

/// Reads the client and the server of a pair: a question for each node that the names mean.
fn resolve(
    subject: &Subject,
    world: &World<'_>,
    pair: &PairArgs,
    elsewhere: &dyn Fn(&Name) -> Vec<String>,
) -> Result<Vec<Question>, VerbError> {
    let clients = world.parties(&pair.from);
    if clients.is_empty() {
        return Err(no_party(world, &pair.from, elsewhere));
    }
    let mut out = Vec::new();
    for from in clients {
        if let Some((zone, by)) = world.other_zone(&from, &pair.to) {
            return Err(VerbError::usage(
                CommandCode::BadArgument,
                format!(
                    "{}: {from} reaches that address by {by}, not by {zone}",
                    pair.to
                ),
                format!("write %{by}, or leave it out: hallway finds the link of each node"),
            ));
        }
        let (servers, port) = world.target(&from, &pair.to);
        if servers.is_empty() {
            return Err(no_party(world, &pair.to, elsewhere));
        }
        for to in servers {
            check_resolved(world, &from, &pair.to, port, &to)?;
            let service = subject
                .service(&world.seen_from(&world.place(&from), &to), port)
                .map_err(|(error, help)| match help.is_empty() {
                    true => VerbError::usage(
                        CommandCode::BadArgument,
                        format!("{}: {error}", pair.to),
                        example(world),
                    ),
                    false => VerbError::usage(
                        CommandCode::BadArgument,
                        format!("{}: {error}", pair.to),
                        help,
                    ),
                })?;
            let (from, to) = world.ends(from.clone(), to);
            out.push(Question { from, to, service });
        }
    }
    Ok(out)
}

/// A host name is in the hosts file of its own node only.
fn check_resolved(
    world: &World<'_>,
    from: &Party,
    text: &str,
    port: Option<&str>,
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
            CommandCode::BadArgument,
            format!("{name} is the host name of {node}, which only {node} itself can resolve"),
            format!(
                "name the node: {node}{}",
                text.get(end..).unwrap_or_default()
            ),
        )),
    }
}

fn no_party(world: &World<'_>, text: &str, elsewhere: &dyn Fn(&Name) -> Vec<String>) -> VerbError {
    let name = text.split(':').next().unwrap_or(text);
    if let Ok(node) = name.parse::<Name>() {
        let elsewhere = elsewhere(&node);
        if !elsewhere.is_empty() {
            let settled = world.settled();
            return CommandError::NoSuchNode {
                project: settled.project.clone(),
                node,
                nodes: settled.nodes.iter().map(|n| n.name.clone()).collect(),
                elsewhere,
            }
            .into();
        }
    }
    VerbError::usage(
        CommandCode::BadArgument,
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

/// The target must have an address: the real outside has none unless one is given.
pub(crate) fn check_target(world: &World<'_>, party: &Party) -> Result<(), VerbError> {
    match party {
        Party::Outside | Party::Beyond => location(world, party).map(|_| ()),
        Party::Node(_) | Party::Host | Party::Address(_) => Ok(()),
    }
}

/// The origin of a party's packets; a real attempt needs one.
pub(crate) fn location(world: &World<'_>, party: &Party) -> Result<Location, VerbError> {
    match world.place(party) {
        Location::Outside if *party == Party::Beyond => Err(VerbError::usage(
            CommandCode::NotTried,
            "the node that represents outside is the other end, so no other machine there can be tried",
            "name a node instead of outside; hallway explain predicts it without packets",
        )),
        Location::Outside => Err(VerbError::usage(
            CommandCode::NotTried,
            format!("no node represents {party}, so it cannot be tried"),
            "give the project a network with outside: true and a node on it; hallway explain predicts it without packets",
        )),
        at => Ok(at),
    }
}
