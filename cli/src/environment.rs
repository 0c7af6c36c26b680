//! The environment of the process. Nothing else reads it.

use std::ffi::OsString;
use std::path::PathBuf;

use lapstrake_executor::DEFAULT_PATH;

/// Looks up a variable; tests put their own in its place.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The process's own variable; an empty one counts as unset.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The process's own variable as it is, empty or not.
pub(crate) fn exact(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Where programs are looked for: as PATH says, and where it is not set, where shells and execvp(3) look too.
pub(crate) fn search_path() -> OsString {
    exact("PATH").unwrap_or_else(|| DEFAULT_PATH.into())
}

/// A variable that has to hold an absolute path, as the XDG specification demands.
pub(crate) fn absolute_path(name: &str, variables: Variables<'_>) -> Option<PathBuf> {
    variables(name).map(PathBuf::from).filter(|path| path.is_absolute())
}
