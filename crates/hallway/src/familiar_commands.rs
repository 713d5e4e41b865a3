//! Verbs of other programs: what to type instead.

mod flags;
mod order;
mod words;

use clap::error::{ContextKind, ContextValue, ErrorKind};

pub(crate) use flags::{asks_for_version, instead_of_flag, instead_of_value};
pub(crate) use order::in_other_order;
pub(crate) use words::instead_of_words;

/// The verbs of other programs (Docker, Compose, containerlab, mininet, ip, Vagrant), and of hallway.
const INSTEAD: &[(&[&str], &str)] = &[
    (
        &["config", "convert"],
        "hallway validate checks the file; hallway import prints the translation of a Compose file",
    ),
    (
        &["deploy", "redeploy", "create", "lstart"],
        "hallway up FILE",
    ),
    (
        &["lrestart"],
        "hallway restart starts all programs again; hallway down, then hallway up FILE builds everything again",
    ),
    (&["lclean", "wipe"], "hallway down removes the project"),
    (
        &["linfo"],
        "hallway status shows the project, hallway ls --all lists all projects",
    ),
    (
        &["vstart"],
        "hallway node add NAME --network NETWORK -- COMMAND",
    ),
    (&["vclean"], "hallway node rm NODE"),
    (
        &["vconfig", "lconfig"],
        "hallway connect NODE NETWORK, or hallway link add A B",
    ),
    (
        &["build", "pull", "push", "images", "image", "login"],
        "hallway up builds everything; programs are those of this machine, so there are no images to build or pull",
    ),
    (
        &["destroy", "delete", "remove", "clean", "cleanup", "prune"],
        "hallway down removes the project; hallway gc lists what is left of projects that are not on record",
    ),
    (
        &["add"],
        "hallway node add NAME --network NETWORK, hallway network add NAME, or hallway link add A B",
    ),
    (
        &["get"],
        "hallway status, hallway node ls, hallway network ls or hallway policy ls",
    ),
    (&["describe"], "hallway inspect NAME"),
    (
        &["port-forward", "expose", "forward"],
        "hallway publish NODE HOST-PORT:NODE-PORT, like hallway publish web 8080:80",
    ),
    (
        &["rm", "del"],
        "hallway node rm NODE, or hallway down for the whole project",
    ),
    (
        &["run"],
        "hallway exec NODE -- COMMAND, or hallway node add NAME --network NETWORK -- COMMAND",
    ),
    (
        &["kill", "pause", "unpause"],
        "hallway stop NODE, and hallway start NODE",
    ),
    (
        &["compose", "docker", "podman"],
        "hallway up reads a Compose file itself: hallway up compose.yaml",
    ),
    (
        &["containerlab", "clab", "mn", "kathara"],
        "hallway up FILE reads containerlab topologies and Kathara labs itself",
    ),
    (
        &["cp", "volume", "volumes", "commit"],
        "nodes have the files of this machine: nothing has to be copied to them or mounted",
    ),
    (
        &["save"],
        "hallway export prints the running project as a file",
    ),
    (&["attach"], "hallway up --attach, or hallway logs -f"),
    (&["events", "watch"], "hallway logs --events -f"),
    (
        &["port", "list", "show", "top", "stats", "info", "dump"],
        "hallway status, or hallway ls",
    ),
    (
        &["nodes", "container", "containers", "service", "services"],
        "hallway node ls, or hallway status",
    ),
    (&["system"], "hallway gc lists what is left of projects"),
    (
        &["tools", "veth", "netem"],
        "hallway link add A B connects two nodes; hallway impair NODE delay=10ms changes what it sends",
    ),
    (
        &["networks", "nets", "net", "bridge", "brctl"],
        "hallway network ls",
    ),
    (&["links", "cables", "cable"], "hallway link ls"),
    (&["policies"], "hallway policy ls"),
    (&["block", "reject", "drop"], "hallway deny FROM TO"),
    (&["permit", "accept"], "hallway allow FROM TO"),
    (&["topo", "topology"], "hallway graph, or hallway status"),
    (&["netstat", "ss"], "hallway exec NODE -- ss -lntup"),
    (&["wait"], "hallway up returns when all programs are ready"),
    (&["scale"], "hallway up --scale SERVICE=NUMBER"),
    (
        &["ip", "netns"],
        "hallway exec NODE -- COMMAND, like hallway exec web -- ip addr; namespaces are made and listed by hallway node add NAME, hallway node rm NAME and hallway node ls",
    ),
    (&["addr", "address"], "hallway exec NODE -- ip addr"),
    (&["route"], "hallway exec NODE -- ip route"),
    (&["neigh", "arp"], "hallway exec NODE -- ip neigh"),
    (
        &["nft", "iptables"],
        "hallway deny FROM TO, or hallway publish NODE PORT; hallway plan --format shell shows the rules",
    ),
    (&["tc"], "hallway impair NODE delay=50ms loss=1%"),
    (
        &["ping", "curl"],
        "hallway reach A B, or hallway exec NODE -- ping ADDRESS",
    ),
    (
        &["pingall", "pingallfull", "pingpair"],
        "hallway test --matrix --port icmp",
    ),
    (
        &["iperf", "iperf3", "iperfudp"],
        "hallway exec A -- iperf3 -s, and hallway exec B -- iperf3 -c A",
    ),
    (&["tcpdump", "tshark", "sniff"], "hallway capture NODE"),
    (
        &["enter", "ssh", "bash", "sh", "xterm", "console"],
        "hallway shell NODE",
    ),
    (&["check", "lint"], "hallway validate"),
    (&["diff"], "hallway plan"),
    (
        &["init", "new", "generate"],
        "write a file as docs/file.md describes it, or begin with hallway network add NAME",
    ),
];

