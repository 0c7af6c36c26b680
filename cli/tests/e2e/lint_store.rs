//! `lap lint` beside a store: what images and builds of this machine have to say of a file.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Answer, Context, Store};

/// What is found in a file by that store.
fn lint(store: &Store, context: &Path, flags: &[&str]) -> Answer {
    let mut command = store.lap(&[&["lint", "--format", "short"], flags].concat());
    Answer::of(command.current_dir(context))
}

/// Every file below a folder, with when its content and its node changed.
fn everything(folder: &Path) -> String {
    let mut find = Command::new("find");
    find.arg(folder).args(["-printf", "%p %i %s %T@ %C@\\n"]);
    Answer::of(&mut find).ends_with(0).stdout
}

#[test]
fn the_config_of_a_base_image_is_known() {
    let store = Store::new();
    let base = Context::new(
        "FROM busybox\nWORKDIR /srv\nENTRYPOINT [\"/entry\"]\nCMD [\"httpd\", \"-f\"]\n\
         ONBUILD ENV A=b\nUSER 7\n",
    );
    store.build("made", base.path()).ends_with(0);
    let file =
        Context::new("FROM made AS it\nFROM it\nCOPY Dockerfile .\nENTRYPOINT [\"/mine\"]\n");
    let before = everything(&store.root());
    let said = lint(&store, file.path(), &["--preset", "strict"]).ends_with(1).stdout;
    for line in [
        "Dockerfile:1:6: info[inherited-triggers]: an instruction of the base image runs here",
        "Dockerfile:4:13: warning[inherited-surprise]: ENTRYPOINT clears the inherited CMD \
         [\"httpd\", \"-f\"]",
        "(with context and store)",
    ] {
        assert!(said.contains(line), "{line} in:\n{said}");
    }
    assert_eq!(everything(&store.root()), before, "the store was looked at and nothing else");
    lint(&store, file.path(), &["--no-store"])
        .ends_with(0)
        .says(&["(with context: without base images)"]);
    // What hadolint says depends on no store; BuildKit knows base images.
    let said = lint(&store, file.path(), &["--preset", "hadolint"]);
    assert!(said.stdout.ends_with("(static: without context and base images)\n"), "{said:?}");
    let said = lint(&store, file.path(), &["--preset", "buildkit"]);
    assert!(said.stdout.ends_with("(with context and store)\n"), "{said:?}");
}

#[test]
fn the_user_of_an_image_is_known() {
    let store = Store::new();
    let user = |user: &str| {
        store.build("made", Context::new(&format!("FROM busybox\n{user}")).path()).ends_with(0);
        let file = Context::new("FROM made\nCMD [\"a\"]\n");
        lint(&store, file.path(), &["--preset", "strict"]).stdout
    };
    assert!(!user("USER nobody\n").contains("effective-user"));
    assert!(user("").contains("1:6: warning[effective-user]: the image runs as root: neither it"));
    assert!(user("USER root:7\n").contains("its base image has USER root:7"));
}

#[test]
fn no_store_is_made_and_none_of_a_later_version_is_read() {
    let file = Context::new("FROM busybox\n");
    let store = Store::new();
    lint(&store, file.path(), &[]).ends_with(0).says(&["(with context: without base images)"]);
    assert!(!store.root().exists(), "the store was not there before");
    store.build("made", file.path()).ends_with(0);
    lint(&store, file.path(), &[]).ends_with(0).says(&["(with context and store)"]);
    fs::write(store.root().join("version"), "9\n").expect("write");
    lint(&store, file.path(), &[]).ends_with(0).says(&["(with context: without base images)"]);
}

