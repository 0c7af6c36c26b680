//! Names of users and groups, looked up in the root file system that they belong to.

use std::fmt;
use std::io::Read as _;

use lapstrake_rootfs::passwd::{MAX_LIST_BYTES, UserDb};
use lapstrake_rootfs::{Kind, TreePath};

use super::Failure;
use super::layers::Stack;
use crate::owner::{Id, id};

/// Larger files are not read: no real one comes near.
const LIMIT: u64 = MAX_LIST_BYTES as u64;

/// The users and groups of a root file system.
pub(super) struct Owners<'a> {
    stack: &'a Stack,
}

/// User and group id, and the names that stood for nothing.
#[derive(Debug, Default)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) unknown: Vec<Unknown>,
}

/// A name that the root file system does not know.
#[derive(Debug)]
pub(super) struct Unknown {
    what: &'static str,
    name: String,
    file: &'static str,
    /// The id that was taken for it.
    id: u32,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, name, file, id } = self;
        write!(f, "there is no {what} {name} in {file} of the image: {id} is taken instead")
    }
}

impl Owner {
    /// User and group.
    pub(super) fn ids(&self) -> (u32, u32) {
        (self.uid, self.gid)
    }
}

impl<'a> Owners<'a> {
    pub(super) fn of(stack: &'a Stack) -> Self {
        Self { stack }
    }

    /// User and group id of `user[:group]` (A11.4). Numbers and root need no file. A user without
    /// a group brings the primary group of the passwd file; a number without one stands for the
    /// group too; of `user:` and `:group` the missing half is 0. As in BuildKit an unknown user is
    /// 0, and an unknown group is the one that the user brings.
    pub(super) fn resolve(&self, owner: &str) -> Result<Owner, Failure> {
        let (user, group) = match owner.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (owner, None),
        };
        let mut found = self.user(user)?;
        match group.map(id) {
            None => {}
            Some(Id::Number(gid)) => found.gid = gid,
            Some(Id::Name(name)) => match self.database()?.group(name.as_bytes()) {
                Some(gid) => found.gid = gid,
                None => {
                    let (name, file, id) = (name.to_owned(), "/etc/group", found.gid);
                    found.unknown.push(Unknown { what: "group", name, file, id });
                }
            },
        }
        Ok(found)
    }

    /// A user alone, with its group.
    fn user(&self, user: &str) -> Result<Owner, Failure> {
        let name = match id(user) {
            Id::Number(id) => return Ok(Owner { uid: id, gid: id, unknown: Vec::new() }),
            Id::Name(name) => name,
        };
        Ok(match self.database()?.user(name.as_bytes()) {
            Some(user) => Owner { uid: user.uid, gid: user.gid, unknown: Vec::new() },
            None => {
                let (name, file) = (name.to_owned(), "/etc/passwd");
                let unknown = vec![Unknown { what: "user", name, file, id: 0 }];
                Owner { unknown, ..Owner::default() }
            }
        })
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
