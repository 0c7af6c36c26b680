//! `lap cache mounts ls`.

use lapstrake_cache::CacheMount;
use serde_json::{Value, json};

use super::find::short_id;
use crate::args::MountsLs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listing::{Column, Listing};
use crate::session::Session;
use crate::table::list;
use crate::{human, output};

const COLUMNS: [Column; 8] = [
    ("ID", "ID"),
    ("Name", "NAME"),
    ("Size", "SIZE"),
    ("Files", "FILES"),
    ("LastUsed", "LAST USED"),
    ("Sharing", "SHARING"),
    ("Step", "LAST STEP"),
    ("InUse", "IN USE"),
];

/// As much of a step as people read.
const STEP: usize = 60;

/// Lists the mounts, what was used last first.
pub(super) fn run(asked: &MountsLs, session: &Session) -> Result<Exit, Failure> {
    let listing = Listing::parse(&asked.format)?;
    let mounts = session.store()?.cache_mounts()?;
    let id = |mount: &CacheMount| match asked.no_trunc {
        true => mount.id.clone(),
        false => short_id(mount),
    };
    let rows = mounts.iter().map(|mount| object(mount, id(mount)));
    let text = match listing.text(&COLUMNS, rows)? {
        _ if asked.quiet => mounts.iter().map(|mount| id(mount) + "\n").collect(),
        Some(text) => text,
        None => table(&mounts, asked.no_trunc, id),
    };
    output::foreign(&text)?;
    Ok(Exit::SUCCESS)
}

fn table(mounts: &[CacheMount], in_full: bool, id: impl Fn(&CacheMount) -> String) -> String {
    let row = |mount: &CacheMount| {
        let used = if mount.is_used { "in use".to_owned() } else { human::since(mount.used) };
        [
            id(mount),
            mount.title().to_owned(),
            human::size(mount.size),
            mount.files.to_string(),
            used,
            sharing(mount).to_owned(),
            if in_full { mount.step.clone() } else { cut(&mount.step) },
        ]
    };
    let [columns @ .., _] = COLUMNS.map(|(_, header)| header);
    list(columns, &mounts.iter().map(row).collect::<Vec<_>>())
}

fn sharing(mount: &CacheMount) -> &'static str {
    mount.sharing.map_or("", |sharing| sharing.word())
}

fn cut(step: &str) -> String {
    match step.char_indices().nth(STEP) {
        Some((end, _)) => format!("{}…", step.get(..end).unwrap_or_default()),
        None => step.to_owned(),
    }
}

fn object(mount: &CacheMount, id: String) -> Value {
    json!({
        "ID": id,
        "Name": mount.title(),
        "Size": mount.size,
        "Files": mount.files,
        "LastUsed": human::timestamp(mount.used),
        "Sharing": sharing(mount),
        "Step": mount.step,
        "InUse": mount.is_used,
    })
}
