//! The cases of `testdata/build` that concern COPY, ADD, WORKDIR and ignore files, as far as they
//! need neither a shell nor a network: what `expect.json` says was recorded from BuildKit.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::mode::Mode;
use serde_json::Value;
use tempfile::TempDir;

use super::image::{Image, busybox};
use super::script::{NOW, owner, shell, words};
use crate::context::{ContextTree, StatIndex, Wanted, scan};
use crate::copy::{CopyError, CopySpec, Origin, Part, Source, make_directory, select, write};
use crate::{Entry, Kind, Timestamp, TreePath};

/// What `run.py` gives to everything without a time of its own.
const CASE_TIME: Timestamp = Timestamp { seconds: 1_577_934_245, nanoseconds: 0 };
fn case_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/build").join(name)
}

/// Copies a case and prepares its context as `run.py` does.
fn prepare(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let case = folder.path().join("case");
    copy_tree(&case_folder(name), &case);
    let context = case.join("context");
    fs::create_dir_all(&context).expect("a context");
    if case.join("setup.sh").exists() {
        let mut setup = Command::new("sh");
        setup.args(["-eu", "../setup.sh"]).current_dir(&context);
        let status = setup.env("CASE", &case).env("LC_ALL", "C.UTF-8").status();
        assert!(status.expect("sh").success(), "setup.sh of {name}");
    }
    settle(&case);
    folder
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).expect("its mode");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let metadata = fs::symlink_metadata(&from).expect("metadata");
        if metadata.is_dir() {
            copy_tree(&from, &to);
        } else if metadata.is_symlink() {
            symlink(fs::read_link(&from).expect("a link"), &to).expect("a link");
        } else {
            fs::copy(&from, &to).expect("a copy");
            let mode = if metadata.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
            fs::set_permissions(&to, fs::Permissions::from_mode(mode)).expect("its mode");
        }
    }
}

/// Gives the case's time to everything that was made just now.
fn settle(path: &Path) {
    let metadata = fs::symlink_metadata(path).expect("metadata");
    if metadata.is_dir() {
        fs::read_dir(path).expect("a folder").for_each(|entry| settle(&entry.expect("it").path()));
    }
    let age = metadata.modified().expect("a time").elapsed().unwrap_or_default();
    if age.as_secs() < 3600 {
        let time = rustix::fs::Timespec { tv_sec: CASE_TIME.seconds, tv_nsec: 0 };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        let nofollow = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, path, &times, nofollow).expect("a time");
    }
}

/// A build of just what these cases use.
struct Build {
    case: TempDir,
    stages: HashMap<String, Image>,
    name: String,
    image: Image,
    workdir: Vec<u8>,
    user: (u32, u32),
}

impl Build {
    /// Runs the case's Dockerfile; an error comes with its line.
    fn run(name: &str) -> Result<Image, (usize, CopyError)> {
        let case = prepare(name);
        let path = case.path().join("case/Dockerfile");
        let text = fs::read_to_string(path).expect("a Dockerfile");
        let mut build = Self {
            case,
            stages: HashMap::new(),
            name: String::new(),
            image: Image::default(),
            workdir: b"/".to_vec(),
            user: (0, 0),
        };
        for (number, line) in text.lines().enumerate() {
            build.instruction(line).map_err(|error| (number + 1, error))?;
        }
        Ok(build.image)
    }

    fn instruction(&mut self, line: &str) -> Result<(), CopyError> {
        let line = line.replace("$D/${U:-sub}", "/var/data/sub");
        let (keyword, rest) = line.split_once(' ').unwrap_or_default();
        match keyword {
            "FROM" => {
                let words: Vec<&str> = rest.split(' ').collect();
                self.stages.insert(std::mem::take(&mut self.name), std::mem::take(&mut self.image));
                self.name = words.get(2).copied().unwrap_or_default().to_owned();
                self.image = if words[0] == "busybox" { busybox() } else { Image::default() };
                (self.workdir, self.user) = (b"/".to_vec(), (0, 0));
                Ok(())
            }
            "USER" => {
                self.user = owner(rest);
                Ok(())
            }
            "WORKDIR" => {
                self.workdir = self.absolute(rest.as_bytes());
                let (path, user) = (TreePath::clean(&self.workdir), self.user);
                self.image.step(|writer| make_directory(writer, &path, user, NOW))
            }
            "RUN" => self.image.step(|writer| {
                shell(writer, rest).map_err(|source| CopyError::Write { index: None, source })
            }),
            "COPY" | "ADD" => self.copy(rest, keyword == "ADD"),
            _ => Ok(()),
        }
    }

    fn absolute(&self, path: &[u8]) -> Vec<u8> {
        match path.first() {
            Some(b'/') => path.to_vec(),
            _ => [self.workdir.as_slice(), b"/", path].concat(),
        }
    }

