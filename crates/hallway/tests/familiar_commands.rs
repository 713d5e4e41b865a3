//! Names that nodes resolve, as arguments of commands; and arguments as Docker and Compose have them.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");

const FILE: &str = "name: p
networks: { a: { subnet: 10.1.0.0/24 } }
nodes:
  rep-1:
    networks: { a: { address: 10.1.0.11, aliases: [rep, www.example] } }
    hostname: first.example
    command: sh -c 'echo one; exec hallway serve 80'
    ready: 80/tcp
    environment: { OWN: one }
  rep-2:
    networks: { a: { address: 10.1.0.12, aliases: [rep] } }
    command: sh -c 'echo two; exec hallway serve 80'
    ready: 80/tcp
    port_names: { http: 80/tcp }
  cl:
    networks: [a]
    extra_hosts: { legacy: 10.1.0.11, old: 192.0.2.7 }
";

/// Explained and measured for every node that a name means.
fn names_are_those_that_programs_resolve() {
    let h = Hallway::host(PROGRAM);
    h.up(FILE).ok();
    let heads = |words: &str| -> Vec<String> {
        let out = h.run(&words.split(' ').collect::<Vec<_>>()).out;
        let heads = out.lines().filter(|l| !l.starts_with(' '));
        heads.map(str::to_owned).collect()
    };
    for verb in ["explain", "reach", "trace"] {
        for (target, servers) in [
            ("rep:80", vec!["rep-1", "rep-2"]),
            ("www.example:80", vec!["rep-1"]),
            ("www.example", vec!["rep-1"]),
            ("legacy:80", vec!["10.1.0.11"]),
        ] {
            let heads = heads(&format!("{verb} cl {target}"));
            assert_eq!(heads.len(), servers.len(), "{verb} {target}: {heads:?}");
            for (head, server) in heads.iter().zip(servers) {
                assert!(head.contains(server) && head.contains("open"), "{head}");
            }
        }
    }
    assert_eq!(heads("explain rep cl").len(), 2, "each of the clients");
    let both = FILE.replace("aliases: [rep] }", "aliases: [rep, cl] }");
    h.up(&both).ok();
    assert_eq!(
        heads("explain rep-1 cl").len(),
        2,
        "the node and one with the alias"
    );
    h.up(FILE).ok();
    assert_eq!(heads("explain first.example cl").len(), 1);
    assert!(h.reads("cl", "http://rep/") && h.reads("cl", "http://legacy/"));
    // Only the node itself resolves its host name; only a node with the line has an extra host.
    h.run(&["explain", "rep-1", "first.example"]).ok();
    h.run(&["explain", "cl", "first.example:80"])
        .exits(2)
        .says("name the node: rep-1:80");
    assert!(!h.reads("cl", "http://first.example/"));
    h.run(&["explain", "rep-1", "legacy"]).exits(2);
    assert!(!h.reads("rep-1", "http://legacy/"));
    let wrong = h.run(&["explain", "cl", "rep:http"]);
    assert!(wrong.exits(2).err.contains("rep:http"));
    for (address, what) in [("10.1.0.255", "broadcast"), ("10.1.0.0", "network")] {
        let out = h.run(&["explain", "cl", address]).exits(1).out;
        let expected = format!("{address} is the {what} address of network a");
        assert!(out.contains(&expected), "{out}");
        assert!(!out.contains("give a node"), "{out}");
    }
    let out = h.run(&["explain", "cl", "224.0.0.1"]).exits(1).out;
    assert!(out.contains("is a multicast address"), "{out}");
    h.ok("down");
}

