//! ARG inside a stage.

use lapstrake_parser::ArgDeclaration;

use super::fault::Faults;
use super::stage::{Build, Stage};
use super::word;

/// Declares arguments: the value is that of `--build-arg`, else the default, else the global one.
pub(super) fn arg(
    build: &Build<'_>,
    stage: &mut Stage,
    declarations: &[ArgDeclaration],
) -> Result<(), Faults> {
    let mut faults = Faults::default();
    let mut texts = Vec::new();
    for declaration in declarations {
        let name = declaration.name.as_str();
        let Some(value) = faults.sort_out(value(build, stage, declaration)) else {
            stage.environment.set_unknown(name);
            continue;
        };
        texts.push(match &value {
            Some(value) => format!("{name}={value}"),
            None => name.to_owned(),
        });
        if let Some(value) = &value {
            stage.environment.set(name, value);
        }
        stage.arguments.push((name.to_owned(), value));
    }
    stage.note(format!("ARG {}", texts.join(" ")));
    match texts.len() == declarations.len() {
        true => Ok(()),
        false => Err(faults),
    }
}

fn value(
    build: &Build<'_>,
    stage: &Stage,
    declaration: &ArgDeclaration,
) -> Result<Option<String>, Faults> {
    let name = declaration.name.as_str();
    if let Some(given) = build.scope.given(name) {
        return Ok(Some(given));
    }
    match &declaration.value {
        Some(default) => word::expand(default, &stage.environment, build.scope.escape).map(Some),
        None => Ok(build.scope.arguments.value(name).map(str::to_owned)),
    }
}

/// The arguments as a RUN's history shows them: `|2 A=1 B=2 `, the last value of each in the
/// place of its first declaration. Empty without any.
pub(super) fn history(stage: &Stage) -> String {
    let mut shown: Vec<(&str, &str)> = Vec::new();
    for (name, value) in &stage.arguments {
        let value = stage.environment.value(name).or(value.as_deref()).unwrap_or_default();
        match shown.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => shown.push((name, value)),
        }
    }
    if shown.is_empty() {
        return String::new();
    }
    let texts: Vec<String> = shown.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("|{} {} ", texts.len(), texts.join(" "))
}
