//! Commits of repositories: which, what of them, and what a hostile one gains (S50 to S52).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::{Duration, Instant, SystemTime};

use lapstrake_rootfs::Kind;
use lapstrake_source::{Error, Fetched, Fetcher, GitReference};
use support::Bench;
use support::origin::{Origin, backend};
use support::server::{Reply, Server, chain};

const SECONDS: i64 = 1_577_934_245;

/// Two commits on main, a branch, two tags.
const SIMPLE: &str = "
git init -q -b main x.git; cd x.git
echo one > file; mkdir -p sub/dir; echo deep > sub/dir/f; printf '#!/bin/sh\\n' > run; chmod 755 run
ln -s ../file sub/link; git add .; git commit -qm first; git tag light
echo two > file; git commit -qam second; git tag -a noted -m x
git checkout -q -b other; echo other > file; git commit -qam third; git checkout -q main
";

fn files(bench: &Bench, fetched: &Fetched) -> Vec<String> {
    let layer = bench.store.layer(&fetched.layer).unwrap().unwrap();
    let entries = layer.manifest.entries().iter().skip(1);
    let shown = entries.map(|entry| match &entry.kind {
        Kind::Directory { .. } => format!("{}/", entry.path),
        Kind::Symlink { target } => {
            format!("{} -> {}", entry.path, String::from_utf8_lossy(target))
        }
        _ => format!("{} {:o}", entry.path, entry.mode),
    });
    shown.collect()
}

#[test]
fn a_commit_is_its_files() {
    let bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let fetched = bench.git(&origin.url("x.git")).unwrap();
    assert_eq!(
        files(&bench, &fetched),
        ["/file 644", "/run 755", "/sub/", "/sub/dir/", "/sub/dir/f 644", "/sub/link -> ../file"]
    );
    assert_eq!(bench.read(&fetched.layer, "file"), "two\n");
    assert_eq!(fetched.modified, Some(SECONDS));
    let layer = bench.store.layer(&fetched.layer).unwrap().unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
    for entry in layer.manifest.entries().iter().skip(1) {
        assert_eq!((entry.uid, entry.gid), (0, 0));
        assert!((now - 60..=now).contains(&entry.mtime.seconds), "{entry:?}");
    }
    bench.assert_clean();
}

#[test]
fn what_names_a_commit() {
    let bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let first = origin.shell("git -C x.git rev-parse light");
    let second = origin.shell("git -C x.git rev-parse main");
    let tag = origin.shell("git -C x.git rev-parse noted");
    assert_ne!(tag, second);
    for (part, content) in [
        ("", "two\n"),
        ("#main", "two\n"),
        ("#other", "other\n"),
        ("#light", "one\n"),
        ("#noted", "two\n"),
        ("#refs/heads/other", "other\n"),
        ("?tag=light", "one\n"),
        ("?branch=other", "other\n"),
        ("?ref=noted", "two\n"),
        (&format!("#{second}"), "two\n"),
        // No branch or tag stands for it: only the whole history has it.
        (&format!("#{first}"), "one\n"),
        (&format!("#main?checksum={second}").replace("#main?", "?ref=main&"), "two\n"),
        (&format!("?checksum={}#noted", &second[..7]), "two\n"),
        (&format!("?checksum={}#noted", tag.to_uppercase()), "two\n"),
        (&format!("?commit={second}&fetch-by-commit"), "two\n"),
        (&format!("?checksum={second}&fetch-by-commit&branch=elsewhere"), "two\n"),
    ] {
        let fetched = bench.git(&origin.url(&format!("x.git{part}"))).unwrap();
        assert_eq!(bench.read(&fetched.layer, "file"), content, "{part}");
    }
    bench.assert_clean();
}

