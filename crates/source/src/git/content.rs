//! Contents of files, as they would be in a work tree.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt as _;

use super::repository::Repository;
use super::tree::Entry;
use crate::Error;

/// The most bytes of what git says about paths.
const MOST_LISTING: u64 = 1 << 30;

/// Gets an entry, the length of its content, and a reader of just that.
pub(super) type Take<'t> = dyn FnMut(&Entry, u64, &mut dyn Read) -> Result<(), Error> + 't;

/// Gives the contents of `entries`, files and links of `commit`, to `take`.
pub(super) fn read(
    repository: &Repository<'_>,
    commit: &str,
    entries: &[&Entry],
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let converted = converted(repository, commit, entries)?;
    let (converted, plain): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| converted.contains(&entry.path));
    let wanted: String = plain.iter().flat_map(|entry| [entry.object.as_str(), "\n"]).collect();
    let batch = repository.run(["cat-file", "--batch", "--buffer"]);
    let (done, status, said) = batch.feed(wanted.into_bytes(), |output| {
        let mut output = BufReader::with_capacity(128 << 10, output);
        Ok(plain.iter().try_for_each(|entry| object(repository, entry, &mut output, take)))
    })?;
    match done {
        // What it says explains why its output ended.
        Err(Error::Git { .. }) | Ok(()) if !status.success() => {
            return Err(Error::Git { remote: repository.remote.to_string(), said });
        }
        done => done?,
    }
    if converted.is_empty() { Ok(()) } else { convert(repository, &converted, take) }
}

/// Has git write the files of the index as they would be in a work tree, but under names of its own
/// choice: no path of the repository names a file here.
fn convert(
    repository: &Repository<'_>,
    entries: &[&Entry],
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let folder = repository.empty_folder()?;
    let run = repository.run(["checkout-index", "--temp", "-z", "--stdin"]).in_tree(&folder);
    let listing = run.answer(paths(entries), MOST_LISTING)?;
    let broken = || Error::Git {
        remote: repository.remote.to_string(),
        said: "git wrote other files than it was asked for".to_owned(),
    };
    let lines = listing.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let mut written = HashMap::new();
    for line in lines {
        let at = line.iter().position(|byte| *byte == b'\t').ok_or_else(broken)?;
        let (name, path) = line.split_at_checked(at).ok_or_else(broken)?;
        written.insert(path.get(1..).unwrap_or_default(), name);
    }
    for entry in entries {
        let name = written.get(entry.path.as_slice()).filter(|name| !name.contains(&b'/'));
        let path = folder.join(OsStr::from_bytes(name.ok_or_else(broken)?));
        let mut file = File::open(&path).map_err(Error::io("open", &path))?;
        let size = file.metadata().map_err(Error::io("look at", &path))?.len();
        take(entry, size, &mut file)?;
    }
    Ok(())
}

/// As `--stdin` with `-z` reads them.
fn paths(entries: &[&Entry]) -> Vec<u8> {
    entries.iter().flat_map(|entry| [entry.path.as_slice(), b"\0"].concat()).collect()
}

/// Reads `ID blob SIZE`, a line end, that many bytes, and a line end.
fn object(
    repository: &Repository<'_>,
    entry: &Entry,
    output: &mut impl BufRead,
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let broken = || Error::Git {
        remote: repository.remote.to_string(),
        said: format!("the object {} is missing", entry.object),
    };
    let mut line = String::new();
    output.by_ref().take(256).read_line(&mut line).map_err(|source| Error::NoGit { source })?;
    let size = match line.trim_end().split(' ').collect::<Vec<_>>().as_slice() {
        [id, "blob", size] if *id == entry.object => size.parse().map_err(|_| broken())?,
        _ => return Err(broken()),
    };
    let mut content = output.by_ref().take(size);
    take(entry, size, &mut content)?;
    let mut end = [0];
    let is_whole = content.limit() == 0 && output.read_exact(&mut end).is_ok() && end == *b"\n";
    if is_whole { Ok(()) } else { Err(broken()) }
}

/// Which files are others in a work tree than in the repository, because their attributes say so:
/// line ends, encoding, `$Id$`. Filters have no driver, so they do nothing.
fn converted(
    repository: &Repository<'_>,
    commit: &str,
    entries: &[&Entry],
) -> Result<HashSet<Vec<u8>>, Error> {
    let is_attributes =
        |entry: &&Entry| entry.path.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes");
    if !entries.iter().any(is_attributes) {
        return Ok(HashSet::new());
    }
    repository.read_index(commit)?;
    let folder = repository.empty_folder()?;
    let check =
        ["check-attr", "--cached", "-z", "--stdin", "eol", "ident", "working-tree-encoding"];
    let listing = repository.run(check).in_tree(&folder).answer(paths(entries), MOST_LISTING)?;
    let fields: Vec<&[u8]> = listing.split(|byte| *byte == 0).collect();
    let triples = fields.as_chunks::<3>().0.iter();
    let converting = triples.filter(|[_, attribute, value]| is_converting(attribute, value));
    Ok(converting.map(|[path, ..]| path.to_vec()).collect())
}

fn is_converting(attribute: &[u8], value: &[u8]) -> bool {
    match attribute {
        b"eol" => value == b"crlf",
        b"ident" => value == b"set",
        _ => !matches!(value, b"unspecified" | b"unset" | b"set"),
    }
}
