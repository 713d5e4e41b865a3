//! The commands that a message advises: with the flags that say which place and project they are about, and for `up`
//! with the files and flags that the project was built with.

use std::path::{Path, PathBuf};

use hallway_engine::Record;
use hallway_import::BuiltWith;
use hallway_plan::firewall_accepts::Firewall;
use hallway_spec::{Name, name_of, parse};
use hallway_view::shell::quote;

use crate::args::{Common, FileArg};
use crate::place_flags::{Variables, place};
use crate::scope::{Scope, project_or_stray};
use crate::source::discover;

/// The commands about a project.
pub(crate) struct Commands<'a> {
    common: &'a Common,
    scope: &'a Scope,
    project: &'a Name,
    variables: Variables,
}

impl<'a> Commands<'a> {
    pub(crate) fn new(common: &'a Common, scope: &'a Scope, project: &'a Name) -> Self {
        Self {
            common,
            scope,
            project,
            variables: Variables::of_environment(),
        }
    }

    /// `hallway` with the flags of the place, and a verb.
    pub(crate) fn of_place(&self, verb: &str) -> String {
        let mut words = self.place();
        words.push(verb.to_owned());
        words.join(" ")
    }

    /// The same about the project, which is named where it is not the one that is meant without a name.
    pub(crate) fn of_project(&self, verb: &str) -> String {
        let mut words = self.place();
        if !self.is_meant() {
            words.extend(["-p".to_owned(), self.project.to_string()]);
        }
        words.push(verb.to_owned());
        words.join(" ")
    }

    /// `hallway up` with what it needs.
    pub(crate) fn up(&self, record: Option<&Record>) -> String {
        let Some(record) = record else {
            return self.of_place("up FILE");
        };
        let mut words = self.place();
        words.push("up".to_owned());
        // Single edits are in a text of their own.
        let text = record
            .edited_from
            .as_deref()
            .filter(|text| !text.is_empty());
        let text = text.unwrap_or(&record.source);
        let built_with = BuiltWith::of(text);
        let path = record.path.as_deref().filter(|p| !p.is_empty());
        let by_flag = built_with.flags.iter().any(|flag| flag == "-p");
        let renamed = || match &self.variables.project {
            Some(name) => *name != self.project.as_ref(),
            None => path.is_some_and(|path| is_renamed(self.project, path, text)),
        };
        if !by_flag && renamed() {
            words.extend(["-p".to_owned(), self.project.to_string()]);
        }
        words.extend(built_with.flags.iter().map(|flag| quote(flag)));
        let built = record.pending.as_ref().or(record.applied.as_ref());
        let through = built.map_or(&[][..], |built| &built.allow_through);
        words.extend(of_record(record.repair, through, &self.variables));
        words.extend(files(path, &built_with.files, &self.variables));
        words.join(" ")
    }

    fn place(&self) -> Vec<String> {
        let sandbox = self.scope.sandbox.as_ref().map(|s| s.name.as_str());
        let state_dir = self.common.state_dir.as_deref();
        let flags = place(sandbox, state_dir, &self.variables);
        std::iter::once("hallway".to_owned()).chain(flags).collect()
    }

    /// Whether commands without -p are about this project.
    fn is_meant(&self) -> bool {
        if let Some(name) = &self.variables.project {
            return *name == self.project.as_ref();
        }
        let unnamed = Common {
            project: None,
            quiet: true,
            ..self.common.clone()
        };
        let found = || project_or_stray(&unnamed, &FileArg::default(), &self.scope.engine);
        !self.variables.file && found().is_ok_and(|name| name == *self.project)
    }
}

/// The flags of `up` that are on record apart from the file.
fn of_record(repair: bool, through: &[Firewall], variables: &Variables) -> Vec<String> {
    let mut words = Vec::new();
    if !repair && !variables.no_repair {
        words.push("--no-repair".to_owned());
    }
    let through: Vec<&str> = through.iter().map(|firewall| firewall.name()).collect();
    if !through.is_empty() && variables.allow_through != through {
        words.extend(["--allow-through".to_owned(), through.join(",")]);
    }
    words
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
fn files(path: Option<&str>, several: &[String], variables: &Variables) -> Vec<String> {
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
    let here = here.iter().map(PathBuf::as_path);
    if !variables.file && here.eq(all.iter().map(Path::new)) {
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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn variables(all: &[(&str, &str)]) -> Variables {
        Variables::of(&|name| {
            let found = all.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_place_is_named_unless_the_environment_says_it() {
        for (sandbox, state_dir, environment, expected) in [
            (Some("default"), None, &[][..], ""),
            (Some("other"), None, &[], "--sandbox other"),
            (Some("other"), None, &[("HALLWAY_SANDBOX", "other")], ""),
            (
                Some("default"),
                None,
                &[("HALLWAY_SANDBOX", "other")],
                "--sandbox default",
            ),
            (None, None, &[], "--host"),
            (None, None, &[("HALLWAY_HOST", "1")], ""),
            (None, None, &[("HALLWAY_HOST", "0")], "--host"),
            (None, None, &[("HALLWAY_HOST", "")], "--host"),
            (None, None, &[("HALLWAY_HOST", "no")], "--host"),
            (None, Some("/run/a b"), &[], "--host --state-dir '/run/a b'"),
            (
                Some("default"),
                Some("/run/a"),
                &[("HALLWAY_STATE_DIR", "/run/a")],
                "",
            ),
            (
                Some("default"),
                Some("/run/b"),
                &[("HALLWAY_STATE_DIR", "/run/a")],
                "--state-dir /run/b",
            ),
        ] {
            let words = place(sandbox, state_dir.map(Path::new), &variables(environment));
            assert_eq!(words.join(" "), expected, "{sandbox:?} {environment:?}");
        }
    }

    #[test]
    fn what_is_on_record_is_named_unless_the_environment_says_it() {
        let both = &[Firewall::Docker, Firewall::Ufw][..];
        for (repair, through, environment, expected) in [
            (true, &[][..], &[][..], ""),
            (false, &[], &[], "--no-repair"),
            (false, &[], &[("HALLWAY_NO_REPAIR", "1")], ""),
            (false, &[], &[("HALLWAY_NO_REPAIR", "0")], "--no-repair"),
            (true, both, &[], "--allow-through docker,ufw"),
            (true, both, &[("HALLWAY_ALLOW_THROUGH", "docker,ufw")], ""),
            (
                false,
                both,
                &[("HALLWAY_ALLOW_THROUGH", "docker")],
                "--no-repair --allow-through docker,ufw",
            ),
        ] {
            let words = of_record(repair, through, &variables(environment));
            assert_eq!(words.join(" "), expected, "{through:?} {environment:?}");
        }
    }
}
