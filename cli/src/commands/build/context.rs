//! What a build reads: the context's directory, the Dockerfile, and what is left out.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use lapstrake_parser::ignore_file::IgnoreFile;
use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::failure::Failure;

/// A Dockerfile or ignore file that is larger is none.
const LIMIT: u64 = 16 << 20;
const STDIN: &str = "-";

/// The inputs of a build.
#[derive(Debug)]
pub(super) struct Inputs {
    /// The context, absolute.
    pub(super) directory: PathBuf,
    /// The Dockerfile's path, to be shown.
    pub(super) name: String,
    /// Its content.
    pub(super) dockerfile: Vec<u8>,
    /// What of the context is left out.
    pub(super) ignore: IgnoreFile,
}

/// Reads what the command line names.
pub(super) fn inputs(context: &Path, file: Option<&Path>) -> Result<Inputs, Failure> {
    let directory = directory(context)?;
    let path = match file {
        Some(path) => path.to_owned(),
        None => usual_file(context)?,
    };
    let dockerfile = match path.to_str() {
        Some(STDIN) => read(io::stdin().lock(), "standard input")?,
        _ => read_file(&path, context)?,
    };
    let name = match path.to_str() {
        Some(STDIN) => "<stdin>".to_owned(),
        _ => path.strip_prefix(".").unwrap_or(&path).display().to_string(),
    };
    Ok(Inputs { ignore: ignore(&path, &directory)?, directory, name, dockerfile })
}

fn directory(context: &Path) -> Result<PathBuf, Failure> {
    let text = context.to_string_lossy();
    if text == STDIN {
        return Err(Failure::new("a context on standard input is not supported yet")
            .help("name a directory, for example `.`"));
    }
    let shown = context.display();
    match fs::metadata(context) {
        Ok(found) if found.is_dir() => std::path::absolute(context).map_err(|error| {
            Failure::new(format!("cannot find the build context {shown}")).because(&error)
        }),
        Ok(_) => Err(Failure::new(format!("the build context {shown} is not a directory"))
            .help("name the directory that COPY takes files from, and the Dockerfile with -f")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_remote(&text) => {
            Err(Failure::new(format!("the remote build context {shown} is not supported yet"))
                .help("fetch it, and name the directory"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::new(format!("the build context {shown} does not exist"))
                .help("name a directory that exists; `.` is the current one"))
        }
        Err(error) => {
            Err(Failure::new(format!("cannot use the build context {shown}")).because(&error))
        }
    }
}

/// What Docker would fetch.
pub(super) fn is_remote(text: &str) -> bool {
    let starts = ["http://", "https://", "git://", "ssh://", "git@", "github.com/"];
    starts.iter().any(|start| text.starts_with(start))
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

fn read(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("cannot read {name}")).because(&error))?;
    if bytes.len() as u64 > LIMIT {
        return Err(Failure::new(format!("{name} is larger than {} MiB", LIMIT >> 20)));
    }
    Ok(bytes)
}

/// `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the context.
fn ignore(dockerfile: &Path, directory: &Path) -> Result<IgnoreFile, Failure> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    let own = PathBuf::from(own);
    if dockerfile.to_str() != Some(STDIN) && own.exists() {
        let file = File::open(&own).map_err(|error| {
            Failure::new(format!("cannot read {}", own.display())).because(&error)
        })?;
        return parse(&read(file, &own.display().to_string())?, &own);
    }
    common_ignore(directory)
}

/// `.dockerignore` in a context.
pub(super) fn common_ignore(directory: &Path) -> Result<IgnoreFile, Failure> {
    let path = directory.join(".dockerignore");
    match open_in(directory, ".dockerignore") {
        Ok(file) => parse(&read(File::from(file), &path.display().to_string())?, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(IgnoreFile::default()),
        Err(error) => Err(Failure::new(format!("cannot read {}", path.display())).because(&error)),
    }
}

/// Opens a file of a context that may be hostile: a link in it cannot lead out, and a pipe in its
/// place does not block.
fn open_in(directory: &Path, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags | OFlags::DIRECTORY, Mode::empty())?;
    let flags = flags | OFlags::NONBLOCK;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(&directory, name, flags, Mode::empty(), resolve)?;
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    match kind.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

fn parse(text: &[u8], path: &Path) -> Result<IgnoreFile, Failure> {
    IgnoreFile::parse(text).map_err(|error| {
        let (path, line, pattern) = (path.display(), error.line, &error.pattern);
        Failure::new(format!("{path}:{line}: the pattern `{pattern}` {}", error.reason))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("lap-context-{name}-{}", std::process::id()));
            drop(fs::remove_dir_all(&path));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn fault(context: &Path, file: Option<&Path>) -> String {
        inputs(context, file).unwrap_err().text()
    }

    #[test]
    fn the_usual_names_in_order() {
        let folder = Folder::new("names");
        let text = fault(&folder.0, None);
        assert!(text.contains("there is no Dockerfile in ") && text.contains("-f"), "{text}");
        folder.write("dockerfile", "lower");
        assert_eq!(inputs(&folder.0, None).unwrap().dockerfile, b"lower");
        folder.write("Dockerfile", "upper");
        assert_eq!(inputs(&folder.0, None).unwrap().dockerfile, b"upper");
    }

    #[test]
    fn what_is_missing_is_named_with_a_remedy() {
        let folder = Folder::new("missing");
        let file = folder.write("Dockerfile", "");
        folder.write("sub/Other", "");
        assert!(fault(Path::new("/nonexistent/x"), None).contains("/nonexistent/x does not exist"));
        assert!(fault(&file, None).contains("is not a directory"));
        assert!(fault(Path::new("https://x.example/y"), None).contains("not supported yet"));
        assert!(fault(Path::new("-"), None).contains("not supported yet"));
        let text = fault(&folder.0, Some(Path::new("sub/Other")));
        assert!(text.contains("the Dockerfile sub/Other does not exist"), "{text}");
        assert!(text.contains(&format!("-f {}/sub/Other", folder.0.display())), "{text}");
        assert!(fault(&folder.0, Some(&folder.0)).contains("is a directory"));
    }

    #[test]
    fn the_file_of_its_own_comes_before_the_common_one() {
        let folder = Folder::new("ignore");
        let dockerfile = folder.write("Dockerfile", "");
        let ignores = |path: &[u8]| inputs(&folder.0, None).unwrap().ignore.matches(path);
        assert!(!ignores(b"a"));
        folder.write(".dockerignore", "a\n");
        assert!(ignores(b"a"));
        let own = dockerfile.with_extension("dockerignore");
        fs::write(own, "b\n").unwrap();
        assert!(ignores(b"b") && !ignores(b"a"));
    }

    #[test]
    fn an_ignore_file_cannot_lead_out_of_the_context() {
        let folder = Folder::new("out");
        folder.write("Dockerfile", "");
        std::os::unix::fs::symlink("/etc/passwd", folder.0.join(".dockerignore")).unwrap();
        assert!(fault(&folder.0, None).contains(".dockerignore"));
    }
}
