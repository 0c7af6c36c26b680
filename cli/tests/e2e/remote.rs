//! Contexts that are not a folder of this machine: standard input, URLs, repositories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{Answer, Context, Store, free_port, scratch, text, tool, wait_for};

/// A context that shows where its files went, with a file that an ignore file would leave out.
fn context() -> Context {
    Context::new("FROM busybox\nCOPY . /d/\nRUN cat /d/a /d/b/c > /read\n")
        .file("a", "one\n")
        .file("b/c", "two\n")
        .file(".dockerignore", "b\n")
}

/// Builds with `input` on standard input.
fn fed(store: &Store, input: &Path, arguments: &[&str]) -> Answer {
    let arguments = [&["build", "-t", "fed"], arguments].concat();
    let mut lap = store.lap(&arguments);
    Answer::of(lap.stdin(fs::File::open(input).expect("open the input")))
}

fn packed(folder: &Path, to: &Path, filter: &str) -> PathBuf {
    let archive = to.join(format!("context-{filter}"));
    let script = format!("tar -C {} -c . | {filter} > {}", text(folder), text(&archive));
    tool("sh", &["-euc", &script]);
    archive
}

#[test]
fn an_archive_on_standard_input_is_the_context() {
    let (store, context, folder) = (Store::new(), context(), scratch());
    for filter in ["cat", "gzip", "bzip2", "xz", "zstd"] {
        let archive = packed(context.path(), folder.path(), filter);
        fed(&store, &archive, &["-"]).ends_with(0);
        // No ignore file counts in it.
        assert_eq!(store.prints("fed", &["cat", "/read"]), "one\ntwo", "{filter}");
    }
    fs::write(context.path().join("Other"), "FROM busybox\nRUN echo other > /read\n")
        .expect("write");
    let archive = packed(context.path(), folder.path(), "cat");
    fed(&store, &archive, &["-f", "Other", "-"]).ends_with(0);
    assert_eq!(store.prints("fed", &["cat", "/read"]), "other");
    fed(&store, &archive, &["-f", "None", "-"]).ends_with(1).says(&["None", "-f"]);
}

#[test]
fn a_dockerfile_on_standard_input() {
    let (store, folder) = (Store::new(), scratch());
    let file = folder.path().join("typed");
    fs::write(&file, "FROM busybox\nRUN echo typed > /read\n").expect("write");
    fed(&store, &file, &["-"]).ends_with(0);
    assert_eq!(store.prints("fed", &["cat", "/read"]), "typed");
    fs::write(&file, "FROM busybox\nCOPY a /read\n").expect("write");
    fed(&store, &file, &["-"]).ends_with(1).says(&["<stdin>:2:6"]);
    let context = context();
    fed(&store, &file, &["-f", "-", &text(context.path())]).ends_with(0);
    assert_eq!(store.prints("fed", &["cat", "/read"]), "one");
    fed(&store, &file, &["-f", "-", "-"]).ends_with(1).says(&["both"]);
    fs::write(&file, "").expect("write");
    fed(&store, &file, &["-"]).ends_with(1).says(&["standard input is empty"]);
}

/// What is hostile or broken gives no image, and nothing of this machine.
#[test]
fn archives_that_cannot_be_used() {
    let (store, folder) = (Store::new(), scratch());
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).expect("make a folder");
    fs::write(folder.path().join("secret"), "FROM scratch\nLABEL leaked=yes\n").expect("write");
    for target in ["../secret".to_owned(), text(&folder.path().join("secret"))] {
        let link = tree.join("Dockerfile");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(target, link).expect("link");
        let archive = packed(&tree, folder.path(), "cat");
        fed(&store, &archive, &["-"]).ends_with(1).says(&["Dockerfile"]);
    }
    let archive = packed(context().path(), folder.path(), "gzip");
    let bytes = fs::read(&archive).expect("read");
    fs::write(&archive, &bytes[..bytes.len() / 2]).expect("write");
    fed(&store, &archive, &["-"]).ends_with(1).says(&["standard input"]);
    assert_eq!(store.ok(&["images", "-q"]), "");
}

/// A server of files on this machine; it ends when it is dropped.
struct Server(Child, u16);

