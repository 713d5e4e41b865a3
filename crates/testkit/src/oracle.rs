//! Independent programs that show the real state. A missing one fails the test with the name of its
//! Debian package; with `HALLWAY_TEST_MISSING=skip` the test is skipped instead.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Programs that tests use, with the package of each.
const PACKAGES: [(&str, &str); 17] = [
    ("ip", "iproute2"),
    ("bridge", "iproute2"),
    ("tc", "iproute2"),
    ("ss", "iproute2"),
    ("iperf3", "iperf3"),
    ("nft", "nftables"),
    ("iptables", "iptables"),
    ("iptables-save", "iptables"),
    ("ping", "iputils-ping"),
    ("curl", "curl"),
    ("python3", "python3"),
    ("conntrack", "conntrack"),
    ("sysctl", "procps"),
    ("tcpdump", "tcpdump"),
    ("pasta", "passt"),
    ("pgrep", "procps"),
    ("hostname", "hostname"),
];

/// The Debian packages of the programs that tests use.
pub fn packages() -> impl Iterator<Item = &'static str> {
    PACKAGES.iter().map(|(_, package)| *package)
}

fn find(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"]
        .iter()
        .any(|d| Path::new(d).join(program).exists())
}

/// Every program in a script must exist.
pub(crate) fn check(script: &str) {
    let words: Vec<&str> = script
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
        .collect();
    for (program, package) in PACKAGES {
        if !words.contains(&program) || find(program) {
            continue;
        }
        let why = format!("{program} is missing, which this test needs (package {package})");
        if std::env::var("HALLWAY_TEST_MISSING").is_ok_and(|v| v == "skip") {
            crate::skip(&why);
        }
        panic!("{why}");
    }
}

/// Runs a shell script; its output, or its exit code and its output.
///
/// # Errors
/// When it ends with another code than 0.
pub fn try_sh(script: &str) -> Result<String, String> {
    check(script);
    let path = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin";
    let ran = Command::new("/bin/sh")
        .args(["-c", script])
        .env("PATH", path)
        .output()
        .map_err(|e| e.to_string())?;
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    if ran.status.success() {
        return Ok(out);
    }
    Err(format!(
        "{}\n{out}{}",
        ran.status,
        String::from_utf8_lossy(&ran.stderr)
    ))
}

/// Runs a shell script that must succeed; its output.
#[track_caller]
pub fn sh(script: &str) -> String {
    try_sh(script).unwrap_or_else(|why| panic!("{script}: {why}"))
}

/// The output of `ip -j`.
#[must_use]
#[track_caller]
pub fn ip_json(arguments: &str) -> Vec<Value> {
    let text = sh(&format!("ip -j -d {arguments}"));
    if text.trim().is_empty() {
        return Vec::new();
    }
    serde_json::from_str::<Value>(&text)
        .unwrap()
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// The objects that `nft -j list` prints of every table, but of those with an owner, which is the
/// guard of a project: nft 1.0.6 prints random memory as their flags, which often is not JSON.
#[must_use]
#[track_caller]
pub fn nft_json() -> Vec<Value> {
    let all = sh(
        "nft list tables | grep -v hallway.guard | while read -r _ family name; do nft -j list table \"$family\" \"$name\"; done",
    );
    let tables = all.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        value["nftables"].as_array().cloned().unwrap_or_default()
    });
    tables.flatten().collect()
}
