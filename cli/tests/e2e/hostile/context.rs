//! Contexts that lead elsewhere or never end (S40, S41, S07, S35).

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Ground, on_both_sides, write_archive};
use crate::support::{text, tool};

/// What a hostile folder may hold beside a Dockerfile.
fn fill(ground: &Ground) -> impl Fn(&Path) + '_ {
    |folder| {
        let canary = ground.canary();
        for (name, target) in [
            ("victim", canary.join("victim")),
            ("folder", canary.clone()),
            ("up", "../canary".into()),
            ("environment", "/proc/self/environ".into()),
            ("loop", "loop".into()),
        ] {
            symlink(target, folder.join(name)).expect("make a link");
        }
        tool("mkfifo", &[&text(&folder.join("pipe"))]);
        // An ordinary user cannot make one in a layer.
        if ground.is_root() {
            tool("mknod", &[&text(&folder.join("disk")), "b", "8", "0"]);
        }
        drop(UnixListener::bind(folder.join("socket")).expect("make a socket"));
    }
}

#[test]
fn nothing_of_the_host_is_copied() {
    on_both_sides(|ground| {
        for source in [
            "victim",
            "victi*",
            "folder",
            "folder/",
            "folder/victim",
            "up/victim",
            "../canary/victim",
            "/../../canary/victim",
            "environment",
            "loop",
        ] {
            let context =
                ground.context(&format!("FROM busybox\nCOPY {source} /x/\n"), fill(ground));
            let answer = ground.build_from("x", &context, &[]).ends_with(1);
            assert!(
                answer.stderr.contains("not found") || source == "loop",
                "{source}: {}",
                answer.stderr
            );
            let mount =
                format!("FROM busybox\nRUN --mount=source={source},target=/m cat /m /m/*\n");
            ground.build_from("x", &ground.context(&mount, fill(ground)), &[]).ends_with(1);
        }
        // Links are copied as links; what can be neither read nor copied is left out.
        let dockerfile =
            "FROM busybox\nCOPY . /x/\nRUN readlink /x/victim && ls -l /x && ! cat /x/victim\n";
        let context = ground.context(dockerfile, fill(ground));
        let start = Instant::now();
        let built = ground.build_from("x", &context, &[]).ends_with(0);
        built.says(&[&ground.meant("{canary}/victim")]);
        assert!(start.elapsed() < Duration::from_secs(20), "it waited for the pipe");
    });
}

#[test]
fn files_beside_the_context_are_read_from_the_context_alone() {
    on_both_sides(|ground| {
        let victim = ground.canary().join("victim");
        for (name, words) in
            [(".dockerignore", "leads out of the context"), ("Dockerfile", "not a regular file")]
        {
            let context = ground.context("FROM busybox\nCOPY . /x/\n", |folder| {
                drop(fs::remove_file(folder.join(name)));
                match name {
                    "Dockerfile" => drop(tool("mkfifo", &[&text(&folder.join(name))])),
                    _ => symlink(&victim, folder.join(name)).expect("make a link"),
                }
            });
            ground.build_from("x", &context, &[]).ends_with(1).says(&[words]);
        }
        let context = ground.context("FROM busybox\n", |folder| {
            tool("mkfifo", &[&text(&folder.join("Dockerfile.dockerignore"))]);
        });
        ground.build_from("x", &context, &[]).ends_with(1).says(&["not a regular file"]);
    });
}

/// CVE-2026-55686: made inside of the image, wherever its links lead.
#[test]
fn folders_are_made_inside_of_the_image() {
    on_both_sides(|ground| {
        let dockerfile = ground.meant(
            "FROM busybox\nRUN ln -s / /w && ln -s {canary} /c && ln -s {up}{canary} /u\n\
             WORKDIR /w/../../lap-escape\nWORKDIR /c/made\nWORKDIR /u/made\nCOPY a /c/copied\nADD a /u/added\n\
             VOLUME /c/volume\nRUN ls -d /lap-escape {canary}/made {canary}/copied {canary}/added\n",
        );
        ground.build("x", &dockerfile, &[]).ends_with(0);
    });
}

/// Terabytes of zeros in some hundred bytes.
#[test]
fn a_bomb_is_refused_at_once() {
    on_both_sides(|ground| {
        let script = "cd \"$0\"; truncate -s 5T zeros; tar -cS a zeros | gzip > bomb.gz; rm zeros";
        let context = ground.context("FROM busybox\nADD bomb.gz /x/\n", |folder| {
            tool("sh", &["-euc", script, &text(folder)]);
        });
        let start = Instant::now();
        ground.build_from("x", &context, &[]).ends_with(1).says(&["exceeds the limit"]);
        assert!(start.elapsed() < Duration::from_secs(20));
    });
}

#[test]
fn a_mount_leads_nowhere() {
    on_both_sides(|ground| {
        let dockerfile = ground.meant(
            "FROM busybox AS evil\nRUN ln -s {canary} /c && ln -s {up}{canary} /u && ln -s /proc/1/root/ /p\n\
             FROM busybox\n\
             RUN --mount=type=cache,id=../../../canary,target=/k touch /k/lap-escape\n\
             RUN --mount=type=cache,id={canary},target=/k ls -A /k > /k0 && ! grep . /k0\n",
        );
        ground.build("x", &dockerfile, &[]).ends_with(0);
        for mount in [
            "from=evil,source=/c,target=/m,rw",
            "from=evil,source=/u/folder,target=/m,rw",
            "from=evil,source=/p/etc,target=/m,rw",
            "type=cache,from=evil,source=/c,target=/m",
            "source=../canary,target=/m,rw",
            "source={canary},target=/m,rw",
        ] {
            let dockerfile = ground.meant(&format!(
                "FROM busybox AS evil\nRUN ln -s {{canary}} /c && ln -s {{up}}{{canary}} /u && ln -s /proc/1/root/ /p\n\
                 FROM busybox\nRUN --mount={mount} cat /m/victim /m/in; rm -rf /m/* /m/in\n"
            ));
            let answer = ground.build("x", &dockerfile, &[]);
            assert_eq!(answer.code, Some(1), "{mount}: {}", answer.stderr);
        }
    });
}

/// Into what is bound read-write, and removed after the step.
#[test]
fn what_is_written_to_a_mount_of_the_context_is_gone() {
    on_both_sides(|ground| {
        let dockerfile = "FROM busybox\nRUN --mount=target=/m,rw echo x > /m/a && rm /m/Dockerfile && touch /m/lap-escape\n";
        let context = ground.context(dockerfile, |folder| {
            write_archive(&["", &text(&folder.join("b.tar"))], r#"[[["file","x","y"]]]"#);
        });
        let before = super::listing(&context);
        ground.build_from("x", &context, &[]).ends_with(0);
        assert_eq!(super::listing(&context), before);
    });
}
