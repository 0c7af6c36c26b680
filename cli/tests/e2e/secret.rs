//! `--secret` and `--ssh`: what a step may use, and what must not be left of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::{Answer, Background, Context, Store, processes_with, text, tool, wait_for};

/// 32 bytes that are nowhere else.
const MARKER: &str = "lap-m4rk3r-0123456789abcdef-w0rd";

/// Files below a folder that hold the marker.
fn holding(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("read a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("its type");
        if kind.is_dir() {
            found.extend(holding(&entry.path()));
        } else if kind.is_file() {
            let content = fs::read(entry.path()).expect("read a file");
            if content.windows(MARKER.len()).any(|part| part == MARKER.as_bytes()) {
                found.push(text(&entry.path()));
            }
        }
    }
    found
}

#[test]
fn a_secret_is_used_and_left_nowhere() {
    let step =
        "RUN --mount=type=secret,id=tok --mount=type=secret,id=tok,env=TOKEN,target=/etc/tok";
    let context = Context::new(&format!(
        "FROM busybox\n\
         {step} cat /run/secrets/tok /etc/tok && echo \"<$TOKEN>\" && wc -c < /run/secrets/tok > /size\n\
         {step} (printf %s \"$TOKEN\" | head -c 16; sleep 0.2; printf %s \"$TOKEN\" | tail -c +17) && \
         touch -d 2020-01-01 /x && test ! -e /run/secrets/other\n\
         {step} echo \"$TOKEN\" && exit 7\n"
    ));
    let store = Store::new();
    let file = store.beside("tok");
    fs::write(&file, MARKER).expect("write the secret");
    let flag = format!("id=tok,src={}", text(&file));
    let archive = store.beside("archive.tar");
    let output = format!("type=oci,dest={}", text(&archive));
    let failed = store.try_build("s", context.path(), &["--secret", &flag, "-o", &output]);
    let failed = failed.ends_with(1).says(&["<****>", "exit status 7"]);
    assert!(
        !failed.stderr.contains(MARKER) && !failed.stdout.contains(MARKER),
        "{}",
        failed.stderr
    );
    assert_eq!(holding(&store.root()), [""; 0], "after a failure");

    let fine = fs::read_to_string(context.path().join("Dockerfile")).expect("read");
    context.write("Dockerfile", &fine.replace("exit 7", "exit 0"));
    let built = store.build_with("s", context.path(), &["--secret", &flag, "-o", &output]);
    assert!(!built.stderr.contains(MARKER));
    assert_eq!(store.prints("s", &["cat", "/size"]), MARKER.len().to_string());
    assert_eq!(holding(&store.root()), [""; 0]);
    let bytes = fs::read(&archive).expect("read the archive");
    assert!(!bytes.windows(MARKER.len()).any(|part| part == MARKER.as_bytes()));
    for path in ["/run/secrets", "/run", "/etc/tok"] {
        let there = store.answer(&["run", "s", "test", "-e", path]).code;
        assert_eq!(there, Some(1), "{path} is left in the image");
    }
    // Its value is in no key: the steps are cached with another one, and without any.
    let again = store.build_with("s", context.path(), &["--secret", "id=tok,env=PATH"]);
    assert_eq!(again.stderr.matches(" CACHED\n").count(), 4, "{}", again.stderr);
    store.build("s", context.path());
}

/// It is in no image, so the build goes on; a later step could take it into one.
#[test]
fn a_secret_in_a_cache_mount_is_told() {
    let (secret, cache) = ("--mount=type=secret,id=tok", "--mount=type=cache,target=/c");
    let context = Context::new(&format!(
        "FROM busybox\n\
         RUN {secret} {cache} mkdir -p /c/x && ln -sfn / /c/host && rm -f /c/pipe && mkfifo /c/pipe && \
         base64 /run/secrets/tok > /c/x/y && touch -d 2020-01-01 /c/x/y && sleep 2\n\
         RUN {secret} {cache} echo other > /c/z\n\
         RUN {secret} {cache},ro cat /c/x/y > /dev/null\n\
         RUN {cache} echo last > /c/z\n"
    ));
    let store = Store::new();
    let file = store.beside("tok");
    fs::write(&file, MARKER).expect("write the secret");
    let flag = format!("id=tok,src={}", text(&file));
    let answer = store.build_with("s", context.path(), &["--secret", &flag]);
    let told = answer.stderr.lines().filter(|line| line.starts_with("warning: "));
    let told: Vec<&str> = told.filter(|line| line.contains("secret")).collect();
    let [line] = told.as_slice() else { panic!("{}", answer.stderr) };
    for words in ["[2/5] RUN", "tok in base64", "x/y in the cache mount /c", "lap cache mounts rm"]
    {
        assert!(line.contains(words), "{line}");
    }
    assert!(!answer.stderr.contains(MARKER));
    let again = ["--secret", &flag, "--no-cache", "--allow-secret-in-layer"];
    let answer = store.build_with("s", context.path(), &again);
    assert!(!answer.stderr.contains("left the secret"), "{}", answer.stderr);
}

