//! Published ranges that change: connections by ports that stay live on, all others end.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use hallway_testkit::{Hallway, sh, wait_for};

const FILE: &str = "name: p
networks:
  n: { subnet: [10.96.0.0/24, 'fd96::/64'] }
  o: { subnet: [10.97.0.0/24, 'fd97::/64'] }
nodes:
  srv: { networks: { n: { address: [10.96.0.11, 'fd96::11'] } }, ports: [PORTS], command: python3 /run/echo.py, ready: 7000/tcp }
  two: { networks: { n: { address: [10.96.0.12, 'fd96::12'] } }, ports: [TWO], command: python3 /run/echo.py, ready: 7000/tcp }
  c: { networks: { o: { address: [10.97.0.12, 'fd97::12'] } } }
";

/// Serves TCP and UDP, and sends back what comes.
const ECHO: &str = "import selectors,socket
s=selectors.DefaultSelector(); listeners=set()
for port in (7000,7005,7006,7010,7106):
    t=socket.create_server(('::',port),family=socket.AF_INET6,dualstack_ipv6=True,backlog=64); s.register(t,1); listeners.add(t)
    u=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); u.bind(('::',port)); s.register(u,1)
while True:
    for key,_ in s.select():
        f=key.fileobj
        if f.type==socket.SOCK_DGRAM:
            d,a=f.recvfrom(9); f.sendto(d,a)
        elif f not in listeners:
            try: d=f.recv(9)
            except OSError: d=b''
            if d: f.sendall(d)
            else: s.unregister(f); f.close()
        else:
            k,_=f.accept(); s.register(k,1)
";

/// Opens a connection for each address, port and protocol; for each line it prints those that are
/// dead.
const TALKER: &str = "import select,socket,sys,time
flows={}
for to in sys.argv[1].split(','):
    for port in (7000,7005,7006,7010):
        for kind in ('tcp','udp'):
            family=socket.AF_INET6 if ':' in to else socket.AF_INET
            s=socket.socket(family,socket.SOCK_STREAM if kind=='tcp' else socket.SOCK_DGRAM)
            s.settimeout(20); s.connect((to,port)); flows[s]=f'{kind}:{port}:{to}'
for line in sys.stdin:
    dead=set(); waiting=set()
    for s in flows:
        try: s.send(b'x'); waiting.add(s)
        except OSError: dead.add(s)
    while waiting:
        found=select.select(list(waiting),[],[],2)[0]
        if not found: break
        for s in found:
            waiting.remove(s)
            try: lives=s.recv(9)[:1]==b'x'
            except OSError: lives=False
            if not lives: dead.add(s)
    print(' '.join(k for s,k in flows.items() if s in dead or s in waiting),flush=True)
";

struct Talker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Talker {
    fn start(mut command: Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut talker = Self { child, lines };
        talker.ask();
        assert_eq!(talker.dead(), Vec::<String>::new());
        talker
    }

    fn ask(&mut self) {
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(b"\n").unwrap();
    }

