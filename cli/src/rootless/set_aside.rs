//! The ids that the machine sets aside for a user: the lines of subuid(5) and subgid(5), or what the database
//! that nsswitch.conf(5) names for `subid` has, as `sss` for a directory service.

use std::fs;
use std::process::{Command, Stdio};

/// An id range that is set aside: first id and how many.
pub(super) type Range = (u32, u32);

/// What is set aside for a user.
pub(super) struct SetAside {
    pub(super) users: Vec<Range>,
    pub(super) groups: Vec<Range>,
    /// The first id that the files set aside for nobody.
    pub(super) free: u32,
    /// The database that newuidmap asks in the place of the files. Without getsubids it is not known what that
    /// has; then the files are believed, which newuidmap falls back to.
    pub(super) database: Option<String>,
}

impl SetAside {
    /// For the user with this id, and this name where the machine knows one.
    pub(super) fn of(uid: u32, name: Option<&[u8]>) -> Self {
        let files = ["/etc/subuid", "/etc/subgid"].map(|file| fs::read(file).unwrap_or_default());
        let free = files.iter().map(|file| free(file)).max().unwrap_or_default();
        let database = database(&fs::read("/etc/nsswitch.conf").unwrap_or_default());
        let [users, groups] = match (&database, name) {
            (Some(_), Some(name)) if super::is_installed("getsubids") => {
                let name = String::from_utf8_lossy(name);
                [&[&*name][..], &["-g", &*name]].map(|typed| ranges_of_getsubids(&answer(typed)))
            }
            _ => files.each_ref().map(|file| ranges(file, uid, name)),
        };
        Self { users, groups, free, database }
    }
}

/// What `subid` of an nsswitch.conf(5) names but the files: like newuidmap, only its first word counts.
fn database(nsswitch: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(nsswitch);
    let line = text.lines().find_map(|line| line.trim().strip_prefix("subid:"))?;
    let first = line.split_whitespace().next()?;
    (first != "files").then(|| first.to_owned())
}

/// Only programs that are linked as newuidmap is can ask such a database; empty where there is none.
fn answer(typed: &[&str]) -> Vec<u8> {
    let mut command = Command::new("getsubids");
    command.args(typed).stdin(Stdio::null()).stderr(Stdio::null());
    command.output().map(|output| output.stdout).unwrap_or_default()
}

/// The lines of getsubids(1): a number with a colon, the user, the first id and how many.
fn ranges_of_getsubids(answer: &[u8]) -> Vec<Range> {
    let range = |line: &str| {
        let mut fields = line.split_whitespace().rev();
        let (count, first) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (count > 0).then_some((first, count))
    };
    String::from_utf8_lossy(answer).lines().filter_map(range).collect()
}

/// The ranges that a file like subuid(5) sets aside for a user.
fn ranges(file: &[u8], uid: u32, name: Option<&[u8]>) -> Vec<Range> {
    let text = String::from_utf8_lossy(file);
    let uid = uid.to_string();
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let (first, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let is_own = owner == uid || name.is_some_and(|name| owner.as_bytes() == name);
        (is_own && count > 0).then_some((first, count))
    };
    text.lines().filter_map(range).collect()
}

/// The first id behind all that such a file sets aside, from where usermod(8) begins.
fn free(file: &[u8]) -> u32 {
    let end = |line: &str| {
        let mut fields = line.trim().split(':').skip(1);
        let (first, count): (u32, u32) =
            (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(first.saturating_add(count))
    };
    String::from_utf8_lossy(file).lines().filter_map(end).max().unwrap_or_default().max(100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_user() {
        let file = b"a:100000:65536\n# x\nb:1:2\n1000:300000:10\na:200000:0\na:x:1\n\xff:1:1\n";
        let of = |uid, name: Option<&[u8]>| ranges(file, uid, name);
        assert_eq!(of(1000, Some(b"a")), [(100_000, 65536), (300_000, 10)]);
        assert_eq!(of(7, Some(b"b")), [(1, 2)]);
        assert!(of(7, None).is_empty());
    }

    /// The first line is that of the manual page.
    #[test]
    fn ranges_that_a_database_has() {
        let answer = b"0: testuser 100000 65536\n1: with space 300000 10\n2: none 1 0\nnothing\n";
        assert_eq!(ranges_of_getsubids(answer), [(100_000, 65536), (300_000, 10)]);
    }

    #[test]
    fn the_database_is_the_first_that_is_named() {
        assert_eq!(database(b"passwd: files sss\nsubid:  sss files\n"), Some("sss".to_owned()));
        assert_eq!(database(b"passwd: sss\nsubid: files sss\n"), None);
        assert_eq!(database(b"passwd: sss\n#subid: sss\nsubid:\n"), None);
    }

    #[test]
    fn a_range_for_the_user_is_behind_all_others() {
        assert_eq!(free(b""), 100_000);
        assert_eq!(free(b"a:100000:65536\n# x\nb:165536:10\nc:x:1\nd:1:2"), 165_546);
    }
}