#[test]
fn a_branch_comes_before_a_tag_of_the_same_name() {
    let bench = Bench::new();
    let origin = Origin::new(&format!("{SIMPLE}\ngit tag main light"));
    let fetched = bench.git(&origin.url("x.git#main")).unwrap();
    assert_eq!(bench.read(&fetched.layer, "file"), "two\n");
    let fetched = bench.git(&origin.url("x.git#refs/tags/main")).unwrap();
    assert_eq!(bench.read(&fetched.layer, "file"), "one\n");
}

#[test]
fn what_is_not_there_is_named() {
    let bench = Bench::new();
    let origin = Origin::new(&format!("{SIMPLE}\ncd ..; git init -q --bare empty.git"));
    let fault = |part: &str| chain(&bench.git(&origin.url(part)).unwrap_err());
    let address = origin.url("x.git");
    assert_eq!(fault("x.git#none"), format!("{address} has no branch or tag none"));
    assert_eq!(fault("x.git#main:none"), format!("{address} has no directory none"));
    assert_eq!(fault("x.git#main:file"), format!("file in {address} is not a directory"));
    assert!(fault("empty.git").contains("no default branch"), "{}", fault("empty.git"));
    assert!(fault("none.git").contains("git cannot fetch"), "{}", fault("none.git"));
    let unknown = "0123456789012345678901234567890123456789";
    assert!(fault(&format!("x.git#{unknown}")).contains(unknown));
    assert!(fault("x.git?fetch-by-commit").contains("a whole commit id"));
    bench.assert_clean();
}

#[test]
fn a_wrong_checksum_names_both() {
    let bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let second = origin.shell("git -C x.git rev-parse main");
    let error = bench.git(&origin.url("x.git?checksum=abcdef#main")).unwrap_err();
    assert!(error.is_checksum());
    let text = error.to_string();
    assert!(text.contains(&second) && text.contains("wanted abcdef"), "{text}");
    let error = bench.git(&origin.url(&format!("x.git?checksum=abcdef#{second}"))).unwrap_err();
    assert!(error.is_checksum());
}

#[test]
fn what_is_here_does_not_come_again() {
    let bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let commit = origin.shell("git -C x.git rev-parse main");
    let first = bench.git(&origin.url("x.git#main")).unwrap();
    assert!(first.is_new);
    let asked = origin.server.asked().len();
    let again = bench.git(&origin.url("x.git#main")).unwrap();
    assert_eq!(again, Fetched { is_new: false, version: None, ..first.clone() });
    let questions = origin.server.asked().split_off(asked);
    assert!(questions.iter().all(|asked| !asked.body.contains("command=fetch")), "{questions:?}");
    // Nothing has to be asked about what a commit's id says itself.
    let asked = origin.server.asked().len();
    assert_eq!(bench.git(&origin.url(&format!("x.git#{commit}"))).unwrap().layer, first.layer);
    assert_eq!(bench.git(&format!("git://nowhere.invalid/x#{commit}")).unwrap().layer, first.layer);
    assert_eq!(origin.server.asked().len(), asked);
    origin.shell("cd x.git; echo three > file; git commit -qam next");
    let next = bench.git(&origin.url("x.git#main")).unwrap();
    assert_eq!(bench.read(&next.layer, "file"), "three\n");
}

#[test]
fn the_commits_time_can_be_that_of_its_files() {
    let bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let checkout = bench.git(&origin.url("x.git")).unwrap();
    let fetched = bench.git(&origin.url("x.git?mtime=commit")).unwrap();
    assert_ne!(fetched.layer, checkout.layer);
    let layer = bench.store.layer(&fetched.layer).unwrap().unwrap();
    let times = layer.manifest.entries().iter().skip(1).map(|entry| entry.mtime.seconds);
    assert_eq!(times.collect::<Vec<_>>(), [SECONDS; 6]);
}

