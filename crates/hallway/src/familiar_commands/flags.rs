//! Arguments of other programs: what to type instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Arguments of other programs, and what to type instead: the verbs they are arguments of (none: all),
/// the arguments, and the text. The first that fits applies.
const INSTEAD_OF_FLAGS: &[(&[&str], &[&str], &str)] = &[
    (&["gc"], &["--force", "-f", "-y"], "hallway gc --yes"),
    (
        &["capture"],
        &["-i", "--interface"],
        "an interface belongs to the name: hallway capture NODE:eth0",
    ),
    (
        &["node", "network", "link"],
        &["-f", "--force"],
        "leave it out: nothing is asked; hallway node rm NODE",
    ),
    (
        &["inspect"],
        &["-f"],
        "hallway inspect NAME --format json is for programs",
    ),
    (
        &["status", "ls", "ps"],
        &["-w", "--watch"],
        "watch hallway status; hallway logs --events -f follows what happens",
    ),
    (
        &["shell"],
        &["-c", "-u", "--user"],
        "hallway exec NODE -- COMMAND; hallway exec -u USER NODE -- COMMAND runs it as another user",
    ),
    (
        &["node"],
        &["-e", "--env"],
        "leave it out: hallway node add NAME --network NETWORK -- env NAME=VALUE COMMAND",
    ),
    (
        &["up"],
        &["--reconfigure", "--cleanup"],
        "hallway up changes what differs from the file; hallway down removes the project",
    ),
    (
        &["up"],
        &["--parallel"],
        "leave it out: everything is built at the same time",
    ),
    (
        &["up", "graph", "test"],
        &["--node-filter"],
        "hallway up builds all nodes of the file; hallway stop NODE ends the program of one",
    ),
    (
        &["gc"],
        &["--dry-run"],
        "leave it out: hallway gc removes nothing without --yes",
    ),
    (
        &["down"],
        &["--dry-run"],
        "hallway plan --format shell --remove FILE shows what is removed",
    ),
    (
        &[],
        &["--dry-run"],
        "hallway plan FILE shows what hallway up would do",
    ),
    (
        &["logs"],
        &["--until"],
        "hallway logs --since 10m -t: the lines of the last ten minutes, each with its time",
    ),
    (
        &["logs", "up"],
        &["--no-log-prefix"],
        "hallway logs NODE prints the lines of one node without its name before them",
    ),
    (
        &["logs"],
        &["--index"],
        "name the node: hallway logs NODE; hallway node ls lists them",
    ),
    (
        &["up"],
        &["--timestamps"],
        "hallway up, then hallway logs -f -t",
    ),
    (
        &["start", "restart"],
        &["--wait", "--wait-timeout"],
        "leave it out; hallway up waits until all programs are ready",
    ),
    (
        &["graph"],
        &["--mermaid", "--dot", "--svg", "--drawio"],
        "hallway graph --format mermaid, dot or svg",
    ),
    (
        &["down"],
        &["--all", "-a"],
        "hallway down -p NAME removes one project, hallway sandbox rm NAME ends a sandbox with all of its projects; hallway ls --all lists them",
    ),
    (
        &["up"],
        &["--force-recreate", "--always-recreate-deps"],
        "hallway up changes what differs from the file; hallway restart starts all programs again",
    ),
    (
        &["up"],
        &[
            "--abort-on-container-exit",
            "--abort-on-container-failure",
            "--exit-code-from",
        ],
        "hallway up, then hallway status --exit-code: it is 3 when a program ended that hallway stop did not stop",
    ),
    (
        &["up"],
        &["--no-start", "--no-attach"],
        "hallway up, then hallway stop NODE",
    ),
    (
        &["up", "start", "restart"],
        &["--no-deps"],
        "hallway start NODE starts the program of one node",
    ),
    (
        &["stop", "restart", "down", "up"],
        &["--timeout"],
        "leave it out: a program has 10 s to end after SIGTERM",
    ),
    (
        &["stop", "restart", "down"],
        &["-t"],
        "leave it out: a program has 10 s to end after SIGTERM",
    ),
    (
        &["exec"],
        &["-d", "--detach"],
        "hallway exec NODE -- COMMAND & continues without waiting for it",
    ),
    (
        &["exec"],
        &["--label", "--cmd"],
        "hallway exec NODE -- COMMAND",
    ),
    (
        &["inspect"],
        &["--all", "-a"],
        "hallway ls --all lists all projects, hallway status shows one",
    ),
    (
        &["up", "down"],
        &["-y", "--yes", "--menu"],
        "leave it out: there is no prompt",
    ),
    (
        &["exec"],
        &["--privileged"],
        "leave it out: without -u, a command has all rights that hallway has in the node",
    ),
    (
        &["up"],
        &["-t"],
        "a file is named with -f FILE, or without a flag: hallway up FILE; a program has 10 s to end after SIGTERM",
    ),
    (
        &["up", "down", "plan", "validate", "graph", "test", "import"],
        &["-t", "-i", "-T", "--topo"],
        "a file is named with -f FILE, or without a flag: hallway VERB FILE",
    ),
    (
        &["logs", "ls", "ps", "status", "inspect", "exec", "shell"],
        &["-t", "--topo"],
        "a project that is up is named with -p: hallway VERB -p NAME",
    ),
    (
        &[],
        &["-t", "-i", "-T", "--topo"],
        "a file is named with -f FILE, or without a flag: hallway up FILE",
    ),
    (
        &[],
        &["--no-color", "--no-ansi", "--ansi"],
        "leave it out, and set NO_COLOR=1: then nothing is printed in colours",
    ),
    (
        &[],
        &["-u", "--user", "-e", "--env", "-w", "--workdir"],
        "the file has user, environment and working_dir for a node's program",
    ),
    (
        &[],
        &["--profile"],
        "it belongs after the command: hallway up --profile NAME",
    ),
    (
        &[],
        &["--env-file"],
        "it belongs after the command: hallway up --env-file FILE",
    ),
    (
        &[],
        &["--scale"],
        "it belongs after the command: hallway up --scale SERVICE=NUMBER",
    ),
    (
        &[],
        &["-f", "--file"],
        "it belongs after the command: hallway up -f FILE",
    ),
    (
        &["ls", "ps", "status"],
        &["--services", "--filter", "--status", "--no-trunc"],
        "hallway ls --format json, and hallway status --format json, are for programs",
    ),
    (
        &[],
        &["--project-directory"],
        "change to the directory: cd DIR && hallway up",
    ),
    (
        &["node"],
        &["--name"],
        "write the name without a flag: hallway node add NAME",
    ),
    (
        &["network"],
        &["--name"],
        "write the name without a flag: hallway network add NAME",
    ),
    (
        &["node"],
        &["--net", "--connect"],
        "hallway node add NAME --network NETWORK",
    ),
    (
        &["node"],
        &["--port", "--expose"],
        "hallway node add NAME --publish 8080:80",
    ),
    (
        &["node", "connect"],
        &["--ip", "--ip6"],
        "hallway connect NODE NETWORK --address ADDRESS, or hallway node add NAME --network NETWORK=ADDRESS",
    ),
    (
        &["network"],
        &["--driver", "-d", "--attachable", "--ipv6"],
        "leave it out: a network is a bridge, with IPv6 if it has an IPv6 subnet",
    ),
    (
        &[],
        &["--project-name", "--name"],
        "-p NAME, or --project NAME",
    ),
    (
        &[],
        &[
            "--volumes",
            "--rmi",
            "--build",
            "--pull",
            "--renew-anon-volumes",
        ],
        "leave it out: there are no images and no volumes",
    ),
];

/// What to type instead of an unknown argument of a verb.
pub(crate) fn instead_of_flag(error: &clap::Error, verb: &str) -> Option<(String, String)> {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let known = |(verbs, flags, _): &&(&[&str], &[&str], &str)| {
        let flag = flag.split('=').next().unwrap_or_default();
        flags.contains(&flag) && (verbs.is_empty() || verbs.contains(&verb))
    };
    let found = INSTEAD_OF_FLAGS.iter().find(known);
    let (.., text) = found.filter(|_| error.kind() == ErrorKind::UnknownArgument)?;
    Some((flag.clone(), text.replace("VERB", verb)))
}

/// Whether the unknown argument of a verb is the flag for the version, which only the whole command has.
pub(crate) fn asks_for_version(error: &clap::Error) -> bool {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
        return false;
    };
    error.kind() == ErrorKind::UnknownArgument && ["-V", "--version"].contains(&flag.as_str())
}

/// What to type instead of a value that a flag does not take.
pub(crate) fn instead_of_value(error: &clap::Error) -> Option<&'static str> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let port = text(ContextKind::InvalidValue).contains(':')
        && text(ContextKind::InvalidArg).contains("--project");
    port.then_some("-p names the project; a port is published with --publish 8080:80")
}
