//! What a build reads: the context's directory, the Dockerfile, and what is left out.

mod remote;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_solver::op::Context;
use lapstrake_source::{GitReference, HttpUrl, redacted};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::bounded::{self, LIMIT};
use crate::commands::input;
use crate::failure::Failure;
pub(super) use remote::{Fetching, Remote};

/// Look-ups of one path, at most, while others rename what is on its way.
const LOOK_UPS: u32 = 1000;
const STDIN: &str = "-";
/// How standard input is shown where a path is.
const STDIN_NAME: &str = "<stdin>";

/// The inputs of a build.
pub(super) struct Inputs {
    /// Where COPY takes files from.
    pub(super) context: Context,
    /// Whether those files have owners that count.
    pub(super) has_owners: bool,
    /// The time that they have as a whole, if they were fetched: seconds since 1970.
    pub(super) time: Option<i64>,
    /// The Dockerfile's path, to be shown.
    pub(super) name: String,
    /// Its content.
    pub(super) dockerfile: Vec<u8>,
    /// What of the context is left out.
    pub(super) ignore: IgnoreFile,
    /// The folder of this machine that the Dockerfile lies in; nothing if it came from elsewhere.
    pub(super) folder: Option<PathBuf>,
}

/// What the command line says about the inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) context: &'a Path,
    /// `-f`.
    pub(super) file: Option<&'a Path>,
    /// Build arguments, of which some are about the context.
    pub(super) arguments: &'a BTreeMap<String, String>,
}

/// Where the context is.
#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Stdin,
    Git(Box<GitReference>),
    Http(HttpUrl),
}

/// Reads, and fetches, what the command line names.
pub(super) fn inputs(asked: Asked<'_>, remote: &Remote<'_>) -> Result<Inputs, Failure> {
    let place = place(asked.context)?;
    let file = asked.file.and_then(Path::to_str);
    if matches!(place, Place::Stdin) && file == Some(STDIN) {
        return Err(Failure::new("standard input cannot be both the context and the Dockerfile")
            .help("name a directory as the context, or a Dockerfile with -f"));
    }
    let elsewhere = match file {
        Some(STDIN) => Some(remote.typed()?),
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            Some(remote.dockerfile(url)?)
        }
        _ => None,
    };
    match (place, elsewhere) {
        (Place::Folder(directory), None) => local(&directory, asked.file),
        (Place::Folder(directory), Some(dockerfile)) => {
            let ignore = common_ignore(&directory)?;
            folder(&directory, ignore, dockerfile)
        }
        (place, elsewhere) => remote.inputs(place, asked, elsewhere),
    }
}

/// A Dockerfile: its name, to be shown, and its content.
type Dockerfile = (String, Vec<u8>);

/// What a folder and `-f` bring.
fn local(directory: &Path, file: Option<&Path>) -> Result<Inputs, Failure> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => {
            let path = usual_file(directory)?;
            refuse_special(&path)?;
            path
        }
    };
    let dockerfile = named_file(&path, directory)?;
    let inputs = folder(directory, ignore(&path, directory)?, dockerfile)?;
    Ok(Inputs { folder: Some(input::folder(&path)), ..inputs })
}

fn folder(
    directory: &Path,
    ignore: IgnoreFile,
    (name, dockerfile): Dockerfile,
) -> Result<Inputs, Failure> {
    let directory = std::path::absolute(directory).map_err(|error| {
        let shown = directory.display();
        Failure::new(format!("cannot find the build context {shown}")).because(&error)
    })?;
    let context = Context::Folder { directory, ignore: ignore.clone() };
    let (has_owners, time, folder) = (false, None, None);
    Ok(Inputs { context, has_owners, time, name, dockerfile, ignore, folder })
}

/// A Dockerfile on this machine.
fn named_file(path: &Path, context: &Path) -> Result<Dockerfile, Failure> {
    let name = path.strip_prefix(".").unwrap_or(path).display().to_string();
    Ok((name, read_file(path, context)?))
}

/// A folder that is there comes before everything else.
fn place(context: &Path) -> Result<Place, Failure> {
    let text = context.to_string_lossy();
    let shown = redacted(&text);
    match fs::metadata(context) {
        _ if text == STDIN => Ok(Place::Stdin),
        Ok(found) if found.is_dir() => Ok(Place::Folder(context.to_owned())),
        Ok(_) => Err(Failure::new(format!("the build context {shown} is not a directory"))
            .help("name the directory that COPY takes files from, and the Dockerfile with -f")),
        Err(error) => match elsewhere(&text) {
            Some(place) => place.map_err(|fault| {
                Failure::new(format!("cannot use the build context {shown}: {fault}"))
            }),
            None if error.kind() == io::ErrorKind::NotFound => Err(Failure::new(format!(
                "the build context {shown} does not exist"
            ))
            .help("name a directory that exists, `.` is the current one; a repository or a URL")),
            None => {
                Err(Failure::new(format!("cannot use the build context {shown}")).because(&error))
            }
        },
    }
}

