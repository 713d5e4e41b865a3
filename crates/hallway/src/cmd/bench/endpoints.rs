//! One node added and removed by a separate process, beside a number of others; and the same by
//! netavark and by the CNI plugins, if they are installed. Everything is in the namespaces of the
//! calling process, which must be its own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hallway_view::json::Endpoints;

use crate::failure::CommandError;
use crate::ui;

const ROUNDS: usize = 9;
/// Before each: the kernel removes namespaces some time after they are no longer used, and requests
/// about links wait for it. Every program gets the same time.
const PAUSE: Duration = Duration::from_millis(400);
const NETAVARK: &str = "/usr/lib/podman/netavark";
/// Where the projects put the plugins, and where Debian does.
const CNI: [&str; 2] = ["/opt/cni/bin", "/usr/lib/cni"];

/// How long a program took.
type Timed = Result<u64, CommandError>;

/// The work of the hidden `__endpoints`: prints its measurements, as JSON.
pub(crate) fn print(directory: &str, nodes: &str) -> Result<(), CommandError> {
    let nodes = nodes.parse().unwrap_or(1);
    let place = Place {
        directory: directory.into(),
    };
    ui::json(&place.measure(nodes)?);
    Ok(())
}

struct Place {
    directory: PathBuf,
}

impl Place {
    fn measure(&self, nodes: usize) -> Result<Endpoints, CommandError> {
        let file = self.file("endpoints.yaml", &project(nodes))?;
        self.hallway(&["up", &file])?;
        let mut out = Endpoints::default();
        let (attach, detach) = self.median(&|round| {
            let node = format!("x{round}");
            let attach = self.hallway(&["node", "add", &node, "--network", "net"])?;
            Ok((attach, self.hallway(&["node", "rm", &node])?))
        })?;
        (out.attach, out.detach) = (attach, detach);
        let (attach, detach) = self.median(&|round| {
            let node = format!("y{round}");
            let port = ["--publish", "8081:80"];
            let add = ["node", "add", &node, "--network", "net"];
            let attach = self.hallway(&[add.as_slice(), &port].concat())?;
            Ok((attach, self.hallway(&["node", "rm", &node])?))
        })?;
        (out.attach_port, out.detach_port) = (attach, detach);
        self.hallway(&["down", &file])?;
        // Those that are installed and work here.
        if Path::new(NETAVARK).exists() {
            let times = self.median(&|round| self.netavark(round)).ok();
            (out.netavark_attach, out.netavark_detach) = times.unzip();
        }
        let has_plugins = |directory: &&str| Path::new(directory).join("bridge").exists();
        if let Some(directory) = CNI.into_iter().find(has_plugins) {
            let times = self.median(&|round| self.cni(directory, round)).ok();
            (out.cni_attach, out.cni_detach) = times.unzip();
        }
        Ok(out)
    }

    /// The medians of some rounds; the first is not counted.
    fn median(
        &self,
        round: &dyn Fn(usize) -> Result<(u64, u64), CommandError>,
    ) -> Result<(u64, u64), CommandError> {
        let all = (0..=ROUNDS).map(round).collect::<Result<Vec<_>, _>>()?;
        let (mut attach, mut detach): (Vec<u64>, Vec<u64>) = all.into_iter().skip(1).unzip();
        let middle = |times: &mut Vec<u64>| {
            times.sort_unstable();
            times.get(times.len() / 2).copied().unwrap_or_default()
        };
        Ok((middle(&mut attach), middle(&mut detach)))
    }

    fn hallway(&self, words: &[&str]) -> Timed {
        let mut command = Command::new("/proc/self/exe");
        command
            .args(["--quiet", "--host", "--project", "bench", "--state-dir"])
            .arg(self.directory.join("state"))
            .args(words);
        timed(command, "")
    }

