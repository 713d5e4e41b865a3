//! Files that include one another: without end, deeply, and many times.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::cell::Cell;

use hallway_import::{File, Options, Surroundings, import};

/// The messages about `0.yaml`, if each further file has the text of `text`, and the number of
/// files that were read.
fn messages(text: impl Fn(usize) -> String) -> (Vec<String>, usize) {
    let reads = Cell::new(0);
    let read = |path: &str| {
        let Some(number) = path.strip_suffix(".yaml").and_then(|n| n.parse().ok()) else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        reads.set(reads.get() + 1);
        Ok(text(number))
    };
    let file = File {
        path: "0.yaml".to_owned(),
        text: text(0),
    };
    let surroundings = Surroundings {
        read: &read,
        ..Surroundings::bare()
    };
    let result = import(&[file], &Options::default(), surroundings);
    let problems = result.err().map(|p| p.problems).unwrap_or_default();
    let messages = problems.iter().map(|p| p.kind.to_string()).collect();
    (messages, reads.get())
}

const END: &str = "services: { a: { image: x, command: sh } }\n";

#[test]
fn a_cycle_is_reported_as_one() {
    let (messages, reads) = messages(|n| format!("include: [{}.yaml]\n", (n + 1) % 3));
    assert_eq!(messages, ["0.yaml includes or extends itself"]);
    assert_eq!(reads, 2);
}

#[test]
fn deep_nesting_is_not_reported_as_a_cycle() {
    let next = |n: usize| format!("include: [{}.yaml]\n", n + 1);
    let (too_deep, _) = messages(next);
    assert_eq!(too_deep, ["25.yaml is nested more than 24 deep"]);
    let (fits, _) = messages(|n| match n {
        24 => END.to_owned(),
        n => next(n),
    });
    assert_eq!(fits, [""; 0]);
    let (services, _) = messages(|n| {
        format!(
            "services: {{ a: {{ extends: {{ file: {}.yaml, service: a }} }} }}\n",
            n + 1
        )
    });
    assert_eq!(services, ["a is nested more than 24 deep"]);
}

#[test]
fn files_are_not_read_without_end() {
    let (messages, reads) = messages(|n| match n {
        20 => END.to_owned(),
        n => format!("include: [{0}.yaml, {0}.yaml]\n", n + 1),
    });
    let limit =
        "more than 1000 files are included or extended; one that is named twice counts twice";
    assert!(messages.iter().any(|m| m == limit), "{messages:?}");
    assert!(messages.len() < 2000, "{}", messages.len());
    assert!(reads <= 1000, "{reads}");
}

/// The result for `compose.yaml`, which includes `a/compose.yaml` and `b/compose.yaml`.
fn with_two(text: &str, a: &str, b: &str) -> Result<usize, Vec<String>> {
    let read = |path: &str| match path {
        "a/compose.yaml" => Ok(a.to_owned()),
        "b/compose.yaml" => Ok(b.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let file = File {
        path: "compose.yaml".to_owned(),
        text: format!("include: [a/compose.yaml, b/compose.yaml]\n{text}"),
    };
    let surroundings = Surroundings {
        read: &read,
        ..Surroundings::bare()
    };
    match import(&[file], &Options::default(), surroundings) {
        Ok(imported) => Ok(imported.project.topology.nodes.len()),
        Err(p) => Err(p.problems.iter().map(|p| p.kind.to_string()).collect()),
    }
}

#[test]
fn equal_definitions_of_several_files_are_one() {
    let part = |name: &str, proxy: &str| {
        format!(
            "services: {{ {name}: {{ image: x, networks: [proxy] }} }}\nnetworks: {{ proxy: {proxy} }}\n"
        )
    };
    let external = "{ external: true, labels: [a, b] }";
    let same = "{ labels: [\"a\", 'b'], external: \"true\" }";
    let (a, b) = (part("a", external), part("b", same));
    assert_eq!(with_two("", &a, &b), Ok(2));
    let own = format!("networks: {{ proxy: {external} }}\n");
    assert_eq!(with_two(&own, &a, &b), Ok(2));
    let other = part("b", "{ internal: true }");
    let refused = Err(vec!["proxy is defined in an included file too".to_owned()]);
    assert_eq!(with_two("", &a, &other), refused);
    assert!(with_two("networks: { proxy: }\n", &a, &a).is_err());
    assert_eq!(with_two("", &a, &a), Ok(1), "equal services");
    // The same path in two directories is that of two files.
    let file = "services: { a: { image: x, env_file: { path: x.env, required: false } } }\n";
    assert!(with_two("", file, file).is_err());
}
