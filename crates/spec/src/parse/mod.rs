//! Text → [`Topology`], or everything that is wrong with it at once.

mod endpoints;
mod links;
mod networks;
mod nodes;
mod policies;
mod reader;

use crate::tree::{Tree, start};
use crate::{
    Bandwidth, Code, Document, InterfaceName, Name, Place, Problem, Problems, Topology, check,
};
use reader::{At, Fields, Reader};

pub(crate) use reader::nearest;

/// Larger files are refused unread.
pub const TEXT_MAX: usize = 8 * 1024 * 1024;

/// Keys of a file.
pub(crate) const FILE_KEYS: &[&str] = &["name", "networks", "nodes", "links", "policies", "expect"];

/// A file that has been understood.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Project {
    /// What it means.
    pub topology: Topology,
    /// Things that are allowed but probably not meant.
    pub warnings: Vec<Problem>,
}

/// Reads a file's bytes; `path` is for messages and, without `name:`, gives the project's name.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn parse_bytes(path: &str, bytes: &[u8]) -> Result<Project, Problems> {
    let refuse = |message: String, help: &str| Problems {
        path: path.to_owned(),
        text: String::new(),
        problems: vec![Problem {
            help: Some(help.to_owned()),
            ..Problem::new(Code::BadText, &start(), message)
        }],
    };
    if bytes.len() > TEXT_MAX {
        return Err(refuse(
            format!("the file has more than {TEXT_MAX} bytes"),
            "split the project into several",
        ));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(path, text),
        Err(e) => {
            let good = bytes.get(..e.valid_up_to()).unwrap_or_default();
            let line = good.iter().filter(|b| **b == b'\n').count() + 1;
            let mut problems = refuse(
                format!(
                    "line {line} is not UTF-8 (byte {} of the file)",
                    e.valid_up_to()
                ),
                "save the file as UTF-8",
            );
            if let Some(place) = problems.problems.first_mut().and_then(|p| p.place.as_mut()) {
                place.line = line as u32;
            }
            Err(problems)
        }
    }
}

/// Reads a file's text.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn parse(path: &str, text: &str) -> Result<Project, Problems> {
    // A byte order mark is no part of the text that places count in.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let fail = |mut problems: Vec<Problem>| {
        problems.sort_by_key(|p| p.place.as_ref().map_or((0, 0), |p| (p.line, p.column)));
        problems.dedup();
        Problems {
            path: path.to_owned(),
            text: body.to_owned(),
            problems,
        }
    };
    if let Some(offset) = body.find('\0') {
        let line = body.get(..offset).unwrap_or_default().matches('\n').count() as u32 + 1;
        let place = Place {
            line,
            column: 1,
            offset,
            length: 1,
            ..Place::default()
        };
        return Err(fail(vec![Problem::new(
            Code::BadText,
            &place,
            "the file has a NUL character",
        )]));
    }
    let tree = Tree::read(body).map_err(|p| fail(vec![p]))?;
    let mut reader = Reader::new(&tree);
    let topology = file(&mut reader, &tree, path);
    let mut problems = reader.problems;
    let mut warnings = Vec::new();
    if let Some(topology) = &topology {
        check::all(topology, &mut problems, &mut warnings);
    }
    match topology {
        Some(topology) if problems.is_empty() => Ok(Project { topology, warnings }),
        _ => Err(fail(problems)),
    }
}

fn file(r: &mut Reader<'_>, tree: &Tree, path: &str) -> Option<Topology> {
    let root = At {
        id: tree.root,
        path: String::new(),
    };
    let place = r.place(&root);
    if r.is_null(root.id) {
        r.report(
            Problem::new(Code::BadText, &place, "the file is empty").help(crate::tree::EMPTY_HELP),
        );
        return None;
    }
    let fields = r.fields(
        &root,
        Some(FILE_KEYS),
        "a mapping with networks, nodes or links",
    );
    if !r.is_map(root.id) {
        return None;
    }
    let at = |name: &str| {
        fields.get(name).map(|id| At {
            id,
            path: name.to_owned(),
        })
    };
    let name = match at("name") {
        Some(at) => r.checked::<Name>(&at, "a name", Code::BadName),
        None => Some(name_of(path)),
    };
    let networks = at("networks")
        .map(|at| networks::read(r, &at))
        .unwrap_or_default();
    let mut nodes = at("nodes")
        .map(|at| nodes::read(r, &at))
        .unwrap_or_default();
    let links = at("links")
        .map(|at| links::read(r, &at, &mut nodes))
        .unwrap_or_default();
    let names = endpoints::Names::new(r, &networks, &nodes);
    let policies = at("policies")
        .map(|at| policies::read(r, &at, &names))
        .unwrap_or_default();
    let expects = at("expect")
        .map(|at| policies::read_expects(r, &at, &names))
        .unwrap_or_default();
    Some(Topology {
        name: name?,
        networks,
        nodes,
        links,
        policies,
        expects,
    })
}

