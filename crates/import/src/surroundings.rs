//! The input of a translation besides the text, from the caller: this crate reads nothing.

use std::collections::BTreeMap;

/// A file to translate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The name for messages; other files are named relative to its directory.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The machine, as far as a translation needs it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file, or why it cannot be read: only one that is [not
    /// found](std::io::ErrorKind::NotFound) may be left out where a file need not be there.
    pub read: &'a dyn Fn(&str) -> std::io::Result<String>,
    /// Whether this program can be run here.
    pub program: &'a dyn Fn(&str) -> bool,
    /// Whether this directory exists.
    pub directory: &'a dyn Fn(&str) -> bool,
    /// Whether a port of this protocol is free on the host.
    pub free: &'a dyn Fn(u16, &str) -> bool,
    /// The first port of the host on which a port of a node is published already.
    pub published: &'a dyn Fn(&NodePort<'_>) -> Option<u16>,
    /// Whether Docker or Podman runs a container of this name; else why not.
    pub container: &'a dyn Fn(&str) -> Result<(), String>,
}

/// A port of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePort<'a> {
    /// The project.
    pub project: &'a str,
    /// The node.
    pub node: &'a str,
    /// Its port; of a range the first one.
    pub port: u16,
    /// `tcp`, `udp` or another one.
    pub protocol: &'a str,
}

impl Surroundings<'static> {
    /// A machine without variables and files, with every program and directory and only free ports.
    #[must_use]
    pub fn bare() -> Self {
        Self {
            variable: &|_| None,
            read: &|_| Err(std::io::ErrorKind::NotFound.into()),
            program: &|_| true,
            directory: &|_| true,
            free: &|_, _| true,
            published: &|_| None,
            container: &|name| Err(format!("there is no container {name}")),
        }
    }
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Surroundings")
    }
}

/// The options of the user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The project's name; it takes precedence over the file's.
    pub name: Option<String>,
    /// The name of the first file's directory, if its path does not contain it.
    pub directory: Option<String>,
    /// Active profiles; `*` is all of them. Without any, those of the variable `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// Whether services of images get a small server on each port.
    pub stub: bool,
    /// Whether services join their running containers.
    pub join: bool,
    /// The number of nodes of a service.
    pub scale: BTreeMap<String, u32>,
    /// Files with variables, instead of `.env`.
    pub variable_files: Vec<String>,
    /// Whether the first file was named by a variable ([`crate::named_files`]): the `.env` that is
    /// relative to nothing is read too, and takes precedence.
    pub named_by_variable: bool,
}
