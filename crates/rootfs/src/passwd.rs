//! The user and group lists of an image, as text: pure look-ups for names.

/// Longer lists are cut there: BuildKit's limit is 10 MiB.
pub const MAX_LIST_BYTES: usize = 10 << 20;

/// `/etc/passwd` and `/etc/group` of an image.
///
/// Lines that are not understood are passed over, as the C library does; of several entries with
/// one name the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserDb {
    /// Bytes of `/etc/passwd`; empty when there is none.
    pub passwd: Vec<u8>,
    /// Bytes of `/etc/group`; empty when there is none.
    pub group: Vec<u8>,
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name, never empty.
    pub name: Vec<u8>,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home directory; may be empty.
    pub home: Vec<u8>,
}

impl UserDb {
    /// The user called `name`.
    pub fn user(&self, name: &[u8]) -> Option<User> {
        users(&self.passwd).find(|user| user.name == name)
    }

    /// The first user with the id `uid`.
    pub fn user_by_id(&self, uid: u32) -> Option<User> {
        users(&self.passwd).find(|user| user.uid == uid)
    }

    /// The id of the group called `name`.
    pub fn group(&self, name: &[u8]) -> Option<u32> {
        groups(&self.group).find(|group| group.name == name).map(|group| group.gid)
    }

    /// The ids of the groups that list `user` as a member, in the order of the file, each once.
    pub fn groups_of(&self, user: &[u8]) -> Vec<u32> {
        let mut ids = Vec::new();
        for group in groups(&self.group) {
            let mut members = group.members.split(|byte| *byte == b',');
            if members.any(|member| member == user) && !ids.contains(&group.gid) {
                ids.push(group.gid);
            }
        }
        ids
    }
}

struct Group<'a> {
    name: &'a [u8],
    gid: u32,
    members: &'a [u8],
}

fn lines(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let list = list.get(..MAX_LIST_BYTES).unwrap_or(list);
    list.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)
}

fn users(list: &[u8]) -> impl Iterator<Item = User> {
    lines(list).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?.to_vec();
        let uid = parse_id(fields.nth(1)?)?;
        let gid = parse_id(fields.next()?)?;
        let home = fields.nth(1).unwrap_or_default().to_vec();
        Some(User { name, uid, gid, home })
    })
}

fn groups(list: &[u8]) -> impl Iterator<Item = Group<'_>> {
    lines(list).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = parse_id(fields.nth(1)?)?;
        Some(Group { name, gid, members: fields.next().unwrap_or_default() })
    })
}

/// A user or group id: decimal digits only, at most 2³²−1.
pub fn parse_id(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debian() -> UserDb {
        UserDb {
            passwd: b"root:x:0:0:root:/root:/bin/bash\n# comment\nbroken\n:x:1:1::/:\n\
                www-data:x:33:33:www:/var/www:/usr/sbin/nologin\nshort:x:7:8\n\
                huge:x:4294967296:0::/:\nneg:x:-1:0::/:\nwww-data:x:99:99::/:\n"
                .to_vec(),
            group: b"root:x:0:\nadm:x:4:syslog,www-data\nwww-data:x:33:\nvideo:x:44:www-data\n\
                again:x:44:www-data\nbad:x::www-data\n"
                .to_vec(),
        }
    }

    #[test]
    fn names_and_ids() {
        let db = debian();
        let www = db.user(b"www-data").unwrap();
        assert_eq!((www.uid, www.gid, www.home.as_slice()), (33, 33, b"/var/www".as_slice()));
        assert_eq!(db.user(b"short").map(|user| (user.uid, user.gid)), Some((7, 8)));
        assert_eq!(db.user_by_id(0).map(|user| user.home), Some(b"/root".to_vec()));
        for unknown in ["", "x", "broken", "huge", "neg", "# comment"] {
            assert_eq!(db.user(unknown.as_bytes()), None, "{unknown}");
        }
        assert_eq!(db.group(b"adm"), Some(4));
        assert_eq!(db.group(b"bad"), None);
        assert_eq!(db.groups_of(b"www-data"), [4, 44]);
    }

    #[test]
    fn ids_never_wrap() {
        for bad in ["", "-1", "+1", "0x0", " 1", "4294967296", "18446744073709551616", "1a"] {
            assert_eq!(parse_id(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse_id(b"4294967295"), Some(u32::MAX));
        assert_eq!(parse_id(b"007"), Some(7));
    }
}
