//! An S3 server on a free port of the loopback interface: `testdata/s3/server.py` in a Python environment
//! of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome, Subject, wrong};
use crate::project::Project;
use crate::registry::free_port;
use crate::scratch::Scratch;
use crate::venv;

const START_LIMIT: Duration = Duration::from_secs(60);

/// Who may ask: a key that opens nothing else.
const KEY_ID: &str = "lap-test-key";
const SECRET: &str = "only/for+the/tests+of/lapstrake";

/// A running server; it ends, and what it holds goes, when this is dropped.
pub(crate) struct ObjectStore {
    server: Child,
    port: u16,
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
        let server = Command::new(&python)
            .arg(project.testdata("s3/server.py"))
            .args([&port.to_string(), KEY_ID, SECRET])
            .stdin(Stdio::null())
            .stdout(file("requests")?)
            .stderr(file("log")?)
            .spawn()
            .map_err(|source| Failure::Start { program: python.display().to_string(), source })?;
        let mut store = Self { server, port, python, scratch };
        store.wait_until_ready()?;
        Ok(store)
    }

    /// What the tests find it by: names and values of variables.
    pub(crate) fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("LAPSTRAKE_TEST_S3", format!("http://127.0.0.1:{}", self.port)),
            ("LAPSTRAKE_TEST_S3_KEY_ID", KEY_ID.to_owned()),
            ("LAPSTRAKE_TEST_S3_SECRET", SECRET.to_owned()),
            ("LAPSTRAKE_TEST_S3_LOG", self.scratch.join("requests").display().to_string()),
            ("LAPSTRAKE_TEST_S3_PYTHON", self.python.display().to_string()),
        ]
    }

    fn wait_until_ready(&mut self) -> Outcome<()> {
        let start = Instant::now();
        while !answers(self.port) {
            let ended = self.server.try_wait().is_ok_and(|status| status.is_some());
            if ended || start.elapsed() > START_LIMIT {
                let log = fs::read_to_string(self.scratch.join("log")).unwrap_or_default();
                return Err(wrong("the S3 server", format!("did not start\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.server.kill();
        let _ = self.server.wait();
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

fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.contains(" 200 "))
    };
    ask().unwrap_or(false)
}
