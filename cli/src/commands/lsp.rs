//! `lap lsp`: the language server, and what it may know of this machine.

use std::fs;
use std::io::{self, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lapstrake_cache::{Origin, Store};
use lapstrake_image::ResolvedImage;
use lapstrake_linter::{Known, Policy};
use lapstrake_lsp::{ContextEntry, End as Ended, Facts, Image, Rules, Workspace, serve};
use lapstrake_parser::Dockerfile;

use super::input::Input;
use super::{build, explain, lint};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{human, images, output, text};

/// Serves the editor at the other end of standard input and output.
pub(crate) fn run(session: &Session) -> Result<Exit, Failure> {
    let served = serve(BufReader::new(io::stdin()), output::raw_stdout(), &Machine::new(session));
    match served.map_err(|error| Failure::of_writing(&error))? {
        Ended::Orderly => Ok(Exit::SUCCESS),
        Ended::Early => Ok(Exit::FAILED),
    }
}

/// This machine.
struct Machine<'s> {
    session: &'s Session,
    /// What rules may know of it: looked for when one asks, and anew once a file is opened or saved, or
    /// the store changes.
    seen: Mutex<Option<lint::Machine>>,
}

impl<'s> Machine<'s> {
    const fn new(session: &'s Session) -> Self {
        Self { session, seen: Mutex::new(None) }
    }
}

