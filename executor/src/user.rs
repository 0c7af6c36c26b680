//! Who the command runs as: `USER` forms resolved against passwd and group files.
//!
//! Pure; the bytes come from the image and are not trusted. Rules: BuildKit's and moby/sys/user's
//! `GetExecUser`, with strict numbers (CVE-2016-3697, CVE-2024-40635).

use serde::{Deserialize, Serialize};

/// The largest id that Docker accepts.
const MAX_ID: u32 = i32::MAX as u32;

/// Ids of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups, the primary one first, without repetition.
    pub(crate) groups: Vec<u32>,
}

/// Why a user cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum UserError {
    /// No line of the passwd file has this name.
    #[error("no matching entries in passwd file")]
    UnknownUser,
    /// No line of the group file has this name.
    #[error("no matching entries in group file")]
    UnknownGroup,
    /// The line that was found has an id that is no number or is too large.
    #[error("its entry in the {file} file is malformed")]
    Malformed {
        /// `passwd` or `group`.
        file: String,
    },
    /// A number above 2147483647.
    #[error("user and group ids must be in the range 0 to 2147483647")]
    OutOfRange,
}

/// What a `USER` form asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserSpec<'a> {
    user: Name<'a>,
    group: Name<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name<'a> {
    Unset,
    Id(u32),
    Text(&'a str),
}

impl<'a> UserSpec<'a> {
    /// Splits `user[:group]`; digits are always an id, never a name.
    pub(crate) fn parse(text: &'a str) -> Result<Self, UserError> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self { user: Name::parse(user)?, group: Name::parse(group)? })
    }

    /// The ids, when no file is needed to know them: `uid:gid`.
    pub(crate) fn without_files(&self) -> Option<Identity> {
        match (self.user, self.group) {
            (Name::Id(uid), Name::Id(gid)) => Some(Identity { uid, gid, groups: vec![gid] }),
            _ => None,
        }
    }

    /// The ids, from the content of `/etc/passwd` and `/etc/group` (empty where missing).
    pub(crate) fn resolve(&self, passwd: &[u8], group: &[u8]) -> Result<Identity, UserError> {
        let entry = self.passwd_entry(passwd)?;
        let uid = match (&entry, self.user) {
            (Some(entry), _) => entry.uid,
            (None, Name::Id(uid)) => uid,
            (None, _) => 0,
        };
        let primary = entry.as_ref().map_or(0, |entry| entry.gid);
        let (gid, supplementary) = match self.group {
            Name::Id(gid) => (gid, Vec::new()),
            Name::Text(name) => (group_id(group, name)?, Vec::new()),
            Name::Unset => (primary, member_of(group, entry.as_ref().map(|entry| entry.name))),
        };
        let mut groups = vec![gid];
        for id in supplementary {
            if !groups.contains(&id) {
                groups.push(id);
            }
        }
        Ok(Identity { uid, gid, groups })
    }

    fn passwd_entry<'p>(&self, passwd: &'p [u8]) -> Result<Option<PasswdEntry<'p>>, UserError> {
        match self.user {
            Name::Unset => Ok(entry_of_uid(passwd, 0)),
            Name::Id(uid) => Ok(entry_of_uid(passwd, uid)),
            Name::Text(name) => {
                let mut fields = lines(passwd)
                    .find(|fields| fields.first() == Some(&name.as_bytes()))
                    .ok_or(UserError::UnknownUser)?
                    .into_iter();
                PasswdEntry::parse(&mut fields)
                    .map(Some)
                    .ok_or(UserError::Malformed { file: "passwd".to_owned() })
            }
        }
    }
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Result<Self, UserError> {
        if text.is_empty() {
            return Ok(Self::Unset);
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Text(text));
        }
        let id = text.parse::<u32>().map_err(|_| UserError::OutOfRange)?;
        if id > MAX_ID { Err(UserError::OutOfRange) } else { Ok(Self::Id(id)) }
    }
}

/// The home directory of a user: that of the first line with its uid, else `/`.
pub(crate) fn home_of(uid: u32, passwd: &[u8]) -> &[u8] {
    match entry_of_uid(passwd, uid) {
        Some(entry) if !entry.home.is_empty() => entry.home,
        _ => b"/",
    }
}

struct PasswdEntry<'a> {
    name: &'a [u8],
    uid: u32,
    gid: u32,
    home: &'a [u8],
}

impl<'a> PasswdEntry<'a> {
    /// `name:password:uid:gid:comment:home:shell`
    fn parse(fields: &mut impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let name = fields.next()?;
        let uid = id(fields.nth(1)?)?;
        let gid = id(fields.next()?)?;
        let home = fields.nth(1).unwrap_or_default();
        Some(Self { name, uid, gid, home })
    }
}

