//! State directories that another user prepared, or that contain links and special files: nothing
//! outside is changed or shown, nothing hangs, and the error states what is wrong.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::time::{Duration, Instant};

use hallway_testkit::{Hallway, Ran, patience, sh, skip, try_sh};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");
const FILE: &str = "name: p\nnetworks: { n: { subnet: 10.9.0.0/24 } }\nnodes:\n  a: { networks: [n], dns: 10.9.0.1, ports: [\"8080:80\"], command: hallway serve 80 }\n";
/// Files of another user: their content, and everything in the directory.
const PRECIOUS: &str = "cd /run/precious; find . -printf '%p %y %m %U %s\\n' | sort; cat file";

fn need_root() {
    if !rustix::process::geteuid().is_root() || try_sh("chown 1001 /run").is_err() {
        skip("needs root, to act as two users");
    }
    sh("chown 0 /run");
}

fn make_precious() -> String {
    sh(
        "rm -rf /run/precious; mkdir -p -m 777 /run/precious/projects/p /run/precious/p /run/precious/n; echo precious > /run/precious/file; echo precious > /run/precious/projects/thesis; chmod 666 /run/precious/file",
    );
    sh(PRECIOUS)
}

fn host() -> Hallway {
    Hallway::host(PROGRAM)
}

/// As an ordinary user, with variables of the user's environment.
fn as_user(user: u32, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    sh("mkdir -p -m 755 /run/bin");
    // While a keeper is running the file, it cannot be written again.
    if !std::path::Path::new("/run/bin/hallway").exists() {
        std::fs::copy(PROGRAM, "/run/bin/hallway").unwrap();
    }
    let mut command = std::process::Command::new("setpriv");
    let user = user.to_string();
    command
        .args([
            "--reuid",
            &user,
            "--regid",
            &user,
            "--clear-groups",
            "/run/bin/hallway",
        ])
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HALLWAY_PASTA", "0")
        .envs(environment.iter().copied())
        .current_dir("/");
    let ran = command.output().unwrap();
    Ran {
        words: arguments.join(" "),
        code: ran.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&ran.stdout).into_owned(),
        err: String::from_utf8_lossy(&ran.stderr).into_owned(),
    }
}

fn directories_of_another_user_are_refused() {
    need_root();
    std::fs::write("/run/p.yaml", FILE).unwrap();
    let before = make_precious();
    sh("mkdir -p -m 1777 /run/tmp; chmod 1777 /run/tmp");
    let prepare = [
        // another user's
        "mkdir -m 755 /run/tmp/s; chown 1001 /run/tmp/s",
        "mkdir -m 777 /run/tmp/s; chown 1001 /run/tmp/s",
        // the user's own, but others can write to it
        "mkdir /run/tmp/s; chown 1000 /run/tmp/s; chmod 777 /run/tmp/s",
        "mkdir /run/tmp/s; chown 1000 /run/tmp/s; chmod 1777 /run/tmp/s",
        "mkdir /run/tmp/s; chown 1000:1001 /run/tmp/s; chmod 770 /run/tmp/s",
        // a link, of any user
        "ln -s /run/precious /run/tmp/s; chown -h 1001 /run/tmp/s",
        "ln -s /run/precious /run/tmp/s; chown -h 1000 /run/tmp/s",
        // another user made the files in it
        "mkdir -m 700 /run/tmp/s; mkdir -m 777 /run/tmp/s/sandboxes; chown 1000 /run/tmp/s; chown 1001 /run/tmp/s/sandboxes",
        "mkdir -m 700 -p /run/tmp/s; mkdir -m 700 /run/tmp/s/sandboxes; ln -s /run/precious /run/tmp/s/sandboxes/default; chown -R -h 1000 /run/tmp/s",
        // a FIFO, a device
        "mkfifo /run/tmp/s",
        "mknod /run/tmp/s c 1 5",
    ];
    for prepare in prepare {
        sh(&format!("rm -rf /run/tmp/s; {prepare}"));
        let state = [("HALLWAY_STATE_DIR", "/run/tmp/s")];
        for verb in ["up", "down"] {
            let ran = as_user(1000, &[verb, "/run/p.yaml"], &state);
            assert_eq!(sh(PRECIOUS), before, "{prepare}");
            if verb == "up" {
                ran.exits(1).says("cannot be used for state");
            }
        }
    }
    // Also above the state directory.
    for prepare in [
        "mkdir -m 755 /run/tmp/s; mkdir -m 700 /run/tmp/s/x; chown 1000 /run/tmp/s/x; chown 1001 /run/tmp/s",
        "mkdir /run/tmp/s; chmod 777 /run/tmp/s; mkdir -m 700 /run/tmp/s/x; chown 1000 /run/tmp/s/x",
        "mkdir -m 755 /run/tmp/t; mkdir -m 700 /run/tmp/t/x; chown -R 1000 /run/tmp/t; ln -s /run/tmp/t /run/tmp/s; chown -h 1001 /run/tmp/s",
    ] {
        sh(&format!("rm -rf /run/tmp/s /run/tmp/t; {prepare}"));
        let state = [("HALLWAY_STATE_DIR", "/run/tmp/s/x")];
        as_user(1000, &["up", "/run/p.yaml"], &state)
            .exits(1)
            .says("cannot be used for state");
    }
}

