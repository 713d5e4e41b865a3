//! The command that builds a project again, with the files and flags that it was built with.

use std::path::{Path, PathBuf};

use hallway_engine::Record;
use hallway_import::BuiltWith;
use hallway_spec::{Name, name_of, parse};
use hallway_view::shell::quote;

use crate::args::FileArg;
use crate::scope::Scope;
use crate::source::discover;

/// `hallway up` with what it needs.
pub(crate) fn up(scope: &Scope, project: &Name, record: Option<&Record>) -> String {
    let mut words = vec!["hallway".to_owned()];
    words.extend(place(scope));
    words.push("up".to_owned());
    let Some(record) = record else {
        words.push("FILE".to_owned());
        return words.join(" ");
    };
    // Single edits are in a text of their own.
    let text = record
        .edited_from
        .as_deref()
        .filter(|text| !text.is_empty());
    let text = text.unwrap_or(&record.source);
    let built_with = BuiltWith::of(text);
    let path = record.path.as_deref().filter(|p| !p.is_empty());
    let by_flag = built_with.flags.iter().any(|flag| flag == "-p");
    if !by_flag && path.is_some_and(|path| is_renamed(project, path, text)) {
        words.extend(["-p".to_owned(), project.to_string()]);
    }
    words.extend(built_with.flags.iter().map(|flag| quote(flag)));
    words.extend(files(path, &built_with.files));
    words.join(" ")
}

/// The flags that say where the project is, unless a variable of the environment does.
fn place(scope: &Scope) -> Vec<String> {
    let given = |variable: &str| std::env::var_os(variable).is_some();
    match &scope.sandbox {
        None if !given("HALLWAY_HOST") => vec!["--host".to_owned()],
        Some(sandbox) if sandbox.name != "default" && !given("HALLWAY_SANDBOX") => {
            vec!["--sandbox".to_owned(), sandbox.name.clone()]
        }
        _ => Vec::new(),
    }
}

/// Whether a file alone would give the project another name.
fn is_renamed(project: &Name, path: &str, text: &str) -> bool {
    // A translation has the name that was chosen; a text with a problem is reported by `up`.
    parse(path, text).is_ok_and(|own| match own.named {
        true => own.topology.name != *project,
        false => name_of(path) != *project,
    })
}

/// The files as they are named: none where this directory has them.
fn files(path: Option<&str>, several: &[String]) -> Vec<String> {
    let Some(path) = path else {
        return vec!["FILE".to_owned()];
    };
    let all: Vec<&str> = match several {
        [] => vec![path],
        several => several.iter().map(String::as_str).collect(),
    };
    let here = discover(&FileArg::default()).ok();
    let here: Vec<PathBuf> = here
        .iter()
        .flat_map(|files| &files.paths)
        .filter_map(|path| std::fs::canonicalize(path).ok())
        .collect();
    if here
        .iter()
        .map(PathBuf::as_path)
        .eq(all.iter().map(Path::new))
    {
        return Vec::new();
    }
    let current = std::env::current_dir().unwrap_or_default();
    let near = |path: &&str| {
        let near = Path::new(*path).strip_prefix(&current);
        quote(&near.unwrap_or(Path::new(*path)).display().to_string())
    };
    match several {
        [] => all.iter().map(near).collect(),
        _ => all
            .iter()
            .flat_map(|path| ["-f".to_owned(), near(path)])
            .collect(),
    }
}
