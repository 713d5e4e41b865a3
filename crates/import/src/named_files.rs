//! The files that a variable names.

use crate::variable_file::file;
use crate::variables::Variables;

/// The files that `COMPOSE_FILE` names, separated by `COMPOSE_PATH_SEPARATOR` or colons; both variables are
/// those of the environment, otherwise those of these files of variables, of which later ones take
/// precedence. None if it is not set.
#[must_use]
pub fn named_files(
    environment: &dyn Fn(&str) -> Option<String>,
    variable_files: &[String],
) -> Vec<String> {
    let mut variables = Variables::of(environment);
    for text in variable_files {
        for (name, value) in file(text, &variables).0 {
            variables.file.extend(value.map(|value| (name, value)));
        }
    }
    let separator = variables.get("COMPOSE_PATH_SEPARATOR");
    let separator = separator.filter(|s| !s.is_empty());
    let paths = variables.get("COMPOSE_FILE").unwrap_or_default();
    let paths = paths.split(separator.as_deref().unwrap_or(":"));
    paths.filter(|p| !p.is_empty()).map(str::to_owned).collect()
}
