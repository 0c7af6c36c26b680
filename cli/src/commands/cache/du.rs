//! `lap cache du`.

use lapstrake_cache::{Usage, UsageKind};
use serde_json::{Value, json};

use super::group;
use crate::args::CacheDu;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listing::{Column, Listing};
use crate::session::Session;
use crate::table::list;
use crate::{human, images, output};

const COLUMNS: [Column; 4] =
    [("Kind", "KIND"), ("Count", "COUNT"), ("Size", "SIZE"), ("Reclaimable", "RECLAIMABLE")];

/// Shows what the store holds.
pub(super) fn run(du: &CacheDu, session: &Session) -> Result<Exit, Failure> {
    let listing = Listing::parse(&du.format)?;
    let store = session.store()?;
    let _lease = store.lease()?;
    if let Some(by) = du.by {
        output::foreign(&group::text(store, by, &listing)?)?;
        return Ok(Exit::SUCCESS);
    }
    let usage = store.usage(&images::local(store).needed()?)?;
    let text = match listing.text(&COLUMNS, usage.iter().map(object))? {
        Some(text) => text,
        None => table(&usage),
    };
    output::foreign(&text)?;
    Ok(Exit::SUCCESS)
}

fn table(usage: &[Usage]) -> String {
    let row = |name: &str, count: u64, size: u64, reclaimable: u64| {
        [name.to_owned(), count.to_string(), human::size(size), human::size(reclaimable)]
    };
    let sum = |part: fn(&Usage) -> u64| usage.iter().map(part).fold(0, u64::saturating_add);
    let mut rows: Vec<_> = usage
        .iter()
        .map(|usage| row(title(usage.kind), usage.count, usage.size, usage.reclaimable))
        .collect();
    let total = row("Total", sum(|of| of.count), sum(|of| of.size), sum(|of| of.reclaimable));
    rows.push(total);
    list(COLUMNS.map(|(_, header)| header), &rows)
}

pub(super) fn title(kind: UsageKind) -> &'static str {
    match kind {
        UsageKind::ImageLayer => "Image layers",
        UsageKind::BuildStep => "Build steps",
        UsageKind::CacheMount => "Cache mounts",
        UsageKind::Blob => "Blobs",
    }
}

fn object(usage: &Usage) -> Value {
    let kind = match usage.kind {
        UsageKind::ImageLayer => "image-layer",
        UsageKind::BuildStep => "build-step",
        UsageKind::CacheMount => "cache-mount",
        UsageKind::Blob => "blob",
    };
    json!({"Kind": kind, "Count": usage.count, "Size": usage.size,
           "Reclaimable": usage.reclaimable})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_is_the_sum() {
        let of = |kind, count, size, reclaimable| Usage { kind, count, size, reclaimable };
        let usage = [
            of(UsageKind::ImageLayer, 2, 4_000_000, 0),
            of(UsageKind::CacheMount, 1, 1_500_000, 1_500_000),
        ];
        assert_eq!(
            table(&usage),
            "KIND           COUNT     SIZE      RECLAIMABLE\n\
             Image layers   2         4MB       0B\n\
             Cache mounts   1         1.5MB     1.5MB\n\
             Total          3         5.5MB     1.5MB\n"
        );
    }
}
