//! Programs of XDP that others attach to links of a project.

use std::io::Read as _;
use std::process::{Command, Stdio};

use hallway_testkit::{sh, skip};

use crate::hallway;

/// Attaches a program that drops everything, as long as it runs.
const ATTACH: &str = "import ctypes,os,socket,struct,sys
libc=ctypes.CDLL(None,use_errno=True)
def bpf(cmd,attr):
    b=ctypes.create_string_buffer(attr,len(attr)); r=libc.syscall(321,cmd,b,len(attr))
    if r<0: raise OSError(ctypes.get_errno(),'bpf')
    return r
ins=ctypes.create_string_buffer(struct.pack('<BBhiBBhi',0xb7,0,0,1,0x95,0,0,0),16); gpl=ctypes.create_string_buffer(b'GPL')
fd=bpf(5,struct.pack('<IIQQIIQII16sII',6,2,ctypes.addressof(ins),ctypes.addressof(gpl),0,0,0,0,0,b'',0,37))
link=bpf(28,struct.pack('<IIII',fd,socket.if_nametoindex(sys.argv[1]),37,2)+bytes(16))
print(1,flush=True); sys.stdin.read()
";

/// It is named by `status` and `up`, and what it does is not predicted.
pub(crate) fn programs_of_xdp_are_named() {
    if !cfg!(target_arch = "x86_64") {
        skip("the system call has another number here");
    }
    let h = hallway().project("p");
    let file = "name: p\nnetworks: { n: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [n], command: hallway serve 80, ready: 80/tcp }, b: { networks: [n] } }\n";
    h.up(file).ok();
    for (netns, link, place, from) in [
        ("", "a-0", "host", "b"),
        ("", "br-n", "host", "a"),
        ("a", "eth0", "node a", "b"),
    ] {
        let mut program = match netns {
            "" => Command::new("python3"),
            netns => {
                let mut ip = Command::new("ip");
                ip.args(["netns", "exec", netns, "python3"]);
                ip
            }
        };
        let program = program.args(["-c", ATTACH, link]).stdin(Stdio::piped());
        let program = program.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = program.spawn().unwrap();
        let attached = program.stdout.as_mut().unwrap().read(&mut [0]).unwrap();
        if attached == 0 {
            program.wait().unwrap();
            h.ok("down");
            skip("needs the right to load BPF programs");
        }
        let ip = if netns.is_empty() {
            "ip".to_owned()
        } else {
            format!("ip -n {netns}")
        };
        let help = format!("{ip} link set dev {link} xdpgeneric off");
        let status = h.run(&["status", "--exit-code"]).exits(3).out;
        for words in [
            format!("XDP program of {link} is another program's"),
            help.clone(),
        ] {
            assert!(status.contains(&words), "{place}: {status}");
        }
        assert!(h.up(file).err.contains(&help));
        let to = if from == "a" { "10.9.0.1" } else { "a:80" };
        let answer = h.run(&["explain", from, to]).out;
        assert!(
            answer.contains(&format!("the XDP program of {link}")),
            "{answer}"
        );
        drop(program.stdin.take());
        program.wait().unwrap();
        h.run(&["status", "--exit-code"]).exits(0);
        assert!(!h.run(&["explain", from, to]).out.contains("XDP"));
    }
    assert!(!sh("ip link").contains("xdp"));
    h.ok("down");
}
