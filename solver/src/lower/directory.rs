//! WORKDIR, and paths that are relative to it.

use lapstrake_parser::Word;
use lapstrake_rootfs::TreePath;

use super::fault::Faults;
use super::stage::{Build, Shown, Stage, Written};
use super::word;
use crate::graph::{MkdirOp, Op};

pub(super) fn workdir(
    build: &mut Build<'_>,
    stage: &mut Stage,
    from: Written<'_>,
    path: &Word,
) -> Result<(), Faults> {
    let path = enter(stage, path, build.scope.escape)?;
    let history = format!("WORKDIR {}", stage.config().working_dir);
    if path == "/" {
        stage.counter.skip();
        stage.note(history);
        return Ok(());
    }
    let owner = stage.image.config.user.clone();
    build.check_owner(stage, &owner, from.instruction.span)?;
    let op = Op::Mkdir(MkdirOp { path, owner });
    let shown = Shown { op, sources: Vec::new(), words: Vec::new(), history };
    build.push(stage, from, shown);
    Ok(())
}

/// Notes the directory in the config; returns the path that it is at.
pub(super) fn enter(stage: &mut Stage, path: &Word, escape: char) -> Result<String, Faults> {
    let written = word::expand(path, &stage.environment, escape)?;
    let path = clean(&stage.working_directory(), &written);
    // As in BuildKit, an absolute path stays as it is written, and nothing is where one was.
    let config = stage.config();
    match written.as_str() {
        "" if config.working_dir.is_empty() => config.working_dir.clone_from(&path),
        "" => {}
        absolute if absolute.starts_with('/') => config.working_dir = written,
        _ => config.working_dir.clone_from(&path),
    }
    Ok(path)
}

/// `path` seen from the absolute `directory`: absolute, without `.`, `..`, doubled or trailing
/// slashes.
pub(super) fn clean(directory: &str, path: &str) -> String {
    let joined =
        if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    TreePath::clean(joined.as_bytes()).to_string()
}

/// A destination seen from `directory`: like [`clean`], but a slash or `/.` at the end stays, for
/// it says that a directory is meant.
pub(super) fn destination(directory: &str, path: &str) -> String {
    let mut cleaned = clean(directory, path);
    let is_directory = matches!(path, "" | "." | "..")
        || path.ends_with('/')
        || path.ends_with("/.")
        || path.ends_with("/..");
    if is_directory && cleaned != "/" {
        cleaned.push('/');
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_working_directory() {
        for (directory, path, cleaned) in [
            ("/", "a", "/a"),
            ("/a", "b/c/", "/a/b/c"),
            ("/a/b/c", "../x", "/a/b/x"),
            ("/a", "/", "/"),
            ("/a", "../../..", "/"),
        ] {
            assert_eq!(clean(directory, path), cleaned);
        }
        for (path, destined) in
            [("", "/w/"), (".", "/w/"), ("x", "/w/x"), ("x/", "/w/x/"), ("/", "/"), ("/y/.", "/y/")]
        {
            assert_eq!(destination("/w", path), destined, "{path}");
        }
    }
}
