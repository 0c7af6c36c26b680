//! Archives that are imported into a cache mount (S30 to S33, S39).

use std::fs;
use std::path::Path;

use super::image::{CONTAINED, REFUSED};
use super::{Ground, on_both_sides, write_archive};
use crate::support::{Answer, text, tool};

/// What the mount holds before each attack.
const KEPT: &str = r#"[[["file","kept","good"]]]"#;

/// Imports an archive of these entries.
fn import(ground: &Ground, entries: &str) -> Answer {
    let archive = ground.path("mount.tar");
    write_archive(&["", &text(&archive)], &ground.meant(entries).replace("{n}", "7"));
    import_file(ground, &archive, &[])
}

fn import_file(ground: &Ground, archive: &Path, flags: &[&str]) -> Answer {
    ground.give_away(archive);
    let fixed = ["cache", "mounts", "import", "m", "-i", &text(archive)];
    ground.lap(&[&fixed[..], flags].concat())
}

/// What a step sees in the mount, by a script that runs in it; a new step each time.
fn seen(ground: &Ground, script: &str) -> String {
    let dockerfile =
        format!("FROM busybox\nRUN --mount=type=cache,id=m,target=/c cd /c; {script}\n");
    let built = ground.build("x", &dockerfile, &["--no-cache"]).ends_with(0);
    built.stderr
}

#[test]
fn archives_of_mounts_lead_nowhere() {
    on_both_sides(|ground| {
        for (entries, _) in CONTAINED {
            let answer = import(ground, entries);
            // A link that leads to what is not there is an error here.
            if answer.code != Some(0) {
                answer.ends_with(1).says(&["cannot import into the cache mount m"]);
            } else if entries.contains(r#"["link","{n}d","{canary}"]"#) {
                // What is in it leads elsewhere, and a step follows it in its sandbox.
                seen(ground, "for d in 7*; do echo x > $d/run; rm -rf $d/victim; done; true");
            }
        }
        import(ground, KEPT).ends_with(0);
        for entries in REFUSED {
            let answer = import(ground, entries);
            assert_eq!(answer.code, Some(1), "{entries} was imported");
            answer.says(&["the mount is as it was"]);
        }
        let archive = text(&ground.path("left.tar"));
        ground.lap(&["cache", "mounts", "export", "m", "-o", &archive]).ends_with(0);
        assert_eq!(tool("tar", &["-tf", &archive]).trim_start_matches("./\n"), "kept\n");
    });
}

#[test]
fn devices_and_what_is_no_folder_are_refused() {
    on_both_sides(|ground| {
        for (entries, words) in [
            (r#"[[["block","disk",[8,0],438]]]"#, "the archive has the device disk"),
            (r#"[[["char","d/mem",[1,1],438]]]"#, "the archive has the device d/mem"),
            (r#"[[["link",".","{canary}"]]]"#, "the type of"),
            (r#"[[["file",".","evil"]]]"#, "the type of"),
            (r#"[[["file","kept","x"],["file",".wh.kept",""]]]"#, "the reserved name .wh.kept"),
        ] {
            import(ground, KEPT).ends_with(0);
            import(ground, entries).ends_with(1).says(&[words, "the mount is as it was"]);
            assert!(seen(ground, "cat kept").contains(" good"), "{entries}");
        }
    });
}

/// Headers that speak of more than there is, and more than there may be.
#[test]
fn sizes_are_bounded() {
    const LARGE: &str = "import sys, tarfile\n\
        member = tarfile.TarInfo('large')\n\
        member.size = int(sys.argv[2])\n\
        if len(sys.argv) > 3:\n    \
            member.pax_headers = {'GNU.sparse.major': '0', 'GNU.sparse.minor': '1',\n      \
                'GNU.sparse.size': sys.argv[3], 'GNU.sparse.numblocks': '1',\n      \
                'GNU.sparse.map': sys.argv[3] + ',0'}\n\
        open(sys.argv[1], 'wb').write(member.tobuf(tarfile.PAX_FORMAT) + bytes(1024))\n";
    on_both_sides(|ground| {
        import(ground, KEPT).ends_with(0);
        let archive = ground.path("large.tar");
        for (sizes, words) in [
            (&["8000000000000"][..], "the archive exceeds the limit of"),
            (&["1000000"], "the archive is cut off"),
            (&["0", "8000000000000"], "the archive exceeds the limit of"),
        ] {
            let file = text(&archive);
            let arguments = [&["-c", LARGE, file.as_str()][..], sizes].concat();
            tool("python3", &arguments);
            for flags in [&[][..], &["--merge"]] {
                let answer = import_file(ground, &archive, flags).ends_with(1);
                answer.says(&[words, "the mount is as it was"]);
            }
        }
        fs::write(&archive, "no archive").expect("write");
        import_file(ground, &archive, &[]).ends_with(1).says(&["the mount is as it was"]);
        fs::write(&archive, "").expect("write");
        import_file(ground, &archive, &[]).ends_with(1).says(&["the archive is empty"]);
        assert!(seen(ground, "echo it holds $(ls)").contains("it holds kept\n"));
    });
}
