//! A context for a case: files that are made in a folder, and listed as a build lists them.
//!
//! | option | meaning |
//! |---|---|
//! | `file: PATH [= CONTENT]` | a file; `\n`, `\r`, `\u{…}` and the like in its content as in Rust |
//! | `program: PATH [= CONTENT]` | the same, and it may be executed |
//! | `bytes: PATH = NUMBER` | a file of that size, with nothing in it |
//! | `link: PATH -> TARGET` | a symbolic link |
//! | `ignored: LINE` | a line of the ignore file |
//! | `base file: …` | a file of the base image, see [`BaseFiles`] |
//! | `ignore name: PATH` | its name, if that is not `.dockerignore`, in whose place it is |

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lapstrake_oci::Digest;
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_rootfs::context::{ContextList, list};
use lapstrake_rootfs::{ContentHash, Entry, Kind, LayerManifest, Timestamp, TreePath, View};
use tempfile::TempDir;

use crate::files::{Context, Files, IgnoreText};
use crate::known::{Changed, Digests, Made, Package, Packages};

pub(crate) struct Folder {
    directory: TempDir,
    list: ContextList,
    patterns: IgnoreFile,
    text: Option<String>,
    name: String,
    instead_of: Option<&'static str>,
}

impl Folder {
    pub(crate) const OPTIONS: [&'static str; 6] =
        ["file", "program", "bytes", "link", "ignored", "ignore name"];

    /// Nothing if there is no such option.
    pub(crate) fn of(options: &[(&str, &str)]) -> Option<Self> {
        options.iter().find(|(name, _)| Self::OPTIONS.contains(name))?;
        let directory = TempDir::new().unwrap();
        let mut lines = Vec::new();
        let (mut name, mut instead_of) = (".dockerignore".to_owned(), None);
        for (kind, value) in options {
            let (path, content) = value.split_once(" = ").unwrap_or((value, ""));
            let path = directory.path().join(path);
            match *kind {
                "file" => write(&path, &unescaped(content), 0o644),
                "program" => write(&path, &unescaped(content), 0o755),
                "bytes" => {
                    write(&path, "", 0o644);
                    let file = File::options().write(true).open(&path).unwrap();
                    file.set_len(content.parse().unwrap()).unwrap();
                }
                "link" => {
                    let (path, target) = value.split_once(" -> ").unwrap();
                    symlink(target, directory.path().join(path)).unwrap();
                }
                "ignored" => lines.push(*value),
                "ignore name" => {
                    name = (*value).to_owned();
                    instead_of = Some(".dockerignore");
                }
                _ => {}
            }
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let text = (!lines.is_empty() || instead_of.is_some()).then_some(text);
        let patterns = IgnoreFile::parse(text.as_deref().unwrap_or_default().as_bytes()).unwrap();
        let root = File::open(directory.path()).unwrap();
        let list = list(root.as_fd(), &patterns, 1_000).unwrap().unwrap();
        Some(Self { directory, list, patterns, text, name, instead_of })
    }

    pub(crate) fn with<T>(&self, then: impl FnOnce(Context<'_>) -> T) -> T {
        let tree = || Some(self.list.view.clone());
        let head = |path: &TreePath| {
            let path = path.to_string();
            fs::read(self.directory.path().join(path.trim_start_matches('/'))).ok()
        };
        let hidden = || Arc::clone(&self.list.hidden);
        let ignore = self.text.as_deref().map(|text| IgnoreText {
            name: &self.name,
            text,
            patterns: &self.patterns,
            instead_of: self.instead_of,
        });
        let files = Files { tree: &tree, head: &head };
        let secret = |path: &TreePath| crate::secret_in(&head(path)?);
        then(Context { name: "", files, secret: &secret, hidden: &hidden, ignore })
    }
}

fn write(path: &Path, content: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What a Rust string of that text holds.
fn unescaped(text: &str) -> String {
    let mut unescaped = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            unescaped.push(c);
            continue;
        }
        match rest.next().unwrap() {
            'n' => unescaped.push('\n'),
            'r' => unescaped.push('\r'),
            '0' => unescaped.push('\0'),
            'u' => {
                let number: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                unescaped.push(char::from_u32(u32::from_str_radix(&number, 16).unwrap()).unwrap());
            }
            other => unescaped.push(other),
        }
    }
    unescaped
}

/// The files of the base image. An option `base file` adds one: `/path content` a program with that text,
/// `/path -> target` a link, `/path/` a folder, `/path (0644) content` a file of that mode; `\x7f` is a byte.
/// `/path = NUMBER` a file of that size, `!/path` a whiteout. `layer LINE` adds one to the layer of the instruction
/// in that line.
#[derive(Default)]
pub(crate) struct BaseFiles {
    pub(crate) entries: Vec<Entry>,
    pub(crate) content: BTreeMap<TreePath, Vec<u8>>,
}

impl BaseFiles {
    /// Adds what an option says.
    pub(crate) fn add(&mut self, text: &str) {
        let (path, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (path, is_whiteout) = path.strip_prefix('!').map_or((path, false), |path| (path, true));
        let place = TreePath::clean(path.as_bytes());
        let above = place.ancestors().map(|above| Entry::directory(above, Timestamp::default()));
        self.entries.splice(0..0, above);
        let mut entry = Entry::directory(place.clone(), Timestamp::default());
        if is_whiteout {
            entry.kind = Kind::Whiteout;
        } else if let Some(size) = rest.strip_prefix("= ") {
            let content = ContentHash::of(place.as_bytes());
            entry.kind = Kind::File { size: size.parse().unwrap(), content };
        } else if let Some(target) = rest.strip_prefix("-> ") {
            entry.kind = Kind::Symlink { target: target.into() };
        } else if !path.ends_with('/') {
            let mode = rest.strip_prefix('(').and_then(|rest| rest.split_once(") "));
            let content = mode.map_or(rest, |(_, content)| content);
            entry.mode = mode.map_or(0o755, |(mode, _)| u32::from_str_radix(mode, 8).unwrap());
            let content = bytes(content);
            let size = content.len() as u64;
            entry.kind = Kind::File { size, content: ContentHash::of(&content) };
            self.content.insert(place, content);
        }
        self.entries.push(entry);
    }
}

/// The bytes that a text with escapes stands for.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (byte, length) = match rest.strip_prefix("\\x").and_then(|hex| hex.get(..2)) {
            Some(hex) => (vec![u8::from_str_radix(hex, 16).unwrap()], 4),
            None if rest.starts_with("\\n") => (vec![b'\n'], 2),
            None => (letter.to_string().into_bytes(), letter.len_utf8()),
        };
        bytes.extend(byte);
        rest = &rest[length..];
    }
    bytes
}

