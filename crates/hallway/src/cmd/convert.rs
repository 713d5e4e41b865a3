//! `import` and `export`: files of other formats, and the present project as a file.

use std::process::ExitCode;

use hallway_import::{File, FileFormat, export, without_places};
use hallway_spec::problem::{ProblemKind, TextProblem};
use hallway_spec::{Document, Problem, Problems, parse};

use crate::args::{Common, ExportFormat, FileArg};
use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::scope::{here, present};
use crate::source::{Files, files, text_file};
use crate::{imported, ui};

fn no_format() -> VerbError {
    VerbError::usage(
        CommandCode::NotForImport,
        "this is not a Compose file, a containerlab topology or a Kathara lab",
        "name one: hallway import compose.yaml",
    )
}

/// Why a file is of no other format: it is a hallway file, or its text cannot be read at all.
fn of_no_other_format(file: &File) -> VerbError {
    let unreadable = |problem: &Problem| match &problem.kind {
        ProblemKind::Text(text) => !matches!(
            text,
            TextProblem::PlainText
                | TextProblem::AList
                | TextProblem::Empty
                | TextProblem::OtherFormat(_)
        ),
        _ => false,
    };
    match parse(&file.path, &file.text) {
        Ok(_) => VerbError::usage(
            CommandCode::NotForImport,
            format!("{} is a hallway file already", file.path),
            "hallway import is for Compose files, containerlab topologies and Kathara labs",
        ),
        Err(problems) if problems.problems.iter().any(unreadable) => problems.into(),
        Err(_) => no_format(),
    }
}

/// Prints the hallway file for a file of another format, with comments on what has no equivalent.
pub(crate) fn read_in(common: &Common, file: &FileArg) -> Result<ExitCode, VerbError> {
    let Files {
        paths,
        named_by_variable,
        above: _,
    } = files(file)?;
    let files = paths.iter().map(text_file).collect::<Result<Vec<_>, _>>();
    // Names of nodes are not meant here.
    let help = "name a file that exists and may be read";
    let files = files.map_err(|error| error.with_help(help))?;
    let other = files.first().and_then(|f| FileFormat::of(&f.path, &f.text));
    if other.is_none() {
        return Err(files.first().map_or_else(no_format, of_no_other_format));
    }
    let imported = imported::translate(common, &file.import, &files, named_by_variable)?;
    ui::out(&imported.commented(ui::columns().min(100)));
    Ok(ExitCode::SUCCESS)
}

/// Prints the project as a file that `up` takes.
pub(crate) fn write_out(common: &Common, format: ExportFormat) -> Result<ExitCode, VerbError> {
    let scope = here(common)?;
    let (project, _) = present(common, &scope.engine)?;
    let record = scope.engine.record(&project)?.ok_or_else(|| {
        VerbError::usage(
            CommandCode::NotUp,
            format!("project {project} is not up"),
            "",
        )
    })?;
    let path = record.path.unwrap_or_default();
    let source = without_places(&record.source).to_owned();
    let same = parse(&path, &source).is_ok_and(|p| p.topology.name == project);
    let named = Document::read(&source).filter(|d| d.name.is_some() || !same);
    let text = match named {
        Some(document) if !same => Document {
            name: Some(project.to_string()),
            ..document
        }
        .to_yaml(),
        Some(_) => source,
        // The name comes from the file's name: a copy in another file would be another project.
        None => format!("name: {project}\n{}", source),
    };
    ui::out(&match format {
        ExportFormat::Hallway => text,
        ExportFormat::Compose => export(&text).map_err(|problems| Problems {
            path,
            text,
            more: Vec::new(),
            problems,
        })?,
    });
    Ok(ExitCode::SUCCESS)
}
