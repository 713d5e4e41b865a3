//! Habits of users of other programs are answered with what to type; what is said is short, and said once.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::Hallway;

/// Each is answered with what to type.
fn answered(h: &Hallway, lines: &[(&str, &str)]) {
    for (line, said) in lines {
        h.run(&line.split(' ').collect::<Vec<_>>())
            .exits(2)
            .says(said);
    }
}

fn words_of_other_programs() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).within("/run/shop");
    std::fs::create_dir_all("/run/shop/below").unwrap();
    let file = "services:
  web: { image: x, command: sleep 100, networks: { default: { aliases: [shop] } } }
  db: { image: x, command: sleep 100 }
";
    std::fs::write("/run/shop/compose.yaml", file).unwrap();
    // Nothing is up.
    answered(
        &h,
        &[
            (
                "up web",
                "hallway up builds the whole project, then hallway start web",
            ),
            ("up -d shop", "shop is a node of compose.yaml"),
            (
                "down web",
                "hallway stop web ends its program, hallway down",
            ),
            ("plan db", "hallway plan is for the whole project"),
            ("up nope", "name a file that exists"),
        ],
    );
    assert_eq!(h.ok("validate -q"), "");
    h.ok("up");
    answered(
        &h,
        &[
            ("add x", "hallway node add NAME"),
            ("del x", "hallway node rm NODE"),
            ("get nodes", "hallway node ls"),
            ("describe web", "hallway inspect NAME"),
            ("port-forward web 80", "hallway publish web 8080:80"),
            ("address", "hallway exec NODE -- ip addr"),
            ("policy show", "hallway policy ls"),
            ("link show", "hallway link ls"),
            ("test web db", "hallway reach A B"),
            ("logs --no-log-prefix", "without its name before them"),
            (
                "allow web->db",
                "each end is a word of its own: hallway allow FROM TO",
            ),
            ("deny web db -p 80", "a port is --port 80"),
            (
                "connect default web --address 10.0.0.9",
                "hallway --host connect web default --address 10.0.0.9",
            ),
        ],
    );
}

fn what_is_said_is_said_once_and_fits() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).within("/run/shop");
    std::fs::create_dir_all("/run/shop/below").unwrap();
    let file = "services:
  web: { image: x, command: sleep 100 }
  db: { image: x, command: sleep 100 }
";
    std::fs::write("/run/shop/compose.yaml", file).unwrap();
    h.ok("up");
    h.run(&["exec", "web", "ip addr"])
        .exits(127)
        .says("without quotes around all of them: hallway exec NODE -- ip addr");
    h.ok("deny web db");
    h.ok("deny db web");
    assert_eq!(h.ok("policy ls -q"), "1\n2\n");
    let mut narrow = h.command(&["network", "add", "x", "--subnet", "10.0.0.0"]);
    let said = narrow.env("COLUMNS", "60").output().unwrap();
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.lines().all(|line| line.len() <= 60), "{said}");
    // The file of a directory above is the directory's.
    let down = h.within("/run/shop/below").run(&["down"]).exits(0);
    assert!(!down.err.contains("built from"), "{}", down.err);
    // Each note once.
    std::fs::write(
        "/run/shop/compose.yaml",
        "services: { web: { image: x, command: 'false' } }\n",
    )
    .unwrap();
    let ran = h.run(&["up"]).exits(0);
    assert_eq!(
        ran.err.matches("files of this machine").count(),
        1,
        "{}",
        ran.err
    );
    assert_eq!(
        ran.err.matches("hallway up --stub").count(),
        1,
        "{}",
        ran.err
    );
}

/// The first of a service's nodes is the same whatever their number is: its program runs on.
fn the_first_replica_stays() {
    std::fs::create_dir_all("/run/scaled").unwrap();
    let file = "services: { web: { image: x, command: sleep 100 }, cl: { image: x } }\n";
    std::fs::write("/run/scaled/compose.yaml", file).unwrap();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).within("/run/scaled");
    h.ok("up");
    let pid = || h.node_status("web")["program"]["pid"].as_i64().unwrap();
    let before = pid();
    h.ok("up --scale web=2");
    assert_eq!(pid(), before);
    let hosts = h.ok("exec cl -- cat /etc/hosts");
    let named = |line: &&str| line.split_whitespace().any(|word| word == "web");
    assert_eq!(hosts.lines().filter(named).count(), 2, "{hosts}");
    let node = |words: &str| h.ok(&format!("exec {words} -- printenv HALLWAY_NODE"));
    assert_eq!(node("web").trim(), "web");
    assert_eq!(node("web-1").trim(), "web");
    assert_eq!(node("--index 2 web").trim(), "web-2");
    h.run(&["deny", "cl", "web"]).exits(0).says("web, web-2");
    let restarted = h.run(&["restart", "web-1"]).exits(0).err;
    assert!(restarted.contains("web has been") && !restarted.contains("web-2"));
    let restarted = h.run(&["restart", "web"]).exits(0).err;
    assert!(restarted.contains("web has been") && restarted.contains("web-2 has been"));
    let before = pid();
    h.ok("up");
    assert_eq!(pid(), before);
    h.ok("down");
}

hallway_testkit::tests![
    words_of_other_programs,
    what_is_said_is_said_once_and_fits,
    the_first_replica_stays,
];
