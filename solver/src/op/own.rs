//! What the key of a step is made of beside the root file system that it stands on, each part by
//! itself: [`crate::key`] hashes the same into one.

use std::collections::HashMap;

use lapstrake_rootfs::ContentHash;
use lapstrake_rootfs::copy::Listed;
use lapstrake_source::{GitReference, HttpSource, Version};
use serde::Serialize;

use super::option;
use super::shown::Mounted;
use crate::graph::{CopyOp, CopySource, Limit, MkdirOp, MountKind, Op, RunOp};
use crate::key;
use crate::reason::{KnownFile, Listing, Part, Subject, short, shortened};

/// Of more files it is not kept which they were.
const FILES: usize = 100_000;

/// See the module.
pub(super) struct Own {
    pub(super) parts: Vec<Part>,
    /// The files that it takes.
    pub(super) listings: Vec<Listing>,
}

/// Of [`key::mkdir`].
pub(super) fn mkdir(op: &MkdirOp) -> Own {
    let parts = vec![setting("the path", &op.path), setting("the owner", &op.owner)];
    Own { parts, listings: Vec::new() }
}

/// Of [`key::copy`].
pub(super) fn copy(op: &CopyOp, contents: &[(ContentHash, bool)], files: Vec<Listed>) -> Own {
    let content = hash(&contents.iter().map(|(content, _)| content).collect::<Vec<_>>());
    let is_below = |source: &CopySource| matches!(source, CopySource::Below { .. });
    let parents = if op.sources.iter().any(is_below) { "--parents " } else { "" };
    let unpack: Vec<&str> =
        contents.iter().map(|(_, unpack)| if *unpack { "unpacked" } else { "kept" }).collect();
    let parts = vec![
        Part::of(Subject::Files, &(parents.to_owned() + &copied_sources(op)), &content),
        setting("the destination", &op.destination),
        setting("the owner", op.owner.as_deref().unwrap_or_default()),
        setting("the mode", op.mode.as_deref().unwrap_or_default()),
        setting("whether owners are kept", if op.keep_owner { "yes" } else { "no" }),
        setting("what becomes of archives", &unpack.join(" ")),
    ];
    Own { parts, listings: listing(Subject::Files, files).into_iter().collect() }
}

/// What a copy names, as it is written.
pub(crate) fn copied_sources(op: &CopyOp) -> String {
    op.sources.iter().map(source).collect::<Vec<_>>().join(" ")
}

fn source(source: &CopySource) -> String {
    match source {
        CopySource::Path { path, .. } => path.clone(),
        CopySource::Below { base, pattern, .. } if base == "/" => pattern.clone(),
        CopySource::Below { base, pattern, .. } => format!("{base}/./{pattern}"),
        CopySource::Inline { name, .. } => name.clone(),
    }
}

/// Of [`key::run`], with what each mount shows or starts from, and the secrets that count.
pub(super) fn run(
    op: &RunOp,
    mounted: Vec<Option<Mounted>>,
    secrets: &[(&str, ContentHash)],
) -> Own {
    let mut parts = settings(op);
    parts.extend(environment(op));
    parts.extend(op.limits.iter().map(limit));
    parts.extend(
        op.files.iter().map(|file| Part::of(Subject::file(&file.path), &file.content, &hash(file))),
    );
    parts.extend(op.secrets.iter().map(|secret| {
        let subject = Subject::secret_variable(&secret.name);
        Part::of(subject, &option::secret_variable(secret), &hash(secret))
    }));
    let mut listings = Vec::new();
    let mounted = mounted.into_iter().chain(std::iter::repeat_with(|| None));
    for (mount, mounted) in op.mounts.iter().zip(mounted) {
        let kind = ContentHash::of(&key::mount_kind(mount));
        let (subject, options) = option::mount(mount);
        parts.push(Part::of(subject, &options, &kind));
        if let Some(Mounted { source, content, files }) = mounted {
            let subject = Subject::Mounted(mount.target.clone());
            parts.push(Part::of(subject.clone(), &source, &content));
            listings.extend(listing(subject, files));
        }
    }
    let counted =
        secrets.iter().map(|(id, value)| Part::of(Subject::counted_secret(id), "", value));
    parts.extend(counted);
    tell_apart(&mut parts);
    Own { parts, listings }
}

