//! Repositories to fetch from, served over smart HTTP by git's own `http-backend`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::server::{Asked, Reply, Server};

/// Repositories in a folder, made by shell scripts.
pub(crate) struct Origin {
    folder: TempDir,
    pub(crate) server: Server,
    /// What `Authorization` has to be, when anything.
    wanted: Arc<Mutex<Option<String>>>,
}

impl Origin {
    /// Runs `script` in the folder, with an identity and fixed times; repositories in it are served.
    pub(crate) fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let wanted: Arc<Mutex<Option<String>>> = Arc::default();
        let guard = Arc::clone(&wanted);
        let server = Server::start(move |asked, _| {
            let wanted = guard.lock().unwrap().clone();
            if wanted.is_some() && asked.authorization() != wanted.as_deref() {
                let reply = Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\"");
                return Some(reply);
            }
            Some(backend(&root, asked))
        });
        let origin = Self { folder, server, wanted };
        origin.shell(script);
        origin
    }

    /// Only who sends this is served from now on.
    pub(crate) fn require(&self, authorization: &str) {
        *self.wanted.lock().unwrap() = Some(authorization.to_owned());
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The URL of a repository; it may have a fragment or query.
    pub(crate) fn url(&self, repository: &str) -> String {
        self.server.url(&format!("/{repository}"))
    }

    /// What a script prints.
    pub(crate) fn shell(&self, script: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-euc", script]).current_dir(self.folder.path()).env_clear();
        let date = "1577934245 +0000";
        command.envs([
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@h"),
            ("GIT_AUTHOR_DATE", date),
            ("GIT_COMMITTER_NAME", "c"),
            ("GIT_COMMITTER_EMAIL", "c@h"),
            ("GIT_COMMITTER_DATE", date),
        ]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// One request to `git http-backend`, by the rules of CGI.
pub(crate) fn backend(root: &Path, asked: &Asked) -> Reply {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let mut command = Command::new("git");
    command.arg("http-backend").env_clear().envs([
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/dev/null"),
        ("GIT_HTTP_EXPORT_ALL", "1"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("PATH_INFO", path),
        ("QUERY_STRING", query),
        ("REQUEST_METHOD", &asked.method),
        // The folder belongs to whoever runs the tests.
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "safe.directory"),
        ("GIT_CONFIG_VALUE_0", "*"),
    ]);
    command.env("GIT_PROJECT_ROOT", root);
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        command.envs(asked.header(header).map(|value| (variable, value.to_owned())));
    }
    command.env("CONTENT_LENGTH", asked.body.len().to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let at = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    let head = String::from_utf8_lossy(&output[..at]).into_owned();
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let status = fields.clone().find(|(name, _)| *name == "Status");
    let status = status.map_or(200, |(_, value)| value[..3].parse().unwrap());
    let reply = Reply::new(status, &output[at + 4..]);
    fields.fold(reply, |reply, (name, value)| reply.with(name, value))
}
