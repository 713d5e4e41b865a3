//! Text → hallway file, for every format.

use hallway_spec::problem::{NameProblem, NetworkProblem, PolicyProblem, ProblemKind};
use hallway_spec::{Code, Name, Place, Problem, Problems, Project, SourceText, Value, parse_value};

use crate::findings::Findings;
use crate::format::FileFormat;
use crate::load::Loader;
use crate::places::comment;
use crate::render::render;
use crate::sources::{Sources, join, parent};
use crate::surroundings::{File, Options, Surroundings};
use crate::variables::Variables;
use crate::{compose, containerlab, kathara};

/// A file that has been translated.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its format.
    pub format: FileFormat,
    /// Its meaning. Places are those of the given files.
    pub project: Project,
    /// The hallway file.
    pub text: String,
    /// The hallway file with the places of its parts in the given file, in a comment.
    pub kept: String,
    /// Omitted keys, by name.
    pub ignored: Vec<String>,
    /// Notes for users about the translation.
    pub notes: Vec<String>,
    /// What is omitted without a change of the meaning.
    pub remarks: Vec<String>,
    /// The first file.
    pub source: SourceText,
    /// The files that were read after it.
    pub more: Vec<SourceText>,
}

impl Imported {
    /// The omitted keys, in one sentence.
    #[must_use]
    pub fn ignored_words(&self) -> Option<String> {
        (!self.ignored.is_empty()).then(|| {
            format!(
                "ignored, since it does not concern the network or hallway has no equivalent: {}",
                self.ignored.join(", ")
            )
        })
    }

    /// The hallway file with comments on what has no equivalent, in lines of at most so many columns where
    /// words allow that.
    #[must_use]
    pub fn commented(&self, width: usize) -> String {
        let mut out = String::new();
        for note in (self.ignored_words().iter())
            .chain(&self.notes)
            .chain(&self.remarks)
        {
            fold(note, width, &mut out);
        }
        out.push_str(&self.text);
        out
    }
}

