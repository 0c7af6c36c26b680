//! Patterns over paths: `.dockerignore` (section A13 of the language reference) and wildcards.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use lapstrake_parser::glob::{self, Glob};
use lapstrake_parser::ignore_file::IgnoreFile;

fn ignore(text: &str) -> IgnoreFile {
    IgnoreFile::parse(text.as_bytes()).unwrap()
}

/// What a walk from the root down to `path` finds for it.
fn walked(file: &IgnoreFile, path: &str) -> bool {
    let mut parent = file.root();
    let mut excluded = false;
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for end in ends {
        (excluded, parent) = file.descend(&path.as_bytes()[..end], &parent);
    }
    excluded
}

#[track_caller]
fn excluded(text: &str, path: &str, expected: bool) {
    let file = ignore(text);
    assert_eq!(file.matches(path.as_bytes()), expected, "{text:?} on {path:?}");
    assert_eq!(walked(&file, path), expected, "{text:?} on {path:?}, walked");
}

#[test]
fn lines_are_cleaned() {
    excluded("\u{feff}a", "a", true);
    excluded("#a\n #b", "a", false);
    excluded("#a\n #b", "#b", true);
    excluded("\n\n  a/./b//../c/  \r\n", "a/c", true);
    excluded("/a", "a", true);
    excluded("! a", "a", false);
    excluded("a\n! /a/", "a", false);
    excluded("../a", "a", false);
    excluded(".", "a", false);
    excluded("/", "a", false);
}

#[test]
fn patterns_are_anchored() {
    excluded("foo", "foo", true);
    excluded("foo", "a/foo", false);
    excluded("foo/", "foo", true);
    excluded("foo", "foo/a/b", true);
    excluded("foo", "foobar", false);
    excluded("**/foo", "foo", true);
    excluded("**/foo", "a/b/foo", true);
    excluded("**/foo", "a/foo/b", true);
    excluded("**/foo", "a/xfoo", false);
    excluded("**foo", "a/xfoo", true);
    excluded("**foo*", "xfoo", false);
    excluded("**foo*", "a/foox", true);
}

#[test]
fn wildcards_stop_at_slashes() {
    excluded("*.txt", "a.txt", true);
    excluded("*.txt", "d/a.txt", false);
    excluded("d/?", "d/é", true);
    excluded("d/?", "d/ab", false);
    excluded("[a-c]x", "bx", true);
    excluded("[^a-c]x", "bx", false);
    excluded("a/*/c", "a/b/c", true);
    excluded("a/*/c", "a/b/b/c", false);
    excluded("\\*", "*", true);
    excluded("\\*", "a", false);
}

#[test]
fn two_stars_cross_them() {
    excluded("**", "a/b", true);
    excluded("a/**", "a/b/c", true);
    excluded("a/**", "a", false);
    excluded("a/**/c", "a/c", true);
    excluded("a/**/c", "a/b/b/c", true);
    excluded("a/**/c", "a/bc", false);
    excluded("a**/*.txt", "a/d/e.txt", true);
    excluded("**/*.go", "x/y.go", true);
    excluded("**/d/**", "x/d/y", true);
    excluded("**/d/**", "x/d", false);
    excluded("**/**/*.txt", "a.txt", true);
}

#[test]
fn the_last_match_decides() {
    excluded("docs\n!docs/README.md", "docs/README.md", false);
    excluded("docs\n!docs/README.md", "docs/a", true);
    excluded("!a\n*", "a", true);
    excluded("**\n!a/b", "a/b/c", false);
    excluded("**\n!a/b\na/b/c", "a/b/c", true);
    excluded("*\n!*/x", "d/x", false);
    excluded("*\n!d", "d/e/f", false);
    excluded("a*\n!ab\nabc", "ab", false);
}

#[test]
fn a_kept_directory_matters_to_a_walk_only_if_it_was_left_out() {
    let file = ignore("**/*.md\n!docs");
    assert!(!file.matches(b"docs/a.md"));
    assert!(walked(&file, "docs/a.md"));
}

#[test]
fn only_hopeless_directories_are_pruned() {
    for (text, directory, expected) in [
        ("a", "a", true),
        ("a", "a/b", true),
        ("a", "b", false),
        ("*\n!src", "node_modules", true),
        ("*\n!src/x", "src", false),
        ("*\n!src/x", "src/y", true),
        ("*\n!**/x", "a", false),
        ("*\n!a/*/x", "a/b", false),
        ("*\n!a/*/x", "a/b/c", true),
        ("*\n!abc", "ab", true),
        ("", "a", false),
    ] {
        assert_eq!(ignore(text).can_prune(directory.as_bytes()), expected, "{text:?} {directory}");
    }
}

