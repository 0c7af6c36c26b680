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
    /// For the user with these ids of its own, which are mapped as well, and this name where the machine knows one.
    pub(super) fn of((uid, gid): (u32, u32), name: Option<&[u8]>) -> Self {
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
        let (users, groups) = (disjoint(uid, &users), disjoint(gid, &groups));
        Self { users, groups, free, database }
    }
}

/// The ranges without what is in one before, and without `own`: the kernel maps no id twice.
fn disjoint(own: u32, ranges: &[Range]) -> Vec<Range> {
    let mut taken = vec![(own, 1)];
    for range in ranges {
        let mut left = vec![*range];
        for (first, count) in &taken {
            left = left.into_iter().flat_map(|range| without(range, (*first, *count))).collect();
        }
        taken.extend(left);
    }
    taken.split_off(1)
}

/// What of a range is before and behind another one.
fn without((first, count): Range, (taken, many): Range) -> impl Iterator<Item = Range> {
    let (end, taken_end) = (first + count, taken + many);
    let before = (first, taken.clamp(first, end) - first);
    let behind = (taken_end.clamp(first, end), end - taken_end.clamp(first, end));
    [before, behind].into_iter().filter(|(_, count)| *count > 0)
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
        is_range((first, count)).then_some((first, count))
    };
    String::from_utf8_lossy(answer).lines().filter_map(range).collect()
}

/// Not empty, and below what stands for no id.
fn is_range((first, count): Range) -> bool {
    count > 0 && first.checked_add(count).is_some()
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
        (is_own && is_range((first, count))).then_some((first, count))
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

    #[test]
    fn no_id_is_there_twice() {
        let twice = [(100_000, 10), (100_000, 10), (100_005, 10)];
        assert_eq!(disjoint(1000, &twice), [(100_000, 10), (100_010, 5)]);
        assert_eq!(disjoint(1001, &[(1000, 5000)]), [(1000, 1), (1002, 4998)]);
        assert_eq!(
            disjoint(1000, &[(1000, 1), (2000, 5), (1999, 7)]),
            [(2000, 5), (1999, 1), (2005, 1)]
        );
    }

    #[test]
    fn what_is_no_range_is_left_out() {
        let file = b"a:4294900000:99999\na:4294900000:67295\n";
        assert_eq!(ranges(file, 7, Some(b"a")), [(4_294_900_000, 67_295)]);
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
