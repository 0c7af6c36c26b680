//! `--build-context`: folders and images in the place of what a Dockerfile names.

use crate::support::{Context, Store, text, tool};

#[test]
fn a_folder_with_its_own_ignore_file_is_copied_from_and_built_on() {
    let extra = Context::new("FROM nowhere\n")
        .file(".dockerignore", "*.log\nDockerfile\n")
        .file("kept.txt", "kept\n")
        .file("left.log", "left out\n");
    let context = Context::new(
        "FROM busybox AS list\nCOPY --from=extra . /x\nRUN ls -A /x > /list\n\
         FROM extra\nCOPY --from=list /bin/busybox /bin/\nCOPY --from=list /list /\n\
         CMD [\"/bin/busybox\", \"cat\", \"/list\", \"/kept.txt\"]\n",
    );
    let store = Store::new();
    let flag = format!("extra={}", text(extra.path()));
    store.build_with("named", context.path(), &["--build-context", &flag]);
    assert_eq!(store.prints("named", &[]), ".dockerignore\nkept.txt\nkept");
    let again = store.build_with("named", context.path(), &["--build-context", &flag]);
    assert_eq!(again.stderr.matches("CACHED").count(), 6, "{}", again.stderr);
    extra.write("kept.txt", "changed\n");
    store.build_with("named", context.path(), &["--build-context", &flag]);
    assert_eq!(store.prints("named", &[]), ".dockerignore\nkept.txt\nchanged");
}

#[test]
fn an_image_replaces_an_image_and_a_stage_with_its_config() {
    let store = Store::new();
    let parent = Context::new("FROM busybox\nENV FROM_PARENT=yes\nRUN echo parent > /parent\n");
    store.build("parent:1", parent.path());
    let context = Context::new(
        "FROM docker.io/library/base AS one\nRUN echo $FROM_PARENT $(cat /parent) > /one\n\
         FROM nowhere AS two\nRUN exit 1\nFROM two\nCOPY --from=one /one /\n\
         CMD [\"sh\", \"-c\", \"cat /one; echo $FROM_PARENT\"]\n",
    );
    let layout = store.layout("parent:1");
    let sources = [
        "docker-image://parent:1".to_owned(),
        format!("oci-layout://{}", text(&layout)),
        format!("oci-layout://{}:1", text(&layout)),
    ];
    for source in sources {
        let (base, two) = (format!("base={source}"), format!("two={source}"));
        let flags = ["--build-context", &base, "--build-context", &two];
        store.build_with("child", context.path(), &flags);
        assert_eq!(store.prints("child", &[]), "yes parent\nyes", "{source}");
    }
}

#[test]
fn a_layout_of_another_tool_is_read_and_checked() {
    let store = Store::new();
    let archive = store.beside("busybox.tar");
    store.ok(&["pull", "busybox"]);
    store.ok(&["save", "--format", "docker", "-o", &text(&archive), "busybox"]);
    let from = format!("docker-archive:{}", text(&archive));
    let to = format!("oci:{}:small", text(&store.beside("layout")));
    tool("skopeo", &["copy", "--insecure-policy", "-q", &from, &to]);
    let layout = store.beside("layout");
    let context = Context::new("FROM base\nRUN echo made > /made\n");
    let other = Store::new();
    let flag = format!("base=oci-layout://{}:small", text(&layout));
    other.build_with("small", context.path(), &["--build-context", &flag]);
    assert_eq!(other.prints("small", &["cat", "/made"]), "made");
    // A blob that is not what its name says.
    let largest = std::fs::read_dir(layout.join("blobs/sha256")).expect("list the blobs");
    let largest = largest.map(|blob| blob.expect("a blob").path());
    let largest = largest.max_by_key(|path| path.metadata().expect("its size").len());
    let largest = largest.expect("a largest blob");
    let mut bytes = std::fs::read(&largest).expect("read");
    let last = bytes.last_mut().expect("not empty");
    *last = last.wrapping_add(1);
    std::fs::write(&largest, bytes).expect("write");
    let name = text(&largest);
    let name = name.rsplit('/').next().expect("a name");
    Store::new()
        .try_build("small", context.path(), &["--build-context", &flag])
        .ends_with(1)
        .says(&["[context base]", name, "Dockerfile:1"]);
}

#[test]
fn what_cannot_be_a_context_is_refused_by_name() {
    let (store, context) = (Store::new(), Context::new("FROM scratch\nCOPY Dockerfile /\n"));
    let file = format!("x={}", text(&context.path().join("Dockerfile")));
    for (flag, words) in [
        ("x", ["x has no value", "NAME=DIRECTORY"]),
        ("x=", ["x has no value", "NAME=DIRECTORY"]),
        ("x=/nonexistent/y", ["x does not exist", "/nonexistent/y"]),
        (file.as_str(), ["x is not a directory", "Dockerfile"]),
        ("Up=.", ["Up cannot name a build context", "lower"]),
        ("scratch=.", ["scratch cannot name a build context", "meaning of its own"]),
        ("x=ftp://h/f", ["unknown kind of source", "oci-layout://"]),
        ("x=docker-image://A", ["cannot use the build context x", "lower"]),
        ("x=oci-layout:///nonexistent", ["x does not exist", "/nonexistent"]),
        ("x=oci-layout://.@sha256:1", ["cannot use the build context x", "sha256:1"]),
    ] {
        store
            .try_build("none", context.path(), &["--build-context", flag])
            .ends_with(1)
            .says(&words);
    }
    // One that nothing names is not looked at.
    store.build_with("some", context.path(), &["--build-context", "x=oci-layout://."]);
}
