//! Of copies.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use super::{Part, check, on_base, text};
use crate::support::Bench;

/// `COPY src /d` of `src/a` with this content.
fn copied(bench: &Bench, content: &str) -> String {
    let _ = fs::remove_dir_all(bench.context().join("src"));
    bench.file("src/a", content);
    on_base("COPY src /d")
}

fn mode(bench: &Bench, path: &str, mode: u32) {
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(bench.context().join(path), permissions).unwrap();
}

/// `COPY src /d` of so many files, of which `a` to `e` are one.
fn names_of_one(bench: &Bench, others: &[&str]) -> String {
    let dockerfile = copied(bench, "1");
    let folder = bench.context().join("src");
    for name in ["b", "c", "d", "e"] {
        fs::hard_link(folder.join("a"), folder.join(name)).unwrap();
    }
    for name in others {
        bench.file(&format!("src/{name}"), "other");
    }
    dockerfile
}

fn link(bench: &Bench, target: &str) -> String {
    let dockerfile = copied(bench, "1");
    std::os::unix::fs::symlink(target, bench.context().join("src/l")).unwrap();
    dockerfile
}

const IN_THE_KEY_OF_A_COPY: &[Part] = &[
    Part {
        what: "destination",
        one: |bench| copied(bench, "1"),
        other: |_| on_base("COPY src /e"),
        why: Some("the destination changed: /d → /e"),
    },
    Part {
        what: "owner",
        one: |bench| copied(bench, "1"),
        other: |_| on_base("COPY --chown=1:2 src /d"),
        why: Some("the owner changed: nothing → 1:2"),
    },
    Part {
        what: "mode",
        one: |bench| copied(bench, "1"),
        other: |_| on_base("COPY --chmod=600 src /d"),
        why: Some("the mode changed: nothing → 600"),
    },
    Part {
        what: "whether archives are unpacked",
        one: |bench| copied(bench, "1").replace("COPY src", "ADD src/a"),
        other: |_| on_base("ADD --unpack=false src/a /d"),
        why: Some("what becomes of archives changed: unpacked → kept"),
    },
    Part {
        what: "content",
        one: |bench| copied(bench, "1"),
        other: |bench| copied(bench, "2"),
        why: Some("src/a changed"),
    },
    Part {
        what: "name",
        one: |bench| copied(bench, "1"),
        other: |bench| {
            let dockerfile = copied(bench, "1");
            let folder = bench.context().join("src");
            fs::rename(folder.join("a"), folder.join("b")).unwrap();
            dockerfile
        },
        why: Some("src/a is gone, and 1 other file"),
    },
    Part {
        what: "whether names are kept",
        one: |bench| copied(bench, "1").replace("src", "src/a"),
        other: |bench| copied(bench, "1").replace("src", "--parents src/a"),
        why: Some("what is copied changed: src/a → --parents src/a"),
    },
    Part {
        what: "the name that is kept with --parents",
        one: |bench| {
            copied(bench, "1");
            on_base("COPY --parents src/a /d/")
        },
        other: |bench| {
            bench.file("other/src/a", "1");
            on_base("COPY --parents other/src/a /d/")
        },
        why: Some("what is copied changed: --parents src/a → --parents other/src/a"),
    },
    Part {
        what: "mode of a file",
        one: |bench| copied(bench, "1"),
        other: |bench| {
            let dockerfile = copied(bench, "1");
            mode(bench, "src/a", 0o755);
            dockerfile
        },
        why: Some("src/a has mode 755 instead of 644"),
    },
    Part {
        what: "kind",
        one: |bench| copied(bench, "1"),
        other: |bench| {
            copied(bench, "1");
            fs::remove_file(bench.context().join("src/a")).unwrap();
            fs::create_dir(bench.context().join("src/a")).unwrap();
            on_base("COPY src /d")
        },
        why: Some("src/a changed"),
    },
    Part {
        what: "link target",
        one: |bench| link(bench, "a"),
        other: |bench| link(bench, "./a"),
        why: Some("src/l changed"),
    },
    Part {
        what: "a file beside the names of another one",
        one: |bench| names_of_one(bench, &[]),
        other: |bench| names_of_one(bench, &["0"]),
        why: Some("src/0 is new"),
    },
    Part {
        what: "one more name of a file",
        one: |bench| names_of_one(bench, &[]),
        other: |bench| {
            let dockerfile = names_of_one(bench, &[]);
            let folder = bench.context().join("src");
            fs::hard_link(folder.join("a"), folder.join("0")).unwrap();
            dockerfile
        },
        why: Some("src/0 is new"),
    },
    Part {
        what: "which names are one file",
        one: |bench| names_of_one(bench, &[]),
        other: |bench| {
            let dockerfile = names_of_one(bench, &[]);
            fs::remove_file(bench.context().join("src/c")).unwrap();
            bench.file("src/c", "1");
            dockerfile
        },
        why: Some("hard links between the copied files changed"),
    },
    Part {
        what: "whether it is linked",
        one: |bench| copied(bench, "1").replace("COPY", "RUN write f 1\nCOPY"),
        other: |bench| copied(bench, "1").replace("COPY", "RUN write f 1\nCOPY --link"),
        why: Some("--link is new"),
    },
    Part {
        what: "whether it is linked any more",
        one: |bench| copied(bench, "1").replace("COPY", "RUN write f 1\nCOPY --link"),
        other: |bench| copied(bench, "1").replace("COPY", "RUN write f 1\nCOPY"),
        why: Some("--link is gone"),
    },
    Part {
        what: "the rootfs below",
        one: |bench| copied(bench, "1").replace("COPY", "RUN write f 1\nCOPY"),
        other: |_| on_base("RUN write f 2\nCOPY src /d"),
        why: Some("the steps before it changed: [2/3] RUN write f 2"),
    },
];

