//! Which ids the files of the store have.
//!
//! ```text
//! ids/map        the maps of ids under which the store was opened last: lines `users` or `groups`, first id
//!                inside, first id outside, count, as in user_namespaces(7)
//! ids/UID-GID    an empty file that belongs to these ids, one for each line of the maps
//! ```
//! Layers keep the owners of an image's files as owners of files. Under another map, because `/etc/subuid`
//! changed or newuidmap is not there, these would be others, and nobody would notice. What counts is how the
//! files are seen: a mount that maps ids itself may make up for another map. So where the map is another one,
//! the files are looked at.
//!
//! A range that is gone makes the store another's also when nothing in it had an id of that range: only a walk
//! through all files would tell.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

use crate::temporary::{Temporary, new_file, replace_file};
use crate::{Error, layout};

/// The last id that images use.
const LAST: u32 = 65535;

/// The ids that this process may give to files.
pub(crate) struct Map {
    text: String,
    root: Box<Path>,
}

/// Compares the ids of this process with those of the store at `root`. What is to be noted, if anything.
///
/// # Errors
/// [`Error::Ids`] when files of the store are seen as another's than they were.
pub(crate) fn check(root: &Path) -> Result<Option<Map>, Error> {
    // Where the kernel does not tell, nothing is known.
    let Ok(text) = current() else { return Ok(None) };
    let noted = fs::read_to_string(root.join("ids/map")).unwrap_or_default();
    if noted == text {
        return Ok(None);
    }
    let entries = fs::read_dir(root.join("ids")).into_iter().flatten().flatten();
    if entries.filter(|entry| !is_as_named(entry)).count() > 0 {
        let (written, own) = (outside(&noted), outside(&text));
        return Err(Error::Ids { root: root.into(), written, own });
    }
    Ok(Some(Map { text, root: root.into() }))
}

fn current() -> io::Result<String> {
    let mut text = String::new();
    for (name, file) in [("users", "/proc/self/uid_map"), ("groups", "/proc/self/gid_map")] {
        for line in fs::read_to_string(file)?.lines() {
            text.push_str(name);
            for word in line.split_whitespace() {
                text.push(' ');
                text.push_str(word);
            }
            text.push('\n');
        }
    }
    Ok(text)
}

/// Whether the file belongs to whom its name says. A name that says nothing is no fault.
fn is_as_named(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let ids = name.to_str().and_then(|name| name.split_once('-'));
    let Some((Ok(uid), Ok(gid))) = ids.map(|(uid, gid)| (uid.parse(), gid.parse())) else {
        return true;
    };
    entry.metadata().is_ok_and(|found| (found.uid(), found.gid()) == (uid, gid))
}

/// A line of a map.
fn numbers(line: &str) -> Option<(&str, [u32; 3])> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let mut next = || words.next()?.parse().ok();
    Some((name, [next()?, next()?, next()?]))
}

fn range(first: u32, count: u32) -> RangeInclusive<u32> {
    first..=first.saturating_add(count.saturating_sub(1))
}

/// The ids that a map has outside, for people.
fn outside(text: &str) -> String {
    let ids = |kind: &str| {
        let lines = text.lines().filter_map(numbers).filter(|(name, _)| *name == kind);
        let ranges = lines.map(|(_, [_, first, count])| match range(first, count) {
            range if range.start() == range.end() => range.start().to_string(),
            range => format!("{}-{}", range.start(), range.end()),
        });
        ranges.collect::<Vec<_>>().join(", ")
    };
    match (ids("users"), ids("groups")) {
        (users, groups) if users == groups => users,
        (users, groups) => format!("{users} (groups {groups})"),
    }
}

impl Map {
    /// Notes the map, and makes the files of it that are not there. Whatever fails is left for the next time.
    pub(crate) fn note(&self) {
        drop(self.try_note());
    }

    fn try_note(&self) -> Result<(), Error> {
        let folder = self.root.join("ids");
        layout::folder(&folder, 0o700)?;
        let aside = Temporary::new(&self.root)?;
        let (users, groups) = (self.samples("users"), self.samples("groups"));
        for index in 0..users.len().max(groups.len()) {
            let sample = |ids: &[u32]| ids.get(index).or(ids.last()).copied();
            let (Some(uid), Some(gid)) = (sample(&users), sample(&groups)) else { continue };
            let name = format!("{uid}-{gid}");
            if fs::symlink_metadata(folder.join(&name)).is_ok() {
                continue;
            }
            let (made, path) = (aside.path().join(&name), folder.join(&name));
            new_file(&made).map_err(Error::io("create", &made))?;
            // There are file systems on which everything belongs to one.
            if chown(&made, Some(uid), Some(gid)).is_ok() {
                fs::rename(&made, &path).map_err(Error::io("create", path))?;
            }
        }
        replace_file(&self.root, &folder.join("map"), self.text.as_bytes())
    }

    /// An id of each line: the last one that images use.
    fn samples(&self, kind: &str) -> Vec<u32> {
        let lines = self.text.lines().filter_map(numbers).filter(|(name, _)| *name == kind);
        let sample = |(_, [first, _, count]): (&str, [u32; 3])| {
            *range(first, count).end().min(&first.max(LAST))
        };
        lines.map(sample).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "users 0 4242 1\nusers 1 300000 65536\nusers 65537 500000 10\n\
                       groups 0 4242 1\ngroups 1 300000 1000\n";

    #[test]
    fn ids_outside_are_told() {
        assert_eq!(outside(MAP), "4242, 300000-365535, 500000-500009 (groups 4242, 300000-300999)");
        assert_eq!(outside("users 0 0 4294967295\ngroups 0 0 4294967295\n"), "0-4294967294");
        assert_eq!(outside("x\nusers 1\n"), "");
    }

    #[test]
    fn each_range_has_a_sample() {
        let map = Map { text: MAP.into(), root: Path::new("/nowhere").into() };
        assert_eq!(map.samples("users"), [0, 65535, 65537]);
        assert_eq!(map.samples("groups"), [0, 1000]);
    }

    #[test]
    fn another_map_is_fine_while_files_are_seen_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let map = || check(folder.path()).map(|map| map.map(|map| map.text));
        let own = current().unwrap();
        fs::create_dir_all(folder.path().join("ids")).unwrap();
        assert_eq!(map().unwrap(), Some(own.clone()), "what is not noted is");
        let found = fs::metadata(folder.path()).unwrap();
        let name = |uid: u32| folder.path().join(format!("ids/{uid}-{}", found.gid()));
        fs::write(name(found.uid()), "").unwrap();
        fs::write(folder.path().join("ids/map"), MAP).unwrap();
        assert_eq!(map().unwrap(), Some(own.clone()));
        fs::write(name(found.uid() + 1), "").unwrap();
        let Err(Error::Ids { written, own: now, .. }) = map() else { panic!("it is not refused") };
        assert_eq!((written, now), (outside(MAP), outside(&own)));
        fs::write(folder.path().join("ids/map"), own).unwrap();
        assert_eq!(map().unwrap(), None);
    }
}
