//! Images as things: listed, named, looked at, removed, and moved in and out.

use serde_json::Value;

use crate::support::{
    Background, Context, Store, processes_with, text, tool, unusual_sleep, wait_for,
};

fn with_image() -> Store {
    let context =
        Context::new("FROM busybox\nENV A=1\nRUN echo content > /file\nCMD [\"cat\", \"/file\"]\n");
    let store = Store::new();
    store.build("example:1", context.path());
    store
}

fn inspected(store: &Store, image: &str) -> Value {
    let all: Value =
        serde_json::from_str(&store.ok(&["inspect", image])).expect("JSON from inspect");
    all[0].clone()
}

#[test]
fn images_are_listed() {
    let store = with_image();
    let table = store.ok(&["images"]);
    let heading = table.lines().next().expect("a heading");
    for column in ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"] {
        assert!(heading.contains(column), "{heading}");
    }
    for row in [["busybox", "latest"], ["example", "1"]] {
        assert!(
            table.lines().any(|line| row
                .iter()
                .all(|word| line.split_whitespace().any(|found| found == *word))),
            "{table}"
        );
    }
    assert_eq!(store.ok(&["images", "-q"]).lines().count(), 2);
    assert_eq!(Store::new().ok(&["images", "-q"]), "");
}

#[test]
fn lists_are_filtered_and_formatted() {
    let store = with_image();
    let list = |arguments: &[&str]| store.ok(&[&["image", "ls"], arguments].concat());
    let names =
        |arguments: &[&str]| list(&[arguments, &["--format", "{{.Repository}}:{{.Tag}}"]].concat());
    assert_eq!(names(&["--filter", "reference=exam*"]), "example:1");
    assert_eq!(names(&["-f", "before=example:1", "-f", "dangling=false"]), "busybox:latest");
    assert_eq!(names(&["-f", "label=none"]), "");
    let table = list(&["--format", "table {{.Repository}}\\t{{.Tag}}", "example"]);
    assert_eq!(table, "REPOSITORY   TAG\nexample      1");
    let digests = list(&["--digests", "busybox"]);
    assert!(digests.contains("DIGEST") && digests.contains("sha256:"), "{digests}");
    let tree = list(&["--tree", "example"]);
    assert!(tree.contains("example:1") && tree.contains("└─ linux/"), "{tree}");
    store.answer(&["images", "--filter", "x=y"]).ends_with(1).says(&["there is no filter x"]);
    store.answer(&["images", "--format", "{{.X}}"]).ends_with(1).says(&["no field .X", ".Tag"]);
    let command = store.ok(&["history", "--format", "{{.CreatedBy}}", "--no-trunc", "example:1"]);
    assert_eq!(command.lines().next(), Some("CMD [\"cat\" \"/file\"]"));
}