#[test]
fn the_files_of_a_base_image_are_known() {
    let store = Store::new();
    let bare = Context::new("FROM scratch\nCOPY Dockerfile /etc/passwd\n");
    store.build("bare", bare.path()).ends_with(0);
    let file = Context::new("FROM bare\nCOPY server /srv/\nUSER app\nCMD /srv/server --all\n");
    let said = lint(&store, file.path(), &[]).ends_with(1).stdout;
    for line in [
        "Dockerfile:3:6: error[user-not-in-image]: `app` is not in the image's /etc/passwd",
        "Dockerfile:4:5: error[no-shell-in-base]: there is no `/bin/sh` to run this",
    ] {
        assert!(said.contains(line), "{line} in:\n{said}");
    }
    // That busybox knows `[[`, `nobody` and no `curl` is what its commands say.
    let base = Context::new("FROM busybox\nUSER nobody\nRUN [[ -f /bin/sh ]] && ! which curl\n");
    store.build("made", base.path()).ends_with(0);
    let file = Context::new(
        "FROM made\nUSER nobody\nHEALTHCHECK CMD curl -f localhost || exit 1\n\
         RUN [[ -f /bin/sh ]] && pushd /\n",
    );
    let said = lint(&store, file.path(), &["--preset", "strict"]).ends_with(1).stdout;
    assert!(said.contains("4:25: warning[wrong-shell-dialect]: `pushd` is not defined"), "{said}");
    assert!(!said.contains("user-not-in-image") && !said.contains("double-brackets"), "{said}");
    let file = Context::new("FROM made\nHEALTHCHECK CMD curl -f localhost || exit 1\n");
    let said = lint(&store, file.path(), &[]).ends_with(1).stdout;
    assert!(said.contains("2:17: warning[healthcheck-missing-tool]: `curl` is not"), "{said}");
}

#[test]
fn the_layers_of_the_last_build_are_known() {
    let store = Store::new();
    let file = Context::new(
        "FROM busybox AS base\nARG VERSION\nRUN head -c 2000000 /dev/urandom > /big\n\
         RUN chmod 600 /big\nFROM base\nARG VERSION\nCOPY copied /\n\
         RUN rm /big /copied && echo $VERSION > /version\n",
    );
    file.write("copied", &"x".repeat(1_500_000));
    for version in ["VERSION=one", "VERSION=two"] {
        store.build_with("made", file.path(), &["--build-arg", version]).ends_with(0);
    }
    file.write("lapstrake.toml", "[lint]\nmax-layer = \"1.9MB\"\n");
    let before = everything(&store.root());
    let said = Answer::of(store.lap(&["lint"]).current_dir(file.path())).ends_with(1).stdout;
    for words in [
        "2 steps below ran again because `VERSION` changed, and do not use it",
        "in the last builds: one → two, which cost ",
        "1 file, 2.0 MB, are in this layer once more",
        "in the last build: /big, 2.0 MB, for instance, with no other content",
        "5.5 MB that this removes are still in the image",
        "in the last build: /big, 2.0 MB and 2 more",
        "this layer has 2.0 MB, and the budget is 1.9 MB",
        "in the last build, made in ",
    ] {
        assert!(
            said.split_whitespace().collect::<Vec<_>>().join(" ").contains(words),
            "{words} in:\n{said}"
        );
    }
    assert_eq!(said.matches("size-and-time").count(), 2, "{said}");
    assert_eq!(everything(&store.root()), before, "the store was looked at and nothing else");
    // An instruction that is not the one that was built is not known, nor what stands on it.
    file.write(
        "Dockerfile",
        "FROM busybox\nARG VERSION\nRUN head -c 2000001 /dev/urandom > /big\nRUN chmod 600 /big\n",
    );
    lint(&store, file.path(), &[]).ends_with(0);
}

#[test]
fn the_age_of_the_last_build_is_known() {
    let store = Store::new();
    let file = Context::new(
        "FROM busybox\nRUN printf '#!/bin/sh\\ntouch /$1\\n' > /bin/apk && chmod +x /bin/apk\n\
         RUN apk update\nRUN apk add curl\n",
    );
    store.build("made", file.path()).ends_with(0);
    assert!(!lint(&store, file.path(), &[]).stdout.contains("stale-index"));
    // As if it had been built twelve days ago.
    let opened = lapstrake_cache::Store::open(&store.root()).expect("open the store");
    for origin in opened.origins().expect("list the records") {
        let created = origin.record.created - 12 * 24 * 60 * 60 * 1_000_000_000;
        let record = lapstrake_cache::Record { created, ..origin.record };
        opened.put_record(&origin.key, &record).expect("write a record");
    }
    drop(opened);
    let said = lint(&store, file.path(), &[]).ends_with(1).stdout;
    let line =
        "4:5: warning[stale-index]: the package lists that this installs from are 12 days old";
    assert!(said.contains(line), "{said}");
    assert!(!lint(&store, file.path(), &["--no-store"]).stdout.contains("stale-index"));
}

