//! Which files import which, from the paths of `use` and the structure of modules.
//!
//! A path is followed through modules and their re-exports to the file that defines the name. So a
//! parent that re-exports its child does not count as importing it.

use std::collections::{BTreeMap, BTreeSet};

/// A module's place: the crate and the path within it, like `["engine", "record", "lease"]`.
type Module = Vec<String>;

/// One file.
struct File {
    name: String,
    /// Paths that it imports, each with whether it re-exports them.
    uses: Vec<(bool, Module)>,
    /// Whether it is the root or a folder's `mod.rs`, or has submodules: for `super`.
    module: Module,
}

/// The files of all crates by module.
pub(crate) struct Files(BTreeMap<Module, File>);

impl Files {
    /// From names like `crates/engine/src/record/mod.rs`, each with its text.
    pub(crate) fn new(sources: &[(String, String)]) -> Self {
        let file = |(name, text): &(String, String)| {
            let module = module_of(name)?;
            let uses = uses(text);
            let uses = uses
                .into_iter()
                .filter_map(|(public, path)| Some((public, absolute(&module, &path)?)));
            let uses = uses.collect();
            Some((
                module.clone(),
                File {
                    name: name.clone(),
                    uses,
                    module,
                },
            ))
        };
        Self(sources.iter().filter_map(file).collect())
    }

    /// The module of the file that defines the last name of a path.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&Module> {
        let length = (1..=path.len())
            .rev()
            .find(|n| self.0.contains_key(&path[..*n]))?;
        let file = self.0.get(&path[..length])?;
        let name = path.get(length);
        let reexported = name.filter(|_| depth > 0).and_then(|name| {
            let mut public = file.uses.iter().filter(|(public, _)| *public);
            let (_, target) = public.find(|(_, target)| target.last() == Some(name))?;
            self.resolve(target, depth - 1)
        });
        Some(reexported.unwrap_or(&file.module))
    }

    /// Which file imports which, by the names of files.
    fn imports(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let targets = |file: &File| {
            let imported = file.uses.iter().filter_map(|(public, path)| {
                let target = self.resolve(path, 8)?;
                let child = target.len() > file.module.len() && target.starts_with(&file.module);
                (*target != file.module && !(*public && child)).then_some(target)
            });
            imported.map(|m| self.0[m].name.as_str()).collect()
        };
        self.0
            .values()
            .map(|f| (f.name.as_str(), targets(f)))
            .collect()
    }

    /// A circle of imports, if there is one: each file imports the next, the last one the first.
    pub(crate) fn circle(&self) -> Option<Vec<&str>> {
        let imports = self.imports();
        imports.keys().find_map(|start| way_back(start, &imports))
    }
}

/// The shortest path from a file back to itself.
fn way_back<'a>(
    start: &'a str,
    imports: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in imports.get(way.last()?).into_iter().flatten() {
                if *next == start {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push([way.as_slice(), &[next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The module of a file in `src`.
fn module_of(name: &str) -> Option<Module> {
    let (krate, path) = name.strip_prefix("crates/")?.split_once("/src/")?;
    let path = path.strip_suffix(".rs")?;
    let parts = path
        .split('/')
        .filter(|p| !["mod", "lib", "main"].contains(p));
    Some(
        [krate]
            .into_iter()
            .chain(parts)
            .map(str::to_owned)
            .collect(),
    )
}

/// A path as written, from the root of its crate; `None` for a path of another crate.
fn absolute(module: &Module, path: &[String]) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let mut base = match first.as_str() {
        "crate" => vec![module.first()?.clone()],
        "self" => module.clone(),
        "super" => module[..module.len() - 1].to_vec(),
        // A child of this module, as in `pub use codes::FailureCode`.
        _ => [module.as_slice(), std::slice::from_ref(first)].concat(),
    };
    for part in rest {
        match part.as_str() {
            "super" => drop(base.pop()),
            "self" => {}
            _ => base.push(part.clone()),
        }
    }
    Some(base)
}

/// The paths of every `use` outside of tests, each with whether it is visible to others.
fn uses(text: &str) -> Vec<(bool, Vec<String>)> {
    let code = text
        .split("\n#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default();
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut out = Vec::new();
    for statement in code.split(';') {
        let start = statement.rfind("\n\n").map_or(0, |at| at + 2);
        let statement = statement[start..].trim();
        let statement = statement.rsplit("]\n").next().unwrap_or_default().trim();
        let (visibility, rest) = match statement.strip_prefix("use ") {
            Some(rest) => ("", rest),
            None => match statement.split_once(" use ") {
                Some((visibility, rest)) => (visibility, rest),
                None => continue,
            },
        };
        if visibility.is_empty()
            || visibility.starts_with("pub") && !visibility.contains(char::is_whitespace)
        {
            let paths = expand(rest).into_iter();
            out.extend(paths.map(|path| (!visibility.is_empty(), path)));
        }
    }
    out
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let Some((prefix, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.split("::").map(|p| p.trim().to_owned()).collect()];
    };
    let prefix = prefix.split("::").map(str::trim).filter(|p| !p.is_empty());
    let prefix: Vec<String> = prefix.map(str::to_owned).collect();
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    let parts = parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty());
    let paths = parts.flat_map(expand);
    paths.map(|path| [prefix.clone(), path].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sources: &[(&str, &str)]) -> Files {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Files::new(&sources.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_circle_is_found_through_a_parent_that_re_exports() {
        let sources = [
            (
                "crates/x/src/lib.rs",
                "//! X.\n\nmod a;\nmod b;\n\npub use a::A;\n",
            ),
            (
                "crates/x/src/a.rs",
                "//! A.\n\nuse std::fmt;\n\nuse crate::b::{\n    B, C,\n};\n",
            ),
            ("crates/x/src/b.rs", "//! B.\n\nuse super::A;\n"),
        ];
        let circle = files(&sources).circle().map(|c| c.join(" "));
        assert_eq!(
            circle.as_deref(),
            Some("crates/x/src/a.rs crates/x/src/b.rs")
        );
    }

    #[test]
    fn a_parent_that_re_exports_its_child_does_not_import_it() {
        let sources = [
            (
                "crates/x/src/lib.rs",
                "//! X.\n\nmod a;\n\npub use a::A;\n\npub struct P;\n",
            ),
            ("crates/x/src/a.rs", "//! A.\n\nuse crate::P;\n"),
        ];
        assert_eq!(files(&sources).circle(), None);
    }
}