#[test]
fn inspect_fills_templates_in() {
    let store = with_image();
    let shown = |format: &str| store.ok(&["inspect", "-f", format, "example:1"]);
    assert_eq!(shown("{{json .Config.Cmd}}"), r#"["cat","/file"]"#);
    assert_eq!(shown("{{.Config.Entrypoint}} {{.Config.Healthcheck}}"), "[] <nil>");
    assert_eq!(shown("{{range .Config.Env}}{{println .}}{{end}}").lines().last(), Some("A=1"));
    assert_eq!(shown("{{index .RepoTags 0}} {{len .RootFS.Layers}}"), "example:1 2");
    let failed = store.answer(&["inspect", "-f", "{{.Nothing}}", "example:1"]).ends_with(1);
    failed.says(&["no field .Nothing", ".Config"]);
    store.answer(&["inspect", "--platform", "linux/riscv64", "example:1"]).ends_with(1);
}

#[test]
fn inspect_shows_the_config_and_the_layers() {
    let image = inspected(&with_image(), "example:1");
    assert!(image["Id"].as_str().is_some_and(|id| id.starts_with("sha256:")), "{image:#}");
    assert_eq!(image["RepoTags"][0], "example:1");
    assert_eq!(image["Os"], "linux");
    assert_eq!(image["Config"]["Cmd"], serde_json::json!(["cat", "/file"]));
    assert_eq!(image["Config"]["Env"][1], "A=1");
    assert_eq!(image["RootFS"]["Layers"].as_array().map(Vec::len), Some(2));
    Store::new().answer(&["inspect", "no-such-image"]).ends_with(1).says(&["no-such-image"]);
}

#[test]
fn history_shows_the_steps_newest_first() {
    let history = with_image().ok(&["history", "example:1"]);
    let position =
        |words: &str| history.find(words).unwrap_or_else(|| panic!("no {words} in {history}"));
    assert!(position("CMD") < position("echo content"), "{history}");
    assert!(position("echo content") < position("ENV A=1"), "{history}");
    assert!(position("ENV A=1") < position("base rootfs"), "{history}");
}

#[test]
fn history_shows_what_each_step_changed_and_wastes() {
    let context = Context::new(
        "FROM busybox\nRUN mkdir /d && echo 1234567 > /d/removed && echo 123 > /d/kept && echo 1 > /file\n\
         ENV A=1\nRUN rm /d/removed && echo 22 > /file\n",
    );
    let store = Store::new();
    store.build("example:1", context.path());
    let files = store.ok(&["history", "--files", "example:1"]);
    let steps: Vec<Vec<&str>> = files.split("\n\n").map(|step| step.lines().collect()).collect();
    let [newest, first, base, total] = steps.as_slice() else { panic!("{files}") };
    assert_eq!(newest[1..], ["D /d/removed", "C /file  3B"], "{files}");
    assert!(newest[0].ends_with("3B"), "{files}");
    assert_eq!(first[1..], ["A /d", "A /d/kept  4B", "A /d/removed  8B", "A /file  2B"], "{files}");
    assert!(first[0].ends_with("14B, 10B wasted"), "{files}");
    assert!(base.iter().any(|line| line.starts_with("A /bin/sh")), "{files}");
    assert!(total[0].starts_with("wasted: 10B of "), "{files}");
    let bytes = store.ok(&["history", "--files", "--format", "{{.Size}} {{.Wasted}}", "example:1"]);
    assert_eq!(bytes.lines().take(2).collect::<Vec<_>>(), ["3B 0B", "14B 10B"]);
    let json = store.ok(&["history", "--files", "--human=false", "--format", "json", "example:1"]);
    let newest: Value = serde_json::from_str(json.lines().next().expect("a step")).expect("JSON");
    assert_eq!(newest["Changes"][1], serde_json::json!({"Kind": "C", "Path": "/file", "Size": 3}));
}

#[test]
fn diff_shows_what_an_image_changes_of_another() {
    let store = Store::new();
    let file = "FROM busybox\nRUN mkdir /d && echo 1 > /d/x && echo 1 > /file\n";
    store.build("one", Context::new(file).path());
    let more = "RUN rm -r /d && echo 2 > /file && echo 3 > /new\n";
    store.build("two", Context::new(&format!("{file}{more}")).path());
    let lines = |one, two| store.ok(&["diff", one, two]);
    assert_eq!(lines("one", "two"), "D /d\nC /file\nA /new");
    assert_eq!(lines("two", "one"), "A /d\nA /d/x\nC /file\nD /new");
    assert_eq!(lines("one", "one"), "");
    store.answer(&["diff", "one", "none"]).ends_with(1).says(&["none"]);
}

#[test]
fn tags_are_names_and_removing_the_last_removes_the_image() {
    let store = with_image();
    store.ok(&["tag", "example:1", "other/name:2"]);
    assert_eq!(inspected(&store, "other/name:2")["Id"], inspected(&store, "example:1")["Id"]);
    store.ok(&["rmi", "example:1"]);
    store.answer(&["inspect", "example:1"]).ends_with(1);
    assert_eq!(store.prints("other/name:2", &[]), "content");
    store.ok(&["rmi", "other/name:2"]);
    assert_eq!(store.ok(&["images", "-q"]).lines().count(), 1);
    store.answer(&["rmi", "other/name:2"]).ends_with(1).says(&["other/name:2"]);
    store.answer(&["tag", "example:1", "x:y"]).ends_with(1).says(&["example:1"]);
    store.answer(&["tag", "busybox", "UPPER CASE"]).ends_with(1);
}

#[test]
fn what_is_saved_can_be_loaded() {
    let store = with_image();
    for format in ["oci", "docker"] {
        let archive = text(&store.beside(format));
        store.ok(&["save", "--format", format, "-o", &archive, "example:1"]);
        let other = Store::new();
        other.answer(&["load", "-i", &archive]).ends_with(0).says(&["example:1"]);
        assert_eq!(other.prints("example:1", &[]), "content", "{format}");
        assert_eq!(
            inspected(&other, "example:1")["RootFS"],
            inspected(&store, "example:1")["RootFS"]
        );
        let context = Context::new(
            "FROM example:1\nRUN test -f /file && echo more > /more\nCMD [\"cat\", \"/more\"]\n",
        );
        other.build("derived", context.path());
        assert_eq!(other.prints("derived", &[]), "more");
    }
    store
        .answer(&["save", "-o", &text(&store.beside("x")), "no-such-image"])
        .ends_with(1)
        .says(&["no-such-image"]);
}

#[test]
fn archives_of_other_tools_can_be_loaded() {
    let store = with_image();
    let layout = text(&store.layout("example:1"));
    for (transport, name) in
        [("docker-archive", ":from/skopeo:3"), ("oci-archive", ":from/skopeo:3")]
    {
        let archive = text(&store.beside(transport));
        let destination = format!("{transport}:{archive}{name}");
        tool("skopeo", &["copy", "--quiet", &format!("oci:{layout}:1"), &destination]);
        let other = Store::new();
        other.ok(&["load", "-i", &archive]);
        let id = other.ok(&["images", "-q"]);
        assert_eq!(other.prints(&id, &["cat", "/file"]), "content", "{transport}");
    }
}

#[test]
fn a_broken_archive_is_refused_and_leaves_nothing() {
    let store = with_image();
    let archive = store.beside("broken.tar");
    store.ok(&["save", "--format", "oci", "-o", &text(&archive), "example:1"]);
    let bytes = std::fs::read(&archive).expect("read the archive");
    let other = Store::new();
    std::fs::write(&archive, &bytes[..bytes.len() / 2]).expect("cut the archive");
    other.answer(&["load", "-i", &text(&archive)]).ends_with(1);
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0xff;
    std::fs::write(&archive, &changed).expect("change the archive");
    other.answer(&["load", "-i", &text(&archive)]).ends_with(1);
    std::fs::write(&archive, "no archive at all").expect("write");
    other.answer(&["load", "-i", &text(&archive)]).ends_with(1);
    assert_eq!(other.ok(&["images", "-q"]), "");
}

#[test]
fn a_root_file_system_can_be_imported() {
    let store = Store::new();
    let bases = crate::support::prepared("LAPSTRAKE_TEST_BASES");
    store.ok(&["import", &format!("{bases}/busybox.tar"), "imported:1"]);
    assert_eq!(store.prints("imported:1", &["cat", "/etc/group"]).lines().count(), 2);
    let context = Context::new("FROM imported:1\nRUN echo y > /y\nCMD [\"cat\", \"/y\"]\n");
    store.build("on-imported", context.path());
    assert_eq!(store.prints("on-imported", &[]), "y");
}

/// What `docker import --change` does, as its reference has it: the instructions of one call belong
/// together, so an ENTRYPOINT leaves a CMD before it alone.
#[test]
fn an_import_says_how_it_is_run_and_what_it_is_for() {
    let store = Store::new();
    let archive = format!("{}/busybox.tar", crate::support::prepared("LAPSTRAKE_TEST_BASES"));
    let changes = ["CMD [\"echo $A\"]", "ENV A=1 B=2", "WORKDIR /w", "EXPOSE 80", "LABEL x=y"];
    let flags = changes.iter().flat_map(|change| ["-c", change]);
    let flags: Vec<&str> = flags.chain(["--change", "ENTRYPOINT [\"sh\", \"-c\"]"]).collect();
    store.ok(&[&["import"], &flags[..], &[&archive, "changed"]].concat());
    assert_eq!(store.prints("changed", &[]), "1");
    let config = &inspected(&store, "changed")["Config"];
    assert_eq!(config["Env"], serde_json::json!(["A=1", "B=2"]));
    assert_eq!(config["WorkingDir"], "/w");
    assert_eq!(config["ExposedPorts"], serde_json::json!({"80/tcp": {}}));

    store.ok(&["import", "--platform", "linux/s390x", "-m", "from afar", &archive, "far"]);
    let far = inspected(&store, "far");
    assert_eq!((&far["Architecture"], &far["Comment"]), (&"s390x".into(), &"from afar".into()));

    for (change, said) in [
        ("RUN true", "these may be given: CMD"),
        ("CMDD x", "did you mean `CMD`?"),
        ("ENV x", "write `ENV x=value`"),
        ("", "--change"),
    ] {
        store.answer(&["import", "-c", change, &archive, "no"]).ends_with(1).says(&[said]);
    }
    store.answer(&["import", "http://127.0.0.1:9/a.tar"]).ends_with(1).says(&["127.0.0.1:9"]);
    assert!(!store.ok(&["images"]).contains("no "));
}

/// GNU tar reads what is exported: the files of all layers together, without what was deleted.
#[test]
fn the_files_of_an_image_are_exported() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nRUN echo old > /f && echo gone > /gone\nRUN echo new > /f && rm /gone\n",
    );
    store.build("app", context.path());
    let archive = store.beside("app.tar");
    store.ok(&["export", "-o", &text(&archive), "app"]);
    let names = tool("tar", &["tf", &text(&archive)]);
    assert_eq!(names.lines().filter(|name| *name == "f").count(), 1, "{names}");
    assert!(!names.lines().any(|name| name == "gone" || name.contains(".wh.")), "{names}");
    assert_eq!(tool("tar", &["xOf", &text(&archive), "f"]).trim(), "new");
    store.answer(&["export", "nothing-of-that-name"]).ends_with(1).says(&["nothing-of-that-name"]);
    // There and back again.
    store.ok(&["import", &text(&archive), "again"]);
    assert_eq!(store.prints("again", &["cat", "/f"]), "new");
}

