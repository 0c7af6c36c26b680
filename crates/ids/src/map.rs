//! The maps of a user namespace.

use std::fs;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::unmapped::{Kind, Unmapped};

/// First id and how many.
pub(crate) type Range = (u32, u32);

/// The ids that there are. Inside of a sandbox they mean what they mean in this process: one that is
/// not the machine's root lives in a user namespace of its own, and so do its sandboxes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdMap {
    /// All ids: no user namespace.
    #[default]
    Identity,
    /// Those of a user namespace, in the order of its maps: first one and how many.
    Namespace {
        /// Its users.
        users: Vec<(u32, u32)>,
        /// Its groups.
        groups: Vec<(u32, u32)>,
    },
}

/// All ids but the highest, which stands for none.
const ALL: [Range; 1] = [(0, u32::MAX)];

impl IdMap {
    /// That of this process, read by the first call; so that has to come when the namespace is entered.
    pub fn own() -> &'static Self {
        static MAP: OnceLock<IdMap> = OnceLock::new();
        MAP.get_or_init(Self::current)
    }

    /// That of this process as it is now. What cannot be read counts as no namespace.
    pub fn current() -> Self {
        let read = |file| fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
        Self::parse(&read("uid_map"), &read("gid_map"))
    }

    /// From the content of `/proc/self/uid_map` and `gid_map`.
    pub fn parse(users: &str, groups: &str) -> Self {
        let everyone = |map: &str| map.split_whitespace().eq(["0", "0", "4294967295"]);
        if users.is_empty() || (everyone(users) && everyone(groups)) {
            return Self::Identity;
        }
        let range = |line: &str| {
            let mut words = line.split_whitespace().map(str::parse::<u32>);
            let first = words.next()?.ok()?;
            Some((first, words.nth(1)?.ok()?))
        };
        let ranges = |map: &str| map.lines().filter_map(range).collect();
        Self::Namespace { users: ranges(users), groups: ranges(groups) }
    }

    /// Whether something can belong to this user and to this group.
    ///
    /// # Errors
    /// Says which of them is not there.
    pub fn check(&self, uid: u32, gid: u32) -> Result<(), Unmapped> {
        self.check_user(uid).and_then(|()| self.check_group(gid))
    }

    /// Whether there is this user.
    ///
    /// # Errors
    /// Says that it is not there.
    pub fn check_user(&self, id: u32) -> Result<(), Unmapped> {
        match self {
            Self::Identity => check(Kind::User, id, &ALL),
            Self::Namespace { users, .. } => check(Kind::User, id, users),
        }
    }

    /// Whether there is this group.
    ///
    /// # Errors
    /// Says that it is not there.
    pub fn check_group(&self, id: u32) -> Result<(), Unmapped> {
        match self {
            Self::Identity => check(Kind::Group, id, &ALL),
            Self::Namespace { groups, .. } => check(Kind::Group, id, groups),
        }
    }

    /// Whether root is the only user.
    pub fn is_root_alone(&self) -> bool {
        matches!(self, Self::Namespace { users, .. } if **users == [(0, 1)])
    }

    /// Whether root's is the only group: then nobody can change groups.
    pub fn has_one_group(&self) -> bool {
        matches!(self, Self::Namespace { groups, .. } if **groups == [(0, 1)])
    }

    /// Whether this is a user namespace: devices cannot be made there, nor attributes written that
    /// only the machine's root may write.
    pub fn is_namespace(&self) -> bool {
        match self {
            Self::Identity => false,
            Self::Namespace { .. } => true,
        }
    }
}

fn check(kind: Kind, id: u32, mapped: &[Range]) -> Result<(), Unmapped> {
    let has = |&(first, count): &Range| id.checked_sub(first).is_some_and(|offset| offset < count);
    match mapped.iter().any(has) {
        true => Ok(()),
        false => Err(Unmapped::new(kind, id, mapped)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_the_kernel() {
        let all = "         0          0 4294967295\n";
        assert_eq!(IdMap::parse(all, all), IdMap::Identity);
        assert_eq!(IdMap::parse("", ""), IdMap::Identity);
        let one = IdMap::parse("0 1000 1\n", "0 1000 1\n");
        assert!(one.is_namespace() && one.is_root_alone() && one.has_one_group());
        assert!(one.check(0, 0).is_ok() && one.check_group(5).is_err());
        let ranges = IdMap::parse("0 1000 1\n1 100000 65536\n", "0 1000 1\n1 100000 10\n");
        assert!(!ranges.is_root_alone() && !ranges.has_one_group());
        assert!(ranges.check(65536, 10).is_ok());
        assert!(ranges.check(65537, 10).is_err() && ranges.check(65536, 11).is_err());
    }

    #[test]
    fn the_highest_number_is_no_id() {
        assert!(IdMap::Identity.check(u32::MAX - 1, u32::MAX - 1).is_ok());
        assert!(IdMap::Identity.check(u32::MAX, 0).is_err());
        assert!(IdMap::Identity.check(0, u32::MAX).is_err());
    }
}
