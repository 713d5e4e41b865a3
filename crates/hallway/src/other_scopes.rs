//! Where else something is: in other projects of this scope, in other sandboxes, or on the host.

use std::path::Path;

use hallway_engine::sandbox::{self, Sandbox};
use hallway_engine::{Engine, Workplace};
use hallway_plan::Settled;
use hallway_spec::Name;

use crate::args::Common;
use crate::state_dir::state_dir;

/// Where this process works.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) sandbox: Option<&'a Sandbox>,
}

/// The flags of the projects for which `has` is true, apart from one of this scope: others of it, and those of
/// other sandboxes and of the host, if their records can be read from here.
pub(crate) fn with(
    common: &Common,
    here: Option<Here<'_>>,
    apart_from: Option<&Name>,
    has: impl Fn(&Settled) -> bool,
) -> Vec<String> {
    let mut out = Vec::new();
    let mut look = |engine: &Engine, flags: &str| {
        for project in engine.projects() {
            let other = flags.is_empty() && Some(&project) == apart_from;
            let record = (!other)
                .then(|| engine.record(&project).ok().flatten())
                .flatten();
            if record.and_then(|r| r.applied).is_some_and(|s| has(&s)) {
                out.push(format!("{flags}-p {project}"));
            }
        }
    };
    if let Some(here) = here {
        look(here.engine, "");
    }
    // In a sandbox this process is root, whose own directory is another one.
    let entered = here.and_then(|here| here.sandbox);
    let state = match entered {
        Some(sandbox) => sandbox.scope().ancestors().nth(2).map(Path::to_owned),
        None => state_dir(common).ok(),
    };
    if let Some(state) = state {
        let own = entered.map(|s| s.name.as_str());
        for sandbox in sandbox::on_records(&state) {
            if Some(sandbox.name.as_str()) != own {
                let engine = Engine::new(sandbox.scope(), Workplace::default());
                look(&engine, &format!("--sandbox {} ", sandbox.name));
            }
        }
        if (own.is_some() || here.is_none()) && state.join("host").is_dir() {
            let engine = Engine::new(&state.join("host"), Workplace::default());
            look(&engine, "--host ");
        }
    }
    out
}

/// Where projects are up, apart from this scope: for help where nothing is up here.
pub(crate) fn up_elsewhere(common: &Common, here: Option<Here<'_>>) -> Option<String> {
    const SHOWN: usize = 3;
    let mut places = with(common, here, None, |_| true);
    places.retain(|place| place.starts_with("--"));
    let more = places.len().saturating_sub(SHOWN);
    places.truncate(SHOWN);
    let places = match (places.is_empty(), more) {
        (true, _) => return None,
        (false, 0) => places.join(" or "),
        (false, _) => format!("{} or {more} others", places.join(", ")),
    };
    Some(format!(
        "projects are up elsewhere: {places}; hallway ls --all lists them"
    ))
}

/// The help for a node or a network that exists in other projects.
pub(crate) fn is_elsewhere(what: &str, name: &Name, places: &[String]) -> String {
    format!(
        "there is a {what} {name} elsewhere; name its project with {}",
        places.join(" or ")
    )
}