/// Docker's words and filters. What a step wrote stays for later builds.
/// What a running container uses stays for it, and the rest goes beside it.
#[test]
fn images_are_removed_beside_a_running_container() {
    let store = with_image();
    store.ok(&["tag", "busybox", "other/busybox"]);
    let idle = Context::new("FROM scratch\nCOPY f /\n");
    idle.write("f", "idle\n");
    store.build("idle", idle.path());
    let seconds = unusual_sleep();
    let script = format!("sleep {seconds} & sleep 10; cat /file; busybox true && echo there");
    let command = store.lap(&["run", "--rm", "example:1", "sh", "-c", &script]);
    let running = Background::of(command);
    wait_for("the command", || (!processes_with(&seconds).is_empty()).then_some(()));
    let pruned = store.ok(&["image", "prune", "-a", "-f"]);
    assert!(pruned.contains("untagged: idle:latest"), "{pruned}");
    let untagged = store.ok(&["rmi", "-f", "example:1"]);
    assert!(untagged.contains("ntagged: example:1"), "{untagged}");
    let answer = running.answer();
    assert_eq!(answer.stdout, "content\nthere\n", "{}", answer.stderr);
    assert_eq!(answer.code, Some(0));
    store.ok(&["image", "prune", "-a", "-f"]);
    assert_eq!(store.ok(&["images", "-a", "-q"]), "");
}

