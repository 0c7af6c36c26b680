//! Who the user is to registries: what `docker login` left behind.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lapstrake_registry::{
    CredentialSource, Credentials, DockerConfig, StoredCredentials, parse_helper_answer,
};

/// What a helper says when it knows nobody.
const UNKNOWN: &str = "credentials not found";

type Fault = Box<dyn Error + Send + Sync>;

/// A credential helper that failed.
#[derive(Debug, thiserror::Error)]
#[error("{program} failed: {said}")]
struct HelperFailed {
    program: String,
    said: String,
}

/// A file or program that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {subject}")]
struct Unusable {
    operation: &'static str,
    subject: String,
    source: io::Error,
}

/// Looks into Docker's `config.json` when a registry asks who is there, not before.
pub(crate) fn source(config: Option<PathBuf>) -> CredentialSource {
    match config {
        None => CredentialSource::none(),
        Some(path) => CredentialSource::new(move |registry| find(&path, registry)),
    }
}

fn find(path: &Path, registry: &str) -> Result<Option<Credentials>, Fault> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let subject = path.display().to_string();
            return Err(Box::new(Unusable { operation: "read", subject, source }));
        }
    };
    match DockerConfig::parse(&bytes)?.find(registry)? {
        StoredCredentials::None => Ok(None),
        StoredCredentials::Here(credentials) => Ok(Some(credentials)),
        StoredCredentials::Helper { program, server } => ask(&program, &server),
    }
}

/// Docker's helper protocol: the server on standard input, JSON on standard output.
fn ask(program: &str, server: &str) -> Result<Option<Credentials>, Fault> {
    let unusable =
        |operation| move |source| Unusable { operation, subject: program.to_owned(), source };
    let mut helper = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(unusable("start"))?;
    if let Some(mut stdin) = helper.stdin.take() {
        // One that does not read tells by its exit what is wrong.
        drop(stdin.write_all(server.as_bytes()));
    }
    let answer = helper.wait_with_output().map_err(unusable("wait for"))?;
    if answer.status.success() {
        return Ok(parse_helper_answer(&answer.stdout)?);
    }
    let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    if said.starts_with(UNKNOWN) {
        return Ok(None);
    }
    Err(Box::new(HelperFailed { program: program.to_owned(), said }))
}
