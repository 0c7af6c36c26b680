//! `lap cache why`: why something is in the store.
//!
//! `holder` says what holds a layer, `image` and `step` tell about the two kinds of subjects.

mod holder;
mod image;
mod step;

use lapstrake_cache::{ActionKey, Store};
use lapstrake_image::Error as ImageError;
use lapstrake_parser::suggest;
use serde_json::Value;

use self::holder::Holders;
use crate::args::{CacheWhy, WhyFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::harmless;
use crate::{images, output, platform};

/// Digits of a key or id that people read.
const DIGITS: usize = 12;

/// Fewer digits are taken for no key.
const FEWEST: usize = 4;

/// What is told, both ways.
struct Told {
    text: String,
    json: Value,
}

/// Tells about an image, else about a step.
pub(super) fn run(why: &CacheWhy, session: &Session) -> Result<Exit, Failure> {
    let store = session.store()?;
    let platform = platform::of_flag(why.platform.as_deref())?;
    let holders = Holders::new(store, session.command())?;
    let told = match images::local(store).chosen(&why.subject, platform.as_ref()) {
        Ok(image) => image::tell(&holders, &why.subject, &image)?,
        Err(ImageError::NoSuchImage { .. }) => {
            let key = find(&holders, &why.subject)?;
            step::tell(&holders, &key)?
        }
        Err(error) => return Err(error.into()),
    };
    match why.format {
        WhyFormat::Text => output::stdout(&harmless(&told.text))?,
        WhyFormat::Json => output::foreign(&format!("{}\n", told.json))?,
    }
    Ok(Exit::SUCCESS)
}

/// The key that begins like `asked`, of the records that are there, those that were evicted and the
/// steps that failed; or that of the layer whose id begins so.
fn find(holders: &Holders<'_>, asked: &str) -> Result<ActionKey, Failure> {
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
        [] => Err(unknown(holders, asked)),
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

/// Keys of steps whose command failed, and the builds of their logs, the newest first.
fn failed(store: &Store) -> Result<Vec<(ActionKey, String)>, Failure> {
    let logs = store.logs()?.into_iter();
    Ok(logs.filter_map(|log| Some((log.failed?.key, log.id))).collect())
}

fn unknown(holders: &Holders<'_>, asked: &str) -> Failure {
    let failure = Failure::new(format!("there is no image and no step {asked}"));
    let names: Vec<&str> = holders.names().collect();
    let short = asked.strip_suffix(":latest").unwrap_or(asked);
    let shorter = names.iter().map(|name| name.strip_suffix(":latest").unwrap_or(name));
    match suggest(short, shorter) {
        Some(near) => failure.help(format!("did you mean {near}?")),
        None => failure.help(
            "lap images lists the images; lap cache why IMAGE says the keys of the steps it is made of",
        ),
    }
}

/// As much of a key as people read.
fn short(key: &ActionKey) -> String {
    key.to_string().chars().take(DIGITS).collect()
}

/// The beginning of a layer's id.
fn short_layer(id: &str) -> String {
    let digits = id.find('-').map_or(DIGITS, |dash| dash + 1 + DIGITS);
    id.chars().take(digits).collect()
}