/// What every command has.
fn settings(op: &RunOp) -> Vec<Part> {
    let (shell, command) = command(&op.argv);
    let hosts: Vec<&str> = op.hosts.iter().map(|(name, _)| name.as_str()).collect();
    vec![
        Part::of(Subject::Command, &command.join(" "), &hash(&op.argv)),
        Part::text(Subject::shell(), &shell.join(" ")),
        setting("the working directory", &op.cwd),
        setting("the user", &op.user),
        setting("the platform", &op.platform),
        setting("the network", &format!("{:?}", op.network).to_lowercase()),
        setting("the security", &format!("{:?}", op.security).to_lowercase()),
        setting("the host name", &op.hostname),
        setting("the extra hosts", &hosts.join(" ")),
    ]
}

/// The variables; one that a forwarded agent brings is told behind its mount.
fn environment(op: &RunOp) -> impl Iterator<Item = Part> {
    let is_agent = |value: &String| {
        let mut agents = op.mounts.iter().filter(|mount| matches!(mount.kind, MountKind::Agent(_)));
        agents.any(|mount| mount.target == *value)
    };
    op.env.iter().map(move |(name, value)| match is_agent(value) {
        true => setting(&format!("the variable {name}"), value),
        false => Part::variable(name, value),
    })
}

fn limit(limit: &Limit) -> Part {
    let bound = |value: Option<u64>| value.map_or("unlimited".to_owned(), |n| n.to_string());
    let text = format!("{}:{}", bound(limit.soft), bound(limit.hard));
    setting(&format!("the limit {}", limit.name), &text)
}

/// Numbers what is about the same: of two mounts at one place the later one counts, and both are in the key.
fn tell_apart(parts: &mut [Part]) {
    let mut seen: HashMap<Subject, usize> = HashMap::new();
    for part in parts {
        let count = seen.entry(part.subject.clone()).or_default();
        *count += 1;
        if *count > 1
            && let Subject::Setting(name) | Subject::Mounted(name) = &mut part.subject
        {
            name.push_str(&format!(" ({count})"));
        }
    }
}

/// What of a source that is fetched decides what comes, and what came. Where it comes from is in no key, but
/// for a repository that is kept; it is what differs when nothing else is known to.
pub(crate) fn fetched_parts(op: &Op, version: &Version) -> Vec<Part> {
    match op {
        Op::Http(source) => http(source, version),
        Op::Git(reference) => git(reference, version),
        _ => Vec::new(),
    }
}

fn http(source: &HttpSource, version: &Version) -> Vec<Part> {
    let checksum = source.checksum.map(|checksum| checksum.to_string()).unwrap_or_default();
    let whole = ContentHash::of(checksum.as_bytes());
    vec![
        setting("the name", &source.name),
        Part::of(Subject::Setting("the checksum".to_owned()), &shortened(&checksum), &whole),
        setting("where it comes from", &source.url.to_string()),
        came(Subject::Body, version),
    ]
}

fn git(reference: &GitReference, version: &Version) -> Vec<Part> {
    let yes_or_no = |yes: bool| if yes { "yes" } else { "no" };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time = if reference.commit_time { "that of the commit" } else { "that of the fetch" };
    vec![
        setting("the directory", &text(&reference.subdirectory)),
        setting("the reference", &text(&reference.reference)),
        setting("submodules", yes_or_no(reference.submodules.unwrap_or(true))),
        setting("--keep-git-dir", yes_or_no(reference.keep_git_dir.unwrap_or(false))),
        setting("the time of its files", time),
        setting("where it comes from", &reference.remote.to_string()),
        came(Subject::Commit, version),
    ]
}

fn came(subject: Subject, version: &Version) -> Part {
    let text = format!("{} {}", version.name, version.id);
    Part::of(subject, &text, &ContentHash::of(version.id.as_bytes()))
}

/// The files, if they are few enough to be kept.
fn listing(subject: Subject, files: Vec<Listed>) -> Option<Listing> {
    let is_kept = files.len() <= FILES;
    let known = files.into_iter().map(|file| KnownFile {
        path: String::from_utf8_lossy(&file.path).into_owned(),
        mode: file.mode,
        hash: short(&file.content),
    });
    is_kept.then(|| Listing { subject, files: known.collect() })
}

/// The shell with its flags, if a command is for one, and the command as it is written in the Dockerfile.
fn command(argv: &[String]) -> (&[String], &[String]) {
    let is_shell = argv.first().is_some_and(|program| program.ends_with("sh"));
    let is_flag = |word: &String| word.starts_with('-') && word.ends_with('c');
    match argv.iter().position(is_flag) {
        Some(flag) if is_shell => argv.split_at(flag + 1),
        _ => (&[], argv),
    }
}

fn setting(subject: &str, text: &str) -> Part {
    Part::text(Subject::Setting(subject.to_owned()), text)
}

fn hash(value: &impl Serialize) -> ContentHash {
    // Plain data in memory always encodes.
    ContentHash::of(&postcard::to_allocvec(value).unwrap_or_default())
}
