//! The project's file: found, read, parsed.

use std::io::Read as _;
use std::path::PathBuf;

use hallway_spec::{Project, TEXT_MAX, name_of, parse_bytes};

use crate::args::{Common, FileArg};
use crate::diagnose::{VerbError, warn};

/// A file that has been read and parsed.
pub(crate) struct Input {
    pub(crate) project: Project,
    pub(crate) text: String,
    pub(crate) path: String,
}

/// Parses a text as a project; -p gives it another name. A file without `name:` gives its own, or
/// that of its directory.
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
    warn(path, &text, &project.warnings, common);
    Ok(Input {
        project,
        text,
        path: path.to_owned(),
    })
}

/// Reads the project's file.
pub(crate) fn read(common: &Common, file: &FileArg) -> Result<Input, VerbError> {
    let path = match file.path() {
        Some(path) => path.clone(),
        None => discover()?.ok_or_else(|| {
            VerbError::usage(
                "there is no hallway.yaml or *.hallway.yaml in this directory",
                "name a file: hallway up examples/three-tier.yaml",
            )
        })?,
    };
    let bytes = if path.as_os_str() == "-" {
        limited(std::io::stdin().lock())
    } else {
        std::fs::File::open(&path).and_then(limited)
    };
    let bytes = bytes.map_err(|e| {
        VerbError::usage(
            format!("cannot read {}: {e}", path.display()),
            "name a file that exists and may be read",
        )
    })?;
    parse(common, &path.display().to_string(), &bytes)
}

/// The file, by its path without symbolic links: the project may be used from another directory
/// later, and from a sandbox where the links lead elsewhere.
pub(crate) fn input(common: &Common, file: &FileArg) -> Result<Input, VerbError> {
    let mut input = read(common, file)?;
    if input.path == "-" {
        input.path.clear();
    } else if let Ok(path) = std::fs::canonicalize(&input.path) {
        input.path = path.display().to_string();
    }
    Ok(input)
}

/// All of it, but no more than what shows that it is too large.
fn limited(from: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(TEXT_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The one file of this directory.
pub(crate) fn discover() -> Result<Option<PathBuf>, VerbError> {
    let mut found: Vec<String> = std::fs::read_dir(".")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        // `hallway export > shop.hallway.yaml`: the shell has created it, and this fills it.
        .filter(|e| e.metadata().is_ok_and(|m| m.len() > 0))
        .filter_map(|e| e.file_name().into_string().ok())
        .filter(|n| {
            ["hallway.yaml", "hallway.yml"].contains(&n.as_str())
                || n.ends_with(".hallway.yaml")
                || n.ends_with(".hallway.yml")
        })
        .collect();
    found.sort();
    if found.len() > 1 {
        return Err(VerbError::usage(
            format!("there are several files here: {}", found.join(", ")),
            "name a file, or a project with -p",
        ));
    }
    Ok(found.pop().map(PathBuf::from))
}
