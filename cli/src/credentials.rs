//! Who the user is to registries: what `lap login` and `docker login` left behind.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lapstrake_registry::{
    CredentialSource, Credentials, DockerConfig, StoredCredentials, helper_order,
    parse_helper_answer,
};

use crate::bounded::{self, LIMIT};
use crate::docker_config;
use crate::failure::Failure;

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
    let bytes = match bounded::file(path, LIMIT) {
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

/// Who the user is to `registry`, as far as this machine knows.
pub(crate) fn stored(path: &Path, registry: &str) -> Result<Option<Credentials>, Failure> {
    find(path, registry).map_err(|error| Failure::of(&*error))
}

/// Keeps credentials where Docker's configuration says: with a helper program, else in the file
/// itself, which is returned then.
pub(crate) fn store<'a>(
    path: &'a Path,
    registry: &str,
    credentials: &Credentials,
) -> Result<Option<&'a Path>, Failure> {
    let file = docker_config::lock(path)?;
    let helper = file.helper(registry)?;
    if let Some((program, server)) = &helper {
        call(program, "store", &helper_order(server, credentials)).map_err(said)?;
    }
    let in_file = helper.is_none().then_some(credentials);
    file.edit(|config| config.insert(registry, in_file))?;
    Ok(in_file.map(|_| path))
}

/// Forgets the credentials of a registry. Returns whether there were any.
pub(crate) fn erase(path: &Path, registry: &str) -> Result<bool, Failure> {
    if !path.exists() {
        return Ok(false);
    }
    let file = docker_config::lock(path)?;
    let mut known = false;
    if let Some((program, server)) = file.helper(registry)? {
        known = ask(&program, &server).is_ok_and(|found| found.is_some());
        if known {
            call(&program, "erase", server.as_bytes()).map_err(said)?;
        }
    }
    let mut was_there = false;
    file.edit(|config| {
        was_there = config.remove(registry)?;
        Ok(())
    })?;
    Ok(known || was_there)
}

fn said(error: Fault) -> Failure {
    Failure::of(&*error).help("credHelpers and credsStore in Docker's config.json name the helper")
}

/// What a helper knows of a server.
fn ask(program: &str, server: &str) -> Result<Option<Credentials>, Fault> {
    match call(program, "get", server.as_bytes()) {
        Ok(answer) => Ok(parse_helper_answer(&answer)?),
        Err(error) => match error.downcast_ref::<HelperFailed>() {
            Some(failed) if failed.said.starts_with(UNKNOWN) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Docker's helper protocol: what to do as an argument, the rest on standard input, the answer on
/// standard output.
fn call(program: &str, action: &str, input: &[u8]) -> Result<Vec<u8>, Fault> {
    let unusable =
        |operation| move |source| Unusable { operation, subject: program.to_owned(), source };
    let mut helper = Command::new(program)
        .arg(action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(unusable("start"))?;
    if let Some(mut stdin) = helper.stdin.take() {
        // One that does not read tells by its exit what is wrong.
        drop(stdin.write_all(input));
    }
    let answer = helper.wait_with_output().map_err(unusable("wait for"))?;
    if answer.status.success() {
        return Ok(answer.stdout);
    }
    let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    Err(Box::new(HelperFailed { program: program.to_owned(), said }))
}