#[test]
fn an_empty_layer_of_the_last_build_is_known() {
    let store = Store::new();
    let file = Context::new(
        "FROM busybox\nRUN rm -rf /tmp/* && mkdir -p /bin\nRUN mkdir -p /bin/new\nRUN test -d /bin/new\n",
    );
    lint(&store, file.path(), &[]).ends_with(0);
    store.build("made", file.path()).ends_with(0);
    let said = lint(&store, file.path(), &[]).ends_with(1).stdout;
    let line = "Dockerfile:2:5: info[no-op-layer]: this RUN changed no file in the last build\n";
    assert!(said.starts_with(line) && said.matches("no-op-layer").count() == 1, "{said}");
}

#[test]
fn a_step_that_left_two_things_is_known() {
    let store = Store::new();
    let file = Context::new(
        "FROM busybox\nRUN echo same > /same\nRUN mkdir -p /var/log && cat /proc/sys/kernel/random/uuid > /var/log/id\n\
         RUN echo same > /other\n",
    );
    let strict = ["--preset", "strict"];
    for _ in 0..2 {
        let said = lint(&store, file.path(), &strict).stdout;
        assert!(!said.contains("not-reproducible"), "{said}");
        store.build("made", file.path()).ends_with(0);
    }
    store.build_with("made", file.path(), &["--no-cache"]).ends_with(0);
    let said = lint(&store, file.path(), &strict).ends_with(1).stdout;
    let line = "Dockerfile:3:1: info[not-reproducible]: executed twice on the same files, this left 1 file \
                that differs: /var/log/id\n";
    assert!(said.contains(line) && said.matches("not-reproducible").count() == 1, "{said}");
}

#[test]
fn the_files_of_the_last_build_are_known() {
    let store = Store::new();
    let file = Context::new(
        "FROM busybox\nRUN echo app:x:7:7::/:/bin/sh >> /etc/passwd && mkdir -p /usr/bin && touch /usr/bin/check\nUSER app\nWORKDIR /srv\n\
         HEALTHCHECK CMD check\n",
    );
    store.build("made", file.path()).ends_with(0);
    let said = lint(&store, file.path(), &[]).stdout;
    assert!(
        said.contains("5:17: warning[healthcheck-missing-tool]: `check` is not there"),
        "{said}"
    );
    assert!(!said.contains("user-not-in-image"), "{said}");
    file.write("Dockerfile", "FROM busybox\nRUN touch /a\nUSER app\n");
    lint(&store, file.path(), &[]).ends_with(0);
    store.build("made", file.path()).ends_with(0);
    lint(&store, file.path(), &[]).ends_with(1).says(&["user-not-in-image"]);
}

#[test]
fn what_was_built_is_pinned() {
    let store = Store::new();
    let file = Context::new(
        "FROM busybox\nRUN mkdir -p /var/lib/dpkg && printf 'Package: curl\\nVersion: 8.1-2\\n\
         Status: install ok installed\\nArchitecture: all\\n\\n' > /var/lib/dpkg/status && \
         (apt-get install -y curl || true)\n",
    );
    store.build("made", file.path()).ends_with(0);
    let strict =
        |flags: &[&str]| lint(&store, file.path(), &[&["--preset", "strict"], flags].concat());
    // Both are guesses: neither is made without being asked for.
    strict(&["--fix"]);
    assert!(
        fs::read_to_string(file.path().join("Dockerfile"))
            .expect("read")
            .starts_with("FROM busybox\n")
    );
    strict(&["--fix", "--unsafe"]);
    let mended = fs::read_to_string(file.path().join("Dockerfile")).expect("read");
    assert!(mended.contains(" -y curl=8.1-2 ||"), "{mended}");
    let digest =
        mended.split_whitespace().nth(1).and_then(|name| name.split_once("busybox:latest@"));
    let digest = digest.map(|(_, digest)| digest.to_owned()).expect("a digest");
    assert!(store.ok(&["image", "inspect", "busybox"]).contains(&digest), "{digest}");
    store.build("pinned", file.path()).ends_with(0);
    // A digest that the tag does not have any more.
    let old = format!("sha256:{}", "1".repeat(64));
    file.write("Dockerfile", &format!("FROM busybox:latest@{old}\nUSER 1\n"));
    strict(&[]).says(&["info[moved-tag]: `busybox:latest` has moved: in the store it is", &digest]);
    strict(&["--fix", "--unsafe"]);
    let mended = fs::read_to_string(file.path().join("Dockerfile")).expect("read");
    assert_eq!(mended, format!("FROM busybox:latest@{digest}\nUSER 1\n"));
    assert!(!strict(&[]).stdout.contains("moved-tag"));
}

