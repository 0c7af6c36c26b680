//! Names of users and groups, looked up in the root file system that they belong to.

use std::io::Read as _;

use lapstrake_rootfs::passwd::{MAX_LIST_BYTES, UserDb};
use lapstrake_rootfs::{Kind, TreePath};

use super::Failure;
use super::layers::Stack;

/// Larger files are not read: no real one comes near.
const LIMIT: u64 = MAX_LIST_BYTES as u64;

/// The users and groups of a root file system.
pub(super) struct Owners<'a> {
    stack: &'a Stack,
}

/// A name that the root file system does not know, or a number out of range.
#[derive(Debug, thiserror::Error)]
#[error("there is no {what} {name} in {file} of the image")]
struct Unknown {
    what: &'static str,
    name: String,
    file: &'static str,
}

impl<'a> Owners<'a> {
    pub(super) fn of(stack: &'a Stack) -> Self {
        Self { stack }
    }

    /// User and group id of `user[:group]`. Numbers need no file. A user without a group brings
    /// the primary group of the passwd file; a number without one stands for the group too; of
    /// `user:` and `:group` the missing half is 0.
    pub(super) fn resolve(&self, owner: &str) -> Result<(u32, u32), Failure> {
        if owner.is_empty() {
            return Ok((0, 0));
        }
        let (user, group) = match owner.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (owner, None),
        };
        let (uid, primary) = self.user(user)?;
        let gid = match group {
            None => primary,
            Some("") => 0,
            Some(group) => self.group(group)?,
        };
        Ok((uid, gid))
    }

    fn user(&self, user: &str) -> Result<(u32, u32), Failure> {
        if user.is_empty() {
            return Ok((0, 0));
        }
        if let Ok(uid) = user.parse() {
            return Ok((uid, uid));
        }
        let found = self.database()?.user(user.as_bytes()).map(|user| (user.uid, user.gid));
        found.ok_or_else(|| Unknown { what: "user", name: user.into(), file: "/etc/passwd" }.into())
    }

    fn group(&self, group: &str) -> Result<u32, Failure> {
        if let Ok(gid) = group.parse() {
            return Ok(gid);
        }
        let found = self.database()?.group(group.as_bytes());
        found
            .ok_or_else(|| Unknown { what: "group", name: group.into(), file: "/etc/group" }.into())
    }

    fn database(&self) -> Result<UserDb, Failure> {
        Ok(UserDb { passwd: self.file("etc/passwd")?, group: self.file("etc/group")? })
    }

    /// A file's content; empty when it is not there or is no regular file.
    fn file(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let path = self.stack.view.resolve(&TreePath::from(path), true)?;
        let mut content = Vec::new();
        if let Some(shown) = self.stack.view.entry(&path)
            && matches!(shown.entry.kind, Kind::File { .. } | Kind::HardLink { .. })
        {
            let file = self.stack.open(shown.layer, &path)?;
            file.take(LIMIT).read_to_end(&mut content)?;
        }
        Ok(content)
    }
}
