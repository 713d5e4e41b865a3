//! Keys and kinds of values that Compose refuses, at any depth.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_import::{File, Options, Surroundings, import};
use hallway_spec::Diagnostic as _;

/// The places and messages of the problems of a Compose file.
fn problems(text: &str) -> Vec<String> {
    let file = File {
        path: "compose.yaml".to_owned(),
        text: text.to_owned(),
    };
    let variable = |name: &str| match name {
        "N" => Some("5".to_owned()),
        "T" => Some("true".to_owned()),
        _ => None,
    };
    let read = |path: &str| match path {
        "more.yaml" => {
            Ok("services: { m: { image: x } }\nnetwroks: { n: { drivr: bridge } }\n".to_owned())
        }
        "db.yaml" => Ok("services: { db: { image: x } }\n".to_owned()),
        "x.env" => Ok(String::new()),
        "closed.env" => Err(std::io::ErrorKind::PermissionDenied.into()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let surroundings = Surroundings {
        variable: &variable,
        read: &read,
        ..Surroundings::bare()
    };
    let result = import(&[file], &Options::default(), surroundings);
    let problems = result.err().map(|p| p.problems).unwrap_or_default();
    problems
        .iter()
        .map(|p| format!("{}: {}", p.place.column, p.kind))
        .collect()
}

/// The one message about a service with these keys.
fn of_service(keys: &str) -> String {
    let text = format!("services: {{ a: {{ image: x, {keys} }}, b: {{ image: x }} }}\n");
    one(keys, &text)
}

fn one(what: &str, text: &str) -> String {
    let mut all = problems(text);
    assert_eq!(all.len(), 1, "{what}: {all:?}");
    let message = all.remove(0);
    message.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn keys_at_any_depth_that_compose_does_not_have() {
    for (keys, key) in [
        ("healthcheck: { tests: exit 1 }", "tests"),
        ("healthcheck: { test: exit 0, retrys: 4 }", "retrys"),
        (
            "depends_on: { b: { condition: service_started, requird: false } }",
            "requird",
        ),
        (
            "depends_on: { b: { conditon: service_started } }",
            "conditon",
        ),
        ("deploy: { replcas: 3 }", "replcas"),
        ("deploy: { resources: { limts: { memory: 1g } } }", "limts"),
        (
            "deploy: { restart_policy: { conditions: any } }",
            "conditions",
        ),
        ("logging: { drvier: x }", "drvier"),
        ("build: { contxt: . }", "contxt"),
        ("develop: { watch: [{ pth: ., action: sync }] }", "pth"),
        ("volumes: [{ typ: bind, source: a, target: b }]", "typ"),
        (
            "volumes: [{ type: bind, bind: { propogation: x } }]",
            "propogation",
        ),
        ("ulimits: { nofile: { sft: 1 } }", "sft"),
        ("secrets: [{ sorce: x }]", "sorce"),
        ("env_file: [{ pth: x.env }]", "pth"),
        ("ports: [{ traget: 80 }]", "traget"),
        ("networks: { default: { alias: [x] } }", "alias"),
        ("post_start: [{ comand: x }]", "comand"),
        ("extends: { servce: b }", "servce"),
    ] {
        let message = of_service(keys);
        assert!(
            message.starts_with(&format!("unknown key `{key}` in ")),
            "{message}"
        );
    }
    for (text, key) in [
        (
            "networks: { default: { ipam: { confg: [{ subnet: 10.5.0.0/24 }] } } }",
            "confg",
        ),
        (
            "networks: { default: { ipam: { config: [{ subent: 10.5.0.0/24 }] } } }",
            "subent",
        ),
        ("networks: { default: { external: { nme: x } } }", "nme"),
        ("volumes: { v: { drivr: local } }", "drivr"),
        ("secrets: { s: { fil: x } }", "fil"),
        ("configs: { c: { contnt: x } }", "contnt"),
        ("include: [{ pth: db.yaml }]", "pth"),
    ] {
        let message = one(
            text,
            &format!("services: {{ a: {{ image: x }} }}\n{text}\n"),
        );
        assert!(
            message.starts_with(&format!("unknown key `{key}` in ")),
            "{message}"
        );
    }
}

/// Keys of a service with values that Compose refuses, and the message.
const REFUSED_VALUES: [(&str, &str); 25] = [
    (
        "hostname: 5",
        "services.a.hostname must be a text, but is the number 5",
    ),
    (
        "working_dir: 5",
        "services.a.working_dir must be a text, but is the number 5",
    ),
    (
        "entrypoint: 5",
        "services.a.entrypoint must be a text or a list of words, but is the number 5",
    ),
    (
        "command: [sleep, 5]",
        "services.a.command[1] must be a text, but is the number 5",
    ),
    (
        "restart: false",
        "services.a.restart must be a text, but is the truth value false",
    ),
    (
        "profiles: [1]",
        "services.a.profiles[0] must be a text, but is the number 1",
    ),
    (
        "healthcheck: { disable: maybe }",
        "services.a.healthcheck.disable must be true or false, but is \"maybe\"",
    ),
    (
        "healthcheck: { test: x, retries: many }",
        "services.a.healthcheck.retries must be a number of failures, but is \"many\"",
    ),
    (
        "healthcheck: { test: x, interval: 5 parsecs }",
        "services.a.healthcheck.interval must be a time with its unit, like 10s, 1m30s or 500ms, but is \"5 parsecs\"",
    ),
    (
        "networks: { default: { gw_priority: hi } }",
        "services.a.networks.default.gw_priority must be a number, but is \"hi\"",
    ),
    (
        "networks: { default: { aliases: web } }",
        "services.a.networks.default.aliases must be a list of names, like [web], but is \"web\"",
    ),
    (
        "expose: [x]",
        "services.a.expose[0] must be a port like \"3000\" or \"8000-8010/tcp\", but is \"x\"",
    ),
    (
        "expose: 90",
        "services.a.expose must be a list of ports, like [\"3000\"], but is \"90\"",
    ),
    (
        "ports: \"80:80\"",
        "services.a.ports must be a list of ports, like [\"8080:80\"], but is \"80:80\"",
    ),
    (
        "ports: [{ published: 80 }]",
        "a published port needs a target, the port in the node",
    ),
    (
        "depends_on: { b: { required: true } }",
        "a dependency with keys of its own needs a condition",
    ),
    (
        "depends_on: { b: }",
        "a dependency with keys of its own needs a condition",
    ),
    ("links: [zz]", "there is no service zz"),
    ("volumes_from: [\"zz:ro\"]", "there is no service zz"),
    ("pid: \"service:zz\"", "there is no service zz"),
    (
        "environment: 3",
        "services.a.environment must be a mapping from names to texts, or a list like [NAME=value], but is \"3\"",
    ),
    (
        "environment: { X: { a: b } }",
        "services.a.environment.X must be a text or a number, but is a mapping",
    ),
    (
        "stop_grace_period: 5",
        "services.a.stop_grace_period must be a time with its unit, like 10s, 1m30s or 500ms, but is \"5\"",
    ),
    ("extends: { file: x.yaml }", "extends needs a service"),
    (
        "env_file: [{ required: false }]",
        "an entry of env_file needs a path",
    ),
];

#[test]
fn values_that_compose_refuses() {
    for (keys, message) in REFUSED_VALUES {
        assert_eq!(of_service(keys), message, "{keys}");
    }
    let text = "services: { a: { build: 5 } }";
    assert!(one(text, text).starts_with("services.a.build must be the path of a directory"));
}

#[test]
fn values_of_all_kinds_that_compose_takes() {
    for keys in [
        "environment: { X: 1, Y: true, Z: }, labels: { a: 1 }",
        "command: [sleep, \"5\"], entrypoint: sh",
        "build: ., user: \"1000\", group_add: [1000, adm]",
        "build: { context: ., args: { A: 1 }, ssh: [default], ulimits: { nofile: 5 } }",
        "extra_hosts: { api: 10.0.0.9, both: [10.0.0.8, \"::1\"] }",
        "healthcheck: { test: curl x, interval: 1m30s, timeout: 0.5s, start_period: 0, retries: 3 }",
        "healthcheck: { test: [CMD, curl], interval: 1h5m, retries: \"3\" }",
        "healthcheck: { disable: \"yes\" }",
        "hostname: \"${N}\", privileged: \"${T}\", scale: \"${N}\", profiles: [\"${N}\"], command: \"${T}\"",
        "hostname: $N, privileged: $T, profiles: [$N], command: $T",
        "ports: [80, { target: 80 }, { target: \"81\", published: 8081, x-note: y }], expose: [90, 91-92/udp]",
        "deploy: { replicas: 2, resources: { limits: { cpus: 0.5, memory: 50M }, reservations: { devices: [{ capabilities: [gpu], count: all }] } } }",
        "dns: 1.1.1.1, tmpfs: /run, devices: [/dev/x, { source: /dev/y }], gpus: all",
        "networks: { default: { gw_priority: 5, priority: \"7\", driver_opts: { a: 1 } } }",
        "links: [b, \"b:db\"], volumes_from: [b, \"container:other\"], pid: \"service:b\", ipc: host",
        "volumes: [\"a:/b\", { type: bind, source: ., target: /b, bind: { create_host_path: true } }]",
        "ulimits: { nofile: { soft: 1, hard: 2 }, nproc: 5 }, logging: { driver: x, options: { max-size: 1m } }",
        "depends_on: [b]",
        "depends_on: { b: { condition: service_started, restart: true } }",
        "x-note: { any: [thing] }, healthcheck: { test: exit 0, x-more: 1 }",
        "restart: no",
        "env_file: [{ path: x.env, required: false, format: raw }]",
    ] {
        let text = format!("services: {{ a: {{ image: x, {keys} }}, b: {{ image: x }} }}\n");
        assert_eq!(problems(&text), [""; 0], "{keys}");
    }
    let networks = "networks: { default: { ipam: { driver: default, config: [{ subnet: 10.5.0.0/24, gateway: 10.5.0.1, ip_range: 10.5.0.0/25, aux_addresses: { a: 10.5.0.9 } }] }, labels: [a=b] }, e: { external: { name: y } } }\nvolumes: { v: , w: { external: true } }\nsecrets: { s: { file: x } }\nconfigs: { c: { content: y } }\nversion: 3.8\nx-any: 1\n";
    assert_eq!(
        problems(&format!("services: {{ a: {{ image: x }} }}\n{networks}")),
        [""; 0]
    );
}

#[test]
fn one_misspelt_key_hides_nothing_and_has_no_consequences() {
    let text = "services: { a: { image: x, netwroks: [back] } }\nnetwroks: { back: { drivr: x, internal: true } }\n";
    let messages = problems(text);
    let [service, file, network] = messages.as_slice() else {
        unreachable!("{messages:?}");
    };
    assert!(
        service.ends_with("unknown key `netwroks` in services.a"),
        "{service}"
    );
    assert!(file.ends_with("unknown key `netwroks`"), "{file}");
    assert!(
        network.ends_with("unknown key `drivr` in netwroks.back"),
        "{network}"
    );
    let included = problems("include: [more.yaml]\nservices: { a: { image: x } }\n");
    assert_eq!(included.len(), 2, "{included:?}");
}

#[test]
fn unknown_names_have_a_suggestion() {
    let file = |text: &str| {
        let file = File {
            path: "compose.yaml".to_owned(),
            text: text.to_owned(),
        };
        let problems = import(&[file], &Options::default(), Surroundings::bare());
        let mut problems = problems.unwrap_err().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0).help().unwrap()
    };
    let back = "services: { a: { image: x, networks: [bck] } }\nnetworks: { back: }\n";
    assert_eq!(file(back), "did you mean back?");
    let case = "services: { a: { image: x, depends_on: [DATABASE] }, database: { image: x } }\n";
    assert_eq!(file(case), "did you mean database?");
    let ip = "services: { a: { image: x, ip: 10.0.0.1 } }\n";
    assert!(file(ip).contains("ipv4_address"), "{}", file(ip));
}

#[test]
fn an_optional_file_is_left_out_only_if_it_does_not_exist() {
    let text = |name: &str| {
        format!(
            "services: {{ a: {{ image: x, command: sleep 9, env_file: [ {{ path: {name}, required: false }} ] }} }}\n"
        )
    };
    assert_eq!(problems(&text("absent.env")), [""; 0]);
    assert_eq!(
        problems(&text("closed.env")),
        ["66: cannot read closed.env: permission denied"]
    );
}

/// What is wrong with a project whose `.env` cannot be read.
fn with_env(error: std::io::ErrorKind, is_directory: bool) -> Vec<String> {
    let file = File {
        path: "compose.yaml".to_owned(),
        text: "services: { a: { image: x, command: sleep 9 } }\n".to_owned(),
    };
    let surroundings = Surroundings {
        read: &|_| Err(error.into()),
        directory: &|_| is_directory,
        ..Surroundings::bare()
    };
    let result = import(&[file], &Options::default(), surroundings);
    let problems = result.err().map(|p| p.problems).unwrap_or_default();
    problems.iter().map(|p| p.kind.to_string()).collect()
}

#[test]
fn variables_that_cannot_be_read_are_a_problem() {
    use std::io::ErrorKind;
    assert_eq!(with_env(ErrorKind::NotFound, false), [""; 0]);
    assert_eq!(with_env(ErrorKind::IsADirectory, true), [""; 0]);
    assert_eq!(
        with_env(ErrorKind::PermissionDenied, false),
        ["cannot read .env: permission denied"]
    );
}

#[test]
fn one_mistake_is_one_message() {
    for (keys, message) in [
        ("network_mode: 5", "services.a.network_mode must be"),
        ("env_file: 5", "services.a.env_file must be"),
        ("volumes_from: x", "services.a.volumes_from must be"),
        (
            "extends: { fle: base.yaml, service: b }",
            "unknown key `fle`",
        ),
        (
            "environment: [KEY: value]",
            "services.a.environment[0] must be a text like NAME=value",
        ),
        (
            "depends_on: [b: { condition: service_started }]",
            "services.a.depends_on[0] must be the name of a service alone",
        ),
        (
            "networks: [default: { aliases: [x] }]",
            "services.a.networks[0] must be the name of a network alone",
        ),
        ("ports: !overide [\"80:80\"]", "unknown tag !overide"),
    ] {
        let found = of_service(keys);
        assert!(found.starts_with(message), "{found}");
    }
    let found = one("include", "include: 5\nservices: { a: { image: x } }\n");
    assert!(found.starts_with("include must be"), "{found}");
    let fixed = "services: { a: { image: x, networks: { n: { ipv4_address: 10.9.0.5 } } } }\n";
    for network in [
        "subnet: 10.9.0.0/24",
        "subnets: [10.9.0.0/24]",
        "ipam: { confg: [] }",
    ] {
        let text = format!("{fixed}networks: {{ n: {{ {network} }} }}\n");
        let found = one(network, &text);
        assert!(found.starts_with("unknown key"), "{found}");
    }
    for text in ["ports: [\"${}:80\"]", "ports: [\"80:${}\"]"] {
        let found = of_service(text);
        assert!(
            found.contains("has a $ that is not followed by a variable"),
            "{found}"
        );
    }
    let first = "a: { image: x }\nb: { image: y }\n";
    let found = one("first version", first);
    assert!(
        found.starts_with("a, b are services at the top of the file, as in the first version"),
        "{found}"
    );
    let twice =
        "services: { a: { image: x, container_name: c }, b: { image: x, container_name: c } }\n";
    let found = one("container_name", twice);
    assert_eq!(found, "services b and a have the same container_name c");
}
