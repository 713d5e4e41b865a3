//! Notes about services: which join containers, which run here, which have no program.

use std::collections::BTreeMap;

use hallway_spec::{Command, Value, listed};

use super::service::Service;
use crate::findings::Findings;
use crate::surroundings::Options;

/// Says it.
pub(super) fn say(all: &[Service], options: &Options, findings: &mut Findings) {
    let services: Vec<&Service> = all.iter().filter(|s| !s.nodes.is_empty()).collect();
    let services = services.as_slice();
    joined(services, findings);
    not_joined(services, findings);
    running(services, findings);
    without_shell(services, findings);
    checked_by_port(services, findings);
    without_program(services, options, findings);
}

/// Says which services join containers.
fn joined(services: &[&Service], findings: &mut Findings) {
    let joined = services.iter().filter(|s| !s.containers.is_empty());
    let words = joined.map(|s| format!("{} ({})", s.name, s.containers.join(", ")));
    let words: Vec<String> = words.collect();
    if !words.is_empty() {
        findings.note(format!(
            "in their running containers: {}; what these run and publish is not handled by hallway",
            listed(&words)
        ));
    }
}

/// Says which services join no container, once for each reason.
fn not_joined(services: &[&Service], findings: &mut Findings) {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in services {
        if let Some(why) = &service.joins_none {
            by_reason.entry(why).or_default().push(&service.name);
        }
    }
    for (why, names) in by_reason {
        let join = match names.len() {
            1 => "joins",
            _ => "join",
        };
        findings.note(format!("{} {join} no container: {why}", listed(&names)));
    }
}

/// The words of its program.
fn words(service: &Service) -> Option<Vec<&str>> {
    let words = service.command.as_ref()?.items().iter();
    Some(words.filter_map(Value::text).collect())
}

/// Says in which commands there is a word for a shell, but no shell.
fn without_shell(services: &[&Service], findings: &mut Findings) {
    let found = services.iter().filter_map(|s| {
        let word = Command::word_for_a_shell(&words(s)?)?.to_owned();
        Some(format!("{word} in {}", s.name))
    });
    let found: Vec<String> = found.collect();
    if !found.is_empty() {
        findings.note(format!(
            "run without a shell, as in a container, so this is only a word: {}; sh -c 'COMMAND' runs a shell",
            listed(&found)
        ));
    }
}

/// Reports programs for containers that run here, with this machine's files.
fn running(services: &[&Service], findings: &mut Findings) {
    let of_image = |s: &&&Service| {
        s.value
            .get("image")
            .or_else(|| s.value.get("build"))
            .is_some()
    };
    let running: Vec<String> = services
        .iter()
        .filter(of_image)
        .filter(|s| !s.stub)
        .filter_map(|s| {
            let words = words(s)?;
            Some(format!(
                "{} ({})",
                s.name,
                shortened(&shell_words::join(words))
            ))
        })
        .collect();
    if !running.is_empty() {
        findings.note(format!(
            "these programs run with the files of this machine, not with those of an image: {}",
            listed(&running)
        ));
    }
}

/// Says which health checks are replaced, and what of them does not count.
fn checked_by_port(services: &[&Service], findings: &mut Findings) {
    let replaced = services.iter().filter(|s| {
        let given = s.value.get("healthcheck").is_some();
        given && s.healthcheck.is_none() && !s.stub && !s.ready.is_empty()
    });
    let words = replaced.map(|s| {
        let ports: Vec<&str> = s.ready.iter().filter_map(Value::text).collect();
        format!("{} ({})", s.name, ports.join(", "))
    });
    let words: Vec<String> = words.collect();
    if !words.is_empty() {
        findings.note(format!(
            "this machine does not have the programs of these health checks, so hallway waits until the port of the check listens: {}; interval, timeout and retries do not count, --wait-timeout limits the wait",
            listed(&words)
        ));
    }
}

/// The beginning of a long command.
fn shortened(command: &str) -> String {
    const LENGTH: usize = 60;
    match command.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", command.get(..end).unwrap_or(command)),
        None => command.to_owned(),
    }
}

/// Reports the services without a program here.
fn without_program(services: &[&Service], options: &Options, findings: &mut Findings) {
    let idle: Vec<&str> = services
        .iter()
        // One that shares the network of another is left out, with a note there.
        .filter(|s| !s.runs() && s.containers.is_empty() && s.shares.is_none())
        .map(|s| s.name.as_str())
        .collect();
    if idle.is_empty() {
        return;
    }
    let hint = match options.stub {
        true => "expose ports, or give them a program with x-hallway: { command: … }",
        false => "--stub gives each a small server on its ports",
    };
    findings.note(format!(
        "without a program, since images are not run: {}; {hint}",
        listed(&idle)
    ));
}