#[test]
fn images_without_a_name_are_pruned() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nARG A\nLABEL a=$A\nRUN echo $A > /a\n");
    let build = |a: &str| {
        let build = ["build", "-q", "-t", "x", "--build-arg", a, &text(context.path())];
        store.ok(&build)
    };
    let [one, two, named] = ["A=1", "A=2", "A=3"].map(build);
    let ids = || store.ok(&["images", "-q", "--no-trunc"]);
    // Nobody is there to be asked.
    store.answer(&["image", "prune"]).ends_with(1).says(&["-f removes without asking"]);
    store.answer(&["image", "prune", "-f", "--filter", "before=x"]).ends_with(1).says(&["until"]);
    let prune = |flags: &[&str]| store.ok(&[&["image", "prune", "-f"], flags].concat());
    let nothing = "Total reclaimed space: 0B";
    assert_eq!(prune(&["--filter", "until=24h"]), nothing);
    assert_eq!(prune(&["--filter", "label=a=3"]), nothing);
    let said = prune(&["--filter", "label=a", "--filter", "label!=a=2"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], ["Deleted Images:", &format!("deleted: {one}")], "{said}");
    assert!(ids().contains(&two) && !ids().contains(&one), "{}", ids());
    let asked = format!("lap --root {} image prune", text(&store.root()));
    let lap = text(std::path::Path::new(env!("CARGO_BIN_EXE_lap")));
    let answer = |word: &str| {
        let asked = asked.replacen("lap", &lap, 1);
        let typed = format!("echo {word} | script -qc '{asked}' /dev/null");
        tool("sh", &["-c", &typed])
    };
    assert!(answer("n").contains("all images without a name") && ids().contains(&two));
    assert!(answer("y").contains(&format!("deleted: {two}")), "{two} stays");
    assert!(!ids().contains(&two) && ids().contains(&named));
    assert_eq!(build("A=1"), one, "the step was removed");
    assert_eq!(prune(&[]).lines().nth(1), Some(&*format!("deleted: {named}")));
    let all = prune(&["--all"]);
    assert!(all.contains("untagged: x:latest") && all.contains("untagged: busybox"), "{all}");
    assert_eq!(ids(), "");
}
