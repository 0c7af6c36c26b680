//! Layers and archives whose entries lead elsewhere (S03, S16, S30 to S33, S36, S39).

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{CONTENT, ESCAPE, on_both_sides, write_archive};
use crate::support::text;

/// Layers, and a file in the image that then holds `evil`: links mean what they mean inside of the image, as
/// containerd has it (`pkg/archive/tar_test.go`, TestBreakouts). `{n}` tells the lines apart.
pub(super) const CONTAINED: &[(&str, &str)] = &[
    (r#"[[["file","../lap-escape","evil"]]]"#, "/lap-escape"),
    (r#"[[["file","/{n}lap-escape","evil"]]]"#, "/{n}lap-escape"),
    (r#"[[["file","x/../../../{n}lap-escape","evil"]]]"#, "/{n}lap-escape"),
    (r#"[[["file","{up}etc/lap-escape","evil"]]]"#, "/etc/lap-escape"),
    (r#"[[["link","{n}d","{canary}"],["file","{n}d/victim","evil"]]]"#, "{canary}/victim"),
    (r#"[[["link","{n}d","{up}{canary}"],["file","{n}d/{n}","evil"]]]"#, "{canary}/{n}"),
    // Each layer is unpacked by itself, as Docker does it: the folder of the second replaces the link.
    (r#"[[["link","{n}d","{canary}"]],[["file","{n}d/victim","evil"]]]"#, "/{n}d/victim"),
    (
        r#"[[["link","{n}e","{up}"],["link","{n}d","{n}e{canary}"],["file","{n}d/{n}","evil"]]]"#,
        "{canary}/{n}",
    ),
    (r#"[[["link","{n}d","{canary}/victim"],["file","{n}d","evil"]]]"#, "/{n}d"),
    (r#"[[["link","{n}d","{canary}/victim"]],[["file","{n}d","evil"]]]"#, "/{n}d"),
    (
        r#"[[["link","{n}d","{canary}"],["dir","{n}d",null,511],["file","{n}d/x","evil"]]]"#,
        "/{n}d/x",
    ),
    (
        r#"[[["file","{n}f","evil"],["link","{n}d","{canary}"]],[["file","{n}d/.wh.x",""]]]"#,
        "/{n}f",
    ),
    (
        r#"[[["file","{n}f","evil"],["link","{n}d","{canary}"]],[["file","{n}d/.wh..wh..opq",""]]]"#,
        "/{n}f",
    ),
    (r#"[[["file","{n}f","evil"]],[["file","{up}{canary}/folder/.wh.in",""]]]"#, "/{n}f"),
    (
        r#"[[["file","{n}f","evil"],["dir","..",null,511],["dir","{up}{canary}",null,511]]]"#,
        "/{n}f",
    ),
    (
        r#"[[["file","{n}f","evil"],["link","{n}d","{canary}/victim"],["hard","{n}h","{n}d"]]]"#,
        "/{n}f",
    ),
];

/// The lines whose `d` is a link to a folder.
const FOLDERS: [u32; 5] = [4, 5, 7, 11, 12];

/// What cannot be meant.
pub(super) const REFUSED: &[&str] = &[
    r#"[[["hard","h","{canary}/victim"]]]"#,
    r#"[[["hard","h","{up}{canary}/victim"],["file","h","evil"]]]"#,
    r#"[[["link","d","{canary}"],["hard","h","d/victim",511]]]"#,
    r#"[[["file",".wh..",""]]]"#,
    r#"[[["file",".wh...",""]]]"#,
    r#"[[["file",".wh.",""]]]"#,
    r#"[[["link","","{canary}"]]]"#,
    r#"[[["link",".","{canary}"]]]"#,
    r#"[[["char","x",[0,0]]]]"#,
];

/// The layers of all lines, laid together, and the files that hold `evil`.
fn contained() -> (String, Vec<String>) {
    let mut layers = vec![Vec::new(), Vec::new()];
    let mut files = Vec::new();
    for (number, (line, file)) in CONTAINED.iter().enumerate() {
        let numbered = |text: &str| text.replace("{n}", &number.to_string());
        let parsed: Vec<Vec<Value>> = serde_json::from_str(&numbered(line)).expect("JSON");
        for (layer, entries) in layers.iter_mut().zip(parsed) {
            layer.extend(entries);
        }
        files.push(numbered(file));
    }
    (serde_json::to_string(&layers).expect("JSON"), files)
}

/// What a build can do by way of a link, after a look at what was taken.
fn dockerfile(files: &[String]) -> String {
    let mut text = "FROM busybox AS b\nFROM evil\nCOPY --from=b /bin /bin\n".to_owned();
    let count = files.len();
    text +=
        &format!("RUN test $(cat {} | tr -d '\\n') = {}\n", files.join(" "), "evil".repeat(count));
    for folder in FOLDERS {
        text += &format!("COPY a {folder}d/\nADD a {folder}d/added\n");
    }
    text + "RUN for d in /*d; do echo x > $d/run; chmod 777 $d; rm -rf $d/victim $d/folder; chown 1:1 $d; done; true\n"
}

#[test]
fn layers_lead_nowhere() {
    on_both_sides(|ground| {
        let (layers, files) = contained();
        ground.load("evil", &layers).ends_with(0);
        let dockerfile = ground.meant(&dockerfile(&files));
        let output = format!("type=local,dest={}", text(&ground.path("out")));
        ground.build("used", &dockerfile, &["-o", &output]).ends_with(0);
        ground.build("used", &dockerfile, &[]).ends_with(0);
        ground.lap(&["save", "-o", &text(&ground.path("out.tar")), "used"]).ends_with(0);
        for layers in REFUSED {
            let loaded = ground.load("evil", layers);
            assert_eq!(loaded.code, Some(1), "{layers} was loaded");
        }
    });
}

/// What one build leaves in a folder does not lead the next one elsewhere.
#[test]
fn an_output_folder_leads_nowhere() {
    on_both_sides(|ground| {
        let folder = ground.path("out");
        let output = format!("type=local,dest={}", text(&folder));
        let trap = ground.meant("FROM scratch\nCOPY --from=evil / /\n");
        ground.load("evil", r#"[[["link","d","{canary}"],["link","victim","{canary}/victim"],["link","e","{canary}/folder"]]]"#).ends_with(0);
        ground.build("trap", &trap, &["-o", &output]).ends_with(0);
        ground.build("x", "FROM scratch\nCOPY a /d/victim\nCOPY a /victim\nCOPY a /d/\nCOPY --chmod=777 a /e/in\n", &["-o", &output]);
    });
}

/// Also where the image has a link in the way of what is unpacked.
#[test]
fn archives_that_are_added_lead_nowhere() {
    on_both_sides(|ground| {
        ground.load("evil", r#"[[["link","d","{canary}"],["link","x","{canary}"]]]"#).ends_with(0);
        let lines = CONTAINED.iter().map(|(layers, _)| (*layers, true));
        for (layers, is_meant) in lines.chain(REFUSED.iter().map(|layers| (*layers, false))) {
            let layers = ground.meant(layers).replace("{n}", "7");
            let fill = |folder: &Path| write_archive(&["", &text(&folder.join("a.tar"))], &layers);
            let context = ground.context("FROM evil\nADD a.tar /\nADD a.tar /d/../x/\n", fill);
            let answer = ground.build_from("added", &context, &[]);
            // A link that leads to what is not there is an error here.
            let leads_nowhere = answer.stderr.contains("leads nowhere");
            assert!(
                answer.code == Some(0) || !is_meant || leads_nowhere,
                "{layers}: {}",
                answer.stderr
            );
            assert!(answer.code == Some(1) || !layers.contains("\"hard\",\"h\",\"/"), "{layers}");
        }
    });
}

/// BuildKit 0.32.1 had to allow again what a stricter reader refused.
#[test]
fn links_that_stay_inside_work() {
    on_both_sides(|ground| {
        let archive = r#"[[["dir","real"],["file","real/one","evil"],["link","way","real"],["file","way/two","evil"],["file","implied/parent/three","evil"],["hard","four","real/one"]]]"#;
        let fill = |folder: &Path| write_archive(&["", &text(&folder.join("a.tar"))], archive);
        let context = ground.context(
            "FROM busybox\nRUN mkdir /target && ln -s /target /x\nADD a.tar /x/\n\
             RUN cat /target/real/one /target/real/two /target/implied/parent/three /target/four > /all\n",
            fill,
        );
        ground.build_from("inside", &context, &[]).ends_with(0);
        assert_eq!(ground.prints("inside", &["cat", "/all"]), "evil".repeat(4));
    });
}

#[test]
fn system_folders_of_an_image_lead_nowhere() {
    on_both_sides(|ground| {
        for (layers, is_refused) in [
            (r#"[[["link","proc","{canary}"]]]"#, true),
            (r#"[[["link","sys","{up}{canary}"]]]"#, true),
            (r#"[[["link","dev","/"]]]"#, true),
            (r#"[[["link","dev/null","/proc/sys/kernel/core_pattern"]]]"#, false),
            (
                r#"[[["link","dev/console","{canary}/victim"],["link","dev/pts","../..{canary}"]]]"#,
                false,
            ),
            (r#"[[["link","dev/shm","{canary}"],["link","dev/mqueue","{canary}"]]]"#, false),
            (r#"[[["link","etc","{canary}"]]]"#, false),
            (
                r#"[[["link","run","/"],["link","var","{canary}"],["link","root","{canary}"]]]"#,
                false,
            ),
        ] {
            ground.load("evil", layers).ends_with(0);
            let dockerfile = "FROM busybox AS b\nFROM evil\nCOPY --from=b /bin /bin\n\
                 RUN --mount=type=tmpfs,target=/run/t --mount=type=cache,target=/var/c \
                 echo x > /dev/null && stat -c '%t:%T' /dev/null && echo x > /run/t/x && echo x > /var/c/x && \
                 ! echo x > /proc/sys/kernel/core_pattern\n";
            let answer = ground.build("x", dockerfile, &[]);
            match is_refused {
                true => drop(answer.ends_with(1).says(&["symbolic link"])),
                false => drop(answer.ends_with(0).says(&["1:3"])),
            }
        }
        // Where a name leads out by way of /proc, the step fails.
        ground
            .load("evil", r#"[[["link","etc/resolv.conf","/proc/1/root{canary}/victim"]]]"#)
            .ends_with(0);
        let dockerfile =
            "FROM busybox AS b\nFROM evil\nCOPY --from=b /bin /bin\nRUN cat /etc/resolv.conf\n";
        ground.build("x", dockerfile, &[]).ends_with(1);
    });
}

/// A disk, and the memory of the machine. An ordinary user's store has none.
#[test]
fn devices_of_a_layer_cannot_be_opened() {
    on_both_sides(|ground| {
        let layers = r#"[[["block","disk",[8,0],438],["char","mem",[1,1],438],["file","f","x"]]]"#;
        ground.load("evil", layers).ends_with(0);
        let dockerfile = "FROM busybox AS b\nFROM evil\nCOPY --from=b /bin /bin\n\
             RUN for d in /disk /mem; do head -c 1 $d && exit 1; done; true\n";
        let built = ground.build("x", dockerfile, &[]).ends_with(0);
        let why = if ground.is_root() { "Permission denied" } else { "No such file" };
        built.says(&[&format!("/disk: {why}"), &format!("/mem: {why}")]);
    });
}

/// CVE-2019-14271, CVE-2026-41567: what the builder needs does not come from the image.
#[test]
fn programs_of_an_image_run_in_sandboxes_only() {
    on_both_sides(|ground| {
        let trojan = "#!/bin/sh\\necho ran > /lap-escape\\necho ran > {canary}/victim\\n";
        let names = "tar gzip gunzip unpigz pigz xz unxz zstd bzip2 git ssh newuidmap newgidmap getent sh id";
        let folders = ["bin", "usr/bin", "sbin"];
        let files = folders.iter().flat_map(|folder| {
            names.split(' ').map(move |name| format!(r#"["file","{folder}/{name}","{trojan}"]"#))
        });
        let files: Vec<String> = files.collect();
        ground.load("evil", &format!("[[{}]]", files.join(","))).ends_with(0);
        let context = ground.context(
            "FROM evil\nUSER nobody\nUSER 0\nADD a.tar.gz /g/\nADD a.tar.xz /x/\nADD a.tar.bz2 /b/\n\
             COPY --chown=0:0 a /\nWORKDIR /w\n",
            |folder| {
                for (flag, end) in [("-z", "gz"), ("-J", "xz"), ("-j", "bz2")] {
                    let archive = text(&folder.join(format!("a.tar.{end}")));
                    crate::support::tool("tar", &["-C", &text(folder), flag, "-cf", &archive, "a"]);
                }
            },
        );
        ground.build_from("trojan", &context, &[]).ends_with(0);
        let shell = "FROM busybox AS b\nFROM trojan\nCOPY --from=b /bin/busybox /busybox\n";
        ground.build("shell", shell, &[]).ends_with(0);
        let seen = ground.prints(
            "shell",
            &["/busybox", "sh", "-c", "/busybox cat /g/a /x/a /b/a; /busybox ls /"],
        );
        assert!(seen.starts_with("one\none\none\n") && !seen.contains(ESCAPE), "{seen}");
        assert_eq!(fs::read_to_string(ground.canary().join("victim")).expect("read"), CONTENT);
    });
}
