//! `install apparmor` writes one file, and never another's.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::Hallway;

const PROFILE: &str = "/run/keep/hallway";

fn a_profile_is_written_once() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    std::fs::create_dir_all("/run/keep").unwrap();
    let args = ["install", "apparmor", "--directory", "/run/keep"];
    let printed = h.run(&["install", "apparmor", "--print"]).ok();
    assert!(printed.contains("\n  userns,\n"), "{printed}");
    assert!(printed.contains(&format!("\"{}\"", program())), "{printed}");
    assert!(!std::fs::exists(PROFILE).unwrap());

    let said = h.run(&args).ok();
    assert!(said.contains("hallway is written"), "{said}");
    let load = format!("apparmor_parser -r {PROFILE}");
    assert!(said.contains(&load), "{said}");
    assert_eq!(std::fs::read_to_string(PROFILE).unwrap(), printed);
    assert!(h.run(&args).ok().contains("is there already"));

    // A profile of another program, or of a program that was moved.
    let other = [args.as_slice(), &["--program", "/bin/sh"]].concat();
    h.run(&other).ok();
    let there = std::fs::read_to_string(PROFILE).unwrap();
    assert!(!there.contains(program()), "{there}");
}

fn a_file_of_others_stays() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    std::fs::create_dir_all("/run/keep").unwrap();
    std::fs::write(PROFILE, "profile mine {}\n").unwrap();
    h.run(&["install", "apparmor", "--directory", "/run/keep"])
        .exits(2)
        .says("was not written by this command");
    assert_eq!(
        std::fs::read_to_string(PROFILE).unwrap(),
        "profile mine {}\n"
    );
    h.run(&["install", "apparmor", "--directory", "/run/nowhere"])
        .exits(1)
        .says("cannot write /run/nowhere/hallway")
        .says("help: name a place that exists");
}

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_hallway")
}

hallway_testkit::tests![a_profile_is_written_once, a_file_of_others_stays];
