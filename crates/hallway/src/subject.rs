//! What a question is about: a project with its rules, from a file alone or as it is up.

use hallway_engine::reach::{At, Environment, Party, Service, World};
use hallway_engine::rules;
use hallway_engine::{Engine, Failure, Settled, read};
use hallway_nftables::Ruleset;
use hallway_spec::Expect;

use crate::args::{Common, FileArg};
use crate::diagnose::Trouble;
use crate::scope::{self, Input, Scope};

/// A project, ready to be asked.
pub(crate) struct Subject {
    pub(crate) settled: Settled,
    pub(crate) expects: Vec<Expect>,
    /// How the file is called in explanations.
    pub(crate) file: String,
    rules: Ruleset,
    environment: Environment,
    text: String,
}

impl Subject {
    /// From a file alone, without looking at any kernel.
    pub(crate) fn of_file(common: &Common, file: &FileArg) -> Result<Self, Trouble> {
        let input = scope::read(common, file)?;
        let planned =
            Engine::plan_afresh(&input.project.topology).map_err(|f| Trouble::of(f, &input))?;
        Ok(Self::new(planned.settled, &input, Environment::default()))
    }

    /// As it is up, with what of the host matters.
    pub(crate) fn of_scope(common: &Common, scope: &Scope) -> Result<Self, Trouble> {
        let (project, settled) = scope::present(common, &scope.engine)?;
        let record = scope.engine.record(&project);
        let (source, path) = record.map_or_else(Default::default, |r| (r.source, r.path));
        let path = path.unwrap_or_else(|| project.to_string());
        let input = scope::understand(common, &path, source.as_bytes())?;
        let environment = read::environment::environment(&settled).map_err(Failure::from)?;
        Ok(Self::new(settled, &input, environment))
    }

    /// Of the file where one is named; else as the project is up; else of the file that is here.
    pub(crate) fn any(common: &Common, file: &FileArg) -> Result<Self, Trouble> {
        if file.path().is_none()
            && let Some(scope) = Scope::existing(common)?
            && let Ok(subject) = Self::of_scope(common, &scope)
        {
            return Ok(subject);
        }
        Self::of_file(common, file)
    }

    fn new(settled: Settled, input: &Input, environment: Environment) -> Self {
        let name = std::path::Path::new(&input.path).file_name();
        Self {
            rules: rules::ruleset(&settled),
            settled,
            expects: input.project.topology.expects.clone(),
            file: name.map_or_else(|| "-".into(), |n| n.to_string_lossy().into_owned()),
            environment,
            text: input.text.clone(),
        }
    }

    /// Whether it was made from that text.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        self.text == text
    }

    /// What of the host its answers depend on.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn world(&self) -> Result<World<'_>, Trouble> {
        World::new(&self.settled, &self.rules, self.environment.clone())
            .ok_or_else(|| Failure::new("bug", "the rules have no tables").into())
    }
}

/// Who asks whom, as written on the command line.
pub(crate) fn pair(
    world: &World<'_>,
    from: &str,
    to: &str,
) -> Result<(Party, Party, Service), Trouble> {
    let nodes: Vec<&str> = world
        .settled()
        .nodes
        .iter()
        .map(|n| n.name.as_ref())
        .collect();
    let help = format!(
        "name a node ({}), host, outside or an address, with a port as in {}:80 or {}:53/udp",
        nodes.join(", "),
        nodes.first().unwrap_or(&"host"),
        nodes.first().unwrap_or(&"host"),
    );
    let asker = world.party(from).ok_or_else(|| {
        Trouble::usage(
            format!("{from} is no node, host, outside or address"),
            help.clone(),
        )
    })?;
    let (asked, service) = world
        .target(to)
        .map_err(|message| Trouble::usage(message, help))?;
    Ok((asker, asked, service))
}

/// Whoever is asked must be somebody: the real outside world is asked by a named address only.
pub(crate) fn asked(world: &World<'_>, party: &Party) -> Result<(), Trouble> {
    match party {
        Party::Outside => place(world, party).map(|_| ()),
        Party::Node(_) | Party::Host | Party::Address(_) => Ok(()),
    }
}

/// A real attempt needs a place to be made from.
pub(crate) fn place(world: &World<'_>, party: &Party) -> Result<At, Trouble> {
    match world.place(party) {
        At::Outside => Err(Trouble::usage(
            format!("nothing here stands for {party}, so it cannot be tried"),
            "give the project a network with outside: true and a node on it; hallway explain predicts without",
        )),
        at => Ok(at),
    }
}