impl Server {
    fn of(folder: &Path) -> Self {
        let port = free_port();
        let server = Command::new("python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is missing: apt-get install -y python3");
        wait_for("the server", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self(server, port)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The context and, in it once more, a repository of it.
fn served(folder: &Path) -> Server {
    let context = context();
    packed(context.path(), folder, "gzip");
    fs::write(folder.join("Dockerfile"), "FROM busybox\nCOPY a /read\n").expect("write");
    let script = format!(
        "git init -q -b main work; mkdir work/sub; cp -r {}/. work/sub; git -C work add -A\n\
         GIT_COMMITTER_DATE='1600000000 +0100' git -C work -c user.name=a -c user.email=a@b commit -qm first\n\
         git clone -q --bare work bare.git; git -C bare.git update-server-info",
        text(context.path())
    );
    tool("sh", &["-euc", &format!("cd {}\n{script}", text(folder))]);
    Server::of(folder)
}

#[test]
fn archives_dockerfiles_and_repositories_are_fetched() {
    let (store, folder) = (Store::new(), scratch());
    let server = served(folder.path());
    let build =
        |arguments: &[&str]| store.answer(&[&["build", "-t", "fetched"], arguments].concat());
    build(&[&server.url("context-gzip")]).ends_with(0);
    assert_eq!(store.prints("fetched", &["cat", "/read"]), "one\ntwo");
    build(&[&format!("{}#main:sub", server.url("bare.git"))]).ends_with(0);
    assert_eq!(store.prints("fetched", &["cat", "/read"]), "one\ntwo");
    let here = context();
    build(&["-f", &server.url("Dockerfile"), &text(here.path())]).ends_with(0);
    assert_eq!(store.prints("fetched", &["cat", "/read"]), "one");
    let named = Context::new("FROM busybox\nCOPY --from=tar a /\nCOPY --from=git sub/b /\n");
    let contexts =
        [format!("tar={}", server.url("context-gzip")), format!("git={}", server.url("bare.git"))];
    let flags = ["--build-context", &contexts[0], "--build-context", &contexts[1]];
    build(&[&flags[..], &[text(named.path()).as_str()]].concat()).ends_with(0);
    assert_eq!(store.prints("fetched", &["cat", "/a", "/c"]), "one\ntwo");
    build(&[&server.url("nothing")]).ends_with(1).says(&["404"]);
    build(&[&format!("{}#none", server.url("bare.git"))]).ends_with(1).says(&["none"]);
}

/// SOURCE_DATE_EPOCH=context and =NAME: the time of the commit, of Last-Modified, or of the newest
/// file (BuildKit's epoch.go).
#[test]
fn fetched_contexts_have_a_time() {
    let (store, folder) = (Store::new(), scratch());
    let server = served(folder.path());
    let archive = folder.path().join("context-gzip");
    tool("touch", &["-d", "@1500000000", &text(&archive)]);
    let created = |arguments: &[&str]| {
        let tag = ["build", "-t", "timed", "--build-arg"];
        store.answer(&[&tag[..], arguments].concat()).ends_with(0);
        store.ok(&["inspect", "timed"])
    };
    let git = format!("{}#main:sub", server.url("bare.git"));
    let tar = server.url("context-gzip");
    let named = format!("source={git}");
    let by_name = ["SOURCE_DATE_EPOCH=source", "--build-context", &named, &tar];
    let main = |context| ["SOURCE_DATE_EPOCH=context", context];
    assert!(created(&main(&git)).contains("2020-09-13T12:26:40Z"));
    assert!(created(&main(&tar)).contains("2017-07-14T02:40:00Z"));
    assert!(created(&by_name).contains("2020-09-13T12:26:40Z"));
    let context = context();
    let script = format!("find {} -exec touch -d @1400000000 {{}} +", text(context.path()));
    tool("sh", &["-euc", &script]);
    let archive = packed(context.path(), folder.path(), "cat");
    let flags = ["--build-arg", "SOURCE_DATE_EPOCH=context", "-"];
    fed(&store, &archive, &flags).ends_with(0);
    assert!(store.ok(&["inspect", "fed"]).contains("2014-05-13T16:53:20Z"));
}

/// Of what is fetched as well it is said why: of contexts, and of what ADD names.
#[test]
fn what_is_fetched_says_why() {
    let (store, folder, context) = (Store::new(), scratch(), context());
    let commit = |content: &str| {
        context.write("a", content);
        let script = "git init -q -b main; git add .; \
                      git -c user.name=a -c user.email=a@b commit -qm x; rm -rf $0; \
                      git clone -q --bare . $0; git -C $0 update-server-info";
        let script = format!("cd {}; {script}", text(context.path()));
        tool("sh", &["-euc", &script, &text(&folder.path().join("x.git"))]);
    };
    commit("one\n");
    let server = Server::of(folder.path());
    let url = server.url("x.git");
    let build = |flags: &[&str]| {
        let arguments =
            [&["build", "--progress", "plain", "-t", "x"], flags, &[url.as_str()]].concat();
        store.answer(&arguments).ends_with(0)
    };
    build(&[]).says(&[&format!("fetching {url}\nfetched for the first time\n")]);
    let cached = build(&["--explain"]);
    cached.says(&[&format!("context {url} cached\n")]);
    commit("changed\n");
    let moved = build(&["--explain"]);
    let moved = moved.says(&["main moved: ", &format!("context {url} fetched\n    main moved: ")]);
    moved.says(&["[2/3] COPY . /d/ executed\n    a changed\n"]);

    // The same of a context that has a name, and of ADD.
    let user = Context::new(&format!("FROM busybox\nADD {url} /x/\nCOPY --from=named a /a\n"));
    let named = format!("named={url}#main");
    let build = || store.build_with("y", user.path(), &["--build-context", &named, "--explain"]);
    commit("named\n");
    build();
    commit("again\n");
    let told = build();
    let told = told.says(&[&format!("context {url}#main fetched\n    main moved: ")]);
    // It is the same commit.
    let told = told.says(&[&format!("fetch {url} cached\n")]);
    told.says(&["/x/ executed\n    a changed\n", "a /a executed\n    a changed\n"]);
}
