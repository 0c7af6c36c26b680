//! `lap cache mounts rm`.

use std::time::SystemTime;

use lapstrake_cache::{CacheMount, nanoseconds};

use super::find::{find, short_id};
use crate::args::MountsRm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::{harmless, list_entry};
use crate::{human, output};

/// Removes mounts, and shows which and how many bytes that freed. One that is used stays: that is a
/// failure where it was named.
pub(super) fn run(asked: &MountsRm, session: &Session) -> Result<Exit, Failure> {
    let store = session.store_to_remove()?;
    let mounts = store.cache_mounts()?;
    let chosen = chosen(asked, &mounts)?;
    let ids: Vec<String> = chosen.iter().map(|mount| mount.id.clone()).collect();
    let freed = store.remove_cache_mounts(&ids)?;
    let mut text = String::new();
    let (mut total, mut kept) = (0_u64, Vec::new());
    for (mount, freed) in chosen.iter().zip(&freed) {
        match freed.bytes {
            Some(bytes) => {
                text.push_str(&format!("{} {}\n", short_id(mount), list_entry(mount.title())));
                total = total.saturating_add(bytes);
            }
            None => kept.push(mount.title()),
        }
    }
    text.push_str(&format!("Total: {}\n", human::size(total)));
    output::stdout(&text)?;
    if kept.is_empty() {
        return Ok(Exit::SUCCESS);
    }
    let message = format!("a running build uses {}", kept.join(", "));
    if asked.mounts.is_empty() {
        output::stderr(&harmless(&format!("kept: {message}\n")));
        return Ok(Exit::SUCCESS);
    }
    Err(Failure::new(message).help("wait for its end, or stop it, and remove again"))
}

/// Each once, in the order in which they are listed.
fn chosen<'a>(asked: &MountsRm, mounts: &'a [CacheMount]) -> Result<Vec<&'a CacheMount>, Failure> {
    if asked.mounts.is_empty() {
        let age =
            asked.older_than.map_or(0, |age| i64::try_from(age.0.as_nanos()).unwrap_or(i64::MAX));
        let until = nanoseconds(SystemTime::now()).saturating_sub(age);
        return Ok(mounts.iter().filter(|mount| mount.used <= until).collect());
    }
    let mut wanted: Vec<&CacheMount> = Vec::new();
    for asked in &asked.mounts {
        wanted.extend(find(mounts, asked)?);
    }
    Ok(mounts.iter().filter(|mount| wanted.iter().any(|wanted| wanted.id == mount.id)).collect())
}
