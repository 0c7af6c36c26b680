//! Which step is meant.

use std::collections::BTreeMap;
use std::path::Path;

use lapstrake_cache::{ActionKey, LoggedStep, Origin, Store};
use lapstrake_parser::suggest;

use super::holder::{Holders, SHOWN};
use super::{failed, short};
use crate::failure::Failure;
use crate::step_name::meant;
use crate::text::{clip, one_line};

/// Fewer digits are taken for no key.
const FEWEST: usize = 4;

/// As much of a step as people read.
const WIDTH: usize = 60;

/// How the log of a build calls the end of a step that failed.
const FAILED: &str = "failed";

/// The key that begins like `asked`, of the records that are there, those that were evicted and the
/// steps that failed; or that of the layer whose id begins so; or that of the step which is called so.
pub(super) fn find(holders: &Holders<'_>, asked: &str) -> Result<ActionKey, Failure> {
    let digits = asked.strip_prefix("blake3-").unwrap_or(asked);
    let is_key = digits.len() >= FEWEST && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut keys = Vec::new();
    if is_key && digits.len() == asked.len() {
        keys = known_keys(holders)?;
        keys.retain(|key| key.to_string().starts_with(asked));
    }
    if is_key && keys.is_empty() {
        let made =
            |layer: String| layer.strip_prefix("blake3-").is_some_and(|id| id.starts_with(digits));
        let origins = holders.origins.iter().filter(|origin| made(origin.record.layer.to_string()));
        // A step with mounts has a second key, of which nothing is told.
        keys = origins.filter(|origin| origin.name.is_some()).map(|origin| origin.key).collect();
    }
    keys.sort_unstable();
    keys.dedup();
    match keys[..] {
        [] => named(holders, asked),
        [key] => Ok(key),
        _ => {
            let keys: Vec<String> = keys.iter().map(short).collect();
            Err(Failure::new(format!("{asked} stands for several steps"))
                .help(format!("write the key of one of them: {}", keys.join(", "))))
        }
    }
}

fn known_keys(holders: &Holders<'_>) -> Result<Vec<ActionKey>, Failure> {
    let mut keys: Vec<ActionKey> = holders.origins.iter().map(|origin| origin.key).collect();
    keys.extend(holders.store.evictions()?.into_iter().map(|(key, _, _)| key));
    keys.extend(failed(holders.store)?.into_iter().map(|(key, _)| key));
    Ok(keys)
}

/// The step of this name, place or beginning that was used last, if only one can be meant: of those of the project
/// in this folder, if it has such.
fn named(holders: &Holders<'_>, asked: &str) -> Result<ActionKey, Failure> {
    let mut found: BTreeMap<(&str, String), &Origin> = BTreeMap::new();
    for origin in &holders.origins {
        let Some(what) = origin.name.as_deref().and_then(|name| meant(name, asked)) else {
            continue;
        };
        let project = origin.project.as_deref().unwrap_or_default();
        let last = found.entry((project, what)).or_insert(origin);
        if last.used < origin.used {
            *last = origin;
        }
    }
    let here = std::env::current_dir().unwrap_or_default();
    let is_here =
        |project: &str| project.lines().next().is_some_and(|folder| here == Path::new(folder));
    if found.keys().any(|(project, _)| is_here(project)) {
        found.retain(|(project, _), _| is_here(project));
    }
    let found: Vec<&Origin> = found.into_values().collect();
    match found[..] {
        [] => failed_so(holders.store, asked)?.ok_or_else(|| unknown(holders, asked)),
        [step] => Ok(step.key),
        _ => Err(several(asked, &found)),
    }
}

/// The step of this name whose command failed last.
fn failed_so(store: &Store, asked: &str) -> Result<Option<ActionKey>, Failure> {
    let failed = store.logs()?.into_iter().filter_map(|log| {
        let is_failed =
            |step: &&LoggedStep| step.end.as_ref().is_some_and(|(outcome, _)| outcome == FAILED);
        let name = &log.steps.iter().find(is_failed)?.name;
        meant(name, asked).and(log.failed).map(|beginning| beginning.key)
    });
    Ok({ failed }.next())
}

fn several(asked: &str, found: &[&Origin]) -> Failure {
    let told = found.iter().take(SHOWN).map(|origin| {
        let name = clip(&one_line(origin.name.as_deref().unwrap_or_default()), WIDTH);
        let project = origin.project.as_deref().unwrap_or_default();
        let project = match project.split_once('\n') {
            None | Some((_, "")) => one_line(project),
            Some((folder, dockerfile)) => one_line(&format!("{dockerfile} in {folder}")),
        };
        format!("{} is {name} of {project}", short(&origin.key))
    });
    let mut told: Vec<String> = told.collect();
    if found.len() > SHOWN {
        told.push(format!("and {} more", found.len() - SHOWN));
    }
    Failure::new(format!("{asked} stands for several steps"))
        .help(format!("write more of it, or the key of one of them: {}", told.join("; ")))
}

fn unknown(holders: &Holders<'_>, asked: &str) -> Failure {
    let failure = Failure::new(format!("there is no image and no step {asked}"));
    let names: Vec<&str> = holders.names().collect();
    let short = asked.strip_suffix(":latest").unwrap_or(asked);
    let shorter = names.iter().map(|name| name.strip_suffix(":latest").unwrap_or(name));
    match suggest(short, shorter) {
        Some(near) => failure.help(format!("did you mean {near}?")),
        None => failure.help(
            "lap images lists the images; lap cache why IMAGE says the keys of the steps it is made of; a step is \
             also known by its place or its text, as in 2/5 or \"RUN make\"",
        ),
    }
}
