//! What is in a commit.

use super::repository::Repository;
use crate::Error;

/// The most bytes of a listing, and the longest path.
const MOST_LISTING: u64 = 1 << 30;
const MOST_PATH: usize = 64 << 10;

/// A path of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Without a slash in front.
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    /// The id of its content, or of a submodule's commit.
    pub(super) object: String,
}

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File { is_executable: bool },
    Symlink,
    Submodule,
}

/// Everything in a commit but its directories, in git's order.
pub(super) fn entries(repository: &Repository<'_>, commit: &str) -> Result<Vec<Entry>, Error> {
    let list = ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit];
    let listing = repository.run(list).output(MOST_LISTING)?;
    let lines = listing.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    lines.map(|line| entry(line).map_err(|fault| fault.error(repository, line))).collect()
}

/// Why a line is no entry.
struct Fault(&'static str);

impl Fault {
    fn error(self, repository: &Repository<'_>, line: &[u8]) -> Error {
        let path = line.splitn(2, |byte| *byte == b'\t').nth(1).unwrap_or(line);
        let name = String::from_utf8_lossy(path).chars().take(200).collect();
        Error::Hostile { remote: repository.remote.to_string(), what: self.0, name }
    }
}

/// Reads `MODE TYPE ID<TAB>PATH`.
fn entry(line: &[u8]) -> Result<Entry, Fault> {
    let broken = || Fault("a broken entry");
    let at = line.iter().position(|byte| *byte == b'\t').ok_or_else(broken)?;
    let (head, path) = line.split_at_checked(at).ok_or_else(broken)?;
    let path = path.get(1..).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| broken())?;
    let mut words = head.split(' ');
    let (Some(mode), Some(kind), Some(object)) = (words.next(), words.next(), words.next()) else {
        return Err(broken());
    };
    let kind = match (mode, kind) {
        ("100644" | "100664", "blob") => Kind::File { is_executable: false },
        ("100755", "blob") => Kind::File { is_executable: true },
        ("120000", "blob") => Kind::Symlink,
        ("160000", "commit") => Kind::Submodule,
        _ => return Err(Fault("an entry of an unknown kind")),
    };
    check(path)?;
    Ok(Entry { path: path.to_vec(), kind, object: object.to_owned() })
}

/// A path that leads nowhere else, and not into a repository's own files.
fn check(path: &[u8]) -> Result<(), Fault> {
    if path.len() > MOST_PATH {
        return Err(Fault("a path that is too long"));
    }
    let is_faulty =
        |part: &[u8]| matches!(part, b"" | b"." | b"..") || part.eq_ignore_ascii_case(b".git");
    match path.split(|byte| *byte == b'/').any(is_faulty) {
        true => Err(Fault("a path that no work tree can have")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let id = "0123456789012345678901234567890123456789";
        let read = |line: &str| entry(line.as_bytes()).map_err(|fault| fault.0);
        let expected = Entry {
            path: b"a b/c\td".to_vec(),
            kind: Kind::File { is_executable: true },
            object: id.to_owned(),
        };
        assert_eq!(read(&format!("100755 blob {id}\ta b/c\td")), Ok(expected));
        assert_eq!(
            read(&format!("160000 commit {id}\ts")).map(|entry| entry.kind),
            Ok(Kind::Submodule)
        );
        assert_eq!(read(&format!("040000 tree {id}\td")), Err("an entry of an unknown kind"));
        for path in ["../x", "a/../x", "/x", "a//x", ".", "", "a/.git/config", ".GIT", "a/.Git"] {
            let line = format!("100644 blob {id}\t{path}");
            assert_eq!(read(&line), Err("a path that no work tree can have"), "{path}");
        }
        assert!(read("100644 blob").is_err());
    }
}