/// As with `docker compose`, the name of several nodes means all of them, or the first.
fn programs_of_a_name() {
    let h = Hallway::host(PROGRAM);
    h.up(FILE).ok();
    let ran = |words: &str| h.ok(words).trim().to_owned();
    assert_eq!(ran("exec rep -- hostname"), "first.example");
    assert_eq!(ran("exec rep -- printenv OWN HALLWAY_NODE"), "one\nrep-1");
    assert_eq!(ran("exec --index 2 rep -- printenv HALLWAY_NODE"), "rep-2");
    assert_eq!(ran("exec www.example printenv HALLWAY_NODE"), "rep-1");
    assert_eq!(ran("exec first.example printenv HALLWAY_NODE"), "rep-1");
    let third = h.run(&["exec", "--index", "3", "rep", "true"]);
    third.exits(125).says("there are 2 nodes rep");
    h.run(&["exec", "legacy", "true"])
        .exits(125)
        .says("no node legacy");
    wait_for("the programs to have printed", || {
        let all = h.ok("logs rep");
        all.contains("one") && all.contains("two")
    });
    assert!(ran("logs www.example").starts_with("one\n"));
    for words in ["logs rep", "logs rep-1 rep-2"] {
        let all = h.ok(words);
        assert!(
            all.contains("rep-1 | one") && all.contains("rep-2 | two"),
            "{all}"
        );
    }
    let err = h.run(&["restart", "rep"]).exits(0).err;
    assert!(
        err.contains("rep-1 has been") && err.contains("rep-2 has been"),
        "{err}"
    );
    let err = h.run(&["stop", "www.example"]).exits(0).err;
    assert!(
        err.contains("rep-1 has been") && !err.contains("rep-2"),
        "{err}"
    );
    let err = h.run(&["start", "rep"]).exits(0).err;
    assert!(
        err.contains("rep-1 has been") && err.contains("rep-2 runs already"),
        "{err}"
    );
    h.run(&["capture", "rep"])
        .exits(2)
        .says("name one of them: rep-1, rep-2");
    h.run(&["capture", "www.example", "--duration", "0.1"]).ok();
    h.ok("down");
}

/// Changes name nodes in the same way; a name of several is all of them, or an error that lists them.
fn changes_of_a_name() {
    let h = Hallway::host(PROGRAM);
    h.up(FILE).ok();
    let said = |words: &str| {
        let ran = h.run(&words.split(' ').collect::<Vec<_>>());
        ran.exits(0).err
    };
    assert_eq!(h.run(&["inspect", "www.example"]).json()["name"], "rep-1");
    h.ok("network add b --subnet 10.2.0.0/24");
    for (words, done) in [
        ("connect www.example b", "rep-1 connected to b"),
        ("disconnect first.example b", "rep-1 disconnected from b"),
        ("publish www.example 8081:80", "8081:80 of rep-1 published"),
        (
            "unpublish www.example 8081:80",
            "8081:80 of rep-1 no longer",
        ),
        ("deny cl rep", "cl may not reach rep-1, rep-2"),
        ("allow cl node:www.example --port 80", "cl may reach rep-1"),
        (
            "impair rep rate=10mbit",
            "rep-1:eth0, rep-2:eth0: rate=10mbit",
        ),
        ("impair rep:eth0 --clear", "rep-1:eth0, rep-2:eth0: imp"),
        (
            "link add www.example:10.3.0.1/24 new:10.3.0.2/24",
            "rep-1 and new linked",
        ),
        (
            "link rm new first.example",
            "link between new:eth0 and rep-1:eth1",
        ),
    ] {
        let err = said(words);
        assert!(err.contains(done), "{words}: {err}");
    }
    assert!(!h.reads("cl", "http://rep-2/") && h.reads("cl", "http://rep-1/"));
    for words in [
        "connect rep b",
        "disconnect rep a",
        "publish rep 8081:80",
        "unpublish rep 8081:80",
        "link add rep:10.3.0.1/24 cl:10.3.0.2/24",
        "link rm rep cl",
        "inspect rep",
        "node rm rep",
    ] {
        h.run(&words.split(' ').collect::<Vec<_>>())
            .exits(2)
            .says("rep means 2 nodes\n  help: name one of them: rep-1, rep-2");
    }
    for words in ["connect nope b", "node rm nope", "impair nope rate=1mbit"] {
        h.run(&words.split(' ').collect::<Vec<_>>())
            .exits(2)
            .says("no node nope\n  help: its nodes: rep-1, rep-2, cl");
    }
    assert!(said("node rm www.example").contains("node rep-1 removed"));
    h.ok("down");
}

