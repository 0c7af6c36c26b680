//! Contexts that are not a folder of this machine: repositories, URLs, standard input. Each becomes
//! a layer of the store; no ignore file is looked for in it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use lapstrake_cache::Store;
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_rootfs::LayerId;
use lapstrake_solver::graph::Op;
use lapstrake_solver::op::Context;
use lapstrake_source::{
    Brought, CONTEXT_NAME, Error, Fetched, Fetcher, GitReference, HttpSource, HttpUrl, redacted,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::ResolveFlags;
use rustix::io::Errno;

use super::{Asked, Dockerfile, Inputs, LIMIT, Place, STDIN_NAME, named_file, open_regular, read};
use crate::failure::Failure;

/// The build argument that keeps `.git` in a context that is a repository.
const KEEP_GIT_DIR: &str = "BUILDKIT_CONTEXT_KEEP_GIT_DIR";
/// The build argument that makes times reproducible, and so those of a repository's files.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// How often it is looked whether to stop.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// What fetches, and where to.
pub(crate) struct Remote<'a> {
    pub(crate) store: &'a Store,
    pub(crate) fetcher: &'a Fetcher<'a>,
    /// Is told what is being fetched.
    pub(crate) told: &'a dyn Fn(&str),
    /// Is told what came of it.
    pub(crate) explain: &'a dyn Fn(Fetching<'_>) -> Result<(), Failure>,
    /// Whether to stop.
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// Something that was asked for elsewhere.
pub(crate) struct Fetching<'a> {
    /// What it is for: the name of a context, empty for the main one.
    pub(crate) name: &'a str,
    /// As it is shown.
    pub(crate) shown: &'a str,
    /// What was asked for.
    pub(crate) op: &'a Op,
    /// What came.
    pub(crate) fetched: &'a Fetched,
}

