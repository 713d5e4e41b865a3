//! Text → [`Topology`], or all problems at once.

mod consequences;
mod endpoints;
mod health;
mod links;
mod networks;
mod nodes;
mod policies;
mod ports;
mod program;
mod sidecars;
mod values;

use crate::document::FileKeys;
use crate::problem::{OtherFormat, TextProblem};
use crate::reader::{At, Reader};
use crate::tree::{Id, Kind, Tree, start};
use crate::{Name, Place, Problem, Problems, Topology, Value, Warning, check, syntax};

/// Larger files, in bytes, are refused without reading them.
pub const TEXT_MAX: usize = 8 * 1024 * 1024;

/// A file that has been parsed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Project {
    /// Its topology.
    pub topology: Topology,
    /// Whether the file names the project itself, with `name:`.
    pub named: bool,
    /// Things that are allowed but probably not intended.
    pub warnings: Vec<Warning>,
}

/// Reads a file's bytes; `path` is for messages and, without `name:`, for the project's name.
///
/// # Errors
/// All problems of the file, in the order of the text.
pub fn parse_bytes(path: &str, bytes: &[u8]) -> Result<Project, Problems> {
    let refuse = |place: &Place, kind: TextProblem| Problems {
        path: path.to_owned(),
        text: String::new(),
        more: Vec::new(),
        problems: vec![Problem::new(place, kind)],
    };
    if bytes.len() > TEXT_MAX {
        return Err(refuse(&start(), TextProblem::TooLarge(TEXT_MAX)));
    }
    std::str::from_utf8(bytes)
        .map_err(|error| {
            let offset = error.valid_up_to();
            let before = bytes.get(..offset).unwrap_or_default();
            let line = before.iter().filter(|b| **b == b'\n').count() as u32 + 1;
            let place = Place { line, ..start() };
            refuse(&place, TextProblem::NotUtf8 { line, offset })
        })
        .and_then(|text| parse(path, text))
}

/// Reads a file's text; `path` is for messages and, without `name:`, for the project's name.
///
/// ```
/// let text = "
/// networks: { lan: { subnet: 10.10.0.0/24 } }
/// nodes: { web: { networks: [lan], ports: [8080:80] } }
/// ";
/// let project = hallway_spec::parse("shop.hallway.yaml", text)?;
/// assert_eq!(project.topology.name.as_ref(), "shop");
/// let gateway = project.topology.networks[0].subnets[0].gateway;
/// assert_eq!(gateway.map(|g| g.to_string()).as_deref(), Some("10.10.0.1"));
/// # Ok::<(), hallway_spec::Problems>(())
/// ```
///
/// # Errors
/// All problems of the file, in the order of the text.
pub fn parse(path: &str, text: &str) -> Result<Project, Problems> {
    // Places do not include a byte order mark.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let fail = |mut problems: Vec<Problem>| {
        problems.sort_by_key(|p| (p.place.line, p.place.column));
        problems.dedup();
        Problems {
            path: path.to_owned(),
            text: body.to_owned(),
            more: Vec::new(),
            problems,
        }
    };
    if let Some(place) = nul(body) {
        return Err(fail(vec![Problem::new(&place, TextProblem::Nul)]));
    }
    let tree = Tree::read(body).map_err(|p| fail(vec![of_first_document(body, p)]))?;
    if !matches!(tree.get(tree.root).kind, Kind::Map(_))
        && let Some(problem) = syntax::toml(body)
    {
        return Err(fail(vec![problem]));
    }
    of_tree(path, &tree).map_err(fail)
}

/// Reads a value that was translated from another format. Places of the project and of problems are
/// those of the values, so that they refer to the original.
///
/// # Errors
/// All problems, in the order of the original.
pub fn parse_value(path: &str, value: &Value) -> Result<Project, Vec<Problem>> {
    of_tree(path, &crate::value::tree(value)).map_err(|mut problems| {
        problems.sort_by_key(|p| p.place.offset);
        problems.dedup();
        problems
    })
}

/// A file of several documents may be one of another program: its first document shows that.
fn of_first_document(text: &str, problem: Problem) -> Problem {
    let first = text.get(..problem.place.offset).unwrap_or_default();
    if problem.kind != TextProblem::SeveralDocuments.into() {
        return problem;
    }
    let other = Tree::read(first).ok().and_then(|tree| {
        let (place, kind) = not_ours(&tree, &start())?;
        matches!(kind, TextProblem::OtherFormat(_)).then(|| Problem::new(&place, kind))
    });
    other.unwrap_or(problem)
}