    fn dead(&mut self) -> Vec<String> {
        let line = self.lines.next().unwrap().unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

const HOST: [&str; 4] = ["198.51.100.1", "2001:db8::1", "127.0.0.1", "::1"];
const OUTSIDE: [&str; 2] = ["198.51.100.1", "2001:db8::1"];
const NODE: [&str; 2] = ["10.97.0.1", "fd97::1"];

fn talkers(h: &Hallway) -> [Talker; 3] {
    let python = |words: &[&str], to: &[&str]| {
        let mut command = match words {
            [] => Command::new("python3"),
            _ => {
                let mut command = Command::new("ip");
                command.args(words).arg("python3");
                command
            }
        };
        command.arg("/run/talker.py").arg(to.join(","));
        Talker::start(command)
    };
    let mut in_node = h.command(&["exec", "c", "--", "python3", "/run/talker.py"]);
    in_node.arg(NODE.join(","));
    [
        python(&[], &HOST),
        python(&["netns", "exec", "outside"], &OUTSIDE),
        Talker::start(in_node),
    ]
}

/// The same ports with another text, others, fewer, others of one protocol, at one address, by one node
/// less, and at other ports of the node.
fn connections_by_ports_that_stay_live_on() {
    sh(
        "ip netns add outside; ip link add up0 type veth peer name eth0 netns outside; ip link set up0 up",
    );
    sh("ip addr add 198.51.100.1/24 dev up0; ip addr add 2001:db8::1/64 dev up0 nodad");
    sh(
        "ip -n outside link set eth0 up; ip -n outside addr add 198.51.100.2/24 dev eth0; ip -n outside addr add 2001:db8::2/64 dev eth0 nodad",
    );
    wait_for("the way to the outside", || {
        !sh("ip -o link show up0").contains("NO-CARRIER")
    });
    std::fs::write("/run/talker.py", TALKER).unwrap();
    std::fs::write("/run/echo.py", ECHO).unwrap();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let both = |range: &str| format!("'{range}:{range}', '{range}:{range}/udp'");
    let whole = both("7000-7010");
    let up = |ports: &str, two: &str| {
        let text = FILE.replace("PORTS", ports).replace("TWO", two);
        h.up(&text).ok();
    };
    let split = format!("{}, {}", both("7000-7005"), both("7006-7010"));
    let half = both("7000-7005");
    let shifted = format!("{half}, '7006-7010:7106-7110', '7006-7010:7106-7110/udp'");
    let localhost = both("7000-7010").replace("'7000-7010:7", "'127.0.0.1:7000-7010:7");
    let others = both("7006-7010");
    let upper = |flow: &str| flow.contains(":7006:") || flow.contains(":7010:");
    type Ends<'a> = &'a dyn Fn(&str) -> bool;
    let changes: [(String, &str, Ends<'_>); 8] = [
        (both("7000-7020"), "", &|_| false),
        (split, "", &|_| false),
        (format!("{whole}, '6000:60'"), "'6001:61'", &|_| false),
        (half.clone(), "", &upper),
        // Datagrams from the same port go where the port is published now.
        (half, &others, &|flow| {
            upper(flow) && flow.starts_with("tcp")
        }),
        (shifted, "", &|flow| {
            upper(flow) && !flow.starts_with("udp:7006")
        }),
        ("'7000-7010:7000-7010'".into(), "", &|flow| {
            flow.starts_with("udp")
        }),
        (localhost, "", &|flow| !flow.ends_with(":127.0.0.1")),
    ];
    for (ports, two, ends) in changes {
        up(&whole, "");
        let mut all = talkers(&h);
        up(&ports, two);
        all.iter_mut().for_each(Talker::ask);
        for (talker, to) in all.iter_mut().zip([&HOST[..], &OUTSIDE, &NODE]) {
            let mut wanted: Vec<String> = Vec::new();
            for to in to {
                for port in [7000, 7005, 7006, 7010] {
                    let flows = ["tcp", "udp"].map(|kind| format!("{kind}:{port}:{to}"));
                    wanted.extend(flows.into_iter().filter(|f| ends(f)));
                }
            }
            assert_eq!(talker.dead(), wanted, "{ports} {two}");
        }
    }
    h.ok("down");
}

/// The kernel takes only a part of the ruleset at once from a process without rights over the machine.
fn a_ruleset_that_does_not_fit_into_one_message() {
    let most: u64 = sh("cat /proc/sys/net/core/wmem_max")
        .trim()
        .parse()
        .unwrap();
    // About 120 bytes for each port and IP version; the buffer is twice as large as the setting.
    let count = (most / 100).min(60_000);
    let (first, last) = (1024, 1024 + count);
    let h = Hallway::sandbox(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up(&format!(
        "networks: {{ n: {{ subnet: [10.9.0.0/24, \"fd09::/64\"] }} }}
nodes:
  web: {{ networks: [n], ports: [\"{first}-{last}:{}-{}\"], command: hallway serve 1030, ready: 1030/tcp }}
  client: {{ networks: [n] }}
",
        first + 1,
        last + 1
    ))
    .ok();
    h.run(&["reach", "client", "host:1029"]).ok();
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("down");
}

hallway_testkit::tests![
    connections_by_ports_that_stay_live_on,
    a_ruleset_that_does_not_fit_into_one_message,
];
