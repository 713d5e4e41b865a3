//! Files of other formats, translated with the variables, files and programs of this machine.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hallway_import::{BuiltWith, File as Given, Imported, NodePort, Options, Surroundings, import};
use hallway_plan::Settled;
use hallway_spec::{Name, Problems, Protocol};
use rustix::fs::OFlags;

use crate::args::{Common, ImportArgs};
use crate::diagnose::VerbError;
use crate::input::{Input, limited};
use crate::state_dir::records;

/// The project of these files.
pub(crate) fn input(
    common: &Common,
    args: &ImportArgs,
    files: Vec<Given>,
    named_by_variable: bool,
) -> Result<Input, VerbError> {
    let imported = translate(common, args, &files, named_by_variable)?;
    let built_with = BuiltWith {
        files: match files.as_slice() {
            [_] => Vec::new(),
            several => several.iter().map(|f| absolute(&f.path)).collect(),
        },
        flags: flags(common, args),
    };
    let ignored = imported.ignored_words();
    Ok(Input {
        text: imported.source.text,
        path: imported.source.path,
        more: imported.more,
        source: built_with.written(imported.kept),
        notes: ignored.into_iter().chain(imported.notes).collect(),
        project: imported.project,
    })
}

/// The flags of a translation, for a command in any directory.
fn flags(common: &Common, args: &ImportArgs) -> Vec<String> {
    let mut out = Vec::new();
    let mut add = |flag: &str, value: String| out.extend([flag.to_owned(), value]);
    if let Some(name) = &common.project {
        add("-p", name.to_string());
    }
    for profile in &args.profile {
        add("--profile", profile.clone());
    }
    for (service, count) in &args.scale {
        add("--scale", format!("{service}={count}"));
    }
    for file in &args.env_file {
        add("--env-file", absolute(&file.display().to_string()));
    }
    out.extend(args.stub.then(|| "--stub".to_owned()));
    out.extend(args.join.then(|| "--join".to_owned()));
    out
}

/// A path that means the same in every directory.
fn absolute(path: &str) -> String {
    let full = std::fs::canonicalize(path).ok().filter(|_| path != "-");
    full.map_or_else(|| path.to_owned(), |path| path.display().to_string())
}

/// The files that COMPOSE_FILE names, of the environment or of `.env`.
pub(crate) fn named_files(args: &ImportArgs) -> Vec<PathBuf> {
    let given: Vec<PathBuf> = match args.env_file.as_slice() {
        [] => vec![PathBuf::from(".env")],
        given => given.to_vec(),
    };
    // One that cannot be read is reported when its variables are needed.
    let texts = given
        .iter()
        .filter_map(|p| text(&p.display().to_string()).ok());
    let texts: Vec<String> = texts.collect();
    let paths = hallway_import::named_files(&|name| std::env::var(name).ok(), &texts);
    paths.into_iter().map(PathBuf::from).collect()
}

/// The translation of these files.
pub(crate) fn translate(
    common: &Common,
    args: &ImportArgs,
    files: &[Given],
    named_by_variable: bool,
) -> Result<Imported, Problems> {
    let path = files.first().map(|f| f.path.as_str()).unwrap_or_default();
    let absolute = std::path::absolute(path).unwrap_or_default();
    let directory = absolute.parent().and_then(Path::file_name);
    let options = Options {
        name: common.project.as_ref().map(ToString::to_string),
        directory: directory.map(|name| name.to_string_lossy().into_owned()),
        profiles: args.profile.clone(),
        stub: args.stub,
        join: args.join,
        scale: args.scale.iter().cloned().collect::<BTreeMap<_, _>>(),
        variable_files: args
            .env_file
            .iter()
            .map(|p| p.display().to_string())
            .collect(),
        named_by_variable,
    };
    let record: OnceCell<Option<Settled>> = OnceCell::new();
    let surroundings = Surroundings {
        variable: &|name| std::env::var(name).ok(),
        read: &text,
        program: &|name| runs(name),
        directory: &|path| Path::new(path).is_dir(),
        free: &free,
        published: &|port| {
            let record = record.get_or_init(|| built(common, port.project));
            published(record.as_ref()?, port)
        },
        container: &hallway_engine::containers::runs,
    };
    import(files, &options, surroundings)
}

/// What was built of a project of that name, if it is up.
fn built(common: &Common, project: &str) -> Option<Settled> {
    let name: Name = project.parse().ok()?;
    records(common)?.record(&name).ok()??.applied
}

/// The port of the host that a node's port is published on.
fn published(record: &Settled, port: &NodePort<'_>) -> Option<u16> {
    let same = record.publishes.iter().find(|p| {
        p.node.as_ref() == port.node
            && p.node_ports.first() == port.port
            && p.protocol.to_string() == port.protocol
    });
    same.map(|p| p.host_ports.first())
}

/// Whether a port of this machine is free: that of a sandbox is bound on its localhost.
fn free(port: u16, protocol: &str) -> bool {
    let any = (Ipv4Addr::UNSPECIFIED, port);
    match protocol.parse() {
        Ok(Protocol::Udp) => UdpSocket::bind(any).is_ok(),
        _ => TcpListener::bind(any).is_ok(),
    }
}

/// Opens a file that another one names. A FIFO is refused: without a program that writes to it, reading
/// would not end. A pipe of the shell, like `<(…)`, has such a program.
fn opened(path: &str) -> io::Result<File> {
    /// PIPEFS_MAGIC, linux/magic.h.
    const PIPES: rustix::fs::FsWord = 0x5049_5045;
    let mut options = File::options();
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.read(true).open(path)?;
    match file.metadata()?.file_type().is_fifo() {
        true if rustix::fs::fstatfs(&file)?.f_type == PIPES => File::open(path),
        true => Err(io::Error::other("it is a FIFO, not a regular file")),
        false => Ok(file),
    }
}

/// The text of a file that another one names.
fn text(path: &str) -> std::io::Result<String> {
    let bytes = opened(path).and_then(limited)?;
    String::from_utf8(bytes).map_err(|error| std::io::Error::other(error.to_string()))
}

/// Whether a program can be run here: by its path, or found by PATH.
fn runs(name: &str) -> bool {
    if name == "hallway" {
        return true; // programs of nodes find it by this name
    }
    let executable = |path: PathBuf| {
        path.metadata()
            .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return executable(PathBuf::from(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| executable(directory.join(name)))
}