/// Writes a note as a comment. Its second and later lines are indented.
fn fold(note: &str, width: usize, out: &mut String) {
    let mut line = "#".to_owned();
    for word in note.split_whitespace() {
        let length = line.chars().count() + 1 + word.chars().count();
        if length > width && !line.trim_start_matches(['#', ' ']).is_empty() {
            out.push_str(&line);
            out.push('\n');
            line = "#  ".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

/// Translates files of one format; later ones change the first.
///
/// # Errors
/// All their problems.
pub fn import(
    files: &[File],
    options: &Options,
    surroundings: Surroundings<'_>,
) -> Result<Imported, Problems> {
    let path = files.first().map(|f| f.path.clone()).unwrap_or_default();
    let mut loader = Loader::new(surroundings);
    if let Some(file) = files.first().filter(|f| is_lab(f)) {
        // That of the directory, as for a hallway.yaml.
        let directory = options.directory.clone();
        let directory = directory.unwrap_or_else(|| parent(&path));
        let otherwise = hallway_spec::name_of(&format!("{directory}/hallway.yaml")).to_string();
        let name = options.name.as_deref();
        let (sources, mut findings) = (&mut loader.sources, Findings::default());
        let value = kathara::translate(
            file,
            name,
            &otherwise,
            &surroundings,
            sources,
            &mut findings,
        );
        return finish(
            FileFormat::Kathara,
            &path,
            Some(value),
            findings,
            &loader.sources,
        );
    }
    match options.variable_files.as_slice() {
        [] => {
            loader.variables(&join(&parent(&path), ".env"), false);
            if options.named_by_variable && !parent(&path).is_empty() {
                loader.variables(".env", false);
            }
        }
        paths => paths.iter().for_each(|path| loader.variables(path, true)),
    }
    let options = &with_profiles(options, &loader.variables);
    let name = compose::name(files, options, &loader.variables);
    loader.variables.project = Some(name.clone());
    let whole = loader.files(files);
    let mut findings = std::mem::take(&mut loader.findings);
    let format = match (&whole, files.first()) {
        (Some(whole), Some(first)) => FileFormat::of_value(&first.path, whole),
        _ => None,
    };
    let format = format.unwrap_or(FileFormat::Compose);
    let value = whole.map(|whole| {
        if format == FileFormat::Containerlab {
            let name = containerlab::name(&whole, options.name.as_deref(), &path);
            return containerlab::translate(&whole, &name, &surroundings, &mut findings);
        }
        compose::translate(
            &whole,
            &name,
            options,
            &surroundings,
            &loader.sources,
            &loader.variables,
            &mut findings,
        )
    });
    finish(format, &path, value, findings, &loader.sources)
}

/// The options, with the profiles of the variable if they contain none.
fn with_profiles(options: &Options, variables: &Variables<'_>) -> Options {
    let mut options = options.clone();
    if options.profiles.is_empty() {
        let given = variables.get("COMPOSE_PROFILES").unwrap_or_default();
        let names = given.split(',').map(str::trim).filter(|n| !n.is_empty());
        options.profiles = names.map(str::to_owned).collect();
    }
    options
}

/// Whether it is the file of a Kathara lab.
fn is_lab(file: &File) -> bool {
    FileFormat::of(&file.path, "") == Some(FileFormat::Kathara)
}

/// Removes repetitions: nodes of one service have one place, and one mistake there is one problem. What else is
/// wrong with a value of the wrong kind follows from that.
fn once(problems: &mut Vec<Problem>) {
    let wrong = |p: &&Problem| p.kind.code() == Code::BadValue && p.place.line > 0;
    let wrong: Vec<usize> = problems
        .iter()
        .filter(wrong)
        .map(|p| p.place.offset)
        .collect();
    problems.retain(|p| p.kind.code() == Code::BadValue || !wrong.contains(&p.place.offset));
    let mut said: Vec<(usize, Code)> = Vec::new();
    problems.retain(|problem| {
        let this = (problem.place.offset, problem.kind.code());
        // A problem of the file as a whole has no place.
        let again = problem.place.line > 0 && said.contains(&this);
        said.push(this);
        !again
    });
}

/// Reads the translation as a project.
fn finish(
    format: FileFormat,
    path: &str,
    value: Option<Value>,
    mut findings: Findings,
    sources: &Sources,
) -> Result<Imported, Problems> {
    let (source, more) = sources.texts();
    let fail = |mut problems: Vec<Problem>| {
        problems.sort_by_key(|p| p.place.offset);
        // What is wrong with a value whose variables cannot be replaced follows from that.
        let missing = |p: &Problem| {
            let code = p.kind.code();
            code == Code::MissingVariable || code == Code::BadInterpolation
        };
        let places = problems.iter().filter(|p| missing(p));
        let places: Vec<usize> = places.map(|p| p.place.offset).collect();
        problems.retain(|p| missing(p) || !places.contains(&p.place.offset));
        once(&mut problems);
        Problems {
            path: source.path.clone(),
            text: source.text.clone(),
            more: more.clone(),
            problems,
        }
    };
    let Some(value) = value else {
        return Err(fail(findings.problems));
    };
    let problems = std::mem::take(&mut findings.problems);
    let project = project(path, &value, problems).map_err(fail)?;
    let text = render(&without_empty(&value));
    let kept = match hallway_spec::parse(path, &text) {
        Ok(again) => format!("{text}{}", comment(&again.topology, &project.topology)),
        Err(_) => text.clone(),
    };
    Ok(Imported {
        format,
        project,
        text,
        kept,
        ignored: findings.ignored,
        notes: findings.notes,
        remarks: findings.remarks,
        source,
        more,
    })
}

/// The project of a translation. One mistake gives one message: if a part of the original is omitted
/// because of a problem, consequences of its absence are not reported.
fn project(path: &str, value: &Value, mut found: Vec<Problem>) -> Result<Project, Vec<Problem>> {
    let result = parse_value(path, value);
    let whole = |p: &Problem| {
        matches!(
            p.kind.code(),
            Code::UnknownKey
                | Code::BadValue
                | Code::Missing
                | Code::UnknownName
                | Code::BadDependency
        )
    };
    match result {
        Ok(project) if found.is_empty() => Ok(project),
        Err(problems) if found.is_empty() => Err(problems),
        Err(problems) if found.iter().all(whole) => {
            let said: Vec<usize> = found.iter().map(|p| p.place.offset).collect();
            let mut more = problems;
            more.retain(|p| !said.contains(&p.place.offset) && !follows(p, &found));
            found.extend(more);
            Err(found)
        }
        _ => Err(found),
    }
}

/// Whether a problem follows from what was left out: the translation has checked on what services depend,
/// what cannot be read among the ports has no name, and a network with a mistake may lack its subnet.
fn follows(problem: &Problem, found: &[Problem]) -> bool {
    let is_wrong = |network: &Name| {
        let below = format!("networks.{network}.");
        found.iter().any(|f| f.place.key.starts_with(&below))
    };
    match &problem.kind {
        ProblemKind::Name(NameProblem::UnknownDependency { .. })
        | ProblemKind::Policy(PolicyProblem::PortName(_)) => true,
        ProblemKind::Network(NetworkProblem::AddressOutside { network, .. }) => is_wrong(network),
        _ => false,
    }
}

/// Without empty sections.
fn without_empty(value: &Value) -> Value {
    let entries = value.entries().iter();
    let entries = entries.filter(|e| !e.value.is_map() || !e.value.entries().is_empty());
    Value::of_map(&Place::default(), entries.cloned().collect())
}
