//! Other users of the machine (S38).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::{Ground, on_both_sides};
use crate::support::{Answer, text};

fn root(ground: &Ground) -> PathBuf {
    match ground.is_root() {
        true => ground.path("store"),
        false => ground.path(".local/share/lapstrake"),
    }
}

/// A program that keeps its owner's rights, in a layer, is of no use to them, whatever the umask.
#[test]
fn a_store_is_closed_to_others_and_knows_no_umask() {
    on_both_sides(|ground| {
        let dockerfile = "FROM busybox\nCOPY a /a\nADD --chmod=4755 a /b\nWORKDIR /w/deep\n\
             RUN touch /c && mkdir /d && chmod 4755 /bin/busybox\n";
        let context = text(&ground.context(dockerfile, |_| ()));
        let epoch = ["--build-arg", "SOURCE_DATE_EPOCH=1700000000"];
        let output = ["-o", "type=image,rewrite-timestamp=true", &context];
        let build = [&["build", "-q", "--no-cache", "-t", "x"], &epoch[..], &output].concat();
        let ids = ["000", "077", "022"].map(|umask| {
            let starter = ["sh", "-c", &format!("umask {umask}; exec \"$0\" \"$@\"")];
            ground.lap_behind(&starter, &build).ends_with(0).stdout
        });
        assert_eq!(ids, [ids[0].as_str(); 3]);
        let root = root(ground);
        let mode = fs::metadata(&root).expect("the store").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", root.display());
        let mut other = std::process::Command::new("setpriv");
        other.args(["--reuid", "65534", "--clear-groups", "ls", &text(&root.join("layers"))]);
        Answer::of(&mut other).ends_with(2).says(&["Permission denied"]);
    });
}

/// S37: what a step keeps swapping while everything is removed that can be, and links in what is removed.
#[test]
fn a_removal_leads_nowhere() {
    on_both_sides(|ground| {
        let dockerfile = ground.meant(
            "FROM busybox\n\
             RUN ln -s {canary} /link && mkdir /d && ln -s {up}{canary} /d/up && ln -s / /d/all && echo x > /x\n\
             RUN --mount=type=cache,id=race,target=/c i=0; while [ $i -lt 300 ]; do \
             mkdir -p /c/d/e; echo x > /c/d/e/f; mv /c/d /c/o; ln -s {canary} /c/d; mv /c/o /c/d2; \
             rm -f /c/d; mv /c/d2 /c/d; i=$((i+1)); done; rm -rf /c/d; ln -s {canary} /c/left; ln -s / /c/all\n\
             RUN ln -s {canary} /also && exit 9\n",
        );
        let context = ground.context(&dockerfile, |_| ());
        std::thread::scope(|scope| {
            let build = scope.spawn(|| ground.build_from("x", &context, &[]));
            while !build.is_finished() {
                ground.lap(&["cache", "prune", "--all"]).ends_with(0);
            }
            let ended = build.join().expect("a build");
            ended.ends_with(1).says(&["exit status 9"]);
        });
        // It may be gone already: nothing used it any more while the last step ran.
        ground.lap(&["cache", "prune", "--all"]).ends_with(0);
        let left = fs::read_dir(root(ground).join("cache")).expect("list caches").count();
        assert_eq!(left, 0, "the cache is still there");
    });
}
