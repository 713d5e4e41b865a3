//! Override files and extended services: what is merged, added and replaced.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_import::{File, Imported, Options, Surroundings, import};

/// A Compose file changed by another one.
fn of_two(base: &str, later: &str) -> Imported {
    let file = |path: &str, text: &str| File {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let files = [file("a.yml", base), file("b.yml", later)];
    let read = |path: &str| match path {
        "one.env" => Ok("A=1\n".to_owned()),
        "two.env" => Ok("B=2\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let surroundings = Surroundings {
        read: &read,
        ..Surroundings::bare()
    };
    import(&files, &Options::default(), surroundings).unwrap()
}

/// The keys of the one service, from two files and from a service that extends another.
fn of_service(base: &str, later: &str) -> [String; 2] {
    let files = of_two(
        &format!("services: {{ w: {{ image: x, {base} }} }}\n"),
        &format!("services: {{ w: {{ {later} }} }}\n"),
    );
    let extended = of_two(
        &format!(
            "services: {{ b: {{ image: x, profiles: [p], {base} }}, w: {{ extends: b, profiles: !reset [], {later} }} }}\n"
        ),
        "services: {}\n",
    );
    [files, extended].map(|imported| {
        let (_, node) = imported.text.split_once("  w:\n").unwrap();
        let lines = node.lines().map(str::trim);
        let lines = lines.filter(|line| !line.starts_with("networks:"));
        lines.collect::<Vec<_>>().join("; ")
    })
}

#[test]
fn one_text_and_a_list_are_added_to_in_either_form() {
    for (key, first, second, expected) in [
        ("dns", "1.1.1.1", "8.8.8.8", "dns: [1.1.1.1, 8.8.8.8]"),
        ("dns_search", "a.b", "c.d", "dns_search: [a.b, c.d]"),
        (
            "env_file",
            "one.env",
            "two.env",
            "environment: { A: \"1\", B: \"2\" }",
        ),
    ] {
        for base in [first.to_owned(), format!("[{first}]")] {
            for later in [second.to_owned(), format!("[{second}]")] {
                let found = of_service(&format!("{key}: {base}"), &format!("{key}: {later}"));
                assert_eq!(found, [expected, expected], "{key}: {base} and {later}");
            }
        }
    }
}

#[test]
fn variables_with_names_of_such_keys_are_replaced() {
    let found = of_service("environment: { dns: a }", "environment: { dns: b }");
    assert_eq!(found, ["environment: { dns: b }"; 2]);
}

#[test]
fn ipam_is_merged_by_subnet() {
    let base = "services: { w: { image: x, networks: [net] } }\nnetworks: { net: { ipam: { config: [{ subnet: 10.1.0.0/24 }] } } }\n";
    let later = "networks: { net: { ipam: { config: [{ subnet: 10.1.0.0/24, gateway: 10.1.0.9 }, { subnet: \"fd00:1::/64\" }] } } }\n";
    let imported = of_two(base, later);
    let expected = "  net:\n    subnet: [10.1.0.0/24, \"fd00:1::/64\"]\n    gateway: 10.1.0.9\n";
    assert!(imported.text.contains(expected), "{}", imported.text);
}
