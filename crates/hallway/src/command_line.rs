//! The command line in use: the definition in [`Args`], with verbs in groups and examples in its
//! help, and with existing names for completion.

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCandidates;

use crate::args::Args;
use crate::{complete, ui};

/// A group of verbs, with an example or two for each.
pub(crate) struct Group {
    title: &'static str,
    verbs: &'static [(&'static str, &'static [&'static str])],
}

/// All verbs, in the order in which help lists them.
const GROUPS: [Group; 6] = [
    Group {
        title: "Run",
        verbs: &[
            (
                "up",
                &[
                    "hallway up examples/three-tier.yaml",
                    "hallway up --attach examples/three-tier.yaml",
                ],
            ),
            ("down", &["hallway down", "hallway down -p three-tier"]),
            (
                "plan",
                &[
                    "hallway plan examples/three-tier.yaml",
                    "hallway plan --format shell examples/three-tier.yaml",
                ],
            ),
            ("validate", &["hallway validate examples/three-tier.yaml"]),
            (
                "exec",
                &[
                    "hallway exec web-server -- ip addr",
                    "hallway exec web-server -- curl http://api-server:8000/",
                    "hallway exec -it -w /tmp -e LANG=C web-server sh",
                ],
            ),
            ("shell", &["hallway shell web-server"]),
            ("start", &["hallway start web-server"]),
            ("stop", &["hallway stop web-server", "hallway stop"]),
            (
                "restart",
                &["hallway restart web-server", "hallway restart"],
            ),
        ],
    },
    Group {
        title: "Look",
        verbs: &[
            (
                "status",
                &["hallway status", "hallway status --exit-code --format json"],
            ),
            ("ls", &["hallway ls", "hallway ls --all"]),
            ("inspect", &["hallway inspect web-server"]),
            (
                "logs",
                &["hallway logs -f", "hallway logs --tail 20 web-server"],
            ),
            ("graph", &["hallway graph", "hallway graph -o shop.svg"]),
            (
                "capture",
                &[
                    "hallway capture web-server",
                    "hallway capture web-server 'tcp port 80' -w web.pcap",
                ],
            ),
        ],
    },
    Group {
        title: "Explain and test",
        verbs: &[
            ("explain", &["hallway explain api-server db-server:3306"]),
            (
                "reach",
                &[
                    "hallway reach web-server api-server:8000",
                    "hallway reach outside host:8080",
                ],
            ),
            (
                "trace",
                &["hallway trace web-server api-server:8000 --explain"],
            ),
            (
                "test",
                &[
                    "hallway test",
                    "hallway test examples/three-tier.yaml --format junit",
                ],
            ),
        ],
    },
    Group {
        title: "Change one thing",
        verbs: &[
            (
                "node",
                &["hallway node add cache --network backend -- hallway serve 6379"],
            ),
            (
                "network",
                &["hallway network add spare --subnet 192.168.40.0/24 --internal"],
            ),
            (
                "link",
                &["hallway link add left:10.0.9.1/24 right:10.0.9.2/24"],
            ),
            (
                "connect",
                &["hallway connect visitor frontend --address 192.168.10.50"],
            ),
            ("disconnect", &["hallway disconnect visitor world"]),
            ("publish", &["hallway publish web-server 8081:80"]),
            ("unpublish", &["hallway unpublish web-server 8080:80"]),
            (
                "impair",
                &[
                    "hallway impair db-server delay=50ms loss=1%",
                    "hallway impair db-server --clear",
                ],
            ),
            ("allow", &["hallway allow frontend backend --port 8000/tcp"]),
            ("deny", &["hallway deny web-server db-server"]),
            ("policy", &["hallway policy ls", "hallway policy rm 2"]),
        ],
    },
    Group {
        title: "Machine",
        verbs: &[
            ("doctor", &["hallway doctor"]),
            (
                "install",
                &[
                    "hallway install apparmor --print",
                    "hallway install apparmor",
                ],
            ),
            ("gc", &["hallway gc", "hallway gc --yes"]),
            (
                "sandbox",
                &["hallway sandbox ls", "hallway sandbox shell -- ip link"],
            ),
        ],
    },
    Group {
        title: "Tools",
        verbs: &[
            (
                "export",
                &[
                    "hallway export > shop.hallway.yaml",
                    "hallway export --format compose > compose.yaml",
                ],
            ),
            (
                "import",
                &["hallway import compose.yaml > shop.hallway.yaml"],
            ),
            ("schema", &["hallway schema > hallway.schema.json"]),
            ("serve", &["hallway serve 80 53/udp"]),
            ("bench", &["hallway bench attach -n 10,100"]),
            ("completions", &["hallway completions bash > hallway.bash"]),
            ("man", &["hallway man --output man1"]),
            ("version", &["hallway version"]),
        ],
    },
];

