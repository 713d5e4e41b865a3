//! `healthcheck` and `depends_on` of a node.

use std::time::Duration;

use super::values::items;
use crate::document::{DependencyKeys, HealthcheckKeys};
use crate::health::duration;
use crate::problem::{Required, ValueProblem};
use crate::reader::{At, Reader};
use crate::{Command, Condition, Dependency, DependsOn, Healthcheck, Name};

/// A health check; `None` for one that is turned off.
pub(super) fn healthcheck(r: &mut Reader<'_>, at: &At) -> Option<Healthcheck> {
    let keys = HealthcheckKeys::read(r, at, "a mapping with test");
    let off = keys.disable.and_then(|at| r.boolean(&at)).unwrap_or(false);
    let test = match &keys.test {
        Some(test) => test_command(r, test),
        None => {
            if !off && r.is_map(at.id) {
                r.report(at, ValueProblem::Missing(Required::Test));
            }
            None
        }
    };
    let mut out = Healthcheck::new(test.filter(|_| !off)?);
    let mut time = |at: Option<At>, least: Duration| {
        const EXPECTED: &str = "a time like 10s, 1m30s or 500ms";
        let at = at?;
        let read = r.text(&at, EXPECTED).map(|text| duration(&text));
        if read.is_some_and(|time| time.is_none_or(|time| time < least)) {
            r.unexpected(&at, EXPECTED);
        }
        read.flatten()
    };
    let shortest = Duration::from_millis(1);
    let interval = time(keys.interval, shortest);
    let timeout = time(keys.timeout, shortest);
    let start_period = time(keys.start_period, Duration::ZERO);
    let start_interval = time(keys.start_interval, shortest);
    out.interval = interval.unwrap_or(out.interval);
    out.timeout = timeout.unwrap_or(out.timeout);
    out.start_period = start_period.unwrap_or_default().max(out.interval);
    out.start_interval = start_interval
        .unwrap_or(out.start_interval)
        .min(out.interval);
    if let Some(at) = keys.retries {
        const EXPECTED: &str = "a number of failures from 1 to 1000";
        match r.value::<u32>(&at, EXPECTED) {
            Some(retries) if (1..=1000).contains(&retries) => out.retries = retries,
            Some(_) => r.unexpected(&at, EXPECTED),
            None => {}
        }
    }
    Some(out)
}

/// A text is a line for a shell; a list begins with CMD, CMD-SHELL or NONE.
fn test_command(r: &mut Reader<'_>, at: &At) -> Option<Command> {
    const EXPECTED: &str = "a line for a shell, or a list that begins with CMD, CMD-SHELL or NONE";
    let shell = |line: String| vec!["/bin/sh".to_owned(), "-c".to_owned(), line];
    let words = if r.is_list(at.id) {
        let items = items(r, Some(at));
        let words: Option<Vec<String>> = items
            .iter()
            .map(|item| r.text_or_empty(item, "a word"))
            .collect();
        let words = words?;
        match words
            .split_first()
            .map(|(kind, rest)| (kind.as_str(), rest))
        {
            Some(("NONE", [])) => return None,
            Some(("CMD", rest)) => rest.to_vec(),
            Some(("CMD-SHELL", [line])) => shell(line.clone()),
            _ => {
                r.unexpected(at, EXPECTED);
                return None;
            }
        }
    } else {
        shell(r.text(at, EXPECTED)?)
    };
    match Command::new(words) {
        Ok(command) => Some(command),
        Err(error) => {
            r.report(at, ValueProblem::Command(error));
            None
        }
    }
}

/// A list of names, or a mapping with conditions.
pub(super) fn depends_on(r: &mut Reader<'_>, at: &At) -> Vec<DependsOn> {
    const EXPECTED: &str = "the name of a node";
    let mut out = Vec::new();
    if r.is_map(at.id) {
        for field in r.fields(at, None, "a list of nodes").0 {
            let here = at.key(&field.name, field.value);
            let (condition, required) = condition(r, &here);
            match field.name.parse() {
                Ok(node) => out.push(DependsOn {
                    on: Dependency {
                        node,
                        condition,
                        required,
                    },
                    place: field.key_place,
                }),
                Err(error) => r.report_at(&field.key_place, ValueProblem::Name(error)),
            }
        }
        return out;
    }
    for item in r.items(at) {
        let place = r.place(&item);
        let there = |node: &Name| out.iter().any(|d: &DependsOn| d.on.node == *node);
        let name = r.checked::<Name>(&item, EXPECTED);
        // The same name again says nothing more.
        let name = name.filter(|node| !there(node));
        out.extend(name.map(|node| DependsOn {
            on: Dependency {
                node,
                condition: Condition::default(),
                required: true,
            },
            place,
        }));
    }
    out
}

/// The condition, and whether it is required.
fn condition(r: &mut Reader<'_>, at: &At) -> (Condition, bool) {
    const EXPECTED: &str = "service_started, service_healthy or service_completed_successfully";
    if r.is_null(at.id) {
        return (Condition::default(), true);
    }
    let keys = DependencyKeys::read(r, at, "a mapping with condition");
    let required = keys.required.and_then(|at| r.boolean(&at));
    let condition = keys.condition.and_then(|at| r.value(&at, EXPECTED));
    (condition.unwrap_or_default(), required.unwrap_or(true))
}
