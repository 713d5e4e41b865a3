//! Which files import which, from the paths of `use`, the paths in code that begin with `crate`,
//! `self`, `super` or a child of the module, and the structure of modules.
//!
//! A path is followed through modules and what they import to the file that defines the name. So a
//! parent that re-exports its child does not count as importing it.

use std::collections::{BTreeMap, BTreeSet};

use crate::code;

/// A module's place: the crate and the path within it, like `["engine", "record", "lease"]`.
type Module = Vec<String>;

/// What a `use` imports.
struct Use {
    path: Module,
    /// Its name in the file.
    name: String,
    /// Whether it is re-exported.
    public: bool,
}

/// One file.
struct File {
    name: String,
    uses: Vec<Use>,
    /// Paths in its code.
    paths: Vec<Module>,
    module: Module,
}

/// The files of all crates by module.
pub(crate) struct Files(BTreeMap<Module, File>);

impl Files {
    /// From names like `crates/engine/src/record/mod.rs`, each with its text: those that the root of a
    /// library or program declares, and what these declare.
    pub(crate) fn new(sources: &[(String, String)]) -> Self {
        let texts = sources.iter().map(|(n, t)| (n.as_str(), t.as_str()));
        let texts: BTreeMap<&str, &str> = texts.collect();
        let mut files = Self(BTreeMap::new());
        for name in texts.keys() {
            if let Some(root) = root_module(name) {
                files.add(name, root, &texts);
            }
        }
        files
    }

    /// Adds a file, and those that it declares.
    fn add(&mut self, name: &str, module: Module, texts: &BTreeMap<&str, &str>) {
        let text = texts[name];
        for (child, path) in declared(text) {
            let found = candidates(name, &module, &child, path.as_deref());
            let found = found.iter().find(|file| texts.contains_key(file.as_str()));
            if let Some(file) = found {
                self.add(file, [module.clone(), vec![child]].concat(), texts);
            }
        }
        let code = code::without_tests(&code::bare(text));
        let (uses, rest) = uses(&code, &module);
        let paths = paths(&rest);
        let paths = paths.iter().filter_map(|path| absolute(&module, path));
        let file = File {
            name: name.to_owned(),
            uses,
            paths: paths.collect(),
            module: module.clone(),
        };
        self.0.insert(module, file);
    }

    /// The names of the files.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.0.values().map(|file| file.name.as_str()).collect()
    }

    /// The module of the file that defines the last name of a path.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&Module> {
        let length = (1..=path.len())
            .rev()
            .find(|n| self.0.contains_key(&path[..*n]))?;
        let file = self.0.get(&path[..length])?;
        let name = path.get(length);
        let imported = name.filter(|_| depth > 0).and_then(|name| {
            let found = file.uses.iter().find(|used| used.name == *name)?;
            self.resolve(&found.path, depth - 1)
        });
        Some(imported.unwrap_or(&file.module))
    }

    /// Which file imports which, by the names of files.
    fn imports(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let targets = |file: &File| -> BTreeSet<&str> {
            // The root of a test program lists the tests of its files, which use what it has for all.
            if file.module.iter().any(|part| part.contains("/tests/")) && file.module.len() == 1 {
                return BTreeSet::new();
            }
            let used = file.uses.iter().filter_map(|used| {
                let target = self.resolve(&used.path, 8)?;
                let child = target.len() > file.module.len() && target.starts_with(&file.module);
                (!(used.public && child)).then_some(target)
            });
            let named = file.paths.iter().filter_map(|path| self.resolve(path, 8));
            let imported = used.chain(named).map(|m| self.0[m].name.as_str());
            imported.filter(|name| *name != file.name).collect()
        };
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for file in self.0.values() {
            // A file may be a module of several programs.
            all.entry(&file.name).or_default().extend(targets(file));
        }
        all
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

/// The module of a file that is the root of a library or of a program.
fn root_module(name: &str) -> Option<Module> {
    let (krate, path) = name.strip_prefix("crates/")?.split_once('/')?;
    let root = match path.strip_suffix(".rs")?.split('/').collect::<Vec<_>>()[..] {
        ["src", "lib" | "main"] => krate.to_owned(),
        ["tests", program] | ["tests", program, "main"] => format!("{krate}/tests/{program}"),
        _ => return None,
    };
    Some(vec![root])
}

/// The modules that a file declares, with the path that an attribute gives.
fn declared(text: &str) -> Vec<(String, Option<String>)> {
    let mut path = None;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim_start) {
        if let Some(attribute) = line.strip_prefix("#[path = \"") {
            path = attribute.split('"').next().map(str::to_owned);
            continue;
        }
        if line.starts_with("#[") {
            continue;
        }
        if let Some(name) = declaration(line) {
            found.push((name.to_owned(), path.take()));
        }
        path = None;
    }
    found
}

