//! Paths inside a tree: relative, byte-exact, normalised, and ordered so that a directory comes
//! right before what is in it.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A path inside an image or context: no leading or trailing slash, no empty, `.` or `..`
/// component. The empty path is the root. Bytes need not be UTF-8.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The root of the tree.
    pub fn root() -> Self {
        Self::default()
    }

    /// Normalises `raw` as if the tree's root were `/`: `.` and empty components vanish, `..`
    /// takes one component away and stays at the root when there is none.
    pub fn clean(raw: &[u8]) -> Self {
        let mut clean: Vec<u8> = Vec::with_capacity(raw.len());
        for component in raw.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => clean.truncate(parent_length(&clean)),
                name => {
                    if !clean.is_empty() {
                        clean.push(b'/');
                    }
                    clean.extend_from_slice(name);
                }
            }
        }
        Self(clean)
    }

    /// The path's bytes, without a leading slash; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// This path with one more component. `name` must be a single component.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        let mut joined = Vec::with_capacity(self.0.len() + 1 + name.len());
        joined.extend_from_slice(&self.0);
        if !joined.is_empty() && !name.is_empty() {
            joined.push(b'/');
        }
        joined.extend_from_slice(name);
        Self(joined)
    }

    /// This path with all of `below` appended.
    #[must_use]
    pub fn join_path(&self, below: &TreePath) -> Self {
        self.join(&below.0)
    }

    /// The directory that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0.get(..parent_length(&self.0)).unwrap_or_default().to_vec()))
    }

    /// The directories above this path, from the root down; none for the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        let slashes = self.0.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let root = (!self.is_root()).then_some(0);
        let ends = root.into_iter().chain(slashes.map(|(at, _)| at));
        ends.map(|end| Self(self.0.get(..end).unwrap_or_default().to_vec()))
    }

    /// Whether `directory` is what [`TreePath::parent`] gives, at less cost.
    pub fn is_directly_below(&self, directory: &TreePath) -> bool {
        !self.is_root() && self.0.get(..parent_length(&self.0)) == Some(directory.as_bytes())
    }

    /// Whether both are in the same directory; the root is in none.
    pub fn is_beside(&self, other: &TreePath) -> bool {
        let above = |path: &'_ TreePath| parent_length(&path.0);
        !self.is_root()
            && !other.is_root()
            && self.0.get(..above(self)) == other.0.get(..above(other))
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The components from the root down; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|part| !part.is_empty())
    }

    /// What is left of this path below `ancestor`: the root when both are equal, `None` when this
    /// path is not at or below it.
    pub fn below(&self, ancestor: &TreePath) -> Option<Self> {
        if ancestor.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(ancestor.0.as_slice())? {
            b"" => Some(Self::root()),
            rest => Some(Self(rest.strip_prefix(b"/")?.to_vec())),
        }
    }

    /// Whether this path is `ancestor` or below it.
    pub fn starts_with(&self, ancestor: &TreePath) -> bool {
        ancestor.is_root()
            || self
                .0
                .strip_prefix(ancestor.0.as_slice())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }
}

/// Where the last slash is; 0 without one.
fn parent_length(path: &[u8]) -> usize {
    path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)
}

/// Component by component, so that everything below a directory follows it without a gap.
impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |byte: Option<&u8>| match byte {
            None => 0,
            Some(b'/') => 1,
            Some(byte) => u16::from(*byte) + 2,
        };
        let same = same_length(&self.0, &other.0);
        key(self.0.get(same)).cmp(&key(other.0.get(same)))
    }
}

/// How many bytes two paths begin with alike. Paths of one tree share long beginnings, so eight bytes
/// are looked at in one step.
fn same_length(one: &[u8], other: &[u8]) -> usize {
    let (words, _) = one.as_chunks::<8>();
    let (others, _) = other.as_chunks::<8>();
    let mut same = 0;
    for (word, other) in words.iter().zip(others) {
        let differing = u64::from_le_bytes(*word) ^ u64::from_le_bytes(*other);
        if differing != 0 {
            return same + (differing.trailing_zeros() / 8) as usize;
        }
        same += 8;
    }
    let rest = one.iter().zip(other).skip(same);
    same + rest.take_while(|(one, other)| one == other).count()
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As a user reads it: with a leading slash, bytes that are not UTF-8 replaced.
impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.escape_ascii())
    }
}

impl From<&str> for TreePath {
    fn from(raw: &str) -> Self {
        Self::clean(raw.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_stays_inside_the_root() {
        for (raw, clean) in [
            ("", "/"),
            ("/", "/"),
            ("a//b/", "/a/b"),
            ("./a/./b", "/a/b"),
            ("../../x", "/x"),
            ("a/../../x/..", "/"),
            ("/a/b/../c", "/a/c"),
        ] {
            assert_eq!(TreePath::from(raw).to_string(), clean, "{raw}");
        }
    }

    #[test]
    fn a_directory_is_followed_by_all_of_its_content() {
        let mut paths: Vec<TreePath> =
            ["a.txt", "a", "a/b", "a-b", "a/b/c", "", "b", "a/a"].map(TreePath::from).into();
        paths.sort();
        let shown: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["/", "/a", "/a/a", "/a/b", "/a/b/c", "/a-b", "/a.txt", "/b"]);
    }

    /// The order by components, found another way: each component is compared as bytes.
    #[test]
    fn the_order_is_that_of_the_components() {
        let names =
            ["a", "a.", "a0", "b", "\u{1}", "long-name", "long-nama", "long-name-2", "\u{7f}"];
        let mut paths = vec![TreePath::root()];
        for first in names {
            paths.push(TreePath::from(first));
            for second in names {
                paths.push(TreePath::from(format!("{first}/{second}").as_str()));
                paths.push(TreePath::from(format!("deep/er/{first}/{second}/x").as_str()));
            }
        }
        for one in &paths {
            for other in &paths {
                let components = one.components().cmp(other.components());
                assert_eq!(one.cmp(other), components, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn parents_and_ancestors() {
        let shown = |path: &str| -> Vec<String> {
            TreePath::from(path).ancestors().map(|above| above.to_string()).collect()
        };
        assert_eq!(shown(""), [""; 0]);
        assert_eq!(shown("a"), ["/"]);
        assert_eq!(shown("a/bc/d"), ["/", "/a", "/a/bc"]);
        let is_below = |path: &str, directory: &str| {
            TreePath::from(path).is_directly_below(&TreePath::from(directory))
        };
        assert!(is_below("a", "") && is_below("a/b", "a") && is_below("a/b/c", "a/b"));
        let is_beside =
            |one: &str, other: &str| TreePath::from(one).is_beside(&TreePath::from(other));
        assert!(is_beside("a", "b") && is_beside("a/b", "a/c") && is_beside("a/b", "a/b"));
        assert!(!is_beside("", "a") && !is_beside("a", "") && !is_beside("a", "b/a"));
        assert!(!is_beside("a/b", "ab") && !is_beside("a/b/c", "a/b"));
        assert!(!is_below("", "") && !is_below("a/b", "") && !is_below("ab", "a"));
    }

    #[test]
    fn below_and_starts_with_respect_component_borders() {
        let a = TreePath::from("a");
        assert_eq!(TreePath::from("a/b").below(&a), Some(TreePath::from("b")));
        assert_eq!(a.below(&a), Some(TreePath::root()));
        assert_eq!(TreePath::from("ab").below(&a), None);
        assert!(!TreePath::from("ab").starts_with(&a));
        assert!(a.starts_with(&TreePath::root()));
    }
}
