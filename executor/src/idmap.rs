//! Which user and group ids this process can give to files and commands.

use std::fs;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// The ids that there are. Inside of a sandbox they mean what they mean in this process: one that is
/// not the machine's root lives in a user namespace of its own, and so do its sandboxes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdMap {
    /// All ids: no user namespace.
    #[default]
    Identity,
    /// Those of a user namespace (user_namespaces(7)).
    Namespace {
        /// Its groups: first one and how many.
        groups: Vec<(u32, u32)>,
    },
}

/// That of this process, read once.
pub(crate) fn id_map() -> &'static IdMap {
    static MAP: OnceLock<IdMap> = OnceLock::new();
    MAP.get_or_init(IdMap::current)
}

impl IdMap {
    /// That of this process. What cannot be read counts as no namespace.
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
        Self::Namespace { groups: groups.lines().filter_map(range).collect() }
    }

    /// Whether something can belong to this group.
    pub fn has_group(&self, id: u32) -> bool {
        match self {
            Self::Identity => true,
            Self::Namespace { groups } => groups
                .iter()
                .any(|&(first, count)| id.checked_sub(first).is_some_and(|offset| offset < count)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_the_kernel() {
        let all = "         0          0 4294967295\n";
        assert_eq!(IdMap::parse(all, all), IdMap::Identity);
        assert_eq!(IdMap::parse("", ""), IdMap::Identity);
        let one = IdMap::parse("0 1000 1\n", "0 1000 1\n");
        assert!(one.is_namespace() && one.has_group(0) && !one.has_group(5));
        let ranges = "0 1000 1\n1 100000 65536\n";
        let ranges = IdMap::parse(ranges, ranges);
        assert!(ranges.has_group(5) && ranges.has_group(65536) && !ranges.has_group(65537));
    }
}