/// The name in `mod name;` with any visibility.
fn declaration(line: &str) -> Option<&str> {
    let (visibility, name) = line.trim_start().split_once("mod ")?;
    let declared = visibility.is_empty() || is_visibility(visibility);
    let name = name.split_once(';')?.0;
    (declared && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
}

/// The files in which a module may be that a file declares.
fn candidates(file: &str, module: &Module, child: &str, path: Option<&str>) -> Vec<String> {
    let (directory, name) = file.rsplit_once('/').unwrap_or(("", file));
    if let Some(path) = path {
        return vec![format!("{directory}/{path}")];
    }
    let own = match module.len() == 1 || name == "mod.rs" {
        true => directory.to_owned(),
        false => file.trim_end_matches(".rs").to_owned(),
    };
    vec![format!("{own}/{child}.rs"), format!("{own}/{child}/mod.rs")]
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

/// Every `use` of a file, and the rest of its code.
fn uses(code: &str, module: &Module) -> (Vec<Use>, String) {
    let (mut found, mut rest) = (Vec::new(), String::new());
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let (public, tree) = match line.trim_start().split_once("use ") {
            Some(("", tree)) => (false, tree),
            Some((visibility, tree)) if is_visibility(visibility) => (true, tree),
            _ => {
                rest += line;
                rest.push('\n');
                continue;
            }
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            let Some(line) = lines.next() else { break };
            tree += line;
        }
        let tree = tree.split(';').next().unwrap_or_default();
        found.extend(expand(tree).into_iter().filter_map(|(path, name)| {
            let path = absolute(module, &path)?;
            Some(Use { path, name, public })
        }));
    }
    (found, rest)
}

/// Whether this is `pub`, `pub(crate)` or another visibility, with the space after it.
fn is_visibility(text: &str) -> bool {
    let inner = text.strip_prefix("pub").and_then(|t| t.strip_suffix(' '));
    inner.is_some_and(|t| t.is_empty() || t.starts_with('(') && t.ends_with(')'))
}

/// The paths in code that begin with `crate`, `self`, `super` or a child of the module.
fn paths(code: &str) -> Vec<Vec<String>> {
    let children = code.lines().filter_map(declaration);
    let starts: BTreeSet<&str> = children.chain(["crate", "self", "super"]).collect();
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$';
    let words = code.split(|c: char| !is_name(c));
    let of_crate = words.filter(|word| {
        let first = word.split("::").next().unwrap_or_default();
        word.contains("::") && starts.contains(first)
    });
    let parts = |word: &str| {
        let parts = word.split("::").filter(|p| !p.is_empty());
        parts.map(str::to_owned).collect()
    };
    of_crate.map(parts).collect()
}

/// `a::{b, c::d as e}` as `a::b` with the name `b` and `a::c::d` with the name `e`.
fn expand(tree: &str) -> Vec<(Vec<String>, String)> {
    let parts = |path: &str| -> Vec<String> {
        let parts = path.split("::").map(str::trim).filter(|p| !p.is_empty());
        parts.map(str::to_owned).collect()
    };
    let Some((prefix, rest)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path = parts(path);
        let last = path.last().cloned().unwrap_or_default();
        let name = if name.is_empty() {
            last
        } else {
            name.trim().to_owned()
        };
        return vec![(path, name)];
    };
    let prefix = parts(prefix);
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().unwrap().push(c);
    }
    let items = items.iter().map(|i| i.trim()).filter(|i| !i.is_empty());
    let last = prefix.last().cloned().unwrap_or_default();
    let whole = items.flat_map(expand).map(|(path, name)| {
        let name = if name == "self" { last.clone() } else { name };
        ([prefix.clone(), path].concat(), name)
    });
    whole.collect()
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

    #[test]
    fn a_path_in_code_is_an_import() {
        let sources = [
            ("crates/x/src/lib.rs", "//! X.\n\nmod a;\nmod b;\n"),
            (
                "crates/x/src/a.rs",
                "//! A.\n\npub(crate) fn f() {\n    crate::b::g();\n}\n",
            ),
            (
                "crates/x/src/b.rs",
                "//! B.\n\npub(crate) fn g() {\n    g(super::a::f);\n}\n",
            ),
        ];
        let circle = files(&sources).circle().map(|c| c.join(" "));
        assert_eq!(
            circle.as_deref(),
            Some("crates/x/src/a.rs crates/x/src/b.rs")
        );
    }

    #[test]
    fn a_parent_that_calls_its_child_imports_it() {
        let sources = [
            (
                "crates/x/src/lib.rs",
                "//! X.\n\nmod a;\n\npub struct P;\n\nfn f() {\n    a::g();\n}\n",
            ),
            ("crates/x/src/a.rs", "//! A.\n\nuse super::P;\n"),
        ];
        assert!(files(&sources).circle().is_some());
    }

    #[test]
    fn code_after_a_module_of_tests_counts() {
        let root =
            "//! X.\n\nmod a;\n#[cfg(test)]\nmod captured;\nmod b;\n\nfn f() {\n    a::g();\n}\n";
        let sources = [
            ("crates/x/src/main.rs", root),
            (
                "crates/x/src/a.rs",
                "//! A.\n\nfn g() {\n    crate::f();\n}\n",
            ),
        ];
        assert!(files(&sources).circle().is_some());
    }

    #[test]
    fn circles_in_test_programs_are_found() {
        let sources = [
            ("crates/x/tests/p/main.rs", "//! P.\n\nmod a;\nmod b;\n"),
            ("crates/x/tests/p/a.rs", "//! A.\n\nuse crate::b::B;\n"),
            ("crates/x/tests/p/b.rs", "//! B.\n\nuse super::a::A;\n"),
        ];
        assert!(files(&sources).circle().is_some());
        let listed = [
            ("crates/x/tests/q.rs", "//! Q.\n\nmod s;\n\nuse s::S;\n"),
            ("crates/x/tests/s/mod.rs", "//! S.\n\nuse crate::Q;\n"),
        ];
        assert!(files(&listed).circle().is_none());
    }

    #[test]
    fn paths_in_comments_texts_tests_and_visibilities_are_no_imports() {
        let b = concat!(
            "//! B, see [`crate::a::f`].\n\n/* super::a::f */\n",
            "pub(in crate::a) const T: &str = \"crate::a::f, \\\" crate::a::f\";\n",
            "const R: &str = r#\"\"super::a::f\"#;\n",
            "const C: [char; 2] = ['\"', '\\''];\n\n",
            "#[cfg(test)]\nmod tests {\n    fn t() {\n        crate::a::f();\n    }\n}\n",
        );
        let sources = [
            ("crates/x/src/lib.rs", "//! X.\n\nmod a;\nmod b;\n"),
            ("crates/x/src/a.rs", "//! A.\n\nuse super::b::T;\n"),
            ("crates/x/src/b.rs", b),
        ];
        assert_eq!(files(&sources).circle(), None);
    }
}