fn without_a_runtime_directory_nothing_is_guessed() {
    need_root();
    std::fs::write("/run/p.yaml", FILE).unwrap();
    as_user(1000, &["up", "/run/p.yaml"], &[])
        .exits(1)
        .says("there is no directory for the state of user 1000")
        .says("XDG_RUNTIME_DIR");
    // Another directory in HOME is not used, the user's own home is.
    sh(
        "mkdir -m 755 /run/home; mkdir -m 700 /run/home/own /run/home/other; chown 1000 /run/home/*",
    );
    sh("echo u:x:1000:1000::/run/home/own:/bin/sh > /run/passwd");
    sh("mount --bind /run/passwd /etc/passwd");
    as_user(1000, &["up", "/run/p.yaml"], &[("HOME", "/run/home/other")])
        .exits(1)
        .says("there is no directory for the state of user 1000");
    let own = [("HOME", "/run/home/own")];
    as_user(1000, &["up", "/run/p.yaml"], &own).exits(0);
    sh("test -d /run/home/own/.local/state/hallway");
    as_user(1000, &["down", "/run/p.yaml"], &own).exits(0);
    // The directory made by a login is used first.
    sh("mkdir -p -m 755 /run/user; mkdir -m 700 /run/user/1000; chown 1000 /run/user/1000");
    as_user(1000, &["status"], &own)
        .exits(2)
        .says("nothing is up");
    sh("chown 1001 /run/user/1000; chmod 755 /run/user/1000");
    as_user(1000, &["status"], &[])
        .exits(1)
        .says("cannot be used for state");
}

fn root_does_not_use_the_directory_of_another_user() {
    need_root();
    std::fs::write("/run/p.yaml", FILE).unwrap();
    let before = make_precious();
    sh("mkdir -m 700 /run/state; ln -s /run/precious /run/state/host; chown -h -R 1000 /run/state");
    host()
        .run(&["up", "/run/p.yaml"])
        .exits(1)
        .says("cannot be used for state")
        .says("it belongs to user 1000");
    assert_eq!(sh(PRECIOUS), before);
}

