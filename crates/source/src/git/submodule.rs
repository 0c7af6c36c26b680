//! Submodules: where a commit says that they are.

use super::Remote;
use super::program::Ended;
use super::repository::Repository;
use super::tree::{Entry, Kind};
use crate::Error;

/// The most bytes of a `.gitmodules`.
const MOST: u64 = 4 << 20;

/// What a commit says of a submodule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Submodule {
    /// Where its git directory is kept, below `modules/`.
    pub(super) name: String,
    path: Vec<u8>,
    url: String,
    update: String,
}

/// The submodules that the commit's `.gitmodules` lists; none without one.
pub(super) fn list(
    repository: &Repository<'_>,
    commit: &str,
    entries: &[Entry],
) -> Result<Vec<Submodule>, Error> {
    let is_list =
        |entry: &Entry| entry.path == b".gitmodules" && matches!(entry.kind, Kind::File { .. });
    if !entries.iter().any(is_list) {
        return Ok(Vec::new());
    }
    let blob = format!("{commit}:.gitmodules");
    let ended = repository.run(["config", "-z", "--blob", &blob, "--list"]).end(MOST)?;
    match ended {
        Ended { output, status, .. } if status.success() => Ok(parse(&output)),
        Ended { said, .. } => Err(Error::Git { remote: repository.remote.to_string(), said }),
    }
}

/// Reads `submodule.NAME.KEY`, a line end, the value and a NUL, for each setting.
fn parse(listing: &[u8]) -> Vec<Submodule> {
    let mut submodules: Vec<Submodule> = Vec::new();
    for setting in listing.split(|byte| *byte == 0) {
        let mut parts = setting.splitn(2, |byte| *byte == b'\n');
        let (Some(key), Some(value)) = (parts.next(), parts.next()) else { continue };
        let key = String::from_utf8_lossy(key);
        let Some((name, field)) =
            key.strip_prefix("submodule.").and_then(|rest| rest.rsplit_once('.'))
        else {
            continue;
        };
        let at = submodules.iter().position(|known| known.name == name).unwrap_or_else(|| {
            submodules.push(Submodule { name: name.to_owned(), ..Submodule::default() });
            submodules.len() - 1
        });
        let Some(submodule) = submodules.get_mut(at) else { continue };
        let text = || String::from_utf8_lossy(value).into_owned();
        match field {
            "path" => submodule.path = value.to_vec(),
            "url" => submodule.url = text(),
            "update" => submodule.update = text(),
            _ => {}
        }
    }
    submodules
}

impl Submodule {
    /// The one of `listed` that `entry` is; `None` when it is to be left alone.
    pub(super) fn of<'s>(
        entry: &Entry,
        listed: &'s [Self],
        parent: &Remote,
    ) -> Result<Option<&'s Self>, Error> {
        let found = listed.iter().find(|submodule| submodule.path == entry.path);
        let hostile = |what, name: &[u8]| Error::Hostile {
            remote: parent.to_string(),
            what,
            name: String::from_utf8_lossy(name).into_owned(),
        };
        match found {
            None => Err(hostile("a submodule without an address in .gitmodules", &entry.path)),
            Some(submodule) if submodule.update == "none" => Ok(None),
            Some(submodule) if !submodule.has_safe_name() => {
                Err(hostile("a submodule whose name leads elsewhere", submodule.name.as_bytes()))
            }
            Some(submodule) => Ok(Some(submodule)),
        }
    }

    /// Where its repository is: by itself, or seen from its parent.
    pub(super) fn remote(&self, parent: &Remote) -> Result<Remote, Error> {
        let is_relative = self.url.starts_with("./") || self.url.starts_with("../");
        let remote = match self.url.split_once("://") {
            _ if is_relative => parent.join(&self.url),
            Some((scheme, rest)) => Remote::parse_url(scheme, rest),
            None => Remote::parse_scp(&self.url),
        };
        remote.and_then(Result::ok).ok_or_else(|| Error::Hostile {
            remote: parent.to_string(),
            what: "a submodule with an address that is not fetched from",
            name: crate::redacted(&self.url).chars().take(200).collect(),
        })
    }

    /// As git itself checks it: the name becomes a path.
    fn has_safe_name(&self) -> bool {
        let is_safe = |part: &str| {
            !matches!(part, "" | "." | "..") && !part.starts_with('-') && !part.contains('\\')
        };
        !self.name.chars().any(char::is_control) && self.name.split('/').all(is_safe)
    }
}
