//! The program under test, run like by a user.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::patience::patience;

/// How many seconds an answer that must come may take.
const ANSWER: u32 = 30;
/// How many seconds to wait for an answer that must not come.
const NO_ANSWER: u32 = 2;

/// How to run it.
#[derive(Debug, Clone)]
pub struct Hallway {
    program: PathBuf,
    host: bool,
    repair: bool,
    map_root: bool,
    project: Option<String>,
    directory: PathBuf,
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The arguments, for messages.
    pub words: String,
    /// The exit code; -1 when ended by a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Must have exited with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "hallway {}\n{}{}",
            self.words, self.out, self.err
        );
        self
    }

    /// Must have succeeded; its output.
    #[track_caller]
    pub fn ok(self) -> String {
        self.exits(0).out
    }

    /// Must have succeeded and printed JSON.
    #[track_caller]
    #[must_use]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// Must have printed this on stderr.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.err.contains(text),
            "hallway {} does not print {text:?}:\n{}",
            self.words,
            self.err
        );
        self
    }
}

impl Hallway {
    /// With the test's own namespace as the host.
    #[must_use]
    pub fn host(program: &str) -> Self {
        Self {
            host: true,
            ..Self::sandbox(program)
        }
    }

    /// In a sandbox.
    #[must_use]
    pub fn sandbox(program: &str) -> Self {
        Self {
            program: program.into(),
            host: false,
            repair: false,
            map_root: false,
            project: None,
            directory: "/run".into(),
        }
    }

    /// About that project.
    #[must_use]
    pub fn project(&self, name: &str) -> Self {
        Self {
            project: Some(name.to_owned()),
            ..self.clone()
        }
    }

    /// With repair of changes by other programs. Without it, tests can observe their changes.
    #[must_use]
    pub fn repairing(&self) -> Self {
        Self {
            repair: true,
            ..self.clone()
        }
    }

    /// With root of this namespace as root of the sandbox: programs in the sandbox then have the
    /// rights of this test.
    #[must_use]
    pub fn mapping_root(&self) -> Self {
        Self {
            map_root: true,
            ..self.clone()
        }
    }

    /// From that directory.
    #[must_use]
    pub fn within(&self, directory: &str) -> Self {
        Self {
            directory: directory.into(),
            ..self.clone()
        }
    }

    /// The command, not yet run.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for (key, _) in std::env::vars().filter(|(k, _)| k.starts_with("HALLWAY_")) {
            command.env_remove(key);
        }
        if let Some(project) = &self.project {
            command.args(["-p", project]);
        }
        if self.host {
            command.arg("--host");
        }
        if !self.repair {
            command.env("HALLWAY_NO_REPAIR", "1");
        }
        if self.map_root {
            command.env("HALLWAY_MAP_ROOT", "1");
        }
        arguments.iter().for_each(|a| crate::oracle::check(a));
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("HALLWAY_STATE_DIR", "/run/state")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
            .env("HALLWAY_PASTA", "0")
            .stdin(Stdio::null());
        command
    }

    /// Runs it.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let ran = self.command(arguments).output().unwrap();
        Ran {
            words: arguments.join(" "),
            code: ran.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&ran.stdout).into_owned(),
            err: String::from_utf8_lossy(&ran.stderr).into_owned(),
        }
    }

    /// Runs it with words split at spaces; it must succeed.
    #[track_caller]
    pub fn ok(&self, words: &str) -> String {
        self.run(&words.split(' ').collect::<Vec<_>>()).ok()
    }

    /// The project p on the host, and in a sandbox.
    #[must_use]
    pub fn places(program: &str) -> [Self; 2] {
        [Self::host(program), Self::sandbox(program)].map(|h| h.project("p"))
    }

    /// Starts it and does not wait.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// `up` of a text.
    #[track_caller]
    pub fn up(&self, text: &str) -> Ran {
        let path = "/run/up.hallway.yaml";
        std::fs::write(path, text).unwrap();
        self.run(&["up", "--replace", path])
    }

    /// Runs a shell script inside a node; whether it succeeded. It is checked separately that the
    /// node can be entered, so that a broken `exec` does not count as isolation.
    #[track_caller]
    #[must_use]
    pub fn inside(&self, node: &str, script: &str) -> bool {
        self.run(&["exec", node, "--", "true"]).exits(0);
        self.run(&["exec", node, "--", "sh", "-c", script]).code == 0
    }

    /// Whether one node gets an answer to a ping; with a long limit. See [`Self::cannot_ping`].
    #[track_caller]
    #[must_use]
    pub fn pings(&self, node: &str, address: &str) -> bool {
        let limit = ANSWER * patience();
        self.inside(node, &format!("ping -c 1 -W {limit} {address}"))
    }

    /// What `status` says of a node.
    #[track_caller]
    #[must_use]
    pub fn node_status(&self, node: &str) -> serde_json::Value {
        let all = self.run(&["status", "--format", "json"]).json();
        let mut nodes = all["nodes"].as_array().unwrap().iter();
        nodes.find(|n| n["name"] == node).unwrap().clone()
    }

    /// Whether one node can read a URL; with a long limit. See [`Self::cannot_read`].
    #[track_caller]
    #[must_use]
    pub fn reads(&self, node: &str, url: &str) -> bool {
        let limit = ANSWER * patience();
        self.inside(node, &format!("curl -s -g -o /dev/null -m {limit} '{url}'"))
    }

    /// Whether one node gets no answer to a ping, within the short limit.
    #[track_caller]
    #[must_use]
    pub fn cannot_ping(&self, node: &str, address: &str) -> bool {
        let limit = NO_ANSWER * patience();
        !self.inside(node, &format!("ping -c 1 -W {limit} {address}"))
    }

    /// Whether one node cannot read a URL, within the short limit.
    #[track_caller]
    #[must_use]
    pub fn cannot_read(&self, node: &str, url: &str) -> bool {
        let limit = NO_ANSWER * patience();
        !self.inside(node, &format!("curl -s -g -o /dev/null -m {limit} '{url}'"))
    }
}