/// Every file and directory that a project has, replaced by a link or a special file before `up`
/// and while the project is up.
fn links_and_special_files_are_not_followed() {
    need_root();
    std::fs::write("/run/p.yaml", FILE).unwrap();
    let h = host();
    h.run(&["up", "/run/p.yaml"]).ok();
    let made = sh("cd /run/state; find . -mindepth 1 | sort");
    h.run(&["down", "/run/p.yaml"]).ok();
    let made: Vec<&str> = made.lines().collect();
    assert!(made.len() > 8, "{made:?}");
    let kinds = [
        "ln -s /run/precious/file",
        "ln -s /run/precious",
        "ln -s /dev/zero",
        "ln /run/precious/file",
        "mkfifo",
    ];
    for path in made {
        for kind in kinds {
            let target = format!("/run/state/{}", path.trim_start_matches("./"));
            let plant = format!("{kind} {target}");
            sh(&format!("umask 077; mkdir -p $(dirname {target}); {plant}"));
            let before = match kind {
                "ln /run/precious/file" => {
                    let linked = make_precious();
                    sh(&format!("rm -f {target}; {plant}"));
                    linked
                }
                _ => make_precious(),
            };
            timed(&["up", "/run/p.yaml"], &plant);
            assert_eq!(sh(PRECIOUS), before, "up: {plant}");
            timed(&["down", "/run/p.yaml"], &plant);
            assert_eq!(sh(PRECIOUS), before, "down: {plant}");
            clear();
            // And replacing files of a running project.
            h.run(&["up", "/run/p.yaml"]).exits(0);
            // By one rename: the project's processes write some of these files at any time.
            sh(&format!(
                "{plant}.new; [ -L {target} ] || [ ! -d {target} ] || rm -rf {target}; mv -fT {target}.new {target}"
            ));
            for verb in ["status", "up", "down"] {
                let arguments: &[&str] = match verb {
                    "up" => &["up", "/run/p.yaml"],
                    verb => &["-p", "p", verb],
                };
                timed(arguments, &plant);
                assert_eq!(sh(PRECIOUS), before, "{verb}: {plant}");
            }
            sh("rm -rf /run/state");
            timed(&["-p", "p", "down"], &plant);
            clear();
        }
    }
}

/// With little memory, and with a time limit.
fn timed(arguments: &[&str], what: &str) {
    let started = Instant::now();
    let h = host();
    let mut command = std::process::Command::new("prlimit");
    let inner = h.command(arguments);
    command
        .arg("--as=2000000000")
        .arg(PROGRAM)
        .args(inner.get_args());
    for (key, value) in inner.get_envs() {
        if let Some(value) = value {
            command.env(key, value);
        }
    }
    let status = command.output().unwrap();
    let limit = Duration::from_secs(20) * patience();
    assert!(started.elapsed() < limit, "{arguments:?}: {what}");
    assert!(
        status.status.code().is_some(),
        "{arguments:?}: {what}: {status:?}"
    );
}

fn clear() {
    sh("rm -rf /run/state");
    host().run(&["-p", "p", "down"]).exits(0);
    sh("rm -rf /run/state");
}

/// A program with more rights than its caller does nothing.
fn a_set_user_id_program_is_refused() {
    need_root();
    std::fs::write("/run/p.yaml", FILE).unwrap();
    // The file system of /run ignores such modes.
    sh(
        "mkdir -p /run/bin; mount -t tmpfs -o mode=755 tmpfs /run/bin; mkdir -m 700 /run/st; chown 1000 /run/st",
    );
    as_user(1000, &["--version"], &[]).exits(0);
    let run = |arguments: &str| {
        let words =
            "setpriv --reuid 1000 --regid 1000 --clear-groups env HALLWAY_STATE_DIR=/run/st";
        try_sh(&format!("{words} /run/bin/hallway {arguments} 2>&1"))
    };
    let mut modes = vec!["chmod 4755", "chmod 2755", "chmod 6755"];
    if try_sh("command -v setcap").is_ok() {
        modes.push("chmod 755 /run/bin/hallway; setcap cap_net_admin+ep");
    }
    for mode in modes {
        sh(&format!("{mode} /run/bin/hallway"));
        for arguments in [
            "--version",
            "up /run/p.yaml",
            "--host up /run/p.yaml",
            "__hold",
            "__porter",
        ] {
            let refused = run(arguments).unwrap_err();
            assert!(
                refused.contains("more rights than its caller"),
                "{mode} {arguments}: {refused}"
            );
        }
        assert_eq!(sh("ls -A /run/st"), "");
    }
}

/// Helpers get the path as an argument, and notes have it as text: it is refused before anything is built.
fn a_path_that_is_not_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let h = host();
    std::fs::write("/run/p.yaml", FILE).unwrap();
    let before = hallway_testkit::Snapshot::take();
    let path = std::ffi::OsStr::from_bytes(b"/run/\xff\xfe");
    let mut up = h.command(&["up", "/run/p.yaml"]);
    let up = up.env("HALLWAY_STATE_DIR", path).output().unwrap();
    let said = String::from_utf8_lossy(&up.stderr);
    assert!(
        !up.status.success() && said.contains("its path is not UTF-8"),
        "{said}"
    );
    before.unchanged();
}

