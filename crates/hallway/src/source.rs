//! The project's file: found, read, parsed. Files of other formats are translated.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use hallway_import::{File, FileFormat, restore_places, without_places};
use hallway_spec::{Name, TEXT_MAX, listed, name_of, parse_bytes};
use rustix::io::Errno;

use crate::args::{Common, FileArg};
use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::input::limited;
use crate::state_dir::records;
use crate::{above, environment, imported, place_flags, ui};

pub(crate) use crate::input::Input;

/// Parses a text as a project; -p gives it another name. Without `name:` the name is that of the
/// file, or of its directory.
pub(crate) fn parse(common: &Common, path: &str, bytes: &[u8]) -> Result<Input, VerbError> {
    let mut project = parse_bytes(path, bytes)?;
    if let Some(name) = &common.project {
        project.topology.name = name.clone();
    } else if !project.named
        && path != "-"
        && let Ok(absolute) = std::path::absolute(path)
    {
        project.topology.name = name_of(&absolute.to_string_lossy());
    }
    let text = String::from_utf8_lossy(bytes)
        .trim_start_matches('\u{feff}')
        .to_owned();
    // The record of a translated file refers to that file, and its warnings were shown then.
    if without_places(&text).len() < text.len() {
        restore_places(&mut project.topology, &text);
        project.warnings.clear();
    }
    Ok(Input {
        project,
        source: text.clone(),
        text,
        path: path.to_owned(),
        more: Vec::new(),
        notes: Vec::new(),
    })
}

/// Reads the project's file, or its files.
pub(crate) fn read(common: &Common, file: &FileArg) -> Result<Input, VerbError> {
    let Files {
        paths,
        named_by_variable,
        above,
    } = files(file)?;
    let Some(first) = paths.first() else {
        let named = !file.paths().is_empty();
        let refused = above::above().refused.as_ref().filter(|_| !named);
        let help = "name a file: hallway up examples/three-tier.yaml";
        return Err(VerbError::usage(
            CommandCode::NoFile,
            format!(
                "there is no hallway.yaml, *.hallway.yaml, compose.yaml, *.clab.yml or lab.conf in {}",
                match file.paths().as_slice() {
                    [directory] => directory.display().to_string(),
                    _ => "this directory".to_owned(),
                }
            ),
            refused.map_or_else(
                || help.to_owned(),
                |why| format!("{why}; to use it, name it"),
            ),
        ));
    };
    if above {
        let shown: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        ui::note(common, format!("using {}", shown.join(" and ")));
    }
    let bytes = bytes(Some(common), first)?;
    let name = first.display().to_string();
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|t| t.len() <= TEXT_MAX);
    match text.and_then(|text| FileFormat::of(&name, text)) {
        Some(format) => {
            let what = match format {
                FileFormat::Compose => None,
                FileFormat::Containerlab => Some("a containerlab topology"),
                FileFormat::Kathara => Some("a Kathara lab"),
            };
            let variables = format == FileFormat::Containerlab;
            what.map_or(Ok(()), |what| refuse_flags(file, &name, what, variables))?;
            // The first has been read; stdin can be read only once.
            let mut files = vec![text_of(first, &bytes)?];
            for path in paths.iter().skip(1) {
                files.push(text_file(path)?);
            }
            let input = imported::input(common, &file.import, files, named_by_variable)?;
            input.warn(common);
            for note in &input.notes {
                ui::note(common, note);
            }
            Ok(input)
        }
        None if paths.len() > 1 => Err(VerbError::usage(
            CommandCode::NotSeveral,
            format!("{name} is a hallway file; only one hallway file can be read"),
            "several -f are for Compose files; combine hallway files into one",
        )),
        None => {
            let input = parse(common, &name, &bytes)?;
            refuse_flags(file, &name, "a hallway file", false)?;
            input.warn(common);
            Ok(input)
        }
    }
}

/// A flag that only Compose files know has no effect on other files, and is refused.
fn refuse_flags(file: &FileArg, name: &str, what: &str, variables: bool) -> Result<(), VerbError> {
    let flag = file.import.without_effect(variables);
    flag.map_or(Ok(()), |flag| {
        Err(VerbError::usage(
            CommandCode::WrongFlag,
            format!("{flag} is for Compose files; {name} is {what}"),
            format!("remove {flag}"),
        ))
    })
}

