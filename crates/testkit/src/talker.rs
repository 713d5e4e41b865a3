//! A TCP connection between two nodes that is held open.

use std::io::Write as _;
use std::process::Stdio;

use crate::hallway::Hallway;

/// A client that holds a connection and echoes through it when it gets a line.
const TALKER: &str = "import os,socket,sys
P=int(os.environ.get('HALLWAY_TEST_PATIENCE','1'))
s=socket.create_connection((sys.argv[1],80),30*P); s.settimeout(5*P)
def talk():
    s.sendall(b'x'); return s.recv(1)==b'x'
print('up' if talk() else 'no',flush=True)
for line in sys.stdin:
    try: print('up' if talk() else 'no',flush=True)
    except OSError: print('cut',flush=True)
";
/// The command line of a server that sends back what it receives at port 80, for a shell.
pub const ECHO: &str = "python3 -c 'import socket,threading
def serve(c):
  while True:
    d=c.recv(99)
    if not d: break
    c.sendall(d)
s=socket.create_server((\"::\",80),family=socket.AF_INET6,dualstack_ipv6=True)
while True:
  c,_=s.accept(); threading.Thread(target=serve,args=(c,),daemon=True).start()'";

/// A connection that stays open.
#[derive(Debug)]
pub struct Talker {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl Talker {
    /// Connects from a node to port 80 of an address.
    ///
    /// # Panics
    /// When no byte comes back.
    #[must_use]
    #[track_caller]
    pub fn start(h: &Hallway, node: &str, to: &str) -> Self {
        use std::io::BufRead as _;
        let mut child = h
            .command(&["exec", node, "--", "python3", "-c", TALKER, to])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let mut talker = Self { child, lines };
        assert_eq!(talker.next(), "up");
        talker
    }

    fn next(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// Whether it still echoes: `up`, `no` where something else comes back, `cut` where nothing does.
    ///
    /// # Panics
    /// When the client has ended.
    pub fn says(&mut self) -> String {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.next()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}