/// A project without `name:` is called like its file, without `.hallway.yaml` or `.yaml`.
fn name_of(path: &str) -> Name {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = [".hallway.yaml", ".hallway.yml", ".yaml", ".yml", ".json"]
        .iter()
        .find_map(|end| file.strip_suffix(end))
        .unwrap_or(file);
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

/// The project of verbs that name none.
pub(crate) fn default_name() -> Name {
    "default"
        .parse()
        .unwrap_or_else(|_| unreachable!("`default` is a name"))
}

/// Names given as keys of a mapping.
fn named(r: &mut Reader<'_>, at: &At, what: &str) -> Vec<(Name, Place, At)> {
    let fields: Fields = r.fields(at, None, &format!("a mapping from names to {what}"));
    let mut out = Vec::new();
    for field in fields.0 {
        let value = At {
            id: field.value,
            path: reader::join(&at.path, &field.name),
        };
        if field.name.starts_with("x-") {
            continue;
        }
        match field.name.parse::<Name>() {
            Ok(name) if ["host", "outside", "any"].contains(&field.name.as_str()) => {
                r.report(Problem::new(
                    Code::BadName,
                    &field.key_place,
                    format!("{name} is a word of the policies and cannot be a name"),
                ));
            }
            Ok(name) => out.push((name, field.key_place, value)),
            Err(e) => r.report(Problem::new(Code::BadName, &field.key_place, e.to_string())),
        }
    }
    out
}

fn bandwidth(r: &mut Reader<'_>, at: &At) -> Option<Bandwidth> {
    r.value(at, "a bandwidth like 10mbit, 500kbit or 1gbit")
}

/// The name of a new interface.
fn interface(r: &mut Reader<'_>, at: &At) -> Option<InterfaceName> {
    let text = r.text(at, "an interface name")?;
    InterfaceName::for_new_interface(&text)
        .map_err(|error| {
            let place = r.place(at);
            r.report(Problem::new(Code::BadName, &place, error.to_string()));
        })
        .ok()
}

/// Bytes of a link's largest packet.
fn mtu(r: &mut Reader<'_>, at: &At) -> Option<u32> {
    let mtu = r.value::<u32>(at, "a number of bytes")?;
    if !(68..=65535).contains(&mtu) {
        r.wrong(at, "from 68 to 65535 bytes");
        return None;
    }
    Some(mtu)
}

/// The document a text stands for, for editing; the text must have parsed.
pub(crate) fn document(text: &str) -> Option<Document> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = Tree::read(body).ok()?;
    let mut budget = 4_000_000_usize;
    let mut value = json(&tree, tree.root, &mut budget)?;
    if let Some(sections) = value.as_object_mut() {
        sections.retain(|_, section| !section.is_null()); // `nodes:` and nothing after it
    }
    serde_json::from_value(value).ok()
}

/// A value as JSON, with merges done and plain scalars typed as YAML's core schema has it.
fn json(tree: &Tree, id: crate::tree::Id, budget: &mut usize) -> Option<serde_json::Value> {
    use crate::tree::Kind;
    use serde_json::Value;
    *budget = budget.checked_sub(1)?;
    Some(match &tree.get(id).kind {
        Kind::Scalar { text, plain: true } => match text.as_str() {
            "" | "~" | "null" => Value::Null,
            "true" | "yes" | "on" | "True" => Value::Bool(true),
            "false" | "no" | "off" | "False" => Value::Bool(false),
            number => number
                .parse::<i64>()
                .ok()
                .filter(|n| n.to_string() == *number)
                .map_or_else(|| Value::String(text.clone()), Value::from),
        },
        Kind::Scalar { text, .. } => Value::String(text.clone()),
        Kind::List(items) => Value::Array(
            items
                .iter()
                .map(|i| json(tree, *i, budget))
                .collect::<Option<_>>()?,
        ),
        Kind::Map(_) => {
            let mut reader = Reader::new(tree);
            let fields = reader.fields(
                &At {
                    id,
                    path: String::new(),
                },
                None,
                "",
            );
            let mut out = serde_json::Map::new();
            for field in fields.0 {
                if !field.name.starts_with("x-") {
                    out.insert(field.name, json(tree, field.value, budget)?);
                }
            }
            Value::Object(out)
        }
    })
}
