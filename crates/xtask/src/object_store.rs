//! An S3 server on a free port of the loopback interface: `testdata/s3/server.py` in a Python environment
//! of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::failure::{Outcome, Subject};
use crate::project::Project;
use crate::scratch::Scratch;
use crate::server::{Ready, Server, free_port};
use crate::venv;

const START_LIMIT: Duration = Duration::from_secs(60);

/// Who may ask: a key that opens nothing else.
const KEY_ID: &str = "lap-test-key";
const SECRET: &str = "only/for+the/tests+of/lapstrake";

/// A running server; it ends, and what it holds goes, when this is dropped.
pub(crate) struct ObjectStore {
    server: Server,
    python: PathBuf,
    scratch: Scratch,
}

impl ObjectStore {
    /// Starts it without a bucket.
    pub(crate) fn start(project: &Project) -> Outcome<Self> {
        let python = environment(project)?;
        let scratch = Scratch::new(project, "s3")?;
        let port = free_port()?;
        let file = |name: &str| {
            let path = scratch.join(name);
            fs::File::create(&path).on("create", &path)
        };
        let mut command = Command::new(&python);
        command.arg(project.testdata("s3/server.py"));
        command.args([&port.to_string(), KEY_ID, SECRET]);
        command.stdout(file("requests")?).stderr(file("log")?);
        let log = scratch.join("log");
        let ready = Ready { path: "/ready", limit: START_LIMIT, log: &log };
        let server = Server::start(command, port, &ready)?;
        Ok(Self { server, python, scratch })
    }

    /// What the tests find it by: names and values of variables.
    pub(crate) fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("LAPSTRAKE_TEST_S3", format!("http://{}", self.server.address())),
            ("LAPSTRAKE_TEST_S3_KEY_ID", KEY_ID.to_owned()),
            ("LAPSTRAKE_TEST_S3_SECRET", SECRET.to_owned()),
            ("LAPSTRAKE_TEST_S3_LOG", self.scratch.join("requests").display().to_string()),
            ("LAPSTRAKE_TEST_S3_PYTHON", self.python.display().to_string()),
        ]
    }
}

/// The interpreter of an environment with just what `testdata/s3/requirements.txt` lists.
fn environment(project: &Project) -> Outcome<PathBuf> {
    let list = project.testdata("s3/requirements.txt");
    let text = fs::read_to_string(&list).on("read", &list)?;
    let lines = text.lines().map(str::trim);
    let wanted: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    venv::ensure(project, "s3", &wanted)
}
