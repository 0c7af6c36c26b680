//! Where things are on this machine.

use std::path::{Path, PathBuf};

use crate::environment::{Variables, absolute_path};
use crate::failure::Failure;

const SYSTEM_STORE: &str = "/var/lib/lapstrake";
const SYSTEM_CERTIFICATES: &str = "/etc/lapstrake/certs.d";
const DOCKER_CERTIFICATES: &str = "/etc/docker/certs.d";
const SYSTEM_CONFIG: &str = "/etc/lapstrake/config.toml";

/// The store's root, absolute: `--root`, `LAPSTRAKE_ROOT`, `/var/lib/lapstrake` as root, else
/// `$XDG_DATA_HOME/lapstrake`.
pub(crate) fn store_root(
    flag: Option<&Path>,
    variables: Variables<'_>,
    is_root: bool,
) -> Result<PathBuf, Failure> {
    let chosen = flag.map(Path::to_owned).or_else(|| variables("LAPSTRAKE_ROOT").map(Into::into));
    if let Some(path) = chosen {
        return std::path::absolute(&path).map_err(|error| {
            Failure::new(format!("cannot use {} as the store", path.display())).because(&error)
        });
    }
    if is_root {
        return Ok(SYSTEM_STORE.into());
    }
    let data = user_folder("XDG_DATA_HOME", ".local/share", variables);
    data.map(|folder| folder.join("lapstrake")).ok_or_else(|| {
        Failure::new(
            "there is no place for the store: neither XDG_DATA_HOME nor HOME is an absolute path",
        )
        .help("name a directory with --root or LAPSTRAKE_ROOT")
    })
}

/// The configuration files, in the order in which later ones win. One that the user names has to
/// exist.
pub(crate) enum ConfigFiles {
    /// `LAPSTRAKE_CONFIG` names it.
    Named(PathBuf),
    /// The system's and the user's; they may be missing.
    Usual(Vec<PathBuf>),
}

/// See [`ConfigFiles`].
pub(crate) fn config_files(variables: Variables<'_>) -> ConfigFiles {
    if let Some(path) = variables("LAPSTRAKE_CONFIG") {
        return ConfigFiles::Named(path.into());
    }
    let user = user_folder("XDG_CONFIG_HOME", ".config", variables);
    let user = user.map(|folder| folder.join("lapstrake/config.toml"));
    ConfigFiles::Usual([Some(SYSTEM_CONFIG.into()), user].into_iter().flatten().collect())
}

/// Folders with a folder for each registry that has certificates: the user's, the system's, Docker's.
pub(crate) fn certificates(variables: Variables<'_>) -> Vec<PathBuf> {
    let user = user_folder("XDG_CONFIG_HOME", ".config", variables);
    let user = user.map(|folder| folder.join("lapstrake/certs.d"));
    let all = [user, Some(SYSTEM_CERTIFICATES.into()), Some(DOCKER_CERTIFICATES.into())];
    all.into_iter().flatten().collect()
}

/// What `docker login` wrote: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
pub(crate) fn docker_config(variables: Variables<'_>) -> Option<PathBuf> {
    let folder = variables("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(absolute_path("HOME", variables)?.join(".docker")));
    folder.map(|folder| folder.join("config.json"))
}

fn user_folder(variable: &str, in_home: &str, variables: Variables<'_>) -> Option<PathBuf> {
    absolute_path(variable, variables)
        .or_else(|| Some(absolute_path("HOME", variables)?.join(in_home)))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn root(flag: Option<&str>, set: &[(&str, &str)], is_root: bool) -> Option<String> {
        let variables = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let path = store_root(flag.map(Path::new), &variables, is_root).ok()?;
        Some(path.to_string_lossy().into_owned())
    }

    #[test]
    fn the_store_is_where_the_nearest_word_says() {
        let all = [("LAPSTRAKE_ROOT", "/env"), ("XDG_DATA_HOME", "/data"), ("HOME", "/home/u")];
        assert_eq!(root(Some("/flag"), &all, true).as_deref(), Some("/flag"));
        assert_eq!(root(None, &all, true).as_deref(), Some("/env"));
        assert_eq!(root(None, &all[1..], true).as_deref(), Some("/var/lib/lapstrake"));
        assert_eq!(root(None, &all[1..], false).as_deref(), Some("/data/lapstrake"));
        let home = root(None, &all[2..], false);
        assert_eq!(home.as_deref(), Some("/home/u/.local/share/lapstrake"));
        let relative = [("XDG_DATA_HOME", "data"), ("HOME", "/home/u")];
        assert_eq!(root(None, &relative, false), home);
        assert_eq!(root(None, &[], false), None);
    }
}