/// The file, by its path without symbolic links: the project may later be used from another
/// directory, or from a sandbox with other links.
pub(crate) fn input(common: &Common, file: &FileArg) -> Result<Input, VerbError> {
    let mut input = read(common, file)?;
    if input.path == "-" {
        input.path.clear();
    } else if let Ok(path) = std::fs::canonicalize(&input.path) {
        input.path = path.display().to_string();
    }
    Ok(input)
}

/// A file's bytes, or those of stdin for `-`.
fn bytes(common: Option<&Common>, path: &PathBuf) -> Result<Vec<u8>, VerbError> {
    let bytes = if path.as_os_str() == "-" {
        limited(std::io::stdin().lock())
    } else {
        std::fs::File::open(path).and_then(limited)
    };
    bytes.map_err(|e| {
        let shown = path.display();
        let word = path.extension().is_none() && path.components().count() == 1;
        let help = match e.kind() {
            _ if too_few_open_files(&e) => MORE_OPEN_FILES.into(),
            ErrorKind::NotFound if word => instead_of_a_file(common, &shown.to_string()),
            _ => "name a file that exists and may be read".to_owned(),
        };
        VerbError::usage(CommandCode::Read, format!("cannot read {shown}: {e}"), help)
    })
}

/// What to do about a word that is not a file: it may be a project, or as in Compose a service.
fn instead_of_a_file(common: Option<&Common>, word: &str) -> String {
    const OTHERWISE: &str = "name a file that exists and may be read";
    let verbs = ["up", "apply", "down", "graph", "test", "plan", "validate"];
    let verb = environment::words().find(|word| verbs.contains(&word.as_str()));
    let verb = verb.unwrap_or_default();
    let of_projects = ["down", "graph", "test"].contains(&verb.as_str());
    let Some((common, name)) = common.zip(word.parse::<Name>().ok()) else {
        return OTHERWISE.to_owned();
    };
    let of_file = || instead_of_a_node(common, &name, &verb).unwrap_or(OTHERWISE.to_owned());
    let Some(engine) = records(common) else {
        return of_file();
    };
    let up = engine.projects();
    if up.contains(&name) {
        if of_projects {
            let hallway = place_flags::of_place(common);
            return format!("{word} is a project: {hallway} {verb} -p {word}");
        }
        let path = engine.built_from(&name).ok().flatten();
        let path = path.unwrap_or_else(|| "FILE".to_owned());
        return format!("{word} is a project, built from {path}: name that file");
    }
    let program = match verb.as_str() {
        "up" | "apply" => Some("start"),
        "down" => Some("stop"),
        _ => None,
    };
    let has = |project: &Name| {
        let record = engine.record(project).ok().flatten();
        let built = record.and_then(|r| r.applied);
        built.is_some_and(|settled| !settled.named(&name).is_empty())
    };
    match program.filter(|_| up.iter().any(has)) {
        Some(program) => {
            format!(
                "{word} is a node, whose program has commands of its own: hallway {program} {word}"
            )
        }
        None if of_projects && !up.is_empty() => {
            let names = listed(&up);
            instead_of_a_node(common, &name, &verb).unwrap_or(format!(
                "{OTHERWISE}, or with -p a project that is up: {names}"
            ))
        }
        None => of_file(),
    }
}

/// What to do about a word in the place of a file that is a node of the file in this directory.
fn instead_of_a_node(common: &Common, name: &Name, verb: &str) -> Option<String> {
    let silent = Common {
        quiet: true,
        ..common.clone()
    };
    let input = read(&silent, &FileArg::default()).ok()?;
    let path = &input.path;
    let mut nodes = input.project.topology.nodes.iter();
    nodes.find(|node| {
        let mut aliases = node.attachments.iter().flat_map(|a| &a.aliases);
        let sidecar = node.sidecars.iter().any(|s| s.name == *name);
        node.name == *name || sidecar || aliases.any(|alias| alias == name)
    })?;
    Some(match verb {
        "up" | "apply" => format!(
            "{name} is a node of {path}; hallway up builds the whole project, then hallway start {name} or stop {name} is for one program"
        ),
        "down" => format!(
            "{name} is a node of {path}; hallway stop {name} ends its program, hallway down removes the whole project"
        ),
        _ => format!("{name} is a node of {path}; hallway {verb} is for the whole project"),
    })
}