    fn copy(&mut self, rest: &str, is_add: bool) -> Result<(), CopyError> {
        let words = words(rest);
        let (flags, paths): (Vec<_>, Vec<_>) =
            words.into_iter().partition(|word| word.starts_with(b"--"));
        let (destination, sources) = paths.split_last().expect("a destination");
        let mut spec = CopySpec {
            sources: sources.iter().cloned().map(Source::Path).collect(),
            destination: self.absolute(destination),
            unpack: is_add,
            made: NOW,
            ..CopySpec::default()
        };
        let mut from = None;
        let mut excluded = Vec::new();
        for flag in flags {
            let flag = String::from_utf8(flag).expect("UTF-8");
            match flag.split_once('=').unwrap_or((&flag, "")) {
                ("--exclude", value) => excluded.push(value.to_owned()),
                ("--parents", _) => spec.sources.iter_mut().for_each(keep_parents),
                ("--chown", value) => spec.owner = Some(owner(value)),
                ("--chmod", value) => spec.mode = Some(Mode::parse(value).expect(value)),
                ("--unpack", value) => spec.unpack = value == "true",
                ("--from", value) => from = Some(value.to_owned()),
                other => panic!("{other:?}"),
            }
        }
        let excluded = excluded.iter().map(String::as_str);
        spec.exclude = IgnoreFile::from_patterns(excluded).expect("patterns");
        match from.as_ref().and_then(|from| self.stages.get(from)).cloned() {
            Some(stage) => {
                spec.keep_owner = true;
                let selection = select(&stage.view, &spec)?;
                stage.with_origin(true, |origin| self.write(&selection, &spec, origin))
            }
            None => {
                let folder = if from.is_some() { "case/other" } else { "case/context" };
                let tree = Arc::new(self.scan(&self.case.path().join(folder), &spec));
                let view = tree.view.clone();
                let origin = Origin::copying(move |_, path| tree.open(path));
                self.write(&select(&view, &spec)?, &spec, &origin)
            }
        }
    }

    fn write(
        &mut self,
        selection: &crate::copy::Selection<'_>,
        spec: &CopySpec,
        origin: &Origin<'_>,
    ) -> Result<(), CopyError> {
        self.image.step(|writer| write(selection, spec, origin, writer))
    }

    fn scan(&self, folder: &Path, spec: &CopySpec) -> ContextTree {
        let special = self.case.path().join("case/Dockerfile.dockerignore");
        let ignore = fs::read(special).or_else(|_| fs::read(folder.join(".dockerignore")));
        let ignore = IgnoreFile::parse(&ignore.unwrap_or_default()).expect("an ignore file");
        let part = Part::without(spec.exclude.clone());
        let wanted: Vec<Wanted> = spec
            .sources
            .iter()
            .map(|source| match source {
                Source::Path(raw) => Wanted::source(raw).part(part.clone()),
                Source::Below { base, pattern } => {
                    Wanted::source(base).part(part.clone().only(pattern).expect("a pattern"))
                }
                Source::Inline { .. } => Wanted::path(TreePath::from("none")),
            })
            .collect();
        let folder = OwnedFd::from(File::open(folder).expect("a context"));
        scan(folder, &wanted, &ignore, &StatIndex::default()).expect("a scan").0
    }
}

fn keep_parents(source: &mut Source) {
    let Source::Path(raw) = source else { return };
    let raw = String::from_utf8(raw.clone()).expect("UTF-8");
    let (base, pattern) = raw.split_once("/./").unwrap_or(("", &raw));
    let pattern = TreePath::from(pattern).to_string().trim_start_matches('/').to_owned();
    *source = Source::Below { base: base.into(), pattern };
}

/// Compares a built image with what was recorded; `left_out` are paths that a real RUN wrote.
fn compare(name: &str, image: &Image, left_out: &[&str]) {
    let expect = expectation(name);
    let base = if expect["base"] == "busybox" { busybox() } else { Image::default() };
    let mut found: HashMap<String, &Entry> = HashMap::new();
    let shown = image.view.subtree(&TreePath::root());
    for entry in shown.iter().map(|shown| shown.entry).filter(|entry| !entry.path.is_root()) {
        let old = base.view.entry(&entry.path).map(|shown| shown.entry);
        if old != Some(entry) {
            found.insert(entry.path.to_string(), entry);
        }
    }
    let mut expected: Vec<&Value> = expect["files"].as_array().expect("files").iter().collect();
    expected.retain(|file| !left_out.contains(&file["path"].as_str().expect("a path")));
    for file in expected {
        let path = file["path"].as_str().expect("a path").replace("\\x09", "\t");
        let entry = found.remove(&path).unwrap_or_else(|| panic!("{name}: {path} is missing"));
        compare_file(name, image, file, entry, &expect["loose"][&path]);
    }
    let mut surplus: Vec<_> = found.into_keys().collect();
    surplus.sort();
    assert!(surplus.is_empty(), "{name}: not in BuildKit's image: {surplus:?}");
}