#[test]
fn a_directory_of_it() {
    let bench = Bench::new();
    let origin = Origin::new(&format!(
        "{SIMPLE}\nmkdir sub-dir; echo x > sub-dir/x; git add .; git commit -qm y"
    ));
    for part in ["#main:sub", "?subdir=/sub/./dir/../", "#:../../sub"] {
        let fetched = bench.git(&origin.url(&format!("x.git{part}"))).unwrap();
        assert_eq!(files(&bench, &fetched), ["/dir/", "/dir/f 644", "/link -> ../file"], "{part}");
    }
    let fetched = bench.git(&origin.url("x.git?subdir=sub/dir&keep-git-dir")).unwrap();
    assert_eq!(files(&bench, &fetched), ["/f 644"]);
}

/// CVE-2026-33748, CVE-2026-44517: a link on the way to the directory.
#[test]
fn a_directory_is_not_reached_through_links() {
    let bench = Bench::new();
    let origin = Origin::new(
        "git init -q -b main x.git; cd x.git; mkdir real; echo x > real/f
        ln -s / root; ln -s real link; ln -s ../../../etc up; git add .; git commit -qm x",
    );
    for part in ["root", "root/etc", "link", "up"] {
        let error = bench.git(&origin.url(&format!("x.git#main:{part}"))).unwrap_err();
        assert!(matches!(error, Error::NotDirectory { .. }), "{part}: {error}");
    }
    bench.assert_clean();
}

#[test]
fn the_repository_is_kept_when_that_is_asked_for() {
    let bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let url = origin.url("x.git?keep-git-dir=true").replace("://", "://me:pa55word@");
    for (part, described) in
        [("", "heads/main"), ("#other", "heads/other"), ("#light", "light"), ("#noted", "noted")]
    {
        let fetched = bench.git(&format!("{url}{part}")).unwrap();
        let layer = bench.store.layer(&fetched.layer).unwrap().unwrap();
        let clone = origin.path().join("clone");
        let clone = clone.to_str().unwrap();
        let script = |command: &str| {
            origin.shell(&format!(
                "rm -rf {clone}; cp -a {} {clone}; cd {clone}; {command}",
                layer.path.display()
            ))
        };
        assert_eq!(script("git status --porcelain"), "", "{part}");
        assert_eq!(
            script("git describe --all --exact-match").trim_start_matches("tags/"),
            described
        );
        assert_eq!(script("git rev-list --count HEAD"), "1", "no more history than is needed");
        assert_eq!(script("git config remote.origin.url"), origin.url("x.git"));
        assert_eq!(script("git fsck --strict 2>&1"), "");
        assert_eq!(script("ls -A .git | grep -ciE 'hooks|fetch_head|logs|orig' || :"), "0");
    }
    assert_eq!(bench.files_with("pa55word"), "");
    bench.assert_clean();
}

/// A module in a module, with relative addresses.
const NESTED: &str = "
export GIT_ALLOW_PROTOCOL=file
git init -q -b main inner.git; (cd inner.git; echo inner > f; git add .; git commit -qm x)
git init -q -b main outer.git; (cd outer.git; echo outer > f; git add f; git submodule -q add ../inner.git in/ner; git commit -qm x)
(cd outer.git; git config -f .gitmodules submodule.in/ner.url ../inner.git; git commit -qam y || :)
git init -q -b main x.git; cd x.git; echo x > f
git submodule -q add ../outer.git mod; git submodule -q add ../inner.git quiet
git config -f .gitmodules submodule.mod.url ../outer.git; git config -f .gitmodules submodule.quiet.url ../inner.git
git config -f .gitmodules submodule.quiet.update none; git add .; git commit -qm x
";

#[test]
fn submodules_come_with_it() {
    let bench = Bench::new();
    let origin = Origin::new(NESTED);
    let fetched = bench.git(&origin.url("x.git")).unwrap();
    assert_eq!(
        files(&bench, &fetched),
        [
            "/.gitmodules 644",
            "/f 644",
            "/mod/",
            "/mod/.gitmodules 644",
            "/mod/f 644",
            "/mod/in/",
            "/mod/in/ner/",
            "/mod/in/ner/f 644",
            "/quiet/"
        ]
    );
    assert_eq!(bench.read(&fetched.layer, "mod/in/ner/f"), "inner\n");
    let without = bench.git(&origin.url("x.git?submodules=false")).unwrap();
    assert_eq!(files(&bench, &without), ["/.gitmodules 644", "/f 644", "/mod/", "/quiet/"]);
    let inner = bench.git(&origin.url("x.git#main:mod/in/ner")).unwrap();
    assert_eq!(files(&bench, &inner), ["/f 644"]);
    bench.assert_clean();
}

