//! What the store holds, in groups that may overlap, and how much of it they share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::prune::nanoseconds;
use crate::usage::{Needed, UsageKind};
use crate::walk::walk;
use crate::{Error, Store};

/// A layer, cache folder or blob.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its kind.
    pub kind: UsageKind,
    /// The name of its folder or file: of a layer its id, of a blob the digits of its digest.
    pub id: String,
    /// When it was made, of a cache folder when it was used last: nanoseconds since 1970.
    pub time: i64,
    path: PathBuf,
    is_needed: bool,
}

/// What a group holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many pieces it has.
    pub count: u64,
    /// Bytes on disk. A file with several links counts once.
    pub size: u64,
    /// Of these, bytes that another group has as well.
    pub shared: u64,
    /// Bytes that would be free if everything that is not needed went.
    pub reclaimable: u64,
}

/// Groups, and all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouped {
    /// One for each group, in their order.
    pub groups: Vec<Group>,
    /// All pieces; what several groups share is in it once, in `size` as in `shared`.
    pub total: Group,
}

/// A file or folder on disk, and who has it.
#[derive(Default)]
struct Held {
    size: u64,
    is_needed: bool,
    /// Sorted, each once.
    groups: Vec<usize>,
}

impl Store {
    /// All pieces, in the order of their kinds. As [`Store::usage`].
    ///
    /// # Errors
    /// When folders or the database cannot be read.
    pub fn pieces(&self, needed: &Needed) -> Result<Vec<Piece>, Error> {
        let items = self.items(needed)?.into_iter();
        let pieces = items.map(|item| {
            let timed = match item.kind {
                UsageKind::CacheMount => item.path.join("lock"),
                _ => item.path.clone(),
            };
            let modified = timed.symlink_metadata().and_then(|metadata| metadata.modified());
            let name = item.path.file_name().unwrap_or_default();
            Piece {
                kind: item.kind,
                id: name.to_string_lossy().into_owned(),
                time: nanoseconds(modified.unwrap_or(SystemTime::UNIX_EPOCH)),
                path: item.path,
                is_needed: item.is_needed,
            }
        });
        Ok(pieces.collect())
    }

    /// How much the groups hold whose numbers, below `count`, stand beside each piece.
    ///
    /// # Errors
    /// When folders cannot be read.
    pub fn grouped(&self, pieces: &[(Piece, Vec<usize>)], count: usize) -> Result<Grouped, Error> {
        let mut grouped =
            Grouped { groups: vec![Group::default(); count], total: Group::default() };
        let mut files: HashMap<(u64, u64), Held> = HashMap::new();
        for (piece, groups) in pieces {
            grouped.total.count += 1;
            for number in groups {
                if let Some(group) = grouped.groups.get_mut(*number) {
                    group.count += 1;
                }
            }
            walk(&piece.path, &mut |seen| {
                let held = files.entry(seen.inode).or_default();
                held.size = seen.size;
                held.is_needed |= piece.is_needed;
                held.groups.extend(groups);
                held.groups.sort_unstable();
                held.groups.dedup();
            })?;
        }
        for held in files.values() {
            grouped.total.add(held);
            for number in &held.groups {
                if let Some(group) = grouped.groups.get_mut(*number) {
                    group.add(held);
                }
            }
        }
        Ok(grouped)
    }
}

impl Group {
    fn add(&mut self, held: &Held) {
        self.size = self.size.saturating_add(held.size);
        if held.groups.len() > 1 {
            self.shared = self.shared.saturating_add(held.size);
        }
        if !held.is_needed {
            self.reclaimable = self.reclaimable.saturating_add(held.size);
        }
    }
}