/// The verb of a command line, if it is none of hallway.
pub(crate) fn verb(error: &clap::Error) -> Option<&str> {
    let found = error.get(ContextKind::InvalidSubcommand);
    match (error.kind(), found) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(verb))) => Some(verb),
        _ => None,
    }
}

/// Verbs below a verb.
const INSTEAD_BELOW: &[(&str, &str, &str)] = &[
    ("network", "inspect", "hallway inspect NAME"),
    (
        "network",
        "connect",
        "the node comes first: hallway connect NODE NETWORK",
    ),
    (
        "network",
        "disconnect",
        "the node comes first: hallway disconnect NODE NETWORK",
    ),
    ("network", "prune", "hallway gc"),
    ("node", "inspect", "hallway inspect NAME"),
    ("node", "del", "hallway node rm NODE"),
    ("node", "delete", "hallway node rm NODE"),
    ("network", "del", "hallway network rm NETWORK"),
    ("network", "delete", "hallway network rm NETWORK"),
    (
        "link",
        "set",
        "hallway impair NODE delay=10ms changes what it sends; hallway link rm A B, then hallway link add A B, makes the link again",
    ),
    ("link", "del", "hallway link rm A B"),
    ("link", "delete", "hallway link rm A B"),
    ("policy", "del", "hallway policy rm NUMBER"),
    ("policy", "delete", "hallway policy rm NUMBER"),
    ("policy", "show", "hallway policy ls"),
    ("link", "show", "hallway link ls"),
    ("node", "show", "hallway node ls, or hallway inspect NODE"),
    (
        "network",
        "show",
        "hallway network ls, or hallway inspect NETWORK",
    ),
    ("sandbox", "show", "hallway sandbox ls"),
    ("node", "exec", "hallway exec NODE -- COMMAND"),
    ("node", "shell", "hallway shell NODE"),
    (
        "policy",
        "add",
        "hallway allow FROM TO, or hallway deny FROM TO",
    ),
    ("sandbox", "add", "hallway --sandbox NAME up FILE"),
    ("sandbox", "create", "hallway --sandbox NAME up FILE"),
    ("sandbox", "exec", "hallway sandbox shell -- COMMAND"),
    ("sandbox", "enter", "hallway sandbox shell"),
];

