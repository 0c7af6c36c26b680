//! A repository of our own, with one commit of a remote in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::program::{Git, Run};
use super::reference::is_commit;
use super::resolve::Resolved;
use super::{Remote, access, reach};
use crate::{Error, Secrets};

/// The most bytes of what is no content: ids, a commit, a configuration.
const MOST: u64 = 1 << 20;

/// What a server says that does not give out commits by their ids.
const REFUSALS: [&str; 3] = ["not our ref", "unadvertised object", "no such remote ref"];

/// A repository: objects, references and configuration, but no work tree.
pub(super) struct Repository<'a> {
    git: &'a Git<'a>,
    pub(super) remote: Remote,
    /// Its git directory.
    pub(super) folder: PathBuf,
    /// How `git` logs in, and where it connects to.
    login: Vec<(String, String)>,
}

impl<'a> Repository<'a> {
    /// Makes an empty one at `folder`, whose commits have ids like `object`. `is_root` says that
    /// the build itself names it, not another repository.
    pub(super) fn new(
        git: &'a Git<'a>,
        remote: Remote,
        folder: PathBuf,
        object: &str,
        (is_root, secrets): (bool, &Secrets),
    ) -> Result<Self, Error> {
        let mut login = access::settings(&remote, is_root, secrets)?;
        login.extend(reach::settings(&remote, git.http)?);
        let format =
            if object.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        let init =
            ["init", "--quiet", "--bare", "--template=", "--initial-branch=master", format, "--"];
        let init = init.iter().map(AsRef::as_ref).chain([folder.as_os_str()]);
        git.run(&remote, init).output(MOST)?;
        let repository = Self { git, remote, folder, login };
        repository.configure("core.bare", "false")?;
        Ok(repository)
    }

    /// A run in it.
    pub(super) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run<'a> {
        self.git.run(&self.remote, arguments).within(&self.folder)
    }

    /// A new folder in the work folder.
    pub(super) fn empty_folder(&self) -> Result<PathBuf, Error> {
        let folder = tempfile::Builder::new().prefix("tree").tempdir_in(self.git.folder());
        // It goes with the work folder.
        folder.map(TempDir::keep).map_err(Error::io("create a folder in", self.git.folder()))
    }

    /// Writes its own configuration.
    pub(super) fn configure(&self, key: &str, value: &str) -> Result<(), Error> {
        self.run(["config", "--local", "--", key, value]).output(MOST).map(drop)
    }

    /// Fetches what `resolved` stood for, as little as the server lets us: the commit alone by its
    /// name, by its id, or else everything that there is.
    pub(super) fn fetch(&self, resolved: &Resolved) -> Result<(), Error> {
        let Resolved { name, object, .. } = resolved;
        if !is_commit(name) {
            self.pull(&[&format!("{name}:{name}")], true)?;
            if self.has(object)? {
                return self.point(name, object);
            }
        }
        match self.pull(&[object], true) {
            Err(Error::Git { said, .. })
                if REFUSALS.iter().any(|refusal| said.contains(refusal)) => {}
            Err(error) => return Err(error),
            Ok(()) if self.has(object)? => return self.point(name, object),
            Ok(()) => {}
        }
        self.pull(&["refs/heads/*:refs/remotes/origin/*", "refs/tags/*:refs/tags/*"], false)?;
        match self.has(object)? {
            true => self.point(name, object),
            false => {
                Err(Error::NoReference { remote: self.remote.to_string(), name: object.clone() })
            }
        }
    }

    /// The remote may have moved the name since it was asked.
    fn point(&self, name: &str, object: &str) -> Result<(), Error> {
        if is_commit(name) {
            return Ok(());
        }
        self.run(["update-ref", "--no-deref", "--", name, object]).output(MOST).map(drop)
    }

    fn pull(&self, references: &[&str], shallow: bool) -> Result<(), Error> {
        let address = self.remote.argument();
        let fixed = [
            "fetch",
            "--quiet",
            "--force",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--update-head-ok",
        ];
        let depth: &[&str] = if shallow { &["--depth=1"] } else { &[] };
        let arguments = [&fixed, depth, &["--", &address], references].concat();
        let fetched = self.run(arguments).with(self.login.clone()).output(MOST);
        match fetched {
            // A server without the protocol for it.
            Err(Error::Git { said, .. }) if shallow && said.contains("shallow") => {
                self.pull(references, false)
            }
            other => other.map(drop),
        }
    }

    /// Whether it has a commit, or a tag of one.
    fn has(&self, object: &str) -> Result<bool, Error> {
        let ended = self.run(["cat-file", "-e", &format!("{object}^{{commit}}")]).end(MOST)?;
        Ok(ended.status.success())
    }

    /// The commit that `object`, which it has, is or leads to.
    pub(super) fn commit(&self, object: &str) -> Result<String, Error> {
        let commit = format!("{object}^{{commit}}");
        let found =
            self.run(["rev-parse", "--verify", "--end-of-options", &commit]).output(MOST)?;
        let found = String::from_utf8_lossy(&found).trim().to_owned();
        match is_commit(&found) {
            true => Ok(found),
            false => Err(Error::Git { remote: self.remote.to_string(), said: found }),
        }
    }

    /// When a commit was made, in seconds since 1970; 0 when it does not say.
    pub(super) fn time(&self, commit: &str) -> Result<i64, Error> {
        let text = self.run(["cat-file", "commit", commit]).output(MOST)?;
        let text = String::from_utf8_lossy(&text);
        let header = text.split("\n\n").next().unwrap_or_default();
        let line = header.lines().find_map(|line| line.strip_prefix("committer "));
        let time = line.and_then(|line| line.rsplit(' ').nth(1)?.parse().ok());
        Ok(time.unwrap_or(0))
    }

    /// Makes it what a clone would be: on the commit, with an index, knowing where it comes from.
    pub(super) fn settle(&self, commit: &str) -> Result<(), Error> {
        self.run(["update-ref", "--no-deref", "--", "HEAD", commit]).output(MOST)?;
        self.read_index(commit)?;
        self.configure("remote.origin.url", &self.remote.argument())?;
        self.configure("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    }

    /// Makes the index that of a commit.
    pub(super) fn read_index(&self, commit: &str) -> Result<(), Error> {
        self.run(["read-tree", "--end-of-options", commit]).output(MOST).map(drop)
    }

    /// Its git directory, below which submodules have theirs.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}
