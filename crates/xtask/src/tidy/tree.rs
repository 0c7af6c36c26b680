//! The source tree's text files, read once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::failure::{Outcome, Subject};

/// Folders that hold no source of the project's own.
const OUTSIDE: [&str; 3] = [".git", "target", "node_modules"];

/// Path relative to the root, with slashes, to content. Only text, sorted.
pub(crate) struct Tree(BTreeMap<String, String>);

impl Tree {
    pub(crate) fn read(root: &Path) -> Outcome<Self> {
        let mut files = BTreeMap::new();
        collect(root, "", &mut files)?;
        Ok(Self(files))
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    pub(crate) fn file(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    pub(crate) fn files<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Outcome<()> {
    for entry in fs::read_dir(folder).on("list", folder)? {
        let entry = entry.on("list", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().on("look at", &entry.path())?;
        if kind.is_dir() && !OUTSIDE.contains(&name.as_str()) && path != "testdata" {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && is_text(&name) {
            files.insert(path, fs::read_to_string(entry.path()).on("read", &entry.path())?);
        }
    }
    Ok(())
}

fn is_text(name: &str) -> bool {
    [".rs", ".toml", ".md"].iter().any(|ending| name.ends_with(ending))
}
