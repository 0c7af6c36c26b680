//! Caches that are shared: `--cache-from` and `--cache-to`.

use std::time::Duration;

use lapstrake_cache::Store;
use lapstrake_image::Packing;
use lapstrake_oci::Reference;
use lapstrake_registry::{Client, ClientConfig};
use lapstrake_transfer::{
    Bucket, Export, Exported, Imports, Place, Reset, Step, Timeouts, WORKERS, export,
};

use crate::args::{Build, CacheFrom, CachePlace, CacheTo, LayerCompression};
use crate::commands::push;
use crate::environment::variable;
use crate::failure::Failure;
use crate::progress::Mode;
use crate::text::harmless;
use crate::{aws, human, output, session};

use super::Means;

/// How long a server may take for the beginning of an answer, when a cache is read: a build can do without.
const ANSWER: Duration = Duration::from_secs(30);

/// And when one is written: a large blob is looked at before the answer to it.
const LATE_ANSWER: Duration = Duration::from_secs(60);

/// Asks the caches that `--cache-from` names. One that cannot be is told and left out.
pub(super) fn imports<'a>(
    build: &Build,
    store: &'a Store,
    cancelled: impl Fn() -> bool + Send + Sync + 'a,
) -> Result<Imports<'a>, Failure> {
    let mut places = Vec::new();
    if build.cache_from.is_empty() {
        return Ok(Imports::new(store, cancelled, places));
    }
    let reach = Reach::read(ANSWER)?;
    for CacheFrom(named) in &build.cache_from {
        match reach.find(named) {
            Ok(place) => places.extend(place),
            Err(failure) => warn(&format!("cannot use the cache {named}"), &failure),
        }
    }
    Ok(Imports::new(store, cancelled, places))
}

/// Whether the image is to tell of its own steps.
pub(super) fn is_inline(build: &Build) -> bool {
    build.cache_to.iter().any(|to| to.place == CachePlace::Inline)
}

/// A cache that is to be written.
pub(super) struct Target {
    place: Place,
    all: bool,
    packing: Packing,
    /// As [`Export::force`], [`Export::workers`] and [`Export::reset`].
    force: bool,
    workers: usize,
    reset: bool,
    ignore_error: bool,
}

/// The caches that `--cache-to` names. Nothing is written yet, so that a name or level that is wrong
/// shows before anything is built. One that may fail, and cannot be written whatever is built, is told and
/// left out.
pub(super) fn targets(build: &Build) -> Result<Vec<Target>, Failure> {
    if build.cache_to.is_empty() {
        return Ok(Vec::new());
    }
    let reach = Reach::read(LATE_ANSWER)?;
    let target = |to: &CacheTo| {
        let packing = packing(to)?;
        let place = match reach.find(&to.place) {
            Err(failure) if to.ignore_error => {
                warn(&format!("cannot write the cache {}", to.place), &failure);
                None
            }
            place => place?,
        };
        Ok(place.map(|place| Target {
            place,
            all: to.all,
            packing,
            force: to.form.force,
            workers: to.parallelism.unwrap_or(WORKERS),
            reset: to.reset,
            ignore_error: to.ignore_error,
        }))
    };
    build.cache_to.iter().filter_map(|to| target(to).transpose()).collect()
}

/// Writes the caches.
pub(super) fn export_to(
    targets: &[Target],
    means: &Means<'_>,
    steps: &[Step],
) -> Result<(), Failure> {
    let accounts = match targets.is_empty() {
        true => Vec::new(),
        false => lapstrake_solver::shared::accounts(steps, means.store, means.imports)?,
    };
    for target in targets {
        let place = &target.place;
        let cancelled = || means.cancel.is_cancelled();
        let order = Export {
            store: means.store,
            imports: means.imports,
            place,
            all: target.all,
            accounts: &accounts,
            packing: target.packing,
            force: target.force,
            workers: target.workers,
            reset: target.reset,
            cancelled: &cancelled,
        };
        let what = format!("cannot write the cache {place}");
        match export(&order, steps) {
            Ok(exported) => {
                if means.mode != Mode::Quiet {
                    output::stderr(&summary(place, &exported));
                }
                if exported.reset == Reset::Busy {
                    let reason = Failure::new("another process is writing there");
                    warn(&format!("what nothing leads to stays in the cache {place}"), &reason);
                }
            }
            Err(error) if target.ignore_error => warn(&what, &Failure::of(&error)),
            Err(error) => return Err(Failure::new(what).because(&error)),
        }
    }
    Ok(())
}

fn packing(to: &CacheTo) -> Result<Packing, Failure> {
    // In a registry a layer is then the blob that a pushed image has.
    let usual = match to.place {
        CachePlace::Folder { .. } | CachePlace::Bucket(_) => LayerCompression::Zstd,
        CachePlace::Registry { .. } | CachePlace::Inline => LayerCompression::Gzip,
    };
    push::packing(to.form.compression.unwrap_or(usual), to.form.level)
}

/// How servers that may have caches are reached.
struct Reach {
    registries: ClientConfig,
    timeouts: Timeouts,
}

impl Reach {
    /// As the configuration says. A server that takes a question and says nothing for `answer` is not asked
    /// again: a build is not to wait for minutes for a host that is not well.
    fn read(answer: Duration) -> Result<Self, Failure> {
        let mut registries = session::registries()?;
        registries.timeouts.response = answer;
        registries.retry.after_silence = false;
        registries.timeouts.idle = answer;
        let timeouts = Timeouts { response: answer, idle: answer, ..Timeouts::default() };
        Ok(Self { registries, timeouts })
    }

    /// A place that can be asked; `None` for a cache that goes with the image.
    fn find(&self, place: &CachePlace) -> Result<Option<Place>, Failure> {
        Ok(Some(match place {
            CachePlace::Inline => return Ok(None),
            CachePlace::Folder { path, tag, digest } => {
                Place::Folder { path: path.clone(), tag: tag.clone(), digest: *digest }
            }
            CachePlace::Registry { name } => {
                let reference = Reference::parse(name).map_err(|error| {
                    Failure::new(format!("the cache {name} is no name in a registry"))
                        .because(&error)
                        .help("write HOST/NAME:TAG, or type=local with a directory")
                })?;
                let client = Client::new(self.registries.clone());
                let client = client.map_err(|error| Failure::of(&error))?;
                Place::Repository { client, reference }
            }
            CachePlace::Bucket(fields) => {
                let ClientConfig { proxy, policy, .. } = &self.registries;
                let reach = (proxy.clone(), policy.clone(), self.timeouts);
                let config = aws::bucket(fields, &variable, reach)?;
                Place::Bucket(Bucket::new(config).map_err(|error| Failure::of(&error))?)
            }
        }))
    }
}

fn summary(place: &Place, exported: &Exported) -> String {
    let Exported { steps, layers, written, reset } = exported;
    let removed = match reset {
        Reset::Removed { blobs, size } => {
            format!(", {blobs} blobs ({}) removed", human::size(*size))
        }
        Reset::Unasked | Reset::Busy => String::new(),
    };
    format!("cache {place}: {steps} steps, {layers} layers, {written} of them written{removed}\n")
}

/// With `--quiet` as well: what a Dockerfile is warned of can be read at any time with `--check`, but
/// that a cache was not there only this run knows, and a job that is slow from now on says nothing
/// else. Standard output has the image's id alone either way.
fn warn(what: &str, why: &Failure) {
    let text = harmless(&format!("{what}: {}", why.line()));
    output::stderr(&format!("warning: {text}\n"));
}
