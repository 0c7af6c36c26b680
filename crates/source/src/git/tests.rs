//! References, after the table of BuildKit's `dfgitutil/git_ref_test.go`.

use super::{GitReference, InvalidGitReference as Fault};

/// Address, reference, subdirectory.
fn parts(text: &str) -> Option<(String, String, String)> {
    let reference = GitReference::parse_context(text)?.unwrap();
    Some((
        reference.remote.argument(),
        reference.reference.unwrap_or_default(),
        reference.subdirectory.unwrap_or_default(),
    ))
}

fn fault(text: &str) -> Fault {
    GitReference::parse(text).unwrap().unwrap_err()
}

#[test]
fn the_forms_of_buildkit() {
    for (text, remote, reference, subdirectory) in [
        ("https://example.com/foo.git", "https://example.com/foo.git", "", ""),
        ("https://example.com/foo.git#deadbeef", "https://example.com/foo.git", "deadbeef", ""),
        (
            "https://example.com/foo.git#release/1.2",
            "https://example.com/foo.git",
            "release/1.2",
            "",
        ),
        ("git://example.com/foo", "git://example.com/foo", "", ""),
        ("github.com/moby/buildkit", "https://github.com/moby/buildkit.git", "", ""),
        ("github.com/moby/buildkit/#master", "https://github.com/moby/buildkit.git", "master", ""),
        (
            "github.com/moby/buildkit?tag=v1",
            "https://github.com/moby/buildkit.git",
            "refs/tags/v1",
            "",
        ),
        (
            "https://foo:bar@github.com/moby/buildkit.git",
            "https://github.com/moby/buildkit.git",
            "",
            "",
        ),
        ("git@github.com:moby/buildkit", "git@github.com:moby/buildkit", "", ""),
        ("git@bitbucket.org:a/b.git", "git@bitbucket.org:a/b.git", "", ""),
        ("https://h/bar.git#baz/qux:quux/quuz", "https://h/bar.git", "baz/qux", "quux/quuz"),
        ("https://h/docker.git#:myfolder", "https://h/docker.git", "", "myfolder"),
        ("https://h/d.git?ref=v1.0.0&subdir=/subdir", "https://h/d.git", "v1.0.0", "subdir"),
        ("https://h/d.git?subdir=/subdir#v1.0.0", "https://h/d.git", "v1.0.0", "subdir"),
        ("https://h/d.git?tag=v1.0.0", "https://h/d.git", "refs/tags/v1.0.0", ""),
        ("https://h/d.git?branch=v1.0", "https://h/d.git", "refs/heads/v1.0", ""),
        ("https://h/d.git?branch=refs/heads/x", "https://h/d.git", "refs/heads/x", ""),
        ("git@h:d.git?subdir=/s#v1", "git@h:d.git", "v1", "s"),
        ("https://h/d.git#v1:../../etc", "https://h/d.git", "v1", "etc"),
        ("https://h/d.git#a%2Fb", "https://h/d.git", "a/b", ""),
    ] {
        let expected = (remote.to_owned(), reference.to_owned(), subdirectory.to_owned());
        assert_eq!(parts(text), Some(expected), "{text}");
    }
}

#[test]
fn what_names_no_repository() {
    for text in [
        "https://example.com/",
        "https://example.com/foo",
        "https://example.com/foo.git/",
        "https://example.com/foo.git.bar",
        "http://github.com/docker/docker.git:#branch",
        "custom.xyz/moby/buildkit.git",
        "./.git",
        ".git",
        "../x.git",
        "file:///x.git",
        "ext::sh -c x.git",
        "a/b@c:d",
    ] {
        assert!(GitReference::parse_context(text).is_none(), "{text}");
    }
    // Only a build context can be that.
    assert!(GitReference::parse("github.com/moby/buildkit").is_none());
}

#[test]
fn switches_and_their_values() {
    let parse =
        |query: &str| GitReference::parse(&format!("https://h/x.git?{query}")).unwrap().unwrap();
    assert_eq!(parse("keep-git-dir").keep_git_dir, Some(true));
    assert_eq!(parse("keep-git-dir=0&submodules=").keep_git_dir, Some(false));
    assert_eq!(parse("submodules=F").submodules, Some(false));
    assert!(parse("mtime=commit").commit_time && !parse("mtime=checkout").commit_time);
    let by_commit = parse("fetch-by-commit&checksum=DEADBEEF");
    assert!(by_commit.fetch_by_commit);
    assert_eq!(by_commit.checksum.as_deref(), Some("deadbeef"));
    assert_eq!(parse("commit=abc").checksum.as_deref(), Some("abc"));
}

#[test]
fn faults_name_the_part() {
    for (query, expected) in [
        ("?ref=v1.0.0#v1.2.3", "it names two references: v1.2.3 and v1.0.0"),
        ("?ref=v1&tag=v2", "it names two references: v1 and refs/tags/v2"),
        (
            "?tag=v1.0.0&branch=v1.0",
            "it names two references: refs/tags/v1.0.0 and refs/heads/v1.0",
        ),
        ("?subdir=a#x:b", "it names two directories: b and a"),
        ("?checksum=aa&commit=bb", "it names two checksums: aa and bb"),
        ("?invalid=123", "it has the unknown query key \"invalid\""),
        ("?invalid", "it has the unknown query key \"invalid\""),
        ("?ref=", "the query key ref has no value"),
        ("?ref=a&ref=b", "the query key ref is there twice"),
        ("?mtime=x", "\"x\" is no value of the query key mtime: it takes checkout or commit"),
        (
            "?submodules=maybe",
            "\"maybe\" is no value of the query key submodules: it takes true or false",
        ),
        ("?checksum=xyz", "\"xyz\" is no beginning of a commit id: it takes hexadecimal digits"),
    ] {
        assert_eq!(fault(&format!("https://h/x.git{query}")).to_string(), expected, "{query}");
    }
}

/// S50: a reference is no option and no second half of a refspec, however it is written.
#[test]
fn names_that_are_none_are_refused() {
    for name in [
        "--upload-pack=touch%20x",
        "-x",
        "+refs/heads/x",
        "a%3Ab",
        "a..b",
        "a%0Ab",
        "HEAD~1",
        "x@{1}",
        "refs/heads/*",
        "/x",
        "x%5Cy",
    ] {
        for form in [format!("https://h/x.git?ref={name}"), format!("git@h:x?ref={name}")] {
            assert!(matches!(fault(&form), Fault::Name { .. }), "{form}");
        }
    }
    assert!(matches!(fault("https://h/x.git#--upload-pack=x"), Fault::Name { .. }));
}

proptest::proptest! {
    #[test]
    fn no_argument_begins_with_a_dash(text in "(https|ssh|git|git@)?(://|@)?[-a-z@:./#?=&%]{0,40}") {
        if let Some(Ok(reference)) = GitReference::parse_context(&text) {
            proptest::prop_assert!(!reference.remote.argument().starts_with('-'));
            let name = reference.reference.unwrap_or_default();
            proptest::prop_assert!(!name.starts_with('-') && !name.contains(':'));
            let subdirectory = reference.subdirectory.unwrap_or_default();
            proptest::prop_assert!(!subdirectory.split('/').any(|part| part == ".."));
        }
    }
}