impl Workspace for Machine<'_> {
    fn rules(&self, dockerfile: Option<&Path>) -> (Rules, Option<String>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let input = dockerfile.map_or(Input::Stdin, |path| Input::File(path.to_owned()));
        match lint::rules(&input) {
            Ok((rules, policy, are_own)) => (Rules { rules, policy, are_own }, None),
            Err(failure) => {
                let text = failure.text();
                output::stderr(&text);
                let what = text.trim_start_matches("error: ").lines().next().unwrap_or_default();
                let what = if what.is_empty() { "the configuration has faults" } else { what };
                let message = format!("lap: {what}; until it is mended, the usual rules look");
                let (rules, policy) = (lint::usual_rules(), Policy::default());
                (Rules { rules, policy, are_own: true }, Some(message))
            }
        }
    }

    fn known(
        &self,
        dockerfile: Option<&Path>,
        file: (&str, &Dockerfile),
        look_around: bool,
        see: &mut dyn FnMut(&Known<'_>),
    ) {
        let Some(path) = dockerfile.filter(|_| look_around) else {
            return lint::knowing_nothing(see);
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = seen.take().filter(lint::Machine::is_current);
        let machine = seen.get_or_insert_with(|| lint::Machine::new(self.session));
        machine.with(path, file, see);
    }

    fn context(&self, dockerfile: &Path, folder: &str) -> Vec<ContextEntry> {
        let context = dockerfile.parent().unwrap_or(Path::new("/"));
        entries(dockerfile, context, folder).unwrap_or_default()
    }

    fn image(&self, name: &str) -> Option<Image> {
        let store = self.session.existing()?;
        let image = images::local(&store).find(name).ok()?;
        Some(Image { facts: facts(&image), environment: image.config.config.env })
    }

    fn made(&self, dockerfile: &Path, instruction: &str) -> Option<Facts> {
        made(&self.session.existing()?, dockerfile, instruction)
    }

    fn page(&self, code: &str) -> Option<String> {
        explain::body(code).ok()
    }
}

/// The most entries of a folder that are looked at: nobody reads as many.
const MOST_ENTRIES: usize = 2_000;

/// What lies in a folder of a context, sorted. Nothing above the context is looked at.
fn entries(dockerfile: &Path, context: &Path, folder: &str) -> io::Result<Vec<ContextEntry>> {
    let context = fs::canonicalize(context)?;
    // An ignore file with a fault is for the build to tell.
    let ignore = build::ignore(dockerfile, &context).unwrap_or_default();
    let folder = fs::canonicalize(context.join(folder.trim_start_matches('/')))?;
    let Ok(inside) = folder.strip_prefix(&context) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder)?.take(MOST_ENTRIES) {
        let entry = entry?;
        let path = inside.join(entry.file_name());
        let path = path.as_os_str().as_bytes();
        let is_folder = entry.path().is_dir();
        let is_left_out = if is_folder { ignore.can_prune(path) } else { ignore.matches(path) };
        if let Ok(name) = entry.file_name().into_string()
            && !is_left_out
        {
            found.push(ContextEntry { name, is_folder });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// What there is to say about an image.
fn facts(image: &ResolvedImage) -> Facts {
    let config = &image.config.config;
    let words = |words: &[String]| words.join(" ");
    let names = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(" ");
    let size = image.manifest.layers.iter().map(|layer| layer.size).sum();
    let layers = image.manifest.layers.len();
    let all = [
        ("platform", image.config.platform().to_string()),
        ("made", human::ago(image.config.created.as_deref())),
        ("layers", format!("{layers}, {} on their way", human::size(size))),
        ("user", config.user.clone()),
        ("working directory", config.working_dir.clone()),
        ("entrypoint", words(&config.entrypoint)),
        ("command", words(&config.cmd)),
        ("ports", names(config.exposed_ports.keys().collect())),
        ("volumes", names(config.volumes.keys().collect())),
        ("environment", words(&config.env)),
    ];
    let shown = all.into_iter().filter(|(_, value)| !value.is_empty());
    shown.map(|(name, value)| (name, code(&text::one_line(&value)))).collect()
}

/// A text as Markdown shows it as it is.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// What became of an instruction when it was executed last in a build of that Dockerfile.
fn made(store: &Store, dockerfile: &Path, instruction: &str) -> Option<Facts> {
    let wanted: Vec<&str> = instruction.split_whitespace().collect();
    let wanted = wanted.join(" ");
    let is_it = |origin: &Origin| {
        let name = origin.name.as_deref().and_then(|name| name.split_once("] "));
        name.is_some_and(|(_, name)| lint::is_named(name, &wanted))
            && origin.project.as_deref().is_some_and(|project| is_of(project, dockerfile))
    };
    let found = store.origins().ok()?.into_iter().filter(is_it);
    let last = found.max_by_key(|origin| origin.record.created)?;
    let took = last
        .took
        .or_else(|| logged(store, &last))
        .map(|took| format!("{}.{:03} s", took / 1000, took % 1000));
    let size = store.layer_size(&last.record.layer).ok().flatten().map(human::size);
    let when = Some(human::since(last.record.created));
    let cached = hits(store, &last);
    let all = [("when", when), ("took", took), ("layer", size), ("cached", cached)];
    Some(all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// As many builds are looked at.
const LAST_BUILDS: usize = 20;

/// In how many of the last builds the step was cached, of those that have a log: they executed something.
fn hits(store: &Store, origin: &Origin) -> Option<String> {
    let ends: Vec<_> = logs(store, origin)?.take(LAST_BUILDS).filter_map(|(_, end)| end).collect();
    let hits = ends.iter().filter(|(outcome, _)| outcome == "cached").count();
    let builds = ends.len();
    (builds > 0).then(|| format!("in {hits} of the last {builds} builds that executed something"))
}

/// How many milliseconds the step took that made a record, as the log of its build has it.
fn logged(store: &Store, origin: &Origin) -> Option<u64> {
    let (_, end) = logs(store, origin)?.find(|(time, _)| *time <= origin.record.created)?;
    end.filter(|(outcome, _)| outcome == "done").map(|(_, milliseconds)| milliseconds)
}

/// How a step ended, and after how many milliseconds.
type End = Option<(String, u64)>;

/// The builds of a step's Dockerfile that had the step, the newest first: when each began, and how the step ended in it.
fn logs(store: &Store, origin: &Origin) -> Option<impl Iterator<Item = (i64, End)>> {
    let (context, name) = origin.project.as_deref()?.split_once('\n')?;
    let (file, step) = (Path::new(context).join(name), origin.name.clone()?);
    let logs = store.logs().ok()?.into_iter().filter(move |log| is_called(&file, &log.subject));
    Some(logs.filter_map(move |log| {
        let one = log.steps.into_iter().find(|one| one.name == step)?;
        Some((log.time, one.end))
    }))
}

/// True if the file may be called so in some folder.
fn is_called(file: &Path, name: &str) -> bool {
    let parts = Path::new(name).components().rev();
    let parts = parts.take_while(|part| matches!(part, Component::Normal(_)));
    let mut above = file.components().rev();
    parts.into_iter().all(|part| above.next() == Some(part))
}

/// True if a project, a context and the name of a Dockerfile, is that of the Dockerfile at that path.
fn is_of(project: &str, dockerfile: &Path) -> bool {
    let Some((context, name)) = project.split_once('\n') else { return false };
    let same = |path: PathBuf| fs::canonicalize(path).ok();
    let path = same(Path::new(context).join(name));
    path.is_some() && path == same(dockerfile.to_owned())
}