/// What names a repository or a URL.
fn elsewhere(text: &str) -> Option<Result<Place, String>> {
    if let Some(reference) = GitReference::parse_context(text) {
        return Some(match reference {
            Ok(reference) => Ok(Place::Git(Box::new(reference))),
            Err(fault) => Err(fault.to_string()),
        });
    }
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    is_http.then(|| HttpUrl::parse(text).map(Place::Http).map_err(|fault| fault.to_string()))
}

/// What Docker would fetch.
pub(super) fn is_remote(text: &str) -> bool {
    elsewhere(text).is_some()
}

/// `Dockerfile` or `dockerfile` in the context.
fn usual_file(context: &Path) -> Result<PathBuf, Failure> {
    let names = ["Dockerfile", "dockerfile"];
    let found = names.iter().map(|name| context.join(name)).find(|path| path.exists());
    found.ok_or_else(|| {
        let expected = context.join("Dockerfile");
        Failure::new(format!("there is no Dockerfile in {}", context.display()))
            .help(format!("write {}, or name another file with -f", expected.display()))
    })
}

/// Nobody asked for what lies there, and reading a pipe or a device may never end.
fn refuse_special(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            Err(Failure::new(format!("{} is not a regular file", path.display())))
        }
        _ => Ok(()),
    }
}

fn read_file(path: &Path, context: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let cannot = |error: &io::Error| {
        Failure::new(format!("cannot read the Dockerfile {shown}")).because(error)
    };
    match File::open(path) {
        Ok(file) if file.metadata().is_ok_and(|found| found.is_dir()) => {
            Err(Failure::new(format!("the Dockerfile {shown} is a directory"))
                .help("name the file with -f"))
        }
        Ok(file) => read(file, &shown.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let failure = Failure::new(format!("the Dockerfile {shown} does not exist"));
            let inside = context.join(path);
            Err(match inside.exists() {
                true => failure.help(format!(
                    "-f counts from the current directory: write -f {}",
                    inside.display()
                )),
                false => failure.help("name a file that exists with -f"),
            })
        }
        Err(error) => Err(cannot(&error)),
    }
}

/// Reads a Dockerfile or ignore file, called `name`, up to the limit.
pub(in crate::commands) fn read(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    bounded::all(from, LIMIT)
        .map_err(|error| Failure::new(format!("cannot read {name}")).because(&error))
}

/// `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the context.
pub(in crate::commands) fn ignore(
    dockerfile: &Path,
    directory: &Path,
) -> Result<IgnoreFile, Failure> {
    let own = own_ignore(dockerfile);
    if own.exists() { ignore_at(&own) } else { common_ignore(directory) }
}

/// Where the ignore file of a Dockerfile alone would be.
pub(in crate::commands) fn own_ignore(dockerfile: &Path) -> PathBuf {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    own.into()
}

/// An ignore file that is there.
pub(in crate::commands) fn ignore_at(path: &Path) -> Result<IgnoreFile, Failure> {
    refuse_special(path)?;
    let file = File::open(path)
        .map_err(|error| Failure::new(format!("cannot read {}", path.display())).because(&error))?;
    parse(&read(file, &path.display().to_string())?, path)
}

/// `.dockerignore` in a context.
pub(in crate::commands) fn common_ignore(directory: &Path) -> Result<IgnoreFile, Failure> {
    let path = directory.join(".dockerignore");
    match open_in(directory, ".dockerignore") {
        Ok(file) => parse(&read(File::from(file), &path.display().to_string())?, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(IgnoreFile::default()),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let message = format!("{} is a link that leads out of the context", path.display());
            Err(Failure::new(message).help(
                "put a copy of the file there, or link to one in the context by a relative path",
            ))
        }
        Err(error) => Err(Failure::new(format!("cannot read {}", path.display())).because(&error)),
    }
}

/// Opens a file of a context that may be hostile: a link in it that leads out is refused, and a
/// pipe in its place does not block.
fn open_in(directory: &Path, name: &str) -> io::Result<OwnedFd> {
    open_regular(directory, Path::new(name), ResolveFlags::BENEATH)
}

/// Opens a regular file of a folder; `way` says what happens to links that lead out.
fn open_regular(directory: &Path, path: &Path, way: ResolveFlags) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags | OFlags::DIRECTORY, Mode::empty())?;
    let flags = flags | OFlags::NONBLOCK;
    let resolve = way | ResolveFlags::NO_MAGICLINKS;
    let open = || rustix::fs::openat2(&directory, path, flags, Mode::empty(), resolve);
    // EAGAIN: something was renamed meanwhile, and a `..` on the way may have left the folder.
    let again = |result: &Result<_, Errno>| matches!(result, Err(Errno::AGAIN));
    let file = (1..LOOK_UPS).map(|_| open()).find(|result| !again(result)).unwrap_or_else(open)?;
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    match kind.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

fn parse(text: &[u8], path: &Path) -> Result<IgnoreFile, Failure> {
    let ignore = IgnoreFile::parse(text).map_err(|error| {
        let (path, line, pattern) = (path.display(), error.line, &error.pattern);
        Failure::new(format!("{path}:{line}: the pattern `{pattern}` {}", error.reason))
    })?;
    Ok(ignore.named(path.display().to_string()))
}

#[cfg(test)]
mod tests;