/// The first well-formed line of this uid.
fn entry_of_uid(passwd: &[u8], uid: u32) -> Option<PasswdEntry<'_>> {
    lines(passwd)
        .filter_map(|fields| PasswdEntry::parse(&mut fields.into_iter()))
        .find(|entry| entry.uid == uid)
}

fn group_id(group: &[u8], name: &str) -> Result<u32, UserError> {
    let fields = lines(group)
        .find(|fields| fields.first() == Some(&name.as_bytes()))
        .ok_or(UserError::UnknownGroup)?;
    let field = fields.get(2).copied().unwrap_or_default();
    id(field).ok_or(UserError::Malformed { file: "group".to_owned() })
}

/// The groups that list this user, in the order of the file: `name:password:gid:user,user`.
fn member_of(group: &[u8], user: Option<&[u8]>) -> Vec<u32> {
    let Some(user) = user else {
        return Vec::new();
    };
    lines(group)
        .filter(|fields| {
            let members = fields.get(3).copied().unwrap_or_default();
            members.split(|&byte| byte == b',').any(|member| member.trim_ascii() == user)
        })
        .filter_map(|fields| id(fields.get(2)?))
        .collect()
}

/// The fields of each line that is neither empty nor a comment.
fn lines(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .map(|line| line.split(|&byte| byte == b':').collect())
}

fn id(field: &[u8]) -> Option<u32> {
    if field.is_empty() || !field.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let id = std::str::from_utf8(field).ok()?.parse().ok()?;
    (id <= MAX_ID).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\
        daemon:x:1:1::/usr/sbin:/bin/false\n\
        app:x:1000:1001:App:/home/app:/bin/sh\n\
        1234:x:7:7::/:/bin/sh\n\
        bad:x:4294967296:0::/:/bin/sh\n";
    const GROUP: &[u8] =
        b"root:x:0:\nwheel:x:10:root,app\napp:x:1001:\nextra:x:50:app\nbad:x:-1:\n";

    fn resolve(user: &str) -> Result<(u32, u32, Vec<u32>), UserError> {
        let identity = UserSpec::parse(user)?.resolve(PASSWD, GROUP)?;
        Ok((identity.uid, identity.gid, identity.groups))
    }

    #[test]
    fn each_form_gives_dockers_ids() {
        assert_eq!(resolve(""), Ok((0, 0, vec![0, 10])));
        assert_eq!(resolve("root"), Ok((0, 0, vec![0, 10])));
        assert_eq!(resolve("app"), Ok((1000, 1001, vec![1001, 10, 50])));
        assert_eq!(resolve("1000"), Ok((1000, 1001, vec![1001, 10, 50])));
        assert_eq!(resolve("app:wheel"), Ok((1000, 10, vec![10])));
        assert_eq!(resolve("app:5"), Ok((1000, 5, vec![5])));
        assert_eq!(resolve("2000"), Ok((2000, 0, vec![0])));
        assert_eq!(resolve("2000:wheel"), Ok((2000, 10, vec![10])));
        assert_eq!(resolve("1000:"), Ok((1000, 1001, vec![1001, 10, 50])));
    }

    #[test]
    fn a_name_made_of_digits_is_an_id() {
        assert_eq!(resolve("1234"), Ok((1234, 0, vec![0])));
    }

    #[test]
    fn what_is_no_id_never_becomes_root() {
        assert_eq!(resolve("4294967296"), Err(UserError::OutOfRange));
        assert_eq!(resolve("2147483648"), Err(UserError::OutOfRange));
        assert_eq!(resolve("99999999999999999999"), Err(UserError::OutOfRange));
        assert_eq!(resolve("-1"), Err(UserError::UnknownUser));
        assert_eq!(resolve("0x0"), Err(UserError::UnknownUser));
        assert_eq!(resolve("nobody"), Err(UserError::UnknownUser));
        assert_eq!(resolve("app:nogroup"), Err(UserError::UnknownGroup));
        assert_eq!(resolve("bad"), Err(UserError::Malformed { file: "passwd".to_owned() }));
        assert_eq!(resolve("app:bad"), Err(UserError::Malformed { file: "group".to_owned() }));
    }

    #[test]
    fn numbers_alone_need_no_file() {
        let spec = UserSpec::parse("5:6").unwrap();
        assert_eq!(spec.without_files(), Some(Identity { uid: 5, gid: 6, groups: vec![6] }));
        assert_eq!(UserSpec::parse("5").unwrap().without_files(), None);
    }

    #[test]
    fn home_is_that_of_the_uid() {
        assert_eq!(home_of(1000, PASSWD), b"/home/app");
        assert_eq!(home_of(0, PASSWD), b"/root");
        assert_eq!(home_of(4242, PASSWD), b"/");
    }
}