/// What to do if that is the reason.
const MORE_OPEN_FILES: &str = "allow more open files: ulimit -n 1024";

/// Whether this process, or the machine, cannot open more files.
fn too_few_open_files(error: &io::Error) -> bool {
    let all = [Errno::MFILE, Errno::NFILE];
    all.iter()
        .any(|e| error.raw_os_error() == Some(e.raw_os_error()))
}

/// A file as text.
pub(crate) fn text_file(path: &PathBuf) -> Result<File, VerbError> {
    text_of(path, &bytes(None, path)?)
}

/// The bytes of a file as text.
fn text_of(path: &Path, bytes: &[u8]) -> Result<File, VerbError> {
    let name = path.display().to_string();
    if bytes.len() > TEXT_MAX || std::str::from_utf8(bytes).is_err() {
        parse_bytes(&name, bytes)?;
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    Ok(File { path: name, text })
}

/// The files of a command.
pub(crate) struct Files {
    pub(crate) paths: Vec<PathBuf>,
    /// Whether COMPOSE_FILE named them.
    pub(crate) named_by_variable: bool,
    /// Whether they are in a directory above the present one.
    pub(crate) above: bool,
}

/// The given files, otherwise those of this directory, or of the directory that is given.
pub(crate) fn files(file: &FileArg) -> Result<Files, VerbError> {
    let paths = file.paths();
    match paths.as_slice() {
        [] => discover(file),
        [one] if one.is_dir() => found(one, file, false),
        _ => Ok(Files {
            paths,
            named_by_variable: false,
            above: false,
        }),
    }
}

/// A Kathara lab.
const LAB: &str = "lab.conf";

/// The one file of this directory, otherwise of one above. Of Compose files those that COMPOSE_FILE names, otherwise
/// also the override file.
pub(crate) fn discover(file: &FileArg) -> Result<Files, VerbError> {
    let here = found(Path::new(""), file, true)?;
    if !here.paths.is_empty() {
        return Ok(here);
    }
    let paths = above::above().paths.clone();
    Ok(Files {
        above: !paths.is_empty(),
        paths,
        named_by_variable: false,
    })
}

/// The one file of a directory; in the place of Compose files those that COMPOSE_FILE names, if that may
/// be.
fn found(directory: &Path, file: &FileArg, by_variable: bool) -> Result<Files, VerbError> {
    let listed = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    let entries = std::fs::read_dir(listed);
    if let Err(error) = &entries
        && too_few_open_files(error)
    {
        let text = format!("cannot read {}: {error}", listed.display());
        return Err(VerbError::usage(CommandCode::Read, text, MORE_OPEN_FILES));
    }
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|e| Some((e.file_name().into_string().ok()?, e)))
        .filter(|(name, _)| name == LAB || [".yaml", ".yml"].iter().any(|end| name.ends_with(end)))
        // `hallway export > shop.hallway.yaml`: the shell has created the file; it is still empty.
        .filter(|(_, e)| e.metadata().is_ok_and(|m| m.len() > 0))
        .map(|(name, _)| name)
        .collect();
    names.sort();
    let ends = |name: &&str, ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let ours = |name: &&str| {
        ["hallway.yaml", "hallway.yml"].contains(name)
            || ends(name, &[".hallway.yaml", ".hallway.yml"])
    };
    let here = |names: Vec<&str>| Files {
        paths: names.into_iter().map(|name| directory.join(name)).collect(),
        named_by_variable: false,
        above: false,
    };
    let mut found: Vec<&str> = all.iter().copied().filter(ours).collect();
    if found.is_empty() {
        let paths = imported::named_files(&file.import);
        if by_variable && !paths.is_empty() {
            return Ok(Files {
                paths,
                named_by_variable: true,
                above: false,
            });
        }
        if let Some((main, changes)) = FileFormat::compose_files(&all) {
            return Ok(here(std::iter::once(main).chain(changes).collect()));
        }
        let labs = |name: &&str| ends(name, &[".clab.yml", ".clab.yaml"]) || *name == LAB;
        found = all.iter().copied().filter(labs).collect();
    }
    if found.len() > 1 {
        return Err(VerbError::usage(
            CommandCode::SeveralFiles,
            format!("there are several files: {}", found.join(", ")),
            "name a file, or a project with -p",
        ));
    }
    Ok(here(found))
}
