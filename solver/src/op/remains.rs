//! Secrets that a command left in its cache mounts. These are in no image; but a later step, which is not
//! given the secret and so not searched for it, can take what is there into its layer.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapstrake_rootfs::{TreePath, read};

use super::leak::{Leak, Search};
use super::mount::OpenCache;

/// The kernel's clock for files stands still between its ticks.
const TICK: Duration = Duration::from_secs(1);

/// The first file of a cache, in no order, that was changed since then and has a secret in its content or
/// name. What cannot be read, as it is gone again or others change it, is passed over.
pub(super) fn find(search: &Search<'_>, cache: &OpenCache, since: SystemTime) -> Option<Leak> {
    let since = since.checked_sub(TICK)?.duration_since(UNIX_EPOCH).ok()?;
    let since = i64::try_from(since.as_secs()).ok()?;
    let folder = File::open(cache.data.parent()?).ok()?;
    let data = TreePath::clean(cache.data.file_name()?.as_bytes());
    let mut waiting = vec![data.clone()];
    while let Some(path) = waiting.pop() {
        let place = cache.data.with_file_name(std::ffi::OsStr::from_bytes(path.as_bytes()));
        let Ok(metadata) = fs::symlink_metadata(&place) else { continue };
        if metadata.is_dir() {
            waiting.extend(names(&place).map(|name| path.join(&name)));
        }
        if metadata.ctime() < since {
            continue;
        }
        let below = path.below(&data).unwrap_or_else(TreePath::root);
        let found = search.name(&below).or_else(|| {
            let file = read::open_file(folder.as_fd(), &path).ok()?;
            let form = search.file(file).ok().flatten()?;
            Some(form.at(below.clone()))
        });
        if found.is_some() {
            return found;
        }
    }
    None
}

fn names(folder: &Path) -> impl Iterator<Item = Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().as_bytes().to_vec())
}