/// Verbs below a verb, with an example or two for each.
const BELOW: &[(&str, &[&str])] = &[
    (
        "node add",
        &[
            "hallway node add cache --network backend -- hallway serve 6379",
            "hallway node add web-2 --network frontend=192.168.10.20 --publish 8081:80",
        ],
    ),
    ("node rm", &["hallway node rm visitor"]),
    (
        "node ls",
        &["hallway node ls", "hallway node ls --format json"],
    ),
    (
        "network add",
        &[
            "hallway network add spare --subnet 192.168.40.0/24 --internal",
            "hallway network add both --subnet 10.9.0.0/24 --subnet fd09::/64",
        ],
    ),
    (
        "network rm",
        &["hallway network add spare", "hallway network rm spare"],
    ),
    ("network ls", &["hallway network ls"]),
    (
        "link add",
        &["hallway link add left:10.0.9.1/24 right:10.0.9.2/24"],
    ),
    (
        "link rm",
        &["hallway link add left right", "hallway link rm left right"],
    ),
    ("link ls", &["hallway link ls"]),
    ("policy ls", &["hallway policy ls"]),
    ("policy rm", &["hallway policy rm 2"]),
    ("sandbox ls", &["hallway sandbox ls"]),
    (
        "sandbox shell",
        &[
            "hallway sandbox shell",
            "hallway sandbox shell -- nft list ruleset",
        ],
    ),
    ("sandbox rm", &["hallway sandbox rm default"]),
    (
        "install apparmor",
        &[
            "hallway install apparmor --print",
            "hallway install apparmor",
        ],
    ),
    (
        "bench attach",
        &[
            "hallway bench attach -n 10,100",
            "hallway bench attach --format json",
        ],
    ),
];

/// The command line.
pub(crate) fn command() -> Command {
    let command = completed(Args::command(), "");
    let list = groups(&command);
    let all = GROUPS.iter().flat_map(|g| g.verbs);
    let command = all.fold(command, |command, (verb, examples)| {
        command.mut_subcommand(verb, |c| c.after_help(lines(examples)))
    });
    let command = BELOW.iter().fold(command, |command, (path, examples)| {
        let (verb, below) = path.split_once(' ').unwrap_or((path, ""));
        command.mut_subcommand(verb, |c| {
            c.mut_subcommand(below, |c| c.after_help(lines(examples)))
        })
    });
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}Options:\n{{options}}\n\n{}",
        ui::fold_help(
            "hallway help COMMAND describes a command, with examples. All of them are for the project of examples/three-tier.yaml.",
            2
        )
    ))
}

/// Adds candidates for values that are names. `path` is the verbs so far, like `node rm`.
fn completed(command: Command, path: &str) -> Command {
    command
        .mut_args(|arg| match names(path, &arg) {
            Some(names) => arg.add(ArgValueCandidates::new(names)),
            None => arg,
        })
        .mut_subcommands(|below| {
            let path = format!("{path} {}", below.get_name());
            completed(below, path.trim_start())
        })
}

/// The function that lists the candidates for an argument.
fn names(path: &str, arg: &Arg) -> Option<fn() -> Vec<CompletionCandidate>> {
    Some(match (path, arg.get_id().as_str()) {
        (_, "project") => complete::projects,
        (_, "sandbox") | ("sandbox rm", "name") => complete::sandboxes,
        (_, "node" | "nodes") | ("node rm", "name") => complete::nodes,
        ("link add" | "link rm", "a" | "b") => complete::nodes,
        ("network rm", "name") | (_, "network") => complete::networks,
        ("impair", "target") => complete::nodes,
        ("allow" | "deny", "from" | "to") => complete::endpoints,
        ("inspect", "name") => complete::parts,
        ("capture", "target") => complete::captured,
        (_, "to") => complete::servers,
        (_, "from") => complete::parties,
        ("allow" | "deny" | "test", "port" | "ports") => complete::ports,
        _ => return None,
    })
}

fn lines(examples: &[&str]) -> String {
    let title = match examples.len() {
        1 => "Example:",
        _ => "Examples:",
    };
    let lines = examples.iter().map(|e| format!("\n  {e}"));
    title.to_owned() + &lines.collect::<String>()
}

fn groups(command: &Command) -> String {
    let width = GROUPS.iter().flat_map(|g| g.verbs).map(|(v, _)| v.len());
    let width = width.max().unwrap_or(0);
    let mut out = String::new();
    for group in &GROUPS {
        out.push_str(&format!("{}:\n", group.title));
        for (verb, _) in group.verbs {
            let about = command.find_subcommand(verb).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let line = format!("  {verb:width$}  {about}");
            out.push_str(&ui::fold_help(&line, width + 4));
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory as _, Parser as _};

    use super::{Args, BELOW, GROUPS};

    #[test]
    fn every_verb_is_in_one_group_with_examples() {
        let command = Args::command();
        let verbs: BTreeSet<&str> = command.get_subcommands().map(|c| c.get_name()).collect();
        let listed: Vec<&str> = GROUPS.iter().flat_map(|g| g.verbs).map(|v| v.0).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), verbs);
        assert_eq!(listed.len(), verbs.len());
    }

    #[test]
    fn every_verb_below_a_verb_has_examples() {
        let command = Args::command();
        let below = command.get_subcommands().flat_map(|verb| {
            let own = verb.get_subcommands();
            own.map(|below| format!("{} {}", verb.get_name(), below.get_name()))
        });
        let listed: BTreeSet<String> = BELOW.iter().map(|b| b.0.to_owned()).collect();
        assert_eq!(listed, below.collect());
    }

    #[test]
    #[allow(clippy::unwrap_used, clippy::expect_used)] // what fails is the test
    fn examples_are_valid_command_lines() {
        for (verb, examples) in GROUPS.iter().flat_map(|g| g.verbs).chain(BELOW) {
            assert!(!examples.is_empty(), "{verb}");
            for example in *examples {
                let command = example.split(" > ").next().unwrap_or(example);
                let command = hallway_spec::Command::split(command).expect(example);
                let named = command.words().iter().skip(1).take(verb.split(' ').count());
                let named = named.cloned().collect::<Vec<_>>().join(" ");
                let prepares = command.words().iter().any(|w| w == "add");
                assert!(named == *verb || (prepares && verb.ends_with(" rm")));
                let parsed = Args::try_parse_from(command.words());
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            }
        }
    }
}
