//! Compose files with everything they name: overrides, included files, extended services.

use std::collections::BTreeMap;
use std::rc::Rc;

use hallway_spec::problem::{ImportProblem, ProblemKind};
use hallway_spec::{Entry, Place, Problem, Value, ValueKind, nearest};

use crate::compose::schema;
use crate::findings::Findings;
use crate::merge::{child_mut, merge, merge_service, normalise, reset, same, take};
use crate::sources::{Sources, join, parent};
use crate::surroundings::{File, Surroundings};
use crate::tags;
use crate::variables::{Variables, replace};

/// The limit of nested files and services.
const DEPTH_MAX: usize = 24;
/// The limit of files in all: files that each include two others twice would be read without end.
const FILES_MAX: usize = 1000;

/// Reads files.
pub(crate) struct Loader<'a> {
    surroundings: Surroundings<'a>,
    pub(crate) variables: Variables<'a>,
    pub(crate) sources: Sources,
    pub(crate) findings: Findings,
    /// Other files whose services were extended.
    extended: BTreeMap<String, Rc<Value>>,
    /// The files and services that are being read, each named by the one before.
    chain: Vec<String>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(surroundings: Surroundings<'a>) -> Self {
        Self {
            surroundings,
            variables: Variables::of(surroundings.variable),
            sources: Sources::default(),
            findings: Findings::default(),
            extended: BTreeMap::new(),
            chain: Vec::new(),
        }
    }

    /// Adds the variables of a file; `required`: whether it is a problem if the file is missing.
    pub(crate) fn variables(&mut self, path: &str, required: bool) {
        match (self.surroundings.read)(path) {
            Ok(text) => {
                let (all, faults) = crate::variable_file::file(&text, &self.variables);
                for (name, value) in all {
                    if let Some(value) = value {
                        self.variables.file.insert(name, value);
                    }
                }
                for fault in faults {
                    let problem = fault.problem(path);
                    self.findings.problem(&Place::default(), problem);
                }
            }
            Err(error) if !required && self.is_left_out(path, &error) => {}
            Err(error) => {
                let path = path.to_owned();
                let place = Place::default();
                self.findings.problem(&place, unreadable(path, &error));
            }
        }
    }

    /// Whether a file that need not be there is not: Compose leaves out a directory of that name, too.
    fn is_left_out(&self, path: &str, error: &std::io::Error) -> bool {
        error.kind() == std::io::ErrorKind::NotFound || (self.surroundings.directory)(path)
    }

    /// All files as one.
    pub(crate) fn files(&mut self, files: &[File]) -> Option<Value> {
        let directory = files.first().map(|f| parent(&f.path)).unwrap_or_default();
        let mut whole: Option<Value> = None;
        for file in files {
            let value = self.text(&file.path, &file.text, &directory)?;
            put_over(&mut whole, value);
        }
        let mut whole = whole?;
        reset(&mut whole);
        Some(whole)
    }

    fn text(&mut self, path: &str, text: &str, directory: &str) -> Option<Value> {
        self.chain.push(path.to_owned());
        let value = self.whole_text(path, text, directory);
        self.chain.pop();
        value
    }

    /// The documents of a text as one: each changes those before, like an override file.
    fn whole_text(&mut self, path: &str, text: &str, directory: &str) -> Option<Value> {
        let documents = self.documents(path, text, directory)?;
        let mut whole: Option<Value> = None;
        for document in documents {
            let value = self.document(document, path)?;
            put_over(&mut whole, value);
        }
        whole
    }

    fn documents(&mut self, path: &str, text: &str, directory: &str) -> Option<Vec<Value>> {
        match self.sources.read(path, text, directory) {
            Ok(documents) => {
                documents
                    .iter()
                    .for_each(|d| tags::check(d, &mut self.findings));
                Some(documents)
            }
            Err(problems) => {
                self.findings.problems.extend(problems);
                None
            }
        }
    }

    fn document(&mut self, mut value: Value, path: &str) -> Option<Value> {
        if !value.is_map() {
            self.findings.unexpected(&value, "a mapping");
            return None;
        }
        replace(&mut value, &self.variables, &mut self.findings);
        normalise(&mut value);
        self.extend_services(&mut value, path);
        self.include(&mut value)?;
        Some(value)
    }

    /// Reads the files in `include`; existing values have precedence.
    fn include(&mut self, value: &mut Value) -> Option<()> {
        let Some(mut list) = take(value, "include") else {
            return Some(());
        };
        schema::check(&mut list.value, &schema::INCLUDES, &mut self.findings);
        for item in list.value.items() {
            let at = self.sources.directory(&item.place).to_owned();
            let paths = item.get("path").unwrap_or(item);
            let mut whole: Option<Value> = None;
            for path in paths.items() {
                // One without a path has been reported.
                let Some(text) = path.text() else {
                    continue;
                };
                let path_text = join(&at, text);
                self.enter(&path.place, text, &path_text)?;
                let directory = item.get("project_directory").and_then(Value::text);
                let directory = directory.map_or_else(|| parent(&path_text), |d| join(&at, d));
                let before = self.variables.file.clone();
                self.included_variables(item, &at, &directory);
                let read = self.other(&path.place, &path_text, &directory);
                self.variables.file = before;
                put_over(&mut whole, read?);
            }
            if let Some(mut included) = whole {
                schema::check(&mut included, &schema::FILE, &mut self.findings);
                self.add(value, included);
            }
        }
        Some(())
    }

    /// Whether a file or service that one in the chain names as `name` may be read; `key`
    /// identifies it.
    fn enter(&mut self, place: &Place, name: &str, key: &str) -> Option<()> {
        let name = name.to_owned();
        let problem = if self.chain.iter().any(|k| k == key) {
            ImportProblem::Cycle(name)
        } else if self.chain.len() > DEPTH_MAX {
            ImportProblem::TooDeep {
                name,
                max: DEPTH_MAX,
            }
        } else if self.sources.count() >= FILES_MAX {
            ImportProblem::TooManyFiles { max: FILES_MAX }
        } else {
            return Some(());
        };
        // It is found from each file of a cycle, and again with more files: once is enough.
        let same = |p: &Problem| match &p.kind {
            ProblemKind::Import(known) => {
                std::mem::discriminant(known) == std::mem::discriminant(&problem)
            }
            _ => false,
        };
        if !self.findings.problems.iter().any(same) {
            self.findings.problem(place, problem);
        }
        None
    }

    /// An included file also has the variables of its own `.env`; those of the project take
    /// precedence.
    fn included_variables(&mut self, item: &Value, at: &str, directory: &str) {
        let before = self.variables.file.clone();
        match item.get("env_file") {
            Some(files) => {
                for file in files.items().iter().filter_map(Value::text) {
                    self.variables(&join(at, file), true);
                }
            }
            None => self.variables(&join(directory, ".env"), false),
        }
        self.variables.file.extend(before);
    }

    fn other(&mut self, place: &Place, path: &str, directory: &str) -> Option<Value> {
        match (self.surroundings.read)(path) {
            Ok(text) => self.text(path, &text, directory),
            Err(error) => {
                let path = path.to_owned();
                self.findings.problem(place, unreadable(path, &error));
                None
            }
        }
    }

    /// Adds the parts of an included file. Those that are defined here too must be the same.
    fn add(&mut self, value: &mut Value, included: Value) {
        let ValueKind::Map(sections) = included.kind else {
            return;
        };
        for section in sections {
            if !["services", "networks", "x-hallway"].contains(&section.key.as_str()) {
                continue;
            }
            let Some(there) = child_mut(value, &section.key) else {
                insert(value, section);
                continue;
            };
            let ValueKind::Map(entries) = section.value.kind else {
                continue;
            };
            for entry in entries {
                let own = there.entries().iter().find(|e| e.key == entry.key);
                match own {
                    Some(own)
                        if section.key != "x-hallway"
                            && entry.key != "default"
                            && !self.equal(own, &entry) =>
                    {
                        let kind = ImportProblem::DefinedTwice {
                            name: entry.key.clone(),
                            first: entry.place.clone(),
                        };
                        self.findings.problem(&own.place, kind);
                    }
                    Some(_) => {}
                    None => insert(there, entry),
                }
            }
        }
    }

    /// Whether two definitions are the same: equal texts, and paths in them that are relative to the
    /// same directory.
    fn equal(&self, a: &Entry, b: &Entry) -> bool {
        let directory = |entry: &Entry| self.sources.directory(&entry.place);
        let paths = a.value.get("env_file").is_some();
        same(&a.value, &b.value) && (!paths || directory(a) == directory(b))
    }

    fn extend_services(&mut self, value: &mut Value, path: &str) {
        let Some(services) = child_mut(value, "services") else {
            return;
        };
        let all = services.clone();
        let ValueKind::Map(entries) = &mut services.kind else {
            return;
        };
        for entry in entries {
            let mut extended = entry.value.clone();
            self.extend(&mut extended, &all, path);
            entry.value = extended;
        }
    }

    /// Merges into a service the one of the file `path` that it extends.
    fn extend(&mut self, own: &mut Value, services: &Value, path: &str) {
        let Some(mut extends) = take(own, "extends") else {
            return;
        };
        let before = self.findings.problems.len();
        schema::check(&mut extends.value, &schema::EXTENDS, &mut self.findings);
        // What else is wrong follows from that.
        if self.findings.problems.len() > before {
            return;
        }
        let place = &extends.place;
        let name = extends.value.get("service").unwrap_or(&extends.value);
        // One without a service has been reported.
        let Some(name) = name.text().map(str::to_owned) else {
            return;
        };
        let file = extends.value.get("file").and_then(Value::text);
        let of_file = match file {
            None => path.to_owned(),
            Some(file) => join(self.sources.directory(place), file),
        };
        let path = of_file.as_str();
        let key = format!("{path}: {name}");
        if self.enter(place, &name, &key).is_none() {
            return;
        }
        let other;
        let services = match file {
            None => services,
            Some(_) => {
                let Some(services) = self.extended_file(place, path) else {
                    return;
                };
                other = services;
                &*other
            }
        };
        let Some(mut base) = services.get(&name).cloned() else {
            let known = services.entries().iter().map(|e| e.key.as_str());
            let nearest = nearest(&name, known).map(str::to_owned);
            let kind = ImportProblem::UnknownService {
                service: name,
                nearest,
            };
            self.findings.problem(&extends.value.place, kind);
            return;
        };
        self.chain.push(key);
        self.extend(&mut base, services, path);
        self.chain.pop();
        merge_service(&mut base, std::mem::take(own));
        *own = base;
    }

    /// The services of an extended file.
    fn extended_file(&mut self, place: &Place, path: &str) -> Option<Rc<Value>> {
        if let Some(value) = self.extended.get(path) {
            return Some(Rc::clone(value));
        }
        let text = match (self.surroundings.read)(path) {
            Ok(text) => text,
            Err(error) => {
                let path = path.to_owned();
                self.findings.problem(place, unreadable(path, &error));
                return None;
            }
        };
        let mut whole: Option<Value> = None;
        for mut document in self.documents(path, &text, &parent(path))? {
            replace(&mut document, &self.variables, &mut self.findings);
            normalise(&mut document);
            put_over(&mut whole, document);
        }
        let mut value = whole?;
        let services = take(&mut value, "services").map(|e| e.value);
        let services = Rc::new(services.unwrap_or_default());
        self.extended.insert(path.to_owned(), Rc::clone(&services));
        Some(services)
    }
}

/// A file that must be there.
fn unreadable(path: String, error: &std::io::Error) -> ImportProblem {
    ImportProblem::Unreadable {
        path,
        error: error.to_string(),
        optional: false,
    }
}

/// Merges what comes later.
fn put_over(whole: &mut Option<Value>, value: Value) {
    match whole {
        None => *whole = Some(value),
        Some(base) => merge(base, value),
    }
}

/// Adds an entry to a mapping.
fn insert(value: &mut Value, entry: Entry) {
    if let ValueKind::Map(entries) = &mut value.kind {
        entries.push(entry);
    }
}