#[test]
fn in_the_key_of_a_copy() {
    check("src", IN_THE_KEY_OF_A_COPY);
}

const IN_THE_KEY_OF_A_COPY_OF_A_HERE_DOCUMENT: &[Part] = &[
    Part {
        what: "text",
        one: text!("FROM base\nCOPY <<E /d/\n1\nE\n"),
        other: text!("FROM base\nCOPY <<E /d/\n2\nE\n"),
        why: Some("E changed"),
    },
    Part {
        what: "name",
        one: text!("FROM base\nCOPY <<E /d/\n1\nE\n"),
        other: text!("FROM base\nCOPY <<F /d/\n1\nF\n"),
        why: Some("what is copied changed: E → F"),
    },
];

#[test]
fn in_the_key_of_a_copy_of_a_here_document() {
    check("COPY", IN_THE_KEY_OF_A_COPY_OF_A_HERE_DOCUMENT);
}

/// A file of a stage, which others take.
fn taken(bench: &Bench, flags: &str) -> String {
    bench.file("a", "1");
    format!("FROM base AS b\nCOPY {flags} a /a\nFROM base\nCOPY --from=b /a /watched\n")
}

const IN_THE_KEY_OF_A_COPY_FROM_A_STAGE: &[Part] = &[
    Part {
        what: "owner of a file",
        one: |bench| taken(bench, "--chown=1:2"),
        other: |bench| taken(bench, "--chown=1:3"),
        why: Some("/a changed"),
    },
    Part {
        what: "whether owners are kept",
        one: |bench| taken(bench, "").replace("--from=b /a", "a"),
        other: |bench| taken(bench, ""),
        why: Some("what is copied changed: a → /a"),
    },
    Part {
        what: "what else the stage holds",
        one: |bench| taken(bench, ""),
        other: |bench| taken(bench, "").replace("COPY  a", "RUN write noise 1\nCOPY a"),
        why: None,
    },
];

#[test]
fn in_the_key_of_a_copy_from_a_stage() {
    check("/watched", IN_THE_KEY_OF_A_COPY_FROM_A_STAGE);
}

const NOT_IN_THE_KEY_OF_A_COPY: &[Part] = &[
    Part {
        what: "owners of files of a context",
        one: |bench| copied(bench, "1"),
        other: |bench| {
            std::os::unix::fs::chown(bench.context().join("src/a"), Some(5), Some(6)).unwrap();
            on_base("COPY src /d")
        },
        why: None,
    },
    Part {
        what: "times",
        one: |bench| copied(bench, "1"),
        other: |bench| {
            let file = fs::File::options().write(true).open(bench.context().join("src/a"));
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
            file.unwrap().set_modified(time).unwrap();
            on_base("COPY src /d")
        },
        why: None,
    },
    Part {
        what: "the folder that the source lies in",
        one: |bench| copied(bench, "1"),
        other: |bench| {
            bench.file("elsewhere/src/a", "1");
            on_base("COPY elsewhere/src /d")
        },
        why: None,
    },
    Part {
        what: "what else the context holds",
        one: |bench| copied(bench, "1"),
        other: |bench| {
            bench.file("neighbour", "1");
            on_base("COPY src /d")
        },
        why: None,
    },
    Part {
        what: "what is excluded",
        one: |bench| copied(bench, "1").replace("COPY", "COPY --exclude=*.md"),
        other: |bench| {
            bench.file("src/read.md", "1");
            on_base("COPY --exclude=*.md src /d")
        },
        why: None,
    },
    Part {
        what: "what is ignored",
        one: |bench| {
            bench.ignore = "**/*.md";
            copied(bench, "1")
        },
        other: |bench| {
            bench.file("src/read.md", "1");
            on_base("COPY src /d")
        },
        why: None,
    },
    Part {
        what: "the rootfs below a linked copy",
        one: |bench| copied(bench, "1").replace("COPY", "RUN write f 1\nCOPY --link"),
        other: |_| on_base("RUN write f 2\nCOPY --link src /d"),
        why: None,
    },
];

#[test]
fn not_in_the_key_of_a_copy() {
    check("src", NOT_IN_THE_KEY_OF_A_COPY);
}
