//! What files were at a revision of the git repository that they lie in.
//!
//! `git` is asked for objects and for the index, never about the work tree, so that no filter, hook or watcher of a
//! repository's configuration runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use super::usage;
use crate::failure::Failure;

/// A revision of a repository.
pub(super) struct Revision {
    /// The topmost folder of its work tree.
    root: PathBuf,
    /// The id of the commit.
    commit: String,
}

/// Variables by which a caller, a hook for instance, names a repository: each file's own one counts.
const NAMING: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
];

impl Revision {
    /// The topmost folder of the work tree that an absolute path without links lies in.
    pub(super) fn root(path: &Path) -> Option<&Path> {
        path.ancestors().skip(1).find(|folder| folder.join(".git").exists())
    }

    /// The revision of that name.
    ///
    /// # Errors
    /// There is no `git`, it does not take the repository for one, or has no such commit.
    pub(super) fn find(root: &Path, name: &str) -> Result<Self, Failure> {
        let unknown = || {
            let message = format!("`{name}` is no revision of the repository {}", root.display());
            usage(Failure::new(message))
                .help("fetch it first: a shallow clone has the newest commits alone")
        };
        if name.is_empty() || name.starts_with('-') {
            return Err(unknown());
        }
        success(root, &run(root, &["rev-parse", "--git-dir"], Vec::new())?)?;
        let commit = format!("{name}^{{commit}}");
        let found = run(root, &["rev-parse", "--verify", "--quiet", &commit], Vec::new())?;
        let commit = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        if !found.status.success() || commit.is_empty() {
            return Err(unknown());
        }
        Ok(Self { root: root.to_owned(), commit })
    }

    /// What these files below the root were, by their absolute paths. One that was renamed since, as far as the
    /// index knows, is what it was under its old name. Those that were not there are missing.
    ///
    /// # Errors
    /// `git` fails.
    pub(super) fn texts(&self, paths: &[&Path]) -> Result<BTreeMap<PathBuf, Vec<u8>>, Failure> {
        let inside = |path: &Path| path.strip_prefix(&self.root).ok().map(Path::to_owned);
        let wanted: Vec<(PathBuf, PathBuf)> =
            paths.iter().filter_map(|path| Some((path.to_path_buf(), inside(path)?))).collect();
        let names: Vec<&Path> = wanted.iter().map(|(_, inside)| inside.as_path()).collect();
        let mut texts = self.blobs(&names)?;
        if texts.iter().any(Option::is_none) {
            let renamed = self.renamed()?;
            let old: Vec<&Path> = names
                .iter()
                .map(|name| renamed.get(*name).map_or(Path::new(""), PathBuf::as_path))
                .collect();
            let old = self.blobs(&old)?;
            for (text, old) in texts.iter_mut().zip(old) {
                *text = text.take().or(old);
            }
        }
        let both = wanted.into_iter().zip(texts);
        Ok(both.filter_map(|((path, _), text)| Some((path, text?))).collect())
    }

    /// What is in files of the revision.
    fn blobs(&self, names: &[&Path]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        // Names are read by lines.
        let is_askable = |name: &Path| {
            let name = name.as_os_str().as_bytes();
            !name.is_empty() && !name.contains(&b'\n')
        };
        let mut input = Vec::new();
        for name in names.iter().filter(|name| is_askable(name)) {
            input.extend_from_slice(self.commit.as_bytes());
            input.push(b':');
            input.extend_from_slice(name.as_os_str().as_bytes());
            input.push(b'\n');
        }
        if input.is_empty() {
            return Ok(vec![None; names.len()]);
        }
        let answer = success(&self.root, &run(&self.root, &["cat-file", "--batch"], input)?)?;
        let mut rest = answer.as_slice();
        let blobs = names.iter().map(|name| is_askable(name).then(|| next_blob(&mut rest))?);
        Ok(blobs.collect())
    }

    /// The old names of files that the index has under new ones.
    fn renamed(&self) -> Result<BTreeMap<PathBuf, PathBuf>, Failure> {
        let arguments = [
            "diff",
            "--cached",
            "--name-status",
            "-z",
            "-M",
            "--diff-filter=R",
            &self.commit,
            "--",
        ];
        let answer = success(&self.root, &run(&self.root, &arguments, Vec::new())?)?;
        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        let mut words = answer.split(|byte| *byte == 0);
        let mut renamed = BTreeMap::new();
        while let (Some(_), Some(old), Some(new)) = (words.next(), words.next(), words.next()) {
            renamed.insert(path(new), path(old));
        }
        Ok(renamed)
    }
}

/// Takes the next answer of `cat-file --batch`: `ID blob SIZE`, a line end, the bytes, a line end; or one line that
/// ends with `missing`. Nothing for what is no file.
fn next_blob(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (head, behind) = (rest.get(..end)?, rest.get(end + 1..)?);
    *rest = behind;
    let mut words = std::str::from_utf8(head).ok()?.rsplitn(3, ' ');
    let size: usize = words.next()?.parse().ok()?;
    let kind = words.next()?;
    let bytes = behind.get(..size)?;
    *rest = behind.get(size.checked_add(1)?..)?;
    (kind == "blob").then(|| bytes.to_vec())
}

/// Runs `git` in a folder to its end.
fn run(folder: &Path, arguments: &[&str], input: Vec<u8>) -> Result<Output, Failure> {
    let mut command = Command::new("git");
    command.args(["-c", "core.fsmonitor=false", "--no-pager"]).args(arguments);
    command.current_dir(folder).env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
    command.env("GIT_NO_LAZY_FETCH", "1");
    for name in NAMING {
        command.env_remove(name);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let cannot = |error: std::io::Error| {
        usage(match error.kind() {
            ErrorKind::NotFound => {
                let failure = Failure::new("`--diff-base` needs git, which is not installed");
                failure.help("install it (`apt-get install git`), or leave the flag away")
            }
            _ => Failure::new("cannot run git").because(&error),
        })
    };
    let mut child = command.spawn().map_err(cannot)?;
    let stdin = child.stdin.take();
    // A program that does not read all ends with an error of its own.
    let feed = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let output = child.wait_with_output().map_err(cannot)?;
    let _ = feed.join();
    Ok(output)
}

/// What a run has written, if it was well.
fn success(root: &Path, output: &Output) -> Result<Vec<u8>, Failure> {
    if output.status.success() {
        return Ok(output.stdout.clone());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("it says nothing");
    let said = said.trim_start_matches("fatal: ");
    let message = format!("git cannot use the repository {}: {said}", root.display());
    Err(usage(Failure::new(message)))
}

#[cfg(test)]
mod tests {
    use super::next_blob;

    #[test]
    fn answers_are_taken_one_by_one() {
        let mut rest: &[u8] = b"1f blob 3\na\nb\nx:gone missing\n2f tree 2\nxx\n3f blob 0\n\n";
        assert_eq!(next_blob(&mut rest).as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(next_blob(&mut rest), None);
        assert_eq!(next_blob(&mut rest), None);
        assert_eq!(next_blob(&mut rest).as_deref(), Some(&b""[..]));
        assert_eq!(next_blob(&mut rest), None);
        assert_eq!(next_blob(&mut &b"1f blob 9\na\n"[..]), None);
    }
}
