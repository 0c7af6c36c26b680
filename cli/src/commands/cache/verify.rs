//! `lap cache verify`.

use lapstrake_cache::{Damage, Mending, Verified};

use crate::args::CacheVerify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;
use crate::table::list;

const COLUMNS: [&str; 4] = ["ID", "TYPE", "FAULT", "DESCRIPTION"];

/// As much of an id as people read.
const ID: usize = 19;

/// Shows what is damaged. Fails while something damaged is left.
pub(super) fn run(verify: &CacheVerify, session: &Session) -> Result<Exit, Failure> {
    let verified = match verify.repair {
        true => session.store_to_remove()?,
        false => session.store()?,
    }
    .verify(verify.repair)?;
    output::stdout(&text(&verified))?;
    let is_whole = verified.damages.iter().all(|damage| damage.mending == Mending::Dropped);
    if is_whole {
        return Ok(Exit::SUCCESS);
    }
    let help = match verify.repair {
        true => "end what uses it, and verify again",
        false => "drop it with lap cache verify --repair; builds and pulls make or fetch it again",
    };
    Err(Failure::new("the store is damaged").help(help))
}

fn text(verified: &Verified) -> String {
    let rows: Vec<_> = verified.damages.iter().map(row).collect();
    let table = if rows.is_empty() { String::new() } else { list(COLUMNS, &rows) };
    let with = |state| verified.damages.iter().filter(|damage| damage.mending == state).count();
    let mut total = format!(
        "Total: {} layers, {} blobs, {} damaged",
        verified.layers,
        verified.blobs,
        verified.damages.len()
    );
    for (count, state) in [(with(Mending::Dropped), "dropped"), (with(Mending::InUse), "in use")] {
        if count > 0 {
            total.push_str(&format!(", {count} {state}"));
        }
    }
    format!("{table}{total}\n")
}

fn row(damage: &Damage) -> [String; 4] {
    [
        damage.id.chars().take(ID).collect(),
        damage.kind().to_owned(),
        damage.fault.to_string(),
        damage.description.clone(),
    ]
}
