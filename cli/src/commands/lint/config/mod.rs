//! The configuration of a project: which file holds for a Dockerfile, and what it says.
//!
//! [`settings`] says what may be in it; [`toml`] and [`yaml`] read its two forms into a [`tree`].

mod settings;
mod toml;
mod tree;
pub(super) mod yaml;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::settings::Dialect;
use super::super::input::Input;
use crate::bounded;
use crate::diagnostics::{Look, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

pub(super) use self::settings::Settings;
pub(super) use self::tree::{Node, Value};

/// The names of configurations, and whose they are. Of several in one folder the first counts.
const NAMES: [(&str, Dialect); 3] = [
    ("lapstrake.toml", Dialect::Own),
    (".hadolint.yaml", Dialect::Hadolint),
    (".hadolint.yml", Dialect::Hadolint),
];

/// The longest configuration that is read.
const LONGEST: u64 = 1 << 20;

/// Where configurations come from.
pub(super) enum Origin<'a> {
    /// There is none.
    None,
    /// That file holds for all.
    File(&'a Path),
    /// The next one above each Dockerfile; nothing above a folder with `.git` in it counts.
    Above,
}

/// The settings of each of the inputs.
///
/// # Errors
/// A configuration cannot be read, or has a fault: that has been drawn.
pub(super) fn load(origin: &Origin<'_>, inputs: &[Input]) -> Result<Vec<Rc<Settings>>, Failure> {
    let everywhere = match origin {
        Origin::Above => {
            let mut found = Found::default();
            return inputs.iter().map(|input| found.named(input.folder())).collect();
        }
        Origin::None => Settings::default(),
        Origin::File(path) => read(path, dialect(path)?)?,
    };
    let everywhere = Rc::new(everywhere);
    Ok(inputs.iter().map(|_| Rc::clone(&everywhere)).collect())
}

/// The settings that hold in a folder.
///
/// # Errors
/// As for [`load`].
pub(super) fn above(folder: &Path) -> Result<Rc<Settings>, Failure> {
    Found::default().above(folder)
}

/// What was found above folders that have been looked at.
#[derive(Default)]
struct Found {
    by_folder: BTreeMap<PathBuf, Rc<Settings>>,
    /// The same by the names of folders as they were given.
    by_name: BTreeMap<PathBuf, Rc<Settings>>,
}

impl Found {
    fn named(&mut self, folder: PathBuf) -> Result<Rc<Settings>, Failure> {
        if let Some(known) = self.by_name.get(&folder) {
            return Ok(Rc::clone(known));
        }
        let settings = self.above(&folder)?;
        self.by_name.insert(folder, Rc::clone(&settings));
        Ok(settings)
    }

    fn above(&mut self, folder: &Path) -> Result<Rc<Settings>, Failure> {
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let mut passed = Vec::new();
        let mut settings = None;
        for folder in folder.ancestors() {
            if let Some(known) = self.by_folder.get(folder) {
                settings = Some(Rc::clone(known));
                break;
            }
            passed.push(folder.to_owned());
            let names = NAMES.iter().map(|(name, dialect)| (folder.join(name), *dialect));
            if let Some((path, dialect)) = names.into_iter().find(|(path, _)| path.is_file()) {
                settings = Some(Rc::new(read(&shown(&path), dialect)?));
                break;
            }
            if folder.join(".git").exists() {
                break;
            }
        }
        let settings = settings.unwrap_or_default();
        self.by_folder.extend(passed.into_iter().map(|folder| (folder, Rc::clone(&settings))));
        Ok(settings)
    }
}

/// The path from the working directory, if it lies below.
fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(fs::canonicalize).unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

/// What a named file is written in.
fn dialect(path: &Path) -> Result<Dialect, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(Dialect::Own),
        Some("yaml" | "yml") => Ok(Dialect::Hadolint),
        _ => {
            let message = format!("{} is no configuration: its form is not known", path.display());
            let help = "name a .toml file, or a .yaml file as hadolint has it";
            Err(Failure::new(message).help(help).exit_with(Exit::USAGE))
        }
    }
}

fn read(path: &Path, dialect: Dialect) -> Result<Settings, Failure> {
    let bytes = bounded::file(path, LONGEST).map_err(|error| {
        let message = format!("cannot read the configuration {}", path.display());
        Failure::new(message).because(&error).exit_with(Exit::USAGE)
    })?;
    let (source, undecodable) = Source::read(&path.display().to_string(), &bytes);
    let parsed = match undecodable {
        Some(fault) => Err(vec![fault]),
        None => {
            let tree = match dialect {
                Dialect::Own => toml::parse(source.text()),
                Dialect::Hadolint => yaml::parse(source.text()),
            };
            tree.map_err(|fault| vec![fault]).and_then(|tree| settings::settings(&tree, dialect))
        }
    };
    parsed.map_err(|faults| {
        output::stderr(&source.draw(&faults, Look::of_stderr()));
        Failure::told(Exit::USAGE)
    })
}
