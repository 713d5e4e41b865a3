//! `bench`: how long operations on nodes take, compared with a script of `ip` commands and with plain
//! netlink requests. Everything runs in temporary sandboxes, one for each measurement.

pub(crate) mod endpoints;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use hallway_engine::failure::FileAction;
use hallway_engine::{Cancel, Failure, state};
use hallway_view::json::{Endpoints, Measurement, Version};

use crate::args::{BenchVerb, Common, Format};
use crate::diagnose::VerbError;
use crate::failure::CommandError;
use crate::{interrupt, ui};

/// A temporary directory for state and files.
struct Bench {
    directory: PathBuf,
    cancel: Cancel,
}

pub(crate) fn run(common: &Common, verb: BenchVerb) -> Result<ExitCode, VerbError> {
    let BenchVerb::Attach { n, format } = verb;
    let directory = crate::scope::state_dir(common)?.join(format!("bench-{}", std::process::id()));
    state::make_directory(&directory)?;
    let cancel = interrupt::watch();
    let bench = Bench { directory, cancel };
    let outcome = n
        .iter()
        .map(|nodes| bench.measure(common, *nodes))
        .collect::<Result<Vec<Measurement>, VerbError>>();
    if outcome.is_err() {
        bench.end().ok(); // the sandbox of the measurement that failed
    }
    state::remove_tree(&bench.directory)?;
    bench.directory.parent().map(state::remove_if_empty);
    let rows = outcome?;
    match format.format {
        Format::Json => ui::json(&rows),
        Format::Text => {
            ui::table(&table(&rows));
            ui::line("");
            ui::table(&table_of_endpoints(&rows));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The work of the hidden `__bare`, inside a sandbox: prints how long plain netlink requests took,
/// in microseconds, to build this number of nodes and to remove them.
pub(crate) fn bare(nodes: &str) -> Result<(), Failure> {
    let nodes = nodes.parse().unwrap_or(1);
    let started = Instant::now();
    hallway_engine::bench::attach(nodes)?;
    let up = started.elapsed();
    let started = Instant::now();
    hallway_engine::bench::detach(nodes)?;
    ui::line(format!(
        "{} {}",
        up.as_micros(),
        started.elapsed().as_micros()
    ));
    Ok(())
}

impl Bench {
    /// The medians of some rounds; each round measures all three. With a thousand nodes the script
    /// takes most of a minute, so it has fewer rounds.
    fn measure(&self, common: &Common, nodes: usize) -> Result<Measurement, VerbError> {
        let rounds = (300 / nodes.max(1)).clamp(3, 5);
        let script_rounds = (1500 / nodes.max(1)).clamp(1, rounds);
        let mut all = Vec::new();
        for round in 1..=rounds {
            ui::note(common, format!("{nodes} nodes, round {round} of {rounds}"));
            let mut row = Measurement {
                nodes,
                ..Measurement::default()
            };
            self.ours(&mut row)?;
            self.loop_of_netlink(&mut row)?;
            if round <= script_rounds {
                self.script(&mut row)?;
            }
            all.push(row);
        }
        let some = |get: &dyn Fn(&Measurement) -> Option<u64>| {
            let mut values: Vec<u64> = all.iter().filter_map(get).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        };
        let median =
            |get: &dyn Fn(&Measurement) -> u64| some(&|r| Some(get(r))).unwrap_or_default();
        Ok(Measurement {
            schema_version: Version,
            nodes,
            up: median(&|r| r.up),
            down: median(&|r| r.down),
            again: median(&|r| r.again),
            first: median(&|r| r.first),
            one_more: median(&|r| r.one_more),
            bare_up: median(&|r| r.bare_up),
            bare_down: median(&|r| r.bare_down),
            script_up: some(&|r| r.script_up),
            script_down: some(&|r| r.script_down),
            endpoints: self.endpoints(nodes)?,
        })
    }

    fn ours(&self, row: &mut Measurement) -> Result<(), VerbError> {
        let files: Vec<PathBuf> = [1, row.nodes, row.nodes + 1]
            .iter()
            .map(|nodes| self.file(&format!("{nodes}.yaml"), &project(*nodes)))
            .collect::<Result<_, _>>()?;
        let [one, all, more] = files.as_slice() else {
            return Ok(());
        };
        self.fresh()?;
        row.first = self.timed(&["up", path(one)])?;
        self.end()?;
        self.fresh()?;
        row.up = self.timed(&["up", path(all)])?;
        row.again = self.timed(&["up", path(all)])?;
        row.one_more = self.timed(&["up", path(more)])?;
        row.down = self.timed(&["down", path(more)])?;
        self.end()
    }

    /// Inside a sandbox, as on a host: each process starts in its place.
    fn endpoints(&self, nodes: usize) -> Result<Endpoints, VerbError> {
        self.fresh()?;
        let own = own_program()?;
        let place = self.directory.join("endpoints");
        std::fs::create_dir_all(&place)
            .map_err(|e| Failure::file(FileAction::Create, &place, &e))?;
        let count = nodes.to_string();
        let words = [path(&own), "__endpoints", path(&place), &count];
        let printed = self.hallway(&[["sandbox", "shell", "--"].as_slice(), &words].concat())?;
        let measured = serde_json::from_str(&printed).map_err(|e| CommandError::Bench {
            command: "__endpoints".into(),
            error: e.to_string(),
        })?;
        self.end()?;
        Ok(measured)
    }

    fn loop_of_netlink(&self, row: &mut Measurement) -> Result<(), VerbError> {
        self.fresh()?;
        let own = own_program()?;
        let nodes = row.nodes.to_string();
        let printed = self.hallway(&["sandbox", "shell", "--", path(&own), "__bare", &nodes])?;
        let mut numbers = printed.split_whitespace().map_while(|w| w.parse().ok());
        row.bare_up = numbers.next().unwrap_or_default();
        row.bare_down = numbers.next().unwrap_or_default();
        self.end()
    }

    fn script(&self, row: &mut Measurement) -> Result<(), VerbError> {
        let (up, down) = scripts(row.nodes);
        let up = self.file("up.sh", &up)?;
        let down = self.file("down.sh", &down)?;
        self.fresh()?;
        let has_ip = self.hallway(&[
            "sandbox",
            "shell",
            "--",
            "sh",
            "-c",
            "PATH=$PATH:/usr/sbin:/sbin command -v ip",
        ]);
        if has_ip.is_ok() {
            row.script_up = Some(self.timed(&["sandbox", "shell", "--", "sh", path(&up)])?);
            row.script_down = Some(self.timed(&["sandbox", "shell", "--", "sh", path(&down)])?);
        }
        self.end()
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf, VerbError> {
        let path = self.directory.join(name);
        state::write(&path, text.as_bytes())?;
        Ok(path)
    }

    /// An empty sandbox.
    fn fresh(&self) -> Result<(), VerbError> {
        self.cancel.check()?;
        self.hallway(&["sandbox", "shell", "--", "true"])
            .map(|_| ())
    }

    /// Ends it, and waits for the kernel, which removes namespaces in the background.
    fn end(&self) -> Result<(), VerbError> {
        self.hallway(&["sandbox", "rm"])?;
        std::thread::sleep(Duration::from_millis(700));
        Ok(())
    }

    fn timed(&self, words: &[&str]) -> Result<u64, VerbError> {
        let started = Instant::now();
        self.hallway(words)?;
        Ok(started.elapsed().as_micros() as u64)
    }

    fn hallway(&self, words: &[&str]) -> Result<String, VerbError> {
        let failed = |error: String| CommandError::Bench {
            command: words.join(" "),
            error,
        };
        // Scripts in the state directory are read inside the sandbox.
        let ran = Command::new("/proc/self/exe")
            .args(["--quiet", "--map-root", "--sandbox", "bench", "--state-dir"])
            .arg(&self.directory)
            .args(words)
            .env_remove("HALLWAY_HOST")
            .env_remove("HALLWAY_PROJECT")
            .env("HALLWAY_PASTA", "0")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| failed(e.to_string()))?;
        if !ran.status.success() {
            self.cancel.check()?; // it was interrupted too
            return Err(failed(String::from_utf8_lossy(&ran.stderr).into_owned()).into());
        }
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    }
}

fn own_program() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe();
    own.map_err(|e| Failure::file(FileAction::Use, Path::new("hallway"), &e))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

fn project(nodes: usize) -> String {
    let mut out =
        String::from("name: bench\nnetworks: { net: { subnet: 10.64.0.0/16 } }\nnodes:\n");
    for node in 0..nodes {
        writeln!(out, "  n{node}: {{ networks: [net] }}").ok();
    }
    out
}

/// The same work as a script of commands.
fn scripts(nodes: usize) -> (String, String) {
    let head = "set -e\nPATH=$PATH:/usr/sbin:/sbin\n";
    let mut up = format!(
        "{head}ip link add br0 type bridge\nip addr add 10.64.0.1/16 dev br0\nip link set br0 up\n"
    );
    let mut down = head.to_owned();
    for node in 0..nodes {
        let number = node + 2;
        let address = format!("10.64.{}.{}", number / 256, number % 256);
        writeln!(
            up,
            "ip netns add n{node}
ip netns exec n{node} ip link set lo up
ip link add v{node} type veth peer name p{node}
ip link set p{node} netns n{node}
ip link set v{node} master br0
ip link set v{node} up
ip netns exec n{node} ip addr add {address}/16 dev p{node}
ip netns exec n{node} ip link set p{node} up
ip netns exec n{node} ip route add default via 10.64.0.1"
        )
        .ok();
        writeln!(down, "ip netns del n{node}").ok();
    }
    (up, down + "ip link del br0\n")
}

fn table(rows: &[Measurement]) -> Vec<Vec<String>> {
    let heads = [
        "NODES", "", "HALLWAY", "LOOP", "", "SCRIPT", "", "AGAIN", "", "FIRST", "ONE MORE", "",
    ];
    let mut lines = vec![heads.map(str::to_owned).to_vec()];
    for row in rows {
        let each = |total: u64| format!("{} µs", total / row.nodes.max(1) as u64);
        let ratio = |of: u64, to: u64| format!("×{:.2}", of as f64 / to.max(1) as f64);
        let script = |total: Option<u64>, ours: u64| match total {
            Some(total) => [each(total), ratio(total, ours)],
            None => ["no ip".to_owned(), String::new()],
        };
        let whole = |total: u64| ui::duration(Duration::from_micros(total));
        let mut line = vec![row.nodes.to_string(), "attach".into(), each(row.up)];
        line.extend([each(row.bare_up), ratio(row.up, row.bare_up)]);
        line.extend(script(row.script_up, row.up));
        line.extend([whole(row.again), ratio(row.again, row.up)]);
        line.extend([
            whole(row.first),
            whole(row.one_more),
            ratio(row.one_more, row.first),
        ]);
        lines.push(line);
        let mut line = vec![String::new(), "detach".into(), each(row.down)];
        line.extend([each(row.bare_down), ratio(row.down, row.bare_down)]);
        line.extend(script(row.script_down, row.down));
        lines.push(line);
    }
    lines
}

/// The time for one node, by the number of other nodes.
fn table_of_endpoints(rows: &[Measurement]) -> Vec<Vec<String>> {
    let heads = [
        "BESIDE",
        "ONE NODE",
        "",
        "WITH A PORT",
        "",
        "NETAVARK",
        "",
        "CNI",
        "",
    ];
    let mut lines = vec![heads.map(str::to_owned).to_vec()];
    let Some(first) = rows.first().map(|row| row.endpoints) else {
        return Vec::new();
    };
    let ratio = |of: u64, to: u64| format!("×{:.2}", of as f64 / to.max(1) as f64);
    let others = |time: Option<u64>, ours: u64| match time {
        Some(time) => [format!("{time} µs"), ratio(time, ours)],
        None => ["not installed".to_owned(), String::new()],
    };
    for row in rows {
        let of = row.endpoints;
        let mut line = vec![format!("{} nodes", row.nodes)];
        line.extend([
            format!("add {} µs", of.attach),
            ratio(of.attach, first.attach),
        ]);
        let port = ratio(of.attach_port, first.attach_port);
        line.extend([format!("{} µs", of.attach_port), port]);
        line.extend(others(of.netavark_attach, of.attach_port));
        line.extend(others(of.cni_attach, of.attach_port));
        lines.push(line);
        let mut line = vec![String::new()];
        line.extend([
            format!("rm {} µs", of.detach),
            ratio(of.detach, first.detach),
        ]);
        let port = ratio(of.detach_port, first.detach_port);
        line.extend([format!("{} µs", of.detach_port), port]);
        line.extend(others(of.netavark_detach, of.detach_port));
        line.extend(others(of.cni_detach, of.detach_port));
        lines.push(line);
    }
    lines
}
