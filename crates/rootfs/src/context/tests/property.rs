//! Whatever happened to a folder, a warm scan finds what a cold one finds.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;

use lapstrake_parser::ignore_file::IgnoreFile;

use super::{below, entries, scan_with, source, without};
use crate::context::{ContextTree, StatIndex, Wanted};
use crate::copy::{CopySpec, Source, select};

/// One change to a folder; numbers choose among a few paths.
#[derive(Clone, Debug)]
enum Change {
    Write(u8),
    Remove(u8),
    Link(u8, u8),
    HardLink(u8, u8),
    Mode(u8, u8),
    Rename(u8, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let path = 0..12_u8;
    prop_oneof![
        4 => path.clone().prop_map(Change::Write),
        1 => path.clone().prop_map(Change::Remove),
        1 => (path.clone(), path.clone()).prop_map(|(a, b)| Change::Link(a, b)),
        1 => (path.clone(), path.clone()).prop_map(|(a, b)| Change::HardLink(a, b)),
        1 => (path.clone(), 0..8_u8).prop_map(|(path, mode)| Change::Mode(path, mode)),
        1 => (path.clone(), path).prop_map(|(a, b)| Change::Rename(a, b)),
    ]
}

/// Applies a change as far as it is possible. Each file gets another length, so that no clock is
/// too coarse.
fn apply(root: &Path, change: &Change, count: usize) {
    const NAMES: [&str; 12] =
        ["a", "b", "d/a", "d/b", "d/e/f", "d/e/g", "x", "x/y", "x/y/z", "d.txt", "d-", "a b"];
    let path = |number: &u8| root.join(NAMES[usize::from(*number)]);
    let ready = |number: &u8| fs::create_dir_all(path(number).parent().expect("a parent"));
    let _ = match change {
        Change::Write(to) => ready(to).and_then(|()| fs::write(path(to), "x".repeat(count))),
        Change::Remove(it) => fs::remove_file(path(it)).or_else(|_| fs::remove_dir_all(path(it))),
        Change::Link(to, it) => ready(to).and_then(|()| symlink(path(it), path(to))),
        Change::HardLink(from, to) => fs::hard_link(path(from), path(to)),
        Change::Mode(it, mode) => {
            let mode = 0o700 | u32::from(*mode);
            fs::set_permissions(path(it), fs::Permissions::from_mode(mode))
        }
        Change::Rename(from, to) => fs::rename(path(from), path(to)),
    };
}

/// What the scans ask for.
fn wanted_parts() -> Vec<Vec<Wanted>> {
    let mut parts: Vec<_> = ["d", "d/*", "x/y", "**/*"].map(|raw| vec![source(raw)]).into();
    parts.push(vec![Wanted::everything()]);
    parts.push(vec![without(".", &["d", "!d/e/f"])]);
    parts.push(vec![without("d", &["*", "!e"]), source("d/a"), source("x*")]);
    parts.push(vec![below("/", "**/f"), below("*", "y/z"), without("*", &["y"])]);
    parts
}

/// The copies that take the parts of [`wanted_parts`], each alone.
fn specs() -> Vec<(Wanted, CopySpec)> {
    let spec = |source: Source, exclude: &[&str]| {
        let exclude = IgnoreFile::from_patterns(exclude.iter().copied()).expect("patterns");
        CopySpec { sources: vec![source], exclude, ..CopySpec::default() }
    };
    let path = |raw: &str| Source::Path(raw.into());
    let parents =
        |base: &str, pattern: &str| Source::Below { base: base.into(), pattern: pattern.into() };
    vec![
        (source("d/*"), spec(path("d/*"), &[])),
        (source("*"), spec(path("*"), &[])),
        (without(".", &["d", "!d/e/f"]), spec(path("."), &["d", "!d/e/f"])),
        (without("*", &["y"]), spec(path("*"), &["y"])),
        (below("/", "**/f*"), spec(parents("/", "**/f*"), &[])),
        (below("d*", "e/*"), spec(parents("d*", "e/*"), &[])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_warm_scan_finds_what_a_cold_one_finds(
        before in prop::collection::vec(change(), 0..20),
        after in prop::collection::vec(change(), 0..12),
        part in 0..wanted_parts().len(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let all = [Wanted::everything()];
        before.iter().enumerate().for_each(|(n, change)| apply(folder.path(), change, n));
        let index = scan_with(folder.path(), &all, "", &StatIndex::default()).1.unwrap_or_default();
        after.iter().enumerate().for_each(|(n, change)| apply(folder.path(), change, 100 + n));
        let wanted = wanted_parts().swap_remove(part);
        let (warm, new) = scan_with(folder.path(), &wanted, "d/b", &index);
        let (cold, _) = scan_with(folder.path(), &wanted, "d/b", &StatIndex::default());
        prop_assert_eq!(entries(&warm), entries(&cold));
        let index = new.unwrap_or(index);
        prop_assert_eq!(StatIndex::decode(index.encode().to_vec()), index.clone());
        let (again, unchanged) = scan_with(folder.path(), &wanted, "d/b", &index);
        prop_assert_eq!(entries(&again), entries(&cold));
        prop_assert_eq!(unchanged, None);
    }

    /// What a copy takes of a scan for just that is what it takes of everything. Where a pattern
    /// matches nothing, the folder that it is looked for in may be missing instead.
    #[test]
    fn a_partial_scan_has_all_that_is_selected(
        changes in prop::collection::vec(change(), 0..20),
        which in 0..specs().len(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        changes.iter().enumerate().for_each(|(n, change)| apply(folder.path(), change, n));
        let (wanted, spec) = specs().swap_remove(which);
        let (whole, _) =
            scan_with(folder.path(), &[Wanted::everything()], "d/b", &StatIndex::default());
        let (part, _) = scan_with(folder.path(), &[wanted], "d/b", &StatIndex::default());
        let hash = |tree: &ContextTree| {
            let selection = select(&tree.view, &spec).ok();
            selection.filter(|found| !found.is_empty()).map(|found| found.content_hash())
        };
        prop_assert_eq!(hash(&part), hash(&whole));
        prop_assert!(entries(&part).len() <= entries(&whole).len());
    }
}