fn compare_file(name: &str, image: &Image, file: &Value, entry: &Entry, loose: &Value) {
    let at = format!("{name}: {}", entry.path);
    let target = match &entry.kind {
        Kind::HardLink { target } => image.view.entry(target).expect("a first name").entry,
        _ => entry,
    };
    let kind = match &target.kind {
        Kind::Directory { .. } => "dir",
        Kind::File { .. } => "file",
        Kind::Symlink { .. } => "symlink",
        Kind::Fifo => "fifo",
        _ => "other",
    };
    assert_eq!(kind, file["type"], "{at}");
    let is_loose =
        |field: &str| loose.as_array().is_some_and(|loose| loose.iter().any(|name| name == field));
    if let Some(mode) = file["mode"].as_str().filter(|_| !is_loose("mode")) {
        assert_eq!(format!("{:04o}", entry.mode), mode, "{at}");
    }
    assert_eq!((&entry.uid.into(), &entry.gid.into()), (&file["uid"], &file["gid"]), "{at}");
    if let Some(mtime) = file["mtime"].as_i64() {
        assert_eq!(entry.mtime.seconds, mtime, "{at}: mtime");
    }
    if let Kind::Symlink { target } = &entry.kind {
        assert_eq!(String::from_utf8_lossy(target), file["link"].as_str().unwrap_or_default());
    }
    if let Kind::File { size, .. } = &target.kind {
        use sha2::{Digest, Sha256};
        assert_eq!(*size, file["size"].as_u64().unwrap_or_default(), "{at}: size");
        let digest = hex::encode(Sha256::digest(image.read(&entry.path)));
        assert_eq!(digest, file["sha256"].as_str().unwrap_or_default(), "{at}");
    }
    if let Some(first) = file["hardlink"].as_str() {
        assert_eq!(target.path.to_string(), first, "{at}: first name");
    } else {
        assert_eq!(target.path, entry.path, "{at} is a hard link");
    }
    let attributes = file["xattrs"].as_object();
    let names: Vec<_> = attributes.into_iter().flatten().map(|(name, _)| name.as_bytes()).collect();
    let found: Vec<_> = entry.xattrs.iter().map(|xattr| xattr.name.as_slice()).collect();
    assert_eq!(found, names, "{at}: attributes");
}

fn expectation(name: &str) -> Value {
    let text = fs::read(case_folder(name).join("expect.json")).expect("expect.json");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn copies_are_as_buildkit_recorded() {
    for (name, left_out) in [
        ("copy-chmod-octal", [].as_slice()),
        ("copy-chmod-symbolic", &[]),
        ("copy-chown", &["/etc/group", "/etc/passwd"]),
        ("copy-dir-forms", &[]),
        ("copy-empty", &[]),
        ("copy-exclude", &[]),
        ("copy-file-forms", &[]),
        ("copy-from-owner", &[]),
        ("copy-glob", &[]),
        ("copy-glob-nomatch", &[]),
        ("copy-hardlinks", &[]),
        ("copy-modes", &[]),
        ("copy-mtime", &[]),
        ("copy-overwrite", &[]),
        ("copy-parents", &[]),
        ("copy-special-names", &[]),
        ("copy-symlink-dest", &[]),
        ("copy-symlink-inside", &[]),
        ("copy-symlink-source", &[]),
        ("context-named-dir", &["/list"]),
    ] {
        let image =
            Build::run(name).unwrap_or_else(|(line, error)| panic!("{name}:{line}: {error}"));
        compare(name, &image, left_out);
    }
}

#[test]
fn archives_are_as_buildkit_recorded() {
    for name in [
        "add-archive-flags",
        "add-archive-implied-parents",
        "add-archive-over-existing",
        "add-archives",
        "add-plain",
    ] {
        let image =
            Build::run(name).unwrap_or_else(|(line, error)| panic!("{name}:{line}: {error}"));
        compare(name, &image, &[]);
    }
}

#[test]
fn ignore_files_are_as_buildkit_recorded() {
    for name in [
        "ignore-basic",
        "ignore-dir-child",
        "ignore-dockerfile-specific",
        "ignore-doublestar",
        "ignore-negation",
        "ignore-wildcards",
    ] {
        let image =
            Build::run(name).unwrap_or_else(|(line, error)| panic!("{name}:{line}: {error}"));
        compare(name, &image, &[]);
    }
}

#[test]
fn working_directories_are_as_buildkit_recorded() {
    for (name, left_out) in
        [("workdir", ["/one", "/two"].as_slice()), ("workdir-owner", &["/etc/passwd"])]
    {
        let image =
            Build::run(name).unwrap_or_else(|(line, error)| panic!("{name}:{line}: {error}"));
        compare(name, &image, left_out);
    }
}

#[test]
fn what_buildkit_refuses_is_refused_at_the_same_line() {
    for (name, index) in [
        ("copy-dir-onto-file", 0),
        ("copy-file-onto-dir", 0),
        ("copy-missing", 1),
        ("ignore-copy-excluded", 0),
        ("error-copy-from-missing-path", 0),
    ] {
        let (line, error) = Build::run(name).map(|_| ()).expect_err(name);
        let expect = expectation(name);
        assert_eq!(expect["line"][0], line, "{name}");
        let wanted = expect["match"].as_str().expect("a pattern").replace('\\', "");
        assert!(error.to_string().contains(&wanted), "{name}: {error} has no {wanted}");
        assert_eq!(error.source_index(), Some(index), "{name}: {error}");
    }
}
