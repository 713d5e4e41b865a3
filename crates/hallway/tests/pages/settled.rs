//! Parts of an output that differ from run to run, replaced by constant ones.

use std::collections::BTreeMap;

use super::DESK;

/// States of a TCP connection in conntrack's output: which one appears depends on the time.
const STATES: [&str; 8] = [
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
];

/// An output without durations, capture's timestamps, process ids, the state of a closed connection, and the
/// numbers of source ports. A source port is one that is not in the command; each gets its own name within the
/// output, so that equal and different ports are still compared.
pub(crate) fn settled(written: &str, output: &str) -> String {
    let mut ports = BTreeMap::new();
    let mut pids = None;
    let mut out = String::new();
    // The progress that is shown only if a program starts slowly is not part of it.
    for line in output.lines().filter(|l| !l.starts_with("waiting for ")) {
        let line = line.replace(DESK, "~/hallway");
        let connection = line.trim_start().starts_with("host") && line.contains(" connection ");
        let mut kept: Vec<String> = Vec::new();
        for word in line.split(' ') {
            let (core, tail) = split_tail(word);
            let first = kept.iter().all(String::is_empty);
            if first && is_timestamp(word) {
                kept.push("TIME".to_owned());
            } else if matches!(core, "ms" | "µs" | "s")
                && kept.last().is_some_and(|n| is_duration(n))
            {
                let open = kept.pop().is_some_and(|n| n.starts_with('('));
                kept.push(format!("{}N", if open { "(" } else { "" }));
                kept.push(format!("time{tail}"));
            } else if kept.last().is_some_and(|w| w == "(process") && core.parse::<u32>().is_ok() {
                kept.push(format!("N{tail}"));
            } else if kept.last().is_some_and(|w| w == "time")
                && core.strip_suffix("ms").is_some_and(is_duration)
            {
                kept.push(format!("Nms{tail}")); // the last line of ping
            } else if connection && STATES.contains(&core) {
                kept.push("STATE".to_owned());
            } else {
                kept.push(without_source_port(written, &mut ports, core) + tail);
            }
        }
        out.push_str(without_pid(&mut pids, kept.join(" ").trim_end()).as_str());
        out.push('\n');
    }
    out
}

/// A line of a table without its process id. `column` is the place of the header `PID` among the words of the
/// lines before. Spaces are not compared in such a table: its width depends on the number.
fn without_pid(column: &mut Option<usize>, line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if let Some(place) = words.iter().position(|w| *w == "PID") {
        *column = Some(place);
        return words.join(" ");
    }
    let number = column.and_then(|place| words.get_mut(place));
    match number.filter(|word| word.parse::<u32>().is_ok()) {
        Some(word) => *word = "N",
        None => {
            *column = None;
            return line.to_owned();
        }
    }
    words.join(" ")
}

fn split_tail(word: &str) -> (&str, &str) {
    word.split_at(word.trim_end_matches([')', ',', ';']).len())
}

/// `47`, `(1.2`, and `time=0.043` and `0.1/0.2/0.3/0.0` of ping.
fn is_duration(word: &str) -> bool {
    let word = word.trim_start_matches('(').trim_start_matches("time=");
    !word.is_empty() && word.split('/').all(|n| n.parse::<f64>().is_ok())
}

/// `1.005141`, as at the beginning of capture's lines.
fn is_timestamp(word: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    word.split_once('.').is_some_and(|(seconds, rest)| {
        !seconds.is_empty() && digits(seconds) && rest.len() == 6 && digits(rest)
    })
}

fn without_source_port(written: &str, ports: &mut BTreeMap<u16, usize>, word: &str) -> String {
    let Some((address, port)) = word.rsplit_once(':') else {
        return word.to_owned();
    };
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
    let is_address = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => address.parse::<std::net::Ipv4Addr>().is_ok(),
    };
    match port.parse::<u16>() {
        Ok(number) if is_address && number >= 1024 && !names(written, port) => {
            let next = ports.len() + 1;
            let name = ports.entry(number).or_insert(next);
            format!("{address}:PORT{name}")
        }
        _ => word.to_owned(),
    }
}

/// Whether the command contains that number as a word.
fn names(written: &str, port: &str) -> bool {
    written
        .split(|c: char| !c.is_ascii_digit())
        .any(|number| number == port)
}

/// What is equal, and what is not.
pub(crate) fn check() {
    let command = "$ hallway trace a b:8080";
    let same = |one: &str, other: &str| settled(command, one) == settled(command, other);
    assert!(same("up (47 ms)", "up (1.2 s)"));
    assert!(same("open (173 µs; no answer)", "open (1 ms; no answer)"));
    assert!(same("by x (process 7)", "by x (process 12)"));
    assert!(same(
        "SANDBOX  PID  PROJECTS\na        40   b",
        "SANDBOX  PID    PROJECTS\na        12345  b"
    ));
    assert!(!same(
        "SANDBOX  PID\na        40",
        "SANDBOX  PID\nb        40"
    ));
    assert!(!same(
        "SANDBOX  NAME\na        40",
        "SANDBOX  NAME\na        41"
    ));
    assert!(same("100% loss, time 0ms", "100% loss, time 4ms"));
    assert!(!same("delay 50ms", "delay 60ms"));
    assert!(!same("open (173 µs; no answer)", "open (1 ms)"));
    assert!(same(
        "10.0.0.1:40000 → 10.0.0.2:8080 tcp",
        "10.0.0.1:2000 → 10.0.0.2:8080 tcp"
    ));
    assert!(!same(
        "10.0.0.1:40000 → 10.0.0.2:8080",
        "10.0.0.1:40000 → 10.0.0.2:8081"
    ));
    assert!(!same("10.0.0.1:40000 tcp", "10.0.0.9:40000 tcp"));
    assert!(!same("10.0.0.1:40000 tcp", "10.0.0.1:80 tcp"));
    assert!(
        !same(
            "from 10.0.0.1:40000 instead of 10.0.0.2:40000",
            "from 10.0.0.1:40000 instead of 10.0.0.2:50000"
        ),
        "a port that is kept is not one that is changed"
    );
    assert!(same("[fd00::1]:40000 tcp", "[fd00::1]:50000 tcp"));
    assert!(same(
        "    host     connection  x tcp CLOSE",
        "    host     connection  x tcp TIME_WAIT"
    ));
    assert!(!same("tcp CLOSE", "tcp TIME_WAIT"));
    assert!(same("  1.000001 eth0 in", "  1.202020 eth0 in"));
    assert!(!same("at 1.000001 eth0", "at 1.202020 eth0"));
}