    /// In the same way as Podman calls it, with a published port.
    fn netavark(&self, round: usize) -> Result<(u64, u64), CommandError> {
        let path = self.namespace(round)?;
        let input = format!(
            r#"{{"container_id":"c{round}","container_name":"c{round}",
"networks":{{"net":{{"interface_name":"eth0","static_ips":["10.65.0.{address}"]}}}},
"port_mappings":[{{"container_port":80,"host_ip":"","host_port":8082,"protocol":"tcp","range":1}}],
"network_info":{{"net":{{"name":"net","id":"{id}","driver":"bridge","network_interface":"podman9",
"subnets":[{{"subnet":"10.65.0.0/24","gateway":"10.65.0.1"}}],"ipv6_enabled":false,"internal":false,
"dns_enabled":false,"ipam_options":{{"driver":"host-local"}}}}}}}}"#,
            address = round + 10,
            id = "0".repeat(64),
        );
        let run = |verb: &str| {
            let program = NETAVARK;
            let mut command = Command::new(program);
            command.arg("--config").arg(&self.directory);
            command.args([
                "--rootless=false",
                "--aardvark-binary=/nonexistent",
                verb,
                &path,
            ]);
            timed(command, &input)
        };
        let times = (run("setup")?, run("teardown")?);
        self.remove(round)?;
        Ok(times)
    }

    /// The plugins `bridge` and `portmap`, one after the other.
    fn cni(&self, plugins: &str, round: usize) -> Result<(u64, u64), CommandError> {
        let path = self.namespace(round)?;
        let ipam = format!(
            r#""ipam":{{"type":"host-local","dataDir":"{}","subnet":"10.66.0.0/16"}}"#,
            self.directory.display()
        );
        let head = r#""cniVersion":"0.4.0","name":"net""#;
        let bridge = format!(
            r#"{{{head},"type":"bridge","bridge":"cni9","isGateway":true,"ipMasq":true,{ipam}}}"#
        );
        let run = |plugin: &str, verb: &str, input: &str| {
            let program = Path::new(plugins).join(plugin);
            let mut command = Command::new(program);
            command
                .env("CNI_COMMAND", verb)
                .env("CNI_CONTAINERID", format!("c{round}"))
                .env("CNI_NETNS", &path)
                .env("CNI_IFNAME", "eth0")
                .env("CNI_PATH", plugins);
            answered(command, input)
        };
        let (bridged, result) = run("bridge", "ADD", &bridge)?;
        let portmap = format!(
            r#"{{{head},"type":"portmap","prevResult":{result},"runtimeConfig":{{"portMappings":
[{{"hostPort":8083,"containerPort":80,"protocol":"tcp"}}]}}}}"#
        );
        let attach = bridged + run("portmap", "ADD", &portmap)?.0;
        let detach = run("portmap", "DEL", &portmap)?.0 + run("bridge", "DEL", &bridge)?.0;
        self.remove(round)?;
        Ok((attach, detach))
    }

    /// A namespace for the other programs, which do not make one: it is not counted.
    fn namespace(&self, round: usize) -> Result<String, CommandError> {
        ip(&["netns", "add", &format!("c{round}")])?;
        Ok(format!("/run/netns/c{round}"))
    }

    fn remove(&self, round: usize) -> Result<(), CommandError> {
        ip(&["netns", "del", &format!("c{round}")]).map(drop)
    }

    fn file(&self, name: &str, text: &str) -> Result<String, CommandError> {
        let path = self.directory.join(name);
        std::fs::write(&path, text).map_err(|e| CommandError::Bench {
            command: format!("write {}", path.display()),
            error: e.to_string(),
        })?;
        Ok(path.display().to_string())
    }
}

fn ip(words: &[&str]) -> Timed {
    let program = "ip";
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .args(words);
    timed(command, "")
}

fn timed(command: Command, input: &str) -> Timed {
    answered(command, input).map(|(time, _answer)| time)
}

/// How long a program took, and its output.
fn answered(mut command: Command, input: &str) -> Result<(u64, String), CommandError> {
    let words = format!("{command:?}");
    let failed = |error: String| CommandError::Bench {
        command: words.clone(),
        error,
    };
    let io = |e: std::io::Error| failed(e.to_string());
    std::thread::sleep(PAUSE);
    let started = Instant::now();
    let mut child = command
        .env_remove("HALLWAY_SANDBOX")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(io)?;
    }
    let ran = child.wait_with_output().map_err(io)?;
    let time = started.elapsed().as_micros() as u64;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    match ran.status.success() {
        true => Ok((time, text)),
        false => Err(failed(text + &String::from_utf8_lossy(&ran.stderr))),
    }
}

/// One of the nodes publishes a port, so that the keeper runs.
fn project(nodes: usize) -> String {
    let mut out =
        String::from("name: bench\nnetworks: { net: { subnet: 10.64.0.0/16 } }\nnodes:\n");
    for node in 0..nodes {
        let ports = if node == 0 {
            ", ports: [\"8080:80\"]"
        } else {
            ""
        };
        writeln!(out, "  n{node}: {{ networks: [net]{ports} }}").ok();
    }
    out
}
