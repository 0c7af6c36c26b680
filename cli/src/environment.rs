//! The environment of the process. Nothing else reads it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use lapstrake_executor::DEFAULT_PATH;

use crate::rootless;

/// Looks up a variable; tests put their own in its place.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The process's own variable; an empty one counts as unset. Without HOME (`env -i`, some services) it is the folder
/// that the machine's users have the user with.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    if name == "HOME" { value.or_else(home) } else { value }
}

/// Looked up once.
fn home() -> Option<OsString> {
    static HOME: OnceLock<Option<OsString>> = OnceLock::new();
    let look_up = || {
        let home = rootless::user(user_id())?.home;
        Some(OsString::from_vec(home)).filter(|home| !home.is_empty())
    };
    HOME.get_or_init(look_up).clone()
}

/// Who started this process, also when it has become root of a user namespace, if that asked before.
pub(crate) fn user_id() -> u32 {
    static ID: OnceLock<u32> = OnceLock::new();
    *ID.get_or_init(|| rustix::process::getuid().as_raw())
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
