//! The query of a git reference: `?ref|branch|tag|commit|checksum|subdir|…`.

use super::reference::{GitReference, InvalidGitReference, clean, one};

/// The keys that there are, for suggestions.
pub const QUERY_KEYS: [&str; 10] = [
    "ref",
    "branch",
    "tag",
    "commit",
    "checksum",
    "subdir",
    "keep-git-dir",
    "submodules",
    "mtime",
    "fetch-by-commit",
];

/// Keys that say true when they stand alone.
const SWITCHES: [&str; 3] = ["keep-git-dir", "submodules", "fetch-by-commit"];

/// Puts what `query` says into `reference`.
pub(super) fn apply(reference: &mut GitReference, query: &str) -> Result<(), InvalidGitReference> {
    let mut names = Vec::new();
    for (key, value) in pairs(query)? {
        match key.as_str() {
            "ref" => names.push(value),
            "tag" => names.push(full("refs/tags/", &value)),
            "branch" => names.push(full("refs/heads/", &value)),
            "checksum" | "commit" => reference.expect(&value)?,
            "subdir" => {
                let now = clean(&value);
                let earlier = reference.subdirectory.replace(now.clone());
                one("directories", earlier, now)?;
            }
            "keep-git-dir" => reference.keep_git_dir = Some(boolean(&key, &value)?),
            "submodules" => reference.submodules = Some(boolean(&key, &value)?),
            "fetch-by-commit" => reference.fetch_by_commit = boolean(&key, &value)?,
            "mtime" => reference.commit_time = commit_time(&key, &value)?,
            _ => return Err(InvalidGitReference::UnknownKey { key }),
        }
    }
    for name in names {
        let earlier = reference.reference.replace(name.clone());
        one("references", earlier, name)?;
    }
    Ok(())
}

fn full(prefix: &str, name: &str) -> String {
    if name.starts_with(prefix) { name.to_owned() } else { format!("{prefix}{name}") }
}

/// Keys with their values; a switch that stands alone is true.
fn pairs(query: &str) -> Result<Vec<(String, String)>, InvalidGitReference> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, mut value) = (decoded(key, true), decoded(value, true));
        if pairs.iter().any(|(known, _)| *known == key) {
            return Err(InvalidGitReference::Twice { key });
        }
        if value.is_empty() {
            if !SWITCHES.contains(&key.as_str()) {
                return Err(match QUERY_KEYS.contains(&key.as_str()) {
                    true => InvalidGitReference::NoValue { key },
                    false => InvalidGitReference::UnknownKey { key },
                });
            }
            value = "true".to_owned();
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// The spellings of Go's `strconv.ParseBool`.
fn boolean(key: &str, value: &str) -> Result<bool, InvalidGitReference> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(bad_value(key, value, "true or false")),
    }
}

fn commit_time(key: &str, value: &str) -> Result<bool, InvalidGitReference> {
    match value {
        "checkout" => Ok(false),
        "commit" => Ok(true),
        _ => Err(bad_value(key, value, "checkout or commit")),
    }
}

fn bad_value(key: &str, value: &str, wanted: &'static str) -> InvalidGitReference {
    InvalidGitReference::Value { key: key.to_owned(), value: value.to_owned(), wanted }
}

/// With `%xx` resolved, and in a query `+` for a blank; what is no escape stays as it is.
pub(super) fn decoded(text: &str, plus: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let escape = (*byte == b'%').then(|| Some(digit(0)? << 4 | digit(1)?)).flatten();
        rest = match escape.and_then(|value| u8::try_from(value).ok()) {
            Some(value) => {
                bytes.push(value);
                after.get(2..).unwrap_or_default()
            }
            None => {
                bytes.push(if plus && *byte == b'+' { b' ' } else { *byte });
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
