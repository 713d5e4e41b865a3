//! /etc/resolv.conf for what runs inside nodes: the servers and search domains that the file names
//! for a node, else those of the host.

use std::collections::BTreeMap;

use crate::settled::{Node, Settled};

/// The file of nodes without servers and domains of their own; no node can have this name.
pub const OF_HOST: &str = ".host";

/// The name of a node's file.
#[must_use]
pub fn file_name(node: &Node) -> &str {
    match node.dns.is_empty() && node.dns_search.is_empty() {
        true => OF_HOST,
        false => node.name.as_ref(),
    }
}

/// The text of a node's file; `of_host` is that of nodes without servers and domains of their own.
#[must_use]
pub fn text(node: &Node, of_host: &str) -> String {
    let mut text: String = match node.dns.as_slice() {
        [] => {
            let is_search = |line: &&str| line.trim_start().starts_with("search");
            let lines = of_host.lines();
            let kept = lines.filter(|line| node.dns_search.is_empty() || !is_search(line));
            kept.map(|line| format!("{line}\n")).collect()
        }
        servers => servers
            .iter()
            .map(|s| format!("nameserver {s}\n"))
            .collect(),
    };
    if !node.dns_search.is_empty() {
        let domains: Vec<&str> = node.dns_search.iter().map(AsRef::as_ref).collect();
        text.push_str(&format!("search {}\n", domains.join(" ")));
    }
    text
}

/// Every file with its text.
#[must_use]
pub fn files(settled: &Settled, of_host: &str) -> BTreeMap<String, String> {
    let own = |node: &Node| (file_name(node).to_owned(), text(node, of_host));
    let mut files: BTreeMap<String, String> = settled.nodes.iter().map(own).collect();
    files.insert(OF_HOST.to_owned(), of_host.to_owned());
    files
}