#[test]
fn submodules_are_kept_as_a_clone_has_them() {
    let bench = Bench::new();
    let origin = Origin::new(NESTED);
    let fetched = bench.git(&origin.url("x.git?keep-git-dir")).unwrap();
    let layer = bench.store.layer(&fetched.layer).unwrap().unwrap();
    let script = |command: &str| {
        origin.shell(&format!("rm -rf c; cp -a {} c; cd c; {command}", layer.path.display()))
    };
    assert_eq!(script("git status --porcelain --ignore-submodules=none"), "");
    for module in ["mod", "mod/in/ner"] {
        assert_eq!(script(&format!("git -C {module} status --porcelain")), "", "{module}");
        let top = script(&format!("git -C {module} rev-parse --show-toplevel"));
        assert!(top.ends_with(&format!("/c/{module}")), "{top}");
    }
}

#[test]
fn hostile_submodules_are_refused() {
    for (settings, expected) in [
        ("path = m\n url = file:///etc", "an address that is not fetched from: \"file:///etc\""),
        ("path = m\n url = /etc", "an address that is not fetched from"),
        ("path = m\n url = ext::sh -c touch%% /tmp/x", "an address that is not fetched from"),
        ("path = m\n url = ssh://-oProxyCommand=x/y", "an address that is not fetched from"),
        ("path = m\n url = -u./x:y", "an address that is not fetched from"),
        ("path = m\n url = ../../../../x", "an address that is not fetched from"),
        ("path = n\n url = ../x.git", "a submodule without an address"),
    ] {
        let bench = Bench::new();
        let origin = Origin::new(&format!(
            "git init -q -b main x.git; cd x.git; echo x > f; git add .; git commit -qm x
            printf '[submodule \"m\"]\\n {settings}\\n' > .gitmodules
            git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),m; git add .gitmodules; git commit -qm y"
        ));
        let text = chain(&bench.git(&origin.url("x.git")).unwrap_err());
        assert!(text.contains(expected), "{settings}: {text}");
        bench.assert_clean();
    }
}

#[test]
fn a_submodule_cannot_lie_elsewhere_or_in_itself() {
    for (name, expected) in [
        ("../../escape", "a submodule whose name leads elsewhere"),
        ("a/../../b", "a submodule whose name leads elsewhere"),
        ("/tmp/x", "a submodule whose name leads elsewhere"),
        ("-x", "a submodule whose name leads elsewhere"),
    ] {
        let bench = Bench::new();
        let origin = Origin::new(&format!(
            "git init -q -b main x.git; cd x.git; echo x > f; git add .; git commit -qm x
            printf '[submodule \"{name}\"]\\n path = m\\n url = ./\\n' > .gitmodules
            git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),m; git add .gitmodules; git commit -qm y"
        ));
        let text = chain(&bench.git(&origin.url("x.git")).unwrap_err());
        assert!(text.contains(expected), "{name}: {text}");
        bench.assert_clean();
    }
}