#[test]
fn the_layer_is_as_without_a_secret() {
    let diff_id = |mount: &str| {
        let context = Context::new(&format!(
            "FROM busybox\nRUN {mount} touch -d '2020-01-01 00:00:00' /x /etc /\n"
        ));
        let store = Store::new();
        let file = store.beside("tok");
        fs::write(&file, MARKER).expect("write");
        store.build_with(
            "s",
            context.path(),
            &["--secret", &format!("id=tok,src={}", text(&file))],
        );
        let layout = text(&store.layout("s"));
        let config = tool("skopeo", &["inspect", "--config", &format!("oci:{layout}:latest")]);
        let config: serde_json::Value = serde_json::from_str(&config).expect("JSON from skopeo");
        config["rootfs"]["diff_ids"][1].clone()
    };
    let without = diff_id("");
    assert_eq!(diff_id("--mount=type=secret,id=tok"), without);
    assert_eq!(diff_id("--mount=type=secret,id=tok,target=/etc/deep/down/tok"), without);
}

#[test]
fn secrets_come_from_files_and_variables() {
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=secret,id=A cp /run/secrets/A /a\n\
         RUN --mount=type=secret,id=b,mode=741,uid=100,gid=102,target=/b stat -c '%u %g %f' /b > /stat && cp /b /bb\n",
    );
    let store = Store::new();
    let file = store.beside("b");
    fs::write(&file, "from the file").expect("write");
    let path = text(context.path());
    let from = format!("id=b,src={}", text(&file));
    let flags = ["build", "-t", "s", "--allow-secret-in-layer", "--secret", "id=A", "--secret"];
    let mut build = store.lap(&[&flags[..], &[&from, &path]].concat());
    Answer::of(build.env("A", "from the variable")).ends_with(0);
    let seen = store.prints("s", &["cat", "/a", "/bb"]);
    assert_eq!(seen, "from the variablefrom the file");
    assert_eq!(store.prints("s", &["cat", "/stat"]), "100 102 81e1");

    let large = store.beside("large");
    fs::write(&large, vec![b'x'; 512_001]).expect("write");
    for (flag, word) in [
        (format!("id=l,src={}", text(&large)), "500 KiB"),
        ("id=no-such-file-or-variable".to_owned(), "no-such-file-or-variable"),
        ("src=x".to_owned(), "id"),
        ("id=a,kind=x".to_owned(), "kind"),
    ] {
        let answer = store.answer(&["build", "--secret", &flag, &path]);
        assert_ne!(answer.code, Some(0), "{flag}");
        answer.says(&[word]);
    }
}

/// With `cache=digest` another value runs the step again, and the value that was there before does not.
/// Nothing of such a value is kept, and no other store is given the step.
#[test]
fn a_secret_that_counts_is_in_keys() {
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=secret,id=tok cat /proc/sys/kernel/random/uuid > /id\n\
         RUN cat /proc/sys/kernel/random/uuid > /next\n",
    );
    let store = Store::new();
    let (file, cache) = (store.beside("tok"), store.beside("cache"));
    let secret = format!("id=tok,src={},cache=digest", text(&file));
    let shared = format!("type=local,dest={}", text(&cache));
    let build = |value: &str| {
        fs::write(&file, value).expect("write the secret");
        let answer =
            store.build_with("s", context.path(), &["--secret", &secret, "--cache-to", &shared]);
        (store.prints("s", &["cat", "/id", "/next"]), answer)
    };
    let (first, _) = build(MARKER);
    assert_eq!(build(MARKER).0, first);
    let (second, answer) = build("another value of the secret");
    answer.says(&["the secret tok changed"]);
    assert_ne!(second, first);
    assert_eq!(build(MARKER).0, first);
    assert_eq!(holding(&store.root()), [""; 0]);
    assert_eq!(holding(&cache), [""; 0]);

    let other = Store::new();
    let from = format!("type=local,src={}", text(&cache));
    let answer =
        other.build_with("s", context.path(), &["--secret", &secret, "--cache-from", &from]);
    answer.says(&["[2/3] RUN --mount=type=secret", "first build of this step"]);
}

