//! `lap build` and its flags: what is asked for on the command line, and what comes out besides the
//! image in the store.

use crate::support::{Context, Store, registry_address, text, tool};

#[test]
fn a_stage_can_be_the_target() {
    let context = Context::new(
        "FROM busybox AS first\nCMD [\"echo\", \"first\"]\nFROM busybox\nRUN exit 1\n",
    );
    let store = Store::new();
    store.build_with("part", context.path(), &["--target", "first"]);
    assert_eq!(store.prints("part", &[]), "first");
    store
        .try_build("part", context.path(), &["--target", "frist"])
        .ends_with(1)
        .says(&["frist", "first"]);
}

#[test]
fn the_dockerfile_can_lie_elsewhere() {
    let (store, context) =
        (Store::new(), Context::new("FROM busybox\nRUN exit 1\n").file("a.txt", "a\n"));
    let elsewhere = store.beside("Other.Dockerfile");
    std::fs::write(&elsewhere, "FROM busybox\nCOPY a.txt /\nCMD [\"cat\", \"/a.txt\"]\n")
        .expect("write");
    store.build_with("other", context.path(), &["-f", &text(&elsewhere)]);
    assert_eq!(store.prints("other", &[]), "a");
}

#[test]
fn arguments_labels_hosts_and_network_reach_the_build() {
    let context = Context::new(
        "FROM busybox\nARG WORD=default\nRUN echo $WORD > /word && grep myhost /etc/hosts > /hosts\n\
         RUN tail -n +3 /proc/net/dev | wc -l > /devices\n",
    );
    let store = Store::new();
    let flags = [
        "--build-arg",
        "WORD=given",
        "--label",
        "a.b=c d",
        "--add-host",
        "myhost:10.1.2.3",
        "--network",
        "none",
    ];
    store.build_with("flags", context.path(), &flags);
    assert_eq!(store.prints("flags", &["cat", "/word", "/devices"]), "given\n1");
    assert!(store.prints("flags", &["cat", "/hosts"]).starts_with("10.1.2.3"));
    assert!(store.ok(&["inspect", "flags"]).contains("\"a.b\": \"c d\""));
    let given_once = store.prints("flags", &["cat", "/etc/hosts"]);
    assert!(!given_once.contains("myhost"), "the build's hosts are in the image: {given_once}");
}

#[test]
fn quiet_prints_the_id_and_nothing_else() {
    let context = Context::new("FROM busybox\nRUN echo noise\nCMD [\"echo\", \"by id\"]\n");
    let store = Store::new();
    let answer = store.answer(&["build", "-q", &text(context.path())]).ends_with(0);
    assert_eq!(answer.stderr, "");
    let id = answer.stdout.trim_end();
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id:?} is no id");
    assert_eq!(store.prints(id, &[]), "by id");
}

#[test]
fn progress_goes_to_stderr_and_shows_what_a_step_prints() {
    let context = Context::new("FROM busybox\nRUN echo said by the step && echo also this >&2\n");
    let store = Store::new();
    let answer = store.build("noisy", context.path());
    for words in ["RUN echo said by the step", "also this"] {
        assert!(answer.stderr.contains(words), "no {words:?} in {}", answer.stderr);
    }
    let again = store.build("noisy", context.path());
    assert!(again.stderr.contains("CACHED"), "{}", again.stderr);
    assert!(!again.stderr.bytes().any(|byte| byte == 0x1b), "escape sequences without a terminal");
}

#[test]
fn an_image_can_be_written_as_an_archive() {
    let context = Context::new("FROM busybox\nRUN echo x > /x\n");
    let store = Store::new();
    for (kind, transport) in [("oci", "oci-archive"), ("docker", "docker-archive")] {
        let archive = text(&store.beside(kind));
        store.build_with(
            "written",
            context.path(),
            &["-o", &format!("type={kind},dest={archive}")],
        );
        let found = tool("skopeo", &["inspect", &format!("{transport}:{archive}")]);
        let found: serde_json::Value = serde_json::from_str(&found).expect("JSON from skopeo");
        assert_eq!(found["Layers"].as_array().expect("layers").len(), 2, "{kind}");
    }
}

#[test]
fn many_tags_name_one_image() {
    let context = Context::new("FROM busybox\nCMD [\"echo\", \"one\"]\n");
    let store = Store::new();
    store.build_with(
        "first:1",
        context.path(),
        &["-t", "second:2", "-t", "example.org/third/name:3"],
    );
    for name in ["first:1", "second:2", "example.org/third/name:3"] {
        assert_eq!(store.prints(name, &[]), "one");
    }
}

#[test]
fn a_base_can_be_named_by_its_digest_or_its_registry() {
    let store = Store::new();
    let address = registry_address();
    let url = format!("docker://{address}/library/busybox:latest");
    let manifest =
        tool("skopeo", &["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &url]);
    let digest = manifest.trim();
    for base in [
        format!("busybox@{digest}"),
        format!("{address}/library/busybox"),
        format!("busybox:latest@{digest}"),
    ] {
        let context = Context::new(&format!("FROM {base}\nCMD [\"echo\", \"based\"]\n"));
        store.build("based", context.path());
        assert_eq!(store.prints("based", &[]), "based");
    }
    let absent = format!("FROM busybox@sha256:{}\n", "0123456789abcdef".repeat(4));
    store
        .try_build("absent", Context::new(&absent).path(), &[])
        .ends_with(1)
        .says(&["0123456789abcdef"]);
}