/// Trees that `git` itself would not write.
#[test]
fn hostile_trees_stay_inside() {
    let raw = |entries: &str| {
        format!(
            "git init -q -b main x.git; cd x.git; b=$(echo hostile | git hash-object -w --stdin)
            t=$(printf '%s' /victim | git hash-object -w --stdin)
            python3 - $b $t > tree <<'END'
import sys
blob, link = (bytes.fromhex(id) for id in sys.argv[1:])
out = b''.join(mode + b' ' + name + b'\\0' + id for mode, name, id in [{entries}])
sys.stdout.buffer.write(out)
END
            t=$(git hash-object --literally -t tree -w tree); rm tree
            git update-ref refs/heads/main $(git commit-tree -m x $t)"
        )
    };
    for (entries, expected) in [
        ("(b'100644', b'..', blob)", Some("no work tree can have")),
        ("(b'100644', b'../victim', blob)", Some("no work tree can have")),
        ("(b'100644', b'/victim', blob)", Some("no work tree can have")),
        ("(b'100644', b'.git', blob)", Some("no work tree can have")),
        ("(b'100644', b'.GIT/config', blob)", Some("no work tree can have")),
        ("(b'120000', b'a', link), (b'100644', b'a/f', blob)", Some("is not a directory")),
        ("(b'100644', b'a', blob), (b'120000', b'a', link)", None),
    ] {
        let bench = Bench::new();
        let origin = Origin::new(&raw(entries));
        match (bench.git(&origin.url("x.git")), expected) {
            (Err(error), Some(expected)) => {
                assert!(chain(&error).contains(expected), "{entries}: {}", chain(&error));
            }
            (Ok(fetched), None) => assert_eq!(files(&bench, &fetched), ["/a -> /victim"]),
            (other, _) => panic!("{entries}: {other:?}"),
        }
        bench.assert_clean();
    }
}

#[test]
fn files_are_as_in_a_work_tree_but_no_filter_runs() {
    let bench = Bench::new();
    let origin = Origin::new(
        "git init -q -b main x.git; cd x.git; mkdir d
        printf '*.bat eol=crlf\\n*.id ident\\n*.big filter=lfs\\n*.utf working-tree-encoding=UTF-16LE\\n' > .gitattributes
        printf 'a\\nb\\n' > d/x.bat; echo '$Id$' > x.id; printf 'a\\nb\\n' > x.txt; echo pointer > x.big
        printf 'h\\0i\\0' > x.utf; git add .; git commit -qm x",
    );
    let fetched = bench.git(&origin.url("x.git")).unwrap();
    assert_eq!(bench.read(&fetched.layer, "d/x.bat"), "a\r\nb\r\n");
    assert_eq!(bench.read(&fetched.layer, "x.txt"), "a\nb\n");
    assert_eq!(bench.read(&fetched.layer, "x.big"), "pointer\n");
    assert_eq!(bench.read(&fetched.layer, "x.utf"), "h\0i\0");
    let id = origin.shell("git -C x.git rev-parse HEAD:x.id");
    assert_eq!(bench.read(&fetched.layer, "x.id"), format!("$Id: {id} $\n"));
}

#[test]
fn repositories_of_sha256() {
    let bench = Bench::new();
    let origin = Origin::new(&SIMPLE.replace("git init -q", "git init -q --object-format=sha256"));
    let commit = origin.shell("git -C x.git rev-parse main");
    assert_eq!(commit.len(), 64);
    for part in ["", "#noted", "?keep-git-dir", &format!("#{commit}")] {
        let fetched = bench.git(&origin.url(&format!("x.git{part}"))).unwrap();
        assert_eq!(bench.read(&fetched.layer, "file"), "two\n");
    }
}

/// S50: what a repository says is the default branch is no option either.
#[test]
fn a_default_branch_that_is_an_option_is_refused() {
    let bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    origin.shell("printf 'ref: refs/heads/--upload-pack=touch x\\n' > x.git/.git/HEAD");
    let commit = origin.shell("git -C x.git rev-parse light");
    origin.shell(&format!("echo {commit} > 'x.git/.git/refs/heads/--upload-pack=touch x'"));
    let error = bench.git(&origin.url("x.git")).unwrap_err();
    let text = chain(&error);
    assert!(matches!(error, Error::NoDefault { .. } | Error::Git { .. }), "{text}");
    assert!(!origin.path().join("x").exists());
    bench.assert_clean();
}

