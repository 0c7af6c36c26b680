//! What a reference stands for at its remote.

use super::program::Git;
use super::reference::{check_name, is_commit};
use super::{GitReference, Remote, access, reach};
use crate::{Error, Secrets};

/// The most bytes that a list of references may have.
const MOST: u64 = 64 << 20;

/// A reference and what it stood for when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Its full name (`refs/heads/main`), or the commit's id when that is all there is.
    pub(super) name: String,
    /// The commit's id, or that of the tag object in front of it.
    pub(super) object: String,
    /// The commit's id, when the remote said that `object` is a tag object.
    pub(super) commit: Option<String>,
}

/// Asks what `reference` stands for, unless it says so itself.
pub(super) fn resolve(
    reference: &GitReference,
    git: &Git<'_>,
    secrets: &Secrets,
) -> Result<Resolved, Error> {
    let resolved = match known(reference)? {
        Some(resolved) => resolved,
        None => ask(reference, git, secrets)?,
    };
    let Some(expected) = &reference.checksum else { return Ok(resolved) };
    let ids = [Some(&resolved.object), resolved.commit.as_ref()];
    match ids.iter().flatten().any(|id| id.starts_with(expected)) {
        true => Ok(resolved),
        false => Err(Error::Commit {
            remote: reference.remote.to_string(),
            found: resolved.commit.unwrap_or(resolved.object),
            name: resolved.name,
            expected: expected.clone(),
        }),
    }
}

fn known(reference: &GitReference) -> Result<Option<Resolved>, Error> {
    let name = reference.reference.as_deref();
    if let Some(commit) = name.filter(|name| is_commit(name)) {
        return Ok(Some(Resolved { name: commit.into(), object: commit.into(), commit: None }));
    }
    if !reference.fetch_by_commit {
        return Ok(None);
    }
    let commit = reference.checksum.as_deref().filter(|checksum| is_commit(checksum));
    let commit = commit.ok_or(Error::NoCommit)?;
    let name = name.map_or_else(|| commit.to_owned(), |name| full_name(name, "refs/heads/"));
    Ok(Some(Resolved { name, object: commit.into(), commit: None }))
}

fn ask(reference: &GitReference, git: &Git<'_>, secrets: &Secrets) -> Result<Resolved, Error> {
    let remote = &reference.remote;
    let address = remote.argument();
    let mut login = access::settings(remote, true, secrets)?;
    login.extend(reach::settings(remote, git.http)?);
    let list = |arguments: &[&str]| {
        let run = git.run(remote, [&["ls-remote", "--quiet"], arguments].concat());
        run.with(login.clone()).output(MOST).map(|list| String::from_utf8_lossy(&list).into_owned())
    };
    match &reference.reference {
        None => default(remote, &list(&["--symref", "--", &address, "HEAD"])?),
        Some(name) => {
            let peeled = format!("{name}^{{}}");
            let listed = list(&["--", &address, name, &peeled])?;
            named(name, &listed).ok_or_else(|| Error::NoReference {
                remote: remote.to_string(),
                name: name.clone(),
            })
        }
    }
}

/// The default branch, from the lines `ref: refs/heads/NAME<TAB>HEAD` and `ID<TAB>HEAD`. Its name
/// comes from the remote, which may be hostile.
fn default(remote: &Remote, listed: &str) -> Result<Resolved, Error> {
    let heads = || listed.lines().filter_map(|line| line.strip_suffix("\tHEAD"));
    let name = heads().find_map(|line| line.strip_prefix("ref: "));
    let object = heads().find(|line| is_commit(line));
    let branch = name.and_then(|name| name.strip_prefix("refs/heads/"));
    match (name, branch, object) {
        (Some(name), Some(branch), Some(object)) if check_name(branch).is_ok() => {
            Ok(Resolved { name: name.to_owned(), object: object.to_owned(), commit: None })
        }
        _ => Err(Error::NoDefault { remote: remote.to_string() }),
    }
}

/// What `name` stands for: a full name, else a branch, else a tag.
fn named(name: &str, listed: &str) -> Option<Resolved> {
    let find = |full: &str| {
        let lines = listed.lines().filter_map(|line| line.split_once('\t'));
        let mut ids = lines.filter(|(id, found)| *found == full && is_commit(id));
        ids.next().map(|(id, _)| id.to_owned())
    };
    let branch = full_name(name, "refs/heads/");
    let tag = full_name(name, "refs/tags/");
    for full in [format!("refs/{}", name.trim_start_matches("refs/")), branch, tag] {
        if let Some(object) = find(&full) {
            let commit = find(&format!("{full}^{{}}"));
            return Some(Resolved { name: full, object, commit });
        }
    }
    None
}

fn full_name(name: &str, prefix: &str) -> String {
    if name.starts_with("refs/") { name.to_owned() } else { format!("{prefix}{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn remote() -> Remote {
        GitReference::parse("git://h/x").unwrap().unwrap().remote
    }

    #[test]
    fn a_branch_comes_before_a_tag_and_a_tag_leads_to_its_commit() {
        let listed = format!(
            "{A}\trefs/heads/v1\n{B}\trefs/tags/v1\n{A}\trefs/tags/v2\n{B}\trefs/tags/v2^{{}}\n{B}\trefs/heads/x/v1\n"
        );
        let found =
            |name| named(name, &listed).map(|found| (found.name, found.object, found.commit));
        let one = |name: &str, object: &str, commit: Option<&str>| {
            Some((name.to_owned(), object.to_owned(), commit.map(str::to_owned)))
        };
        assert_eq!(found("v1"), one("refs/heads/v1", A, None));
        assert_eq!(found("refs/tags/v1"), one("refs/tags/v1", B, None));
        assert_eq!(found("tags/v1"), one("refs/tags/v1", B, None));
        assert_eq!(found("v2"), one("refs/tags/v2", A, Some(B)));
        assert_eq!(found("1"), None);
    }

    #[test]
    fn a_default_branch_has_a_name_that_can_be_one() {
        let heads = |name: &str| default(&remote(), &format!("ref: {name}\tHEAD\n{A}\tHEAD\n"));
        assert_eq!(heads("refs/heads/main").unwrap().name, "refs/heads/main");
        for name in ["refs/heads/--upload-pack=touch x", "refs/heads/-x", "refs/tags/x", "x"] {
            assert!(matches!(heads(name), Err(Error::NoDefault { .. })), "{name}");
        }
        assert!(default(&remote(), "").is_err());
    }
}
