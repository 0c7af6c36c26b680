//! `lap cache why`: why something is in the store.
//!
//! `find` says which step is meant, `holder` what holds a layer; `image` and `step` tell about the two kinds of
//! subjects.

mod find;
mod holder;
mod image;
mod step;

use lapstrake_cache::{ActionKey, Store};
use lapstrake_image::Error as ImageError;
use serde_json::Value;

use self::find::find;
use self::holder::Holders;
use crate::args::{CacheWhy, WhyFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::harmless;
use crate::{images, output, platform};

/// Digits of a key or id that people read.
const DIGITS: usize = 12;

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

/// Keys of steps whose command failed, and the builds of their logs, the newest first.
fn failed(store: &Store) -> Result<Vec<(ActionKey, String)>, Failure> {
    let logs = store.logs()?.into_iter();
    Ok(logs.filter_map(|log| Some((log.failed?.key, log.id))).collect())
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
