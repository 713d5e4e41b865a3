//! `healthcheck:` as ports that a program listens on.

use hallway_spec::Value;

use crate::findings::truth;
use crate::surroundings::Surroundings;

/// Programs that check a server on its usual port.
const CHECKERS: &[(&str, u16)] = &[
    ("pg_isready", 5432),
    ("redis-cli", 6379),
    ("valkey-cli", 6379),
    ("mysqladmin", 3306),
    ("mariadb-admin", 3306),
    ("mongosh", 27017),
    ("mongo", 27017),
    ("rabbitmq-diagnostics", 5672),
];

/// The translation of a health check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Becomes {
    /// Nothing: it is turned off.
    Nothing,
    /// The same health check.
    Itself,
    /// A port to wait for: this machine does not have the checking program.
    Port(u16),
    /// Nothing: this machine does not have that program, and no port is known.
    Lost(String),
}

/// The translation of a health check on this machine.
pub(super) fn becomes(value: &Value, surroundings: &Surroundings<'_>) -> Becomes {
    let program = program(value).unwrap_or_default();
    match check(value) {
        Check::None => Becomes::Nothing,
        _ if (surroundings.program)(&program) => Becomes::Itself,
        Check::Port(port) => Becomes::Port(port),
        Check::Other => Becomes::Lost(program),
    }
}

/// Words at the beginning of a line that a shell carries out itself.
const SHELL_WORDS: [&str; 16] = [
    "!", "(", ":", "[", "[[", "cd", "echo", "eval", "exec", "exit", "false", "if", "test", "true",
    "while", "{",
];

/// The program of a test; for a shell line, its first program, or the shell.
fn program(value: &Value) -> Option<String> {
    let test = value.get("test")?;
    let words: Vec<&str> = test.items().iter().filter_map(Value::text).collect();
    let word = match (test.is_list(), words.as_slice()) {
        (true, ["CMD", program, ..]) => program,
        (true, ["CMD-SHELL", line, ..]) | (false, [line, ..]) => {
            let word = line.split_whitespace().next().unwrap_or_default();
            let by_shell = SHELL_WORDS.contains(&word) || word.starts_with(['(', '$', '"']);
            if by_shell { "sh" } else { word }
        }
        _ => return None,
    };
    Some(word.to_owned())
}

/// The meaning of a health check.
#[derive(Debug, PartialEq, Eq)]
enum Check {
    /// There is none.
    None,
    /// The program is healthy when it listens here.
    Port(u16),
    /// Anything else.
    Other,
}

/// The port that a test connects to, on the node itself.
fn check(value: &Value) -> Check {
    let disabled = value.get("disable").and_then(Value::text);
    if disabled.and_then(truth) == Some(true) {
        return Check::None;
    }
    let Some(test) = value.get("test") else {
        return Check::None;
    };
    let words: Vec<&str> = test.items().iter().filter_map(Value::text).collect();
    if words.first() == Some(&"NONE") {
        return Check::None;
    }
    let line = words.join(" ");
    port(&line).map_or(Check::Other, Check::Port)
}

fn port(line: &str) -> Option<u16> {
    if let Some(port) = url(line) {
        return Some(port);
    }
    let apart = |c: char| c.is_whitespace() || "'\"|&;()".contains(c);
    let words: Vec<&str> = line.split(apart).filter(|w| !w.is_empty()).collect();
    let after = |flags: &[&str]| {
        let at = words.iter().position(|w| flags.contains(w))?;
        words.get(at + 1)?.parse::<u16>().ok()
    };
    let name = |word: &&str| word.rsplit('/').next().unwrap_or_default().to_owned();
    if words
        .iter()
        .any(|w| ["nc", "ncat", "netcat"].contains(&name(w).as_str()))
    {
        return words.iter().rev().find_map(|w| w.parse().ok());
    }
    if let Some(rest) = line.split("/dev/tcp/").nth(1) {
        let port = rest.split(['/', ' ', '\'', '"']).nth(1)?;
        return port.parse().ok();
    }
    let checker = words.iter().find_map(|w| {
        let found = CHECKERS.iter().find(|(checker, _)| *checker == name(w));
        found.map(|(_, port)| *port)
    })?;
    Some(after(&["-p", "-P", "--port"]).unwrap_or(checker))
}

/// The port of a URL, or of `localhost:PORT`, in a line.
fn url(line: &str) -> Option<u16> {
    for host in ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"] {
        for (at, _) in line.match_indices(host) {
            let rest = line.get(at + host.len()..).unwrap_or_default();
            if let Some(rest) = rest.strip_prefix(':') {
                let end = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len());
                if let Ok(port) = rest.get(..end).unwrap_or_default().parse() {
                    return Some(port);
                }
            }
            let before = line.get(..at).unwrap_or_default();
            if before.ends_with("http://") {
                return Some(80);
            }
            if before.ends_with("https://") {
                return Some(443);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_that_a_test_asks() {
        for (line, expected) in [
            ("curl -f http://localhost:8080/health || exit 1", Some(8080)),
            ("wget -q --spider http://127.0.0.1/", Some(80)),
            ("curl -k https://localhost/x", Some(443)),
            ("nc -z localhost 9000", Some(9000)),
            ("pg_isready -U app", Some(5432)),
            ("pg_isready -U app -p 5433", Some(5433)),
            ("redis-cli ping | grep PONG", Some(6379)),
            ("bash -c '</dev/tcp/localhost/7000'", Some(7000)),
            ("mysqladmin ping -h localhost", Some(3306)),
            ("test -f /ready", None),
        ] {
            assert_eq!(port(line), expected, "{line}");
        }
    }
}
