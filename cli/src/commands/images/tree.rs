//! `lap images --tree`: names, and below each the platforms that are here.

use lapstrake_image::ImageSummary;

use super::Row;
use crate::human::{short_id, size};
use crate::table::list;

/// The rows of one name together, in the order of their first one.
pub(super) fn text(rows: &[Row<'_>]) -> String {
    let mut names: Vec<(String, Vec<&ImageSummary>)> = Vec::new();
    for row in rows {
        let name = format!("{}:{}", row.repository, row.tag);
        match names.iter_mut().find(|(known, _)| *known == name && row.tag != super::NONE) {
            Some((_, images)) => images.push(row.image),
            None => names.push((name, vec![row.image])),
        }
    }
    let mut cells = Vec::new();
    for (name, images) in names {
        let total = images.iter().map(|image| image.size).fold(0, u64::saturating_add);
        let id = images.first().map(|image| short_id(&image.id)).unwrap_or_default();
        cells.push([name, id, size(total)]);
        let last = images.len().saturating_sub(1);
        for (at, image) in images.iter().enumerate() {
            let branch = if at == last { "└─" } else { "├─" };
            let platform = format!("{branch} {}", image.platform);
            cells.push([platform, short_id(&image.id), size(image.size)]);
        }
    }
    list(["IMAGE", "ID", "DISK USAGE"], &cells)
}