#[test]
fn the_root_is_never_left_out() {
    for path in ["", ".", "/"] {
        assert!(!ignore("**\n.\n/").matches(path.as_bytes()));
    }
}

#[test]
fn faulty_patterns_name_their_line() {
    for (text, line, pattern) in
        [("a\n !\n", 2, "!"), ("a\nb[", 2, "b["), ("[]a]", 1, "[]a]"), ("x\\", 1, "x\\")]
    {
        let error = IgnoreFile::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.pattern.as_str()), (line, pattern));
    }
}

#[test]
fn exclude_flags_are_patterns_too() {
    let file = IgnoreFile::from_patterns(["*.md", "!keep.md", ""]).unwrap();
    assert!(file.matches(b"a.md") && !file.matches(b"keep.md") && !file.is_empty());
    let anchored = IgnoreFile::from_patterns(["/a", "./b/"]).unwrap();
    assert!(!anchored.matches(b"a") && anchored.matches(b"b"), "recorded from BuildKit");
}

#[test]
fn a_walk_enters_only_where_something_may_match() {
    let patterns = IgnoreFile::from_patterns(["a/b*/c", "**/x", "!n/o"]).unwrap();
    let only_ab = IgnoreFile::from_patterns(["a/b*/c", "!n/o"]).unwrap();
    for (directory, expected) in
        [("", true), ("a", true), ("a/bb", true), ("a/c", false), ("n", false), ("a/b/c", false)]
    {
        assert_eq!(only_ab.may_match_below(directory.as_bytes()), expected, "{directory}");
        assert!(patterns.may_match_below(directory.as_bytes()), "{directory}");
    }
    let glob = glob::Glob::new(b"a/*/c").unwrap();
    for (directory, expected) in
        [("", true), ("a", true), ("a/b", true), ("b", false), ("a/b/c", false)]
    {
        assert_eq!(glob.may_match_below(directory.as_bytes()), expected, "{directory}");
    }
}

#[test]
fn paths_need_not_be_text() {
    assert!(IgnoreFile::parse(b"a?\xff").unwrap().matches(b"a\xfe\xff"));
    assert!(!IgnoreFile::parse(b"\xff").unwrap().matches(b"\xfe"));
}

#[test]
fn wildcards_are_those_of_go() {
    for (pattern, path, expected) in [
        ("*", "abc", true),
        ("*", "", true),
        ("*", "a/b", false),
        ("**", "a/b", false),
        ("a*/b", "abc/b", true),
        ("a*b?c*x", "abxbbxdbxebxczzx", true),
        ("a*b?c*x", "abxbbxdbxebxczzy", false),
        ("[[]", "[", true),
        ("n\\?pe", "n?pe", true),
        ("n\\?pe", "nope", false),
        ("[a-ζ]*", "α", true),
        ("a???b", "a☺b", false),
        ("a?b", "a☺b", true),
        ("[x\\-]", "-", true),
        ("[\\-x]", "x", true),
        ("a[^b]c", "a/c", true),
        ("", "", true),
        ("a", "a/b", false),
    ] {
        assert_eq!(glob::matches(pattern.as_bytes(), path.as_bytes()), Ok(expected), "{pattern}");
    }
}

#[test]
fn bad_wildcards_are_refused() {
    for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a["] {
        assert!(Glob::new(pattern.as_bytes()).is_err(), "{pattern}");
    }
}

#[test]
fn plain_paths_have_no_wildcards() {
    assert!(!glob::has_meta(b"a/b.txt"));
    assert!([&b"*"[..], b"a?", b"[", b"\\"].into_iter().all(glob::has_meta));
    assert!([&b"*"[..], b"a?", b"[", b"\\\\*"].into_iter().all(glob::has_wildcard));
    assert!(![&b"a"[..], b"\\*", b"\\[\\?", b"\\"].into_iter().any(glob::has_wildcard));
}

#[test]
fn no_pattern_takes_exponential_time() {
    let pattern = "*a".repeat(300);
    let path = "a".repeat(4_000);
    assert_eq!(glob::matches(format!("{pattern}b").as_bytes(), path.as_bytes()), Ok(false));
    assert!(!ignore(&format!("{}b", "**/*a".repeat(100))).matches(path.as_bytes()));
}