#[test]
fn what_the_last_build_left_is_looked_at() {
    let store = Store::new();
    let file = Context::new(
        "FROM busybox\n\
         RUN mkdir -p /var/lib/apt/lists && head -c 2000000 /dev/zero > /var/lib/apt/lists/a && chmod 4755 /bin/busybox\n\
         RUN echo me::1000:1000::/:/bin/sh >> /etc/passwd && echo you:x:1000:1::/:/bin/sh >> /etc/passwd\n\
         RUN --mount=type=cache,target=/empty --mount=type=cache,target=/full touch /full/a && mkdir -p /empty/b\n\
         RUN mkdir -p /a/.git && echo 0123456789abcdef0123456789abcdef01234567 > /a/.git/HEAD && (git clone https://example.com/a.git || true)\n\
         RUN mkdir -p /gems/specifications /go/pkg/mod/cache/download/example.com/!a/@v && cd /gems && \
         echo '# stub: rack 3.1.0 ruby lib' > specifications/rack-3.1.0.gemspec && \
         touch /go/pkg/mod/cache/download/example.com/!a/@v/v1.2.3.info && (gem install rack; go install example.com/A/cmd@latest; true)\n",
    );
    store.build("made", file.path()).ends_with(0);
    let strict =
        |flags: &[&str]| lint(&store, file.path(), &[&["--preset", "strict"], flags].concat());
    let said = strict(&[]).stdout;
    for line in [
        "Dockerfile:2:1: warning[cache-in-layer]: 2.0 MB of caches stay in the image",
        "Dockerfile:2:1: info[setuid-file]: 1 program with setuid or setgid",
        "Dockerfile:3:1: error[empty-password]: `me` can be used without a password",
        "Dockerfile:3:1: warning[duplicate-user]: the users `me` and `you` have one id, 1000",
        "Dockerfile:4:31: warning[cache-mount-misses]: the cache stays empty: the RUN left no file in it when it ran last",
        "Dockerfile:5:100: info[unpinned-clone]: this may be another commit tomorrow",
    ] {
        assert!(said.contains(line), "{line} in:\n{said}");
    }
    assert_eq!(said.matches("cache-mount-misses").count(), 1, "{said}");
    strict(&["--fix", "--unsafe"]);
    let mended = fs::read_to_string(file.path().join("Dockerfile")).expect("read");
    for part in [
        "a.git && git -C a checkout -q 0123456789abcdef0123456789abcdef01234567",
        "gem install rack:3.1.0",
        "go install example.com/A/cmd@v1.2.3",
    ] {
        assert!(mended.contains(part), "{part} in:\n{mended}");
    }
}

#[test]
fn what_an_image_starts_is_looked_for_in_it() {
    let store = Store::new();
    let file = Context::new("FROM busybox\nCOPY run.sh /\nENTRYPOINT [\"/run.sh\"]\n");
    file.write("run.sh", "#!/usr/bin/python3\n");
    file.set_mode("run.sh", 0o755);
    store.build("made", file.path()).ends_with(0);
    let said = lint(&store, file.path(), &[]).ends_with(1).stdout;
    assert!(said.contains("`/run.sh` needs `/usr/bin/python3`, which is not there"), "{said}");
    file.write("run.sh", "#!/bin/sh\n");
    lint(&store, file.path(), &[]).ends_with(0);
    file.write("Dockerfile", "FROM busybox\nRUN mkdir /a\nENTRYPOINT [\"nginx\"]\n");
    lint(&store, file.path(), &[]).ends_with(0);
    store.build("made", file.path()).ends_with(0);
    lint(&store, file.path(), &[]).ends_with(1).says(&["`nginx` is not there"]);
}
