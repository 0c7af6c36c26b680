//! Which Dockerfiles are meant, by commands that look at many: read, and written in their place.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use similar::TextDiff;
use tempfile::NamedTempFile;

use crate::exit::Exit;
use crate::failure::Failure;

/// The longest Dockerfile that is read; the parser refuses one before that.
const LONGEST: u64 = 64 << 20;

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// What to call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// All of it.
    pub(super) fn read(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let read = match self {
            Self::Stdin => io::stdin().lock().take(LONGEST).read_to_end(&mut bytes),
            Self::File(path) => File::open(path).and_then(|file| {
                // With room for all of it one call reads it, and one more sees its end.
                let length = file.metadata()?.len().min(LONGEST);
                bytes.reserve(usize::try_from(length).unwrap_or(0).saturating_add(1));
                file.take(LONGEST).read_to_end(&mut bytes)
            }),
        };
        read.map_err(|error| Failure::new(format!("cannot read {}", self.name())).because(&error))?;
        Ok(bytes)
    }

    /// The folder that it lies in; for standard input the working directory.
    pub(super) fn folder(&self) -> PathBuf {
        match self {
            Self::Stdin => PathBuf::from("."),
            Self::File(path) => folder(path),
        }
    }
}

/// The folder that a file lies in.
pub(super) fn folder(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// What was found under the paths, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) found: Vec<Input>,
    pub(super) failures: Vec<Failure>,
    known: HashSet<Input>,
}

/// The files that the paths stand for, each once, in the order of the paths; those of a folder by
/// their names. A folder is looked at as git sees it: what it ignores is left out.
pub(super) fn inputs(paths: &[PathBuf]) -> Inputs {
    let mut inputs = Inputs::default();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.add(Input::Stdin);
        } else if path.is_dir() {
            inputs.add_folder(path);
        } else {
            inputs.add(Input::File(path.clone()));
        }
    }
    inputs
}

impl Inputs {
    fn add(&mut self, input: Input) {
        if self.known.insert(input.clone()) {
            self.found.push(input);
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        let mut walk = WalkBuilder::new(folder);
        // Folders such as .devcontainer hold Dockerfiles; .git holds none.
        walk.hidden(false).require_git(false).ignore(false).git_global(false);
        walk.filter_entry(|entry| entry.file_name() != ".git");
        walk.sort_by_file_path(Path::cmp);
        for entry in walk.build() {
            match entry {
                Ok(entry) if is_dockerfile(entry.path()) && entry.path().is_file() => {
                    let path = entry.path();
                    let path = path.strip_prefix("./").unwrap_or(path);
                    self.add(Input::File(path.to_owned()));
                }
                Ok(_) => {}
                Err(error) => {
                    let message = format!("cannot look through {}", folder.display());
                    self.failures.push(Failure::new(message).because(&error));
                }
            }
        }
    }
}

/// True for `Dockerfile`, `Dockerfile.dev`, `dev.Dockerfile`, and the same with `Containerfile`, in any
/// case of letters.
pub(super) fn is_dockerfile(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let mut parts = name.split('.');
    let is_word = |part: &str| part == "dockerfile" || part == "containerfile";
    let first = parts.next().is_some_and(is_word);
    let last = name.rsplit('.').next().unwrap_or_default();
    (first && last != "dockerignore" && last != "containerignore") || is_word(last)
}

/// Writes a text into a file, all of it or nothing. The file keeps its mode; a link stays one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// The difference of two texts of one file, as a unified diff. Empty if there is none.
pub(super) fn unified(name: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let diff = TextDiff::from_lines(before, after);
    let name = name.trim_start_matches('/');
    let header = (format!("a/{name}"), format!("b/{name}"));
    diff.unified_diff().header(&header.0, &header.1).to_string()
}

/// What there is, and why the rest is not there.
pub(super) fn sorted<T, E>(results: Vec<Result<T, E>>) -> (Vec<T>, Vec<E>) {
    let mut there = Vec::with_capacity(results.len());
    let mut missing = Vec::new();
    for result in results {
        match result {
            Ok(one) => there.push(one),
            Err(failure) => missing.push(failure),
        }
    }
    (there, missing)
}

/// What to say when the paths lead to nothing.
pub(super) fn none_found() -> Failure {
    let failure = Failure::new("no Dockerfile found").exit_with(Exit::NO_FILES);
    failure.help("files are found by their names, such as Dockerfile.dev")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerfiles_are_known_by_their_names() {
        for name in ["Dockerfile", "dockerfile", "a/Dockerfile.dev", "dev.dockerfile"] {
            assert!(is_dockerfile(Path::new(name)), "{name}");
        }
        for name in ["Dockerfile.dockerignore", "Dockerfiles", "README.md", ".dockerignore"] {
            assert!(!is_dockerfile(Path::new(name)), "{name}");
        }
        assert!(is_dockerfile(Path::new("Containerfile.test")));
    }
}
