//! Of what is fetched. The digests are those that sha256sum prints, the ids those of git.

use lapstrake_oci::Digest;

use super::{Part, check};
use crate::server::Reply;
use crate::support::Bench;

const STEP: &str = "fetch";
const OLD: &str = "Thu, 02 Jan 2020 03:04:05 GMT";
const OLDER: &str = "Wed, 01 Jan 2020 03:04:05 GMT";
const NOW: &str = "Fri, 03 Jan 2020 03:04:05 GMT";

/// `ADD` of what a server has at `path`, which it tells by an entity tag.
fn tagged(bench: &mut Bench, body: &str, path: &str) -> String {
    let url = bench.serve(Reply::ok(body).with("ETag", &format!("\"{body}\"")), path);
    format!("FROM base\nADD {url} /d/\n")
}

/// The same with a checksum.
fn checked(bench: &mut Bench, body: &str, path: &str) -> String {
    let checksum = format!("ADD --checksum={} ", Digest::of(body.as_bytes()));
    tagged(bench, body, path).replace("ADD ", &checksum)
}

/// What a server tells by time and length, as it has no entity tags.
fn timed(bench: &mut Bench, body: &str, time: &str) -> String {
    let reply = Reply::ok(body).with("Last-Modified", time).with("Date", NOW);
    let reply = reply.with("Content-Length", &body.len().to_string());
    format!("FROM base\nADD {} /d/\n", bench.serve(reply, "/f"))
}

const THE_KEY_OF_A_FILE: &[Part] = &[
    Part {
        what: "name",
        one: |bench| tagged(bench, "1", "/f"),
        other: |bench| tagged(bench, "1", "/g"),
        why: Some("the name changed: f → g"),
    },
    Part {
        what: "checksum",
        one: |bench| checked(bench, "1", "/f"),
        other: |bench| checked(bench, "2", "/f"),
        why: Some("the checksum changed: sha256:6b86b273ff34… → sha256:d4735e3a265e…"),
    },
    Part {
        what: "body, by its entity tag",
        one: |bench| tagged(bench, "1", "/f"),
        other: |bench| tagged(bench, "2", "/f"),
        why: Some("f changed: sha256:6b86b273ff34… → sha256:d4735e3a265e…"),
    },
    Part {
        what: "body, by its time",
        one: |bench| timed(bench, "1", OLD),
        other: |bench| timed(bench, "2", OLDER),
        why: Some("f changed: sha256:6b86b273ff34… → sha256:d4735e3a265e…"),
    },
    Part {
        what: "body, by its length",
        one: |bench| timed(bench, "1", OLD),
        other: |bench| timed(bench, "11", OLD),
        why: Some("f changed: sha256:6b86b273ff34… → sha256:4fc82b26aecb…"),
    },
    Part {
        what: "URL",
        one: |bench| checked(bench, "1", "/f"),
        other: |bench| checked(bench, "1", "/elsewhere/f"),
        why: None,
    },
    Part {
        what: "credentials",
        one: |bench| tagged(bench, "1", "/f"),
        other: |bench| tagged(bench, "1", "/f").replace("http://", "http://me:s3cret@"),
        why: None,
    },
    Part {
        what: "time",
        one: |bench| tagged(bench, "1", "/f"),
        other: |bench| {
            let reply = Reply::ok("1").with("ETag", "\"1\"").with("Last-Modified", OLD);
            format!("FROM base\nADD {} /d/\n", bench.serve(reply, "/f"))
        },
        why: None,
    },
];

#[test]
fn the_key_of_a_file() {
    check(STEP, THE_KEY_OF_A_FILE);
}

/// Two commits, both with the directories `d` and `e`; of the first also a second branch, and everything a
/// second time. The branch that is added is `watched`.
const REPOSITORY: &str =
    "git init -q -b main x.git; cd x.git; mkdir d e; echo one > d/f; echo one > e/g
    git add .; git commit -qm x; git branch other; git branch watched
    echo two > d/f; git commit -qam y; cd ..; cp -a x.git y.git";

