//! The kinds of values of a topology, as containerlab reads them. Its other keys are reported as ignored.

use hallway_spec::problem::ValueProblem;
use hallway_spec::{Value, meant};

use crate::compose::schema::common::{ANY_SCALAR, OPTIONS, TEXT, WHOLE};
use crate::compose::schema::shape::{Keys, Map, Shape, keys};
use crate::compose::schema::{self};
use crate::findings::Findings;

static FILE: Shape = keys!(
    "a mapping",
    "mgmt": MANAGEMENT,
    "name": ANY_SCALAR,
    "prefix": ANY_SCALAR,
    "settings": SETTINGS,
    "topology": TOPOLOGY,
)
.open();
static MANAGEMENT: Shape = keys!("a mapping like { network: mgmt }", "network": TEXT).open();
static SETTINGS: Shape = keys!("a mapping", "certificate-authority": ANY).open();
static ANY: Shape = keys!("a mapping", "key-size": WHOLE).open();
static TOPOLOGY: Shape = keys!(
    "a mapping with nodes and links",
    "defaults": NODE,
    "groups": NODES,
    "kinds": NODES,
    "links": LINKS,
    "nodes": NODES,
);
static NODES: Shape = Shape::names(
    &NODE,
    "a mapping from names to settings, like { r1: { kind: linux } }",
);
static NODE: Shape = keys!(
    "a mapping like { kind: linux }",
    "binds": SCALARS,
    "cmd": COMMAND,
    "dns": DNS,
    "entrypoint": COMMAND,
    "env": OPTIONS,
    "env-files": SCALARS,
    "exec": EXEC,
    "group": ANY_SCALAR,
    "image": ANY_SCALAR,
    "kind": ANY_SCALAR,
    "labels": OPTIONS,
    "ports": SCALARS,
    "sysctls": OPTIONS,
)
.open();
/// containerlab takes a number or a truth value as a text.
static SCALARS: Shape = Shape::list(&ANY_SCALAR, "a list of texts, like [a, b]");
static COMMAND: Shape = Shape::scalar(
    crate::compose::schema::shape::Scalar::Any,
    "a command as one text",
);
static EXEC: Shape = Shape::list(&TEXT, "a list of commands, like [ip link set eth1 up]");
static DNS: Shape = keys!(
    "a mapping like { servers: [10.0.0.53] }",
    "options": SCALARS,
    "search": SCALARS,
    "servers": SCALARS,
);
static LINKS: Shape = Shape::list(
    &LINK,
    "a list like [{ endpoints: [\"a:eth1\", \"b:eth1\"] }]",
);
/// Its ends are read with the links.
static LINK: Shape = keys!(
    "a link like { endpoints: [\"a:eth1\", \"b:eth1\"] }",
    "host-interface": TEXT,
    "mtu": WHOLE,
    "type": TEXT,
)
.open();

/// Types of links in containerlab.
const TYPES: [&str; 7] = [
    "dummy",
    "host",
    "macvlan",
    "mgmt-net",
    "veth",
    "vxlan",
    "vxlan-stitch",
];

/// Reports values of other kinds, types of links that do not exist, and a topology without nodes.
pub(super) fn check(file: &mut Value, findings: &mut Findings) {
    schema::check(file, &FILE, findings);
    let topology = file.get("topology");
    let links = topology.and_then(|t| t.get("links"));
    for link in links.map(Value::items).unwrap_or_default() {
        let Some(value) = link.get("type") else {
            continue;
        };
        let kind = value.text().unwrap_or_default();
        if !TYPES.contains(&kind) && !kind.is_empty() {
            unknown_type(value, kind, findings);
        }
    }
    let nodes = topology.and_then(|t| t.get("nodes"));
    let empty =
        nodes.is_none_or(|nodes| nodes.is_null() || nodes.is_map() && nodes.entries().is_empty());
    if empty && findings.problems.is_empty() {
        let at = nodes.or(topology).unwrap_or(file);
        findings.problem(
            &at.place,
            ValueProblem::Missing(hallway_spec::problem::Required::NodesOfLab),
        );
    }
}

fn unknown_type(value: &Value, kind: &str, findings: &mut Findings) {
    const EXPECTED: &str =
        "the type of a link: veth, macvlan, host, mgmt-net, vxlan, vxlan-stitch or dummy";
    match meant(kind, TYPES.into_iter()) {
        Some("veth") => findings.unexpected(value, "veth, the type of a link between two nodes"),
        _ => findings.unexpected(value, EXPECTED),
    }
}
