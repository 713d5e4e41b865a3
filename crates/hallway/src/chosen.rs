//! Which project a command is about.

use std::path::Path;
use std::sync::Once;

use hallway_engine::Engine;
use hallway_spec::{Name, listed};

use crate::args::{Common, FileArg};
use crate::diagnose::VerbError;
use crate::environment::of_caller;
use crate::failure::CommandCode;
use crate::source::{Input, discover, read};

/// The project of a command: from -p or the given file; otherwise that of the directory's file if it is
/// up, otherwise the only one that is up, otherwise that of the file, otherwise `default`. It is said if the
/// directory has the file of another project than the one that is used.
pub(crate) fn project(
    common: &Common,
    file: &FileArg,
    engine: Option<&Engine>,
) -> Result<Name, VerbError> {
    if let Some(name) = &common.project {
        return Ok(name.clone());
    }
    let up = engine.map(Engine::projects).unwrap_or_default();
    let only = up.first().filter(|_| up.len() == 1);
    let of_file = match (of_directory(common, file), only) {
        (Ok(found), _) => found,
        // It is not needed.
        (Err(_), Some(_)) if file.path().is_none() => None,
        (Err(error), _) => return Err(error),
    };
    match (of_file, only) {
        (Some(found), _) if file.path().is_some() || up.contains(&found.name) => {
            if let Some(engine) = engine {
                found.is_of(engine)?;
            }
            Ok(found.name)
        }
        (of_file, Some(only)) => {
            of_file
                .iter()
                .for_each(|other| say_which(common, only, other));
            Ok(only.clone())
        }
        (Some(found), None) => Ok(found.name),
        (None, None) if up.len() > 1 && up.iter().all(|n| n.as_ref() != "default") => {
            Err(VerbError::usage(
                CommandCode::SeveralProjects,
                "several projects are up",
                format!("name one with -p: {}", listed(&up)),
            ))
        }
        (None, None) => "default".parse().map_err(|e: hallway_spec::InvalidName| {
            VerbError::usage(CommandCode::BadArgument, e.to_string(), "")
        }),
    }
}

/// The same; if none is on record and none is given, the only one with marks in the kernel.
pub(crate) fn project_or_stray(
    common: &Common,
    file: &FileArg,
    engine: &Engine,
) -> Result<Name, VerbError> {
    let name = project(common, file, Some(engine))?;
    let given = common.project.is_some() || file.path().is_some();
    if given || !engine.projects().is_empty() {
        return Ok(name);
    }
    let orphaned_objects = engine.orphaned_objects()?;
    Ok(match orphaned_objects.projects.as_slice() {
        [only] if *only != name => only.clone(),
        _ => name,
    })
}

/// The project of a prediction, if it is up. `None` if it is not, and the file of this directory has its
/// content, or is missing while nothing is up.
pub(crate) fn running(common: &Common, engine: &Engine) -> Result<Option<Name>, VerbError> {
    let name = project(common, &FileArg::default(), Some(engine))?;
    let up = engine.projects();
    if up.contains(&name) {
        return Ok(Some(name));
    }
    let file = discover(&FileArg::default())?.paths;
    match up.is_empty() || !file.is_empty() {
        true => Ok(None),
        false => Err(not_up(engine, &name)),
    }
}

/// A project that is removed.
pub(crate) struct ToRemove {
    pub(crate) name: Name,
    /// The file it was built from, if neither the command nor this directory names the project.
    pub(crate) unnamed: Option<String>,
}

/// The project that `down` removes.
pub(crate) fn to_remove(
    common: &Common,
    file: &FileArg,
    engine: &Engine,
) -> Result<ToRemove, VerbError> {
    let name = project_or_stray(common, file, engine)?;
    let given = common.project.is_some() || file.path().is_some();
    let of_directory = of_directory(common, file).ok().flatten();
    let named = given || of_directory.is_some_and(|found| found.name == name);
    let from = engine.built_from(&name).ok().flatten();
    let unnamed = from.filter(|_| !named).map(|from| {
        // A process in a sandbox may have `/` as its directory.
        let here = std::env::current_dir().ok();
        let here = here.filter(|here| here.parent().is_some());
        let below =
            here.and_then(|here| Some(Path::new(&from).strip_prefix(here).ok()?.to_owned()));
        below.map_or(from.clone(), |below| below.display().to_string())
    });
    Ok(ToRemove { name, unnamed })
}

/// Refuses a file whose project was built from another file.
pub(crate) fn same_file(common: &Common, input: &Input, engine: &Engine) -> Result<(), VerbError> {
    match common.project {
        Some(_) => Ok(()),
        None => OfFile::new(input).is_of(engine),
    }
}

/// The project of a file.
struct OfFile {
    name: Name,
    /// The file, if the name comes from its path only: then another file may have the same one.
    path: Option<String>,
    /// It is in a directory above the present one.
    above: bool,
}

impl OfFile {
    fn new(input: &Input) -> Self {
        let path = (!input.project.named).then(|| std::fs::canonicalize(&input.path));
        Self {
            name: input.project.topology.name.clone(),
            path: path.and_then(Result::ok).map(|p| p.display().to_string()),
            above: false,
        }
    }

    /// Refuses a project that was built from another file.
    fn is_of(&self, engine: &Engine) -> Result<(), VerbError> {
        let from = engine.built_from(&self.name).ok().flatten();
        let (Some(path), Some(from)) = (&self.path, from) else {
            return Ok(());
        };
        if *path == from {
            return Ok(());
        }
        let name = &self.name;
        Err(VerbError::usage(
            CommandCode::OtherFile,
            format!("project {name} is up from {from}, which is another file than {path}"),
            format!(
                "name that project with -p {name}; hallway up --replace changes it to this file"
            ),
        ))
    }
}

/// The project of the given file, or of the file in this directory.
fn of_directory(common: &Common, file: &FileArg) -> Result<Option<OfFile>, VerbError> {
    let found = (file.path().is_none())
        .then(|| discover(file))
        .transpose()?;
    if found.as_ref().is_some_and(|found| found.paths.is_empty()) {
        return Ok(None);
    }
    // Only the name is needed: commands that use the content report its problems.
    let silent = Common {
        quiet: true,
        ..common.clone()
    };
    Ok(Some(OfFile {
        above: found.is_some_and(|found| found.above),
        ..OfFile::new(&read(&silent, file)?)
    }))
}

/// Prints which project is used, once for a command: the directory has the file of another one.
fn say_which(common: &Common, project: &Name, other: &OfFile) {
    static SAID: Once = Once::new();
    let place = match other.above {
        true => "a directory above",
        false => "this directory",
    };
    let other = &other.name;
    let text = format!(
        "using project {project}, the only one that is up; {other}, whose file is in {place}, is not up"
    );
    SAID.call_once(|| crate::ui::note(common, text));
}

/// There is no such project.
pub(crate) fn not_up(engine: &Engine, name: &Name) -> VerbError {
    let known: Vec<String> = engine.projects().iter().map(ToString::to_string).collect();
    let help = if known.is_empty() {
        let help = || "nothing is up here; hallway up FILE builds a project".to_owned();
        of_caller().unwrap_or_else(help)
    } else {
        let port = name.as_ref().bytes().all(|b| b.is_ascii_digit());
        let port = port.then(|| format!("; a port is --port {name}"));
        format!(
            "name one with -p: {}{}",
            listed(&known),
            port.unwrap_or_default()
        )
    };
    VerbError::usage(
        CommandCode::NotUp,
        format!("project {name} is not up"),
        help,
    )
}
