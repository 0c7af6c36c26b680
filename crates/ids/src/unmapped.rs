//! An id that is wanted and not there.

use std::error::Error;
use std::fmt;
use std::io;

use lapstrake_causes::causes;
use serde::{Deserialize, Serialize};

use crate::IdMap;
use crate::map::Range;

/// Whose an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A user's.
    User,
    /// A group's.
    Group,
}

/// An id that the user namespace does not map: the kernel calls it an invalid argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmapped {
    kind: Kind,
    id: u32,
    /// What is mapped, in order.
    mapped: Vec<Range>,
}

impl Unmapped {
    pub(crate) fn new(kind: Kind, id: u32, mapped: &[Range]) -> Self {
        let mut joined: Vec<Range> = Vec::new();
        let mut sorted = mapped.to_vec();
        sorted.sort_unstable();
        for (first, count) in sorted {
            match joined.last_mut() {
                Some((start, length)) if start.checked_add(*length) == Some(first) => {
                    *length = length.saturating_add(count);
                }
                _ => joined.push((first, count)),
            }
        }
        Self { kind, id, mapped: joined }
    }

    /// The first one among an error and its causes.
    pub fn among<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }

    /// What can be done about it.
    pub fn hint(&self) -> String {
        let (file, flag) = match self.kind {
            Kind::User => ("/etc/subuid", "--add-subuids"),
            Kind::Group => ("/etc/subgid", "--add-subgids"),
        };
        match (self.id, self.mapped.as_slice()) {
            (u32::MAX, _) => "this number stands for no id: choose another".to_owned(),
            (_, [(0, 1)]) => "no ids are set aside for the user in /etc/subuid and /etc/subgid (root: usermod \
                --add-subuids FIRST-LAST --add-subgids FIRST-LAST USER), or newuidmap, of the package uidmap, \
                cannot map them"
                .to_owned(),
            (id, _) => format!(
                "{file} has to set aside {id} ids or more for the user (root: usermod {flag} \
                 FIRST-LAST USER), or choose an id that is mapped"
            ),
        }
    }
}

impl Error for Unmapped {}

impl fmt::Display for Unmapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::User => "user",
            Kind::Group => "group",
        };
        write!(f, "{kind} {} is not mapped here: only ", self.id)?;
        for (index, &(first, count)) in self.mapped.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match first.saturating_add(count.saturating_sub(1)) {
                last if last == first => write!(f, "{comma}{first}")?,
                last => write!(f, "{comma}{first}-{last}")?,
            }
        }
        f.write_str(if matches!(*self.mapped, [(_, 1)]) { " is" } else { " are" })
    }
}

/// What `error` means, which the kernel had for a change of owner: where an id is not mapped, that.
pub fn explained(error: impl Into<io::Error>, uid: u32, gid: u32) -> io::Error {
    let error = error.into();
    match IdMap::own().check(uid, gid) {
        Err(unmapped) if error.kind() == io::ErrorKind::InvalidInput => {
            io::Error::new(io::ErrorKind::InvalidInput, unmapped)
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EINVAL: i32 = 22;

    fn unmapped(map: &str, id: u32) -> Unmapped {
        IdMap::parse(map, map).check(id, 0).unwrap_err()
    }

    #[test]
    fn the_id_and_what_is_mapped_are_named() {
        let one = unmapped("0 4242 1\n", 5);
        assert_eq!(one.to_string(), "user 5 is not mapped here: only 0 is");
        assert!(one.hint().contains("usermod --add-subuids FIRST-LAST"), "{}", one.hint());
        assert!(one.hint().contains("uidmap"), "{}", one.hint());
        let map = "0 4242 1\n65537 500000 10\n1 300000 65536\n";
        let many = unmapped(map, 70000);
        assert_eq!(many.to_string(), "user 70000 is not mapped here: only 0-65546 are");
        assert!(many.hint().contains("/etc/subuid has to set aside 70000 ids"), "{}", many.hint());
        let group = IdMap::parse("0 0 9\n", "0 0 2\n5 5 1\n").check(8, 8).unwrap_err();
        assert_eq!(group.to_string(), "group 8 is not mapped here: only 0-1, 5 are");
        assert!(group.hint().contains("/etc/subgid"), "{}", group.hint());
    }

    #[test]
    fn an_invalid_argument_is_explained_where_an_id_is_the_reason() {
        let invalid = || io::Error::from_raw_os_error(EINVAL);
        let error = explained(invalid(), u32::MAX, 0);
        let found = Unmapped::among(&error).unwrap();
        assert_eq!(error.to_string(), found.to_string());
        assert!(found.hint().contains("stands for no id"));
        assert_eq!(explained(invalid(), 0, 0).raw_os_error(), Some(EINVAL));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(Unmapped::among(&explained(denied, u32::MAX, 0)).is_none());
    }
}
