//! Which files are meant.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::failure::Failure;

/// What is to be linted.
#[derive(Debug, PartialEq, Eq)]
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

    /// The folder that it lies in; for standard input the working directory.
    pub(super) fn folder(&self) -> PathBuf {
        let parent = match self {
            Self::Stdin => None,
            Self::File(path) => path.parent(),
        };
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
    }
}

/// What was found under the paths, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) found: Vec<Input>,
    pub(super) failures: Vec<Failure>,
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
        if !self.found.contains(&input) {
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
fn is_dockerfile(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let mut parts = name.split('.');
    let is_word = |part: &str| part == "dockerfile" || part == "containerfile";
    let first = parts.next().is_some_and(is_word);
    let last = name.rsplit('.').next().unwrap_or_default();
    (first && last != "dockerignore" && last != "containerignore") || is_word(last)
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
