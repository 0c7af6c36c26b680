//! What names a repository and a commit of it: `https://host/x.git#ref:subdir` and the forms with a
//! query. The forms are those of BuildKit's `dfgitutil`.

use std::fmt;

use lapstrake_http::InvalidUrl;
use serde::Serialize;

use super::Remote;
use super::query;

/// A repository, a commit of it, and what of that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GitReference {
    /// Where the repository is.
    pub remote: Remote,
    /// A branch, a tag or a commit; the default branch when there is none.
    pub reference: Option<String>,
    /// A directory of it, cleaned, without a slash in front.
    pub subdirectory: Option<String>,
    /// What the commit's id begins with.
    pub checksum: Option<String>,
    /// Whether the repository itself is wanted too; unsaid when `None`.
    pub keep_git_dir: Option<bool>,
    /// Whether submodules are wanted: they are unless this says no.
    pub submodules: Option<bool>,
    /// Whether files have the commit's time.
    pub commit_time: bool,
    /// Whether the checksum is fetched itself, without asking what the reference stands for.
    pub fetch_by_commit: bool,
}

/// Why something is no such reference, though it looks like one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGitReference {
    /// The address is none.
    #[error("it is no address of a repository: {0}")]
    Remote(InvalidUrl),
    /// A name that no branch, tag or commit has.
    #[error("{name:?} cannot be a branch, a tag or a commit")]
    Name {
        /// The name.
        name: String,
    },
    /// Something other than hexadecimal digits.
    #[error("{text:?} is no beginning of a commit id: it takes hexadecimal digits")]
    Checksum {
        /// What stands there.
        text: String,
    },
    /// Two parts that say different things.
    #[error("it names two {what}: {first} and {second}")]
    Conflict {
        /// What there can be only one of.
        what: &'static str,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// A key that means nothing.
    #[error("it has the unknown query key {key:?}")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A key that needs a value.
    #[error("the query key {key} has no value")]
    NoValue {
        /// The key.
        key: String,
    },
    /// A key that is there more than once.
    #[error("the query key {key} is there twice")]
    Twice {
        /// The key.
        key: String,
    },
    /// A value that the key cannot have.
    #[error("{value:?} is no value of the query key {key}: it takes {wanted}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What it can have.
        wanted: &'static str,
    },
}

impl InvalidGitReference {
    /// The part of the text that is at fault, decoded.
    pub fn part(&self) -> Option<&str> {
        match self {
            Self::Remote(_) => None,
            Self::Name { name } => Some(name),
            Self::Checksum { text } => Some(text),
            Self::Conflict { second, .. } => Some(second),
            Self::UnknownKey { key } | Self::NoValue { key } | Self::Twice { key } => Some(key),
            Self::Value { value, .. } => Some(value),
        }
    }
}

/// The address without its login, with reference and directory behind a `#`.
impl fmt::Display for GitReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.remote, formatter)?;
        let name = self.reference.as_deref().unwrap_or_default();
        match &self.subdirectory {
            Some(subdirectory) => write!(formatter, "#{name}:{subdirectory}"),
            None if name.is_empty() => Ok(()),
            None => write!(formatter, "#{name}"),
        }
    }
}

impl GitReference {
    /// Reads `text` if it names a repository: an `http` or `https` URL does only when its path ends
    /// with `.git`. `None` for everything else, such as paths.
    ///
    /// # Errors
    /// When it is one and is faulty.
    pub fn parse(text: &str) -> Option<Result<Self, InvalidGitReference>> {
        if text.starts_with("./") || text.starts_with("../") {
            return None;
        }
        let (before, fragment) = match text.split_once('#') {
            Some((before, fragment)) => (before, Some(fragment)),
            None => (text, None),
        };
        let (address, query) = match before.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (before, None),
        };
        let remote = match address.split_once("://") {
            Some((scheme, rest)) => {
                let is_http = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https");
                if is_http && !address.ends_with(".git") {
                    return None;
                }
                Remote::parse_url(scheme, rest)?
            }
            None => Remote::parse_scp(address)?,
        };
        let remote = remote.map_err(InvalidGitReference::Remote);
        Some(remote.and_then(|remote| Self::of(remote, fragment, query)))
    }

    /// As [`GitReference::parse`], with `github.com/…` standing for its `https` URL: what only a
    /// build context can be, since elsewhere that is a path.
    ///
    /// # Errors
    /// As [`GitReference::parse`].
    pub fn parse_context(text: &str) -> Option<Result<Self, InvalidGitReference>> {
        if !text.starts_with("github.com/") {
            return Self::parse(text);
        }
        let end = text.find(['?', '#']).unwrap_or(text.len());
        let (address, rest) = text.split_at_checked(end)?;
        let address = address.trim_end_matches('/');
        let suffix = if address.ends_with(".git") { "" } else { ".git" };
        Self::parse(&format!("https://{address}{suffix}{rest}"))
    }

    fn of(
        remote: Remote,
        fragment: Option<&str>,
        query: Option<&str>,
    ) -> Result<Self, InvalidGitReference> {
        let fragment = query::decoded(fragment.unwrap_or_default(), false);
        let (name, subdirectory) = fragment.split_once(':').unwrap_or((&fragment, ""));
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut reference = Self {
            remote,
            reference: some(name),
            subdirectory: some(&clean(subdirectory)),
            checksum: None,
            keep_git_dir: None,
            submodules: None,
            commit_time: false,
            fetch_by_commit: false,
        };
        query::apply(&mut reference, query.unwrap_or_default())?;
        if let Some(name) = &reference.reference {
            check_name(name)?;
        }
        Ok(reference)
    }

    /// Takes over a checksum that is asked for elsewhere.
    ///
    /// # Errors
    /// When it is none, or another one is asked for already.
    pub fn expect(&mut self, checksum: &str) -> Result<(), InvalidGitReference> {
        let checksum = checked_checksum(checksum)?;
        let earlier = self.checksum.replace(checksum.clone());
        one("checksums", earlier, checksum)
    }
}

/// A whole commit id: 40 digits of SHA-1 or 64 of SHA-256.
pub(crate) fn is_commit(text: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    matches!(text.len(), 40 | 64) && text.bytes().all(is_digit)
}

/// In lower case, as git writes ids.
pub(super) fn checked_checksum(text: &str) -> Result<String, InvalidGitReference> {
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hex && text.len() <= 64 {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(InvalidGitReference::Checksum { text: text.to_owned() }),
    }
}

/// An error unless `earlier` says the same as `now`, or nothing.
pub(super) fn one(
    what: &'static str,
    earlier: Option<String>,
    now: String,
) -> Result<(), InvalidGitReference> {
    match earlier {
        Some(first) if first != now => {
            Err(InvalidGitReference::Conflict { what, first, second: now })
        }
        _ => Ok(()),
    }
}

/// As git-check-ref-format(1) has it, as far as it matters here: no option, no pattern, no second
/// half of a refspec, no revision expression.
pub(super) fn check_name(name: &str) -> Result<(), InvalidGitReference> {
    let is_forbidden = |letter: char| letter.is_control() || " ~^:?*[\\".contains(letter);
    let is_faulty = name.is_empty()
        || name.starts_with(['-', '+', '/'])
        || name.ends_with(['/', '.'])
        || name.contains("..")
        || name.contains("//")
        || name.contains("@{")
        || name.contains(is_forbidden);
    match is_faulty {
        true => Err(InvalidGitReference::Name { name: name.to_owned() }),
        false => Ok(()),
    }
}

/// Cleaned and clamped at the root, without slashes around.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
