//! Caches that are shared: `--cache-from` and `--cache-to`.

use std::time::Duration;

use lapstrake_cache::Store;
use lapstrake_image::Packing;
use lapstrake_oci::Reference;
use lapstrake_registry::{Client, ClientConfig};
use lapstrake_transfer::{Bucket, Error, Export, Exported, Imports, Place, Step, export};

use crate::args::{Build, CacheFrom, CachePlace, CacheTo, LayerCompression};
use crate::commands::push;
use crate::environment::variable;
use crate::failure::Failure;
use crate::progress::Mode;
use crate::text::harmless;
use crate::{aws, output, session};

use super::Means;

/// How long a registry that is to have a cache may take for the beginning of an answer.
const ANSWER: Duration = Duration::from_secs(30);

/// What the caches know that `--cache-from` names. One that cannot be read is told and left out.
pub(super) fn imports<'a>(
    build: &Build,
    store: &'a Store,
    cancelled: impl Fn() -> bool + Send + Sync + 'a,
) -> Result<Imports<'a>, Failure> {
    let mut imports = Imports::new(store, cancelled);
    for CacheFrom(named) in &build.cache_from {
        let Some(place) = found(named, briefly)? else { continue };
        let name = place.to_string();
        if let Err(error) = imports.add(place) {
            warn(&format!("cannot use the cache {name}"), &error);
        }
    }
    Ok(imports)
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
    ignore_error: bool,
}

/// The caches that `--cache-to` names. Nothing is written yet, so that a name or level that is wrong
/// shows before anything is built.
pub(super) fn targets(build: &Build) -> Result<Vec<Target>, Failure> {
    let target = |to: &CacheTo| {
        let (all, ignore_error) = (to.all, to.ignore_error);
        let packing = packing(to)?;
        let place = found(&to.place, |config| config)?;
        Ok(place.map(|place| Target { place, all, packing, ignore_error }))
    };
    build.cache_to.iter().filter_map(|to| target(to).transpose()).collect()
}

/// Writes the caches.
pub(super) fn export_to(
    targets: &[Target],
    means: &Means<'_>,
    steps: &[Step],
) -> Result<(), Failure> {
    for Target { place, all, packing, ignore_error } in targets {
        let cancelled = || means.cancel.is_cancelled();
        let order = Export {
            store: means.store,
            imports: means.imports,
            place,
            all: *all,
            packing: *packing,
            cancelled: &cancelled,
        };
        let what = format!("cannot write the cache {place}");
        match export(&order, steps) {
            Ok(exported) if means.mode != Mode::Quiet => {
                output::stderr(&summary(place, &exported));
            }
            Ok(_) => {}
            Err(error) if *ignore_error => warn(&what, &error),
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
    push::packing(to.compression.unwrap_or(usual), to.level)
}

/// How a registry is asked for a cache. A build can do without: it is not to wait for minutes for a
/// host that takes connections and says nothing.
fn briefly(mut config: ClientConfig) -> ClientConfig {
    config.timeouts.response = ANSWER;
    config.retry.after_silence = false;
    config
}

/// A cache that is spelled right; `None` for one that goes with the image. `asked` says how the
/// registry is asked.
fn found(
    place: &CachePlace,
    asked: impl FnOnce(ClientConfig) -> ClientConfig,
) -> Result<Option<Place>, Failure> {
    Ok(Some(match place {
        CachePlace::Inline => return Ok(None),
        CachePlace::Folder { path, tag } => Place::Folder { path: path.clone(), tag: tag.clone() },
        CachePlace::Registry { name } => {
            let reference = Reference::parse(name).map_err(|error| {
                Failure::new(format!("the cache {name} is no name in a registry"))
                    .because(&error)
                    .help("write HOST/NAME:TAG, or type=local with a directory")
            })?;
            let client = Client::new(asked(session::registries()?));
            let client = client.map_err(|error| Failure::of(&error))?;
            Place::Repository { client, reference }
        }
        CachePlace::Bucket(fields) => {
            let config = aws::bucket(fields, &variable, (session::proxy(), session::policy()?))?;
            Place::Bucket(Bucket::new(config).map_err(|error| Failure::of(&error))?)
        }
    }))
}

fn summary(place: &Place, exported: &Exported) -> String {
    let Exported { steps, layers, written } = exported;
    format!("cache {place}: {steps} steps, {layers} layers, {written} of them written\n")
}

/// With `--quiet` as well: what a Dockerfile is warned of can be read at any time with `--check`, but
/// that a cache was not there only this run knows, and a job that is slow from now on says nothing
/// else. Standard output has the image's id alone either way.
fn warn(what: &str, error: &Error) {
    let text = harmless(&format!("{what}: {}", error.with_causes()));
    output::stderr(&format!("warning: {text}\n"));
}
