//! Who builds a Dockerfile: compose files, bake files, workflows of GitHub and pipelines of GitLab in the folders from it up to the
//! one with `.git` in it. What cannot be read there is for other tools to tell: it says nothing here.
//!
//! [`read`] knows the files, [`bake`] the targets of bake files in JSON and, by [`hcl`], in HCL; [`script`] finds the scripts of
//! pipelines, and [`command`] what is built by these. [`node`] is what trees are asked; [`place`] leads back from a script to its file.

mod bake;
mod command;
mod hcl;
mod node;
mod place;
mod read;
mod script;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lapstrake_linter::Caller;
use lapstrake_parser::OtherFile;

use self::read::Form;
use super::super::input::Input;

/// The longest file that is read.
const LONGEST: u64 = 1 << 20;

/// The most files of one folder that are read.
const MOST: usize = 64;

/// The most builds of one file that are looked at.
const MOST_BUILDS: usize = 1_000;

/// The callers of all files that are looked at.
#[derive(Default)]
pub(super) struct Callers {
    folders: Mutex<BTreeMap<PathBuf, Arc<[Build]>>>,
}

/// A build that is asked for, and the Dockerfile that it is of.
struct Build {
    dockerfile: PathBuf,
    /// What COPY takes files from, by its name; nothing if that is not known.
    context: Option<PathBuf>,
    caller: Caller,
}

impl Callers {
    /// Who builds the file, and from which folder, if that is the same for all.
    pub(super) fn of(&self, input: &Input) -> (Vec<Caller>, Option<PathBuf>) {
        let Input::File(path) = input else { return (Vec::new(), None) };
        let folder = input.folder();
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let builds = match folders.get(&folder) {
            Some(known) => Arc::clone(known),
            None => {
                let found: Arc<[Build]> = above(&folder).into();
                folders.insert(folder, Arc::clone(&found));
                found
            }
        };
        drop(folders);
        let path = if builds.is_empty() { None } else { fs::canonicalize(path).ok() };
        let own = builds.iter().filter(|build| Some(&build.dockerfile) == path.as_ref());
        let own: Vec<&Build> = own.collect();
        let context = own.first().and_then(|first| first.context.clone());
        let is_for_all = own.iter().all(|build| build.context == context);
        let callers = own.into_iter().map(|build| build.caller.clone()).collect();
        (callers, context.filter(|_| is_for_all))
    }
}

/// The builds that files in a folder and above it ask for. Above a project nobody is asked; without `.git` nobody above the
/// folder.
fn above(folder: &Path) -> Vec<Build> {
    let Ok(real) = fs::canonicalize(folder) else { return Vec::new() };
    let is_root = |folder: &&Path| folder.join(".git").exists();
    let count = real.ancestors().position(|folder| is_root(&folder)).map_or(1, |at| at + 1);
    let mut builds = Vec::new();
    for (depth, here) in real.ancestors().take(count).enumerate() {
        let shown = match folder.is_absolute() {
            true => here.to_owned(),
            false => above_by_name(folder, depth),
        };
        for (form, place) in [(None, ""), (Some(Form::Workflow), ".github/workflows")] {
            for (form, name) in files(&here.join(place), form) {
                let name = Path::new(place).join(name);
                builds.extend(asked_for(form, here, &shown, &name));
            }
        }
    }
    builds
}

/// The folder that many levels above a relative one, by its name: names are taken away before `..` is added.
fn above_by_name(folder: &Path, depth: usize) -> PathBuf {
    let mut path: PathBuf = folder.components().filter(|part| *part != Component::CurDir).collect();
    for _ in 0..depth {
        match path.components().next_back() {
            Some(Component::Normal(_)) => drop(path.pop()),
            _ => path.push(".."),
        }
    }
    path
}

/// The path without `.` in it, unless it is that.
fn plain(path: &Path) -> PathBuf {
    let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
}

/// The files of a folder that may ask for builds, sorted by name.
fn files(folder: &Path, of_all: Option<Form>) -> Vec<(Form, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<_> = names
        .filter_map(|name| {
            let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
            let form = match of_all {
                Some(form) => is_yaml.then_some(form),
                None => Form::of(&name),
            };
            Some((form?, PathBuf::from(name)))
        })
        .collect();
    found.sort_by(|(_, one), (_, other)| one.cmp(other));
    found.truncate(MOST);
    found
}

/// The builds that a file asks for. Its paths count from `folder`; it is called by its name below `shown`.
fn asked_for(form: Form, folder: &Path, shown: &Path, name: &Path) -> Vec<Build> {
    let mut text = String::new();
    let path = folder.join(name);
    // A pipe would have to be waited for.
    let file = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
    let file = file.and_then(|_| File::open(path).ok());
    let read = file.and_then(|file| file.take(LONGEST).read_to_string(&mut text).ok());
    if read.is_none() || !text.contains("build") && !text.contains("target") {
        return Vec::new();
    }
    let asked = read::builds(form, &text);
    let above = shown;
    let shown = shown.join(name);
    let name = shown.strip_prefix(".").unwrap_or(&shown).display().to_string();
    let file = Arc::new(OtherFile { name, text });
    let builds = asked.into_iter().take(MOST_BUILDS).filter_map(|asked| {
        let dockerfile = fs::canonicalize(folder.join(asked.dockerfile)).ok()?;
        let (file, target) = (Arc::clone(&file), asked.target);
        let (arguments, contexts, platforms) = (asked.arguments, asked.contexts, asked.platforms);
        let caller = Caller { file, target, arguments, contexts, platforms };
        let context = asked.context.map(|context| plain(&above.join(context)));
        Some(Build { dockerfile, context: context.filter(|path| path.is_dir()), caller })
    });
    builds.collect()
}
