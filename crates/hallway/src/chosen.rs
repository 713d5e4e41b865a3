//! Which project a command is about.

use hallway_engine::Engine;
use hallway_spec::{Name, listed};

use crate::args::{Common, FileArg};
use crate::diagnose::VerbError;
use crate::source::{discover, read};

/// The project of a command: from -p or the given file; otherwise that of the directory's file if it is
/// up, otherwise the only one that is up, otherwise that of the file, otherwise `default`.
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
        (_, Some(only)) => Ok(only.clone()),
        (Some(found), None) => Ok(found.name),
        (None, None) if up.len() > 1 && up.iter().all(|n| n.as_ref() != "default") => {
            Err(VerbError::usage(
                "several projects are up",
                format!("name one with -p: {}", listed(&up)),
            ))
        }
        (None, None) => "default"
            .parse()
            .map_err(|e: hallway_spec::InvalidName| VerbError::usage(e.to_string(), "")),
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
    let strays = engine.strays()?;
    Ok(match strays.projects.as_slice() {
        [only] if *only != name => only.clone(),
        _ => name,
    })
}

/// The project of a file.
struct OfFile {
    name: Name,
    /// The file, if the name comes from its path only: then another file may have the same one.
    path: Option<String>,
}

impl OfFile {
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
            format!("project {name} is up from {from}, which is another file than {path}"),
            format!(
                "name that project with -p {name}; hallway up --replace changes it to this file"
            ),
        ))
    }
}

/// The project of the given file, or of the file in this directory.
fn of_directory(common: &Common, file: &FileArg) -> Result<Option<OfFile>, VerbError> {
    if file.path().is_none() && discover(file)?.paths.is_empty() {
        return Ok(None);
    }
    // Only the name is needed: commands that use the content report its problems.
    let silent = Common {
        quiet: true,
        ..common.clone()
    };
    let input = read(&silent, file)?;
    let path = (!input.project.named).then(|| std::fs::canonicalize(&input.path));
    Ok(Some(OfFile {
        name: input.project.topology.name,
        path: path.and_then(Result::ok).map(|p| p.display().to_string()),
    }))
}

/// Prints which project is used, if the directory has the file of another one that is not up.
pub(crate) fn say_which(common: &Common, project: &Name) {
    let file = (common.project.is_none())
        .then(|| of_directory(common, &FileArg::default()).ok().flatten())
        .flatten();
    let file = file.map(|found| found.name);
    if let Some(other) = file.filter(|other| other != project) {
        let text = format!(
            "using project {project}, the only one that is up; {other}, whose file is in this directory, is not up"
        );
        crate::ui::note(common, text);
    }
}
