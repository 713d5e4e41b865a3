//! Unchanged Compose files: built, with real packets, and messages with places in them.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");

const COMPOSE: &str = r#"services:
  web:
    image: nginx
    ports: ["8080:80"]
    depends_on:
      db: { condition: service_healthy }
    networks: [front, back]
  db:
    image: postgres:16
    networks: { back: { ipv4_address: 10.77.0.10 } }
    volumes: ["data:/var/lib/postgresql/data"]
  stranger: { image: alpine, networks: [front] }
networks:
  front:
  back: { internal: true, ipam: { config: [{ subnet: 10.77.0.0/24 }] } }
volumes: { data: }
x-hallway:
  policies:
    - { action: deny, from: web, to: db, ports: [22/tcp] }
  expect:
    - { from: host, to: web, port: 80/tcp }
    - { from: stranger, to: db, port: 5432/tcp, reachable: false }
"#;

/// A directory with these files, in which hallway runs; the program is found by its name.
fn directory(files: &[(&str, &str)]) -> &'static str {
    sh("rm -rf /run/shop; mkdir -p /run/shop/parts");
    for (name, text) in files {
        std::fs::write(format!("/run/shop/{name}"), text).unwrap();
    }
    "/run/shop"
}

fn services_answer_each_other_and_the_host() {
    sh("ip link set lo up");
    let h = Hallway::host(PROGRAM).within(directory(&[("compose.yaml", COMPOSE)]));
    let before = Snapshot::take();
    let ran = h.run(&["up", "--stub"]).exits(0).says("shop is up");
    let err = ran.says("ignored, since it does not concern the network or hallway has no equivalent: volumes, image");
    assert!(!err.err.contains("without a program: web"), "{}", err.err);
    let p = h.project("shop");
    assert!(p.reads("stranger", "http://web"), "a name of the network");
    assert!(p.reads("web", "http://db:5432"));
    assert!(p.cannot_read("stranger", "http://10.77.0.10:5432"));
    assert!(sh("curl -s -m 30 http://127.0.0.1:8080").contains("web"));
    assert!(
        h.run(&["up", "--stub"])
            .exits(0)
            .says("nothing to change")
            .out
            .is_empty()
    );
    h.ok("test");
    h.ok("down");
    before.unchanged();
}