/// What cannot be read as a log is an error of each command that reads it; it does not look like a program
/// without output.
fn logs_that_cannot_be_read_are_reported() {
    std::fs::write("/run/p.yaml", FILE).unwrap();
    let h = host();
    h.run(&["up", "/run/p.yaml"]).ok();
    sh("ip link del br-p-n 2>/dev/null || true; echo secret > /run/secret");
    let directory = "/run/state/host/projects/p";
    for (file, verb) in [
        ("logs/a.log", "logs a"),
        ("logs/a.log", "logs"),
        ("logs/a.log", "logs --follow"),
        ("logs/a.log.times", "logs --timestamps"),
        ("events.jsonl", "logs --events"),
        ("logs", "logs"),
    ] {
        let path = format!("{directory}/{file}");
        sh(&format!(
            "[ -e {path} ] || touch {path}; [ -d {path} ] || echo 5 5 >> {path}; mv {path} /run/kept"
        ));
        for (plant, why) in [
            (format!("ln -s /run/kept {path}"), "it is a symbolic link"),
            (format!("mkfifo {path}"), "it is a special file"),
            (format!("mkdir {path}"), "it is a directory"),
        ] {
            if file == "logs" && !plant.starts_with("ln") {
                continue;
            }
            sh(&plant);
            let words: Vec<&str> = ["-p", "p"].into_iter().chain(verb.split(' ')).collect();
            let ran = h.run(&words).exits(1).says(file).says(why);
            assert!(!ran.out.contains("secret"), "{plant}");
            sh(&format!("rm -rf {path}"));
        }
        sh(&format!("mv /run/kept {path}"));
    }
    // Nor does the file of this directory answer for a project that cannot be read.
    sh(&format!(
        "cp /run/p.yaml /run/hallway.yaml; mv {directory} /run/kept; ln -s /run/kept {directory}"
    ));
    for verb in [
        "explain a a",
        "graph",
        "logs",
        "plan",
        "export",
        "test",
        "inspect a",
        "reach a a",
    ] {
        h.run(&verb.split(' ').collect::<Vec<_>>())
            .exits(1)
            .says("it is a symbolic link");
    }
    sh(&format!("rm {directory}; mv /run/kept {directory}"));
    h.run(&["-p", "p", "down"]).ok();
}

/// What `hallway ARGUMENTS` prints after `before`, in a separate mount namespace; it must fail.
#[track_caller]
fn fails(before: &str, arguments: &str) -> String {
    std::fs::write("/run/p.yaml", FILE).unwrap();
    let script = format!(
        "unshare -m sh -c '{before}
        export HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0
        exec {PROGRAM} {arguments}' 2>&1"
    );
    try_sh(&format!("{script} >/run/said && exit 7; cat /run/said")).unwrap()
}

/// `doctor` says the same about the state directory as `up`.
fn state_directories_that_cannot_be_used() {
    let mount =
        |options: &str| format!("mkdir -p /run/state; mount -t tmpfs -o {options} none /run/state");
    for (before, why) in [
        (mount("ro,mode=700"), "Read-only file system"),
        (mount("size=4k,mode=700"), "No space left"),
        (mount("mode=777"), "/run/state"),
    ] {
        let up = fails(&before, "--host up /run/p.yaml");
        assert!(up.contains(why), "{up}");
        let said = fails(&before, "--host doctor");
        assert!(said.contains("missing  state: "), "{said}");
        assert!(said.contains(why), "{said}");
        let help = up.lines().find_map(|l| l.trim().strip_prefix("help: "));
        assert!(help.is_none_or(|help| said.contains(help)), "{up}{said}");
    }
}

hallway_testkit::tests!(
    state_directories_that_cannot_be_used,
    logs_that_cannot_be_read_are_reported,
    a_path_that_is_not_text,
    a_set_user_id_program_is_refused,
    directories_of_another_user_are_refused,
    without_a_runtime_directory_nothing_is_guessed,
    root_does_not_use_the_directory_of_another_user,
    links_and_special_files_are_not_followed,
);