/// The layers of the last build, by where their instructions start.
#[derive(Default)]
pub(crate) struct Layers(BTreeMap<usize, Layer>);

#[derive(Default)]
struct Layer {
    files: BaseFiles,
    other: Option<BaseFiles>,
    took: Option<Duration>,
    age: Duration,
    changed: Option<Changed>,
    packages: Vec<Package>,
    idle: Vec<String>,
}

type Way<'l> = (
    Box<dyn Fn() -> Option<View> + Sync + 'l>,
    Box<dyn Fn(&TreePath) -> Option<Vec<u8>> + Sync + 'l>,
    Box<dyn Fn() -> Option<View> + Sync + 'l>,
    Box<dyn Fn() -> Vec<Package> + Sync + 'l>,
    Box<dyn Fn(&TreePath) -> Option<String> + Sync + 'l>,
);

impl Layers {
    /// Adds what an option says: `layer LINE: FILE`, `layer LINE took: SECONDS`, `layer LINE age: DAYS`,
    /// `layer LINE other: FILE` for another layer that it came to, `layer LINE changed: NAME BEFORE AFTER`, `layer LINE has: KIND NAME VERSION`, and
    /// `layer LINE idle: ID` for a cache mount that it left empty.
    pub(crate) fn add(&mut self, source: &str, name: &str, value: &str) {
        let mut words = name.split_whitespace().skip(1);
        let line: usize = words.next().unwrap().parse().unwrap();
        let at = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let layer = self.0.entry(at).or_default();
        match words.next() {
            None => layer.files.add(value),
            Some("took") => layer.took = Some(Duration::from_secs(value.parse().unwrap())),
            Some("other") => layer.other.get_or_insert_default().add(value),
            Some("age") => {
                let days: u64 = value.parse().unwrap();
                layer.age = Duration::from_secs(days * 24 * 60 * 60);
            }
            Some("idle") => layer.idle.push(value.to_owned()),
            Some("has") => {
                let mut values = value.split(' ').map(str::to_owned);
                let mut next = || values.next().unwrap();
                layer.packages.push(Package { kind: next(), name: next(), version: next() });
            }
            _ => {
                let mut values = value.split(' ').map(str::to_owned);
                let mut next = || values.next().unwrap();
                layer.changed = Some(Changed { name: next(), before: next(), after: next() });
            }
        }
    }

    /// The ways to their files.
    pub(crate) fn ways(&self) -> Vec<Way<'_>> {
        let ways = self.0.values().map(|layer| -> Way<'_> {
            let tree = || {
                let manifest = LayerManifest::new(layer.files.entries.clone());
                Some(View::new(vec![Arc::new(manifest)]))
            };
            let head = |path: &TreePath| layer.files.content.get(path).cloned();
            let other = || {
                let manifest = LayerManifest::new(layer.other.as_ref()?.entries.clone());
                Some(View::new(vec![Arc::new(manifest)]))
            };
            let digest =
                |path: &TreePath| Some(Digest::of(layer.files.content.get(path)?).to_string());
            let packages = || layer.packages.clone();
            (Box::new(tree), Box::new(head), Box::new(other), Box::new(packages), Box::new(digest))
        });
        ways.collect()
    }

    /// The same for the rules.
    pub(crate) fn made<'l>(&self, ways: &'l [Way<'l>]) -> Vec<Made<'l>> {
        let made =
            self.0.iter().zip(ways).map(|((at, layer), (tree, head, other, packages, digest))| {
                Made {
                    at: *at,
                    files: Files { tree, head },
                    size: LayerManifest::new(layer.files.entries.clone()).size(),
                    took: layer.took,
                    age: layer.age,
                    changed: layer.changed.clone(),
                    other,
                    packages: Packages(packages),
                    digests: Digests(digest),
                    idle_caches: layer.idle.clone(),
                }
            });
        made.collect()
    }
}