/// Docker's word for the host, in both forms, with each IP version that the network has.
fn the_host_has_a_further_name() {
    let h = Hallway::host(PROGRAM);
    h.up("name: p
networks:
  lan: { mode: lan }
  six: { subnet: [10.1.0.0/24, \"fd01::/64\"] }
nodes:
  app:
    networks: [lan, six]
    extra_hosts: [\"host.docker.internal:host-gateway\", \"far=[fd09::9]\"]
    command: hallway serve 80
    ready: 80/tcp
    ports: [\"8080:80\"]
  map: { networks: [six], extra_hosts: { up: host-gateway } }
")
        .ok();
    let hosts = |node: &str| h.ok(&format!("exec {node} cat /etc/hosts"));
    let app = hosts("app");
    for line in [
        "10.1.0.1\thost.docker.internal",
        "fd01::1\thost.docker.internal",
        "fd09::9\tfar",
    ] {
        assert!(app.contains(line), "{line}: {app}");
    }
    assert!(hosts("map").contains("10.1.0.1\tup\nfd01::1\tup"));
    assert!(h.reads("map", "http://up:8080/"));
    let out = h.ok("explain map up:8080");
    assert!(out.contains("10.1.0.1") && out.contains("fd01::1"), "{out}");
    h.ok("down");
}

/// The arguments of `docker exec`.
fn a_command_with_arguments_of_docker() {
    std::fs::create_dir_all("/run/own").unwrap();
    std::fs::copy("/bin/echo", "/run/own/ownecho").unwrap();
    let before = Snapshot::take();
    for h in [Hallway::host(PROGRAM), Hallway::sandbox(PROGRAM)] {
        h.up(FILE).ok();
        let ran = |words: &str| h.ok(words).trim().to_owned();
        assert_eq!(ran("exec -it rep-1 echo x"), "x");
        assert_eq!(ran("exec -T -e A=1 -e OWN=2 rep-1 printenv A OWN"), "1\n2");
        assert_eq!(ran("exec -w / rep-1 pwd"), "/");
        assert_eq!(ran("exec -w /tmp rep-1 printenv PWD"), "/tmp");
        assert_eq!(ran("exec -u 0 rep-1 id -u"), "0");
        // A program is looked for where its own PATH says.
        assert_eq!(ran("exec -e PATH=/run/own rep-1 ownecho x"), "x");
        h.run(&["exec", "-e", "PATH=/run/own", "rep-1", "pwd"])
            .exits(127)
            .says("no program pwd in PATH");
        h.run(&["exec", "-w", "/none", "rep-1", "pwd"])
            .exits(125)
            .says("/none");
        h.run(&["exec", "-e", "=x", "rep-1", "pwd"])
            .exits(125)
            .says("NAME=VALUE");
        h.run(&["exec", "-u", "nosuchuser", "rep-1", "id"])
            .exits(125)
            .says("no user nosuchuser");
        h.ok("down --volumes --remove-orphans");
    }
    before.unchanged();
}

fn a_command_as_another_user() {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    if !map.trim_end().ends_with(" 4294967295") {
        hallway_testkit::skip("needs root of the machine");
    }
    let before = Snapshot::take();
    let h = Hallway::host(PROGRAM);
    h.up(FILE).ok();
    assert_eq!(h.ok("exec -u 65534:65534 rep-1 id -u"), "65534\n");
    h.ok("exec -u 65534:65534 rep-1 ping -c 1 -W 9 127.0.0.1");
    let rights = h.ok("exec -u 65534:65534 rep-1 grep CapEff /proc/self/status");
    assert_eq!(rights, "CapEff:\t0000000000000000\n");
    h.ok("down");
    before.unchanged();
}

/// Commands with words of other programs, and what is said.
const HELPED: [(&str, &str); 18] = [
    ("down -t 5", "a program has 10 s to end"),
    ("stop -t 5", "a program has 10 s to end"),
    ("graph -t lab.clab.yml", "hallway graph FILE"),
    ("status -t lab.clab.yml", "hallway status -p NAME"),
    ("down p", "p is a project: hallway --host down -p p"),
    ("graph p", "p is a project: hallway --host graph -p p"),
    ("up p", "p is a project, built from /run/f.yaml"),
    (
        "up rep-1",
        "rep-1 is a node, whose program has commands of its own: hallway start rep-1",
    ),
    ("down rep-1", "hallway stop rep-1"),
    ("down nope", "or with -p a project that is up: p"),
    ("lclean", "hallway down removes the project"),
    ("linfo", "hallway status"),
    ("lstart", "hallway up FILE"),
    ("dump", "hallway status"),
    ("logs --until 1s", "hallway logs --since 10m"),
    ("down --all", "hallway down -p NAME"),
    (
        "network add x --subnet 10.0.0.0",
        "it has no length: write it like 10.0.0.0/24",
    ),
    (
        "connect rep-1 a --address 10.0.0.5/24",
        "leave out the length: 10.0.0.5",
    ),
];

/// Arguments of `docker compose up` that ask for what `up` does in any case; and verbs below a verb.
fn arguments_that_change_nothing() {
    let h = Hallway::host(PROGRAM);
    std::fs::write("/run/f.yaml", FILE).unwrap();
    h.ok("up -d --build --remove-orphans --pull always --wait /run/f.yaml");
    h.ok("network create --subnet 10.2.0.0/24 --internal back");
    h.ok("node create late --network back");
    assert!(h.ok("network list").contains("back"));
    h.ok("node remove late");
    h.ok("network delete back");
    h.run(&["up", "--force-recreate", "/run/f.yaml"])
        .exits(2)
        .says("hallway restart");
    h.run(&["pingall"]).exits(2).says("hallway test --matrix");
    h.run(&["node", "add", "--name", "x"])
        .exits(2)
        .says("hallway node add NAME");
    h.run(&["node", "add", "x", "-p", "8080:80"])
        .exits(2)
        .says("--publish 8080:80");
    let version = h.ok("version");
    for words in ["-V", "--version", "up -V", "node add --version"] {
        assert_eq!(h.ok(words), version, "{words}");
    }
    h.run(&["-v"])
        .exits(2)
        .says("hallway -V prints the version");
    h.run(&["ip", "netns", "exec", "rep-1", "id"])
        .exits(2)
        .says("hallway exec NODE -- COMMAND");
    h.run(&["deploy", "-t", "lab.clab.yml"])
        .exits(2)
        .says("hallway up FILE");
    h.run(&["up", "-t", "lab.clab.yml"])
        .exits(2)
        .says("-f FILE");
    for (words, said) in HELPED {
        let words: Vec<&str> = words.split(' ').collect();
        h.run(&words).exits(2).says(said);
    }
    let unknown = h.run(&["restart", "--nope"]).exits(2);
    assert!(!unknown.err.contains("as a value"), "{}", unknown.err);
    // Only the names, for other programs.
    assert_eq!(h.ok("ls -q"), "p\n");
    assert_eq!(h.ok("network ls -q"), "a\n");
    let nodes = h.ok("node ls -q");
    assert!(nodes.lines().any(|l| l == "rep-1"), "{nodes}");
    h.ok("down");
}

/// `import` of something else says what it is.
fn files_that_cannot_be_imported() {
    let h = Hallway::host(PROGRAM);
    for (text, said) in [
        (FILE, "is a hallway file already"),
        ("services:\n\ta: { image: x }\n", "indented with a tab"),
        (
            "nodes: { a: }\n---\nnodes: { b: }\n",
            "more than one YAML document",
        ),
        ("some text\n", "this is not a Compose file"),
    ] {
        std::fs::write("/run/some.yaml", text).unwrap();
        h.run(&["import", "/run/some.yaml"]).exits(2).says(said);
    }
}

/// Commands about node web.
const OF_NODE: [&str; 19] = [
    "allow cache web -p 80",
    "deny web cache",
    "publish web 8080:80",
    "unpublish web 8080:80",
    "connect web net-one",
    "disconnect web net-one",
    "node rm web",
    "exec web ls",
    "shell web",
    "logs web",
    "start web",
    "stop web",
    "inspect web",
    "capture web",
    "impair web",
    "reach web cache",
    "explain web cache",
    "trace web cache",
    "link rm web cache",
];

/// Whatever the command: without its project, the help says where the node or network is.
fn commands_name_where_a_node_is() {
    let sandbox = Hallway::sandbox(PROGRAM);
    let file = |name: &str, node: &str| {
        let path = format!("/run/{name}.hallway.yaml");
        let text = format!(
            "name: {name}\nnetworks: {{ net-{name}: {{}} }}\nnodes: {{ {node}: {{ networks: [net-{name}] }} }}\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    };
    let said = |words: &str, text: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let ran = sandbox.run(&words);
        let err = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(ran.code != 0 && err.contains(text), "{words:?}: {err}");
        assert!(!err.contains("has no node web"), "{words:?}: {err}");
    };
    // Without a project that is up, explain is about a file.
    for line in OF_NODE.iter().filter(|line| !line.starts_with("explain")) {
        said(line, "sandbox default does not run");
    }
    assert!(!std::fs::exists("/run/state/sandboxes/default").unwrap());
    sandbox
        .run(&["--sandbox", "other", "up", &file("one", "web")])
        .ok();
    for line in OF_NODE.iter().filter(|line| !line.starts_with("explain")) {
        said(
            line,
            "there is a node web elsewhere; name its project with --sandbox other -p one",
        );
    }
    said("network rm net-one", "there is a network net-one elsewhere");
    // So does the advice about a subnet of another project there.
    for (name, code) in [("first", 0), ("second", 2)] {
        let path = format!("/run/{name}.yaml");
        let text = "networks: { a: { subnet: 10.77.0.0/24 } }\n";
        std::fs::write(&path, text).unwrap();
        let ran = sandbox
            .run(&["--sandbox", "other", "up", &path])
            .exits(code);
        let advice = "hallway --sandbox other down -p first";
        assert_eq!(ran.err.contains(advice), code == 2, "{}", ran.err);
    }
    let ran = sandbox.run(&["--sandbox", "other", "-p", "first", "logs", "x"]);
    ran.exits(2).says("it has no nodes");
    sandbox.run(&["up", &file("two", "b")]).ok();
    sandbox.run(&["up", &file("three", "c")]).ok();
    let elsewhere = sandbox.within("/");
    for line in OF_NODE {
        let words: Vec<&str> = line
            .split(' ')
            .filter(|w| !["-p", "80"].contains(w))
            .collect();
        let ran = elsewhere.run(&words);
        let err = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(err.contains("several projects are up"), "{line}: {err}");
        assert!(err.contains("--sandbox other -p one"), "{line}: {err}");
    }
}

hallway_testkit::tests![
    commands_name_where_a_node_is,
    names_are_those_that_programs_resolve,
    programs_of_a_name,
    changes_of_a_name,
    the_host_has_a_further_name,
    a_command_with_arguments_of_docker,
    a_command_as_another_user,
    arguments_that_change_nothing,
    files_that_cannot_be_imported,
];