/// What `git` is given by us, and what of our own environment it sees.
#[test]
fn the_program_gets_no_secret_and_an_environment_made_from_nothing() {
    let mut bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let (log, bin) = (origin.path().join("log"), origin.path().join("bin"));
    origin.shell(&format!(
        "mkdir bin; cat > bin/git <<'END'
#!/bin/sh
{{ echo \"run $*\"; tr '\\0' '\\n' < /proc/$$/cmdline; env; echo; }} >> {}
PATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"
END
chmod 755 bin/git",
        log.display()
    ));
    bench.config.git.path = format!("{}:/usr/bin:/bin", bin.display()).into();
    bench.secret("GIT_AUTH_TOKEN", "t0ken");
    let url = origin.url("x.git?keep-git-dir#noted").replace("://", "://me:pa55word@");
    bench.git(&url).unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    let lines = || log.lines();
    let runs: Vec<&str> = lines().filter(|line| line.starts_with("run ")).collect();
    for run in &runs {
        assert!(
            !run.contains("t0ken") && !run.contains("pa55word") && !run.contains("Basic"),
            "{run}"
        );
    }
    assert!(runs.iter().any(|run| run.contains("fetch") && run.contains(" -- http://127.0.0.1:")));
    let names: std::collections::BTreeSet<&str> =
        lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    for foreign in ["USER", "CARGO_MANIFEST_DIR", "NEXTEST", "RUST_BACKTRACE"] {
        assert!(!names.contains(foreign), "{foreign}");
    }
    for pinned in [
        "HOME=/dev/null",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_ALLOW_PROTOCOL=http:https:git:ssh",
        "GIT_CONFIG_KEY_0=core.hooksPath",
        "GIT_SSH_COMMAND=ssh -F ssh_config",
    ] {
        let with = lines().filter(|line| *line == pinned).count();
        assert_eq!(with, runs.len(), "{pinned}");
    }
}

#[test]
fn credentials_reach_their_host_alone_and_stay_nowhere() {
    let token = "Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4=";
    let mut bench = Bench::new();
    let origin = Origin::new(NESTED);
    origin.require(token);
    let error = bench.git(&origin.url("inner.git")).unwrap_err();
    assert!(error.hint().unwrap().contains("GIT_AUTH_TOKEN"), "{}", chain(&error));
    bench.secret("GIT_AUTH_TOKEN", "t0ken\n");
    bench.git(&origin.url("inner.git?keep-git-dir")).unwrap();
    // The general token is for the repository that the build names, the host's for all of it.
    assert!(bench.git(&origin.url("x.git")).is_err());
    bench.secret(&format!("GIT_AUTH_TOKEN.{}", origin.server.address()), "t0ken");
    bench.git(&origin.url("x.git?keep-git-dir")).unwrap();
    bench.secret(&format!("GIT_AUTH_HEADER.{}", origin.server.address()), "Custom h34der");
    origin.require("Custom h34der");
    bench.git(&origin.url("outer.git?keep-git-dir")).unwrap();
    for secret in ["t0ken", "eC1hY2Nlc3MtdG9rZW4", "h34der"] {
        assert_eq!(bench.files_with(secret), "", "{secret}");
    }
    bench.assert_clean();
}

/// `git` itself would take them along.
#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let mut bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let to = origin.url("");
    let from = Server::start(move |asked, _| {
        Some(Reply::redirect(&format!("{to}{}", asked.path.trim_start_matches('/'))))
    });
    let fetched = bench.git(&from.url("/x.git")).unwrap();
    assert_eq!(bench.read(&fetched.layer, "file"), "two\n");
    let before = origin.server.asked().len();
    bench.secret("GIT_AUTH_TOKEN", "t0ken");
    for part in ["", "#0123456789012345678901234567890123456789"] {
        let error = bench.git(&from.url(&format!("/x.git{part}"))).unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{}", chain(&error));
    }
    assert_eq!(origin.server.asked().len(), before);
}

#[test]
fn credentials_follow_a_repository_that_was_renamed() {
    let mut bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let (root, token) = (origin.path(), "Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4=");
    let server = Server::start(move |asked, _| {
        if asked.authorization() != Some(token) {
            return Some(Reply::new(401, ""));
        }
        match asked.path.strip_prefix("/old/y.git") {
            Some(rest) => Some(Reply::redirect(&format!("/x.git{rest}"))),
            None => Some(backend(&root, asked)),
        }
    });
    bench.secret("GIT_AUTH_TOKEN", "t0ken");
    let fetched = bench.git(&server.url("/old/y.git#other")).unwrap();
    assert_eq!(bench.read(&fetched.layer, "file"), "other\n");
}

#[test]
fn a_redirect_to_files_is_refused() {
    let bench = Bench::new();
    let origin = Origin::new(SIMPLE);
    let to = format!("file://{}", origin.path().display());
    let from = Server::start(move |asked, _| Some(Reply::redirect(&format!("{to}{}", asked.path))));
    assert!(bench.git(&from.url("/x.git")).is_err());
    bench.assert_clean();
}

#[test]
fn a_silent_server_can_be_left_and_takes_no_process_along() {
    let mut bench = Bench::new();
    let silent = Server::start(|_, _| {
        std::thread::sleep(Duration::from_secs(60));
        None
    });
    let reference = GitReference::parse(&silent.url("/x.git")).unwrap().unwrap();
    let begin = Instant::now();
    let cancelled = move || begin.elapsed() > Duration::from_millis(300);
    let fetcher =
        Fetcher::new(&bench.store, bench.config.clone(), bench.secrets.clone(), &cancelled);
    let error = fetcher.unwrap().git(&reference).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{}", chain(&error));
    bench.config.most_seconds = 0;
    let error = bench.git(&silent.url("/x.git")).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{}", chain(&error));
    assert!(begin.elapsed() < Duration::from_secs(30));
    let address = silent.address();
    let left = std::process::Command::new("pgrep").args(["-f", &address]).output().unwrap().stdout;
    assert_eq!(String::from_utf8(left).unwrap(), "");
    bench.assert_clean();
}

#[test]
fn too_much_is_refused() {
    let mut bench = Bench::new();
    let origin = Origin::new(
        "git init -q -b main x.git; cd x.git; head -c 200000 /dev/zero > big; git add .
        git commit -qm x; git checkout -qb random; head -c 200000 /dev/urandom > big
        git commit -qam y; git checkout -q main",
    );
    bench.config.most_bytes = 100_000;
    let error = bench.git(&origin.url("x.git")).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 100_000, .. }), "{}", chain(&error));
    let error = bench.git(&origin.url("x.git#random")).unwrap_err();
    assert!(error.hint().unwrap().contains("larger than what is taken"), "{}", chain(&error));
    bench.assert_clean();
}

#[test]
fn what_is_needed_is_said_when_git_is_not_there() {
    let mut bench = Bench::new();
    bench.config.git.path = "/nonexistent".into();
    let error = bench.git("git://127.0.0.1/x").unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("install the package git"), "{}", chain(&error));
}

/// A plain folder on a web server: no protocol for parts of a history.
#[test]
fn servers_without_the_smart_protocol() {
    let bench = Bench::new();
    let origin = Origin::new(&format!("{SIMPLE}\ngit update-server-info; cp -a .git ../plain.git"));
    let root = origin.path();
    let plain = Server::start(move |asked, _| {
        let path = root.join(asked.path.split('?').next().unwrap().trim_start_matches('/'));
        Some(std::fs::read(path).map_or_else(|_| Reply::not_found(), Reply::ok))
    });
    let fetched = bench.git(&plain.url("/plain.git#light")).unwrap();
    assert_eq!(bench.read(&fetched.layer, "file"), "one\n");
}