/// What to type instead of a command line's verb, which comes after `before`.
pub(crate) fn instead(error: &clap::Error, before: &str) -> Option<(String, &'static str)> {
    let verb = verb(error)?;
    if ["network", "node", "link", "sandbox", "policy"].contains(&before) {
        let below = |(parent, below, _): &&(&str, &str, &str)| *parent == before && *below == verb;
        let (.., text) = INSTEAD_BELOW.iter().find(below)?;
        return Some((format!("{before} {verb}"), text));
    }
    let (_, text) = INSTEAD.iter().find(|(verbs, _)| verbs.contains(&verb))?;
    Some((verb.to_owned(), text))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::args::Args;

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn arguments_of_other_programs() {
        for words in [
            &["up", "--force-recreate"][..],
            &["up", "--no-color"],
            &["up", "--timeout=3"],
            &["up", "-t", "lab.clab.yml"],
            &["validate", "--topo", "lab.clab.yml"],
            &["stop", "-t", "3"],
            &["down", "-t", "3"],
            &["graph", "-t", "lab.clab.yml"],
            &["inspect", "--all"],
            &["exec", "--label", "x"],
            &["up", "-y"],
            &["exec", "-d", "web", "sh"],
            &["-f", "compose.yaml", "up"],
            &["--profile", "all", "up"],
            &["logs", "--until", "1s"],
            &["logs", "--index", "1", "web"],
            &["start", "--wait", "web"],
            &["graph", "--mermaid"],
            &["down", "--all"],
            &["--dry-run", "up"],
            &["up", "--dry-run"],
            &["up", "--timestamps"],
        ] {
            let words = ["hallway"].iter().chain(words);
            let error = Args::try_parse_from(words.clone()).unwrap_err();
            let verb = words.clone().nth(1).unwrap();
            assert!(
                instead_of_flag(&error, verb).is_some(),
                "{words:?}: {error}"
            );
        }
    }

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn words_that_are_missing_or_too_many() {
        for line in [
            "ls web",
            "status web",
            "inspect",
            "exec",
            "exec web",
            "network rm a b",
            "test a b",
            "allow a->b",
            "reach a->b",
        ] {
            let words: Vec<&str> = ["hallway"].into_iter().chain(line.split(' ')).collect();
            let error = Args::try_parse_from(&words).unwrap_err();
            assert!(instead_of_words(&error, words[1]).is_some(), "{line}");
        }
        let error = Args::try_parse_from(["hallway", "ls", "--nope"]).unwrap_err();
        assert!(instead_of_words(&error, "ls").is_none());
    }

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn arguments_of_other_programs_that_mean_the_same() {
        for line in [
            "up --build --remove-orphans --no-recreate --wait -d",
            "up --pull always --quiet-pull --no-build compose.yaml",
            "down --volumes --remove-orphans --rmi local",
            "down -v",
            "exec -it web sh",
            "exec -i -t -u nobody -e A=1 -e B -w /tmp web env -i x",
            "exec -T --index 2 web sh -c 'echo -e x'",
            "exec --user=0:0 --env=A=1 --workdir=/ --interactive --tty web -- id",
            "shell --index 2 web",
            "logs -f web db",
            "network create --subnet 10.0.0.0/24 --internal back",
            "network remove back",
            "network list",
            "node create web --network back -- sleep 9",
            "sandbox list",
        ] {
            let line = hallway_spec::Command::split(&format!("hallway {line}")).unwrap();
            let parsed = Args::try_parse_from(line.words());
            assert!(
                parsed.is_ok(),
                "{:?}: {}",
                line.words(),
                parsed.unwrap_err()
            );
        }
    }

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn no_verb_of_ours_is_among_them_and_those_named_exist() {
        let ours = Args::command();
        for (verbs, text) in INSTEAD {
            for verb in *verbs {
                let error = Args::try_parse_from(["hallway", verb]).unwrap_err();
                assert_eq!(instead(&error, ""), Some(((*verb).to_owned(), *text)));
            }
            for (_, after) in text
                .match_indices("hallway ")
                .map(|(at, w)| text.split_at(at + w.len()))
            {
                let verb: String = after
                    .chars()
                    .take_while(char::is_ascii_alphabetic)
                    .collect();
                let known = ours.find_subcommand(&verb).is_some() || verb == "makes";
                assert!(known, "{verb}");
            }
        }
    }
}