/// `ADD` of the branch, which stands for a commit of one of the other two.
fn at(bench: &mut Bench, branch: &str, flags: &str, reference: &str) -> String {
    let origin = bench.origin(REPOSITORY);
    origin.shell(&format!("git -C x.git update-ref refs/heads/watched refs/heads/{branch}"));
    format!("FROM base\nADD {flags} {} /d/\n", origin.url(&format!("x.git{reference}")))
}

fn added(bench: &mut Bench, reference: &str) -> String {
    at(bench, "other", "", reference)
}

fn kept(bench: &mut Bench, reference: &str) -> String {
    at(bench, "other", "--keep-git-dir=true", reference)
}

const IN_THE_KEY_OF_A_COMMIT: &[Part] = &[
    Part {
        what: "commit",
        one: |bench| at(bench, "other", "", "#watched"),
        other: |bench| at(bench, "main", "", "#watched"),
        why: Some("watched moved: eff24025bf5e → d65008095e57"),
    },
    Part {
        what: "directory",
        one: |bench| added(bench, "#watched:d"),
        other: |bench| added(bench, "#watched:e"),
        why: Some("the directory changed: d → e"),
    },
    Part {
        what: "submodules or not",
        one: |bench| added(bench, "#watched"),
        other: |bench| added(bench, "?submodules=false#watched"),
        why: Some("submodules changed: yes → no"),
    },
    Part {
        what: "whose time",
        one: |bench| added(bench, "#watched"),
        other: |bench| added(bench, "?mtime=commit#watched"),
        why: Some("the time of its files changed: that of the fetch → that of the commit"),
    },
    Part {
        what: "whether the repository is kept",
        one: |bench| added(bench, "#watched"),
        other: |bench| kept(bench, "#watched"),
        why: Some("--keep-git-dir changed: no → yes"),
    },
    Part {
        what: "name of the reference of a repository that is kept",
        one: |bench| kept(bench, "#watched"),
        other: |bench| kept(bench, "#other"),
        why: Some("the reference changed: watched → other"),
    },
    Part {
        what: "address of a repository that is kept",
        one: |bench| kept(bench, "#other"),
        other: |bench| kept(bench, "#other").replace("x.git", "y.git"),
        why: Some("where it comes from changed: http://HOST/x.git → http://HOST/y.git"),
    },
];

#[test]
fn in_the_key_of_a_commit() {
    check(STEP, IN_THE_KEY_OF_A_COMMIT);
}

const NOT_IN_THE_KEY_OF_A_COMMIT: &[Part] = &[
    Part {
        what: "name of the reference",
        one: |bench| added(bench, "#watched"),
        other: |bench| added(bench, "#other"),
        why: None,
    },
    Part {
        what: "commit by its id",
        one: |bench| added(bench, "#other"),
        other: |bench| {
            let commit = bench.origin(REPOSITORY).shell("git -C x.git rev-parse other");
            added(bench, &format!("#{commit}"))
        },
        why: None,
    },
    Part {
        what: "address",
        one: |bench| added(bench, "#other"),
        other: |bench| added(bench, "#other").replace("x.git", "y.git"),
        why: None,
    },
    Part {
        what: "checksum",
        one: |bench| added(bench, "#other"),
        other: |bench| {
            let commit = bench.origin(REPOSITORY).shell("git -C x.git rev-parse other");
            at(bench, "other", &format!("--checksum={commit}"), "#other")
        },
        why: None,
    },
    Part {
        what: "credentials",
        one: |bench| added(bench, "#other"),
        other: |bench| added(bench, "#other").replace("http://", "http://me:s3cret@"),
        why: None,
    },
];

#[test]
fn not_in_the_key_of_a_commit() {
    check(STEP, NOT_IN_THE_KEY_OF_A_COMMIT);
}