fn of_tree(path: &str, tree: &Tree) -> Result<Project, Vec<Problem>> {
    let mut reader = Reader::new(tree);
    let project = file(&mut reader, tree, path);
    let mut problems = reader.problems;
    let mut warnings = Vec::new();
    if let Some((topology, _)) = &project {
        check::all(topology, &mut problems, &mut warnings);
    }
    match project {
        Some((topology, named)) if problems.is_empty() => Ok(Project {
            topology,
            named,
            warnings,
        }),
        _ => Err(consequences::left_out(tree, problems)),
    }
}

/// Where the first NUL character is.
fn nul(text: &str) -> Option<Place> {
    let offset = text.find('\0')?;
    let before = text.get(..offset).unwrap_or_default();
    Some(Place {
        line: before.matches('\n').count() as u32 + 1,
        offset,
        length: 1,
        ..start()
    })
}

/// The topology, and whether the file names the project.
fn file(r: &mut Reader<'_>, tree: &Tree, path: &str) -> Option<(Topology, bool)> {
    let root = At {
        id: tree.root,
        path: String::new(),
    };
    if r.is_null(root.id) {
        r.report(&root, TextProblem::Empty);
        return None;
    }
    if let Some((place, kind)) = not_ours(tree, &r.place(&root)) {
        r.report_at(&place, kind);
        return None;
    }
    let keys = FileKeys::read(r, &root, "a mapping with networks, nodes or links");
    if !r.is_map(root.id) {
        return None;
    }
    let name = match &keys.name {
        Some(at) => r.checked::<Name>(at, "a name"),
        None => Some(name_of(path)),
    };
    let networks = networks::read(r, keys.networks.as_ref());
    let (mut nodes, shared) = nodes::read(r, keys.nodes.as_ref());
    let links = links::read(r, keys.links.as_ref(), &mut nodes);
    sidecars::give(r, shared, &mut nodes);
    let names = endpoints::Names::new(&networks, &nodes);
    let policies = policies::read(r, keys.policies.as_ref(), &names);
    let expects = policies::read_expects(r, keys.expect.as_ref(), &names);
    let topology = Topology {
        name: name?,
        networks,
        nodes,
        links,
        policies,
        expects,
    };
    Some((topology, keys.name.is_some()))
}

/// A file of another program: one message reports that, instead of one for each key.
fn not_ours(tree: &Tree, root: &Place) -> Option<(Place, TextProblem)> {
    let pairs = match &tree.get(tree.root).kind {
        Kind::Scalar { .. } => return Some((root.clone(), TextProblem::PlainText)),
        Kind::List(_) => return Some((root.clone(), TextProblem::AList)),
        Kind::Map(pairs) => pairs,
    };
    let name = |id| match &tree.get(id).kind {
        Kind::Scalar { text, .. } => Some(text.as_str()),
        _ => None,
    };
    let names = |pairs: &[(Id, Id)]| pairs.iter().filter_map(|(key, _)| name(*key)).collect();
    let keys: Vec<(&str, Vec<&str>)> = (pairs.iter())
        .filter_map(|(key, value)| {
            let below = match &tree.get(*value).kind {
                Kind::Map(below) => names(below),
                _ => Vec::new(),
            };
            Some((name(*key)?, below))
        })
        .collect();
    let (format, shown_by) = OtherFormat::of(&keys)?;
    let (key, _) = pairs.iter().find(|(key, _)| name(*key) == Some(shown_by))?;
    let place = tree.get(*key).place.clone();
    Some((place, TextProblem::OtherFormat(format)))
}

/// File names without information about the project; it then has the name of their directory.
const COMMON_FILES: [&str; 6] = [
    "hallway.yaml",
    "hallway.yml",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// The name of a project whose file has no `name:`. It is the name of the file without
/// `.hallway.yaml` or `.yaml`; for `hallway.yaml` and `compose.yaml` it is the name of its directory,
/// as far as `path` has one. Characters that a name may not have become `-`.
///
/// ```
/// assert_eq!(hallway_spec::name_of("labs/shop.yaml").as_ref(), "shop");
/// assert_eq!(hallway_spec::name_of("/home/me/my shop/hallway.yaml").as_ref(), "my-shop");
/// ```
#[must_use]
pub fn name_of(path: &str) -> Name {
    let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
    let directory = directory.rsplit('/').next().unwrap_or_default();
    let stem = match directory {
        named if COMMON_FILES.contains(&file) && !["", ".", ".."].contains(&named) => named,
        _ => [
            ".hallway.yaml",
            ".hallway.yml",
            ".clab.yaml",
            ".clab.yml",
            ".yaml",
            ".yml",
            ".json",
        ]
        .iter()
        .find_map(|end| file.strip_suffix(end))
        .unwrap_or(file),
    };
    let clean: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(63)
        .collect();
    clean
        .trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
        .parse()
        .unwrap_or_else(|_| default_name())
}

/// The project of commands without a project name.
pub(crate) fn default_name() -> Name {
    "default"
        .parse()
        .unwrap_or_else(|_| unreachable!("`default` is a name"))
}