/// As in Compose, the others run on when a service ends that nothing waits for.
fn a_service_that_ends() {
    // The last service starts when the first one has ended, and up returns after that.
    let ended = "test -s /run/shop/pid && ! kill -0 $$(cat /run/shop/pid)";
    let file = |job: &str, condition: &str| {
        format!(
            "services:
  job: {{ image: x, command: sh -c \"echo $$$$ > /run/shop/pid; {job}\" }}
  web:
    image: x
    command: sleep 1000
    depends_on: {{ job: {{ condition: {condition} }} }}
    healthcheck: {{ test: '{ended}', interval: 200ms, retries: 1000 }}
  last: {{ image: x, command: sleep 1000, depends_on: {{ web: {{ condition: service_healthy }} }} }}
"
        )
    };
    let h = Hallway::host(PROGRAM).within(directory(&[("compose.yaml", "")]));
    let (started, completed) = ("service_started", "service_completed_successfully");
    for (job, condition, code, state) in [
        ("exit 0", started, 0, "exited"),
        ("exit 7", started, 0, "exited with 7"),
        ("kill -9 $$$$", started, 0, "ended by signal 9"),
        ("exit 0", completed, 0, "exited"),
        ("exit 7", completed, 1, ""),
    ] {
        std::fs::write("/run/shop/compose.yaml", file(job, condition)).unwrap();
        sh("rm -f /run/shop/pid");
        let ran = h.run(&["up", "-d"]).exits(code);
        assert_eq!(
            ran.err.contains("warning: node job"),
            job != "exit 0" && code == 0,
            "{}",
            ran.err
        );
        if code == 0 {
            let status = h.ok("status");
            assert!(status.contains(state), "{job}: {status}");
            assert!(status.contains("running"), "{job}: {status}");
            h.ok("down");
        }
    }
}

/// A command reads the translation again, and changes it.
fn a_change_of_a_project_with_a_dependency_that_is_not_required() {
    let file = "services:
  a: { image: x, command: sleep 1000, depends_on: { b: { condition: service_started, required: false } } }
  b: { image: x, command: sleep 1000 }
";
    let h = Hallway::host(PROGRAM).within(directory(&[("compose.yaml", file)]));
    h.run(&["up", "-d"]).exits(0);
    h.run(&["deny", "a", "b"]).exits(0);
    for format in ["hallway", "compose"] {
        let out = h.run(&["export", "--format", format]).exits(0).out;
        assert_eq!(out.matches("name: shop").count(), 1, "{out}");
        assert!(out.contains("required: false"), "{out}");
    }
    h.ok("down");
}

/// The running project has places in the file too, also after a command has changed it.
fn places_of_what_is_up() {
    let h = Hallway::host(PROGRAM).within(directory(&[("compose.yaml", COMPOSE)]));
    h.ok("up --stub");
    let p = h.project("shop");
    let line = |out: &str| out.contains("compose.yaml:19:7");
    let ran = p.run(&["explain", "web", "db:22"]);
    assert!(line(&ran.out), "{}{}", ran.out, ran.err);
    let out = p.ok("policy ls");
    assert!(out.contains("line 19"), "{out}");
    let expected = p.ok("test --format json");
    assert!(expected.contains("\"line\": 21"), "{expected}");
    p.ok("deny stranger web --port 443/tcp");
    let out = p.ok("policy ls");
    assert!(
        out.contains("line 19") && out.contains("hallway deny"),
        "{out}"
    );
    let ran = p.run(&["explain", "web", "db:22"]);
    assert!(line(&ran.out), "{}{}", ran.out, ran.err);
    let out = p.ok("export");
    assert!(!out.contains("# places"), "{out}");
    h.ok("down");
}

/// Errors, explanations and policies have places in the file that the user wrote.
fn messages_point_into_the_file() {
    let h = Hallway::host(PROGRAM).within(directory(&[("compose.yaml", COMPOSE)]));
    let ran = h.run(&["explain", "web", "db:22"]);
    assert!(
        ran.out.contains("compose.yaml:19:7"),
        "{}{}",
        ran.out,
        ran.err
    );
    let wrong = COMPOSE.replace("10.77.0.10", "10.78.0.10");
    std::fs::write("/run/shop/compose.yaml", wrong).unwrap();
    let ran = h.run(&["validate"]).exits(2).says("compose.yaml:10:");
    ran.says("networks: { back: { ipv4_address: 10.78.0.10 } }");
    std::fs::write("/run/shop/compose.yaml", COMPOSE).unwrap();
    let other = "services: { db: { image: x, ports: [\"99999:80\"] } }\n";
    std::fs::write("/run/shop/more.yaml", other).unwrap();
    h.run(&["validate", "-f", "compose.yaml", "-f", "more.yaml"])
        .exits(2)
        .says("more.yaml:1:")
        .says("99999:80");
    std::fs::write("/run/own.hallway.yaml", "nodes: { a: {} }\n").unwrap();
    for flag in [&["--stub"][..], &["--scale", "a=3"], &["--profile", "x"]] {
        let words = [&["validate", "/run/own.hallway.yaml"], flag].concat();
        let said = format!("{} is for Compose files", flag[0]);
        h.run(&words).exits(2).says(&said);
    }
    // Files of other formats do not have them either.
    std::fs::create_dir_all("/run/lab").unwrap();
    std::fs::write("/run/lab/lab.conf", "a[0]=\"A\"\n").unwrap();
    let topology = "name: t\ntopology: { nodes: { a: { kind: linux } } }\n";
    std::fs::write("/run/t.clab.yml", topology).unwrap();
    for (file, what) in [
        ("/run/lab/lab.conf", "a Kathara lab"),
        ("/run/t.clab.yml", "a containerlab topology"),
    ] {
        h.run(&["validate", file]).ok();
        for flag in [&["--stub"][..], &["--join"], &["--scale", "a=3"]] {
            let words = [&["validate", file], flag].concat();
            let said = format!("{} is for Compose files; {file} is {what}", flag[0]);
            h.run(&words).exits(2).says(&said);
        }
    }
}

/// `-` is stdin, for files of all formats.
fn files_on_stdin() {
    let h = Hallway::host(PROGRAM).within(directory(&[]));
    let given = |text: &str, words: &str| {
        let script = format!(
            "cd /run/shop && printf '%s' '{text}' | {PROGRAM} --host --state-dir /run/state {words} 2>&1"
        );
        sh(&script)
    };
    let compose = "services: { web: { image: x } }";
    let lab = "name: lab\ntopology: { nodes: { web: { kind: linux } } }\n";
    for (text, name) in [(compose, "shop"), (lab, "lab")] {
        for words in ["validate -", "validate -f -", "plan -"] {
            let out = given(text, words);
            assert!(out.contains(name), "{words}: {out}");
        }
        let out = given(text, "up -");
        assert!(out.contains(&format!("{name} is up")), "{out}");
        h.ok(&format!("-p {name} down"));
    }
}

/// Places in other files have the name of that file, before `up` and while it is up.
fn places_in_other_files() {
    let main = format!("include: [parts/store.yaml]\n{COMPOSE}");
    let part = "services: { cache: { image: redis, networks: [store] } }\nnetworks:\n  store: { internal: true }\n";
    let changes = "x-hallway:\n  policies:\n    - { action: deny, from: web, to: cache }\n  expect:\n    - { from: web, to: cache }\n";
    let files = [
        ("compose.yaml", main.as_str()),
        ("parts/store.yaml", part),
        ("compose.override.yaml", changes),
    ];
    let h = Hallway::host(PROGRAM).within(directory(&files));
    let denied = |ran: &str| ran.contains("compose.override.yaml:3:7");
    assert!(denied(&h.run(&["explain", "web", "cache"]).out));
    h.ok("up --stub");
    for _ in 0..2 {
        assert!(denied(&h.run(&["explain", "web", "cache"]).out));
        let ran = h.run(&["explain", "stranger", "cache"]);
        assert!(ran.out.contains("parts/store.yaml:3:3"), "{}", ran.out);
        let ran = h.run(&["explain", "web", "db:22"]);
        assert!(ran.out.contains("(compose.yaml:20:7)"), "{}", ran.out);
        let listed = h.ok("policy ls");
        assert!(listed.contains("compose.override.yaml line 3"), "{listed}");
        let tested = h.run(&["test"]).exits(1);
        assert!(
            tested.out.contains("compose.override.yaml:5: should be"),
            "{}",
            tested.out
        );
        h.ok("node add late"); // the record is written again
        h.ok("node rm late");
    }
    h.ok("down");
}

/// The override file is read too, and commands change the running project.
fn an_override_and_an_edit() {
    sh("ip link set lo up");
    let changes = "services: { web: { ports: !override [\"8090:80\"] } }\n";
    let files = [
        ("compose.yaml", COMPOSE),
        ("compose.override.yaml", changes),
    ];
    let h = Hallway::host(PROGRAM).within(directory(&files));
    h.ok("up --stub");
    assert!(sh("curl -s -m 30 http://127.0.0.1:8090").contains("web"));
    h.ok("node add late");
    h.ok("connect late front");
    assert!(h.project("shop").reads("late", "http://web"));
    let out = h.ok("export");
    assert!(out.contains("late") && out.contains("8090:80"), "{out}");
    h.ok("down");
}

/// A port that hallway may choose is a free one, and stays the same.
fn free_ports_of_the_host() {
    sh("ip link set lo up");
    let text = "services: { web: { image: nginx, ports: [\"80\"] } }\n";
    let h = Hallway::host(PROGRAM).within(directory(&[("compose.yaml", text)]));
    let chosen = || {
        let file = h.ok("import --stub");
        let (_, rest) = file.split_once("ports: [\"").unwrap();
        rest.split_once(':').unwrap().0.to_owned()
    };
    let first = chosen();
    let other = std::net::TcpListener::bind(format!("0.0.0.0:{first}")).unwrap();
    let second = chosen();
    assert_ne!(first, second);
    h.ok("up --stub");
    assert!(sh(&format!("curl -s -m 30 http://127.0.0.1:{second}")).contains("web"));
    drop(other);
    h.run(&["up", "--stub"]).exits(0).says("nothing to change");
    h.ok("down");
}

/// Replicas, profiles, included files and the variables of `.env`, all of one project.
fn scaled_with_profiles_and_included_files() {
    sh("ip link set lo up");
    let main = "include: [parts/store.yaml]
services:
  web: { image: nginx, expose: [\"80\"], ports: [\"${FIRST:?}-8092:80\"], networks: [default, store] }
  debug: { image: alpine, profiles: [debug] }
";
    let store = "services: { db: { image: postgres, networks: [store] } }
networks: { store: { internal: true } }
";
    let files = [
        ("compose.yaml", main),
        ("parts/store.yaml", store),
        (".env", "FIRST=8090\n"),
    ];
    let h = Hallway::host(PROGRAM).within(directory(&files));
    h.ok("up --stub --scale web=2 --profile debug");
    let p = h.project("shop");
    assert!(p.reads("debug", "http://web-2"));
    assert!(p.reads("web-1", "http://db:5432"));
    assert!(sh("curl -s -m 30 http://127.0.0.1:8090").contains("web"));
    assert!(sh("curl -s -m 30 http://127.0.0.1:8091").contains("web-2"));
    h.ok("up --stub --scale web=1");
    assert_eq!(p.run(&["exec", "debug", "--", "true"]).code, 125);
    assert!(sh("curl -s -m 30 http://127.0.0.1:8090").contains("web"));
    h.ok("down");
}

/// COMPOSE_FILE, COMPOSE_PROFILES and COMPOSE_PROJECT_NAME, of the environment and of `.env`.
fn variables_of_compose() {
    let service = |name: &str| format!("name: own\nservices: {{ {name}: {{ image: x }} }}\n");
    let debug = "services: { debug: { image: x, profiles: [debug] } }\n";
    let (one, two) = (service("one"), service("two"));
    let files = [
        ("compose.yaml", service("usual")),
        ("parts/one.yaml", one),
        ("two.yaml", two),
        ("debug.yaml", debug.to_owned()),
        ("parts/.env", "COMPOSE_PROJECT_NAME=parts\n".to_owned()),
        (
            ".env",
            "COMPOSE_FILE=parts/one.yaml,two.yaml,debug.yaml\nCOMPOSE_PATH_SEPARATOR=,\nCOMPOSE_PROFILES=other, debug\nCOMPOSE_PROJECT_NAME=${NAME:-of-file}\n".to_owned(),
        ),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let at = directory(&files);
    let names = |variables: &str| {
        let out = sh(&format!("cd {at} && {variables} {PROGRAM} --host import"));
        let name = out.lines().find_map(|l| l.strip_prefix("name: "));
        let nodes = ["usual", "one", "two", "debug"].iter();
        let nodes = nodes.filter(|n| out.contains(&format!("\n  {n}:")));
        let nodes: Vec<&str> = nodes.copied().collect();
        format!("{}: {}", name.unwrap_or_default(), nodes.join(" "))
    };
    assert_eq!(names(""), "of-file: one two debug");
    assert_eq!(names("NAME=x"), "x: one two debug");
    assert_eq!(names("COMPOSE_PROFILES="), "of-file: one two");
    assert_eq!(
        names("COMPOSE_FILE=two.yaml COMPOSE_PROJECT_NAME=a"),
        "a: two"
    );
    assert_eq!(names("COMPOSE_FILE= COMPOSE_PROJECT_NAME="), "own: usual");
    std::fs::write("/run/shop/x.hallway.yaml", "nodes: { n: }\n").unwrap();
    let out = sh(&format!(
        "cd {at} && COMPOSE_FILE=two.yaml {PROGRAM} --host plan"
    ));
    assert!(out.contains("create namespace n "), "{out}");
}

/// A hallway file with comments; a project as a Compose file that is read again.
fn import_and_export() {
    let h = Hallway::host(PROGRAM).within(directory(&[("compose.yaml", COMPOSE)]));
    let file = h.ok("import --stub");
    assert!(file.starts_with("# ignored"), "{file}");
    std::fs::write("/run/shop/shop.hallway.yaml", &file).unwrap();
    h.ok("up shop.hallway.yaml");
    let again = h.ok("-p shop export --format compose");
    std::fs::write("/run/shop/again.yaml", &again).unwrap();
    h.ok("validate again.yaml");
    // Comments of elements have the key of the file, which is another one; nothing else differs.
    let plan = h.run(&["plan", "again.yaml", "--format", "json"]).json();
    for step in plan["steps"].as_array().unwrap() {
        let kind = step["kind"].as_str().unwrap();
        assert!(["rules", "connections"].contains(&kind), "{step}");
    }
    h.run(&["import", "shop.hallway.yaml"])
        .exits(2)
        .says("is a hallway file already");
    h.ok("-p shop down");
}

hallway_testkit::tests!(
    a_service_that_ends,
    a_change_of_a_project_with_a_dependency_that_is_not_required,
    free_ports_of_the_host,
    scaled_with_profiles_and_included_files,
    variables_of_compose,
    import_and_export,
    services_answer_each_other_and_the_host,
    places_of_what_is_up,
    places_in_other_files,
    messages_point_into_the_file,
    files_on_stdin,
    an_override_and_an_edit,
);