/// An ssh agent with one key, ended with the test.
struct Agent {
    child: Child,
    socket: PathBuf,
    key: PathBuf,
}

impl Agent {
    fn start(store: &Store) -> Self {
        let (socket, key) = (store.beside("agent.sock"), store.beside("key"));
        let child = Command::new("ssh-agent")
            .args(["-D", "-a", &text(&socket)])
            .stdout(Stdio::null())
            .spawn()
            .expect("start ssh-agent");
        let agent = Self { child, socket, key };
        tool(
            "ssh-keygen",
            &["-q", "-t", "ed25519", "-N", "", "-C", "lap-test-key", "-f", &text(&agent.key)],
        );
        wait_for("the agent's socket", || agent.socket.exists().then_some(()));
        let mut add = Command::new("ssh-add");
        Answer::of(add.args(["-q", &text(&agent.key)]).env("SSH_AUTH_SOCK", &agent.socket))
            .ends_with(0);
        agent
    }

    fn keys(&self) -> String {
        let mut list = Command::new("ssh-add");
        Answer::of(list.arg("-l").env("SSH_AUTH_SOCK", &self.socket)).stdout
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the agent for its keys, and to forget them all: prints the answers.
const ASK: &str = "use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die $!; \
    for my $kind (11, 19) { print $s pack('NC', 1, $kind); $s->flush; read($s, my $n, 4) == 4 or die; \
    read($s, my $b, unpack('N', $n)); $b =~ s/[^ -~]/./g; print qq($b\\n) }";

fn asking(mount: &str, before: &str) -> Context {
    let context = Context::new(&format!(
        "FROM debian:trixie-slim\n{before}\n\
         RUN --mount=type=ssh,{mount} --mount=source=ask.pl,target=/ask.pl \
         stat -c '%u %g %f' $SSH_AUTH_SOCK > /tmp/stat && perl /ask.pl > /tmp/answers\n"
    ));
    context.file("ask.pl", ASK)
}

#[test]
fn an_agent_lists_its_keys_and_keeps_them() {
    let store = Store::new();
    let agent = Agent::start(&store);
    let build = |context: &Context, flag: &str| {
        let mut build = store.lap(&["build", "-t", "ssh", "--ssh", flag, &text(context.path())]);
        Answer::of(build.env("SSH_AUTH_SOCK", &agent.socket))
    };
    let context = asking("mode=741,uid=100,gid=102", "");
    build(&context, "default").ends_with(0);
    assert_eq!(store.prints("ssh", &["cat", "/tmp/stat"]), "100 102 c1e1");
    let answers = store.prints("ssh", &["cat", "/tmp/answers"]);
    assert!(answers.contains("lap-test-key"), "{answers}");
    assert!(agent.keys().contains("lap-test-key"), "the step removed the user's keys");
    // A user who owns the socket can use it.
    let context = asking("uid=1000,required,id=git", "USER 1000\nENV MARK=2");
    build(&context, &format!("git={}", text(&agent.socket))).ends_with(0);
    assert_eq!(store.prints("ssh", &["cat", "/tmp/stat"]), "1000 0 c180");
    assert_eq!(store.answer(&["run", "ssh", "test", "-e", "/run/buildkit"]).code, Some(1));
    assert_eq!(fs::read_dir(store.root().join("tmp")).expect("tmp").count(), 0);
}

#[test]
fn keys_of_files_get_an_agent_that_ends_with_the_build() {
    let store = Store::new();
    let agent = Agent::start(&store);
    let context = asking("id=k", "");
    let path = text(context.path());
    store.ok(&["build", "-q", "-t", "ssh", "--ssh", &format!("k={}", text(&agent.key)), &path]);
    assert!(store.prints("ssh", &["cat", "/tmp/answers"]).contains("lap-test-key"));
    wait_for("the started agent to end", || {
        let left = processes_with("ssh-agent").into_iter().filter(|id| {
            let folder = fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
            folder.starts_with(store.root())
        });
        (left.count() == 0).then_some(())
    });
    let locked = store.beside("locked");
    tool("ssh-keygen", &["-q", "-t", "ed25519", "-N", "phrase", "-f", &text(&locked)]);
    for (flag, words) in [
        (format!("k={}", text(&locked)), ["locked", "passphrase"]),
        (format!("k={},{}", text(&agent.key), text(&agent.socket)), ["k", "socket"]),
        ("k=/no/such/key".to_owned(), ["/no/such/key", "No such file"]),
    ] {
        store.answer(&["build", "--ssh", &flag, &path]).ends_with(1).says(&words);
    }
    let mut without = store.lap(&["build", "--ssh", "default", &path]);
    Answer::of(without.env_remove("SSH_AUTH_SOCK")).ends_with(1).says(&["SSH_AUTH_SOCK"]);
}

#[test]
fn a_layer_that_has_a_secret_fails_the_build() {
    let store = Store::new();
    let file = store.beside("tok");
    fs::write(&file, format!("{MARKER}\n")).expect("write the secret");
    let flag = format!("id=tok,src={}", text(&file));
    for (command, words) in [
        ("cp $S /root/copy", ["as it is, in /root/copy", "Dockerfile:2"]),
        ("base64 $S > /b", ["in base64, in /b", "--allow-secret-in-layer"]),
        ("hexdump -ve '1/1 \"%02x\"' $S > /h", ["in hexadecimal, in /h", "secret tok"]),
        ("od -An -tx1 $S > /o", ["in hexadecimal, in /o", "secret tok"]),
        ("(seq 9; cat $S $S $S) | base64 > /w", ["in base64, in /w", "secret tok"]),
        ("ln -s \"$(cat $S)\" /link", ["as it is, in /link", "secret-in-layer"]),
        ("touch \"/root/$(cat $S)\"", ["as it is, in /root", "secret-in-layer"]),
    ] {
        let context = Context::new(&format!(
            "FROM busybox\nRUN --mount=type=secret,id=tok export S=/run/secrets/tok; {command}\n"
        ));
        let answer = store.try_build("leak", context.path(), &["--secret", &flag]).ends_with(1);
        let answer = answer.says(&words);
        assert!(!answer.stderr.contains(MARKER), "{}", answer.stderr);
        assert_eq!(holding(&store.root()), [""; 0], "after {command}");
    }
}

#[test]
fn a_secret_in_a_layer_can_be_allowed_and_is_in_no_cache() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=secret,id=tok,env=TOKEN echo $TOKEN > /kept\n",
    );
    let build = |flags: &[&str]| {
        let flags =
            [&["build", "-q", "-t", "kept", "--secret", "id=tok,env=TOKEN"], flags].concat();
        let mut command = store.lap(&flags);
        Answer::of(command.arg(context.path()).env("TOKEN", MARKER))
    };
    build(&["--allow-secret-in-layer"]).ends_with(0);
    assert_eq!(store.prints("kept", &["cat", "/kept"]), MARKER);
    build(&[]).ends_with(1);
}

#[test]
fn a_crash_writes_no_secret_down() {
    let context = Context::new("FROM busybox\nRUN --mount=type=secret,id=token sleep 30\n");
    let store = Store::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut shell = std::process::Command::new("sh");
    let line = format!(
        "ulimit -c unlimited; exec {} build --progress plain --secret id=token,env=TOKEN {}",
        env!("CARGO_BIN_EXE_lap"),
        text(context.path())
    );
    shell.args(["-c", &line]).current_dir(folder.path()).env("LAPSTRAKE_ROOT", store.root());
    shell.env("TOKEN", "marker-of-a-secret");
    let lap = Background::of(shell);
    let status = format!("/proc/{}/task", lap.id());
    wait_for("the command", || {
        let children = std::fs::read_dir(&status).ok()?.flatten();
        children
            .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
            .any(|children| !children.trim().is_empty())
            .then_some(())
    });
    lap.signal(Signal::SIGQUIT);
    let answer = lap.answer();
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("list it").flatten().collect();
    // The kernel may hand it to a program in place of a file (core(5)).
    assert!(left.is_empty() && !answer.dumped_core, "{left:?}\n{answer:?}");
}