/// Standard input, which is not waited for when the user wants to stop.
struct Input<'a>(&'a (dyn Fn() -> bool + Sync));

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stdin = io::stdin();
        loop {
            if (self.0)() {
                return Err(io::Error::other("cancelled"));
            }
            match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&PAUSE)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return stdin.lock().read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Remote<'_> {
    /// The context at `place`, and the Dockerfile in it unless there is one `elsewhere`.
    pub(super) fn inputs(
        &self,
        place: Place,
        asked: Asked<'_>,
        elsewhere: Option<Dockerfile>,
    ) -> Result<Inputs, Failure> {
        let elsewhere = match (elsewhere, asked.file) {
            (None, Some(file)) if file.is_absolute() => Some(named_file(file, Path::new("/"))?),
            (elsewhere, _) => elsewhere,
        };
        match place {
            Place::Git(reference) => self.git(*reference, asked, elsewhere),
            Place::Http(url) => self.http(&url, asked, elsewhere),
            Place::Stdin => self.stdin(asked, elsewhere),
            Place::Folder(directory) => super::local(&directory, asked.file),
        }
    }

    /// The context `name` at a repository or URL. What is no archive is one file.
    pub(crate) fn named(&self, name: &str, text: &str) -> Result<Fetched, Failure> {
        let shown = redacted(text).into_owned();
        let place = super::elsewhere(text).unwrap_or_else(|| Err("it is none".to_owned()));
        let place = place.map_err(|fault| {
            Failure::new(format!("cannot use the build context {shown}: {fault}"))
        })?;
        let brought = match place {
            Place::Git(reference) => self.commit(name, *reference, &shown).map(Brought::Archive)?,
            Place::Http(url) => self.behind(name, &url, &shown)?,
            Place::Folder(_) | Place::Stdin => Brought::File(None),
        };
        match brought {
            Brought::Archive(fetched) | Brought::File(Some(fetched)) => Ok(fetched),
            Brought::File(None) => Err(Failure::new(format!("{shown} brought nothing"))),
        }
    }

    /// The commit that the context `name` is.
    fn commit(&self, name: &str, reference: GitReference, shown: &str) -> Result<Fetched, Failure> {
        (self.told)(shown);
        let fetched = self.fetcher.git(&reference).map_err(|error| failed(shown, &error))?;
        let op = Op::Git(Box::new(reference));
        (self.explain)(Fetching { name, shown, op: &op, fetched: &fetched })?;
        Ok(fetched)
    }

    /// What is behind the URL that the context `name` is.
    fn behind(&self, name: &str, url: &HttpUrl, shown: &str) -> Result<Brought, Failure> {
        (self.told)(shown);
        let brought = self.fetcher.context(url).map_err(|error| failed(shown, &error))?;
        if let Brought::Archive(fetched) | Brought::File(Some(fetched)) = &brought {
            let file = CONTEXT_NAME.to_owned();
            let op = Op::Http(HttpSource { url: url.clone(), name: file, checksum: None });
            (self.explain)(Fetching { name, shown, op: &op, fetched })?;
        }
        Ok(brought)
    }

    /// The Dockerfile on standard input.
    pub(super) fn typed(&self) -> Result<Dockerfile, Failure> {
        Ok((STDIN_NAME.to_owned(), read(Input(self.cancelled), "standard input")?))
    }

    /// The Dockerfile behind a URL.
    pub(super) fn dockerfile(&self, url: &str) -> Result<Dockerfile, Failure> {
        let shown = redacted(url).into_owned();
        let cannot =
            |fault: &str| Failure::new(format!("cannot use the Dockerfile {shown}: {fault}"));
        let url = HttpUrl::parse(url).map_err(|fault| cannot(&fault.to_string()))?;
        (self.told)(&shown);
        let name = "Dockerfile".to_owned();
        let source = HttpSource { url, name, checksum: None };
        let fetched = self.fetcher.http(&source).map_err(|error| failed(&shown, &error))?;
        let text = self.file(&fetched.layer, Path::new(&source.name))?;
        Ok((shown, text))
    }

    fn git(
        &self,
        mut reference: GitReference,
        asked: Asked<'_>,
        elsewhere: Option<Dockerfile>,
    ) -> Result<Inputs, Failure> {
        let argument = |name| asked.arguments.get(name).map(String::as_str);
        if matches!(argument(KEEP_GIT_DIR), Some("1" | "t" | "T" | "true" | "TRUE" | "True")) {
            reference.keep_git_dir = Some(true);
        }
        if argument(EPOCH).is_some_and(|epoch| !epoch.is_empty()) {
            reference.commit_time = true;
        }
        let shown = reference.to_string();
        let fetched = self.commit("", reference, &shown)?;
        self.layer(fetched, &shown, asked, elsewhere, false)
    }

    fn http(
        &self,
        url: &HttpUrl,
        asked: Asked<'_>,
        elsewhere: Option<Dockerfile>,
    ) -> Result<Inputs, Failure> {
        let shown = url.to_string();
        match self.behind("", url, &shown)? {
            Brought::Archive(fetched) => self.layer(fetched, &shown, asked, elsewhere, true),
            Brought::File(Some(fetched)) => {
                let dockerfile = match elsewhere {
                    Some(elsewhere) => elsewhere,
                    None => {
                        no_file_in(&shown, asked)?;
                        let text = self.file(&fetched.layer, Path::new(CONTEXT_NAME))?;
                        (shown, text)
                    }
                };
                let time = fetched.modified;
                Ok(Inputs { time, ..inputs(Context::Layer(fetched.layer), false, dockerfile) })
            }
            Brought::File(None) => Err(Failure::new(format!("{shown} brought nothing"))),
        }
    }

    fn stdin(&self, asked: Asked<'_>, elsewhere: Option<Dockerfile>) -> Result<Inputs, Failure> {
        let mut text = Vec::new();
        let brought =
            self.fetcher.stream(Input(self.cancelled), "standard input", &mut text, LIMIT);
        match brought.map_err(|error| failed("standard input", &error))? {
            Brought::Archive(fetched) => {
                self.layer(fetched, "the archive on standard input", asked, elsewhere, true)
            }
            Brought::File(_) if text.is_empty() => Err(Failure::new("standard input is empty")
                .help("send an archive or a Dockerfile, or name a directory, for example `.`")),
            Brought::File(_) => {
                no_file_in("standard input", asked)?;
                Ok(inputs(Context::Empty, false, (STDIN_NAME.to_owned(), text)))
            }
        }
    }

    /// A context that is all in a layer, with the Dockerfile in it unless there is one elsewhere.
    fn layer(
        &self,
        fetched: Fetched,
        shown: &str,
        asked: Asked<'_>,
        elsewhere: Option<Dockerfile>,
        has_owners: bool,
    ) -> Result<Inputs, Failure> {
        let dockerfile = match (elsewhere, asked.file) {
            (Some(elsewhere), _) => elsewhere,
            (None, Some(file)) => {
                (file.display().to_string(), self.file_of(&fetched.layer, file, shown)?)
            }
            (None, None) => {
                let upper = Path::new("Dockerfile");
                match self.file_of(&fetched.layer, upper, shown) {
                    Ok(text) => ("Dockerfile".to_owned(), text),
                    Err(failure) => {
                        let lower = self.file(&fetched.layer, Path::new("dockerfile"));
                        ("dockerfile".to_owned(), lower.map_err(|_| failure)?)
                    }
                }
            }
        };
        let time = fetched.modified;
        Ok(Inputs { time, ..inputs(Context::Layer(fetched.layer), has_owners, dockerfile) })
    }

    fn file_of(&self, layer: &LayerId, path: &Path, shown: &str) -> Result<Vec<u8>, Failure> {
        let missing = |failure: Failure| match path.to_str() {
            Some("Dockerfile") => failure.help(format!(
                "there is none in {shown}: name another file of it with -f, or one of this machine \
                 with its whole path"
            )),
            _ => failure.help(format!(
                "-f names a file of {shown}, or one of this machine by its whole path"
            )),
        };
        self.file(layer, path).map_err(missing)
    }

    /// A file of a layer. Links in it lead nowhere but into it.
    fn file(&self, layer: &LayerId, path: &Path) -> Result<Vec<u8>, Failure> {
        let shown = path.display();
        let failed = |error: &(dyn std::error::Error + 'static)| {
            Failure::new(format!("cannot read the Dockerfile {shown} of the context"))
                .because(error)
        };
        let layer = self.store.layer(layer)?;
        let layer = layer.ok_or_else(|| failed(&io::Error::from(io::ErrorKind::NotFound)))?;
        let file = open_regular(&layer.path, path, ResolveFlags::IN_ROOT);
        read(File::from(file.map_err(|error| failed(&error))?), &shown.to_string())
    }
}

fn inputs(context: Context, has_owners: bool, (name, dockerfile): Dockerfile) -> Inputs {
    let (time, ignore, folder) = (None, IgnoreFile::default(), None);
    Inputs { context, has_owners, time, name, dockerfile, ignore, folder }
}

/// What came is the Dockerfile itself, so `-f` has no other one to name.
fn no_file_in(shown: &str, asked: Asked<'_>) -> Result<(), Failure> {
    match asked.file {
        None => Ok(()),
        Some(file) => {
            let file = file.display();
            Err(Failure::new(format!("{shown} is no archive, so {file} cannot be in it"))
                .help("what is no archive is taken for the Dockerfile: leave -f out"))
        }
    }
}

fn failed(shown: &str, error: &Error) -> Failure {
    let failure = Failure::new(format!("cannot use {shown}")).because(error);
    match error.hint() {
        Some(hint) => failure.help(hint),
        None => failure,
    }
}
